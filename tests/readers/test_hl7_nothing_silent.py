"""Ready HL7: what a file says goes out byte for byte, or its message is refused.

What is put in is told apart from what comes out by no code of ours: the expected body is joined here from the
segments that were drawn. The way is that of intake, from the file's bytes to the bytes that are spooled.
"""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import dataclass
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.config.inputs import Inputs
from lab_sender.config.profile import builtin
from lab_sender.intake.compose import Composer
from lab_sender.readers import PdfInput
from lab_sender.readers.hl7 import cut
from lab_sender.readers.hl7.cut import Cut

COMPOSER = Composer(builtin())
SEEDS = st.integers(0, 2**32)
MARKS = (("|", "^~\\&"), ("|", "^~\\&#"), ("$", "*~?%"), ("!", "^:\\&"), ("|", "^~"))
CHARSETS = {"UNICODE UTF-8": "utf-8", "8859/1": "latin-1", "8859/15": "iso8859-15", "ASCII": "ascii", "": "utf-8"}
WORDS = ("Ulna", "Zoë", "50 %", "<5", "1:128", "1.67683E+15", "#N/A", "NULL", "4,5", '""', " blanks ", "a\tb", "\x01")
"""All that a guard would look at in another format."""
KNOWN = ("AL1", "DG1", "GT1", "IN1", "MRG", "NK1", "PID", "PV1", "ORC", "OBR", "OBX", "NTE", "SPM", "TQ1", "ZQ7")
ENDS = (b"\r", b"\n", b"\r\n")


@dataclass
class Message:
    """The fields of each segment as text; `codec` is the character set's."""

    separator: str
    marks: str
    codec: str
    segments: list[list[str]]

    def body(self) -> bytes:
        return "".join(self.separator.join(fields) + "\r" for fields in self.segments).encode(self.codec)


