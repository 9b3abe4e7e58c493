"""What makes a ready message doubtful: reasons not to send it, and what should be looked at.

Holds: the faults that quarantine a message, and the remarks on one that goes out as it is.
Promises: a fault names its line and what to do; nothing here quotes what the message says. What may have cut a
result, or put it where nobody looks, is a fault; what the HIS may merely dislike is a remark.
Never: changes a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab_sender.errors import Finding
from lab_sender.hl7.charset import READABLE
from lab_sender.hl7.message import USUAL, Delimiters, Msh
from lab_sender.readers.hl7.cut import Chunk

_FRAME_BYTE = re.compile(rb"[\x0b\x1c]")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}(?:\W|\Z)")
_LONG_RUN = 12  # letters of Base64 that no word has
_JOINED = re.compile(r" (?:(?:PID|NK1|PV1|OBR|OBX|NTE|SPM|TQ1)(.)[0-9]{1,4}\1|ORC(.)[A-Z]{2}\2)")
_RUN_ON = re.compile(
    r"(?<=[A-Za-z0-9])OB[RX](.)[0-9]{1,4}\1|(?:(?<=[a-z0-9.)])|(?<=\W[A-Z]))(?:(?:PID|NTE|SPM)(.)[0-9]{1,4}\2|ORC(.)[A-Z]{2}\3)"
)
"""The same with nothing in between, where the letters before are those of no word: `RAPID|1|` is one."""
_ONES_RUN_ON = ("OBX", "OBR", "NTE", "PID", "SPM", "ORC")
_CONTROLS = bytes({*range(0x20), 0x7F} - {0x0A, 0x0D})
_AS_BLANKS = dict.fromkeys((*_CONTROLS, 0x85, 0x2028, 0x2029), " ")
"""What some programs end a line with, or leave where a line ended: form feed, tab, U+0085, U+2028."""
_SOUND_OBX = re.compile(
    r"\rOBX\|[^|\r]*+\|(?:(?!(?:NM|SN|DT|TM|TS|DTM|)\|)[^|\r]*+\|[^|\r]*+\|[^|\r]*+\|[^|\r]*+|NM\|[^|\r]*+\|[^|\r]*+\|"
    r"(?:[+-]?(?:[0-9]++(?:\.[0-9]++)?|\.[0-9]++))?+)"
    r"(?:\|[^|\r]*+){5}\|[^|\r]"
)
"""An OBX, in the usual delimiters, that no remark can be about: the quick look at a whole message."""
_NUMBER = re.compile(r'(?:[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)|"")?').fullmatch
_TIME_OF_DAY = r"[0-9]{2}(?:[0-9]{2}(?:[0-9]{2}(?:\.[0-9]{1,4})?)?)?"
_OFFSET = r"(?:[+-][0-9]{4})?"
_STAMP = re.compile(rf"[0-9]{{4}}(?:[0-9]{{2}}(?:[0-9]{{2}}(?:{_TIME_OF_DAY})?)?)?{_OFFSET}").fullmatch
_KINDS = {
    "NM": ("number", _NUMBER),
    "SN": ("structured number", _NUMBER),
    "DT": ("date", re.compile(r"[0-9]{4}(?:[0-9]{2}){0,2}").fullmatch),
    "TM": ("time", re.compile(_TIME_OF_DAY + _OFFSET).fullmatch),
    "TS": ("time stamp", _STAMP),
    "DTM": ("time stamp", _STAMP),
}
"""Types of OBX-2 whose form can be seen (chapter 2A): in words, and what a part of them is."""
_SN_SIGNS = (frozenset(("", ">", "<", ">=", "<=", "=", "<>")), frozenset(("", "-", "+", "/", ".", ":")))
_MOST_NAMED = 5  # lines named one by one
_LONGEST_CONTROL_ID = 20  # up to 2.6 (MSH-10, chapter 2)


def delimiters(msh2: str) -> str:
    """Say what is wrong with MSH-2; "" where nothing is: two to five different signs (chapter 2.5.4)."""
    if msh2 == "^~\\&":
        return ""
    foreign = next((each for each in msh2 if not each.isascii()), "")
    if foreign:
        return f"MSH-2 has a character that is not ASCII (U+{ord(foreign):04X})."
    signs = all(33 <= ord(each) < 127 and not each.isalnum() for each in msh2)
    if not signs or not 2 <= len(msh2) <= 5 or len(set(msh2)) != len(msh2):
        return "MSH-2 must name two to five different encoding characters."
    return ""


def faults(chunk: Chunk, body: bytes, msh: Msh, text: str, *, escapes_lf: bool) -> Iterator[Finding]:
    """Tell why a message cannot be sent as it is; `text` is that of `body`."""
    yield from _kind(chunk, msh)
    yield from _broken_lines(chunk)
    if b"\n" in body and not escapes_lf:
        yield from _named(
            [number for number, line in zip(chunk.numbers, chunk.lines, strict=True) if b"\n" in line],
            "hl7.line-feed",
            "A line feed stands inside this segment, whose end is a CR.",
            "Many receivers would cut the segment there. The source must write it as \\.br\\; or set"
            " inputs.hl7.line_feed: escape, and it is written so here.",
        )
    if not body.isascii() or len(body.translate(None, _CONTROLS)) < len(body):
        text = text.translate(_AS_BLANKS)
    if joined := _joined(chunk, msh.delimiters.field, text):
        yield from _named(
            joined,
            "hl7.joined",
            "A segment begins in the middle of this line.",
            "The line end before it is missing, and the HIS would not see it; have the message written again.",
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
        yield from _charset(chunk, body, msh)


def _joined(chunk: Chunk, separator: str, text: str) -> list[int]:
    """Return the numbers of the lines in which a segment begins."""
    run_on = any(text.count(f"{name}{separator}") != chunk.ids.count(name.encode()) for name in _ONES_RUN_ON)
    if not run_on and not _JOINED.search(text):
        return []
    lines = text.removesuffix("\r").split("\r")
    return [
        number
        for number, line in zip(chunk.numbers, lines, strict=True)
        if any(separator in found.groups() for pattern in (_JOINED, _RUN_ON) for found in pattern.finditer(line))
    ]


def remarks(chunk: Chunk, msh: Msh, text: str, place: str) -> Iterator[Finding]:
    """Tell what a HIS may stumble over in a message that goes out as it is."""
    length = len(msh.field(10))
    if length > _LONGEST_CONTROL_ID and msh.version < "2.7":
        yield Finding(
            "hl7.control-id-long",
            f"MSH-10 has {length} characters; up to HL7 2.6 the most are {_LONGEST_CONTROL_ID}.",
            place,
            "MSH-10",
            "A HIS that answers with the first of them only is not understood: have a shorter one written.",
            severity="warning",
        )
    count = chunk.ids.count(b"OBX")
    if msh.delimiters == USUAL and len(_SOUND_OBX.findall(text)) == count:
        return
    numbers = [number for number, kind in zip(chunk.numbers, chunk.ids, strict=True) if kind == b"OBX"]
    lines = text.removesuffix("\r").split("\r")
    observations = [line for line, kind in zip(lines, chunk.ids, strict=True) if kind == b"OBX"]
    untyped, unstated = list[int](), list[int]()
    wrong: dict[str, list[int]] = {}
    for number, line in zip(numbers, observations, strict=True):
        fields = line.split(msh.delimiters.field, 12)
        if len(fields) < 12 or not fields[11]:
            unstated.append(number)
        kind, value = fields[2:3], (*fields[5:6], "")[0]
        if kind == [""] and value:
            untyped.append(number)
        elif kind and not _is_of_kind(kind[0], value, msh.delimiters):
            wrong.setdefault(kind[0], []).append(number)
    for name, at in wrong.items():
        text = f"OBX-2 says {_KINDS[name][0]} ({name}), and OBX-5 is none{_where(at)}."
        yield Finding("hl7.value-type", text, place, "OBX-5", severity="warning")
    if untyped:
        text = f"OBX-2 is empty: nothing says what kind of value OBX-5 is{_where(untyped)}."
        yield Finding("hl7.value-type", text, place, "OBX-2", severity="warning")
    if unstated:
        text = f"OBX-11 is empty: the result has no status{_where(unstated)}."
        yield Finding("hl7.no-status", text, place, "OBX-11", severity="warning")


def _is_of_kind(kind: str, field: str, delimiters: Delimiters) -> bool:
    """Say whether each repetition of OBX-5 has the form that OBX-2 promises, where it can be seen."""
    if kind not in _KINDS:
        return True
    values = field.split(delimiters.repetition)
    return all(_has_form(kind, value.strip(" "), delimiters.component) for value in values)


def _has_form(kind: str, value: str, component: str) -> bool:
    form = _KINDS[kind][1]
    if value in ("", '""'):
        return True
    if kind == "SN":
        comparator, number, sign, second, *more = (*value.split(component), "", "", "")
        signs = comparator in _SN_SIGNS[0] and sign in _SN_SIGNS[1]
        return signs and bool(form(number) and form(second)) and not any(more)
    if kind == "TS":
        value = value.partition(component)[0]  # the second is how precise it is
    return form(value) is not None


def _where(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:_MOST_NAMED]))
    more = f" and {len(numbers) - _MOST_NAMED} more" if len(numbers) > _MOST_NAMED else ""
    return f" (line {shown}{more})"


def _kind(chunk: Chunk, msh: Msh) -> Iterator[Finding]:
    kind = msh.field(9).upper().split(msh.delimiters.repetition)[0].split(msh.delimiters.component)
    if kind[0].strip() != "ORU" or (len(kind) > 1 and kind[1].strip() not in ("R01", "")):
        mark = msh.delimiters.component
        otherwise = mark != "^" and "^" in msh.field(9)
        hint = f"MSH-2 says that {mark} separates components, MSH-9 is written with ^." if otherwise else ""
        yield Finding(
            "hl7.not-oru",
            "MSH-9 is not ORU^R01.",
            place=chunk.place,
            hint=hint or "Only results (ORU^R01) are sent from here.",
        )
    elif b"OBR" not in chunk.ids and b"OBX" not in chunk.ids:
        yield Finding(
            "hl7.no-result",
            "The message has neither an OBR nor an OBX segment.",
            place=chunk.place,
            hint="It was probably cut off; have it written again.",
        )


def _broken_lines(chunk: Chunk) -> Iterator[Finding]:
    if not chunk.broken:
        return
    lines = dict(zip(chunk.numbers, chunk.lines, strict=True))
    runs = [_BASE64.match(lines[number]) for number in chunk.broken[:_MOST_NAMED]]
    document = all(runs) and max((len(run[0]) for run in runs if run), default=0) >= _LONG_RUN
    hint = "A line end inside a field ends the segment there; the source must write it as \\.br\\."
    if document:
        hint = "It looks like a document in Base64: the source must write it without line ends."
    yield from _named(
        chunk.broken,
        "hl7.broken-line",
        "This line does not start with a segment id of HL7 and the field separator.",
        hint,
    )


def _named(numbers: list[int], code: str, text: str, hint: str) -> Iterator[Finding]:
    """Name the first few lines one by one; the last of them counts the others."""
    named = numbers[:_MOST_NAMED]
    more = len(numbers) - len(named)
    for number in named:
        others = f" (And {more} more lines.)" if more and number == named[-1] else ""
        yield Finding(code, text + others, place=f"line {number}", hint=hint)


def _charset(chunk: Chunk, body: bytes, msh: Msh) -> Iterator[Finding]:
    if not msh.field(10).isascii():
        yield Finding(
            "hl7.control-id",
            "MSH-10 holds characters that are not ASCII; an ACK could not be matched to it safely.",
            place=chunk.place,
        )
    if READABLE.get(msh.charset.upper()) == "utf-8":
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
