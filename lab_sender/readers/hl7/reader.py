"""Ready HL7 files: one or many ORU^R01 messages, cut out of their file and otherwise untouched.

Holds: splitting at MSH, MLLP bytes inside a file, and the few fields of a message that the sender
needs to know.
Promises: a body is the file's own bytes between two message heads; only line ends become CR
and blank lines go. What makes it doubtful where a segment ends refuses that message.
Never: decodes, checks or repairs what a message says beyond that. Ready HL7 is trusted.

Lines are counted as an editor counts them, from 1, over the whole file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from lab_sender.errors import FileError, Finding
from lab_sender.hl7.orders import Marks, facts_of
from lab_sender.readers.hl7.envelope import ENVELOPE, Envelope
from lab_sender.readers.items import BadItem, Item, ReadyItem, few_bad

_START = re.compile(rb"(?i:MSH|FHS|BHS)[!-/:-@\[-`{-~]")

# MSH, its field separator, three to five encoding characters (chapter 2.5.4; the fifth since 2.7).
# Wrapped text may start with "MSH-6", the gene: only the whole pattern starts a message.
_HEAD = re.compile(rb"(?i:MSH)(?P<sep>[!-/:-@\[-`{-~])(?P<marks>(?:(?!(?P=sep))[!-/:-@\[-`{-~]){3,5})(?:(?P=sep)|\Z)")

_COMMON = frozenset((b"PID", b"PD1", b"NTE", b"NK1", b"PV1", b"PV2", b"ORC", b"OBR", b"OBX", b"SPM", b"SFT", b"TQ1"))

# Upper-case ids are believed; of lower-case ones, which a wrapped line of text may look like, only
# those of an ORU^R01.
_SEGMENT_ID = re.compile(
    rb"[A-Z][A-Z0-9]{2}|(?i:MSH|SFT|UAC|PID|PD1|NTE|NK1|ARV|PV1|PV2|ORC|OBR|TQ1|TQ2|CTD|OBX|PRT|FT1|CTI|SPM"
    rb"|DSC)|[Zz][A-Za-z0-9]{2}"
)

# MLLP bytes count as framing only around a message; anywhere else they are part of a segment. A run of them is
# tried once, from its first byte: tried from each, a long one would take time as its square.
_FRAME_END = re.compile(rb"(?<!\x1c)\x1c++(?=(\r|\Z|\x0b))(?=\r*(?:\Z|\x1c|\x0b|(?i:MSH|FHS|BHS|BTS|FTS)))")
_FRAME_START = re.compile(rb"(?:(?<=\r)|\A)\x0b++(?=(?i:MSH|FHS|BHS))")

_FRAME_BYTE = re.compile(rb"[\x0b\x1c]")

_MOST_BROKEN_LINES = 5  # named one by one


class _Chunk:
    """The lines of one message: their segment ids, their numbers in the file, which of them are broken."""

    __slots__ = ("broken", "ids", "lines", "numbers")

    def __init__(self, number: int, line: bytes) -> None:
        self.lines = [line]
        self.ids = [b"MSH"]
        self.numbers = [number]
        self.broken: list[int] = []

    def add(self, number: int, line: bytes, segment_id: bytes) -> None:
        self.lines.append(line)
        self.ids.append(segment_id)
        self.numbers.append(number)

    @property
    def place(self) -> str:
        return f"line {self.numbers[0]}"


class Hl7Reader:
    """One or many messages, with or without batch envelope and MLLP bytes."""

    kind = "hl7"

    def recognises(self, data: bytes, start: int, /) -> bool:
        return _START.match(data, start) is not None

    def read(self, data: bytes, _name: str, /) -> list[Item]:
        """Cut a file into its messages.

        Raises `FileError` where the file as a whole is in doubt: a batch whose count is wrong or that
        does not end, or lines outside of any message.
        """
        text = _without_blank_lead(data).replace(b"\r\n", b"\r").replace(b"\n", b"\r")
        cut_off = False
        if b"\x0b" in text or b"\x1c" in text:
            cut_off = text.rfind(b"\x0b") > text.rfind(b"\x1c")
            text = _FRAME_END.sub(lambda m: b"\r" if m[1] == b"\x0b" else b"", text)
            text = _FRAME_START.sub(b"", text)
        chunks = _split(text)
        alone = len(chunks) == 1
        items = few_bad(_item(chunk, "" if alone else f"message {n}") for n, chunk in enumerate(chunks, 1))
        if cut_off and isinstance(last := items[-1], ReadyItem):
            finding = Finding(
                "hl7.frame-open",
                "The MLLP frame of this message is opened (VT) but not closed (FS).",
                place=chunks[-1].place,
                hint="The file was probably cut off; have it written again.",
            )
            items[-1] = BadItem(last.place, (finding,), last.digest)
        return items


def with_control_id(body: bytes, control_id: str) -> bytes:
    """Put `control_id` into MSH-10, touching no other byte; an MSH too short is filled up with separators."""
    end = body.find(b"\r")
    fields = (body if end < 0 else body[:end]).split(body[3:4])
    rest = b"" if end < 0 else body[end:]
    fields += [b""] * (10 - len(fields))
    fields[9] = control_id.encode("ascii")
    return body[3:4].join(fields) + rest


# ------------------------------------------------------------------ the file


def _without_blank_lead(data: bytes) -> bytes:
    """Take the blanks before the first message away; line ends stay, for lines are counted."""
    start = len(data) - len(data.lstrip(b" \t\r\n\x0b"))
    return data[:start].translate(None, b" \t") + data[start:] if start else data


def _split(text: bytes) -> list[_Chunk]:
    chunks: list[_Chunk] = []
    envelope = Envelope()
    current: _Chunk | None = None
    file_sep = sep = b""
    for number, line in enumerate(text.split(b"\r"), 1):
        head = line[:3]
        if current is not None and head in _COMMON and line[3:4] == sep:
            current.add(number, line, head)
            continue
        head = head.upper()
        if head == b"MSH" and (line[3:4] == sep or _HEAD.match(line)):
            sep = line[3:4]
            file_sep = file_sep or sep
            current = _Chunk(number, line)
            chunks.append(current)
        elif head in ENVELOPE and (line[3:4] == file_sep or len(line) == 3 or not file_sep):
            file_sep = file_sep or line[3:4]
            envelope.take(head, line[3:], number, len(chunks))
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
            if line[3:4] != sep or not _SEGMENT_ID.fullmatch(line[:3]):
                current.broken.append(number)
    envelope.close(len(chunks))
    return chunks


# --------------------------------------------------------------- the message


def _item(chunk: _Chunk, place: str) -> Item:
    body = b"\r".join(chunk.lines) + b"\r"
    digest = hashlib.sha256(body).digest()
    head = _HEAD.match(chunk.lines[0])
    if head is None or len(set(head["marks"])) != len(head["marks"]):
        finding = Finding(
            "hl7.delimiters",
            "MSH-2 must name three to five different encoding characters.",
            place=chunk.place,
            hint="Usual is MSH|^~\\&|.",
        )
        return BadItem(place, (finding,), digest)
    sep = head["sep"]
    msh = chunk.lines[0].split(sep)
    findings = tuple(_faults(chunk, body, msh, head["marks"]))
    if findings:
        return BadItem(place, findings, digest)
    component, repetition = head["marks"][:1], head["marks"][1:2]
    sub_component = head["marks"][3:4] or head["marks"][2:3]

    def lines(segment: bytes) -> list[bytes]:
        return [line for line, kind in zip(chunk.lines, chunk.ids, strict=True) if kind == segment]

    def patient_key(line: bytes) -> str:
        """`id^authority` of PID-3's first repetition."""
        parts = next(iter(line.split(sep, 4)[3:]), b"").split(repetition, 1)[0].split(component)
        names = (name for part in parts[3:4] for name in part.split(sub_component) if name)
        return _text(parts[0] + b"^" + next(names, b"")) if parts[0].strip() else ""

    def text(number: int) -> str:
        return _text(msh[number - 1]) if number <= len(msh) else ""

    start = sum(map(len, msh[:9])) + 9
    marks = Marks(*(mark.decode() for mark in (sep, component, repetition, sub_component)))
    return ReadyItem(
        place=place,
        body=body,
        control_id=text(10) if text(10).strip() else "",
        control_id_span=(start, start + len(msh[9])) if len(msh) > 9 else (len(chunk.lines[0]),) * 2,
        version=text(12).split(component.decode())[0].strip(),
        charset=text(18).split(repetition.decode())[0].strip(),
        orders=facts_of(map(_text, lines(b"OBR")), marks),
        patient_key=next(map(patient_key, lines(b"PID")), ""),
        accept_ack=text(15).strip(),
        application_ack=text(16).strip(),
        digest=digest,
    )


