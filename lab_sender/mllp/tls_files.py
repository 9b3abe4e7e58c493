"""The files for TLS, looked at one by one.

Holds: what is wrong with the CA, our certificate, its key and the key's password, each by its setting.
Promises: a fault names the one file or password that is to blame, and what to do; nothing of a key is in it.
Never: connects.
"""

from __future__ import annotations

import datetime
import re
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lab_sender.config.text.source import Lines
from lab_sender.mllp.failures import WireFailure

if TYPE_CHECKING:
    from lab_sender.config.sections import Tls

Setting = Literal["ca", "certificate", "key", "key_password"]

_CODES: dict[Setting, str] = {
    "ca": "tls.ca",
    "certificate": "tls.certificate",
    "key": "tls.key",
    "key_password": "tls.key-password",
}
_LARGEST_BYTES = 16 << 20
_LABEL = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_CERTIFICATE = re.compile(r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----.+?-----END [A-Z0-9 ]+-----", re.DOTALL)
_UTC_TIME = 0x17
_AS_PEM = "It may be DER or PKCS#12: have it written as PEM (`openssl x509` or `openssl pkcs12` can)."
_RENEW = "Have it renewed; check this machine's clock."


@dataclass(frozen=True, slots=True)
class TlsFault:
    """What is wrong with the file or password of a setting under `tls`; `stops` the connection, whoever listens."""

    setting: Setting
    text: str
    hint: str
    stops: bool = True

    @property
    def code(self) -> str:
        """The code of the setting: `tls.ca`."""
        return _CODES[self.setting]


@dataclass(frozen=True, slots=True)
class PemFiles:
    """The files that the TLS settings name. Without `ca` the system's authorities are trusted."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    password: str = field(default="", repr=False)
    named: str = "his.tls"
    """Their section, as written."""

    @classmethod
    def of(cls, tls: Tls) -> PemFiles:
        """Return those of a configuration."""
        password = tls.key_password.get_secret_value() if tls.key_password is not None else ""
        return cls(tls.ca, tls.certificate, tls.key, password, tls.named)

    def faults(self, now: datetime.datetime | None = None) -> list[TlsFault]:
        """Find all that is wrong with the files as they are now."""
        now = now or datetime.datetime.now(datetime.UTC)
        found = list(self._of_ca(now)) if self.ca is not None else []
        return [*found, *(self._of_ours(self.certificate, now) if self.certificate is not None else ())]

    def unusable(self, error: Exception, lines: Lines) -> WireFailure:
        """Name what stops a connection, where OpenSSL only says `error`; `lines` has where the settings are."""
        stopping = [fault for fault in self.faults() if fault.stops]
        if not stopping:
            text = f"the files for TLS cannot be used ({_reason(error)})"
            return WireFailure("tls", "tls.files", text, hint="Check tls.ca, tls.certificate and tls.key.")
        return WireFailure("tls", stopping[0].code, self._with_lines(stopping, lines), hint=stopping[0].hint)

    def explained(self, refusal: WireFailure, lines: Lines) -> WireFailure:
        """Say of a certificate that the HIS does not accept what is wrong with it, where we can see that."""
        found = [fault for fault in self.faults() if fault.setting != "ca"]
        if not found:
            return refusal
        text = f"{refusal.text}: {self._with_lines(found, lines)}"
        return WireFailure(refusal.phase, refusal.code, text, hint=found[0].hint)

    def _with_lines(self, faults: Iterable[TlsFault], lines: Lines) -> str:
        settings = [(f"{self.named}.{fault.setting}", fault.text) for fault in faults]
        return "; ".join(": ".join(filter(None, (lines.where(name), name, text))) for name, text in settings)

    def _of_ca(self, now: datetime.datetime) -> Iterator[TlsFault]:
        assert self.ca is not None
        try:
            ends = [_validity(each) for each in _certificates(self.ca)]
        except _Unusable as error:
            yield TlsFault("ca", f"{self.ca}: {error.text}", error.hint)
            return
        if all(end < now for _, end in ends):
            yield TlsFault("ca", f"{self.ca}: ended on {max(end for _, end in ends):%Y-%m-%d}", _RENEW)

    def _of_ours(self, certificate: Path, now: datetime.datetime) -> Iterator[TlsFault]:
        key, sound = self.key or certificate, True
        try:
            begin, end = _validity(_certificates(certificate)[0])
        except _Unusable as error:
            yield TlsFault("certificate", f"{certificate}: {error.text}", error.hint)
            sound = False
        else:
            if end < now:
                yield TlsFault("certificate", f"{certificate}: ended on {end:%Y-%m-%d}", _RENEW, stops=False)
            elif begin > now:
                text = f"{certificate}: is valid from {begin:%Y-%m-%d %H:%M} UTC only"
                yield TlsFault("certificate", text, "Wait for that, or check this machine's clock.", stops=False)
        if sound or self.key is not None:
            yield from self._of_key(key, certificate if sound else None)

    def _of_key(self, key: Path, certificate: Path | None) -> Iterator[TlsFault]:
        """Look at the key; without a `certificate` it is not held against one."""
        setting: Setting = "certificate" if self.key is None else "key"
        try:
            text = _text(key)
            if "PRIVATE KEY" not in " ".join(_LABEL.findall(text)):
                other = "a certificate and no private key" if "CERTIFICATE" in text else "no private key in PEM"
                also = "" if self.key is not None else f", and {self.named}.key names no other file"
                raise _Unusable(f"holds {other}{also}", f"Name the file of our private key under {self.named}.key.")
        except _Unusable as error:
            yield TlsFault(setting, f"{key}: {error.text}", error.hint)
            return
        if "ENCRYPTED" in text and not self.password:
            yield TlsFault(
                setting, f"{key}: is encrypted, and no password is given",
                f"Write {self.named}.key_password: ${{NAME}}, and keep it in the environment.",
            )  # fmt: skip
            return
        if certificate is None:
            return
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_cert_chain(certificate, key, password=lambda: self.password)
        except (OSError, ValueError) as error:
            reason = _reason(error)
            if "MISMATCH" in reason:
                yield TlsFault(
                    setting, f"{key}: is not the key of the certificate in {certificate}",
                    "Name the two that belong together; after a renewal both are new.",
                )  # fmt: skip
            elif "TOO_" in reason:
                hint = "Have a certificate issued with a longer key and a newer signature."
                yield TlsFault("certificate", f"{certificate}: is too weak for this system ({reason})", hint)
            elif "ENCRYPTED" in text:
                hint = "Check the variable in the service's environment; after a renewal it may be another."
                yield TlsFault("key_password", f"does not open the key in {key}", hint)
            else:
                yield TlsFault(setting, f"{key}: the private key cannot be used ({reason})", "Have it written anew.")


def certificates_of(path: Path) -> list[bytes]:
    """Return the certificates of a PEM file in DER, one at least. Raises WireFailure `tls.certificate`."""
    try:
        return _certificates(path)
    except _Unusable as error:
        raise WireFailure("tls", "tls.certificate", f"{path}: {error.text}", hint=error.hint) from None


def end_of(der: bytes) -> datetime.datetime:
    """Return until when a certificate is valid."""
    return _validity(der)[1]


class _Unusable(Exception):
    """A file that is not there, cannot be read, or holds something else."""

    def __init__(self, text: str, hint: str) -> None:
        self.text = text
        self.hint = hint
        super().__init__(text)


def _text(path: Path) -> str:
    """Read a file; its bytes as letters. Raises _Unusable."""
    try:
        if path.is_dir():
            raise _Unusable("is a folder", "Name the file in it.")
        with path.open("rb") as opened:
            data = opened.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise _Unusable("there is no such file", "It counts from the folder of config.yaml.") from None
    except PermissionError:
        raise _Unusable("this account may not read it", "Give lab-sender's account the right to read it.") from None
    except OSError as error:
        raise _Unusable(f"cannot be read: {error.strerror}", "") from None
    if len(data) > _LARGEST_BYTES:
        raise _Unusable("is larger than 16 MiB", "Is this the right file?")
    return data.decode("latin-1")


def _certificates(path: Path) -> list[bytes]:
    """Return the certificates of a PEM file in DER, one at least. Raises _Unusable."""
    text = _text(path)
    blocks = _CERTIFICATE.findall(text)
    if not blocks:
        if "PRIVATE KEY" in " ".join(_LABEL.findall(text)):
            raise _Unusable("holds a private key and no certificate", "Are two settings mixed up?")
        raise _Unusable("holds no certificate in PEM", _AS_PEM)
    try:
        found = [ssl.PEM_cert_to_DER_cert(re.sub("(?:X509|TRUSTED) (?=CERT)", "", each)) for each in blocks]
        for each in found:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=each)
            _validity(each)
    except (ssl.SSLError, ValueError, IndexError):
        raise _Unusable("its certificate is damaged", "Copy the file anew.") from None
    return found


def _reason(error: Exception) -> str:
    return (getattr(error, "reason", "") or "") if isinstance(error, ssl.SSLError) else type(error).__name__


def _validity(der: bytes) -> tuple[datetime.datetime, datetime.datetime]:
    """Read `validity` (RFC 5280, 4.1): the standard library shows it only of certificates that it trusts."""
    certificate, _, _ = _element(der, 0)
    at, _, _ = _element(der, certificate)  # tbsCertificate
    if der[at] == 0xA0:  # version
        at = _element(der, at)[1]
    for _ in range(3):  # serialNumber, signature, issuer
        at = _element(der, at)[1]
    validity, _, _ = _element(der, at)
    begin = _element(der, validity)
    return _time(der, begin), _time(der, _element(der, begin[1]))


def _time(der: bytes, element: tuple[int, int, int]) -> datetime.datetime:
    begin, end, kind = element
    text = der[begin:end].decode("ascii").rstrip("Z")
    if kind == _UTC_TIME:
        text = ("20" if text < "50" else "19") + text
    return datetime.datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=datetime.UTC)


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Return where a DER element's content begins, where it ends, and its tag."""
    tag, length, begin = der[at], der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[begin : begin + size], "big")
        begin += size
    return begin, begin + length, tag
