"""What codes mean, for whoever asks.

Holds: `explain`, which answers several words at once.
Promises: works without a configuration, a journal and docs/; a word that is no code is named, with those near it.
Never: guesses which code was meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from lab_sender.operations.values import FORMAT, Value, about

if TYPE_CHECKING:
    from lab_sender.codes import Code


class ExplainedCode(Value, frozen=True):
    """One code of the registry."""

    code: Annotated[str, about("The code; a computed part is in braces.")]
    subject: Annotated[str, about("What it is about.")]
    kinds: Annotated[tuple[str, ...], about("Where it is met: error, event, remark ...")]
    levels: Annotated[tuple[str, ...], about("Of an event: its levels in the log.")]
    waits: Annotated[tuple[str, ...], about("Who waits: file, message, lane, agent, nobody ...")]
    means: Annotated[str, about("What it means.")]
    next: Annotated[str, about("What to do next.")]
    afterwards: Annotated[str | None, about("What to do when that is done.")]
    more: Annotated[str | None, about("Where the documents say more.")]
    members: Annotated[dict[str, str], about("Of a computed code: what each computed part means.")]


class UnknownWord(Value, frozen=True):
    """A word that is no code."""

    word: Annotated[str, about("As it was asked.")]
    near: Annotated[tuple[str, ...], about("Codes that it may be meant for.")]


class Explained(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/explain/1"):
    """What `explain` answers."""

    codes: Annotated[tuple[ExplainedCode, ...], about("Those that are codes, in the order asked.")]
    unknown: Annotated[tuple[UnknownWord, ...], about("Those that are not.")]


def explain(words: Sequence[str]) -> Explained:
    """Say what each word means; the same word twice is answered once."""
    from lab_sender.codes import find, near

    found = {word: find(word) for word in dict.fromkeys(words)}
    codes = tuple([_explained(code) for code in found.values() if code is not None])
    return Explained(codes, tuple([UnknownWord(word, tuple(near(word))) for word in found if found[word] is None]))


def _explained(code: Code) -> ExplainedCode:
    return ExplainedCode(
        code=code.name,
        subject=code.subject,
        kinds=tuple(code.kinds),
        levels=tuple(code.levels),
        waits=tuple(code.waits),
        means=code.means,
        next=code.next,
        afterwards=code.afterwards or None,
        more=f"docs/{code.more}" if code.more else None,
        members=dict(code.members),
    )
