"""One act on many: what is frozen, what becomes of it, in which order; on a real journal, with a real HIS."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kit.core import HIS, bad, entry, head, rows, source, states
from kit.threads import at_work

from lab_sender.agent.process import Agent
from lab_sender.config.load import load
from lab_sender.errors import LabSenderError
from lab_sender.hl7.orders import OrderFact
from lab_sender.journal import Attempt, Journal, NewMessage
from lab_sender.mllp.standin.server import StandIn
from lab_sender.operations.bulk import Bulk, Frozen, freeze, run, targets
from lab_sender.operations.choosing import NothingFits
from lab_sender.operations.installation import Installation
from lab_sender.operations.search import Search, search

WHO = {"who": "anna"}


@pytest.fixture
def site(tmp_path: Path) -> Installation:
    path = tmp_path / "config.yaml"
    path.write_text("outbox: outbox\nhis: {host: 127.0.0.1, port: 1}\n")
    folder = tmp_path / "outbox" / ".lab-sender"
    folder.mkdir(parents=True)
    return Installation(path)


@pytest.fixture
def journal(site: Installation) -> Iterator[Journal]:
    with contextlib.closing(Journal(site.journal_path)) as opened:
        yield opened


def refused(name: str, **more: Any) -> NewMessage:
    return entry(name, state="quarantined", code="refused", **more)


def _deliver(journal: Journal, *names: str) -> None:
    for message in head(journal):
        if message.control_id in names:
            journal.delivery.sending(message.id)
            journal.delivery.acked(message, Attempt(message.id, 1, "verdict", "ack", "", "", "AA", b"x"))


def _codes(frozen: Frozen) -> list[tuple[str, str]]:
    return [(each.target.ref, each.code) for each in frozen.stays]


def test_five_hundred_of_which_three_are_overtaken(site: Installation, journal: Journal) -> None:
    """The list says 497 and 3; run twice it is done once; the HIS gets 497, the oldest first."""
    names = [f"M{number:03}" for number in range(500)]
    files = [names[at : at + 50] for at in range(0, 500, 50)]
    journal.spool.spooled([source(f"C{each[0]}", *(refused(name) for name in each)) for each in files], HIS)
    newer = [entry(f"N{number}", order=f"O-M{number:03}") for number in (7, 250, 499)]
    journal.spool.spooled([source("D", *newer)], HIS)
    _deliver(journal, "N7", "N250", "N499")
    frozen = freeze(site, "release", Search(code="refused"))
    assert (frozen.count, len(frozen.stays)) == (497, 3)
    assert _codes(frozen) == [("8", "release.overtaken"), ("251", "release.overtaken"), ("500", "release.overtaken")]
    assert {len(group) for group in frozen.groups[:-1]} == {50}
    assert [each.control_id for each in targets(site, frozen, most=2)] == ["M000", "M001"]
    told = list[tuple[int, int]]()
    done = run(site, frozen, "the HIS is mended", **WHO, on_progress=lambda *each: told.append(each))
    assert (len(done.done), done.rejected, done.left) == (497, (), ())
    assert told == [(each, 497) for each in (*range(50, 497, 50), 497)]
    again = run(site, frozen, "the HIS is mended", **WHO)
    assert [each.target.id for each in again.done if each.target] == list(frozen.messages)
    assert rows(journal, "SELECT COUNT(*) FROM event WHERE kind = 'message.released'") == [(497,)]
    with StandIn() as his:
        _deliver_all(site, his, 497)
        got = [each.control_id for each in his.received]
    assert got == [name for name in names if name not in ("M007", "M250", "M499")]
    detail = "SELECT DISTINCT who, detail FROM event WHERE kind = 'message.released'"
    assert rows(journal, detail) == [("anna", "the HIS is mended (was refused)")]


def _deliver_all(site: Installation, his: StandIn, count: int) -> None:
    path = site.config.path
    path.write_text(f"outbox: outbox\nhis: {{host: 127.0.0.1, port: {his.port}}}\nintake: {{poll: 100ms}}\n")
    with at_work(Agent(load(path))):
        his.wait_for(count)


def test_what_has_changed_since_is_weighed_anew(site: Installation, journal: Journal) -> None:
    journal.spool.spooled([source("C1", *(refused(name) for name in "ABC"))], HIS)
    frozen = freeze(site, "release", Search())
    journal.operator.dismiss(2, "by phone")
    journal.spool.spooled([source("C2", entry("N", order="O-C"))], HIS)
    _deliver(journal, "N")
    done = run(site, frozen, "why", **WHO)
    assert [each.target.id for each in done.done if each.target] == [1]
    assert [(each.target.id, each.code) for each in done.rejected] == [
        (2, "release.not-quarantined"), (3, "release.overtaken"),
    ]  # fmt: skip


@pytest.mark.parametrize("act", ["release", "resend", "dismiss", "rebuild"])
def test_what_was_deleted_since_is_named_and_the_rest_is_done(site: Installation, journal: Journal, act: Any) -> None:
    """Retention works at night, and a list may have been frozen the evening before."""
    names = ("A", "B", "C")
    journal.spool.spooled([source("C1", *(entry(name) for name in names))], HIS)
    _deliver(journal, *names)
    frozen = Frozen(act, "token", False, False, ((1, 2, 3),), (), ())
    with journal.store.durable() as db:
        db.execute("DELETE FROM message WHERE id = 2")
    did = run(site, frozen, "why", **WHO)
    assert (2, "message.unknown") in [(each.target.id, each.code) for each in did.rejected]
    assert [each.target.id for each in did.done if each.target] == ([1, 3] if act == "resend" else [])
    assert len(did.rejected) == (1 if act == "resend" else 3)


def test_what_comes_after_is_not_meant(site: Installation, journal: Journal) -> None:
    journal.spool.spooled([source("C1", refused("A"))], HIS)
    frozen = freeze(site, "dismiss", Search(code="refused"))
    journal.spool.spooled([source("C2", refused("B"))], HIS)
    run(site, frozen, "why", **WHO)
    assert states(journal) == {"A": "dismissed refused", "B": "quarantined refused"}


def test_it_stops_between_two_transactions_and_goes_on(site: Installation, journal: Journal) -> None:
    names = [f"M{number:03}" for number in range(120)]
    journal.spool.spooled([source("C1", *(refused(name) for name in names))], HIS)
    frozen = freeze(site, "release", Search())
    begun = list[int]()
    done = run(
        site, frozen, "why", **WHO, on_progress=lambda number, _: begun.append(number), stop=lambda: len(begun) == 1
    )
    assert (len(done.done), done.left[0], len(done.left)) == (50, "51", 70)
    assert len([each for each in states(journal).values() if each == "spooled"]) == 50
    whole = run(site, frozen, "why", **WHO)
    assert (len(whole.done), whole.left) == (120, ())
    assert rows(journal, "SELECT COUNT(*) FROM event WHERE kind = 'message.released'") == [(120,)]


def test_two_of_an_order_that_may_have_arrived_are_never_parted(site: Installation, journal: Journal) -> None:
    """Stopped between them, the older one would have gone out behind the newer."""
    names = [f"M{number:03}" for number in range(120)]
    tests = {10: (OrderFact("ONE", "BLOOD", "F", ""),), 70: (OrderFact("ONE", "URINE", "F", ""),)}
    new = [entry(n, **({"orders": tests[at]} if at in tests else {})) for at, n in enumerate(names)]
    journal.spool.spooled([source("C1", *new)], HIS)
    for message in head(journal, limit=200):
        if message.control_id in ("M010", "M070"):
            journal.delivery.unknown(message, Attempt(message.id, 1, "unknown", "ack", "ack.timeout", ""))
        journal.delivery.quarantined(message, code="unanswered", reason="No answer.")
    frozen = freeze(site, "release", Search())
    assert [len(each) for each in frozen.groups] == [71, 49]
    first = run(site, frozen, "why", **WHO, stop=iter((False, True)).__next__)
    released = {each.target.id for each in first.done if each.target}
    assert {11, 71} <= released


def test_copies_of_an_order_keep_their_order(site: Installation, journal: Journal) -> None:
    names = [f"M{number:03}" for number in range(120)]
    journal.spool.spooled([source("C1", *(entry(name, order=f"O{n % 60}") for n, name in enumerate(names)))], HIS)
    for message in head(journal, limit=200):
        journal.delivery.sending(message.id)
        journal.delivery.acked(message, Attempt(message.id, 1, "verdict", "ack", "", "", "AA", b"x"))
    frozen = freeze(site, "resend", Search(order="O1", states=("delivered",)))
    assert frozen.groups == ((2, 62),)
    done = run(site, frozen, "the HIS was restored", **WHO)
    assert [each.new_message for each in done.done] == [121, 122]
    (lasting,) = freeze(site, "resend", Search(since_ms=0)).groups
    assert len(lasting) == 118, "those that were sent again are behind their copies"


@pytest.mark.parametrize(
    "wanted", [Search(to=(HIS,)), Search(file="*1*"), Search(tries=1), Search(file="*1*", until_ms=1 << 42)]
)
def test_all_that_was_ever_delivered_is_not_meant(site: Installation, journal: Journal, wanted: Search) -> None:
    """Nor the last days of it: an act takes no range of time that nobody has said."""
    journal.spool.spooled([source("C1", entry("A"))], HIS)
    _deliver(journal, "A")
    with pytest.raises(NothingFits) as rejected:
        freeze(site, "resend", wanted)
    assert rejected.value.code == "bulk.since"
    assert freeze(site, "resend", Search(to=(HIS,), since_ms=1)).messages == (1,)


def test_what_is_not_built_is_read_again_with_its_file(site: Installation, journal: Journal) -> None:
    journal.spool.spooled([source("C1", refused("A"), bad("[1]")), source("C2", refused("B"))], HIS)
    journal.spool.spooled([source("C3", code="json.syntax")], HIS)
    frozen = freeze(site, "release", Search())
    assert (frozen.messages, frozen.files, frozen.count) == ((1, 2, 3), (3,), 4)
    done = run(site, frozen, "why", **WHO)
    assert [(each.target.ref, each.result) for each in done.done if each.target] == [
        ("1", "read-again"), ("2", "read-again"), ("3", "goes-out"), ("file:3", "read-again"),
    ]  # fmt: skip
    assert [each["why"] for each in _events(journal)] == [
        "why (read again)", "why (was refused)", "why (3 done, 0 not)", "why (read again)",
    ]  # fmt: skip


def _events(journal: Journal) -> list[dict[str, str]]:
    return [{"why": detail} for (detail,) in rows(journal, "SELECT detail FROM event ORDER BY id")]


def test_words_are_what_they_mean_and_nothing_else(site: Installation, journal: Journal) -> None:
    journal.spool.spooled([source("C1", refused("A"), refused("B")), source("C2", code="x")], HIS)
    frozen = freeze(site, "dismiss", words=["B", "order:O-A", "file:2"])
    assert (frozen.messages, frozen.files) == ((1, 2), (2,))
    done = run(site, frozen, "why", **WHO)
    assert [each.result for each in done.done] == ["given-up"] * 3
    again = run(site, frozen, "why", **WHO)
    assert (len(again.done), again.rejected) == (3, ())


@pytest.mark.parametrize(("act", "code"), [("rebuild", "rebuild.file"), ("resend", "resend.file")])
def test_a_file_that_could_not_be_read_was_never_built_or_sent(
    site: Installation, journal: Journal, act: Any, code: str
) -> None:
    journal.spool.spooled([source("C1", code="json.syntax")], HIS)
    frozen = freeze(site, act, words=["file:1"])
    assert (frozen.count, _codes(frozen)) == (0, [("file:1", code)])


def test_a_state_that_is_none(site: Installation, journal: Journal) -> None:
    """From a page; the command line knows them all."""
    del journal
    with pytest.raises(LabSenderError) as rejected:
        search(site, Search(states=("lost",)), limit=1)
    assert rejected.value.code == "search.state"


def test_nothing_that_fits(site: Installation, journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("A"))], HIS)
    with pytest.raises(NothingFits) as rejected:
        freeze(site, "release", Search())
    assert rejected.value.code == "bulk.nothing"


def test_what_was_being_sent_when_no_agent_runs_is_given_up_and_may_have_left(
    site: Installation, journal: Journal
) -> None:
    journal.spool.spooled([source("C1", entry("A"), entry("B"))], HIS)
    journal.delivery.sending(1)
    frozen = freeze(site, "dismiss", Search(to=(HIS,)))
    assert (frozen.messages, frozen.stays) == ((1, 2), ())
    assert len(run(site, frozen, "why", **WHO).done) == 2
    assert rows(journal, "SELECT state, may_have_left FROM message") == [("dismissed", 1), ("dismissed", 0)]


def test_what_was_leaving_in_mid_backlog_is_given_up_too(site: Installation, journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("A"), entry("B"), entry("C"))], HIS)
    first, second, third = head(journal)
    journal.delivery.sending(first.id)
    for message, following in ((first, second), (second, third)):
        verdict = Attempt(message.id, 1, "verdict", "ack", "", "", "AA", b"x")
        assert journal.delivery.acked(message, verdict, next_id=following.id)
    frozen = Frozen("dismiss", "token", False, False, ((third.id,),), (), ())
    did = run(site, frozen, "why", **WHO)
    assert (len(did.done), did.rejected) == (1, ())
    assert rows(journal, "SELECT state, may_have_left FROM message") == [
        ("acked", 0), ("acked", 0), ("dismissed", 1)
    ]  # fmt: skip


def test_what_an_agent_sends_that_has_just_begun_is_not_given_up(
    site: Installation, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It began between the look whether one runs and the act: the message may be on its way."""
    journal.spool.spooled([source("C1", entry("A"))], HIS)
    frozen = Frozen("dismiss", "token", False, False, ((1,),), (), ())

    def begins(_: Installation) -> bool:
        with contextlib.closing(Journal(site.journal_path)) as agents:
            agents.begin()
            agents.delivery.sending(1)
        return False

    monkeypatch.setattr(Installation, "agent_runs", begins)
    did = run(site, frozen, "why", **WHO)
    assert [each.code for each in did.rejected] == ["dismiss.sending"]
    assert rows(journal, "SELECT state, may_have_left FROM message") == [("sending", 0)]


def test_what_nobody_takes_is_no_destinations_to_give_up(site: Installation, journal: Journal) -> None:
    journal.spool.spooled([source("C1", refused("A"), refused("B")._replace(code="route.none"))], HIS)
    assert freeze(site, "dismiss", Search(to=(HIS,))).messages == (1,)
    assert freeze(site, "dismiss", Search(to=(HIS,), code="route.none")).messages == (2,)


def test_a_frozen_list_survives_as_json(site: Installation, journal: Journal) -> None:
    """As a page keeps it between its two steps."""
    import msgspec

    journal.spool.spooled([source("C1", refused("A"))], HIS)
    frozen = freeze(site, "release", Search())
    assert msgspec.json.decode(msgspec.json.encode(frozen), type=Frozen) == frozen
    done = run(site, frozen, "why", **WHO)
    assert msgspec.json.decode(msgspec.json.encode(done), type=Bulk) == done
