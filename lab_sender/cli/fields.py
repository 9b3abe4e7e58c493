"""What `preview` shows of a message beside its text: its fields, where each comes from, and what hl7apy thinks.

Holds: these as tables for the terminal.
Promises: a known false reject of hl7apy never looks like a fault; a long value is shortened unless wanted whole.
Never: builds or judges a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from lab_sender.cli import screen

if TYPE_CHECKING:
    from lab_sender.cli.grid import Grid
    from lab_sender.operations.previews import Field, Objection


def fields_table(fields: Iterable[Field], *, whole: bool) -> Grid:
    """Lay out the fields of a message with their names."""
    rows = [(each.field, each.name, screen.shortened(each.value, whole=whole)) for each in fields]
    return screen.table(("field", "name", "value"), rows, fold=("name", "value"))


def sources_table(fields: Iterable[Field], *, whole: bool) -> Grid:
    """Lay out fields and where they come from; a rule is named with the line it is written at."""
    rows = [
        (each.field, each.name, screen.shortened(each.value, whole=whole), each.source or "", _rules(each))
        for each in fields
    ]
    return screen.table(("field", "name", "value", "from", "rules"), rows, fold=("name", "value", "from", "rules"))


def show_opinions(opinions: Sequence[Objection]) -> None:
    """Print what hl7apy says, the known false rejects with the reason."""
    if not opinions:
        click.echo("hl7apy has no objection.")
    for one in opinions:
        known = click.style("known false reject", fg="cyan") if one.reason else click.style("objection", fg="yellow")
        click.echo(f"hl7apy {known} at {one.place}: {screen.visible(one.text)}")
        if one.reason:
            click.echo(f"    {one.reason}")


def _rules(field: Field) -> str:
    return "; ".join(f"{each.rule}, {each.at}" for each in field.rules)
