"""What became of a message: given up by a person, or replaced by another one; the two name each other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from kit.core import HIS, bad, entry, head, rows, source, states

from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import Attempt, Journal, Line, View

HERE = Path(__file__).parent


def _refuse(journal: Journal) -> None:
    message = head(journal)[0]
    journal.delivery.unknown(message, Attempt(message.id, 5, "unknown", "ack", "ack.timeout", ""))
    journal.delivery.quarantined(head(journal)[0], code="refused", reason="The HIS answered AE.")


def _accept(journal: Journal) -> None:
    message = head(journal)[0]
    journal.delivery.acked(message, Attempt(message.id, 5, "verdict", "ack", "", "", "AA"))


def _line(journal: Journal, message_id: int) -> Line:
    with closing(View(journal.store.path)) as view:
        line = view.message(message_id)
        assert line is not None
        return line


def _links(journal: Journal) -> dict[int, tuple[int | None, int | None]]:
    """Message -> what it replaces, and what replaces it."""
    ids = [number for (number,) in rows(journal, "SELECT id FROM message ORDER BY id")]
    found = {number: (line.replaces, line.replaced_by) for number in ids if (line := _line(journal, number))}
    return {number: links for number, links in found.items() if links != (None, None)}


def _folder(journal: Journal, source_id: int = 1) -> str:
    return journal.filing.resting([source_id])[0].folder


def test_a_copy_and_its_original_name_each_other(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1")), source("C2", entry("M2"))], HIS)
    _refuse(journal)
    _accept(journal)
    assert journal.operator.resend(1, new_control_id="N1", restamp=with_control_id) == 3
    assert journal.operator.resend(2, new_control_id="N2", restamp=with_control_id) == 4
    assert states(journal) == {"M1": "replaced resent", "M2": "acked", "N1": "spooled", "N2": "spooled"}
    assert _links(journal) == {1: (None, 3), 2: (None, 4), 3: (1, None), 4: (2, None)}
    _accept(journal)
    assert journal.operator.resend(3, new_control_id="N3", restamp=with_control_id, force=True) == 5
    assert _links(journal)[3] == (1, 5)
    with closing(View(journal.store.path)) as view:
        assert [event["detail"] for event in view.events(1, 1)] == ["as message 3; was refused"]


def test_a_replaced_message_that_may_have_arrived_still_speaks_of_its_order(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1", order="O"))], HIS)
    _refuse(journal)
    journal.operator.resend(1, new_control_id="N1", restamp=with_control_id, force=True)
    found = journal.spool.ledger(["O"], HIS)["O"]
    assert [(each.message, each.is_sure, each.waits) for each in found] == [(1, False, False), (2, True, True)]


@pytest.mark.parametrize("end", ["accepted", "quarantined", "given up", "waiting"])
def test_where_a_file_rests_whose_message_was_replaced(journal: Journal, end: str) -> None:
    """As its copy says: what was replaced was not given up."""
    journal.spool.spooled([source("C1", entry("M1"))], HIS)
    _refuse(journal)
    journal.operator.resend(1, new_control_id="N1", restamp=with_control_id, force=True)
    if end == "accepted":
        _accept(journal)
    elif end != "waiting":
        _refuse(journal)
    if end == "given up":
        journal.operator.dismiss(2, "entered by hand")
    expected = {"accepted": "sent", "quarantined": "quarantine", "given up": "dismissed", "waiting": "claimed"}
    assert _folder(journal) == expected[end]


def test_what_is_read_again_replaces_what_lay_at_its_place(journal: Journal) -> None:
    first = [entry("M1", place="[0]"), bad("[1]"), entry("M3", place="[2]"), entry("M4", place="[3]")]
    journal.spool.spooled([source("C1", *first)], HIS)
    _accept(journal)
    _refuse(journal)
    _accept(journal)
    journal.operator.release(2, force=True)
    assert states(journal) == {
        "M1": "acked", "2": "replaced read-again", "M3": "replaced read-again", "M4": "acked",
    }  # fmt: skip
    assert _folder(journal) == "outbox"
    ((claim_id,),) = rows(journal, "SELECT returns_as FROM source WHERE id = 1")
    duplicate = entry("X", place="[0]", state="duplicate", body=None, control_id=None, same_as=1)
    again = source(claim_id, duplicate, entry("N2", place="[1]"), entry("N3", place="[2]"), bad("[4]"))
    for _ in range(2):
        journal.spool.spooled([source("C2", entry("M5", place="[1]")), again], HIS)
    assert _links(journal) == {2: (None, 7), 3: (None, 8), 7: (2, None), 8: (3, None)}
    assert _line(journal, 6).same_as == 1


def test_a_file_that_is_read_again_twice_is_a_chain(journal: Journal) -> None:
    journal.spool.spooled([source("C1", bad())], HIS)
    for number in (1, 2):
        journal.operator.release(number)
        ((claim_id,),) = rows(journal, "SELECT returns_as FROM source WHERE id = ?", number)
        journal.spool.spooled([source(claim_id, bad())], HIS)
    assert _links(journal) == {1: (None, 2), 2: (1, 3), 3: (2, None)}


# ------------------------------------------------------------------ older journals


def test_an_older_journal_says_what_became_of_its_messages(tmp_path: Path) -> None:
    """What older versions called dismissed: given up, resent, read anew; also where a person typed their words."""
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as db:
        for name in ("journal-v2-schema.sql", "journal-v2.sql"):
            db.executescript((HERE / name).read_text())
        add = (
            "INSERT INTO message (id, source_id, place, destination, control_id, patient_key, digest, state, code,"
            " reason, created_ms, final_ms) VALUES (?, ?, ?, 'his', ?, '', x'00', ?, ?, ?, 1, 2)"
        )
        db.executemany(
            add,
            [
                (21, 2, "[1]", "M21", "dismissed", "refused", "resent as message 23"),
                (22, 2, "[2]", "M22", "acked", "", ""),
                (23, 2, "[1]", "N21", "spooled", "", ""),
                (24, 2, "[2]", "N22", "spooled", "", ""),
                (25, 12, "[1]", None, "dismissed", "json.value", "its file is read anew"),
                (26, 12, "[2]", "M26", "dismissed", "refused", "its file went back to the outbox"),
                (27, 2, "[3]", "M27", "dismissed", "refused", "resent as message 99"),
                (28, 2, "[4]", "M28", "dismissed", "refused", "its file is read anew"),
            ],
        )
        for original, copy in ((21, 23), (22, 24)):
            db.execute(
                "INSERT INTO event (at_ms, kind, message_id, who, detail) VALUES (1, 'message.resent', ?, 'lab', ?)",
                (original, f"as message {copy}"),
            )
        db.commit()
    with closing(Journal(path)) as journal:
        found = {
            number: f"{state} {code} {reason}".rstrip()
            for number, state, code, reason in rows(
                journal, "SELECT id, state, code, reason FROM message WHERE id > 20"
            )
        }
        assert found == {
            21: "replaced resent", 22: "acked", 23: "spooled", 24: "spooled",
            25: "replaced read-again", 26: "replaced read-again",
            27: "dismissed refused resent as message 99", 28: "dismissed refused its file is read anew",
        }  # fmt: skip
        assert _links(journal) == {21: (None, 23), 22: (None, 24), 23: (21, None), 24: (22, None)}
        assert rows(journal, "SELECT send_round FROM lane WHERE destination = 'his'") == [(1,)]
        assert rows(journal, "SELECT value FROM meta WHERE key = 'send_round'") == []


def test_a_file_of_an_older_journal_that_was_read_again_is_linked(tmp_path: Path) -> None:
    """Schema 3 knew under which claim id a file comes back."""
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript((HERE / "journal-v2-schema.sql").read_text())
        db.execute("PRAGMA user_version = 2")
        db.executemany(
            "INSERT INTO source (id, claim_id, kind, size, sha256, received_ms, state)"
            " VALUES (?, ?, 'json', 1, x'', 1, ?)",
            [(1, "06GX0000000000000001", "withdrawn"), (2, "06GX0000000000000001R", "read")],
        )
        db.execute(
            "INSERT INTO file (source_id, role, name, claimed_as, place) VALUES (1, 'report', 'a', 'a', 'quarantine')"
        )
        db.executemany(
            "INSERT INTO message (id, source_id, place, destination, patient_key, digest, state, reason, created_ms)"
            " VALUES (?, ?, '', 'his', '', x'00', ?, ?, 1)",
            [(1, 1, "dismissed", "its file is read anew"), (2, 2, "spooled", "")],
        )
        db.commit()
    with closing(Journal(path)) as journal:
        assert _links(journal) == {1: (None, 2), 2: (1, None)}


def test_a_duplicate_shares_the_fate_of_the_copy_that_replaced_its_original(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1", order="O"))], HIS)
    twin = entry("M2", order="O")._replace(state="duplicate", control_id=None, body=None, orders=(), same_as=1)
    journal.spool.spooled([source("C2", twin)], HIS)
    _refuse(journal)
    assert journal.filing.resting([2])[0].folder == "quarantine"
    journal.operator.resend(1, new_control_id="N1", restamp=with_control_id)
    _accept(journal)
    assert journal.filing.resting([1])[0].folder == "sent"
    assert journal.filing.resting([2])[0].folder == "sent"


def test_a_duplicate_lies_in_quarantine_with_the_copy_of_its_original(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1", order="O"))], HIS)
    twin = entry("M2", order="O")._replace(state="duplicate", control_id=None, body=None, orders=(), same_as=1)
    journal.spool.spooled([source("C2", twin)], HIS)
    _refuse(journal)
    journal.operator.resend(1, new_control_id="N1", restamp=with_control_id)
    _refuse(journal)
    assert journal.filing.resting([1])[0].folder == "quarantine"
    assert journal.filing.resting([2])[0].folder == "quarantine"


def test_a_duplicate_shares_the_fate_of_what_was_read_again_elsewhere(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1", order="O")._replace(place="1"), bad("2"))], HIS)
    twin = entry("M2", order="O")._replace(state="duplicate", control_id=None, body=None, orders=(), same_as=1)
    journal.spool.spooled([source("C2", twin)], HIS)
    _refuse(journal)
    assert journal.operator.release(2) == "outbox"
    (returns_as,) = rows(journal, "SELECT returns_as FROM source WHERE id = 1")[0]
    journal.spool.spooled([source(returns_as, entry("N1", order="O")._replace(place="1"))], HIS)
    assert journal.filing.resting([2])[0].folder == "claimed"
    _accept(journal)
    assert journal.filing.sharing([3]) == {2}
    assert journal.filing.resting([2])[0].folder == "sent"
