"""ASTM E1394 / LIS2-A2 text to records: frames, delimiters, escapes.

Holds: the frames of E1381 / LIS1-A (STX, frame number, text, ETX or ETB, checksum), the delimiters that each header
record names, and the order in which records may stand.
Promises: a frame whose checksum or number is wrong, a session that does not begin with H, a message without its L
record, and a gap in the numbers of patients, orders or results quarantine the file: what is missing would be a lost
result, or one at another patient. Records are counted from 1 over the file.
Never: knows what a field means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lab_sender.errors import FileError
from lab_sender.readers.guards.words import bare

_MARKS = rb"(?P<sep>[!-/:-@\[-`{-~])(?P<marks>(?:(?!(?P=sep))[!-/:-@\[-`{-~]){3})(?=(?P=sep)|[\r\n]|\Z)"
_REMARKS = rb"(?:[\r\n \t]*#[^\r\n]*[\r\n])*+"  # lines of who captured the file
_START = re.compile(_REMARKS + rb"[\x04\x05\x06\r\n \t]*(?:(?:\x02[0-7]?|[0-7])?H)" + _MARKS)
_HEADER = re.compile(b"H" + _MARKS)
_FRAME = re.compile(rb"\x02(?P<number>[0-7])(?P<text>[^\x02\x03\x17]*)(?P<end>[\x03\x17])(?P<sum>[0-9A-Fa-f]{2})")
_BETWEEN = re.compile(rb"[\x04\x05\x06\r\n \t]*")  # EOT, ENQ, ACK: the line's, not the text's
_LINE_END = re.compile(r"\r\n|\r|\n")
_BAD_ENDINGS = {"T": "its sender gave up", "R": "its receiver gave up", "E": "of an unknown error"}
"""L-3, and why the message was ended."""


class Record:
    """One record. `fields[0]` is its type; a field is a list of repetitions, each a list of components.

    It keeps account of what was read of it, so that what nobody has read can be named.
    """

    __slots__ = ("_read", "fields", "number")

    def __init__(self, number: int, fields: tuple[list[list[str]], ...]) -> None:
        self.number = number
        self.fields = fields
        self._read: set[tuple[int, int, int]] = set()

    @property
    def kind(self) -> str:
        return self.fields[0][0][0]

    def text(self, field: int, component: int = 1) -> str:
        """Return a component of a field's first repetition; both count from 1."""
        self._read.add((field, 0, component))
        parts = self.parts(field)[0]
        return parts[component - 1] if component <= len(parts) else ""

    def repeated(self, field: int, component: int = 1) -> list[str]:
        """Return a component of each repetition of a field; `[""]` where the record is shorter."""
        texts = []
        for n, parts in enumerate(self.parts(field)):
            self._read.add((field, n, component))
            texts.append(parts[component - 1] if component <= len(parts) else "")
        return texts

    def parts(self, field: int) -> list[list[str]]:
        """Return a field (from 1) without counting it as read; one empty repetition where the record is shorter."""
        return self.fields[field - 1] if field <= len(self.fields) else [[""]]

    def whole(self, field: int, repetition: int | None = None) -> list[list[str]]:
        """Return a field and count all of it, or one repetition (from 0), as read."""
        repetitions = self.parts(field)
        for n, parts in enumerate(repetitions):
            if repetition in (None, n):
                self._read |= {(field, n, component) for component in range(1, len(parts) + 1)}
        return repetitions

    def unsay(self, field: int, repetition: int = 0) -> None:
        """Count a repetition (from 0) as not read: what it says is not understood."""
        self._read -= {each for each in self._read if each[:2] == (field, repetition)}

    def unread(self) -> Iterator[tuple[int, int]]:
        """Yield field and component (0: the field has one only) of all that says something and was not read."""
        for field, repetitions in enumerate(self.fields[2:], 3):
            for n, parts in enumerate(repetitions):
                for component, part in enumerate(parts, 1):
                    if part and (field, n, component) not in self._read:
                        yield field, component if len(parts) > 1 else 0


def looks_like_astm(data: bytes, start: int) -> bool:
    """Tell whether a file starts with a header record, in a frame or not."""
    return _START.match(data, start) is not None


