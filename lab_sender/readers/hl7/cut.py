"""A file's bytes -> the messages in it, each as its lines.

Holds: what ends a segment, MLLP bytes inside a file, and the cuts at MSH and at the batch envelope.
Promises: segments end as the file's own first segment does. CR always ends one; a lone LF does only where the first
segment ends so, and is data elsewhere. Lines are counted as an editor counts them, from 1, over the whole file.
Never: judges a message; doubts.py does.
"""

from __future__ import annotations

import re

from lab_sender.errors import FileError
from lab_sender.hl7.tables import SEGMENTS
from lab_sender.readers.hl7.envelope import ENVELOPE, Envelope

# MSH, its field separator, three to five encoding characters (chapter 2.5.4; the fifth since 2.7).
# Wrapped text may start with "MSH-6", the gene: only the whole pattern starts a message.
_HEAD = re.compile(rb"(?i:MSH)(?P<sep>[!-/:-@\[-`{-~])(?P<marks>(?:(?!(?P=sep))[!-/:-@\[-`{-~]){3,5})(?:(?P=sep)|\Z)")
_FIRST_HEAD = re.compile(rb"(?i:MSH)([!-/:-@\[-`{-~])(?:(?!\1)[^0-9A-Za-z\s]){0,16}(?:\1|\Z)")
"""The first message's MSH may have any MSH-2 that is no word: what is wrong with it is that message's."""

_COMMON = frozenset((b"PID", b"PD1", b"NTE", b"NK1", b"PV1", b"PV2", b"ORC", b"OBR", b"OBX", b"SPM", b"SFT", b"TQ1"))
_USUAL = re.compile(rb"MSH\|\^~\\&\|[^\r]*+(?:\r(?:%s)\|[^\r]*+)*+\r++" % b"|".join(sorted(_COMMON)))
"""A file that is one message, in the usual delimiters, with lines of common kinds alone: the whole at one look."""
_ORU = frozenset(b"MSH SFT UAC PID PD1 NTE NK1 ARV PV1 PV2 ORC OBR TQ1 TQ2 CTD OBX PRT FT1 CTI SPM DSC".split())
"""The segments of an ORU^R01 in any version. Of lower-case ids, which a wrapped line of text may look like, only
these are believed, and only these may stand alone on their line: all their fields are empty (chapter 2.6)."""
_KNOWN = frozenset(name.encode() for name in SEGMENTS)
_OWN = re.compile(rb"[Zz][A-Za-z0-9]{2}")

# MLLP bytes count as framing only around a message; anywhere else they are part of a segment. A run of them is
# tried once, from its first byte: tried from each, a long one would take time as its square.
_FRAME_END = re.compile(rb"(?<!\x1c)\x1c++(?=(\r|\Z|\x0b))(?=\r*(?:\Z|\x1c|\x0b|(?i:MSH|FHS|BHS|BTS|FTS)))")
_FRAME_START = re.compile(rb"(?:(?<=\r)|\A)\x0b++(?=(?i:MSH|FHS|BHS))")

_BLANK_LINES = re.compile(rb"\r(?:[ \t]*+\n)++")
_ENDS_WITH_CR = re.compile(rb"[\r\n](?i:MSH)[^\r\n0-9A-Za-z][^\r\n]*+\r(?!\n)")


class Chunk:
    """The lines of one message: their segment ids, their numbers in the file, which of them are broken."""

    __slots__ = ("broken", "ids", "lines", "numbers")

    def __init__(self, number: int, line: bytes) -> None:
        self.lines = [line]
        self.ids = [b"MSH"]
        self.numbers = [number]
        self.broken: list[int] = []

    @classmethod
    def of(cls, lines: list[bytes]) -> Chunk:
        """Make the only message of a file, which has no other lines; each begins with its segment id."""
        chunk = cls(1, lines[0])
        chunk.lines = lines
        chunk.ids = [line[:3] for line in lines]
        chunk.numbers = [*range(1, len(lines) + 1)]
        return chunk

    def add(self, number: int, line: bytes, segment_id: bytes) -> None:
        """Take the next line."""
        self.lines.append(line)
        self.ids.append(segment_id)
        self.numbers.append(number)

    @property
    def place(self) -> str:
        """Where the message begins."""
        return f"line {self.numbers[0]}"


