"""The settings of lab-sender: names, meanings, defaults, limits, and what must agree with what.

Holds: one frozen model per section of config.yaml, field by field as written there.
Promises: a model that exists is consistent; times are seconds, sizes bytes, paths absolute.
Never: reads a file, the environment or the network, nor looks whether a folder or host exists
(`lab-sender check` does).
"""

from __future__ import annotations

import fnmatch
import ipaddress
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, SecretStr, ValidationInfo, field_validator, model_validator

from lab_sender.config.folders import FolderSettings, same
from lab_sender.config.inputs import Inputs
from lab_sender.config.profile import Profile
from lab_sender.config.text.scalars import (
    HOST,
    NAME_PATTERN,
    REGEX,
    SWITCH,
    AbsolutePath,
    duration,
    matching,
    size,
    whole,
)
from lab_sender.config.text.section import Section, at_odds, section, setting
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
        return {f"his.tls.{name}": path for name, path in named.items() if path is not None}

    def note_lines(self, lines: Lines) -> None:
        """Note where the settings are written."""
        self.__dict__["lines"] = lines

    @cached_property
    def lines(self) -> Lines:
        """Where the settings are written, for errors that come up later; nothing where code made them."""
        return Lines("", {})

    @field_validator("key", "key_password")
    @classmethod
    def _belongs_to_a_certificate(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and "certificate" in info.data and info.data["certificate"] is None:
            raise at_odds("is of no use without a certificate", "name it under his.tls.certificate")
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
    def _names_something(self) -> ReplySetting:
        if not (self.code or self.error or self.text):
            raise at_odds("would fit every answer", "name a code, an error or a text")
        return self


class His(Section):
    """The hospital information system the results go to."""

    host: str | tuple[str, ...] = setting(..., "Host name or IP address of the HIS's MLLP listener.")
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
    retry: Retry = section(Retry)
    brake: Brake = section(Brake)
    replies: tuple[ReplySetting, ...] = setting(
        (), "The site's own rules for answers, tried in order before the built-in ones."
    )
    pace_s: float = setting(0.0, "")
    closed: tuple[Any, ...] = setting((), "")
    connections: int = setting(1, "")
    order_by: Literal["patient", "order"] = setting("patient", "")
    after_quarantine: Literal["continue", "hold-order", "hold-patient"] = setting(
        "continue",
        "What a quarantined message does to later ones: nothing, or hold those of its order or patient.",
    )

    @property
    def hosts(self) -> tuple[str, ...]:
        return (self.host,) if isinstance(self.host, str) else self.host

    @field_validator("plaintext")
    @classmethod
    def _protected_or_said_so(cls, plaintext: bool, info: ValidationInfo) -> bool:
        if "host" not in info.data or "tls" not in info.data:
            return plaintext
        if plaintext and info.data["tls"]:
            raise at_odds("contradicts his.tls", "remove one of them")
        if not plaintext and not info.data["tls"] and not all(map(_is_loopback, [info.data["host"]] if isinstance(info.data["host"], str) else info.data["host"])):
            raise at_odds(
                "results would cross the network unencrypted",
                "give his.tls (tls: {} trusts the system's authorities), or accept it with plaintext: true",
            )
        return plaintext


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


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


class OnDisk(Section):
    """Where things lie on the disk, of settings that may be wrong otherwise."""

    model_config = ConfigDict(extra="ignore")

    outbox: AbsolutePath | None = None
    folders: FolderSettings = section(FolderSettings)
    log: Log = section(Log)


class Settings(Section):
    """config.yaml of lab-sender. `outbox`, and `his` with `host` and `port`, are enough."""

    outbox: AbsolutePath = setting(
        ..., "Folder where result files are dropped. Relative paths count from this file's folder."
    )
    his: His
    message: Profile = section(Profile)
    intake: Intake = section(Intake)
    inputs: Inputs = section(Inputs)
    folders: FolderSettings = section(FolderSettings)
    log: Log = section(Log)

    @field_validator("outbox")
    @classmethod
    def _not_around_this_file(cls, outbox: Path, info: ValidationInfo) -> Path:
        if info.context and same(outbox, info.context["path"].parent):
            raise at_odds("is the folder of this file, which would be taken for a result", "name a folder of its own")
        return outbox
