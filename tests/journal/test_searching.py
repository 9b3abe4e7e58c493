"""What is searched for is found, whole, newest first, page by page; held against a look at every row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from kit.core import HIS, bad, entry, head, ready, source

from lab_sender.journal import Attempt, Criteria, Cursor, Journal, Line, View, candidates
from lab_sender.journal.criteria import Hit

DAY_MS = 86_400_000
OTHER = "other"


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    path = tmp_path_factory.mktemp("searching") / "journal.db"
    with closing(Journal(path)) as journal:
        _fill(journal)
    with closing(View(path)) as found:
        yield found


def _fill(journal: Journal) -> None:
    """Forty files on ten days: two patients, three wards, five orders, two destinations, every state."""
    for number in range(1, 41):
        name, order, patient = f"M{number:02}", f"F{number % 5}", f"P{number % 2}^H"
        body = ready(name, order=order, patient=patient).replace(b"\rOBR", b"\rPV1|1|I|W%d^12^1\rOBR" % (number % 3))
        where = OTHER if number % 4 == 0 else HIS
        new = entry(name, order=f"{order}^LAB", patient=patient, body=body, destination=where)
        if number % 10 == 7:
            new = new._replace(state="quarantined", code="refused")
        file = f"day{number % 2}.json" if number % 8 else "same.json"
        files = [source(f"C{number:02}", new, name=file)]
        files += [source(f"C{number:02}x", code="json.syntax", name=file)] if number % 9 == 0 else []
        journal.spool.spooled(files, HIS)
        at_ms = number // 4 * DAY_MS + number
        with journal.store.quick() as db:
            db.execute("UPDATE message SET created_ms = ? WHERE control_id = ?", (at_ms, name))
            claims = (f"C{number:02}", f"C{number:02}x")
            db.execute("UPDATE source SET received_ms = ? WHERE claim_id IN (?, ?)", (at_ms, *claims))
    for message in head(journal)[:6]:
        journal.delivery.sending(message.id)
        refusals = message.id % 3
        for tried in range(refusals):
            again = message._replace(attempts=tried)
            journal.delivery.refused(again, Attempt(message.id, 1, "verdict", "ack", "", "", "AE", b"x"))
            journal.delivery.sending(message.id)
        last_try = Attempt(message.id, 1, "verdict", "ack", "", "", "AA", b"x")
        journal.delivery.acked(message._replace(attempts=refusals), last_try)
    journal.delivery.said_later(HIS, "M01", "AE", b"x", accepts=False)
    (waits, last) = head(journal)[:2]
    words = {"reason": "The HIS answered AE with error 207.", "his_words": "Zebra unknown"}
    journal.delivery.quarantined(waits, code="refused", his_code="AE", his_error="207", **words)
    journal.operator.dismiss(last.id, "why")
    journal.operator.resend(waits.id, new_control_id="N1", restamp=lambda body, _: body, force=True)


def _found(view: View, wanted: Criteria, limit: int = 100) -> list[Line]:
    """All that is found, page by page."""
    lines, before = list[Line](), None
    for _ in range(100):
        found = view.find(wanted, limit=limit, before=before)
        assert len(found.lines) == limit or found.before is None
        lines += found.lines
        before = found.before
        if before is None:
            return lines
        assert Cursor.read(str(before)) == before
    raise AssertionError("it has no end")


def _key(line: Line) -> tuple[int | None, int]:
    return line.message_id, line.source_id if line.message_id is None else 0


_EVERY = Criteria()
_SEARCHES: dict[str, tuple[Criteria, Any]] = {
    "all": (_EVERY, lambda _: True),
    "order": (Criteria(order="F1"), lambda line: line.message_id and line.order == "F1"),
    "order with authority": (Criteria(order="F1^LAB"), lambda line: line.message_id and line.order == "F1"),
    "order of another authority": (Criteria(order="F1^X"), lambda _: False),
    "patient": (Criteria(patient="P1"), lambda line: line.message_id and line.patient == "P1"),
    "patient with authority": (Criteria(patient="P1^H"), lambda line: line.message_id and line.patient == "P1"),
    "part of a patient's number": (Criteria(patient="P"), lambda _: False),
    "ward": (Criteria(ward="W2"), lambda line: line.message_id and line.ward == "W2"),
    "name": (Criteria(file="same.json"), lambda line: line.name == "same.json"),
    "beginning of a name": (Criteria(file="day*"), lambda line: line.name.startswith("day")),
    "part of a name": (Criteria(file="*y1*"), lambda line: "y1" in line.name),
    "part of a name, and more": (
        Criteria(file="*y1*", tries=2), lambda line: "y1" in line.name and line.attempts >= 2,
    ),
    "part of a name, and a state": (
        Criteria(file="*y1*", states=("quarantined",)),
        lambda line: "y1" in line.name and line.state == "quarantined",
    ),
    "name with signs": (Criteria(file="d_y1.json"), lambda _: False),
    "since": (Criteria(since_ms=4 * DAY_MS), lambda line: line.created_ms >= 4 * DAY_MS),
    "until": (Criteria(until_ms=4 * DAY_MS), lambda line: line.created_ms < 4 * DAY_MS),
    "name and time": (
        Criteria(file="day*", since_ms=2 * DAY_MS, until_ms=7 * DAY_MS),
        lambda line: line.name.startswith("day") and 2 * DAY_MS <= line.received_ms < 7 * DAY_MS,
    ),
    "patient and time": (
        Criteria(patient="P1", since_ms=2 * DAY_MS, until_ms=7 * DAY_MS),
        lambda line: line.message_id and line.patient == "P1" and 2 * DAY_MS <= line.created_ms < 7 * DAY_MS,
    ),
    "destination": (Criteria(to=(OTHER,)), lambda line: line.destination == OTHER),
    "waiting": (Criteria(states=("spooled", "sending")), lambda line: line.state in ("spooled", "sending")),
    "quarantined": (Criteria(states=("quarantined",)), lambda line: line.state == "quarantined"),
    "delivered": (Criteria(states=("acked",)), lambda line: line.state == "acked"),
    "delivered to one": (
        Criteria(states=("acked",), to=(HIS,)), lambda line: line.state == "acked" and line.destination == HIS,
    ),
    "resent": (Criteria(states=("replaced resent",)), lambda line: line.code == "resent"),
    "code": (Criteria(code="refused"), lambda line: line.code == "refused"),
    "code of a file": (Criteria(code="json.syntax"), lambda line: line.code == "json.syntax"),
    "the last answer": (Criteria(code="AA"), lambda line: line.ack_code == "AA"),
    "not that code": (Criteria(states=("quarantined",), but_code="refused"), lambda line: line.message_id is None),
    "tries": (Criteria(tries=2), lambda line: line.attempts >= 2),
    "contradicted": (Criteria(contradicted=True), lambda line: bool(line.contradicted)),
    "contains": (Criteria(contains="obx|1|nm"), lambda line: line.message_id),
    "contains a control id": (Criteria(contains="m17"), lambda line: line.control_id == "M17"),
    "much at once": (
        Criteria(order="F1", patient="P1", ward="W0", to=(HIS,), states=("spooled",)),
        lambda line: line.message_id and (line.order, line.patient, line.ward, line.destination, line.state)
        == ("F1", "P1", "W0", HIS, "spooled"),
    ),
}  # fmt: skip


class _Known:
    """A line, with what the messages of `_fill` say of themselves."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.order, self.patient, self.ward = "", "", ""
        self.received_ms = line.created_ms
        if line.replaces is not None:
            self.received_ms = line.replaces // 4 * DAY_MS + line.replaces
        if line.message_id is not None:
            body_of = line.replaces or line.message_id
            self.order, self.patient, self.ward = (f"{letter}{n}" for letter, n in _NUMBERS[body_of])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)


