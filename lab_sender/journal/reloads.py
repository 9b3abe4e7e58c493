"""A changed configuration: who asks the running agent to take it, and what became of that.

Holds: the newest request, its answer, and the record of both.
Promises: a request that has an answer is not answered again. The digest that the agent goes by and the answer are
noted in one transaction: whoever reads that it is in force reads the digest with it.
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


class Asked(NamedTuple):
    """A request that waits for its answer."""

    act: str
    who: str


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
                note(db, "reload_asked", json.dumps([this.id, who]))
                acts.record(db, this, "config.reload-asked", "")
        return str(this.id)

    def asked(self) -> Asked | None:
        """Return the newest request, where it has no answer yet."""
        with self._store.reading() as db:
            return _open(db)

    def brought_in_force(
        self, asked: Asked | None, *, digest: str, his: Mapping[str, str], changed: Sequence[str]
    ) -> None:
        """Note that the agent goes by another configuration from here on; `asked`: None after a signal."""
        asked = asked or Asked("", _SIGNAL)
        with self._store.durable() as db:
            note(db, "config_digest", digest)
            note_his(db, his)
            _answer(db, Reloaded(asked.act, True, digest, tuple(changed)))
            acts.record(db, Act(asked.who, None), "config.reloaded", ", ".join(changed))

    def refused(self, asked: Asked | None, *, code: str, text: str, hint: str = "") -> None:
        """Note that the configuration on the disk was not taken, and why; the old one stays in force."""
        asked = asked or Asked("", _SIGNAL)
        with self._store.durable() as db:
            _answer(db, Reloaded(asked.act, False, noted(db, "config_digest"), (), code, text, hint))
            acts.record(db, Act(asked.who, None), "config.refused", code)


def answered(text: str) -> Reloaded | None:
    """Read a noted answer."""
    if not text:
        return None
    act, in_force, digest, changed, *why = json.loads(text)
    return Reloaded(act, in_force, digest, tuple(changed), *why)


def _open(db: Db) -> Asked | None:
    asked, said = noted(db, "reload_asked"), answered(noted(db, "reload_answer"))
    request = Asked(*json.loads(asked)) if asked else None
    return None if request is None or (said is not None and said.act == request.act) else request


def _answer(db: Db, said: Reloaded) -> None:
    note(db, "reload_answer", json.dumps(said))
