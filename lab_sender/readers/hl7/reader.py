"""Ready HL7 files: one or many ORU^R01 messages, cut out of their file and otherwise untouched.

Holds: the step from a message's lines to an item, and the few fields that the sender needs to know.
Promises: a body is the file's own bytes between two message heads; only line ends become CR and blank lines go.
What makes it doubtful where a segment ends, or whether it is whole, quarantines that message.
Never: checks or repairs what a message says beyond that. Ready HL7 is trusted.
"""

from __future__ import annotations

import hashlib
import re

from lab_sender.config.inputs import Hl7Input
from lab_sender.errors import Finding
from lab_sender.hl7.message import msh_of, text_of
from lab_sender.hl7.orders import facts_of, patient_key_of
from lab_sender.readers.hl7 import doubts
from lab_sender.readers.hl7.cut import Chunk, Cut
from lab_sender.readers.items import BadItem, Item, ReadyItem, few_bad

_START = re.compile(rb"(?i:MSH|FHS|BHS)[!-/:-@\[-`{-~]")


class Hl7Reader:
    """One or many messages, with or without batch envelope and MLLP bytes."""

    kind = "hl7"

    def __init__(self, settings: Hl7Input) -> None:
        self._settings = settings

    def recognises(self, data: bytes, start: int, /) -> bool:
        """Say whether a message or an envelope begins here."""
        return _START.match(data, start) is not None

    def read(self, data: bytes, _name: str, /) -> list[Item]:
        """Cut a file into its messages. Raises `FileError` where the file as a whole is in doubt."""
        cut = Cut(data)
        alone = len(cut.chunks) == 1
        last = cut.chunks[-1]

        def item(number: int, chunk: Chunk) -> Item:
            made = self._item(chunk, "" if alone else f"message {number}")
            return made if chunk is not last or isinstance(made, BadItem) else self._whole(made, chunk, cut)

        return few_bad(item(number, chunk) for number, chunk in enumerate(cut.chunks, 1))

    def _whole(self, item: Item, chunk: Chunk, cut: Cut) -> Item:
        """Refuse the last message of a file that broke off in it."""
        if cut.framed_open:
            finding = Finding(
                "hl7.frame-open",
                "The MLLP frame of this message is opened (VT) but not closed (FS).",
                place=chunk.place,
                hint="The file was probably cut off; have it written again.",
            )
        elif not cut.ended and self._settings.end == "required":
            finding = Finding(
                "hl7.cut",
                "The last segment has no line end (CR): the file was probably cut off, a value with it.",
                place=f"line {chunk.numbers[-1]}",
                hint="Have it written again. If this source always leaves the last line end out, set"
                " inputs.hl7.end: optional.",
            )
        else:
            return item
        return BadItem(item.place, (finding,), item.digest)

    def _item(self, chunk: Chunk, place: str) -> Item:
        body = b"\r".join(chunk.lines) + b"\r"
        digest = hashlib.sha256(body).digest()
        text = text_of(body)
        msh = msh_of(text)
        if wrong := doubts.delimiters(msh.field(2)):
            finding = Finding("hl7.delimiters", wrong, place=chunk.place, hint="Usual is MSH|^~\\&|.")
            return BadItem(place, (finding,), digest)
        escapes_lf = self._settings.line_feed == "escape"
        findings = tuple(doubts.faults(chunk, body, msh, text, escapes_lf=escapes_lf))
        if findings:
            return BadItem(place, findings, digest)
        if escapes_lf and b"\n" in body:
            body = body.replace(b"\n", (msh.delimiters.escape or "\\").encode().join((b"", b".br", b"")))

        lines = text.removesuffix("\r").split("\r")

        def of(*segments: bytes) -> list[str]:
            return [line for line, kind in zip(lines, chunk.ids, strict=True) if kind in segments]

        patients = of(b"PID")
        return ReadyItem(
            place=place,
            body=body,
            control_id=msh.field(10) if msh.field(10).strip() else "",
            version=msh.version,
            charset=msh.charset,
            orders=facts_of(of(b"PID", b"OBR") if len(patients) > 1 else of(b"OBR"), msh.delimiters),
            patient_key=patient_key_of(patients, msh.delimiters),
            digest=digest,
            remarks=tuple(doubts.remarks(chunk, msh, text, place)),
        )
