"""What a file is that no reader recognises.

Holds: the first bytes of files that are dropped by mistake, the marks and names of workbooks, and the next step for
each.
Promises: every file has an answer; no text quotes the file.
Never: decides whether a file can be read; the readers have.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from lab_sender.errors import DocumentAlone, FileError

# The longer marks first: UTF-32 LE starts like UTF-16 LE.
_OTHER_ENCODINGS = (
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\xfe\xff", "UTF-16"),
    (b"\xff\xfe", "UTF-16"),
)
_WIDE_START = re.compile(rb"\x00*[\[{MFB\r\n\t ]\x00")

_ATTACH = "It travels as an attachment: name it in a report beside it."
_AS_CSV = "Save it as CSV (UTF-8), and drop that."
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_DOCUMENTS = (
    (b"%PDF", "file.pdf", "a PDF", f"{_ATTACH} Or see docs/files/documents.md."),
    (b"{\\rtf", "file.rtf", "an RTF document", _ATTACH),
    (b"\xff\xd8\xff", "file.image", "a JPEG picture", _ATTACH),
    (b"\x89PNG", "file.image", "a PNG picture", _ATTACH),
    (b"GIF8", "file.image", "a GIF picture", _ATTACH),
    (b"II*\x00", "file.image", "a TIFF picture", _ATTACH),
    (b"MM\x00*", "file.image", "a TIFF picture", _ATTACH),
)
"""What may be an attachment whose report has not come yet."""
_OTHERS = (
    (_OLD_OFFICE, "file.workbook", "an old Office document, such as a workbook", _AS_CSV),
    (_ZIP, "file.archive", "a ZIP archive", "Put its files into the outbox one by one."),
    (b"\x1f\x8b", "file.archive", "a gzip archive", "Put the unpacked file into the outbox."),
    (b"<", "file.unknown-format", "XML or HTML", ""),
)
_WANTED = "Result files are JSON, NDJSON, CSV, FHIR, ASTM records, or HL7 v2 ORU^R01 messages; see docs/FILES.md."
_WORKBOOKS = (
    (_ZIP, re.compile(rb"xl/(?:workbook|worksheets|styles|sharedStrings)"), "an Excel workbook"),
    (_ZIP, re.compile(rb"mimetypeapplication/vnd\.oasis\.opendocument\.spreadsheet"), "an OpenDocument spreadsheet"),
    (_OLD_OFFICE, re.compile(rb"W\0o\0r\0k\0b\0o\0o\0k\0"), "an Excel workbook"),
    (_OLD_OFFICE, re.compile(rb"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0"), "a workbook or document with a password"),
    (b"<", re.compile(rb"urn:schemas-microsoft-com:office:(?:spreadsheet|excel)"), "an Excel workbook"),
)
"""How a file of a workbook starts, and what is in it."""
_OF_WORKBOOKS = {
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".xlt"), "an Excel workbook"),
    ".ods": "an OpenDocument spreadsheet",
}
"""Endings of names."""
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x19\x1b\x1d-\x1f\x7f]")


def unrecognised(data: bytes, start: int, name: str = "") -> FileError:
    """Name what a file is that is no result file; `name` is its name in the outbox."""
    if start == len(data):
        return FileError.of("file.empty", "The file holds nothing.", hint="Was it dropped before it was written?")
    for mark, encoding in _OTHER_ENCODINGS:
        if data.startswith(mark):
            return _wide(encoding)
    if _WIDE_START.match(data):
        return _wide("UTF-16 or UTF-32")
    if workbook := _workbook(data, start, name):
        return FileError.of("file.workbook", f"The file is {workbook}, not a result file.", hint=_AS_CSV)
    for mark, code, what, hint in _DOCUMENTS:
        if data.startswith(mark, start):
            return FileError([DocumentAlone(code, f"The file is {what}, not a result file.", hint=hint)])
    for mark, code, what, hint in _OTHERS:
        if data.startswith(mark, start):
            return FileError.of(code, f"The file is {what}, not a result file.", hint=hint or _WANTED)
    nul = data.find(b"\x00")
    if nul >= 0:
        return FileError.of(
            "file.binary",
            "The file holds NUL bytes.",
            place=f"byte {nul}",
            hint="It is no text, or its writer crashed and left it incomplete; have it written again.",
        )
    if control := _CONTROL.search(data, 0, 4096):
        return FileError.of(
            "file.binary", "The file holds binary data.", place=f"byte {control.start()}", hint=_WANTED
        )
    return FileError.of(
        "file.unknown-format", "The file is of no format that is read here.", place=f"byte {start}", hint=_WANTED
    )


def _workbook(data: bytes, start: int, name: str) -> str:
    """Say by its content what a workbook is, else by its name; "" for others, and for what its writer left empty."""
    for mark, inside, what in _WORKBOOKS:
        if data.startswith(mark, start) and inside.search(data):
            return what
    return _OF_WORKBOOKS.get(PurePath(name).suffix.lower(), "") if data.strip(b"\0") else ""


def _wide(encoding: str) -> FileError:
    return FileError.of(
        "file.encoding",
        f"The file is written in {encoding}.",
        place="byte 0",
        hint="Write JSON in UTF-8, and HL7 in UTF-8 or the character set its MSH-18 names; "
        "MLLP cannot carry UTF-16 or UTF-32.",
    )
