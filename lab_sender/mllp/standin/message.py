"""What the stand-in reads of a message, and the acknowledgement that fits it.

Holds: `head_of` (delimiters, type, control id and character set of whatever came), `acknowledgement`.
Promises: a control id goes back byte for byte, in the character set of MSH-18 where that reads it. The
acknowledgement has the message's delimiters, character set and parties, turned round (HL7 2.5.1 chapter 2.9).
Never: judges a message; that is careful.py, or a rule.
"""

from __future__ import annotations

import itertools
import re
import time
from typing import Final

from msgspec import Struct

from lab_sender.hl7.charset import CHARSETS

_BOM: Final = b"\xef\xbb\xbf"
_LEAD: Final = b" \t\r\n"
_LINE_END: Final = re.compile(rb"[\r\n]")
_START: Final = re.compile(rb"(MSH|FHS|BHS)([!-/:-@\[-`{-~])")
_serial = itertools.count(1)


class Head(Struct, frozen=True):
    """The first segment: `fields[n]` is MSH-(n+1), or that of FHS or BHS. `first`: nothing stands before it."""

    kind: str
    fields: tuple[bytes, ...]
    separator: bytes
    marks: bytes
    codec: str
    first: bool

    def field(self, number: int) -> bytes:
        """Return MSH-`number` (from 2), empty where the segment is shorter."""
        return self.fields[number - 1] if number <= len(self.fields) else b""

    @property
    def control_id(self) -> str:
        """MSH-10, or FHS-11 or BHS-11."""
        return self.field(10 if self.kind == "MSH" else 11).decode(self.codec)

    @property
    def message_type(self) -> bytes:
        """MSH-9.1; empty for a batch."""
        return self.field(9).split(self.marks[:1])[0].strip() if self.kind == "MSH" else b""


def head_of(body: bytes) -> Head | None:
    """Read the head of what came; None where nothing says how to answer it: no MSH, or one without delimiters."""
    text = body if body[:3] == b"MSH" else body.removeprefix(_BOM).lstrip(_LEAD)
    start = _START.match(text)
    if start is None:
        return None
    end = _LINE_END.search(text)
    separator = start[2]
    fields = text[: end.start() if end else None].split(separator)
    marks = fields[1]
    if not 3 <= len(marks) <= 5 or len(set(marks)) != len(marks) or marks.isalnum():
        return None
    kind = start[1].decode()
    own = fields[9 if kind == "MSH" else 10 : 10 if kind == "MSH" else 11]
    named = fields[17] if kind == "MSH" and len(fields) > 17 else b""
    codec = _codec(named.split(marks[1:2])[0], b"".join(own))
    return Head(kind, tuple(fields), separator, marks, codec, first=text is body)


def control_id_of(body: bytes) -> str:
    """MSH-10 of a message as text, "" where there is none."""
    head = head_of(body)
    return head.control_id if head else ""


def acknowledgement(
    body: bytes,
    code: str,
    control_id: str,
    *,
    error: str = "",
    severity: str = "E",
    location: tuple[str, ...] = (),
    text: str = "",
) -> bytes:
    """Build the acknowledgement of `body`, unframed. `error` is ERR-3, `location` ERR-2, `text` ERR-8 and MSA-3."""
    head = head_of(body) or Head("MSH", (b"MSH", b"^~\\&"), b"|", b"^~\\&", "utf-8", first=True)
    bar, component = head.separator, head.marks[:1]
    own = b"HIS%d" % next(_serial)
    now = time.strftime("%Y%m%d%H%M%S").encode()
    is_message = head.kind == "MSH"  # a batch head has neither MSH-11, MSH-12 nor MSH-18
    parties = (head.field(5), head.field(6), head.field(3), head.field(4))
    processing, version = (head.field(11), head.field(12)) if is_message else (b"", b"")
    msh = [b"MSH", head.marks, *parties, now, b"", b"ACK", own, processing or b"P", version or b"2.5.1"]
    if is_message and head.field(18):
        msh += [*[b""] * 5, head.field(18)]
    words = text.encode(head.codec, "replace")
    msa = (b"MSA", code.encode(), control_id.encode(head.codec, "replace"), words)
    segments = [bar.join(msh), bar.join(msa).rstrip(bar)]
    if error:
        err3 = component.join((error.encode(), b"", b"HL70357"))
        err2 = component.join(part.encode() for part in location)
        err = (b"ERR", b"", err2, err3, severity.encode(), b"", b"", b"", words)
        segments.append(bar.join(err).rstrip(bar))
    return b"\r".join(segments) + b"\r"


def _codec(named: bytes, control_id: bytes) -> str:
    """Choose the codec that reads the control id: MSH-18's, else UTF-8, else one in which any byte is a letter."""
    for codec in (CHARSETS.get(named.decode("latin-1").strip().upper(), "utf-8"), "utf-8"):
        try:
            control_id.decode(codec)
        except UnicodeDecodeError:
            continue
        return codec
    return "latin-1"
