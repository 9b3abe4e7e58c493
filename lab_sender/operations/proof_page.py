"""A proof as one page: to be read, printed and filed.

Holds: `page_of`, the HTML of a proof.
Promises: one file, without script, and nothing in it is loaded from anywhere. Whatever a message holds is text.
Never: decides what is in a proof.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from lab_sender.log import printable
from lab_sender.operations.wording import size

if TYPE_CHECKING:
    from lab_sender.operations.proof import Acknowledged, Proof, Proven
    from lab_sender.operations.values import Text

_STYLE: Final = """\
:root{color-scheme:light dark}
body{font:15px/1.45 system-ui,"Segoe UI",sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem}
h1{font-size:1.5rem;margin:0 0 .3rem}
h2{font-size:1.15rem;margin:2.2rem 0 .5rem;border-top:2px solid;padding-top:.7rem}
h3{font-size:1rem;margin:1.3rem 0 .3rem}
p.verdict{font-size:1.05rem;font-weight:600;border-left:5px solid;padding:.5rem .9rem;margin:.8rem 0}
p.verdict.good{border-color:#1a7f37}p.verdict.open{border-color:#b35900}
table{border-collapse:collapse;width:100%;margin:.2rem 0}
th,td{text-align:left;vertical-align:top;padding:.22rem .6rem .22rem 0;border-bottom:1px solid #8886}
th{font-weight:600;white-space:nowrap}table.facts th{width:13rem;font-weight:400;opacity:.75}
pre{font:13px/1.45 ui-monospace,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere;
border:1px solid #8886;padding:.6rem;margin:.3rem 0}
code{font:13px ui-monospace,Consolas,monospace;overflow-wrap:anywhere}
.note{border:1px solid;padding:.5rem .9rem}footer{margin-top:2.5rem;font-size:.85rem;opacity:.8}
@media print{body{margin:0;max-width:none;font-size:10pt}pre,code{font-size:8.5pt}h2{break-before:auto}
tr,pre,p{break-inside:avoid}@page{margin:18mm 15mm}}
"""
_NOW: Final = {
    "same": "it is still there, with the same content",
    "differs": "WHAT LIES THERE NOW HAS ANOTHER CONTENT",
    "gone": "it is not there any more",
    "in-work": "it is being worked on",
}


def page_of(proof: Proof) -> str:
    """Write a proof as one HTML page."""
    title = f"What was sent of {proof.asked}"
    made = [
        ("asked about", proof.asked),
        ("made", f"{_at(proof.made_ms)}, by {proof.made_by}"),
        ("on", f"{proof.machine}, journal {proof.journal}"),
        ("lab-sender", proof.version),
        ("configuration", proof.config_digest),
        ("at the agent's last start", proof.config_in_force or ""),
    ]
    parts = [
        f"<h1>{_text(title)}</h1>",
        '<p class="note">This document holds patient data. Keep it where only those read it who may.</p>',
        _facts(made),
        *[_message(number, len(proof.messages), each) for number, each in enumerate(proof.messages, 1)],
        "<h2>What this proves</h2>",
        _list(proof.proves),
        "<h2>What it does not prove</h2>",
        _list(proof.proves_not),
        f"<footer>Made by lab-sender {_text(proof.version)} at {_text(_at(proof.made_ms))}. Times are those of"
        " this machine, with their offset from UTC.</footer>",
    ]
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>"
    )
    return f"{head}\n{chr(10).join(parts)}\n</body></html>\n"


def _message(number: int, of: int, proven: Proven) -> str:
    entry, source = proven.entry, proven.source
    facts = [
        ("state", entry.words),
        ("control id (MSH-10)", entry.control_id or ""),
        ("earlier control ids", ", ".join(proven.former_control_ids)),
        ("orders", ", ".join(each.removesuffix("^") for each in proven.orders)),
        ("destination", entry.destination or ""),
        ("received", _at(entry.received_ms)),
        ("final", _at(entry.final_ms)),
        ("reason", entry.reason or ""),
        ("the HIS's words", proven.his_words or ""),
        ("may have arrived", "yes: a try ended without an answer" if entry.may_have_left else ""),
        ("replaces", "" if entry.replaces is None else f"message {entry.replaces}"),
        ("replaced by", "" if entry.replaced_by is None else f"message {entry.replaced_by}"),
    ]
    file = [
        ("name", f"{source.name} {entry.place or ''}".rstrip()),
        ("received", _at(source.received_ms)),
        ("size", size(source.bytes)),
        ("SHA-256", source.sha256),
        ("came with", ", ".join(source.documents)),
        ("lies at", source.path or ""),
        ("looked at just now", _NOW[source.now]),
    ]
    good = entry.state in ("acked", "duplicate") and not entry.contradicted
    counted = f" ({number} of {of})" if of > 1 else ""
    return "\n".join(
        [
            f"<h2>{_text(entry.what.capitalize())}{counted}</h2>",
            f'<p class="verdict {"good" if good else "open"}">{_text(proven.verdict)}</p>',
            _facts(facts),
            "<h3>Source file</h3>",
            _facts(file),
            "<h3>Message as sent</h3>",
            _body(proven),
            "<h3>Tries and answers</h3>",
            *_tries(proven),
            *_later(proven),
            "<h3>Acts</h3>",
            _acts(proven),
        ]
    )


def _body(proven: Proven) -> str:
    if proven.message is None:
        return "<p>It was never built.</p>"
    checked = "the checksum is that of the moment it was spooled" if proven.is_as_built else "THE CHECKSUM DIFFERS"
    about = f"{proven.message.bytes:,} bytes; SHA-256 {proven.sha256}; {checked}"
    return f"{_segments(proven.message)}<p><code>{_text(about)}</code></p>"


def _tries(proven: Proven) -> Iterable[str]:
    if not proven.tries:
        yield "<p>None.</p>"
    for number, each in enumerate(proven.tries, 1):
        said = [
            ("began", _at(each.began_ms)),
            ("ended", " ".join(filter(None, (each.outcome, f"in phase {each.phase}", each.code)))),
            ("detail", each.detail or ""),
            *_answer(each.ack, f"{each.took_ms:.1f} ms after the last byte"),
        ]
        yield f"<h3>Try {number}</h3>{_facts(said)}"
        if each.ack is not None:
            yield _segments(each.ack.text)


def _later(proven: Proven) -> Iterable[str]:
    for each in proven.later:
        said = [("came", _at(each.at_ms)), *_answer(each.ack, "no try waited for it")]
        yield f"<h3>Later answer</h3>{_facts(said)}{_segments(each.ack.text)}"


def _answer(ack: Acknowledged | None, when: str) -> list[tuple[str, str]]:
    if ack is None:
        return [("answer", "none")]
    fits = "exactly the message's control id" if ack.is_ours else "not the message's control id"
    return [
        ("answer (MSA-1)", f"{ack.code}, {when}"),
        ("MSA-2", f"{ack.control_id or 'none'}: {fits}"),
        ("error codes (ERR-3)", ", ".join(ack.errors)),
        ("SHA-256 of the answer", ack.sha256),
    ]


def _acts(proven: Proven) -> str:
    if not proven.acts:
        return "<p>Nobody did anything about it.</p>"
    rows = [(_at(each.at_ms), each.event, each.who, each.why or "") for each in proven.acts]
    cells = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr><th>when</th><th>what</th><th>who</th><th>why</th></tr>{cells}</table>"


def _facts(pairs: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in pairs if value)
    return f'<table class="facts">{rows}</table>'


def _list(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{_text(each)}</li>' for each in lines)}</ul>"


def _segments(text: Text) -> str:
    return f"<pre>{chr(10).join(_text(each) for each in text.segments)}</pre>"


def _text(text: str) -> str:
    """Write a text so that it is one, whatever stands in it."""
    return escape(printable(text))


def _at(at_ms: int | None) -> str:
    """Write an instant with the offset of this machine's zone then."""
    if at_ms is None:
        return ""
    at = datetime.datetime.fromtimestamp(at_ms / 1000).astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S}.{at_ms % 1000:03} {at:%z}"
