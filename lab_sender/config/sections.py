"""The settings of lab-sender: names, meanings, defaults, limits, and what must agree with what.

Holds: one frozen model per section of config.yaml, field by field as written there.
Promises: a model that exists is consistent; times are seconds, sizes bytes, paths absolute.
Never: reads a file, the environment or the network, nor looks whether a folder or host exists
(`lab-sender check` does).
"""

import fnmatch
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from lab_sender.config.closed import ClosedHours, never_open
from lab_sender.config.text.scalars import (
    HOST,
    NAME_PATTERN,
    REGEX,
    SWITCH,
    AbsolutePath,
    duration,
    is_loopback,
    matching,
    size,
    whole,
)
from lab_sender.config.text.section import Beside, OneOrMore, Section, at_odds, section, setting, some, wrong
from lab_sender.config.text.source import Lines
from lab_sender.patterns import Pattern

Wait = Annotated[float, duration("10ms", "1h")]
Attempts = Annotated[int, whole(1, 1000)]


class Tls(Section):
    """TLS to the HIS. The HIS's certificate is always verified; `tls: {}` trusts the system's authorities."""

    ca: AbsolutePath | None = setting(
        None, "PEM file of the authorities to trust, instead of the system's. Read again at every reconnect."
    )
    certificate: AbsolutePath | None = setting(
        None, "PEM file of our own certificate and its chain, where the HIS asks for one (mutual TLS)."
    )
    key: AbsolutePath | None = setting(None, "PEM file of our private key, unless it is in the certificate's file.")
    key_password: SecretStr | None = setting(
        None, "Password of the private key. Write ${NAME} and keep it in the environment."
    )
    server_name: Annotated[str, matching(r"[A-Za-z0-9.:_-]*", "must be a host name")] = setting(
        "", "Name the HIS's certificate must be for, where that is not his.host."
    )

    @property
    def files(self) -> dict[str, Path]:
        """The files that are named, by their setting."""
        named = {name: getattr(self, name) for name in ("ca", "certificate", "key")}
        return {f"{self.named}.{name}": path for name, path in named.items() if path is not None}

    def note(self, named: str, lines: Lines) -> None:
        """Note the section's key, and where the settings are written."""
        self.__dict__.update(named=named, lines=lines)

    @cached_property
    def named(self) -> str:
        """The section's key as written, for errors that come up later."""
        return "his.tls"

    @cached_property
    def lines(self) -> Lines:
        """Where the settings are written, for errors that come up later; nothing where code made them."""
        return Lines("", {})

    @field_validator("key", "key_password")
    @classmethod
    def _belongs_to_a_certificate(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and "certificate" in info.data and info.data["certificate"] is None:
            raise at_odds("is of no use without a certificate", "name it under {here}.certificate")
        return value


class Retry(Section):
    """How often and how soon a message is tried again."""

    first_wait_s: Wait = setting("1s", "Wait after the first failure; doubles with each.")
    longest_wait_s: Wait = setting("60s", "Where the doubling ends.")
    unanswered: Attempts = setting(
        5, "Sends without a verdict before a message is quarantined. A HIS that cannot be reached costs none."
    )
    unanswered_after_s: Annotated[float, duration("10ms", "24h")] = setting(
        "10m", "Time that must have passed since the first of these sends too. Never while the HIS answers nobody."
    )
    refused: Attempts = setting(3, "Sends that the HIS refuses before a message is quarantined.")

    @field_validator("longest_wait_s")
    @classmethod
    def _not_shorter_than_first(cls, longest: float, info: ValidationInfo) -> float:
        if longest < info.data.get("first_wait_s", 0):
            raise at_odds("is shorter than first_wait", "raise it, or lower first_wait")
        return longest


class Brake(Section):
    """When several messages in a row would be quarantined, the HIS is ill: hold the lane, put them back."""

    refused: Attempts = setting(5, "Messages in a row, refused by the HIS, that hold the lane.")
    unanswered: Attempts = setting(2, "Unanswered messages in a row that hold the lane.")
    probe_s: Wait = setting("60s", "Wait between two tries, of the first message and another one, while it holds.")


class ReplySetting(Section):
    """What a HIS's answer means. A rule fits when everything it names fits."""

    code: Literal["", "AA", "AE", "AR", "CA", "CE", "CR"] = setting("", "MSA-1 of the answer.")
    error: Annotated[
        str, matching(r"[^\s|^~\\&]*", "must be one error code", 'as the HIS writes it, for example "206"')
    ] = setting("", "Error code of the answer: ERR-3 or ERR-5; of an older HIS, ERR-1 or MSA-6.")
    text: Annotated[Pattern | None, REGEX] = setting(
        None, "Regular expression found in MSA-3 or an ERR text; upper and lower case are the same."
    )
    then: Literal["deliver", "known", "retry", "quarantine", "hold"] = setting(
        ...,
        "deliver: counts as accepted. known: it had the message already; fits only after a try of unknown outcome. "
        "retry: again, up to retry.refused. "
        "quarantine: at once. hold: the lane holds.",
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.code or self.error or self.text):
            raise at_odds("would fit every answer", "name a code, an error or a text")
        return self


def _hosts(hosts: Any) -> Iterator[tuple[PydanticCustomError, tuple[int]]]:
    seen: set[str] = set()
    for number, host in enumerate(hosts if isinstance(hosts, list | tuple) else ()):
        name = str(host).lower().rstrip(".")
        if name in seen:
            yield wrong("names a host twice", "keep one of them"), (number,)
        seen.add(name)


def _hours(hours: Any) -> Iterator[tuple[PydanticCustomError, tuple[()]]]:
    try:
        known = [ClosedHours.model_validate(each) for each in hours] if isinstance(hours, list | tuple) else []
    except ValidationError:
        return
    if len(known) > 1 and never_open(known):
        yield at_odds("would leave no time of the day to send", "leave some hours open"), ()


class His(Section):
    """The hospital information system the results go to."""

    hosts: Annotated[
        tuple[Annotated[str, HOST], ...],
        some("names no host", "write a name or an IP address"),
        OneOrMore(),
        Beside(_hosts),
    ] = Field(
        ...,
        alias="host",
        description="Host name or IP address of the HIS's MLLP listener. A list: the next one when the first cannot "
        "be reached.",
    )
    port: Annotated[int, whole(1, 65535)] = setting(..., "TCP port of the HIS's MLLP listener.")
    connect_timeout_s: Wait = setting("10s", "Longest wait for DNS, TCP and TLS together to stand.")
    ack_timeout_s: Wait = setting(
        "30s", "Longest wait for the ACK, from the last byte written; and longest stand of the write before it."
    )
    application_ack_timeout_s: Wait = setting(
        "60s",
        "Longest wait for the application ACK after a CA, where message.application_ack asks for one.",
    )
    keepalive_s: Annotated[float, duration("1s", "2h")] = setting(
        "30s", "Idle time after which TCP keep-alive probes the connection."
    )
    tls: Tls | None = setting(None, "TLS settings. Left out: plain TCP.")
    plaintext: Annotated[bool, SWITCH] = setting(False, "Must be true for plain TCP to anything but this machine.")
    retry: Retry = section()
    brake: Brake = section()
    replies: tuple[ReplySetting, ...] = setting(
        (), "The site's own rules for answers, tried in order before the built-in ones."
    )
    after_quarantine: Literal["continue", "hold-order", "hold-patient"] = setting(
        "continue",
        "What a quarantined message does to later ones: nothing, or hold those of its order or patient.",
    )
    pace_s: Annotated[float, duration("0ms", "1h")] = setting(
        "0ms", "Least time from the first byte of one message to that of the next."
    )
    closed: Annotated[tuple[ClosedHours, ...], OneOrMore(), Beside(_hours)] = setting(
        (), "Hours of every day in which nothing is sent: 00:00-01:00, {from, to, zone}, or a list of these."
    )
    connections: Annotated[int, whole(1, 16)] = setting(
        1, "Connections that send at the same time. The messages of one key use one of them, and stay in order."
    )
    order_by: Literal["patient", "order"] = setting(
        "patient", "The key, with several connections: messages of one patient, or of one order, stay in order."
    )

    @property
    def host(self) -> str:
        """The first of the hosts."""
        return self.hosts[0]

    @property
    def address(self) -> str:
        """Where the HIS listens, as host and port."""
        return " or ".join([f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}" for host in self.hosts])

    def note(self, named: str, lines: Lines) -> None:
        """Note the section's key, and where the settings are written."""
        self.__dict__["named"] = named
        if self.tls is not None:
            self.tls.note(f"{named}.tls", lines)

    @cached_property
    def named(self) -> str:
        """The section's key as written, for errors that come up later."""
        return "his"

    @field_validator("plaintext")
    @classmethod
    def _protected_or_said_so(cls, plaintext: bool, info: ValidationInfo) -> bool:
        if "hosts" not in info.data or "tls" not in info.data:
            return plaintext
        if plaintext and info.data["tls"]:
            raise at_odds("contradicts {here}.tls", "remove one of them")
        if not plaintext and not info.data["tls"] and not all(map(is_loopback, info.data["hosts"])):
            raise at_odds(
                "results would cross the network unencrypted",
                "give {here}.tls (tls: {} trusts the system's authorities), or accept it with plaintext: true",
            )
        return plaintext


TEMPORARY = (
    "*.tmp", "*.temp", "*.~tmp", "*.part", "*.partial", "*.partial.*", "*.filepart", "*.crdownload", "*.opdownload",
    "*.download", "*.upload", "*.uploading", "*.inprogress", "*.in_progress", "*.incomplete", "*.writing", "*.$$$",
    "*.aspera-ckpt", "*.lock", "*.lck", "*.swp", "*.swo", "*.swx", "*.bak", "*~", "#*#", "~$*",
    "*.sb-????????-??????", "*.lnk", "*.url", "*:zone.identifier", "desktop.ini", "thumbs.db", "ehthumbs.db",
)  # fmt: skip
"""What editors, browsers, sync clients, transfer programs and desktops leave; upper and lower case are the same."""


class Intake(Section):
    """When a file in the outbox is ours to take."""

    poll_s: Wait = setting("2s", "Longest time between two looks into the outbox.")
    settle_s: Wait = setting("2s", "How long a file must stay unchanged, seen by two looks, before it is taken.")
    temporary: tuple[Annotated[str, NAME_PATTERN], ...] = setting(
        TEMPORARY,
        "Names that are not taken: files still being written, and what desktops leave. A dot in front does the same.",
    )
    marker: Annotated[str, matching(r'(\.[^\s/\\:*?"<>|.]+)?', "must be a name's ending", 'for example ".ok"')] = (
        setting("", "Where set, a file is taken once NAME + marker lies beside it.")
    )
    largest_file_bytes: Annotated[int, size("1KiB", "512MiB")] = setting(
        "64MiB", "A larger file or attachment is quarantined unread."
    )
    attachment_wait_s: Annotated[float, duration("10ms", "24h")] = setting(
        "10m", "How long a report waits for a file it names."
    )
    duplicates: Literal["skip", "send"] = setting(
        "skip", "A report whose very content was already delivered: skip it (filed under sent), or send it."
    )

    @field_validator("marker")
    @classmethod
    def _not_a_temporary_name(cls, marker: str, info: ValidationInfo) -> str:
        if marker and any(fnmatch.fnmatch("file" + marker, each) for each in info.data.get("temporary", ())):
            raise at_odds("is among the temporary names", "marker files would never be seen; choose another ending")
        return marker


class Log(Section):
    """What the agent writes about its doings. Never patient data."""

    format: Literal["auto", "console", "json"] = setting("auto", "auto: console on a terminal, JSON lines elsewhere.")
    level: Literal["debug", "info", "warning", "error"] = setting("info", "The least that is written.")
    file: AbsolutePath | None = setting(None, "File to write to, instead of standard error.")
    max_size_bytes: Annotated[int, size("64KiB", "1GiB")] = setting(
        "10MiB", "How large log.file may become: then it is turned over, that is renamed and begun anew."
    )
    keep: Annotated[int, whole(1, 1000)] = setting("10", "How many old log files are kept.")
