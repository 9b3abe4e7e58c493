"""TLS certificates as an operator sees them: until when they are good.

Holds: the end of the peer's certificate and of our own, and the stand-in's server side.
Promises: one of ours is read though it has expired; one of the peer only where it was verified.
Never: sends a byte of HL7.
"""

from __future__ import annotations

import datetime
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from lab_sender.errors import ConfigurationError
from lab_sender.mllp.connection import Connection
from lab_sender.mllp.failures import WireFailure

if TYPE_CHECKING:
    from lab_sender.config.sections import His

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_UTC_TIME = 0x17


def peer_certificate_end(his: His) -> datetime.datetime:
    """Connect, verify, close; return the end of the peer's certificate. Raises WireFailure."""
    connection = Connection(his)
    connection.open()
    try:
        return _not_after(connection.peer_certificate())
    finally:
        connection.close()


def own_certificate_end(path: Path | str) -> datetime.datetime:
    """Return the end of the first certificate in a PEM file. Raises WireFailure `tls.files`."""
    try:
        found = _PEM.search(Path(path).read_text(encoding="latin-1"))
        if found is not None:
            return _not_after(ssl.PEM_cert_to_DER_cert(found[0]))
    except (OSError, ValueError, IndexError):
        pass
    raise WireFailure("tls", "tls.files", "our certificate cannot be read", hint="Check that it is a PEM file.")


def server_context(certificate: str, key: str, ca: str) -> ssl.SSLContext:
    """Make the stand-in's TLS; with `ca` it asks the peer for a certificate. ConfigurationError: `tls.files`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key or None, password=lambda: "")
        if ca:
            context.load_verify_locations(cafile=ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise ConfigurationError(
            "tls.files", f"the certificate, key or CA file cannot be used ({type(error).__name__})",
            hint="Check that they are readable PEM files that match.",
        ) from error  # fmt: skip
    return context


def _not_after(der: bytes) -> datetime.datetime:
    """Read validity.notAfter (RFC 5280, 4.1): the standard library shows it only of certificates it trusts."""
    certificate, _, _ = _element(der, 0)
    at, _, _ = _element(der, certificate)  # tbsCertificate
    if der[at] == 0xA0:  # version
        at = _element(der, at)[1]
    for _ in range(3):  # serialNumber, signature, issuer
        at = _element(der, at)[1]
    validity, _, _ = _element(der, at)
    begin, end, kind = _element(der, _element(der, validity)[1])
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