class Messages:
    """Draws messages in which every field is its own."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.one = self.random.choice
        self.numbers = itertools.count(1)
        self.marks = self.one(MARKS)

    def message(self) -> Message:
        separator, marks = self.marks
        charset = self.one(list(CHARSETS))
        made = Message(separator, marks, CHARSETS[charset], [])
        component, repetition = marks[:2]

        def word() -> str:
            text = self.one(("{0}{1}", "{1}{0}")).format(self.one(WORDS), next(self.numbers))
            text = text.encode(made.codec, "ignore").decode(made.codec)
            return "".join(sign for sign in text if sign not in separator + marks)

        def field() -> str:
            signs = [component, repetition, *marks[3:4]]
            return "".join(f"{self.one(signs)}{word()}" for _ in range(self.one([0, 1, 1, 3])))[1:]

        def segment(name: str) -> list[str]:
            return [name, "1", *(field() for _ in range(self.random.randrange(25)))]

        kind = component.join(("ORU", "R01", "ORU_R01"))
        number = self.one(["", f"M{next(self.numbers)}"])
        head = ["MSH", marks, "LAB", field(), "HIS", "", "20260101", "", kind, number, "P", "2.5.1", *[""] * 5]
        made.segments = [[*head, charset], segment("PID"), segment("PV1")]
        for _ in range(self.one([1, 2])):
            made.segments += [["ORC", "RE", field()], segment("OBR")]
            for _ in range(self.one([1, 2])):
                made.segments += [segment("OBX"), segment("NTE")]
        return made

    def with_one_thing_more(self, made: Message, kind: str) -> None:
        """Put into a message what it need not have: part of a field, a field, a segment anywhere, an escape."""
        fields = self.one(made.segments)
        first = 10 if fields[0] == "MSH" else 1  # what MSH says up to its number decides the way of the message
        at = self.random.randrange(first, len(fields) + 1)
        fields += [""] * (at + 1 - len(fields))
        component, repetition, *others = made.marks
        escape = others[0] if others else ""
        match kind:
            case "component" | "repetition" | "subcomponent":
                sign = {"component": component, "repetition": repetition}.get(kind, "".join(others[1:2]))
                fields[at] += f"{sign}Qq77"
            case "field":
                fields += [""] * self.random.randrange(40) + ["Qq77"]
            case "escape":
                fields[at] += f"{escape}ZQq77{escape}"
            case "empty segment":
                made.segments.insert(self._place(made), [self.one(("NTE", "OBX", "PV1"))])
            case "unknown segment":
                made.segments.insert(self._place(made), ["QQQ", "1", "Qq77"])
            case _:
                made.segments.insert(self._place(made), [self.one(KNOWN), "1", "Qq77"])

    def _place(self, made: Message) -> int:
        return self.random.randrange(1, len(made.segments) + 1)


ODD = ("component", "repetition", "subcomponent", "field", "escape", "segment", "empty segment", "unknown segment")


def spooled(data: bytes) -> list[tuple[bytes | None, str]]:
    """The bytes that would go out for each message of a file, and the code of each that is refused."""
    return [(message.body, message.code) for message in COMPOSER.interpret(data, "a.hl7").messages]


def without_number(body: bytes, separator: str) -> list[bytes]:
    """A body in pieces, without MSH-10: a message that has none is given one."""
    head, _, rest = body.partition(b"\r")
    pieces = head.split(separator.encode())
    return [*pieces[:9], *pieces[10:], rest]


def is_same(sent: bytes | None, made: Message) -> bool:
    """Whether a body went out as it was drawn; only an empty MSH-10 may have been filled."""
    wanted = made.body()
    if made.segments[0][9]:
        return sent == wanted
    return sent is not None and without_number(sent, made.separator) == without_number(wanted, made.separator)


@examples(200)
@given(SEEDS, st.sampled_from(ENDS), st.booleans())
def test_every_byte_of_a_message_goes_out(seed, end, framed):
    made = Messages(seed).message()
    data = made.body()
    data = b"\x0b" + data + b"\x1c\r" if framed else data
    ((sent, code),) = spooled(data.replace(b"\r", end))
    assert code == ""
    assert is_same(sent, made)


@examples(300)
@given(SEEDS, st.sampled_from(ODD))
def test_one_thing_more_goes_out_too_or_refuses(seed, kind):
    """Only a segment of no version of HL7 refuses: it may be the rest of a line that broke."""
    drawn = Messages(seed)
    made = drawn.message()
    drawn.with_one_thing_more(made, kind)
    ((sent, code),) = spooled(made.body())
    if kind == "unknown segment":
        assert (sent, code) == (None, "hl7.broken-line")
    else:
        assert code == ""
        assert is_same(sent, made)


@examples(100)
@given(SEEDS, st.sampled_from(("", *ODD)), st.sampled_from(ENDS))
def test_a_message_of_usual_lines_is_cut_at_one_look_as_line_by_line(seed, kind, end):
    drawn = Messages(seed)
    made = drawn.message()
    drawn.with_one_thing_more(made, kind or "field")
    data = made.body().replace(b"\r", end)
    cuts = [Cut(data)]
    with mock.patch.object(cut, "_USUAL", re.compile(rb"(?!)")):
        cuts.append(Cut(data))
    at_once, by_line = ([(each.lines, each.ids, each.numbers, each.broken) for each in one.chunks] for one in cuts)
    assert at_once == by_line
    assert cuts[0].ended == cuts[1].ended


@examples(100)
@given(SEEDS, st.integers(1, 4), st.booleans())
def test_one_bad_message_among_others_costs_them_no_byte(seed, bad, batch):
    drawn = Messages(seed)
    messages = [drawn.message() for _ in range(5)]
    drawn.with_one_thing_more(messages[bad], "unknown segment")
    data = b"".join(made.body() for made in messages)
    if batch:
        separator, marks = drawn.marks
        head = f"FHS{separator}{marks}\rBHS{separator}{marks}\r"
        data = head.encode() + data + f"BTS{separator}5\rFTS{separator}1\r".encode()
    told = spooled(data)
    assert [code for _, code in told] == ["hl7.broken-line" if n == bad else "" for n in range(5)]
    del told[bad], messages[bad]
    assert all(is_same(sent, made) for (sent, _), made in zip(told, messages, strict=True))


@examples(100)
@given(SEEDS)
def test_a_pdf_beside_a_message_is_one_segment_more_and_nothing_else(seed):
    made = Messages(seed).message()
    composer = Composer(builtin(), Inputs(pdf=PdfInput(beside="attach")))
    (item,) = composer.interpret(made.body(), "a.hl7").items
    (entry,) = composer.entries(item, {"a.pdf": b"%PDF-1.4 %%EOF"}, "a.pdf")
    sent = entry.body
    assert sent is not None
    lines = sent.split(b"\r")
    (added,) = [n for n, line in enumerate(lines) if b"JVBERi0xLjQgJSVFT0Y=" in line]
    del lines[added]
    assert is_same(b"\r".join(lines), made)
