"""Each write called twice, as after a COMMIT whose answer was lost: the journal and the answer are those of one call.

The clock goes on by an hour with each look, so that a second writing of a time would show.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from kit.core import HIS, bad, entry, head, source
from kit.parts import stands_on_other

from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import ActRejected, Address, Attempt, Journal, Original, Spooled, database
from lab_sender.journal.rows import LinkRow
from lab_sender.journal.sqlite.schema import ddl


def _attempt(message: Spooled, kind: str = "verdict", ack_code: str = "AA") -> Attempt:
    return Attempt(message.id, 5, kind, "ack", "", "", ack_code)


def _nothing(journal: Journal) -> None:
    """As it is."""


def _sending(journal: Journal) -> None:
    journal.delivery.sending(1)


def _committed(journal: Journal) -> None:
    journal.delivery.sending(1)
    journal.delivery.commit_accepted(1)
    journal.delivery.interrupted(HIS)


def _refused(journal: Journal) -> None:
    message = head(journal)[0]
    journal.delivery.refused(message, _attempt(message, ack_code="AE"))
    journal.delivery.quarantined(message, code="refused", reason="no")


def _refused_two(journal: Journal) -> None:
    _refused(journal)
    _refused(journal)


def _delivered(journal: Journal) -> None:
    for message in head(journal)[:2]:
        journal.delivery.acked(message, _attempt(message))


def _contradicted(journal: Journal) -> None:
    _delivered(journal)
    journal.delivery.said_later(HIS, "M1", "AE", b"MSA", accepts=False)


def _held(journal: Journal) -> None:
    journal.delivery.held(HIS, "brake", "ill")


def _to_rebuild(journal: Journal) -> Original:
    return journal.rebuilding.original(1)


def _refused_to_rebuild(journal: Journal) -> Original:
    _refused(journal)
    return journal.rebuilding.original(1)


def _rebuilt(journal: Journal, original: Original) -> str:
    return journal.rebuilding.rebuilt(original, entry("NEW")._replace(digest=original.digest), act="A")


def _resent(journal: Journal, _: object) -> int:
    return journal.operator.resend(1, new_control_id="N1", restamp=with_control_id, force=True, act="A")


def _begun(journal: Journal) -> bool:
    journal.begin(config_digest="digest")
    return journal.after_unclean_end


def _unclean(journal: Journal) -> None:
    another = Journal(journal.store.path)
    another.begin()
    another.close()


WRITES: dict[str, tuple[Callable[[Journal], object], Callable[[Journal, Any], object]]] = {
    "spooled": (_nothing, lambda j, _: j.spool.spooled([source("C9", entry("M9", destination="other"))], HIS)),
    "trouble": (_nothing, lambda j, _: j.spool.trouble("claim.failed")),
    "reading alone": (_nothing, lambda j, _: j.spool.reading_alone("A")),
    "read alone": (lambda j: j.spool.reading_alone("A"), lambda j, _: j.spool.reading_alone("B", "A")),
    "all read alone": (lambda j: j.spool.reading_alone("A"), lambda j, _: j.spool.reading_alone("", "A")),
    "filing waits": (_nothing, lambda j, _: j.filing.trouble("keeper.short")),
    "begin": (_nothing, lambda j, _: _begun(j)),
    "begin, unclean": (_unclean, lambda j, _: _begun(j)),
    "end": (_begun, lambda j, _: j.end()),
    "made_whole": (lambda j: stands_on_other(j, 1, 2), lambda j, s: j.delivery.made_whole(s[0])),
    "sending": (_nothing, lambda j, _: j.delivery.sending(1, lane=2)),
    "not_sent": (_sending, lambda j, _: j.delivery.not_sent(1)),
    "interrupted": (_sending, lambda j, _: str(j.delivery.interrupted(HIS))[:0]),  # how many is logged, and no more
    "commit_accepted": (_sending, lambda j, _: j.delivery.commit_accepted(1)),
    "commit_stands": (_committed, lambda j, s: j.delivery.commit_stands(s[0], "commit-only")),
    "acked": (_sending, lambda j, s: j.delivery.acked(s[0], _attempt(s[0]))),
    "acked, next": (_sending, lambda j, s: j.delivery.acked(s[0], _attempt(s[0]), code="known", next_id=2, lane=1)),
    "unknown": (_sending, lambda j, s: j.delivery.unknown(s[0], _attempt(s[0], "unknown", ""))),
    "refused": (_sending, lambda j, s: j.delivery.refused(s[0], _attempt(s[0], ack_code="AE"))),
    "quarantined": (_nothing, lambda j, s: j.delivery.quarantined(s[0], code="refused", reason="no", his_words="No")),
    "said later": (_delivered, lambda j, _: j.delivery.said_later(HIS, "M1", "AE", b"MSA", accepts=False, at_ms=9)),
    "said later, AA": (_delivered, lambda j, _: j.delivery.said_later(HIS, "M2", "AA", b"M", accepts=True, at_ms=9)),
    "held": (_refused_two, lambda j, _: j.delivery.held(HIS, "brake", "ill", [1, 2], act="A")),
    "released lane": (_held, lambda j, _: j.delivery.released(HIS, who="probe", act="A")),
    "link": (_nothing, lambda j, _: j.delivery.link(HIS, LinkRow("up", "", "", 7))),
    "silent": (_nothing, lambda j, _: j.delivery.silent(HIS, 7)),
    "planned": (_nothing, lambda j, _: j.filing.planned([(1, "sent", "a")])),
    "placed": (lambda j: j.filing.planned([(1, "sent", "a")]), lambda j, _: j.filing.placed([1])),
    "missing": (_nothing, lambda j, _: j.filing.missing(1)),
    "grown": (_delivered, lambda j, _: str(j.filing.grown(1, "it grew"))[:0]),  # nobody asks whether
    "not_there": (
        lambda j: j.operator.release_file(2, act="A"),
        lambda j, _: str(j.filing.not_there(2, "quarantine/a.json"))[:0],
    ),
    "release": (_refused, lambda j, _: j.operator.release(1, act="A")),
    "release, unbuilt": (_delivered, lambda j, _: j.operator.release(3, act="A")),
    "release_file": (_nothing, lambda j, _: j.operator.release_file(2, act="A")),
    "resend": (_delivered, _resent),
    "resend, quarantined": (_refused, _resent),
    "dismiss": (_refused, lambda j, _: j.operator.dismiss(1, "why", act="A")),
    "dismiss, contradicted": (_contradicted, lambda j, _: j.operator.dismiss(1, "why", act="A")),
    "dismiss_file": (_nothing, lambda j, _: j.operator.dismiss_file(2, "why", act="A")),
    "hold": (_nothing, lambda j, _: j.operator.hold(HIS, "why", act="A")),
    "resume": (lambda j: j.operator.hold(HIS, "why"), lambda j, _: j.operator.resume(HIS, act="A")),
    "resume, not held": (_nothing, lambda j, _: j.operator.resume(HIS, act="A")),
    "rebuilt": (_to_rebuild, _rebuilt),
    "rebuilt, refused": (_refused_to_rebuild, _rebuilt),
}  # fmt: skip
"""Each write: what was before, and the call."""


def _dump(journal: Journal) -> dict[str, list[tuple[Any, ...]]]:
    """The whole journal, times and all; but not when it was written last."""
    with journal.store.reading() as db:
        tables = re.findall(r"CREATE TABLE (\w+)", ddl("tables.sql"))
        found = {name: sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in tables}
    found["meta"] = [row for row in found["meta"] if row[0] not in ("last_write", "acts")]
    return found


@pytest.mark.parametrize("name", WRITES)
def test_a_write_made_twice_comes_to_the_same(address: Address, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hours = itertools.count(1_800_000_000, 3600)

    class Clock:
        time_ns = staticmethod(lambda: next(hours) * 1_000_000_000)

    monkeypatch.setattr(database, "time", Clock)
    journal = Journal(address, who="somebody")
    unreadable = source("C2", code="json.syntax")
    journal.spool.spooled([source("C1", entry("M1"), entry("M2"), bad()), unreadable, source("C3", entry("M3"))], HIS)
    before, write = WRITES[name]
    given = before(journal) or head(journal)
    said = write(journal, given)
    once = _dump(journal)
    assert write(journal, given) == said
    twice = _dump(journal)
    assert {table: twice[table] for table in once if twice[table] != once[table]} == {}
    journal.close()


def test_an_act_without_an_id_is_a_new_one_each_time(address: Address) -> None:
    journal = Journal(address, who="somebody")
    journal.operator.hold(HIS, "one")
    journal.operator.hold(HIS, "two", who="somebody else")
    with journal.store.reading() as db:
        found = db.execute("SELECT who, detail, destination FROM event ORDER BY id").fetchall()
        acts = db.execute("SELECT COUNT(DISTINCT act) FROM event").fetchone()
    assert found == [("somebody", "one", HIS), ("somebody else", "two", HIS)]
    assert acts == (2,)
    journal.close()


def test_an_act_may_not_be_done_under_the_id_of_another_one(address: Address) -> None:
    journal = Journal(address, who="somebody")
    journal.spool.spooled([source("C1", entry("M1"), entry("M2")), source("C2", code="json.syntax")], HIS)
    journal.operator.dismiss(1, "why", act="A")
    for act in (
        lambda: journal.operator.dismiss(2, "why", act="A"),
        lambda: journal.operator.release(1, act="A"),
        lambda: journal.operator.dismiss_file(2, "why", act="A"),
        lambda: journal.operator.hold(HIS, "why", act="A"),
        lambda: journal.delivery.held(HIS, "brake", "ill", act="A"),
    ):
        with pytest.raises(ActRejected) as used:
            act()
        assert used.value.code == "act.used"
    journal.close()
