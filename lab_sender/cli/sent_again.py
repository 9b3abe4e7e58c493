"""`check --sent`: what of sent/ would be quarantined today.

Holds: how what was read again is shown.
Promises: names files, codes, places and what solves them; no content. Says how much was read, and what was not.
Never: reads or judges a file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from lab_sender.cli import screen
from lab_sender.operations import wording

if TYPE_CHECKING:
    from lab_sender.operations.tally import Matter, SentAgain

_NAMES_SHOWN = 5
_EACH = 1000


def progress_on_terminal() -> Callable[[int], None]:
    """Return what shows a waiting person how many files have been read; nothing in a pipe."""
    if not sys.stderr.isatty():
        return lambda _: None
    def show_count(count: int) -> None:
        if count and count % _EACH == 0:
            click.echo(f"{count:,} files read ...", err=True)

    return show_count


def show(made: SentAgain) -> None:
    """Print it for a person."""
    click.echo(f"sent/ of the last {wording.plural(made.days, 'day')}: {_read(made)}.")
    if made.not_there:
        click.echo(f"{wording.plural(made.not_there, 'file')} that the journal has there: gone, and not judged.")
    if made.documents_alone:
        click.echo(f"{wording.plural(made.documents_alone, 'document')} whose report nobody knows: not judged.")
    for each in made.not_read_files[:_NAMES_SHOWN]:
        click.secho(f"not judged: {screen.visible(each.file)}: {each.why}.", fg="red")
    if made.not_read > _NAMES_SHOWN:
        click.secho(f"not judged: {made.not_read - _NAMES_SHOWN} more.", fg="red")
    for title, matters, colour in (("error", made.faults, "red"), ("remark", made.remarks, "yellow")):
        for matter in matters:
            click.echo(f"\n{click.style(title, fg=colour, bold=True)} {_head(matter)}")
            place = f" First at {screen.visible(matter.place)}." if matter.place else ""
            click.echo(f"    {screen.visible(matter.text)}{place}")
            if matter.hint:
                click.echo(f"    {screen.visible(matter.hint)}")
            click.echo(f"    {screen.visible(_names(matter))}")
    verdict, colour = _verdict(made)
    click.secho(f"\n{verdict}", fg=colour, bold=True)


def _read(made: SentAgain) -> str:
    if not made.files:
        return "no file was read"
    documents = f" and {wording.plural(made.documents, 'document')}" if made.documents else ""
    span = f"{made.oldest}" if made.oldest == made.newest else f"{made.oldest} to {made.newest}"
    return f"{wording.plural(made.files, 'file')}{documents} read, {wording.plural(made.messages, 'message')}, {span}"


def _head(matter: Matter) -> str:
    times = f", {matter.times} times" if matter.times > matter.files else ""
    span = matter.oldest if matter.oldest == matter.newest else f"{matter.oldest} to {matter.newest}"
    field = f" ({matter.field})" if matter.field else ""
    return f"{matter.code}{field}: {wording.plural(matter.files, 'file')}{times}, {span}"


def _names(matter: Matter) -> str:
    shown = ", ".join(matter.names[:_NAMES_SHOWN])
    more = matter.files - min(len(matter.names), _NAMES_SHOWN)
    return f"{shown} and {more} more" if more else shown


def _verdict(made: SentAgain) -> tuple[str, str]:
    unread = f" {wording.plural(made.not_read, 'file')} could not be judged." if made.not_read else ""
    if made.faulty_files:
        files = wording.plural(made.files, "file")
        return f"{made.faulty_files} of {files} would be quarantined now.{unread}", "red"
    return f"nothing of it would be quarantined now.{unread}", "red" if unread else "green"
