"""TLS certificates as an operator sees them: until when they are good.

Holds: the end of the peer's certificate and of our own, the names in the peer's, and the stand-in's server side.
Promises: one of ours is read though it has expired; one of the peer only where an authority that we trust has signed
it.
Never: sends a byte of HL7.
"""

from __future__ import annotations

import datetime
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from lab_sender.errors import ConfigurationError
from lab_sender.mllp.connection import Connection, tls_context
from lab_sender.mllp.failures import WireFailure
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


def peer_names(his: His) -> tuple[str, ...]:
    """Connect, and close again; return for which names a certificate is that was refused for its name alone.

    Where that cannot be seen, none.
    """
    assert his.tls is not None
    address, name = (his.host, his.port), his.tls.server_name or his.host
    try:
        context = tls_context(his.tls)
        context.check_hostname = False  # its authority is verified all the same, and nothing is sent
        with (
            socket.create_connection(address, his.connect_timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            found = secured.getpeercert() or {}
    except (OSError, ValueError, WireFailure):
        return ()
    return tuple(str(each[1]) for each in found.get("subjectAltName", ()))


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
