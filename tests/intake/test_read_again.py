"""A file that is read again for one destination: the others are sent nothing for it, whatever becomes of theirs."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kit.core import of_file, ready, report, rows
from kit.destinations import House, rule, takes
from kit.intake import plan

from lab_sender.config.profile import builtin
from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
from lab_sender.intake.compose import Composer, Recipient
from lab_sender.journal import ActRejected, Attempt, Journal, View

PROFILE = builtin(corrections={"suspicious": "send"})
A, B = Recipient("a", PROFILE), Recipient("b", PROFILE)
STRICT = Recipient("strict", builtin(require=["PID-7"]))
MENDED = STRICT._replace(profile=PROFILE)
READY_STRICT = Recipient("strict", builtin(require=["PID-8"], apply_to=["hl7"]))


def _house(tmp_path: Path, journal: Journal, data: bytes = report("F1"), wanted: Any = (A, STRICT)) -> House:
    """A file whose message is built for `a` and not for `strict`."""
    house = House(tmp_path, journal, {"one": wanted})
    house["one"].put("1.json", data)
    house.look()
    house.keep()
    return house


def _use(house: House, *wanted: Recipient) -> None:
    house["one"].intake.use(plan(Composer(wanted), poll_s=0.0, settle_s=0.0))


def _read_again(house: House) -> None:
    house.keep()
    house.look()


def _state(journal: Journal, message_id: int) -> tuple[str, str]:
    state: tuple[str, str] = rows(journal, "SELECT state, code FROM message WHERE id = ?", message_id)[0]
    return state


def _rejected(act: Any, *args: Any, **more: Any) -> ActRejected:
    with pytest.raises(ActRejected) as rejected:
        act(*args, **more)
    return rejected.value


@pytest.mark.parametrize("when", ["before the release", "before the reading", "after it"])
def test_what_is_unanswered_elsewhere_gets_no_other_id(tmp_path: Path, journal: Journal, when: str) -> None:
    """It may have arrived: a person asks the HIS, and releases it by itself, with the same control id."""
    house = _house(tmp_path, journal)
    _use(house, A, MENDED)
    if when == "before the release":
        control_id = house.leave_unanswered("a")
    assert journal.operator.release(2) == "outbox"
    if when == "before the reading":  # the lane is quicker than the keeper, or the outbox is away
        control_id = house.leave_unanswered("a")
    _read_again(house)
    if when == "after it":
        control_id = house.leave_unanswered("a")
    assert journal.delivery.head("a", after_quarantine="continue") == []
    assert len(house.accept("strict")) == 1
    house.keep()
    assert house["one"].files()["1.json"] == "quarantine"
    assert "control id " + control_id in (house["one"].folders.quarantine / "1.json.reason.txt").read_text()
    assert journal.operator.release(1) == "spooled"
    assert house.accept("a") == [control_id]
    house.keep()
    assert house["one"].files() == {"1.json": "sent"}


@pytest.mark.parametrize("at_all", [False, True])
def test_what_may_have_arrived_keeps_its_control_id(tmp_path: Path, journal: Journal, at_all: bool) -> None:
    """Also at the destination for which its file is read again: the report beside it was released."""
    both = b"[" + report("F1") + b"," + report("F2").replace(b'"14.1"', b"[]") + b"]"
    house = _house(tmp_path, journal, both, wanted=(A,))
    control_id = house.leave_unanswered("a")
    house.keep()
    (house["one"].folders.quarantine / "1.json").write_bytes(b"[" + report("F1") + b"," + report("F2") + b"]")
    if at_all:
        outcome = journal.operator.release_messages(of_file(journal, 1, "release"), everywhere=True)
        assert ([each[:3] for each in outcome.done], outcome.rejected) == (
            [(1, "a", "spooled"), (2, "a", "outbox")], (),
        )  # fmt: skip
    else:
        journal.operator.release(2)
    _read_again(house)
    sent = house.accept("a")
    assert (control_id in sent, len(sent)) == (at_all, 1 + at_all)
    if not at_all:
        assert journal.operator.release(1) == "spooled"
        assert house.accept("a") == [control_id]
    house.keep()
    assert house["one"].files() == {"1.json": "sent"}


@pytest.mark.parametrize("when", ["before the reading", "after it"])
@pytest.mark.parametrize("act", ["dismiss", "resend"])
def test_what_is_decided_elsewhere_is_decided(tmp_path: Path, journal: Journal, act: str, when: str) -> None:
    house = _house(tmp_path, journal)
    _use(house, A, MENDED)
    house.leave_unanswered("a")
    journal.operator.release(2)
    if when == "after it":
        _read_again(house)
    if act == "dismiss":
        journal.operator.dismiss(1, "the HIS has it")
    else:
        journal.operator.resend(1, new_control_id="N1", restamp=with_control_id)
    _read_again(house)
    assert house.accept("a") == ([] if act == "dismiss" else ["N1"])
    assert len(house.accept("strict")) == 1
    house.keep()
    assert house["one"].files() == {"1.json": "sent"}


@pytest.mark.parametrize("where", ["strict", "a"])
def test_what_the_his_took_back_goes_again_only_where_the_file_is_released(
    tmp_path: Path, journal: Journal, where: str
) -> None:
    """A delivery that the HIS contradicts is shown until a person acts; here what is beside it is released."""
    both = b"[" + report("F1") + b"," + report("F2").replace(b'"14.1"', b"[]") + b"]"
    house = _house(tmp_path, journal, both)
    assert [each[:2] for each in house.messages()] == [
        ("a", "spooled"), ("strict", "quarantined"), ("a", "quarantined"), ("strict", "quarantined"),
    ]  # fmt: skip
    (control_id,) = house.accept("a")
    journal.delivery.said_later("a", control_id, "AE", b"MSH", accepts=False)
    _use(house, A, MENDED)
    journal.operator.release(2 if where == "strict" else 3)
    _read_again(house)
    assert len(house.accept("a")) == (0 if where == "strict" else 1)


@pytest.mark.parametrize("quarantined", ["before the release", "before the reading"])
def test_an_old_result_does_not_come_behind_the_new_one(tmp_path: Path, journal: Journal, quarantined: str) -> None:
    """`a` refuses the first and accepts its correction, which came by an outbox that is for `a` only."""
    house = House(tmp_path, journal, {"one": [A, READY_STRICT], "micro": [A]})
    house["one"].put("1.hl7", ready("M1", order="X", value="14.1"))
    house.look()
    house["micro"].put("2.hl7", ready("M2", order="X", value="99.9"))
    house.look()
    house.keep()
    _use(house, A, MENDED)

    def act() -> None:
        first, second = journal.delivery.head("a", after_quarantine="continue")
        journal.delivery.quarantined(first, code="refused", reason="The HIS answered AE.")
        journal.delivery.acked(second, Attempt(second.id, 0, "verdict", "ack", "", "", "AA"))

    if quarantined == "before the release":
        act()
    journal.operator.release(2)  # needs no force: `strict` has nothing newer
    if quarantined == "before the reading":
        act()
    _read_again(house)
    assert house.accept("a") == [], "14.1 would come behind 99.9"
    assert len(house.accept("strict")) == 1
    assert _rejected(journal.operator.release, 1).code == "release.overtaken"


def test_what_is_newer_at_the_destination_is_named_with_it(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal)
    _use(house, A, MENDED)
    house["one"].put("2.json", report("F1", "99.9"))
    house.look()
    house.leave_unanswered("a")
    house.accept("strict")
    error = _rejected(journal.operator.release, 2)
    assert (error.code, "message 4, delivered to strict since or waiting there" in error.text) == (
        "release.overtaken", True,
    )  # fmt: skip
    journal.operator.release(2, force=True)
    _read_again(house)
    assert len(house.accept("strict")) == 1
    assert _state(journal, 1) == ("quarantined", "unanswered"), "nobody forced that one"


@pytest.mark.parametrize("at_all", [True, False])
def test_what_was_corrected_in_quarantine_goes_where_it_was_released(
    tmp_path: Path, journal: Journal, at_all: bool
) -> None:
    """`a` may have something newer of the order by now: a person decides whether it gets the correction, too."""
    house = _house(tmp_path, journal)
    house.accept("a")
    house.keep()
    mended = json.loads(report("F1"))
    mended["patient"]["birth"] = "1980-01-02"
    house["one"].folders.quarantine.joinpath("1.json").write_text(json.dumps(mended))
    if at_all:
        journal.operator.release_messages(of_file(journal, 1, "release"), everywhere=True)
    else:
        journal.operator.release(2)
    _read_again(house)
    assert len(house.accept("strict")) == 1
    if at_all:
        assert len(house.accept("a")) == 1
        return
    assert house.messages()[2:] == [("a", "quarantined", "report.not-released"), ("strict", "acked", "")]
    assert house.accept("a") == []
    assert journal.operator.release(3) == "spooled"
    assert len(house.accept("a")) == 1


def test_what_was_built_for_neither_is_released_for_one_after_the_other(tmp_path: Path, journal: Journal) -> None:
    """The second release is of a message of the first reading; the file of the last one is read."""
    other = Recipient("other", builtin(require=["PID-7"]))
    house = _house(tmp_path, journal, wanted=(A, STRICT, other))
    assert [each[1] for each in house.messages()] == ["spooled", "quarantined", "quarantined"]
    house.leave_unanswered("a")
    _use(house, A, MENDED, other._replace(profile=PROFILE))
    journal.operator.release(2, act="first")
    error = _rejected(journal.operator.release, 3)
    assert (error.code, "is being read again just now" in error.text) == ("release.file-in-use", True)
    _read_again(house)
    assert [_state(journal, each)[0] for each in (1, 2, 3)] == ["quarantined", "replaced", "quarantined"]
    assert len(house.accept("strict")) == 1
    assert journal.delivery.head("other", after_quarantine="continue") == []
    house.keep()
    assert house["one"].files()["1.json"] == "quarantine"
    for _ in range(2):
        assert journal.operator.release(3, act="second") == "outbox"
    assert journal.operator.release(2, act="first") == "outbox", "by its receipt"
    _read_again(house)
    assert (len(house.accept("other")), house.accept("strict"), house.accept("a")) == (1, [], [])
    assert rows(journal, "SELECT id, replaces, state FROM message WHERE replaces IS NOT NULL ORDER BY id") == [
        (5, 2, "acked"), (9, 3, "acked"),
    ]  # fmt: skip
    assert rows(journal, "SELECT source_id FROM event WHERE kind = 'file.released' ORDER BY id") == [(1,), (1,), (2,)]
    house.keep()
    assert house["one"].files()["1.json"] == "quarantine"
    journal.operator.dismiss(1, "the HIS has it")
    house.keep()
    assert house["one"].files() == {"1.json": "sent"}


def test_what_nobody_took_is_released_for_nothing_else(tmp_path: Path, journal: Journal) -> None:
    """It is noted with the first destination, for want of another: what that one has is not its matter."""
    only = Recipient("a", PROFILE, takes(rule("OBR-3.1", "F1")))
    house = _house(tmp_path, journal, b"[" + report("F1") + b"," + report("F2") + b"]", wanted=(only,))
    (control_id,) = [each.control_id for each in journal.delivery.head("a", after_quarantine="continue")]
    house.refuse("a")
    assert [each[1:] for each in house.messages()] == [("quarantined", "refused"), ("quarantined", "route.none")]
    _use(house, only, B)
    journal.operator.release(2)
    _read_again(house)
    assert house.accept("a") == []
    assert len(house.accept("b")) == 2, "it is new, and takes both"
    assert journal.operator.release(1) == "spooled"
    assert house.accept("a") == [control_id]


def test_what_keeps_an_order_back_elsewhere_goes_on_to(tmp_path: Path, journal: Journal) -> None:
    """A suspicious report is held at `a`: nobody has decided about it."""
    holding = Recipient("a", builtin(corrections={"suspicious": "hold"}, apply_to=["hl7"]))
    house = House(tmp_path, journal, {"one": [holding, READY_STRICT]})
    for number, status in enumerate("FP"):
        obr = b"OBR|1||X^LAB|58410-2^CBC^LN"
        body = ready(f"M{number}", order="X").replace(obr, obr + b"|" * 21 + status.encode())
        house["one"].put(f"{number}.hl7", body)
        house.look()
        house.accept("a")
    house.keep()
    held = rows(journal, "SELECT id FROM message WHERE destination = 'a' AND holds_orders")
    assert len(held) == 1, house.messages()
    _use(house, holding, MENDED)
    journal.operator.release(4)
    _read_again(house)
    assert rows(journal, "SELECT id FROM message WHERE holds_orders AND state = 'quarantined'") == held
    assert house.accept("a") == []


@pytest.mark.parametrize("first", ["quarantined", "resent", "taken back"])
def test_a_report_that_another_file_had_before_is_that_one(tmp_path: Path, journal: Journal, first: str) -> None:
    """The second file was a duplicate at `a`; `strict` has it released there, and `a` keeps the first one."""
    house = _house(tmp_path, journal)
    house["one"].put("2.json", report("F1"))
    house.look()
    house.keep()
    assert [each[:2] for each in house.messages()[2:]] == [("a", "duplicate"), ("strict", "quarantined")]
    if first == "taken back":
        (control_id,) = house.accept("a")
        journal.delivery.said_later("a", control_id, "AE", b"MSH", accepts=False)
    else:
        house.refuse("a")
        if first == "resent":
            journal.operator.resend(1, new_control_id="N1", restamp=with_control_id)
            house.refuse("a")
    _use(house, A, MENDED)
    assert journal.operator.release(4) == "outbox"
    _read_again(house)
    assert house.accept("a") == []
    assert len(house.accept("strict")) == 1


@pytest.mark.parametrize("newer", [True, False])
def test_a_file_that_became_unreadable_is_read_for_whom_it_was_released(
    tmp_path: Path, journal: Journal, newer: bool
) -> None:
    """Somebody corrected it in the quarantine folder, and did so twice."""
    house = _house(tmp_path, journal)
    house.leave_unanswered("a")
    _use(house, A, MENDED)
    file = house["one"].folders.quarantine / "1.json"
    file.write_bytes(report("F1")[:-1])
    journal.operator.release(2)
    _read_again(house)
    house.keep()
    assert house["one"].files()["1.json"] == "quarantine"
    assert rows(journal, "SELECT state, code FROM source WHERE id = 2") == [("quarantined", "json.syntax")]
    if newer:
        house["one"].put("2.json", report("F1", "99.9"))
        house.look()
        house.accept("strict")
        assert "delivered to strict" in _rejected(journal.operator.release_file, 2).text
    file.write_bytes(report("F1", "14.2"))
    for _ in range(2):
        journal.operator.release_file(2, act="act", force=newer)
    _read_again(house)
    assert _state(journal, 1) == ("quarantined", "unanswered")
    last = "SELECT destination, state FROM message WHERE source_id = (SELECT MAX(id) FROM source) ORDER BY id"
    assert rows(journal, last) == [("a", "quarantined"), ("strict", "spooled")]
    assert len(house.accept("strict")) == 1


def test_a_file_in_quarantine_for_what_it_had_before_keeps_its_outbox(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal)
    _use(house, A, MENDED)
    house.leave_unanswered("a")
    journal.operator.release(2)
    _read_again(house)
    house.accept("strict")
    house.keep()
    with closing(View(journal.store.path)) as view:
        assert [each.folder for each in view.left_of_outbox("one")] == ["quarantine"]


# ------------------------------------------------------------------ acts on all of a file that was read again


@pytest.mark.parametrize("at", ["in quarantine", "waiting"])
@pytest.mark.parametrize("named", [1, 2], ids=["by its first reading", "by its last"])
@pytest.mark.parametrize("act", ["release", "dismiss", "resend"])
def test_all_of_a_file_is_of_each_reading(tmp_path: Path, journal: Journal, act: str, named: int, at: str) -> None:
    """What still waits or lies in quarantine from the first reading is of the file as well, and is there once."""
    house = _house(tmp_path, journal)
    _use(house, A, MENDED)
    journal.operator.release(2)
    _read_again(house)
    house.accept("strict")
    if at == "in quarantine":
        house.leave_unanswered("a")
    house.keep()
    if act == "release" and at == "waiting":
        assert of_file(journal, named, "release") == []
        return
    if act == "release":
        outcome = journal.operator.release_messages(of_file(journal, named, "release"), everywhere=True)
    elif act == "dismiss":
        outcome = journal.operator.dismiss_messages(of_file(journal, named, "dismiss"), "given up")
    else:
        ids = of_file(journal, named, "resend")
        outcome = journal.operator.resend_messages(ids, new_control_id=new_id, restamp=with_control_id)
    expected = {
        "release": [(1, "a", "spooled")], "dismiss": [(1, "a", "dismissed")],
        "resend": [(1, "a", "spooled")] * (at == "in quarantine") + [(4, "strict", "spooled")],
    }  # fmt: skip
    assert [each[:3] for each in outcome.done] == expected[act]
    waits = [(1, "resend.waiting")] if (act, at) == ("resend", "waiting") else []
    assert [(each.message, each.code) for each in outcome.rejected] == waits
    house.accept("a")
    house.accept("strict")
    house.keep()
    assert house["one"].files() == {"1.json": "sent"}


def test_all_of_a_file_is_read_again_though_one_of_it_is_of_an_earlier_reading(
    tmp_path: Path, journal: Journal
) -> None:
    """What was built for neither is released for one, then all of it: what was replaced is replaced once."""
    other = Recipient("other", builtin(require=["PID-7"]))
    house = _house(tmp_path, journal, wanted=(A, STRICT, other))
    _use(house, A, MENDED, other)
    journal.operator.release(2)
    _read_again(house)
    house.accept("strict")
    house.refuse("a")
    _use(house, A, MENDED, other._replace(profile=PROFILE))
    outcome = journal.operator.release_messages(of_file(journal, 2, "release"), everywhere=True)
    assert [each[:3] for each in outcome.done] == [(1, "a", "outbox"), (3, "other", "outbox")]
    _read_again(house)
    assert [len(house.accept(name)) for name in ("a", "strict", "other")] == [1, 0, 1]
    links = rows(journal, "SELECT replaces FROM message WHERE replaces IS NOT NULL ORDER BY replaces")
    assert links == [(1,), (2,), (3,)]
    house.keep()
    assert house["one"].files() == {"1.json": "sent"}


def test_what_waits_in_an_earlier_reading_keeps_the_file(tmp_path: Path, journal: Journal) -> None:
    """It was released at `a` while the file had been read again for another: it is not read again for `a` now."""
    both = b"[" + report("F1") + b"," + report("F2").replace(b'"14.1"', b"[]") + b"]"
    house = _house(tmp_path, journal, both)
    _use(house, A, MENDED)
    journal.operator.release(2)
    _read_again(house)
    error = _rejected(journal.operator.release, 3)
    assert (error.code, "still being delivered to a" in error.text) == ("release.file-in-use", True)


def test_a_message_of_an_earlier_reading_is_built_anew_from_the_file(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal)
    _use(house, A, MENDED)
    house.refuse("a")
    journal.operator.release(2)
    _read_again(house)
    house.accept("strict")
    house.keep()
    (file,) = journal.rebuilding.original(1).files
    assert (house["one"].folders.by_name[file.folder] / file.filed_as).read_bytes() == report("F1")


def _newest(journal: Journal) -> tuple[int, str, str]:
    newest: tuple[int, str, str] = rows(journal, "SELECT id, state, code FROM message ORDER BY id DESC LIMIT 1")[0]
    return newest


def _unreadable_then_newer(tmp_path: Path, journal: Journal, newer: bytes, first: bytes = b"{") -> House:
    """A file of which nothing is sent, `1.json`; what came after it for its order has been delivered."""
    house = House(tmp_path, journal, {"one": [A]})
    house["one"].put("1.json", first)
    house.look()
    house["one"].put("2.json", newer)
    house.look()
    assert len(house.accept("a")) == 1
    house.keep()
    assert house["one"].files() == {"1.json": "quarantine", "1.json.reason.txt": "quarantine", "2.json": "sent"}
    return house


@pytest.mark.parametrize("order", ["the same", "another"])
@pytest.mark.parametrize("first", ["unreadable", "not built"])
def test_a_file_of_which_nothing_was_made_is_as_old_as_when_it_came(
    tmp_path: Path, journal: Journal, first: str, order: str
) -> None:
    """Nobody knew its orders when it was released."""
    newer = report("F1" if order == "the same" else "F2", "99.9")
    if first == "unreadable":
        house = _unreadable_then_newer(tmp_path, journal, newer)
    else:
        house = _unreadable_then_newer(tmp_path, journal, newer, report("F1").replace(b'"14.1"', b"[]"))
    (house["one"].folders.quarantine / "1.json").write_bytes(report("F1"))
    if first == "unreadable":
        journal.operator.release_file(1)
    else:
        journal.operator.release(1)
    _read_again(house)
    if order == "another":
        assert len(house.accept("a")) == 1
        return
    assert house.accept("a") == [], "14.1 would come behind 99.9"
    house.keep()
    assert house["one"].files()["1.json"] == "quarantine"
    read, *became = _newest(journal)
    assert became == ["quarantined", "report.overtaken"]
    journal.operator.release(read)
    _read_again(house)
    read, *became = _newest(journal)
    assert became == ["quarantined", "report.overtaken"], "it gets no younger by that"
    journal.operator.release(read, force=True)
    _read_again(house)
    assert len(house.accept("a")) == 1
    house.keep()
    assert house["one"].files() == {"1.json": "sent", "2.json": "sent"}


@pytest.mark.parametrize("again", ["unreadable", "read"])
def test_a_forced_release_lasts_until_something_newer_comes(tmp_path: Path, journal: Journal, again: str) -> None:
    house = _unreadable_then_newer(tmp_path, journal, report("F1", "99.9"))
    file = house["one"].folders.quarantine / "1.json"
    file.write_bytes(b"[" if again == "unreadable" else report("F1"))
    journal.operator.release_file(1, force=True)
    _read_again(house)
    house.keep()
    if again == "read":
        assert len(house.accept("a")) == 1
        return
    file.write_bytes(report("F1"))
    journal.operator.release_file(3)
    _read_again(house)
    assert len(house.accept("a")) == 1, "a person has decided that it goes behind 99.9"


def test_nor_is_it_sent_behind_what_came_after_a_forced_release(tmp_path: Path, journal: Journal) -> None:
    house = _unreadable_then_newer(tmp_path, journal, report("F1", "99.9"))
    file = house["one"].folders.quarantine / "1.json"
    file.write_bytes(b"[")
    journal.operator.release_file(1, force=True)
    _read_again(house)
    house.keep()
    house["one"].put("3.json", report("F1", "100.1"))
    house.look()
    assert len(house.accept("a")) == 1
    file.write_bytes(report("F1"))
    journal.operator.release_file(3)
    _read_again(house)
    assert house.accept("a") == [], "14.1 would come behind 100.1"


def test_what_was_dropped_anew_and_delivered_is_the_same(tmp_path: Path, journal: Journal) -> None:
    house = _unreadable_then_newer(tmp_path, journal, report("F1"))
    (house["one"].folders.quarantine / "1.json").write_bytes(report("F1"))
    journal.operator.release_file(1)
    _read_again(house)
    assert house.accept("a") == []
    assert _state(journal, 2) == ("duplicate", "message.duplicate"), "nobody is asked anything"
