"""`explain`: what a code means, and what to do.

Holds: how an entry of the registry of codes is shown, and what is asked back for a word that is no code.
Promises: works without a configuration, a journal and docs/; several words are all answered, also beside one that is
no code.
Never: guesses which code was meant; it names those that are near.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import as_json_option
from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.spelling import either

if TYPE_CHECKING:
    from lab_sender.operations.explained import ExplainedCode, UnknownWord


@click.command()
@click.argument("words", metavar="CODE...", nargs=-1, required=True)
@as_json_option
@click.pass_context
def explain(ctx: click.Context, words: tuple[str, ...], as_json: bool) -> None:
    """Say what a CODE means and what to do about it.

    A CODE is what an error begins with, what stands behind `code=` in the log, in the column `code` of `list` and in
    a reason file: csv.header, connect.refused, io.eacces, message.quarantined, AE. docs/CODES.md has them all. Which
    field of a message comes from where, `preview --explain` says.

    Exit codes: 0 all are explained; 1 one of them is no code.
    """
    from lab_sender.operations.explained import explain as answer

    answered = answer(words)
    if as_json:
        screen.show_json(answered)
        ctx.exit(ExitCode.NO if answered.unknown else ExitCode.DONE)
    for number, code in enumerate(answered.codes):
        _show(code, first=not number)
    if answered.unknown:
        raise _unknown(answered.unknown)


def _unknown(words: Sequence[UnknownWord]) -> LabSenderError:
    """Say which words are no codes, and ask for those that may be meant."""
    asked = " ".join(f"Did you mean {either(each.near)}?" for each in words if each.near)
    text = f"no code of lab-sender: {', '.join(each.word for each in words)}."
    return LabSenderError("code.unknown", text, hint=asked or "docs/CODES.md has all codes.")


def _show(code: ExplainedCode, *, first: bool) -> None:
    from lab_sender.codes import KINDS, WAITS

    if not first:
        click.echo()
    click.echo(f"{click.style(code.code, bold=True)}  ({code.subject})")
    kinds = (f"{kind}: {KINDS[kind]}" for kind in code.kinds)
    pairs = [
        ("means", code.means),
        ("next", code.next),
        ("then", code.afterwards or ""),
        ("waits", "; or ".join(WAITS[who] for who in code.waits)),
        ("kind", "; or ".join(kinds)),
        ("level", ", ".join(code.levels)),
        ("more", code.more or ""),
        *((f"{code.code.partition('{')[0]}{member}", text) for member, text in code.members.items()),
    ]
    screen.show(screen.facts(pairs))