def messages(data: bytes, remarks: list[int], encoding: str = "") -> Iterator[list[Record]]:
    """Yield the records of each message of a file, H and L included. Raises FileError `astm.*`, `file.encoding`.

    Lines between messages that begin with `#` are of who captured the file; their numbers go to `remarks`.
    """
    raw = _unframed(data) if b"\x02" in data else data.strip(b"\x04\x05\x06 \t\r\n")
    open_message: list[Record] = []
    split = None
    lines = map(str.lstrip, _LINE_END.split(_text(raw, encoding)))
    for number, line in enumerate(filter(None, lines), 1):
        kind = line[:1].upper()
        if kind == "#" and not open_message:
            remarks.append(number)
            continue
        if kind == "H":
            _none_open(open_message)
            split = _splitter(line, number, encoding)
        elif split is None or not open_message:
            raise _fault(
                "astm.stray-record",
                "This record belongs to no message.",
                number,
                hint="A message goes from H to L. A digit before H is a frame's, whose STX and ETX were lost.",
            )
        if len(line) > 1 and line[1] != split.separator:
            raise _fault(
                "astm.record",
                "This line is no record: its second character is not the field delimiter.",
                number,
                hint="A line end inside a record cuts it in two; escaped, it is &X0D&. Nothing of the file was sent.",
            )
        open_message.append(record := Record(number, tuple(split(line))))
        if kind == "L":
            _well_ended(record)
            _no_gap(open_message)
            yield open_message
            open_message = []
    _none_open(open_message)


# --------------------------------------------------------------------- frames


def _unframed(data: bytes) -> bytes:
    """Take the frames off, checking each."""
    texts: list[bytes] = []
    before: tuple[int, bytes] | None = None
    whole = ended = True  # the record before, and the message before: else no session can begin
    position = _end(_BETWEEN.match(data))
    while position < len(data):
        frame = _FRAME.match(data, position)
        if frame is None:
            raise _bad_frame("A frame is not whole, or something stands between two frames.", position)
        if sum(data[position + 1 : frame.end("end")]) % 256 != int(frame["sum"], 16):
            raise _bad_frame("The checksum of a frame is wrong: bytes were lost or changed.", position)
        number = int(frame["number"])
        if before is None or before != (number, frame["text"]):  # the same again: it was sent twice
            in_sequence = before is not None and number == (before[0] + 1) % 8
            begins = (whole if before is None else ended) and _HEADER.match(frame["text"])
            if not in_sequence and not begins:
                raise _bad_frame("The frame numbers are not in sequence: a frame is missing.", position)
            texts.append(frame["text"])
            whole = frame["end"] == b"\x03"
            ended = whole and _ends_a_message(texts)
        between = _BETWEEN.match(data, frame.end())
        before = None if between and between[0].strip(b"\r\n \t\x06") else (number, frame["text"])
        position = _end(between)
        if frame["end"] == b"\x03":
            texts.append(b"\r")
    return b"".join(texts)


def _ends_a_message(texts: Sequence[bytes]) -> bool:
    """Tell whether the last record is an L record; it may be in two frames."""
    last = b"".join(texts[-2:]).rstrip(b"\r\n")
    return last[max(last.rfind(b"\r"), last.rfind(b"\n")) + 1 :][:1] in b"Ll" and last != b""


def _end(match: re.Match[bytes] | None) -> int:
    return match.end() if match else 0


def _bad_frame(text: str, byte: int) -> FileError:
    return FileError.of(
        "astm.frame",
        text,
        place=f"byte {byte}",
        hint="Nothing of the file was sent. Have it written again, as it came over the line or without any frames.",
    )


def _text(raw: bytes, encoding: str) -> str:
    """Decode by an encoding; without one: UTF-8, else Windows-1252."""
    for each in (encoding,) if encoding else ("utf-8", "cp1252"):
        try:
            return raw.decode(each)
        except UnicodeDecodeError:
            continue
    raise FileError.of(
        "file.encoding",
        f"The file is not {encoding}." if encoding else "The file is neither UTF-8 nor Windows-1252.",
        hint="Have it written in UTF-8, or name its encoding, as in inputs.astm.encoding: cp1251.",
    )


# -------------------------------------------------------------------- records


