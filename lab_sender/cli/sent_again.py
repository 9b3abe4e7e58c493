"""`check --sent`: what of sent/ would be refused today.

Holds: how the tally of what was read again is shown.
Promises: names files, codes, places and what settles them; no content. Says how much was read, and what was not.
Never: reads or judges a file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lab_sender.cli import screen
from lab_sender.operations import wording

if TYPE_CHECKING:
    from lab_sender.operations.tally import Group, Tally

_NAMES_SHOWN = 5
_EACH = 1000


class DaysType(click.ParamType[Any]):
    """Reads `30d` into days."""

    name = "days"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a number of days. Fails as a usage error."""
        number = str(value).strip().lower().removesuffix("d")
        if not (number.isascii() and number.isdigit() and len(number) < 5 and 1 <= int(number) <= 3660):
            self.fail(f"{value!r} must be days, such as 30d (from 1d to 3660d).", param, ctx)
        return int(number)


def progress_on_terminal() -> Callable[[int], None]:
    """Return what tells a waiting person how many files have been read; nothing in a pipe."""
    if not sys.stderr.isatty():
        return lambda _: None
    def tell(count: int) -> None:
        if count and count % _EACH == 0:
            click.echo(f"{count:,} files read ...", err=True)

    return tell


def as_json(tally: Tally, days: int) -> dict[str, Any]:
    """Return the tally for a program."""
    return {
        "ok": tally.is_well,
        "days": days,
        "oldest": tally.oldest or None,
        "newest": tally.newest or None,
        "files": tally.read,
        "messages": tally.messages,
        "documents": tally.documents,
        "documents_alone": tally.alone,
        "not_there": tally.vanished,
        "not_read": tally.unread,
        "not_read_files": [{"file": name, "why": why} for name, why in tally.unread_names],
        "refused_files": tally.refused_files,
        "refused": [asdict(group) for group in _largest_first(tally.refused.values())],
        "remarks": [asdict(group) for group in _largest_first(tally.remarks.values())],
    }


def show(tally: Tally, days: int) -> None:
    """Print the tally for a person."""
    click.echo(f"sent/ of the last {wording.plural(days, 'day')}: {_read(tally)}.")
    if tally.vanished:
        click.echo(f"{wording.plural(tally.vanished, 'file')} that the journal has there: gone, and not judged.")
    if tally.alone:
        click.echo(f"{wording.plural(tally.alone, 'document')} whose report nobody knows: not judged.")
    for name, why in tally.unread_names[:_NAMES_SHOWN]:
        click.secho(f"not judged: {screen.visible(name)}: {why}.", fg="red")
    if tally.unread > _NAMES_SHOWN:
        click.secho(f"not judged: {tally.unread - _NAMES_SHOWN} more.", fg="red")
    for title, groups, colour in (("refused", tally.refused, "red"), ("remark", tally.remarks, "yellow")):
        for group in _largest_first(groups.values()):
            click.echo(f"\n{click.style(title, fg=colour, bold=True)} {_head(group)}")
            place = f" First at {screen.visible(group.place)}." if group.place else ""
            click.echo(f"    {screen.visible(group.text)}{place}")
            if group.hint:
                click.echo(f"    {screen.visible(group.hint)}")
            click.echo(f"    {screen.visible(_names(group))}")
    verdict, colour = _verdict(tally)
    click.secho(f"\n{verdict}", fg=colour, bold=True)


def _read(tally: Tally) -> str:
    if not tally.read:
        return "no file was read"
    documents = f" and {wording.plural(tally.documents, 'document')}" if tally.documents else ""
    span = tally.oldest if tally.oldest == tally.newest else f"{tally.oldest} to {tally.newest}"
    return (
        f"{wording.plural(tally.read, 'file')}{documents} read,"
        f" {wording.plural(tally.messages, 'message')}, {span}"
    )


def _head(group: Group) -> str:
    times = f", {group.times} times" if group.times > group.files else ""
    span = group.oldest if group.oldest == group.newest else f"{group.oldest} to {group.newest}"
    field = f" ({group.field})" if group.field else ""
    return f"{group.code}{field}: {wording.plural(group.files, 'file')}{times}, {span}"


def _names(group: Group) -> str:
    shown = ", ".join(group.names[:_NAMES_SHOWN])
    more = group.files - min(len(group.names), _NAMES_SHOWN)
    return f"{shown} and {more} more" if more else shown


def _verdict(tally: Tally) -> tuple[str, str]:
    unread = f" {wording.plural(tally.unread, 'file')} could not be judged." if tally.unread else ""
    if tally.refused_files:
        return f"{tally.refused_files} of {wording.plural(tally.read, 'file')} would be refused now.{unread}", "red"
    return f"nothing of it would be refused now.{unread}", "red" if unread else "green"


def _largest_first(groups: Iterable[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: (-group.files, group.code))
