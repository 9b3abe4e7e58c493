"""MLLP Release 1 framing, without I/O.

Holds: `frame`, which wraps one message, and `FrameReader`, which takes the peer's bytes in any pieces and gives back
frames (`<VT> payload <FS><CR>`, HL7 Transport Specification: MLLP).
Promises: strict in what it writes, liberal in what it reads where that is safe. Any cutting of the same bytes gives
the same events; memory is bounded by `max_bytes`.
Never: knows HL7 beyond the three letters that tell an unframed answer from noise; keeps or shows the bytes of noise,
only their class.

An `FS` or a `VT` can never be payload, so a missing last CR, an LF after it, white space between frames, doubled
framing bytes and a frame begun anew are understood and noted.
"""

from __future__ import annotations

import re

from msgspec import Struct

from lab_sender.errors import LabSenderError

VT = b"\x0b"
FS = b"\x1c"
CR = b"\r"
END = FS + CR
FILLER = b"\r\n \x1c"
"""Bytes that mean nothing between frames: white space, and the second end of a doubly framed message."""

MAX_ANSWER_BYTES = 1 << 20
_MARK = re.compile(rb"[\x0b\x1c]")
_NOISE_HEAD = 5
_OUTSIDE, _INSIDE, _ENDED, _NOISE, _SPOILED = range(5)


class FrameError(LabSenderError):
    """A message that no frame can carry. No byte of it has left."""


def frame(body: bytes) -> bytes:
    """Wrap one message; raise FrameError `frame.bytes` (it holds a framing byte) or `frame.empty`."""
    if VT in body or FS in body:
        raise FrameError(
            "frame.bytes",
            "the message holds a byte 0x0B or 0x1C, which would break its MLLP frame",
            hint="Take the control character out of the result's text, or write it as an HL7 escape.",
        )
    if not body:
        raise FrameError("frame.empty", "the message has no bytes")
    return VT + body + END


class Frame(Struct, frozen=True):
    """One whole frame. `notes` names what was tolerated: `whitespace`, `restarted`, `no-cr`."""

    payload: bytes
    notes: tuple[str, ...] = ()


class Spoiled(Struct, frozen=True):
    """The stream cannot be read on: `ack.unframed`, `ack.gibberish` or `ack.too-long`, and why."""

    code: str
    text: str


class FrameReader:
    """Reads the peer's side of one connection.

    After `Spoiled` nothing more comes out: the connection is to be closed.
    """

    __slots__ = ("_buffer", "_max", "_notes", "_state")

    def __init__(self, max_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._max = max_bytes
        self._state = _OUTSIDE
        self._buffer = bytearray()
        self._notes: list[str] = []

    @property
    def at_rest(self) -> bool:
        """True between frames: every byte so far belonged to a frame or meant nothing."""
        return self._state == _OUTSIDE

    @property
    def untouched(self) -> bool:
        """True where the next byte may begin a frame that has no note."""
        return self._state == _OUTSIDE and not self._notes

    @property
    def ended(self) -> bool:
        """True when the FS has come and only the CR is missing: `finish` would give the frame."""
        return self._state == _ENDED

    def feed(self, data: bytes) -> list[Frame | Spoiled]:
        """Take the next bytes; return what became complete with them."""
        size = len(data)
        if (  # the usual case: exactly one frame in one piece
            self.untouched
            and data[:1] == VT
            and data.find(FS) == size - 2
            and data[-1:] == CR
            and data.rfind(VT) == 0
            and size <= self._max + 3
        ):
            return [Frame(data[1:-2])]
        events: list[Frame | Spoiled] = []
        pos = 0
        while pos < size and self._state != _SPOILED:
            if self._state == _OUTSIDE:
                pos = self._outside(data, pos)
            elif self._state == _INSIDE:
                pos = self._inside(data, pos, events)
            elif self._state == _ENDED:
                events.append(self._after_end(data[pos]))
                pos += 1 if data[pos] == CR[0] else 0
            else:
                taken = data[pos : pos + _NOISE_HEAD - len(self._buffer)]
                self._buffer += taken
                pos += len(taken)
                if len(self._buffer) == _NOISE_HEAD:
                    events.append(self._spoil(*_name_noise(bytes(self._buffer))))
        return events

    def finish(self) -> list[Frame | Spoiled]:
        """Say what the bytes so far amount to, because no more come or waiting was long enough."""
        if self._state == _ENDED:
            self._note("no-cr")
            return [self._complete()]
        if self._state == _NOISE:
            return [self._spoil(*_name_noise(bytes(self._buffer)))]
        return []

    def _outside(self, data: bytes, pos: int) -> int:
        byte = data[pos]
        if byte == VT[0]:
            self._state = _INSIDE
            return pos + 1
        if byte in FILLER:
            self._note("whitespace")
            return pos + 1
        self._state = _NOISE
        return pos

    def _inside(self, data: bytes, pos: int, events: list[Frame | Spoiled]) -> int:
        mark = _MARK.search(data, pos)
        stop = mark.start() if mark else len(data)
        if len(self._buffer) + stop - pos > self._max:
            events.append(self._spoil("ack.too-long", f"the answer has no end within {self._max} bytes"))
            return stop
        self._buffer += data[pos:stop]
        if mark is None:
            return stop
        if mark[0] == FS:
            self._state = _ENDED
        else:
            self._buffer.clear()
            self._note("restarted")
        return stop + 1

    def _after_end(self, byte: int) -> Frame | Spoiled:
        if byte == CR[0]:
            return self._complete()
        if byte == VT[0] or byte in FILLER:
            self._note("no-cr")
            return self._complete()
        return self._spoil("ack.gibberish", "the answer's frame holds a byte 0x1C that is not its end")

    def _complete(self) -> Frame:
        done = Frame(bytes(self._buffer), tuple(self._notes))
        self._buffer.clear()
        self._notes.clear()
        self._state = _OUTSIDE
        return done

    def _spoil(self, code: str, text: str) -> Spoiled:
        self._buffer.clear()
        self._state = _SPOILED
        return Spoiled(code, text)

    def _note(self, what: str) -> None:
        if what not in self._notes:
            self._notes.append(what)


def _name_noise(head: bytes) -> tuple[str, str]:
    """Tell what speaks there by its first bytes, without repeating them."""
    if head.startswith(b"MSH"):
        return "ack.unframed", "the peer answers HL7 without an MLLP frame (no 0x0B before MSH)"
    if head.startswith((b"HTTP", b"<html", b"<!DOC")):
        kind = "an HTTP server"
    elif head[:1] in b"\x14\x15\x16" and head[1:2] in (b"", b"\x03"):
        kind = "TLS; if the HIS expects TLS, configure `tls`"
    elif head[:1] == b"<":
        kind = "XML"
    elif all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head):
        kind = "plain text"
    else:
        kind = "binary data"
    return "ack.gibberish", f"the peer answers something that is no MLLP frame; it looks like {kind}"
