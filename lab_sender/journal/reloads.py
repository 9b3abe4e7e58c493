"""A changed configuration: who asks the running agent to take it, and what became of that.

Holds: the requests that wait, the last answers, and the record of both.
Promises: a request that has an answer is not answered again; all that wait are answered together. The digest that the
agent goes by and the answer are noted in one transaction: whoever reads that it is in force reads the digest with it.
Never: reads a configuration, or has a value of one: names, codes and lines only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from lab_sender.ids import new_id
from lab_sender.journal import acts
from lab_sender.journal.acts import Act
from lab_sender.journal.database import Db, Store
from lab_sender.journal.notes import note, note_his, noted

_SIGNAL: Final = "signal"
_KEPT: Final = 16
"""So many answers are kept: whoever has asked looks for his own ten times a second."""


class Asked(NamedTuple):
    """The newest request that waits for its answer; `others` wait for the same one."""

    act: str
    who: str
    others: tuple[str, ...] = ()


class Reloaded(NamedTuple):
    """What became of a request. `code` and `text` say why it was refused; `changed` names what differs."""

    act: str
    in_force: bool
    digest: str
    changed: tuple[str, ...] = ()
    code: str = ""
    text: str = ""
    hint: str = ""


class ReloadBook:
    """The reload's part of the journal: `asks` is an operator's, the rest the agent's."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def asks(self, *, who: str, act: str | None = None) -> str:
        """Ask the agent to take the configuration as it is on the disk; returns the request's id."""
        this = Act(who, act or new_id())
        with self._store.durable() as db:
            if acts.answer(db, this, "config.reload-asked") is None:
                note(db, "reload_asked", json.dumps([*_waiting(db), [this.id, who]]))
                acts.record(db, this, "config.reload-asked", "")
        return str(this.id)

    def asked(self) -> Asked | None:
        """Return the newest request that has no answer yet."""
        with self._store.reading() as db:
            waiting = _waiting(db)
        if not waiting:
            return None
        *others, (act, who) = waiting
        return Asked(act, who, tuple([other for other, _ in others]))

    def brought_in_force(
        self, asked: Asked | None, *, digest: str, his: Mapping[str, str], changed: Sequence[str]
    ) -> None:
        """Note that the agent goes by another configuration from here on; `asked`: None after a signal."""
        asked = asked or Asked("", _SIGNAL)
        with self._store.durable() as db:
            note(db, "config_digest", digest)
            note_his(db, his)
            _answer(db, asked, Reloaded(asked.act, True, digest, tuple(changed)))
            acts.record(db, Act(asked.who, None), "config.reloaded", ", ".join(changed))

    def refused(self, asked: Asked | None, *, code: str, text: str, hint: str = "") -> None:
        """Note that the configuration on the disk was not taken, and why; the old one stays in force."""
        asked = asked or Asked("", _SIGNAL)
        with self._store.durable() as db:
            _answer(db, asked, Reloaded(asked.act, False, noted(db, "config_digest"), (), code, text, hint))
            acts.record(db, Act(asked.who, None), "config.refused", code)


def answers(text: str) -> list[Reloaded]:
    """Read the noted answers, the newest last."""
    return [
        Reloaded(act, in_force, digest, tuple(changed), *why)
        for act, in_force, digest, changed, *why in json.loads(text or "[]")
    ]


def _waiting(db: Db) -> list[tuple[str, str]]:
    return [(act, who) for act, who in json.loads(noted(db, "reload_asked") or "[]")]


def _answer(db: Db, asked: Asked, said: Reloaded) -> None:
    """Note the answer to a request, and to those that waited with it; later ones go on waiting."""
    given = [said._replace(act=each) for each in (*asked.others, asked.act)]
    note(db, "reload_answer", json.dumps([*answers(noted(db, "reload_answer")), *given][-_KEPT:]))
    acts_of = {each.act for each in given}
    note(db, "reload_asked", json.dumps([each for each in _waiting(db) if each[0] not in acts_of]))
