"""The journal's contract, method by method, on each database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kit.core import HIS, attempts, bad, entry, head, rows, source, spool, states, waiting
from kit.fixtures import SQLITE_ONLY

from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import (
    ActRejected,
    Attempt,
    Journal,
    JournalUnavailable,
    Spooled,
    View,
    now_ms,
)
from lab_sender.journal.notes import note
from lab_sender.journal.rows import LinkRow


def _attempt(message: Spooled, kind: str = "verdict", **more: object) -> Attempt:
    values = {"phase": "ack", "code": "", "detail": "", "ack_code": "AA", "ack": b"MSA|AA|M1\r", "elapsed_ms": 1.5}
    return Attempt(message.id, now_ms(), kind, **(values | more))


def _ack(journal: Journal, *control_ids: str) -> None:
    for message in head(journal):
        if message.control_id in control_ids:
            journal.delivery.sending(message.id)
            journal.delivery.acked(message, _attempt(message))


def _refuse(journal: Journal, *control_ids: str) -> None:
    for message in head(journal):
        if message.control_id in control_ids:
            journal.delivery.refused(message, _attempt(message, ack_code="AE"))
            journal.delivery.quarantined(message, code="refused", reason="The HIS answered AE.")


def _id(journal: Journal, control_id: str) -> int:
    return int(rows(journal, "SELECT id FROM message WHERE control_id = ?", control_id)[0][0])


@contextmanager
def _other(journal: Journal) -> Iterator[Journal]:
    """Another process's journal, as far as the database can tell."""
    other = Journal(journal.store.path, who="operator", busy_timeout_s=0.02)
    try:
        yield other
    finally:
        other.close()


@contextmanager
def _view(journal: Journal) -> Iterator[View]:
    view = View(journal.store.path)
    try:
        yield view
    finally:
        view.close()


# ------------------------------------------------------------------ the store


@pytest.mark.parametrize("kind", ["durable", "quick"])
def test_a_transaction_that_raises_leaves_nothing(journal: Journal, kind: str) -> None:

    def fail() -> None:
        with getattr(journal.store, kind)() as db:
            db.execute("INSERT INTO meta (key, value) VALUES ('x', '1')")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert rows(journal, "SELECT * FROM meta WHERE key = 'x'") == []
    spool(journal, "M1")
    assert waiting(journal) == ["M1"]


@SQLITE_ONLY
def test_the_tick_flushes_only_what_quick_transactions_left(journal: Journal) -> None:
    def ticks() -> int:
        return int(rows(journal, "SELECT value FROM meta WHERE key = 'tick'")[0][0])

    spool(journal, "M1")
    journal.store.tick()
    assert ticks() == 0
    _ack(journal, "M1")
    journal.spool.spooled([source("C-M1", entry("M1"))], HIS)  # known: changes nothing, so it flushes nothing
    journal.store.tick()
    journal.store.tick()
    assert ticks() == 1


def test_the_foreign_version_changes_by_others_only(journal: Journal) -> None:
    before = journal.store.foreign_version()
    spool(journal, "M1")
    assert journal.store.foreign_version() == before
    with _other(journal) as other:
        other.operator.hold(HIS, "why")
    assert journal.store.foreign_version() != before


def test_what_the_agent_was_started_with_is_known(journal: Journal) -> None:
    with _view(journal) as view:
        assert (view.config_in_force(), view.his_in_force()) == ("", "")
        journal.begin(config_digest="c0ffee", his="his.example:2575")
        assert (view.config_in_force(), view.his_in_force()) == ("c0ffee", "his.example:2575")
        journal.begin(config_digest="decade", his="[::1]:2576")
        assert (view.config_in_force(), view.his_in_force()) == ("decade", "[::1]:2576")


def test_beginning_and_ending_in_good_order_is_noted(journal: Journal) -> None:
    with _view(journal) as view:
        assert view.ended_clean()
        journal.begin()
        assert not view.ended_clean()
        assert not journal.after_unclean_end
        journal.store.close()  # as a kill would
        with _other(journal) as after:
            after.begin(config_digest="digest")
            assert after.after_unclean_end
            assert view.config_in_force() == "digest"
            after.end()
        assert view.ended_clean()
        assert view.integrity() == "ok"
        assert view.schema_version() == view.known_version()


