"""Several outboxes and destinations: from real folders into a real journal, and back to the folders."""

from __future__ import annotations

import datetime
import json
import os
import random
import shutil
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from config.test_profile_national import FULL, MSH
from hypothesis import given
from hypothesis import strategies as st
from kit.core import ready, report, rows, until
from kit.destinations import House, at_once, rule, takes
from kit.examples import examples
from kit.intake import plan
from msgspec.structs import replace

from lab_sender import files, ids
from lab_sender.config.profile import builtin
from lab_sender.filing.feed import Feed
from lab_sender.filing.keeper import Keeper
from lab_sender.intake import batches
from lab_sender.intake.compose import Composer, Recipient
from lab_sender.journal import ActRejected, Journal, NewSource
from lab_sender.readers import Inputs, PdfInput

GOLDEN = Path(__file__).parent / "golden"
PROFILE = builtin(corrections={"suspicious": "send"})
A, B = Recipient("a", PROFILE), Recipient("b", PROFILE)
TWO = {"one": [A, B], "two": [A]}
PDF = b"%PDF-1.4 a document %%EOF"


@pytest.fixture
def house(tmp_path: Path, journal: Journal) -> House:
    return House(tmp_path, journal, TWO)


# ------------------------------------------------------------------ one file, several destinations

THREE = [
    Recipient("hospital", builtin("generic-2.3", **MSH)),
    Recipient("registry", builtin("us-elr", **MSH)),
    Recipient("portal", builtin("generic-2.8.2", **MSH, charset="8859/1")),
]


