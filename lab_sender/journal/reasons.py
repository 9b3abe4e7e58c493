"""What a person finds beside a quarantined file.

Holds: the text of its `.reason.txt`: why, since when, the commands that go on, and what became of the rest of it.
Promises: what it names can be typed. Where there are several destinations, each is named with what is its own.
Never: reads the journal.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from lab_sender.journal.next_step import next_step
from lab_sender.journal.states import NOBODY, WAITING


class FiledMessage(NamedTuple):
    """A message as the keeper sees it; of a duplicate, state, id and all that belongs to them are its original's."""

    destination: str
    place: str
    state: str
    code: str
    reason: str
    control_id: str | None
    final_ms: int | None
    id: int
    tries: int | None
    may_have_left: bool
    is_built: bool | None
    his_words: str


def of_file(
    source_id: int, code: str, reason: str, received_ms: int, messages: Sequence[FiledMessage], *, several: bool
) -> str:
    """Write what a person finds beside a file that is quarantined as a whole."""
    before = ["What became of the messages read from it before:"] if messages else []
    became = [
        f"{_name(each, several=several)}, control id {each.control_id or 'none'}: {each.state}" for each in messages
    ]
    ref = f"file:{source_id}"
    onward = _onward(f"{ref}, received {_clock(received_ms)}", ref, next_step(ref, code, built=False))
    return "\n".join([reason, *before, *became, onward, ""])


def of_messages(messages: Sequence[FiledMessage], *, several: bool) -> str:
    """Write what a person finds beside a file that is quarantined for messages: why, since when, and how to go on.

    With `several` destinations each of them is named, with what became of its own.
    """
    lines = list[str]()
    for each in messages:
        if each.state == "quarantined":
            identity = f", control id {each.control_id}" if each.control_id else ""
            tried = f" after {each.tries} {'try' if each.tries == 1 else 'tries'}" if each.tries else ""
            ref = str(each.id)
            facts = f"message {ref}, quarantined {_clock(each.final_ms)}{tried}"
            step = next_step(
                ref,
                each.code,
                control_id=each.control_id or "",
                may_have_left=bool(each.may_have_left),
                built=bool(each.is_built),
            )
            lines.append(f"{_name(each, several=several)}{identity}: {each.code}\n{each.reason}")
            if each.his_words:
                lines.append(f"The HIS's words: {each.his_words}")
            lines.append(_onward(facts, ref, step))
    if several:
        by_name: dict[str, list[FiledMessage]] = {}
        for each in messages:
            if each.code != NOBODY:
                by_name.setdefault(each.destination, []).append(each)
        lines += [f"At {name}: {_became(own)}." for name, own in by_name.items()]
    elif len(messages) > 1:
        delivered = _delivered(messages)
        lines.append(f"Delivered, and not sent again: {delivered} of the {len(messages)} messages in this file.")
    return "\n".join(lines) + "\n"


def _name(message: FiledMessage, *, several: bool) -> str:
    name, nobody = message.place or "the report", message.code == NOBODY
    return f"{name} for {'no destination' if nobody else message.destination}" if several or nobody else name


def _became(messages: Sequence[FiledMessage]) -> str:
    """Say how far the messages of one destination were when this was written."""
    waiting = sum(each.state in WAITING for each in messages)
    done = _delivered(messages)
    delivered = f"{done} of {len(messages)} delivered{', and not sent again' if done else ''}"
    return f"{delivered}; {waiting} still waiting when this was written" if waiting else delivered


def _delivered(messages: Sequence[FiledMessage]) -> int:
    return sum(each.state in ("acked", "duplicate") for each in messages)


def _onward(facts: str, ref: str, step: str) -> str:
    return f"It is {facts}. Its story: `lab-sender show {ref}`.\nNext: {step}."


def _clock(at_ms: int | None) -> str:
    at = datetime.datetime.fromtimestamp((at_ms or 0) / 1000).astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S %z}"
