"""What `preview` says of a message beside its text: where each field comes from, and what hl7apy thinks.

Holds: both as tables for the terminal and as JSON.
Promises: a known false reject of hl7apy never looks like a fault.
Never: imported by the agent; hl7apy's parser is loaded here at the first message that is asked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from lab_sender.cli import screen

if TYPE_CHECKING:
    from lab_sender.hl7.second_opinion import Opinion
    from lab_sender.oru import FieldStory


def opinions_on(body: bytes | None) -> list[Opinion]:
    """Let hl7apy read a message; none for one that cannot be built."""
    from lab_sender.hl7.message import read
    from lab_sender.hl7.second_opinion import second_opinion

    return second_opinion(body, read(body).codec) if body is not None else []


def stories_table(stories: Iterable[FieldStory], *, whole: bool) -> Any:
    """Lay out fields and where they come from; a rule is named with the place it is written at."""
    rows = [
        (story.field, story.name, screen.shortened(story.value, whole=whole), story.source, _rules(story))
        for story in stories
    ]
    return screen.table(("field", "name", "value", "from", "rules"), rows, fold=("name", "value", "from", "rules"))


def stories_json(stories: Iterable[FieldStory]) -> list[dict[str, Any]]:
    """Return the same for `--json`."""
    return [
        {
            "field": story.field,
            "name": story.name,
            "value": story.value,
            "from": story.source,
            "rules": [{"rule": rule.label, "at": rule.where} for rule in story.rules],
        }
        for story in stories
    ]


def show_opinions(opinions: Sequence[Opinion]) -> None:
    """Print what hl7apy says, the known false rejects with the reason."""
    if not opinions:
        click.echo("hl7apy has no objection.")
    for one in opinions:
        known = click.style("known false reject", fg="cyan") if one.reason else click.style("objection", fg="yellow")
        click.echo(f"hl7apy {known} at {one.place}: {screen.visible(one.text)}")
        if one.reason:
            click.echo(f"    {one.reason}")


def _rules(story: FieldStory) -> str:
    return "; ".join(f"{rule.label}, {rule.where}" for rule in story.rules)