# ------------------------------------------------------------------ the spool


def test_spooling_is_idempotent_by_claim_id_and_keeps_the_order(journal: Journal) -> None:
    batch = [source(f"C{n}", entry(f"A{n}"), entry(f"B{n}")) for n in (3, 1, 2)]
    journal.spool.spooled(batch[:2], HIS)
    journal.spool.spooled(batch, HIS)
    assert waiting(journal) == ["A3", "B3", "A1", "B1", "A2", "B2"]
    assert rows(journal, "SELECT COUNT(*) FROM file") == [(3,)]
    assert [each.body for each in head(journal)[:1]] == [batch[0].messages[0].body]


@pytest.mark.parametrize("count", [1, 31, 32, 33, 64, 70])
def test_a_batch_of_any_size_is_taken_in_its_order_with_all_that_hangs_on_it(journal: Journal, count: int) -> None:
    names = [f"M{number:03}" for number in range(count)]
    spool(journal, *names)
    assert [each.control_id for each in head(journal, limit=100)] == names
    assert [each.body for each in head(journal, limit=100)] == [entry(name).body for name in names]
    files = "SELECT f.name FROM file f JOIN source s ON s.id = f.source_id ORDER BY s.id"
    assert rows(journal, files) == [(f"C-{name}.json",) for name in names]
    orders = "SELECT o.order_key FROM message_order o JOIN message m ON m.id = o.message_id ORDER BY m.id"
    assert rows(journal, orders) == [(f"O-{name}",) for name in names]


def test_a_batch_that_cannot_be_taken_leaves_nothing_of_itself(journal: Journal) -> None:
    spool(journal, "M1")
    with pytest.raises(Exception, match=r"(?i)unique"):
        journal.spool.spooled([source("C2", entry("M2")), source("C3", entry("M1"))], HIS)
    assert waiting(journal) == ["M1"]
    assert rows(journal, "SELECT COUNT(*) FROM source") == [(1,)]


