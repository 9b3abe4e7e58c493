"""What the kernel knows of the bytes that it was given: whether the other machine has acknowledged them.

Holds: `undelivered`, words for an operator about a message that no answer came to.
Promises: says that a message cannot have arrived whole only where bytes of it never left this machine. That bytes
were sent and not acknowledged proves nothing, for the acknowledgement may be what was lost.
Never: decides anything. Behind a relay the other machine is the relay. Linux only; elsewhere nothing is known.
"""

from __future__ import annotations

import socket
import struct
import sys

_NOT_SENT = 0x894B
"""SIOCOUTQNSD (linux/sockios.h): how many bytes of the send queue were never sent."""


def undelivered(sock: socket.socket) -> str:
    """Say what of the bytes handed over the other machine has not acknowledged; "" where nothing is known."""
    if sys.platform != "linux":
        return ""
    import fcntl
    import termios

    try:
        queued, unsent = (
            struct.unpack("i", fcntl.ioctl(sock.fileno(), request, bytes(4)))[0]
            for request in (termios.TIOCOUTQ, _NOT_SENT)
        )
    except (OSError, ValueError):
        return ""
    if unsent > 0:
        return (
            f"{unsent} bytes of it never left this machine, so it cannot have arrived whole: the HIS does not read,"
            " or the network takes no packets of that size"
        )
    if queued > 0:
        return (
            f"the network did not take all of it: {queued} bytes were sent and never acknowledged by the other"
            " machine (large packets lost on the way? check the MTU), so it has probably not arrived whole"
        )
    return ""
