"""Host name to addresses, under a deadline.

Holds: `Lookup`, one question to the name service, and `is_loopback`.
Promises: an answer or WireFailure (resolve.failed, resolve.timeout, connect.aborted) within the time given, though
getaddrinfo itself knows no deadline: it runs in a thread that is left behind. Nothing is remembered between
two questions.
Never: connects.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from typing import Any

from lab_sender.mllp.failures import WireFailure

Addresses = list[tuple[int, Any]]
"""Address family and socket address, in the order to try."""


class Lookup:
    """One question. `cancel` may come from another thread, before or while it is asked."""

    def __init__(self) -> None:
        self._answer: queue.SimpleQueue[Addresses | Exception | None] = queue.SimpleQueue()

    def addresses(self, host: str, port: int, timeout_s: float) -> Addresses:
        """Ask and wait; never returns an empty list."""
        asking = threading.Thread(target=self._ask, args=(host, port), name="look-up", daemon=True)
        try:
            if _is_numeric(host):
                self._ask(host, port)
            else:
                asking.start()
            found = self._answer.get(timeout=max(timeout_s, 0.0))
        except RuntimeError:  # no more threads
            raise WireFailure("resolve", "resolve.failed", "no thread can be started for the look-up") from None
        except queue.Empty:
            raise WireFailure(
                "resolve",
                "resolve.timeout",
                f"the look-up of {host} gets no answer",
                hint="Check the name service of this machine.",
            ) from None
        if found is None:
            raise WireFailure("resolve", "connect.aborted", "stopped while looking up the host", cause="aborted")
        if isinstance(found, Exception) or not found:
            raise WireFailure(
                "resolve",
                "resolve.failed",
                f"the host name {host} has no address",
                hint="Check host and the name service of this machine.",
            )
        return found

    def cancel(self) -> None:
        """End the wait."""
        self._answer.put(None)

    def _ask(self, host: str, port: int) -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            self._answer.put([(family, address) for family, _, _, _, address in found])
        except (OSError, UnicodeError) as error:
            self._answer.put(error)


def is_loopback(address: Any) -> bool:
    """True if a socket address stays on this machine."""
    ip = ipaddress.ip_address(address[0])
    return bool((getattr(ip, "ipv4_mapped", None) or ip).is_loopback)


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
