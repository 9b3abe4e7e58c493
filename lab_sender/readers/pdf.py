"""A PDF alone: whose it is stands in its name.

Holds: the groups of `inputs.pdf.name`, and the report that they make.
Promises: a PDF is sent only if its whole name fits the site's pattern and says the patient and the order number.
Never: looks into the PDF, or repeats a name in an error text: it holds patient data.
"""

from __future__ import annotations

import re

from lab_sender.config.inputs import PdfInput
from lab_sender.errors import DocumentAlone, FileError
from lab_sender.readers.items import Item
from lab_sender.readers.reader import report_item
from lab_sender.report.model import (
    Attachment,
    Authority,
    Coded,
    Identifier,
    Name,
    Order,
    OrderNumber,
    Patient,
    Report,
)

_DOCUMENT = "document.pdf"
"""What the report calls its attachment; the file's own name would carry the patient's data along."""
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)")


class PdfReader:
    """A PDF that is a report by itself."""

    kind = "pdf"

    def __init__(self, settings: PdfInput) -> None:
        self._settings = settings

    def recognises(self, data: bytes, start: int, /) -> bool:
        return self._settings.name is not None and data.startswith(b"%PDF", start)

    def read(self, data: bytes, name: str, /) -> list[Item]:
        """Make a report of one order with the PDF. Raises FileError `file.pdf` when the name does not fit."""
        groups = self._settings.name.whole(name) if self._settings.name else None
        if groups is None or not name.isprintable():  # also where it is not UTF-8
            text = "The file is a PDF, and its name does not fit inputs.pdf.name."
            hint = "Name it as agreed, or name it as an attachment in a report beside it."
            raise FileError([DocumentAlone("file.pdf", text, hint=hint)])
        said = {key: value.strip() for key, value in groups.items()}
        patient_id, filler, placer = said.get("patient_id", ""), said.get("filler", ""), said.get("placer", "")
        authority = Authority(namespace=said.get("authority", ""))
        code, text, system = self._settings.test
        if said.get("code"):
            code, text, system = said["code"], said.get("text", ""), said.get("system") or "L"
        patient = Patient(
            ids=[Identifier(patient_id, authority if authority.namespace else "")] if patient_id else [],
            name=Name(family=said.get("family", ""), given=said.get("given", "")),
            birth=_DATE.sub(r"\1-\2-\3", said.get("birth", "")),
            sex=said.get("sex", "").upper(),
        )
        order = Order(
            test=Coded(code, text, system),
            filler=OrderNumber(filler) if filler else "",
            placer=OrderNumber(placer) if placer else "",
            attachments=[Attachment(path=_DOCUMENT, mime="application/pdf")],
        )
        return [report_item("", Report(patient=patient, orders=[order]), {_DOCUMENT: data})]
