"""Documents of a DiagnosticReport: presentedForm and media.

Holds: data in the report, in a Binary of the bundle, or at a web address.
Promises: a document goes out as its own bytes; one that is not of its stated size or hash is quarantined as damaged.
What lies elsewhere goes out as a pointer (HL7 RP).
Never: fetches anything.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable

from lab_sender.readers.fhir.bundle import Element
from lab_sender.report.model import Attachment, Coded, Result


class Documents:
    """Gathers the documents of one report, by the names under which its attachments have them."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}

    def read(
        self, report: Element, test: Coded, check: Callable[[Element], None]
    ) -> tuple[list[Attachment], list[Result]]:
        """Read the documents of a DiagnosticReport of code `test`: those that are in the file, and pointers.

        `check` rejects a resource of another patient than the report's.
        """
        forms = [(one, [one.text("title")]) for one in report.many("presentedForm")]
        for one in report.many("media"):
            media = one.one("link").follow("Media", needed=True)
            if media:
                check(media)
            if media.peek("status") == "entered-in-error":
                media.fault("fhir.entered-in-error", "The document was entered in error.", "status",
                            hint="Leave it out of the report.")  # fmt: skip
            form = media.one("content")
            said = [note.text("text") for note in media.many("note")]
            forms.append((form, [form.text("title"), one.text("comment"), *said]))
        attachments, pointers = [], []
        for form, said in forms:
            if not form:
                continue
            notes = [text for text in said if text]
            mime = form.text("contentType").partition(";")[0].strip()
            data, url = form.text("data"), form.text("url")
            if url and not data and (binary := form.leads_to(url)) is not None:
                holder = form.enter(binary)
                mime, data = mime or holder.text("contentType"), holder.text("data")
            if data:
                name = f"document-{len(self.data) + 1}"
                self.data[name] = _decoded(form, data)
                attachments.append(Attachment(name, mime, notes=notes))
                if form.has("url") and form.has("data"):
                    form.left("url")
            elif url.startswith(("http://", "https://")):
                top, _, subtype = mime.partition("/")
                value = {"pointer": url, "type": top, "subtype": subtype}
                pointers.append(Result(test=test, type="RP", value=value, notes=notes))
            else:
                form.fault("fhir.document", "The document is neither in the file nor at a web address.",
                           hint="Give `data`, or a Binary in the bundle.")  # fmt: skip
        return attachments, pointers


def _decoded(form: Element, text: str) -> bytes:
    """Decode a document; one that does not agree with its stated size or hash is damaged."""
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        form.fault("fhir.invalid", "The value does not have the form of its FHIR type.", "data")
        return b""
    size, sha1 = form.number("size"), form.text("hash")
    # FHIR fixes SHA-1 for Attachment.hash; it guards against damage here, not against a forger.
    if size not in ("", str(len(data))) or (
        sha1 and sha1 != base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
    ):
        form.fault("fhir.document", "The document is not of the size or hash that is stated: it is damaged.", "data")
    return data