def test_ids_are_never_given_twice(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    with journal.store.durable() as db:
        db.execute("UPDATE message SET state = 'dismissed' WHERE control_id = 'M2'")  # else a trigger keeps it
        db.execute("DELETE FROM message WHERE control_id = 'M2'")
    spool(journal, "M3")
    assert _id(journal, "M3") == 3


def test_known_claims_are_found_by_id_and_attachments_by_name(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1"), files=2)], HIS)
    names = ["C1_C1.json", "C11@C1_1.pdf", "C2_x.json", "C12@C1_2.pdf", "stray"]
    assert journal.spool.known_claims(names) == {"C1_C1.json", "C11@C1_1.pdf"}
    assert journal.spool.known_claims([]) == set()


def test_only_ends_in_a_row_over_one_file_are_counted(journal: Journal) -> None:
    def agent(*readings: tuple[str, str]) -> list[int]:
        with _other(journal) as other:
            return [other.spool.reading_alone(*each) for each in readings]

    assert agent(("A", "")) == [0]  # it ended over A
    assert agent(("A", ""), ("A", "")) == [1, 1]  # and again, though it had to look twice for a share that was away
    assert agent(("B", "")) == [0]  # then over B
    assert agent(("B", ""), ("A", "B")) == [1, 0]  # B was read this time: A begins anew
    assert agent(("A", ""), ("", "A")) == [1, 0]
    assert agent(("A", "")) == [0]
    with _other(journal) as other:
        assert [other.spool.ended_over(*each) for each in (("A", ""), ("A", ""), ("B", "A"))] == [1, 1, 0]
    assert agent(("A", "")) == [1], "who only asks notes nothing"


def test_a_reading_that_an_older_version_noted_is_counted_on(journal: Journal) -> None:
    with journal.store.durable() as db:
        note(db, "reading_alone", '{"A": 2}')
    assert journal.spool.reading_alone("A") == 2


def test_holders_and_the_ledger(journal: Journal) -> None:
    first, second = entry("M1", order="O"), entry("M2", order="O")
    journal.spool.spooled([source("C1", first, second, entry("123", order="77"))], HIS)
    digest = {"M1": first.digest, "M2": second.digest}
    assert journal.spool.holders_of(["M1", "M9"], HIS) == {"M1": (1, digest["M1"])}
    assert journal.spool.holders_of(["M1"], "another") == {}
    assert journal.spool.holders_of(["M1  "], HIS) == {"M1": (1, digest["M1"])}  # blanks are no part of an id
    assert set(journal.spool.holders_of(["123"], HIS)) == {"123"}
    assert set(journal.spool.ledger(["77"], HIS)) == {"77"}
    told = journal.spool.ledger(["O", "P"], HIS)
    assert {key: [entry.content for entry in entries] for key, entries in told.items()} == {
        "O": [(1, digest["M1"]), (2, digest["M2"])]
    }
    _refuse(journal, "M2")
    assert [entry.message for entry in journal.spool.ledger(["O"], HIS)["O"]] == [1]


def test_what_intake_waits_for_is_shown(journal: Journal) -> None:
    with _view(journal) as view:
        assert view.intake_trouble() == ""
        journal.spool.trouble("claim.failed")
        assert view.intake_trouble() == "claim.failed"


# ------------------------------------------------------------------ the lane's book


def test_an_acceptance_is_one_transaction_with_the_next_sending(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    first, second = head(journal)
    assert journal.delivery.sending(first.id)
    assert journal.delivery.acked(first, _attempt(first), next_id=second.id)
    assert states(journal) == {"M1": "acked", "M2": "sending"}
    assert journal.delivery.finished_sources() == {1}
    assert journal.delivery.finished_sources() == set()
    journal.delivery.not_sent(second.id)
    assert states(journal)["M2"] == "spooled"
    (tried,) = attempts(journal, "M1")
    assert (tried["ack_code"], tried["ack"], tried["elapsed_ms"]) == ("AA", b"MSA|AA|M1\r", 1.5)


def test_a_message_taken_away_does_not_leave(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    first, second = head(journal)
    journal.operator.dismiss(second.id, "wrong patient")
    assert not journal.delivery.sending(second.id)
    assert not journal.delivery.acked(first, Attempt(first.id, 0, "verdict", "ack", "", "", "AA"), next_id=second.id)
    assert states(journal) == {"M1": "acked", "M2": "dismissed"}
    journal.delivery.not_sent(first.id)
    assert states(journal)["M1"] == "acked"


def test_the_head_is_bounded_in_number_and_bytes(journal: Journal) -> None:
    spool(journal, *(f"M{n}" for n in range(5)))
    assert [each.control_id for each in head(journal, limit=2)] == ["M0", "M1"]
    assert len(head(journal, largest_bytes=1)) == 1


@pytest.mark.parametrize(
    ("after", "expected"),
    [("continue", ["B", "C", "D"]), ("hold-order", ["C", "D"]), ("hold-patient", ["B", "D"])],
)
def test_what_a_quarantined_message_holds_back(journal: Journal, after: str, expected: list[str]) -> None:
    journal.spool.spooled(
        [
            source("C1", entry("A", order="X", patient="P")),
            source("C2", entry("B", order="X", patient="Q"), entry("C", order="Y", patient="P")),
            source("C3", entry("D", order="Z", patient="")),
        ],
        HIS,
    )
    _refuse(journal, "A")
    assert waiting(journal, after) == expected
    journal.operator.dismiss(1, "given up")
    assert waiting(journal, after) == ["B", "C", "D"]


@pytest.mark.parametrize("after", ["hold-order", "hold-patient"])
def test_of_nobody_known_a_quarantined_message_holds_its_orders_back(journal: Journal, after: str) -> None:
    new = [entry(name, order=order) for name, order in (("A", "X"), ("B", "X"), ("C", "Y"))]
    journal.spool.spooled([source(f"C-{each.control_id}", each) for each in new], HIS)
    _refuse(journal, "A")
    assert waiting(journal, after) == ["C"]


@pytest.mark.parametrize("after", ["hold-order", "continue"])
def test_what_may_go_out_before_a_newer_one_is_released_and_not_copied(journal: Journal, after: str) -> None:
    """The next step that is named is one that is taken."""
    spool(journal, "A")
    _refuse(journal, "A")
    journal.spool.spooled([source("C2", entry("B", order="O-A"))], HIS)
    if after == "continue":
        _refuse(journal, "B")
        journal.operator.release(2)
    with pytest.raises(ActRejected) as rejected:
        journal.operator.resend(1, new_control_id="N", restamp=with_control_id)
    assert rejected.value.hint == "`lab-sender release 1` sends this one before it, or use --force if you are sure."
    journal.operator.release(1)
    assert waiting(journal) == ["A", "B"]


@pytest.mark.parametrize(
    ("after", "expected"),
    [("continue", ["B", "C", "D"]), ("hold-order", ["B", "C", "D"]), ("hold-patient", [])],
)
def test_what_waits_behind_it_holds_its_own_patients_later_ones_back(
    journal: Journal, after: str, expected: list[str]
) -> None:
    """An order number of two patients: C waits behind B for it, and D, of C's patient, behind C."""
    messages = [
        entry("A", order="X", patient="P"), entry("B", order="Y", patient="P"),
        entry("C", order="Y", patient="Q"), entry("D", order="Z", patient="Q"),
    ]  # fmt: skip
    journal.spool.spooled([source("C1", *messages)], HIS)
    _refuse(journal, "A")
    assert waiting(journal, after) == expected


def test_unknown_and_refused_attempts_are_counted_apart(journal: Journal) -> None:
    spool(journal, "M1")
    book = journal.delivery
    for attempt in (
        lambda one: book.unknown(one, _attempt(one, "unknown", ack_code="", ack=None, foreign_ids=("A", "B"))),
        lambda one: book.unknown(one, _attempt(one, "unknown"), charged=False),
        lambda one: book.refused(one, _attempt(one, ack_code="AE")),
        lambda one: book.refused(one, _attempt(one, ack_code="AE"), charged=False),
    ):
        assert attempt(head(journal)[0])
    (after,) = head(journal)
    assert (after.unknowns, after.refusals, after.may_have_left) == (1, 1, True)
    assert [each["foreign_ids"] for each in attempts(journal, "M1")] == ["A\nB", "", "", ""]


def test_a_refusal_takes_a_commit_back(journal: Journal) -> None:
    spool(journal, "M1")
    message = head(journal)[0]
    journal.delivery.sending(message.id)
    assert journal.delivery.commit_accepted(message.id)
    assert head(journal)[0].accept_acked
    journal.delivery.refused(message, _attempt(message, ack_code="AE"))
    assert not head(journal)[0].accept_acked


def test_an_interrupted_send_may_have_left_and_is_not_charged(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    journal.delivery.sending(1)
    with _other(journal) as after_a_crash:
        assert after_a_crash.delivery.interrupted(HIS) == 1
        assert after_a_crash.delivery.interrupted(HIS) == 0
    first, second = head(journal)
    assert (first.control_id, first.may_have_left, first.unknowns) == ("M1", True, 0)
    assert not second.may_have_left
    assert [each["code"] for each in attempts(journal, "M1")] == ["agent.interrupted"]


def test_quarantined_since_the_last_acceptance(journal: Journal) -> None:
    spool(journal, "M1", "M2", "M3", "M4", "M5", "M6")
    _refuse(journal, "M1")
    _ack(journal, "M2")
    assert journal.delivery.quarantined_since_acceptance(HIS) == []
    _refuse(journal, "M3")
    journal.delivery.quarantined(head(journal)[0], code="unanswered", reason="")
    journal.delivery.quarantined(head(journal)[0], code="frame.bytes", reason="")  # no HIS has seen it
    with _other(journal) as after_a_restart:
        assert after_a_restart.delivery.quarantined_since_acceptance(HIS) == [(3, "refused"), (4, "unanswered")]
        assert after_a_restart.delivery.quarantined_since_acceptance("another") == []
        after_a_restart.operator.dismiss(3, "")
    assert journal.delivery.quarantined_since_acceptance(HIS) == [(4, "unanswered")]
    _ack(journal, "M6")
    assert journal.delivery.quarantined_since_acceptance(HIS) == []


def test_the_brake_puts_back_in_old_places_uncharged(journal: Journal) -> None:
    spool(journal, *(f"M{n}" for n in range(1, 7)))
    _refuse(journal, "M1", "M2", "M3")
    journal.operator.dismiss(2, "given up meanwhile")
    journal.delivery.finished_sources()
    journal.delivery.held(HIS, "brake", "ill", [1, 2, 3])
    assert waiting(journal) == ["M1", "M3", "M4", "M5", "M6"]
    assert [(each.refusals, each.unknowns) for each in head(journal)] == [(0, 0)] * 5
    assert journal.delivery.finished_sources() >= {1, 3}
    assert journal.delivery.lane(HIS).hold == "brake"
    journal.delivery.released(HIS, who="probe")
    assert journal.delivery.lane(HIS).hold == ""
    assert rows(journal, "SELECT kind, who FROM event WHERE message_id IS NULL ORDER BY id") == [
        ("lane.brake", "lane"), ("lane.resumed", "probe"),
    ]  # fmt: skip


def test_a_link_keeps_the_time_since_when_it_is_so(journal: Journal) -> None:
    assert journal.delivery.lane(HIS).link == "idle"
    journal.delivery.link(HIS, LinkRow("down", "connect.refused", "no", 5))
    with journal.store.durable() as db:
        db.execute("UPDATE lane SET link_since_ms = 7")
    journal.delivery.link(HIS, LinkRow("down", "connect.refused", "no", 6))
    row = journal.delivery.lane(HIS)
    assert (row.link_since_ms, row.next_try_ms) == (7, 6)
    journal.delivery.link(HIS, LinkRow("down", "connect.timeout", "no", 8))
    row = journal.delivery.lane(HIS)
    assert (row.link_since_ms, row.link_code) == (7, "connect.timeout"), "down since then, now for another reason"
    journal.delivery.link(HIS, LinkRow("up", "", "", None))
    assert journal.delivery.lane(HIS).link_since_ms != 7


# ------------------------------------------------------------------ the keeper's book


def test_a_move_is_planned_then_made(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1"), files=2), source("C2", entry("M2"))], HIS)
    assert journal.filing.unsettled_sources() == []
    _ack(journal, "M1")
    assert journal.filing.unsettled_sources() == [1]
    (rest,) = journal.filing.resting([1])
    assert (rest.folder, rest.reason, [file.role for file in rest.files]) == ("sent", "", ["report", "attachment"])
    journal.filing.planned([(1, "sent", "a"), (2, "sent", "b")])
    journal.filing.placed([1])
    assert journal.filing.unsettled_sources() == [1]
    files = journal.filing.resting([1])[0].files
    known = [(file.folder, file.filed_as, file.planned_folder) for file in files]
    assert known == [("sent", "a", ""), ("claimed", "", "sent")]
    journal.filing.missing(2)
    journal.filing.placed([1, 2])
    assert journal.filing.unsettled_sources() == []
    assert [file.folder for file in journal.filing.resting([1])[0].files] == ["sent", "missing"]
    assert journal.filing.resting([]) == []


def test_where_files_belong(journal: Journal) -> None:
    journal.spool.spooled(
        [
            source("C1", entry("M1"), bad("message 2")),
            source("C2", entry("M2")),
            source("C3", code="json.syntax"),
            source("C4", entry("M4", state="duplicate", body=None, control_id=None)),
            source("C5", entry("M5")),
        ],
        HIS,
    )
    assert journal.delivery.finished_sources() == {3, 4}

    def places() -> list[str]:
        return [rest.folder for rest in journal.filing.resting(range(1, 6))]

    assert places() == ["claimed", "claimed", "quarantine", "sent", "claimed"]
    _ack(journal, "M1")
    journal.operator.dismiss(_id(journal, "M5"), "")
    _refuse(journal, "M2")
    assert places() == ["quarantine", "quarantine", "quarantine", "sent", "dismissed"]
    first, second, third, *_ = journal.filing.resting(range(1, 6))
    assert "message 2: json.value" in first.reason
    assert "Delivered, and not sent again: 1 of the 2 messages in this file." in first.reason
    assert "control id M2: refused\nThe HIS answered AE." in second.reason
    assert "It is message 3, quarantined 20" in second.reason
    assert " after 1 try. Its story: `lab-sender show 3`.\nNext: mend the cause, then" in second.reason
    assert third.reason.startswith("json.syntax\nIt is file:3, received 20")
    assert "`lab-sender release file:3` to have it read again." in third.reason
    journal.operator.dismiss_file(3, "")
    assert places()[2] == "dismissed"


def test_a_sent_file_whose_copy_was_refused_is_unsettled(journal: Journal) -> None:
    spool(journal, "M1")
    _ack(journal, "M1")
    journal.filing.planned([(1, "sent", "a")])
    journal.filing.placed([1])
    journal.operator.resend(1, new_control_id="M2", restamp=with_control_id)
    assert journal.filing.unsettled_sources() == []
    _refuse(journal, "M2")
    assert journal.filing.unsettled_sources() == [1]
    assert journal.filing.resting([1])[0].folder == "quarantine"


# ------------------------------------------------------------------ the operator's book


def test_release_sends_the_same_bytes_from_the_old_place(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    before = head(journal)[0]
    _refuse(journal, "M1")
    with _other(journal) as other:
        assert other.operator.release(1) == "spooled"
    after = head(journal)[0]
    assert (after.id, after.body, after.control_id, after.refusals) == (1, before.body, "M1", 0)
    with pytest.raises(ActRejected) as again:
        journal.operator.release(1)
    assert again.value.code == "release.not-quarantined"
    with pytest.raises(ActRejected) as unknown:
        journal.operator.release(99)
    assert unknown.value.code == "message.unknown"
    with _view(journal) as view:
        assert [(event["kind"], event["who"]) for event in view.events(1, 1)] == [("message.released", "operator")]


@pytest.mark.parametrize("newer", ["acked", "sending", "may have left", "spooled", "refused"])
def test_an_older_report_does_not_overwrite_a_newer_one(journal: Journal, newer: str) -> None:
    journal.spool.spooled([source("C1", entry("M1", order="O")), source("C2", entry("M2", order="O"))], HIS)
    _refuse(journal, "M1")
    (second,) = head(journal)
    match newer:
        case "acked":
            _ack(journal, "M2")
        case "sending":
            journal.delivery.sending(second.id)
        case "may have left":
            journal.delivery.unknown(second, _attempt(second, "unknown"))
        case "refused":
            _refuse(journal, "M2")
    if newer in ("spooled", "refused"):
        assert journal.operator.release(1) == "spooled"
        return
    for act in (
        lambda force: journal.operator.resend(1, new_control_id="N1", restamp=with_control_id, force=force),
        lambda force: journal.operator.release(1, force=force),
    ):
        with pytest.raises(ActRejected) as overtaken:
            act(False)
        assert overtaken.value.code.endswith(".overtaken")
    assert journal.operator.release(1, force=True) == "spooled"
    assert waiting(journal)[:1] == ["M1"]


def test_what_goes_to_the_end_of_the_line_does_not_follow_a_newer_one_that_waits(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1", order="O"), bad())], HIS)
    _ack(journal, "M1")
    journal.spool.spooled([source("C2", entry("M2", order="O"))], HIS)
    with pytest.raises(ActRejected) as resent:
        journal.operator.resend(1, new_control_id="N1", restamp=with_control_id)
    with pytest.raises(ActRejected) as released:
        journal.operator.release(2)  # the file would be read anew, and its first report sent again
    assert (resent.value.code, released.value.code) == ("resend.overtaken", "release.overtaken")
    assert waiting(journal) == ["M2"]


def test_resend_makes_new_bytes_with_a_new_id_at_the_end(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    _ack(journal, "M1")
    copy = journal.operator.resend(1, new_control_id="N1", restamp=with_control_id)
    assert copy == 3
    last = head(journal)[-1]
    with _view(journal) as view:
        original = view.wire(1)
        line = view.message(copy)
    assert original is not None
    assert last.body == original.replace(b"|M1|", b"|N1|")
    assert line is not None
    assert (line.same_as, line.control_id, line.name) == (None, "N1", "C-M1.json")
    assert journal.spool.ledger(["O-M1"], HIS)["O-M1"][-1].content == (copy, entry("M1").digest)
    with pytest.raises(ActRejected) as too_early:
        journal.operator.resend(copy, new_control_id="N2", restamp=with_control_id)
    assert too_early.value.code == "resend.waiting"


def test_a_copy_takes_the_place_of_a_quarantined_message(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1")), source("C2", bad())], HIS)
    _refuse(journal, "M1")
    journal.operator.resend(1, new_control_id="N1", restamp=with_control_id)
    assert states(journal) == {"M1": "replaced resent", "2": "quarantined json.value", "N1": "spooled"}
    with pytest.raises(ActRejected) as unbuilt:
        journal.operator.resend(2, new_control_id="N2", restamp=with_control_id)
    assert unbuilt.value.code == "resend.no-bytes"


@pytest.mark.parametrize("together", [False, True])
def test_of_what_was_given_up_and_never_built_the_way_on_is_said(journal: Journal, together: bool) -> None:
    journal.spool.spooled([source("C1", bad())], HIS)
    journal.operator.dismiss(1, "another patient's")
    if together:
        (said,) = journal.operator.resend_messages(
            [1], new_control_id=lambda: "N1", restamp=with_control_id
        ).rejected
        code, hint = said.code, said.hint
    else:
        with pytest.raises(ActRejected) as unbuilt:
            journal.operator.resend(1, new_control_id="N1", restamp=with_control_id, force=True)
        code, hint = unbuilt.value.code, unbuilt.value.hint
    assert (code, hint.partition(", ")[2]) == (
        "resend.no-bytes", "put its report into the outbox in a file of its own.",
    )  # fmt: skip


def test_only_what_waits_can_be_dismissed(journal: Journal) -> None:
    unreadable = source("C2", code="json.syntax")
    journal.spool.spooled([source("C1", entry("M1"), entry("M2"), entry("M3")), unreadable], HIS)
    _refuse(journal, "M1")
    journal.delivery.sending(2)
    journal.operator.dismiss(1, "one")
    journal.operator.dismiss(3, "three")
    for message_id, code in ((1, "dismiss.not-waiting"), (2, "dismiss.sending")):
        with pytest.raises(ActRejected) as refused:
            journal.operator.dismiss(message_id, "again")
        assert refused.value.code == code
    journal.operator.dismiss_file(2, "no report")
    for act in (lambda: journal.operator.dismiss_file(2, ""), lambda: journal.operator.dismiss_file(1, "")):
        with pytest.raises(ActRejected):
            act()
    with _view(journal) as view:
        assert [event["detail"] for event in view.events(3, 1)] == ["three"]
        assert [event["detail"] for event in view.events(None, 2)] == ["no report"]


def test_a_report_that_could_not_be_built_goes_back_to_the_outbox(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1"), bad("[1]")), source("C2", code="json.syntax")], HIS)
    with pytest.raises(ActRejected) as in_use:
        journal.operator.release(2)
    assert in_use.value.code == "release.file-in-use"
    _ack(journal, "M1")
    assert journal.operator.release(2) == "outbox"
    journal.operator.release_file(2)
    assert [rest.folder for rest in journal.filing.resting([1, 2])] == ["outbox", "outbox"]
    assert states(journal) == {"M1": "acked", "2": "replaced read-again"}
    with pytest.raises(ActRejected):
        journal.operator.release_file(2)


def test_a_file_overtaken_by_another_one_does_not_go_back(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("A", order="O"), bad()), source("C2", entry("B", order="O"))], HIS)
    _ack(journal, "A", "B")
    with pytest.raises(ActRejected) as overtaken:
        journal.operator.release(2)
    assert overtaken.value.code == "release.overtaken"
    assert journal.operator.release(2, force=True) == "outbox"


def test_holding_and_resuming(journal: Journal) -> None:
    assert journal.operator.resume(HIS) == ""
    journal.operator.hold(HIS, "upgrade tonight")
    row = journal.delivery.lane(HIS)
    assert (row.hold, row.hold_reason) == ("operator", "upgrade tonight")
    assert journal.operator.resume(HIS) == "operator"
    assert journal.delivery.lane(HIS).hold == ""


def test_a_second_hold_of_an_operator_keeps_the_first_ones_reason_and_time(journal: Journal) -> None:
    journal.delivery.held(HIS, "brake", "ill")
    assert journal.operator.hold(HIS, "F1 is wrong", who="anna") == "brake"
    since_ms = journal.delivery.lane(HIS).hold_since_ms
    assert journal.operator.hold(HIS, "F2 is wrong", who="ben", act="one") == "operator"
    assert journal.operator.hold(HIS, "F2 is wrong", who="ben", act="one") == "operator"
    journal.operator.hold(HIS, "", who="ben")
    row = journal.delivery.lane(HIS)
    assert (row.hold, row.hold_reason, row.hold_since_ms) == ("operator", "F1 is wrong; F2 is wrong", since_ms)
    journal.operator.resume(HIS)
    assert journal.operator.hold(HIS, "F3") == ""
    assert journal.delivery.lane(HIS).hold_reason == "F3"


def test_events_cannot_be_changed(journal: Journal) -> None:
    journal.operator.hold(HIS, "why")
    with pytest.raises(Exception, match="append-only"), journal.store.durable() as db:
        db.execute("UPDATE event SET who = 'nobody'")


# ------------------------------------------------------------------ the view


def test_the_view_shows_counts_lists_and_one_message(journal: Journal) -> None:
    unreadable = source("C2", code="json.syntax", name="x.json")
    journal.spool.spooled([source("C1", entry("M1"), entry("M2")), unreadable], HIS)
    _ack(journal, "M1")
    with _view(journal) as view:
        assert view.counts() == {"acked": 1, "spooled": 1, "unreadable": 1}
        assert view.config_in_force() == ""
        assert {line.name for line in view.lines()} == {"C1.json", "x.json"}
        assert [line.control_id for line in view.lines(states=["spooled"])] == ["M2"]
        assert [line.code for line in view.lines(states=["quarantined"])] == ["json.syntax"]
        assert len(view.lines(limit=1)) == 1
        assert len(view.lines(source_ids=[1])) == 2
        message = view.message(1)
        assert message is not None
        assert (message.ack_code, message.attempts, message.where) == ("AA", 1, "claimed")
        assert view.message(99) is None
        unreadable = view.file(2)
        assert unreadable is not None
        assert unreadable.message_id is None
        assert view.file(1) is None
        assert [line.message_id for line in view.by_control_id("M2")] == [2]
        assert view.by_control_id("nobody") == []
        assert view.wire(2) == entry("M2").body
        assert view.wire(99) is None
        assert view.last_source_id() == 2
        assert view.sources_since(0, "x.json") == [2]
        assert view.sources_since(2, "x.json") == []
        assert view.oldest_waiting_ms() is not None
        assert view.last_ack_ms() is not None
        assert [lane.destination for lane in view.lanes()] == [HIS]


def test_the_view_neither_writes_nor_blocks(journal: Journal) -> None:
    with _view(journal) as view:
        assert (view.oldest_waiting_ms(), view.last_ack_ms(), view.last_source_id()) == (None, None, 0)
        with journal.store.durable() as db:
            db.execute("INSERT INTO meta (key, value) VALUES ('x', '1')")
            assert view.counts() == {"unreadable": 0}
        with pytest.raises(JournalUnavailable):
            view._reader.rows("INSERT INTO meta (key, value) VALUES ('y', '1')")


def test_nothing_is_recorded_as_resumed_while_an_operator_holds(journal: Journal) -> None:
    journal.delivery.held(HIS, "brake", "ill")
    journal.operator.hold(HIS, "maintenance")
    journal.delivery.released(HIS, who="probe")
    assert journal.delivery.lane(HIS).hold == "operator"
    kinds = [kind for (kind,) in rows(journal, "SELECT kind FROM event ORDER BY id")]
    assert kinds[-1] == "lane.held", kinds