class Cut:
    """A file cut into its messages.

    `ended` is false where the last segment of the last message has no end: no line end, no MLLP byte, no envelope
    after it. `framed_open` is true where an MLLP frame is opened and not closed.
    """

    __slots__ = ("chunks", "ended", "framed_open")

    def __init__(self, data: bytes) -> None:
        """Cut. Raises FileError where the file as a whole is in doubt.

        That is a batch whose count is wrong or that does not end, lines outside of any message, or messages whose
        segments end in different ways.
        """
        text = _with_one_line_end(_without_blank_lead(data))
        self.ended = text.endswith((b"\r", b"\x1c", b"\x1a"))
        self.framed_open = False
        if b"\x0b" in text or b"\x1c" in text:
            self.framed_open = text.rfind(b"\x0b") > text.rfind(b"\x1c")
            text = _FRAME_END.sub(lambda m: b"\r" if m[1] == b"\x0b" else b"", text)
            text = _FRAME_START.sub(b"", text)
        self.chunks: list[Chunk] = []
        if not self._cut(text):
            self.ended = True

    def _cut(self, text: bytes) -> bool:
        """Cut at MSH and the envelope; return whether a message is what the file ends with."""
        if _USUAL.fullmatch(text):
            self.chunks.append(Chunk.of(text.rstrip(b"\r").split(b"\r")))
            return True
        envelope = Envelope()
        current: Chunk | None = None
        file_sep = sep = b""
        for number, line in enumerate(text.split(b"\r"), 1):
            head = line[:3]
            if current is not None and head in _COMMON and line[3:4] == sep:
                current.add(number, line, head)
                continue
            head = head.upper()
            if head == b"MSH" and (line[3:4] == sep or (_HEAD if sep else _FIRST_HEAD).match(line)):
                sep = line[3:4]
                file_sep = file_sep or sep
                current = Chunk(number, line)
                self.chunks.append(current)
            elif head in ENVELOPE and (line[3:4] == file_sep or len(line) == 3 or not file_sep):
                file_sep = file_sep or line[3:4]
                envelope.take(head, line[3:], number, len(self.chunks))
                current = None
            elif not line.strip(b" \t\x1a"):  # blank, or the end mark of DOS
                continue
            elif current is None:
                raise FileError.of(
                    "hl7.stray-line",
                    "This line belongs to no message.",
                    place=f"line {number}",
                    hint="A message starts with MSH and its delimiters, as in MSH|^~\\&|.",
                )
            else:
                current.add(number, line, head)
                if not _begins_like_a_segment(line, head, sep):
                    current.broken.append(number)
        envelope.close(len(self.chunks))
        return current is not None


def _begins_like_a_segment(line: bytes, head: bytes, sep: bytes) -> bool:
    if len(line) == 3:
        return head in _ORU
    if line[3:4] != sep:
        return False
    return head in _ORU or (line[:3] == head and head in _KNOWN) or _OWN.fullmatch(line[:3]) is not None


def _without_blank_lead(data: bytes) -> bytes:
    """Take the blanks before the first message away; line ends stay, for lines are counted."""
    start = len(data) - len(data.lstrip(b" \t\r\n\x0b"))
    return data[:start].translate(None, b" \t") + data[start:] if start else data


def _with_one_line_end(text: bytes) -> bytes:
    """Make CR the end of every segment, and of nothing else. Raises FileError where it is in doubt what ends one."""
    if b"\n" not in text:
        return text
    start = len(text) - len(text.lstrip(b"\r\n\x0b"))
    first_lf, first_cr = text.find(b"\n", start), text.find(b"\r", start)
    if first_lf >= 0 and (first_cr < 0 or first_lf < first_cr):
        if _ENDS_WITH_CR.search(text, start):
            raise FileError.of(
                "hl7.line-ends",
                "The segments of one message end with LF, those of another with CR.",
                hint="Put each message into a file of its own, or write CR at the end of every segment.",
            )
        return text.replace(b"\r\n", b"\r").replace(b"\n", b"\r")
    text = text.replace(b"\r\n", b"\r")
    if b"\n" not in text:
        return text
    start = len(text) - len(text.lstrip(b"\r\n\x0b"))
    lead, rest = text[:start].replace(b"\n", b"\r"), text[start:]
    last = rest.find(b"\n", len(rest.rstrip(b" \t\r\n\x1a")))
    if last >= 0:
        rest = rest[:last] + b"\r"
    return lead + _BLANK_LINES.sub(lambda m: b"\r" * (1 + m[0].count(b"\n")), rest)
