"""A file beside the report to an OBX of type ED.

Holds: media types by file name and by first bytes, and the default observation of an attachment.
Promises: the file's bytes are sent whole, in Base64; a file that is not of its stated type is a finding.
Never: opens a file; the intake hands the bytes over.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from lab_sender.oru.writer import Writer
from lab_sender.report.model import Attachment, Coded
from lab_sender.report.pdf import CUT_HINT, is_cut

_BY_SUFFIX: Final = {
    "pdf": "application/pdf",
    "rtf": "application/rtf",
    "json": "application/json",
    "zip": "application/zip",
    "dcm": "application/dicom",
    "xml": "text/xml",
    "cda": "text/xml",
    "html": "text/html",
    "htm": "text/html",
    "txt": "text/plain",
    "csv": "text/csv",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "tif": "image/tiff",
    "tiff": "image/tiff",
}
_BY_MAGIC: Final = (
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf", "application/rtf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"<?xml", "text/xml"),
    (b"PK\x03\x04", "application/zip"),
)
_UNKNOWN: Final = "application/octet-stream"

_DISPLAY: Final = {
    "application/pdf": Coded("PDF", "Display format in PDF", "AUSPDI"),
    "text/html": Coded("HTML", "Display format in HTML", "AUSPDI"),
    "text/plain": Coded("TXT", "Display format in TEXT", "AUSPDI"),
}
_REPORT: Final = Coded("11502-2", "Laboratory report", "LN")


def media_type(attachment: Attachment, data: bytes) -> str:
    """Return the media type as stated, else by the file's name, else by its first bytes."""
    if attachment.mime:
        return attachment.mime.strip().lower()
    suffix = attachment.path.rpartition(".")[2].lower()
    by_magic = next((kind for magic, kind in _BY_MAGIC if data.startswith(magic)), _UNKNOWN)
    return _BY_SUFFIX.get(suffix, by_magic)


def observation(attachment: Attachment, kind: str, default: Coded | None) -> Coded:
    """Return OBX-3 of an attachment of media type `kind`; `default` is the site's for one without a test."""
    return attachment.test or default or _DISPLAY.get(kind, _REPORT)


def fault_of_cut(w: Writer, field: int, at: str, key: str = "") -> None:
    """Note a PDF that is cut off: an error, or a warning where the site sends it all the same."""
    w.fault(
        "attachment.cut", "The PDF has no end mark (%%EOF): it is cut off.", field, at, key, hint=CUT_HINT,
        severity="warning" if w.site.profile.attachments.cut == "send" else "error",
    )  # fmt: skip


def write_data(w: Writer, kind: str, data: bytes | None) -> str:
    """Return OBX-5 of type ED: `^application^pdf^Base64^...`; `data` is None where the file is not there."""
    if data is None:
        w.fault(
            "attachment.missing", "The attached file is not there.", 5, "path",
            hint="Put it into the outbox, under the name that the report says.",
        )  # fmt: skip
        return ""
    top, slash, subtype = kind.partition("/")
    if not slash or not top or not subtype:
        w.fault("attachment.mime", "This is not a media type.", 5, "mime", hint="It is like application/pdf.")
    if not data:
        w.fault("attachment.empty", "The attached file is empty.", 5, "path", hint="Was it still being written?")
    elif kind == "application/pdf":
        if not data.startswith(b"%PDF-"):
            w.fault("attachment.not-pdf", "The file is said to be a PDF and does not begin like one.", 5, "path")
        elif is_cut(data):
            fault_of_cut(w, 5, "path")
    head = f"^{w.text(top, 5, 'mime')}^{w.text(subtype, 5, 'mime')}^Base64^"
    return head + b64encode(data).decode("ascii")
