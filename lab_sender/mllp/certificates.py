"""TLS certificates as an operator sees them: until when they are good.

Holds: the end of the peer's certificate and of our own, and the stand-in's server side.
Promises: one of ours is read though it has expired; one of the peer only where it was verified.
Never: sends a byte of HL7.
"""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from lab_sender.errors import ConfigurationError
from lab_sender.mllp.connection import Connection
from lab_sender.mllp.tls_files import certificates_of, end_of

if TYPE_CHECKING:
    from lab_sender.config.sections import His


def peer_certificate_end(his: His) -> datetime.datetime:
    """Connect, verify, close; return the end of the peer's certificate. Raises WireFailure."""
    connection = Connection(his)
    connection.open()
    try:
        return end_of(connection.peer_certificate())
    finally:
        connection.close()


def own_certificate_end(path: Path | str) -> datetime.datetime:
    """Return the end of the first certificate in a PEM file. Raises WireFailure `tls.certificate`."""
    return end_of(certificates_of(Path(path))[0])


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
