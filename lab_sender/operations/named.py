"""What a typed word means.

Holds: `find`, which leads from the word that an operator types to one message or one unreadable file.
Promises: a word means one thing: one that fits two is rejected, and both are named with what they are and with the
words that mean nothing else. A prefix (`id:`, `file:`, `control:`, `order:`, `name:`) says what kind of word it is.
Never: guesses, or prefers one meaning to another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.operations import wording

if TYPE_CHECKING:
    from lab_sender.journal import Line, View

PREFIXES: Final = ("id", "file", "control", "order", "name")
"""What may stand before a word: message id, file id, control id, order number, name of a file in the outbox."""

_MOST_NAMED = 8
_MOST_OF_ORDER = 1000


class Ambiguous(LabSenderError):
    """A word that fits more than one thing; nothing was done."""

    exit_code = ExitCode.USAGE


def ref_of(line: Line) -> str:
    """Return the id to type for a message (`12`) or for a file that could not be read (`file:7`)."""
    return f"file:{line.source_id}" if line.message_id is None else str(line.message_id)


def sure_ref_of(line: Line) -> str:
    """Return the id with the prefix that keeps it from meaning anything else."""
    return f"file:{line.source_id}" if line.message_id is None else f"id:{line.message_id}"


def what_of(line: Line) -> str:
    """Name a message or a file that could not be read: `message 12`, `file:7`."""
    return f"file:{line.source_id}" if line.message_id is None else f"message {line.message_id}"


def order_number(order_key: str) -> str:
    """Write an order's key as a person knows it: `F1^LAB`, and `F1` where it has no authority."""
    return order_key.removesuffix("^")


def find(view: View, word: str, to: Sequence[str] = ()) -> Line:
    """Return what a word means; with `to` only messages for these destinations are meant.

    Raises LabSenderError `message.unknown`, and Ambiguous `word.ambiguous` where it fits several things.
    """
    value, found = _found(view, word, to)
    if len(found) == 1:
        return found[0][0]
    raise _ambiguous(word, value, found)


def find_all_of_order(view: View, word: str, to: Sequence[str] = ()) -> list[Line]:
    """Return what a word means, oldest first: one thing, or all messages of an order if it is the number of one.

    Raises what `find` raises; Ambiguous where it is the number of an order and something else too.
    """
    value, found = _found(view, word, to)
    if len(found) == 1 and "order" not in found[0][1]:
        return [found[0][0]]
    if not all("order" in kinds for _, kinds in found):
        raise _ambiguous(word, value, found)
    lines = {line.message_id: line for line, _ in found}
    for name in to or (None,):
        lines |= {line.message_id: line for line in view.by_order(value, limit=_MOST_OF_ORDER, destination=name)}
    return sorted(lines.values(), key=lambda line: line.message_id or 0)


def find_file(view: View, word: str, to: Sequence[str] = ()) -> int:
    """Return the file (its source) that a word leads to: itself, or the one that all its messages are from.

    Raises what `find` raises; Ambiguous where the messages are from several files.
    """
    value, found = _found(view, word, to)
    if len({line.source_id for line, _ in found}) == 1:
        return found[0][0].source_id
    raise _ambiguous(word, value, found)


def _found(view: View, word: str, to: Sequence[str]) -> tuple[str, list[tuple[Line, list[str]]]]:
    """Return the word without its prefix, and what it may mean, with the kinds of word that it is for each."""
    kind, colon, rest = word.partition(":")
    kinds, value = ((kind,), rest) if colon and kind in PREFIXES else (PREFIXES, word)
    found: dict[tuple[int | None, int], tuple[Line, list[str]]] = {}
    for kind in kinds:
        if kind == "file" and len(kinds) > 1:
            continue  # only its prefix distinguishes a file's id from a message's
        for line in (line for name in to or (None,) for line in _LOOK[kind](view, value, name)):
            if to and line.destination not in to:
                continue
            # a file that was read is named by its messages
            key = (line.message_id, 0 if line.message_id is not None else line.source_id)
            found.setdefault(key, (line, []))[1].append(kind)
    if not found:
        raise LabSenderError("message.unknown", _nothing(kinds, to), hint=_hint(word))
    return value, list(found.values())


def _by_id(view: View, value: str, _: str | None) -> list[Line]:
    number = _number(value)
    line = None if number is None else view.message(number)
    return [] if line is None else [line]


def _by_file(view: View, value: str, destination: str | None) -> list[Line]:
    number = _number(value)
    return [] if number is None else view.lines(source_ids=[number], limit=_MOST_NAMED + 1, destination=destination)


def _by_control(view: View, value: str, destination: str | None) -> list[Line]:
    """Look a control id up as it is typed, else as ours are written: in capitals."""
    return view.by_any_control_id(value, destination) or view.by_any_control_id(value.upper(), destination)


def _by_order(view: View, value: str, destination: str | None) -> list[Line]:
    """Look in the ledger, and in quarantine for the other numbers of an order too."""
    most = _MOST_NAMED + 1
    lines = [
        *view.by_order(value, limit=most, destination=destination),
        *view.quarantined_by_number(value, limit=most, destination=destination),
    ]
    return list({line.message_id: line for line in lines}.values())


def _by_name(view: View, value: str, _: str | None) -> list[Line]:
    return view.by_name(value, limit=_MOST_NAMED + 1)


_LOOK: Final[dict[str, Callable[[View, str, str | None], list[Line]]]] = {
    "id": _by_id, "file": _by_file, "control": _by_control, "order": _by_order, "name": _by_name,
}  # fmt: skip
_KINDS: Final = {"control": "control id", "order": "order number", "name": "file name"}


def _number(value: str) -> int | None:
    """Read an id as it is written; `007` is none."""
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        return None
    return int(value) if value == str(int(value)) else None


def _ambiguous(word: str, value: str, found: list[tuple[Line, list[str]]]) -> Ambiguous:
    """Say what a word may mean, and what to type instead."""
    named = []
    several = len({line.destination for line, _ in found if line.destination}) > 1
    for line, kinds in found[:_MOST_NAMED]:
        said = [f"{_KINDS[kind]} {value}" for kind in kinds if kind in _KINDS]
        said += [f"file {line.name}"] if line.name and "name" not in kinds else []
        said += [f"to {line.destination}"] if several and line.destination else []
        state = wording.state(line.state, line.code, line.replaced_by)
        named.append(f"{what_of(line)} ({', '.join([*said, state])})")
    more = "; and more" if len(found) > _MOST_NAMED else ""
    refs = " or ".join(sure_ref_of(line) for line, _ in found[:_MOST_NAMED])
    text = f"{word} fits more than one thing: {'; '.join(named)}{more}."
    to = ", or say which destination is meant with --to NAME, or --all-destinations" if several else ""
    return Ambiguous("word.ambiguous", text, hint=f"Nothing was done. Type {refs}{to}.")


def _nothing(kinds: tuple[str, ...], to: Sequence[str]) -> str:
    if to:
        return f"nothing that goes to {' or '.join(to)} has this id, control id, order number or file name."
    if len(kinds) > 1:
        return "no message has this id, control id or order number, and no file this name."
    return {
        "id": "there is no message of this id.",
        "file": "there is no file of this id.",
        "control": "no message has this control id.",
        "order": "no message speaks of this order.",
        "name": "no file has this name.",
    }[kinds[0]]


def _hint(word: str) -> str:
    older = word[:1] in ("f", "F") and _number(word[1:]) is not None
    file = f" The id of a file is written file:{word[1:]}." if older else ""
    return f"`lab-sender list` shows them; `list --outbox` has what is no message yet.{file}"