def _faults(chunk: _Chunk, body: bytes, msh: list[bytes], marks: bytes) -> Iterator[Finding]:
    """Tell why a message cannot be sent as it is."""
    kind = (msh[8] if len(msh) > 8 else b"").upper().split(marks[1:2])[0].split(marks[:1])
    if kind[0].strip() != b"ORU" or (len(kind) > 1 and kind[1].strip() not in (b"R01", b"")):
        yield Finding(
            "hl7.not-oru",
            "MSH-9 is not ORU^R01.",
            place=chunk.place,
            hint="Only results (ORU^R01) are sent from here.",
        )
    elif b"OBR" not in chunk.ids and b"OBX" not in chunk.ids:
        yield Finding(
            "hl7.no-result",
            "The message has neither an OBR nor an OBX segment.",
            place=chunk.place,
            hint="It was probably cut off; have it written again.",
        )
    named = chunk.broken[:_MOST_BROKEN_LINES]
    more = len(chunk.broken) - len(named)
    for number in named:
        yield Finding(
            "hl7.broken-line",
            "This line does not start with a segment id and the field separator."
            + (f" (And {more} more lines.)" if more and number == named[-1] else ""),
            place=f"line {number}",
            hint="A line end inside a field ends the segment there; the source must write it as \\.br\\.",
        )
    if b"\x0b" in body or b"\x1c" in body:
        number = next(n for n, line in zip(chunk.numbers, chunk.lines, strict=True) if _FRAME_BYTE.search(line))
        yield Finding(
            "hl7.frame-byte",
            "A byte that starts or ends an MLLP frame (0x0B, 0x1C) stands inside the message.",
            place=f"line {number}",
            hint="It would cut the message in two on the wire; take it out at the source.",
        )
    if not body.isascii():
        yield from _charset_faults(chunk, body, msh, marks)


def _charset_faults(chunk: _Chunk, body: bytes, msh: list[bytes], marks: bytes) -> Iterator[Finding]:
    if len(msh) > 9 and not msh[9].isascii():
        yield Finding(
            "hl7.control-id",
            "MSH-10 holds characters that are not ASCII; an ACK could not be matched to it safely.",
            place=chunk.place,
        )
    charset = msh[17].split(marks[1:2])[0].strip().upper() if len(msh) > 17 else b""
    if charset in (b"UNICODE UTF-8", b"UTF-8", b"UTF8"):
        try:
            body.decode()
        except UnicodeDecodeError as error:
            number = chunk.numbers[body.count(b"\r", 0, error.start)]
            yield Finding(
                "hl7.charset",
                "MSH-18 says UTF-8, but this line is not UTF-8.",
                place=f"line {number}",
                hint="Letters would arrive garbled; correct MSH-18 or the encoding at the source.",
            )


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