_NUMBERS = {n: (("F", n % 5), ("P", n % 2), ("W", n % 3)) for n in range(1, 41)}


@pytest.mark.parametrize("limit", [100, 3, 1])
@pytest.mark.parametrize("name", _SEARCHES)
def test_it_is_what_a_look_at_every_row_finds(view: View, name: str, limit: int) -> None:
    wanted, fits = _SEARCHES[name]
    every = view.lines(limit=1000)
    assert len(every) == 45
    expected = {_key(line) for line in every if fits(_Known(line))}
    found = _found(view, wanted, limit)
    assert {_key(line) for line in found} == expected
    assert len(found) == len(expected), "each once"
    assert bool(expected) != (name in ("order of another authority", "part of a patient's number", "name with signs"))
    if not wanted.is_by_name:
        assert [line.created_ms for line in found] == sorted((line.created_ms for line in found), reverse=True)


def test_who_stops_after_each_piece_finds_all_of_it_on_each_database(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(journal)
    monkeypatch.setattr(candidates, "_FIRST", 3)
    monkeypatch.setattr(candidates, "_MOST", 3)
    with closing(View(journal.store.path)) as view:
        every, wrong = view.lines(limit=1000), list[str]()
        for name, (wanted, fits) in _SEARCHES.items():
            keys, before = set[Any](), None
            for _ in range(60):
                found = view.find(wanted, limit=100, before=before, stop=lambda: True)
                keys |= {_key(line) for line in found.lines}
                if (before := found.before) is None:
                    break
            if before is not None or keys != {_key(line) for line in every if fits(_Known(line))}:
                wrong.append(name)
    assert wrong == []


def test_the_his_codes_stand_apart_from_our_reason(view: View) -> None:
    """`release` and `resend` take them away with the reason; what is in quarantine keeps them."""
    (copy,) = [line for line in view.lines(limit=1000) if line.control_id == "N1"]
    assert (copy.his_code, copy.his_error) == ("", "")


def test_another_number_of_an_order_in_quarantine_is_found(journal: Journal) -> None:
    body = ready("Q1", order="F9").replace(b"OBR|1||F9", b"OBR|1|PLACER7|F9")
    unfit = entry("Q1", order="F9^LAB", body=body, state="quarantined", code="x")
    journal.spool.spooled([source("C1", unfit)], HIS)
    with closing(View(journal.store.path)) as view:
        assert [line.control_id for line in _found(view, Criteria(order="PLACER7"))] == ["Q1"]


def test_a_clock_that_was_set_back_hides_nothing_within_the_hour(journal: Journal) -> None:
    journal.spool.spooled([source(f"C{n}", entry(f"M{n}")) for n in range(8)], HIS)
    at = [100, 110, 120, 75, 85, 95, 130, 140]
    with journal.store.durable() as db:
        for number, minute in enumerate(at, 1):
            db.execute("UPDATE message SET created_ms = ? WHERE id = ?", (10**12 + minute * 60_000, number))
    with closing(View(journal.store.path)) as view:
        for since in at:
            wanted = Criteria(since_ms=10**12 + since * 60_000)
            assert len(_found(view, wanted)) == sum(each >= since for each in at)


def test_what_comes_after_a_cursor_is_new(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1")), source("C2", code="x")], HIS)
    with closing(View(journal.store.path)) as view:
        after = view.last_ids()
        assert list(view.hits(Criteria(), after=after)) == []
        journal.spool.spooled([source("C3", entry("M2"), bad()), source("C4", code="x")], HIS)
        hits = [Hit(0, hit.source, hit.message) for hit in view.hits(Criteria(), after=after)]
        assert sorted(hits, key=str) == sorted([Hit(0, 3, 2), Hit(0, 3, 3), Hit(0, 4, None)], key=str)


@pytest.mark.parametrize("text", ["", "1", "a.b", "1.", "-1.2", "1.2.3", "²." + "1", "9" * 30 + ".1"])
def test_what_is_no_cursor(text: str) -> None:
    assert Cursor.read(text) is None


@pytest.mark.parametrize("name", _SEARCHES)
def test_who_stops_after_each_piece_finds_all_of_it_in_the_end(
    view: View, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces of three: each answer says how far it looked, and the next one goes on there."""
    monkeypatch.setattr(candidates, "_FIRST", 3)
    monkeypatch.setattr(candidates, "_MOST", 3)
    wanted, _ = _SEARCHES[name]
    expected, lines, before, looked_to = view.find(wanted, limit=100).lines, list[Line](), None, []
    for _ in range(60):
        found = view.find(wanted, limit=100, before=before, stop=lambda: True)
        assert (found.before is None) == (found.looked_to_ms is None)
        if found.looked_to_ms is not None and not wanted.is_by_name:
            assert all(line.created_ms >= found.looked_to_ms for line in found.lines)
        lines += found.lines
        looked_to.append(found.looked_to_ms)
        if (before := found.before) is None:
            break
    assert [_key(line) for line in lines] == [_key(line) for line in expected]
    assert len(looked_to) > 1 or len(expected) <= 3


def test_it_stops_between_two_pieces(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_FIRST", 3)
    assert len(list(view.hits(Criteria(to=(HIS,)), stop=lambda: True))) == 3


def test_a_piece_that_took_long_makes_the_next_ones_smaller() -> None:
    step = candidates.Step()
    sizes = []
    for seconds in (0.0, 0.0, 0.0, 0.0, 9.0, 9.0, *[9.0] * 20):
        step.took(seconds)
        sizes.append(step.size)
    assert sizes[:6] == [400, 1600, 5000, 5000, 2500, 1250]
    assert sizes[-1] == 10


def test_wards_are_known_once_each(view: View) -> None:
    assert view.wards(9) == ["W0", "W1", "W2"]
    assert view.wards(2) == ["W0", "W1"]
    assert view.wards_since_ms() == 0
