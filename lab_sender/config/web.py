"""The section `web`: the page, its API and who is let in.

Holds: the settings of the listener, of TLS, and of a proxy in front.
Promises: a page that others than this machine can reach has TLS, a proxy, or the site's word that it needs neither.
Never: opens a port or a file.
"""

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import SecretStr, ValidationInfo, field_validator

from lab_sender.config.text.scalars import SWITCH, TEXT_SCHEMA, AbsolutePath, Scalar, is_loopback, matching
from lab_sender.config.text.section import OneOrMore, Section, at_odds, either, section, setting, wrong

_HEADER = r"[A-Za-z][A-Za-z0-9-]*"


def _listen(text: str) -> str:
    if text.lower() == "off":
        return "off"
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]+):([0-9]{1,5})", text)
    if match is None or not 1 <= int(match[2]) <= 65535:
        raise wrong("must be ADDRESS:PORT, or off", "for example 127.0.0.1:8425")
    try:
        ipaddress.ip_address(match[1].strip("[]"))
    except ValueError:
        if match[1].lower() != "localhost":
            raise wrong("must begin with an IP address of this machine", "0.0.0.0 is all of them") from None
    return text


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise wrong("must be an IP address or a network", "for example 10.1.2.3 or 10.1.2.0/24") from None


Listen = Annotated[str, Scalar(_listen, TEXT_SCHEMA)]
Network = Annotated[str, Scalar(_network, TEXT_SCHEMA)]
HostName = Annotated[str, matching(r"[A-Za-z0-9.-]+(:[0-9]+)?", "must be a host name, perhaps with a port")]
Group = Annotated[str, matching(r"[^,;]+", "must be a group's name without , or ;")]


class WebTls(Section):
    """TLS of the page itself."""

    certificate: AbsolutePath = setting(..., "PEM file of the page's certificate and its chain.")
    key: AbsolutePath | None = setting(None, "PEM file of its private key, unless it is in the certificate's file.")
    key_password: SecretStr | None = setting(
        None, "Password of the private key. Write ${NAME} and keep it in the environment."
    )


class Groups(Section):
    """Which groups of the proxy's users may do what; who is in several has the highest role."""

    viewer: Annotated[tuple[Group, ...], OneOrMore()] = setting((), "Groups that may look.")
    operator: Annotated[tuple[Group, ...], OneOrMore()] = setting((), "Groups that may release, give up, hold ...")
    admin: Annotated[tuple[Group, ...], OneOrMore()] = setting((), "Groups that may manage accounts and reload.")
    patient_data: Annotated[tuple[Group, ...], OneOrMore()] = either(
        "Groups that may see what is of patients, whatever their role.", alias="patient-data"
    )


class Proxy(Section):
    """A proxy in front of the page: it does TLS, and may say who asks."""

    trusted: Annotated[tuple[Network, ...], OneOrMore()] = setting(
        ..., "Addresses or networks of the proxy; its headers are believed from these alone."
    )
    user_header: Annotated[str, matching(f"({_HEADER})?", "must be a header's name")] = setting(
        "", "Header with the user's name, where the proxy does the login: X-Remote-User."
    )
    secret: SecretStr | None = setting(
        None, "What the proxy sends as X-Proxy-Secret, so that no other program of its machine can speak for it."
    )
    groups_header: Annotated[str, matching(f"({_HEADER})?", "must be a header's name")] = setting(
        "", "Header with the user's groups, separated by commas or semicolons."
    )
    groups: Groups = section("What the groups may do. Without it, `lab-sender user` says what a user may.")

    @field_validator("groups_header")
    @classmethod
    def _of_a_user(cls, groups_header: str, info: ValidationInfo) -> str:
        if groups_header and not info.data.get("user_header"):
            raise at_odds("stands without {here}.user_header", "name the header with the user's name")
        return groups_header

    @field_validator("secret")
    @classmethod
    def _where_others_share_the_address(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        trusted = [ipaddress.ip_network(each) for each in info.data.get("trusted", ())]
        if info.data.get("user_header") and secret is None and any(each.is_loopback for each in trusted):
            raise at_odds(
                "is missing: any program of this machine could name any user, for it has the proxy's address too",
                "write secret: ${NAME}, and let the proxy send it as X-Proxy-Secret",
            )
        return secret


class Web(Section):
    """The page, its API and the metrics, by a process of its own: `lab-sender web`."""

    start: Literal["with-agent", "alone"] = setting(
        "with-agent", "Who starts it: `lab-sender run`, or alone: a service of its own, which outlives the agent."
    )
    names: Annotated[tuple[HostName, ...], OneOrMore()] = setting(
        (), "Other names by which browsers and programs call the page; a request for any other is rejected."
    )
    tls: WebTls | None = setting(None, "TLS of the page itself.")
    proxy: Proxy | None = setting(None, "A proxy in front of it.")
    plaintext: Annotated[bool, SWITCH] = setting(
        False, "Accept that passwords and results cross the network unencrypted."
    )
    listen: Listen = setting("127.0.0.1:8425", "Where the page listens: ADDRESS:PORT; off: nowhere.")

    @property
    def address(self) -> tuple[str, int] | None:
        """Where it listens; None: nowhere."""
        if self.listen == "off":
            return None
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @field_validator("plaintext")
    @classmethod
    def _not_beside_tls(cls, plaintext: bool, info: ValidationInfo) -> bool:
        if plaintext and info.data.get("tls"):
            raise at_odds("contradicts {here}.tls", "remove one of them", "tls")
        return plaintext

    @field_validator("listen")
    @classmethod
    def _protected_or_said_so(cls, listen: str, info: ValidationInfo) -> str:
        if not {"plaintext", "tls", "proxy"} <= info.data.keys() or is_local(listen):
            return listen
        if not (info.data["plaintext"] or info.data["tls"] or info.data["proxy"]):
            raise at_odds(
                "others than this machine would reach it: passwords and results would cross the network unencrypted",
                "give {here}.tls, or {here}.proxy where a proxy does TLS, or accept it with plaintext: true",
            )
        return listen


def is_local(listen: str) -> bool:
    """Say whether nobody, or only this machine, reaches a page there."""
    return listen == "off" or is_loopback(listen.rpartition(":")[0].strip("[]"))