def test_one_file_three_profiles_three_messages(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run with GOLDEN=write to write the files anew, then read every line of the difference."""
    house = House(tmp_path, journal, {"outbox": THREE})
    now = datetime.datetime(2026, 3, 4, 5, 6, 7, tzinfo=datetime.UTC)
    for writer in house["outbox"].intake._plan.composer._writers:
        monkeypatch.setattr(writer, "_now", lambda: now)
    house["outbox"].put("full.json", json.dumps(FULL).encode())
    house.look()
    assert house.messages() == [(each.name, "spooled", "") for each in THREE]
    control_ids = rows(journal, "SELECT control_id FROM message ORDER BY id")
    assert len(set(control_ids)) == 3
    for (control_id,), (name, (body,)) in zip(control_ids, house.bodies().items(), strict=True):
        text = body.replace(control_id.encode(), b"CONTROLID").decode("latin-1").replace("\r", "\n")
        text = text.replace("|0.1.0", "|VERSION")
        golden = GOLDEN / f"{name}.hl7"
        if os.environ.get("GOLDEN") == "write":
            golden.write_text(text, "latin-1")
        assert text == golden.read_text("latin-1")


def test_rules_decide_for_each_report_and_the_same_order_is_known_for_each_destination(
    tmp_path: Path, journal: Journal
) -> None:
    picky = Recipient("picky", PROFILE, takes(rule("OBR-3.1", "F2")))
    house = House(tmp_path, journal, {"outbox": [picky, A]})
    house["outbox"].put("1.json", b"[" + report("F1") + b"," + report("F2") + b"]")
    house.look()
    assert house.messages() == [("a", "spooled", ""), ("picky", "spooled", ""), ("a", "spooled", "")]
    house["outbox"].put("2.json", report("F2"))
    house["outbox"].put("3.hl7", ready("M1", order="F3"))
    house.look()
    assert house.messages()[3:] == [
        ("picky", "duplicate", "message.duplicate"), ("a", "duplicate", "message.duplicate"), ("a", "spooled", ""),
    ]  # fmt: skip
    same = rows(journal, "SELECT m.destination, o.destination FROM message m JOIN message o ON o.id = m.same_as")
    assert same == [("picky", "picky"), ("a", "a")]
    assert house.bodies()["a"][-1] == ready("M1", order="F3")


def test_a_control_id_is_used_once_at_each_destination(house: House) -> None:
    house["one"].put("1.hl7", ready("M1", value="1"))
    house.look()
    house["two"].put("2.hl7", ready("M1", value="2"))
    house.look()
    used = rows(house.journal, "SELECT destination, control_id FROM message ORDER BY id")
    assert used[:2] == [("a", "M1"), ("b", "M1")]
    assert used[2][0] == "a"
    assert used[2][1] != "M1"


def test_what_nobody_takes_lies_in_quarantine_and_goes_out_when_the_rules_have_changed(
    tmp_path: Path, journal: Journal
) -> None:
    never = [Recipient("a", PROFILE, takes(rule("MSH-6", "X"))), Recipient("b", PROFILE, takes(rule("PV1-2", "Y")))]
    house = House(tmp_path, journal, {"outbox": never})
    house["outbox"].put("1.json", report())
    house.look()
    house.keep()
    assert house.messages() == [("a", "quarantined", "route.none")]
    assert house["outbox"].files() == {"1.json": "quarantine", "1.json.reason.txt": "quarantine"}
    reason = (house["outbox"].folders.quarantine / "1.json.reason.txt").read_text()
    assert "a by MSH-6; b by PV1-2" in reason
    assert reason.startswith("the report for no destination: route.none\n")
    assert "At a:" not in reason, "it is noted with the first one, for want of another"
    (number,) = rows(journal, "SELECT id FROM message")[0]
    house["outbox"].intake.use(plan(Composer([never[0], B]), poll_s=0.0, settle_s=0.0))
    journal.operator.release(number)
    house.keep()
    house.look()
    assert house.messages()[1:] == [("b", "spooled", "")]
    house.accept("b")
    house.keep()
    assert house["outbox"].files() == {"1.json": "sent"}


def test_what_nobody_took_and_a_person_gave_up_goes_nowhere_when_its_file_is_read_again(
    tmp_path: Path, journal: Journal
) -> None:
    house = House(tmp_path, journal, {"outbox": [Recipient("a", PROFILE, takes(rule("OBR-3.1", "F2")))]})
    bad = report("F2").replace(b'"14.1"', b"[]")
    house["outbox"].put("1.json", b"[" + report("F1") + b"," + bad + b"]")
    house.look()
    assert house.messages() == [("a", "quarantined", "route.none"), ("a", "quarantined", "value.shape")]
    journal.operator.dismiss(1, "not for anybody")
    house["outbox"].intake.use(plan(Composer([A, B]), poll_s=0.0, settle_s=0.0))
    journal.operator.release(2)
    house.keep()
    house.look()
    assert house.messages()[2:] == [
        ("a", "duplicate", "message.given-up"), ("b", "duplicate", "message.given-up"),
        ("a", "quarantined", "value.shape"), ("b", "quarantined", "value.shape"),
    ]  # fmt: skip


def test_a_file_that_waits_for_its_document_is_composed_for_each_destination(
    tmp_path: Path, journal: Journal
) -> None:
    house = House(tmp_path, journal, {"one": [A, Recipient("b", PROFILE, takes(rule("OBR-3.1", "F9"))), THREE[0]]})
    house["one"].put("1.json", report("F1", "1", "1.pdf"))
    house.look()
    assert house.messages() == []
    house["one"].put("1.pdf", PDF)
    house.look()
    assert house.messages() == [("a", "spooled", ""), ("hospital", "spooled", "")]
    assert all(body.count(b"^application^pdf^Base64^") == 1 for (body,) in house.bodies().values())


def test_a_document_beside_a_file_goes_with_it_to_each_destination(tmp_path: Path, journal: Journal) -> None:
    house = House(tmp_path, journal, {"one": [A, B]}, inputs=Inputs(pdf=PdfInput(beside="wait")))
    house["one"].put("1.hl7", ready("M1"))
    house.look()
    house["one"].put("1.pdf", PDF)
    house.look()
    assert house.messages() == [("a", "spooled", ""), ("b", "spooled", "")]
    first, second = house.bodies()["a"] + house.bodies()["b"]
    assert first == second
    assert b"^application^pdf^Base64^" in first


def test_a_document_of_one_name_in_another_outbox_is_another_one(tmp_path: Path, journal: Journal) -> None:
    """In one outbox a name that a report went without is owed to it; in another one it never was."""
    house = House(tmp_path, journal, TWO, attachment_wait_s=0.0)
    house["one"].put("1.json", report("F1", "1", "scan.pdf"))
    house.look()
    assert {code for _, _, code in house.messages()} == {"attachment.missing"}
    house = House(tmp_path, journal, TWO)
    for name, taken in (("two", [("a", "spooled", "")]), ("one", [])):
        before = house.messages()
        house[name].put("2.json", ready_with(f"F-{name}", "scan.pdf"))
        house[name].put("scan.pdf", PDF)
        house.look()
        assert house.messages()[len(before) :] == taken, name
    assert rows(journal, "SELECT code FROM source WHERE code <> '' AND kind = 'unreadable'")[0] == (
        "attachment.shared",
    )


def test_a_report_that_waited_is_overtaken_at_each_destination_by_itself(tmp_path: Path, journal: Journal) -> None:
    """The newer one went to one destination only; the older one still goes to the other."""
    house = House(tmp_path, journal, TWO)
    house["one"].put("1.json", report("F1", "1", "1.pdf"))
    house.look()
    house["two"].put("2.json", report("F1", "2"))
    house.look()
    house["one"].put("1.pdf", PDF)
    house.look()
    assert house.messages() == [("a", "spooled", ""), ("a", "quarantined", "report.overtaken"), ("b", "spooled", "")]


def test_many_files_are_composed_by_the_helper_as_in_the_agent(tmp_path: Path, journal: Journal) -> None:
    picky = Recipient("picky", PROFILE, takes(rule("OBR-3.1", matches="^F[0-9]$")))
    house = House(tmp_path, journal, {"one": [A, picky]})
    for number in range(40):
        house["one"].put(f"{number:02}.json", report(f"F{number}"))
    house.look()
    assert house["one"].intake._batches._workshop._helper is not None
    house["one"].intake._batches.close()
    assert Counter(destination for destination, state, _ in house.messages() if state == "spooled") == {
        "a": 40, "picky": 10,
    }  # fmt: skip


def test_an_order_that_was_another_patients_makes_a_message_a_barrier(house: House) -> None:
    for name, patient in (("1", "P1"), ("2", "P1"), ("3", "P2"), ("4", "P1"), ("5", "P1")):
        house["two"].put(f"{name}.hl7", ready(f"M{name}", order="F1", value=name, patient=patient))
        house.look()
    found = rows(house.journal, "SELECT patient_turn FROM message ORDER BY id")
    assert [turn == 0 for (turn,) in found] == [False, False, True, True, False]


# ------------------------------------------------------------------ several outboxes


def test_each_outbox_has_its_destinations_and_its_name_in_the_journal(house: House) -> None:
    house["one"].put("1.json", report("F1"))
    house["two"].put("2.json", report("F2"))
    house.look()
    assert house.messages() == [("a", "spooled", ""), ("b", "spooled", ""), ("a", "spooled", "")]
    assert house.outboxes() == {"1.json": "one", "2.json": "two"}


def test_files_of_one_name_go_each_to_the_folders_of_its_outbox(house: House) -> None:
    for name in TWO:
        house[name].put("x.json", report(f"F-{name}"))
        house[name].put("y.json", report(f"G-{name}"))
        house[name].put("bad.json", b"{")
    house.look()
    house.keep()
    assert all(each.files()["bad.json"] == "quarantine" for each in house.stations.values())
    assert all(each.files()["x.json"] == "claimed" for each in house.stations.values())
    house.accept("a")
    house.keep()
    assert (house["one"].files()["x.json"], house["two"].files()["x.json"]) == ("claimed", "sent")
    house.refuse("b")
    house.keep()
    assert house["one"].files()["x.json"] == "quarantine"
    assert (house["two"].folders.sent.glob("*/x.json")).__next__().read_bytes() == report("F-two")
    assert not [name for each in house.stations.values() for name in each.files() if "~" in name]


def test_files_of_one_name_in_shared_folders_lie_beside_each_other(tmp_path: Path, journal: Journal) -> None:
    house = House(tmp_path, journal, TWO)
    shared = tmp_path / "shared"
    folders = {name: replace(house[name].folders, sent=shared) for name in TWO}
    house.keepers = {name: Keeper(journal, each, name=name, feed=house.feed) for name, each in folders.items()}
    for name in TWO:
        house[name].put("x.json", report(f"F-{name}"))
    house.look()
    house.accept("a")
    house.accept("b")
    house.keep()
    found = sorted(shared.rglob("x*.json"))
    assert [each.read_bytes() for each in found] == [report("F-one"), report("F-two")]


def test_a_released_file_comes_back_to_its_outbox_and_only_what_is_open_is_sent_again(house: House) -> None:
    """At one destination it was delivered, at the other the report was refused without bytes to release: grown."""
    path = house["one"].put("1.json", report("F1"))
    assert path.exists()
    house.look()
    house.accept("a")
    claimed = next(iter(house["one"].claimed.iterdir()))
    claimed.write_bytes(report("F1") + b"\n")
    house.accept("b")
    house.keep()
    assert house["one"].files()["1.json"] == "quarantine"
    house.journal.operator.release_file(1)
    house.keep()
    assert house["one"].files() == {"1.json": "claimed"}
    house.look()
    assert house.messages()[2:] == [
        ("a", "duplicate", "message.duplicate"), ("b", "duplicate", "message.duplicate"),
    ]  # fmt: skip
    assert house.outboxes() == {"1.json": "one"}
    house.keep()
    assert house["one"].files() == {"1.json": "sent"}


@pytest.mark.parametrize("delivered", [True, False])
def test_what_could_not_be_built_for_one_destination_is_read_again_for_that_one(
    tmp_path: Path, journal: Journal, delivered: bool
) -> None:
    """The others have it, or will get it: it is not sent there again."""
    strict = Recipient("strict", builtin(require=["PID-7"]))
    house = House(tmp_path, journal, {"one": [A], "two": [A, strict]})
    house["two"].put("1.json", report("F1"))
    house.look()
    assert house.messages() == [("a", "spooled", ""), ("strict", "quarantined", "field.required")]
    house.keep()
    if delivered:
        house.accept("a")
    house.keep()
    assert house["two"].files()["1.json"] == "quarantine", "the other destination still gets its message"
    reason = (house["two"].folders.quarantine / "1.json.reason.txt").read_text()
    assert "strict" in reason
    house["two"].intake.use(plan(Composer([A, strict._replace(profile=PROFILE)]), poll_s=0.0, settle_s=0.0))
    journal.operator.release(2)
    house.keep()
    house.look()
    assert house.messages()[2:] == [("a", "duplicate", "message.duplicate"), ("strict", "spooled", "")]
    assert (house.accept("a"), len(house.accept("strict"))) == ([] if delivered else house.accepted["a"], 1)
    house.keep()
    assert house["two"].files() == {"1.json": "sent"}
    assert house["one"].files() == {}


def test_an_outbox_that_is_away_stands_still_alone(house: House, tmp_path: Path) -> None:
    house["one"].put("1.json", report("F1"))
    house["two"].put("2.json", report("F2"))
    house.look()
    away = tmp_path / "away"
    house["one"].outbox.rename(away)
    house["two"].put("3.json", report("F3"))
    house.look()
    assert _trouble(house, "intake") == "outbox.unreachable"
    house.accept("a")
    house.accept("b")
    house.keep()
    assert house["two"].files() == {"2.json": "sent", "3.json": "sent"}
    assert _trouble(house, "filing") == "keeper.FileNotFoundError"
    assert not house["one"].outbox.exists(), "what is away is not made anew"
    away.rename(house["one"].outbox)
    house.look()
    house.keep()
    assert house["one"].files() == {"1.json": "sent"}
    assert (_trouble(house, "intake"), _trouble(house, "filing")) == ("", "")


def _trouble(house: House, what: str) -> str:
    found = rows(house.journal, "SELECT value FROM meta WHERE key = ?", f"{what}_trouble")
    return str(found[0][0]) if found else ""


def test_the_trouble_of_one_outbox_is_shown_while_another_has_none(house: House) -> None:
    shutil.rmtree(house["two"].outbox)
    for _ in range(3):
        house.look()
        assert _trouble(house, "intake") == "outbox.unreachable"
    house["two"].claimed.mkdir(parents=True)
    house.look()
    assert _trouble(house, "intake") == ""


def test_a_share_that_hangs_keeps_no_other_outbox_waiting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keeper is stuck in a call of the system; the others file, and flush what the lanes have written."""
    for name in TWO:
        house[name].put("x.json", report(f"F-{name}"))
    house.look()
    house.accept("a")
    house.accept("b")
    real, stuck, free = files.size_of, threading.Event(), threading.Event()

    def hangs(path: str) -> object:
        if f"{os.sep}one{os.sep}" in path:
            stuck.set()
            free.wait(30)
        return real(path)

    monkeypatch.setattr(files, "size_of", hangs)
    threads = [threading.Thread(target=each.run) for each in house.keepers.values()]
    for each in threads:
        each.start()
    try:
        assert stuck.wait(30)
        until(lambda: house["two"].files() == {"x.json": "sent"})
        assert house["one"].files() == {"x.json": "claimed"}
    finally:
        free.set()
        for keeper in house.keepers.values():
            keeper.stop()
        for each in threads:
            each.join()
    assert house["one"].files() == {"x.json": "sent"}


def test_two_keepers_that_want_one_name_in_a_shared_folder(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have planned the same free name; whoever moves second takes another one."""
    shared = tmp_path / "shared"
    house.keepers = {
        name: Keeper(house.journal, replace(house[name].folders, sent=shared), name=name, feed=house.feed)
        for name in TWO
    }
    for name in TWO:
        house[name].put("x.json", report(f"F-{name}"))
    house.look()
    house.accept("a")
    house.accept("b")
    real = os.path.lexists
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "lexists", lambda path: real(path) and str(shared) not in str(path))
        house.keep()
    house.keep()
    house.keep()
    assert sorted(each.read_bytes() for each in shared.rglob("x*.json")) == [report("F-one"), report("F-two")]
    assert _trouble(house, "filing") == ""


@pytest.mark.parametrize("owners", [{"old": "new", "two": "two"}, {"two": "two"}], ids=["renamed", "away"])
def test_a_file_goes_to_the_folders_that_have_it_and_waits_where_none_has(
    tmp_path: Path, journal: Journal, owners: dict[str, str]
) -> None:
    before = House(tmp_path, journal, {"old": [A]})
    before["old"].put("1.json", report("F1"))
    before.look()
    (tmp_path / "old").rename(tmp_path / "new")
    house = House(tmp_path, journal, {"new": [A], "two": [A]})
    house.feed = Feed(journal, ["new", "two"], owners, some_unowned="old" not in owners)
    for name, station in house.stations.items():
        house.keepers[name] = Keeper(journal, station.folders, name=name, feed=house.feed)
    house["two"].put("2.json", report("F2"))
    house.look()
    house.accept("a")
    house.keep()
    assert house["new"].files() == {"1.json": "sent" if "old" in owners else "claimed"}
    assert house["two"].files() == {"2.json": "sent"}
    house.feed.look()
    assert _trouble(house, "filing") == ("" if "old" in owners else "outbox.removed-away")


# ------------------------------------------------------------------ at once


def test_what_was_claimed_before_a_kill_is_found_in_its_own_outbox(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the claim and the journal, in the second outbox, while the first one goes on."""
    house["two"].put("2.json", report("F2"))
    house["two"].put("2.pdf", PDF)

    def killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(batches.Batches, "put", killed)
        with pytest.raises(SystemExit):
            house["two"].look()
    assert house["two"].files()["2.json"] == "claimed"
    house["one"].put("1.json", report("F1"))
    house["one"].look()
    again = House(tmp_path, house.journal, TWO)
    for station in again.stations.values():
        station.intake._recover()
    assert again.outboxes() == {"1.json": "one", "2.json": "two"}
    assert again.messages() == [("a", "spooled", ""), ("b", "spooled", ""), ("a", "spooled", "")]
    again.look()
    assert len(again.messages()) == 3


def test_claim_ids_sort_over_all_outboxes_also_where_the_clock_is_set_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house["one"].put("1.json", report("F1"))
    house.look()
    behind = ids.time.time_ns() - 10**12
    monkeypatch.setattr(ids.time, "time_ns", lambda: behind)
    house["two"].put("2.json", report("F2"))
    house.look()
    claims = [claim for (claim,) in rows(house.journal, "SELECT claim_id FROM source ORDER BY id")]
    assert claims == sorted(claims)


def test_what_another_outbox_passes_while_it_is_built_is_as_old_as_its_file(house: House) -> None:
    """The older one goes out, for nothing contradicts it; both are refused, and a person releases them."""
    one = house["one"].intake
    house["one"].put("1.json", report("F1", "14.1"))
    ready = one._arrivals.complete(()) or one._arrivals.complete(())
    one._batches.put(one._claims.claim(ready))
    house["two"].put("2.json", report("F1", "99.9"))
    house["two"].look()
    house.refuse("a")  # message 1, the newer one
    one._batches.finish()
    house.refuse("a")
    house.keep()
    house.journal.operator.release(1)
    house.accept("a")
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 1, "):
        house.journal.operator.release(2)


@pytest.mark.parametrize("passed_by", ["", "F7"])
def test_what_passes_it_with_other_orders_makes_nothing_late(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, passed_by: str
) -> None:
    """So no other machine's clock, which is a minute ahead, says how old it is."""
    real = ids.time.time_ns
    monkeypatch.setattr(ids.time, "time_ns", lambda: real() + 60 * 10**9)
    other = House(tmp_path / "other", journal, {"there": [A]})
    other["there"].put("1.json", report("F1", "14.1"))
    other.look()
    monkeypatch.undo()
    house = House(tmp_path, journal, TWO)
    house.refuse("a")  # message 1, the older one
    other.keep()
    one = house["one"].intake
    house["one"].put("2.json", report("F1", "99.9"))
    ready = one._arrivals.complete(()) or one._arrivals.complete(())
    one._batches.put(one._claims.claim(ready))
    if passed_by:
        house["two"].put("3.json", report(passed_by, "1"))
        house["two"].look()
    one._batches.finish()
    house.accept("a")
    with pytest.raises(ActRejected, match=r"release\.overtaken: message \d, "):
        journal.operator.release(1)


@examples(25)
@given(seed=st.integers(0, 2**32))
def test_reports_of_one_order_by_two_outboxes_at_once_are_held_against_each_other(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the interleaving: of the same content one is sent; of an older and a newer one the journal's order and
    the findings agree: the one that comes second is held against the first."""
    chance = random.Random(seed)
    folder = tmp_path_factory.mktemp("both")
    journal = Journal(folder / "journal.db", who="tester", busy_timeout_s=5.0)
    strict = builtin(corrections={"suspicious": "quarantine"})
    recipients = [Recipient("a", strict), Recipient("b", strict, takes(rule("OBR-3.1", "F1", "F2")))]
    house = House(folder, journal, {"one": recipients, "two": recipients})
    try:
        orders = [f"F{number}" for number in range(chance.randint(1, 4))]
        for number, order in enumerate(orders):
            kinds = chance.choice([("old", "new"), ("new", "old"), ("new", "new")])
            for name, kind in zip(TWO, kinds, strict=True):
                house[name].put(f"{number}-{kind}.json", _timed(order, kind))
        for each in house.stations.values():
            _linger(each.intake._batches)
        at_once(house["one"].look, house["two"].look)
        came = _came(journal)
        assert set(came) == {(each, "a") for each in orders} | {(each, "b") for each in {"F1", "F2"} & set(orders)}
        for found in came.values():
            assert found in (
                [("new", "spooled", ""), ("new", "duplicate", "message.duplicate")],
                [("old", "spooled", ""), ("new", "spooled", "")],
                [("new", "spooled", ""), ("old", "quarantined", "correction.older")],
            )
    finally:
        for each in house.stations.values():
            each.intake._batches.close()
        journal.close()


def _linger(own: batches.Batches) -> None:
    """Let the other intake come in between, if it can, from the look at what is known to the transaction."""
    recognised, moment = own._recogniser.recognised, threading.Event()

    def lingering(sources: Sequence[NewSource]) -> list[NewSource]:
        found = recognised(sources)
        moment.wait(0.01)
        return found

    own._recogniser.recognised = lingering  # type: ignore[method-assign]


def _timed(order: str, kind: str) -> bytes:
    said = json.loads(report(order, {"old": "1", "new": "2"}[kind]))
    said["orders"][0]["reported"] = {"old": "2024-03-01T09:00+00:00", "new": "2024-03-01T10:00+00:00"}[kind]
    said["orders"][0]["status"] = {"old": "final", "new": "corrected"}[kind]
    return json.dumps(said).encode()


def _came(journal: Journal) -> dict[tuple[str, str], list[tuple[str, str, str]]]:
    """Order and destination -> which report of it came there, in the journal's order, and what became of it."""
    found: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    question = (
        "SELECT m.destination, m.state, m.code, w.body FROM message m"
        " JOIN wire w ON w.message_id = COALESCE(m.same_as, m.id) ORDER BY m.id"
    )
    for destination, state, code, body in rows(journal, question):
        order = body.partition(b"^LAB")[0].rpartition(b"|")[2].decode()
        kind = "new" if b"|202403011000" in body else "old"
        found.setdefault((order, destination), []).append((kind, state, code))
    return found


def ready_with(order: str, attachment: str) -> bytes:
    """A report of another patient that names a document."""
    said = json.loads(report(order, "2", attachment))
    said["patient"]["ids"] = [{"id": "PAT-2"}]
    return json.dumps(said).encode()