class _Splitter:
    """Splits a record by the delimiters that its header names: H|\\^& is repeat, component, escape."""

    def __init__(self, sep: str, repeat: str, component: str, escape: str, *, encoding: str) -> None:
        self._encoding = encoding
        self.separator, self._repeat, self._component = sep, repeat, component
        meaning = {"F": sep, "S": component, "R": repeat, "E": escape, "H": "", "N": ""}  # H, N: highlighting
        mark = re.escape(escape)
        self._escapes = re.compile(f"{mark}(?:([FSREHN])|X((?:[0-9A-Fa-f]{{2}})+)){mark}")
        self._meaning = meaning
        self._escape = escape

    def __call__(self, line: str) -> list[list[list[str]]]:
        first, _, rest = line.partition(self.separator)
        fields = rest.split(self.separator) if rest else []
        if first.upper() == "H":  # its second field is the delimiters themselves
            return [[["H"]], [[""]], *map(self._field, fields[1:])]
        return [[[first.strip().upper()]], *map(self._field, fields)]

    def _field(self, field: str) -> list[list[str]]:
        return [[self._plain(part) for part in each.split(self._component)] for each in field.split(self._repeat)]

    def _plain(self, part: str) -> str:
        if self._escape in part:
            part = self._escapes.sub(self._unescaped, part)
        return bare(part)

    def _unescaped(self, match: re.Match[str]) -> str:
        if match[1]:
            return self._meaning[match[1]]
        return _text(bytes.fromhex(match[2]), self._encoding)


def _splitter(line: str, number: int, encoding: str) -> _Splitter:
    head = _HEADER.match(line.encode("utf-8"))
    if head is None or len(set(head["marks"])) != 3:
        raise _fault(
            "astm.delimiters",
            "The header record does not name four different delimiters.",
            number,
            hint="Usual is H|\\^&.",
        )
    return _Splitter(head["sep"].decode(), *head["marks"].decode(), encoding=encoding)


def _none_open(records: list[Record]) -> None:
    if records:
        raise _fault(
            "astm.cut-off",
            "The message that starts here has no end (L record).",
            records[0].number,
            hint="The file was probably cut off; nothing of it was sent. Have it written again.",
        )


def _well_ended(record: Record) -> None:
    if reason := _BAD_ENDINGS.get(record.text(3).upper()):
        raise _fault("astm.aborted", f"The message was broken off: {reason} (L-3).", record.number)


def _no_gap(records: list[Record]) -> None:
    """Refuse a number left out, and one that begins anew or stands twice below one record: a record was lost.

    What stands below a patient or order that was lost would go to the one before. Some analyzers count orders over
    all patients, some give every record the number 1, and some count over the day: then a message's first patient and
    order have another number than 1, and so may its first result.
    """
    running = _counts_over_the_day(records)
    before = {} if running else {"R": 0}
    counted = {kind for kind in "POR" if len({each.text(2) for each in records if each.kind == kind}) > 1}
    orders_anew = False
    below: set[str] = set()  # kinds of which one stands below the record before
    for record in records:
        kind = record.kind
        if kind in ("P", "O"):
            if not running:
                before["R"] = 0
            orders_anew = orders_anew or kind == "P"
            below -= {"O", "R"} if kind == "P" else {"R"}
        if kind in ("P", "O", "R") and record.text(2).isdecimal():
            number = int(record.text(2))
            last = before.get(kind, number)
            anew = (kind == "O" and orders_anew) or (kind == "R" and running and number <= 1)
            if number > last + 1 or (number < last and not anew) or (number == last and kind in counted & below):
                raise _fault(
                    "astm.sequence",
                    "The numbers of the records (P-2, O-2, R-2) are not in sequence: a record is missing.",
                    record.number,
                    hint="Nothing of the file was sent. Have it written again.",
                )
            before[kind] = number
            below.add(kind)
            orders_anew = orders_anew and kind != "O"


def _counts_over_the_day(records: list[Record]) -> bool:
    first = {record.kind: record.text(2) for record in reversed(records) if record.text(2).isdecimal()}
    return all(int(first.get(kind, 2)) > 1 for kind in ("P", "O")) and "O" in first


def _fault(code: str, text: str, number: int, *, hint: str = "") -> FileError:
    return FileError.of(code, text, place=f"record {number}", hint=hint)
