"""`explain`: what a code means, and what to do.

Holds: how an entry of the registry of codes is shown, and what is asked back for a word that is no code.
Promises: works without a configuration, a journal and docs/; several words are all answered, also beside one that is
no code.
Never: guesses which code was meant; it names those that are near.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from lab_sender.cli import screen
from lab_sender.errors import LabSenderError
from lab_sender.spelling import either

if TYPE_CHECKING:
    from lab_sender.codes import Code


@click.command()
@click.argument("words", metavar="CODE...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(words: tuple[str, ...], as_json: bool) -> None:
    """Say what a CODE means and what to do about it.

    A CODE is what an error begins with, what stands behind `code=` in the log, in the column `code` of `list` and in
    a reason file: csv.header, connect.refused, io.eacces, message.quarantined, AE. docs/CODES.md has them all. Which
    field of a message comes from where, `preview --explain` says.

    Exit codes: 0 all are explained; 1 one of them is no code.
    """
    from lab_sender.codes import find, near

    found = {word: find(word) for word in dict.fromkeys(words)}
    unknown = {word: near(word) for word, code in found.items() if code is None}
    known = [code for code in found.values() if code is not None]
    if as_json:
        asked = [{"word": word, "near": list(names)} for word, names in unknown.items()]
        screen.show_json({"codes": [_as_json(code) for code in known], "unknown": asked})
    else:
        for number, code in enumerate(known):
            _show(code, first=not number)
    if unknown:
        raise _unknown(unknown)


def _unknown(words: Mapping[str, Sequence[str]]) -> LabSenderError:
    """Say which words are no codes, and ask for those that may be meant."""
    asked = " ".join(f"Did you mean {either(names)}?" for names in words.values() if names)
    text = f"no code of lab-sender: {', '.join(words)}."
    return LabSenderError("code.unknown", text, hint=asked or "docs/CODES.md has all codes.")


def _show(code: Code, *, first: bool) -> None:
    from lab_sender.codes import KINDS, WAITS

    if not first:
        click.echo()
    click.echo(f"{click.style(code.name, bold=True)}  ({code.subject})")
    kinds = (f"{kind}: {KINDS[kind]}" for kind in code.kinds)
    pairs = [
        ("means", code.means),
        ("next", code.next),
        ("then", code.afterwards),
        ("waits", "; or ".join(WAITS[who] for who in code.waits)),
        ("kind", "; or ".join(kinds)),
        ("level", ", ".join(code.levels)),
        ("more", f"docs/{code.more}" if code.more else ""),
        *((f"{code.name.partition('{')[0]}{member}", text) for member, text in code.members.items()),
    ]
    screen.show(screen.console(), screen.facts(pairs))


def _as_json(code: Code) -> dict[str, Any]:
    return {
        "code": code.name,
        "subject": code.subject,
        "kinds": list(code.kinds),
        "levels": list(code.levels),
        "waits": list(code.waits),
        "means": code.means,
        "next": code.next,
        "afterwards": code.afterwards,
        "more": f"docs/{code.more}" if code.more else "",
    }
