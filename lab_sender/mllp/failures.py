"""The one edge where a socket's or OpenSSL's error becomes one of ours.

Holds: `WireFailure` and the tables from errno, verify code and OpenSSL reason to stable codes.
Promises: a code names the phase and the reason (`connect.refused`, `tls.expired`, `ack.reset`), a text the HIS's
address and the next step.
Never: passes an outside error's own text on.
"""

from __future__ import annotations

import errno
import ssl
from typing import Literal

from lab_sender.errors import LabSenderError

Phase = Literal["resolve", "connect", "tls", "write", "ack"]
Cause = Literal["", "aborted", "ended", "stale", "timeout"]
"""What of a failure others go by: we stopped it; the connection ended (closed, reset, lost), or an idle one had ended
before; nothing came in time. Anything else is ""."""

_OUT_OF_TIME = (TimeoutError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""What OpenSSL's calls raise where time ran out; the latter two where just nothing was left of it."""
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}

# X509_V_ERR_*: see openssl-verification-options(1)
_VERIFY = {9: "tls.expired", 10: "tls.expired", 62: "tls.name", 63: "tls.name", 64: "tls.name"}
_VERIFY_TEXT = {
    "tls.expired": ("its certificate is not valid today", "Ask the HIS team to renew it; check this clock."),
    "tls.name": (
        "its certificate is for another name",
        "Set host or tls.server_name to a name of it, which `lab-sender check` shows.",
    ),
    "tls.untrusted": ("its certificate is signed by nobody we trust", "Put the HIS's authority into tls.ca."),
}
_REASONS = {
    "WRONG_VERSION_NUMBER": "tls.not-tls",
    "HTTP_REQUEST": "tls.not-tls",
    "PACKET_LENGTH_TOO_LONG": "tls.not-tls",
    "RECORD_LAYER_FAILURE": "tls.not-tls",
    "UNSUPPORTED_PROTOCOL": "tls.version",
    "TLSV1_ALERT_PROTOCOL_VERSION": "tls.version",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "tls.client-certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "tls.client-certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "tls.client-certificate",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "tls.client-certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "tls.client-certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "tls.client-certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "tls.client-certificate",
    "TLSV1_ALERT_ACCESS_DENIED": "tls.client-certificate",
}
_TLS_TEXT = {
    "tls.not-tls": ("it does not speak TLS", "Check port; ask the HIS team for the TLS port."),
    "tls.version": ("it offers no TLS 1.2 or newer", "The HIS has to be updated."),
    "tls.client-certificate": ("it does not accept our certificate", "Check tls.certificate and tls.key."),
    "tls.timeout": ("it does not answer the TLS handshake", "It may expect plain MLLP."),
    "tls.closed": ("it closes during the TLS handshake", "It may expect plain MLLP; see the HIS's own log."),
    "tls.failed": ("the TLS handshake fails", "It may ask for a client certificate; see the HIS's own log."),
}
_ASKED_FOR_OURS = (
    "it asks for a client certificate, and none is configured",
    "Set tls.certificate and tls.key to the certificate that the HIS team knows.",
)
_CLOSED_AFTER = (
    "it closes the connection right after the TLS handshake",
    "A tunnel without a HIS behind it does this, or a HIS that wants a client certificate; see its own log.",
)


class WireFailure(LabSenderError):
    """The connection failed in `phase`. `nothing_left`: no byte of the message can have reached the peer."""

    def __init__(
        self, phase: Phase, code: str, text: str, *, hint: str = "", nothing_left: bool = False, cause: Cause = ""
    ) -> None:
        self.phase: Phase = phase
        self.cause: Cause = cause
        self.nothing_left = nothing_left
        super().__init__(code, text, hint=hint)


def connect_failure(error: Exception, peer: str) -> WireFailure:
    """Name a failed TCP connect."""
    number = (error.errno if isinstance(error, OSError) else None) or 0
    cause: Cause = ""
    if isinstance(error, ConnectionRefusedError):
        code, text, hint = "connect.refused", "refuses the connection", "Is the HIS running, and on this port?"
    elif isinstance(error, TimeoutError):
        code, text, hint = "connect.timeout", "does not answer", "Check host, port and firewall."
    elif _is_ended(error):
        code, text, hint = "connect.reset", "resets the connection while it is being opened", ""
        cause = "ended"
    elif number in _UNREACHABLE:
        code, text, hint = "connect.unreachable", "cannot be reached", "Check the network and the route."
    else:
        code, text, hint = "connect.failed", f"fails to connect ({errno.errorcode.get(number, 'unknown')})", ""
    return WireFailure("connect", code, f"{peer} {text}", hint=hint, cause=cause)


def tls_failure(error: Exception, peer: str, *, secure: bool, has_certificate: bool) -> WireFailure:
    """Name a failed TLS handshake, or a close right after it (`secure`)."""
    if isinstance(error, ssl.SSLCertVerificationError):
        code = _VERIFY.get(error.verify_code, "tls.untrusted")
        text, hint = _VERIFY_TEXT[code]
    else:
        code = _tls_code(error)
        text, hint = _TLS_TEXT[code]
        if code == "tls.client-certificate" and not has_certificate:
            text, hint = _ASKED_FOR_OURS
        elif code == "tls.closed" and secure:
            text, hint = _CLOSED_AFTER
    return WireFailure("tls", code, f"{peer}: {text}", hint=hint, cause="ended" if code == "tls.closed" else "")


def closed_at_once(peer: str, *, secure: bool) -> WireFailure:
    """Name the close of a connection that is just open; a TLS one has done its handshake (`secure`)."""
    if secure:
        return tls_failure(ConnectionResetError(), peer, secure=True, has_certificate=False)
    return WireFailure(
        "connect",
        "connect.closed",
        f"{peer} closes the connection as soon as it is open",
        hint="A relay, load balancer or tunnel without a HIS behind it does this.",
        cause="ended",
    )


def stream_failure(
    phase: Literal["write", "ack"], error: Exception, *, nothing_left: bool, has_certificate: bool
) -> WireFailure:
    """Name a failed write or read on an open connection."""
    doing = "the message was being written" if phase == "write" else "the answer was awaited"
    cause: Cause = "ended"
    if isinstance(error, _OUT_OF_TIME) and not (isinstance(error, TimeoutError) and error.errno is not None):
        code, text, cause = f"{phase}.timeout", f"time ran out while {doing}", "timeout"
    elif isinstance(error, ssl.SSLError) and _tls_code(error) == "tls.client-certificate":
        did = "did not accept our certificate" if has_certificate else "asked for a client certificate"
        code, text, cause = "tls.client-certificate", f"the peer {did} while {doing}", ""
    elif _is_ended(error):
        code, text = f"{phase}.reset", f"the peer reset the connection while {doing}"
    else:
        code, text = f"{phase}.lost", f"the connection was lost while {doing}"
    return WireFailure(phase, code, text, nothing_left=nothing_left, cause=cause)


def _tls_code(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "tls.timeout"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or _is_ended(error):
        return "tls.closed"
    if isinstance(error, ssl.SSLError):
        return _REASONS.get(error.reason or "", "tls.failed")
    return "tls.failed"


def _is_ended(error: Exception) -> bool:
    """Say whether the peer ended the connection; one that it has reset may turn out to be not connected any more."""
    return isinstance(error, ConnectionError) or (isinstance(error, OSError) and error.errno == errno.ENOTCONN)
