"""What the HIS says of a message beside its verdict, over real sockets: kept, flagged, logged, shown."""

from __future__ import annotations

import logging
import socket
import threading

import pytest
from kit.core import HIS, entry, ready, rows, source, spool, states, until
from kit.settings import rule

from delivery.test_lane import _codes, _lane, _settings, _until_final, running
from lab_sender.config.profile import builtin
from lab_sender.delivery import lane as delivery
from lab_sender.intake.compose import Composer
from lab_sender.journal import ActRejected, Journal, Spooled
from lab_sender.mllp.acknowledgement import Acknowledgement, read_acknowledgement
from lab_sender.mllp.standin.server import Received, StandIn
from lab_sender.patterns import Pattern


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_LOOK_S", 0.02)


def _original(journal: Journal, *control_ids: str) -> None:
    """Spool messages in original mode: MSH-15 and MSH-16 empty."""
    messages = [entry(each, wants_application=True) for each in control_ids]
    journal.spool.spooled([source(f"C-{each.control_id}", each) for each in messages], HIS)


def _says(code: str, control_id: str, text: str = "") -> bytes:
    return f"\x0bMSH|^~\\&|HIS\rMSA|{code}|{control_id}|{text}\r\x1c\r".encode()


def _flags(journal: Journal) -> dict[str, str]:
    return dict(rows(journal, "SELECT control_id, contradicted FROM message WHERE contradicted <> ''"))


def _answers(journal: Journal) -> list[tuple[str, str]]:
    return rows(
        journal, "SELECT m.control_id, a.code FROM answer a JOIN message m ON m.id = a.message_id ORDER BY a.id"
    )


@pytest.mark.parametrize("rule", ["commit+error", "commit+error,late=100ms"])
def test_fault_73_74_a_ca_in_original_mode_waits_for_the_verdict(journal: Journal, rule: str) -> None:
    _original(journal, "M1")
    with StandIn(rules=[rule]) as his, running(_lane(journal, his.port)):
        _until_final(journal)
    assert states(journal) == {"M1": "quarantined refused"}
    assert _codes(journal, "M1") == ["verdict AE"] * 3


def test_fault_73_a_refusal_on_the_idle_link_flags_the_delivery(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lab_sender")
    spool(journal, "M1", "M2")
    with StandIn() as his, running(_lane(journal, his.port)):
        _until_final(journal)
        his.say(_says("AE", "M1", "patient Doe unknown"))
        until(lambda: _flags(journal))
        assert his.connections == 1  # what else it says of this connection's messages would be lost with it
        his.say(_says("AE", "M1", "patient Doe unknown") + _says("AA", "M2"))
        until(lambda: ("M2", "AA") in _answers(journal))
    assert states(journal) == {"M1": "acked", "M2": "acked"}
    assert _flags(journal) == {"M1": "AE"}
    assert _answers(journal) == [("M1", "AE"), ("M1", "AE"), ("M2", "AA")]
    told = [record.fields for record in caplog.records if record.getMessage() == "message.contradicted"]
    assert told == [{"message": 1, "code": "AE"}]  # once, and neither its words nor an id that is not ours
    assert [name for (name,) in rows(journal, "SELECT kind FROM event")] == ["message.contradicted"] * 2


def test_fault_73_no_later_answer_is_passed_over_for_its_form(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lab_sender")
    spool(journal, "M1", "M2", "M3")
    with StandIn() as his, running(_lane(journal, his.port)):
        _until_final(journal)
        his.say(_says("AE", "M1").replace(b"\r\x1c", b"\rMSA|AA|M3\r\x1c") + _says("ZZ", "M2", "Doe"))
        until(lambda: len(_answers(journal)) == 3)
        his.say(b"\x0bMSH|^~\\&|HIS\rPID|||Doe\r\x1c\r")
        until(lambda: "ack.unreadable" in caplog.messages)
    assert _flags(journal) == {"M1": "AE", "M2": "ZZ"}
    assert _answers(journal) == [("M1", "AE"), ("M3", "AA"), ("M2", "ZZ")]
    (told,) = [record.fields for record in caplog.records if record.getMessage() == "ack.unreadable"]
    assert told == {"code": "ack.no-msa", "destination": HIS}


def test_fault_73_a_refusal_of_the_last_while_the_next_is_in_flight(journal: Journal) -> None:
    spool(journal, "M1", "M2", "M3")

    def refuses_the_first(got: Received) -> None:
        if got.control_id == "M2":
            his.say(_says("AR", "M1"))

    with StandIn(on_message=refuses_the_first) as his, running(_lane(journal, his.port)):
        _until_final(journal)
    assert states(journal) == {"M1": "acked", "M2": "acked", "M3": "acked"}
    assert _flags(journal) == {"M1": "AR"}
    assert his.connections == 1
    assert rows(journal, "SELECT MAX(foreign_ids) FROM attempt") == [("",)]


def test_fault_73_what_came_at_the_very_end_is_heard_before_the_lane_ends(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_LOOK_S", 60)
    spool(journal, "M1")
    with StandIn() as his:
        with running(_lane(journal, his.port)):
            _until_final(journal)
            his.say(_says("CR", "M1"))
        assert _flags(journal) == {"M1": "CR"}


def test_fault_73_a_refusal_before_the_end_of_a_connection_is_read(journal: Journal) -> None:
    spool(journal, "M1")
    with StandIn() as his, running(_lane(journal, his.port)):
        _until_final(journal)
        his.say(_says("AE", "M1") + b"\x0bMSH|")  # and it is cut off
        his.drop()
        until(lambda: _flags(journal))
    assert _flags(journal) == {"M1": "AE"}


def test_fault_73_a_his_that_speaks_as_soon_as_it_is_connected_is_read(journal: Journal) -> None:
    """It may say on a new connection what it could not say on the old one."""
    spool(journal, "M1")
    with StandIn() as his:
        port = his.port
        with running(_lane(journal, port)):
            _until_final(journal)
    with socket.create_server(("127.0.0.1", port)) as listener:
        speaks = threading.Thread(target=lambda: listener.accept()[0].sendall(_says("AR", "M1")), daemon=True)
        speaks.start()
        lane = _lane(journal, port)
        with running(lane):
            until(lambda: _flags(journal) or not speaks.is_alive())
            until(lambda: _flags(journal))
    assert _flags(journal) == {"M1": "AR"}


def test_fault_73_the_sites_rules_judge_later_answers_too(journal: Journal) -> None:
    spool(journal, "M1")
    settings = _settings(rule("deliver", code="AE", text=Pattern("warning")))
    with StandIn() as his, running(_lane(journal, his.port, settings)):
        _until_final(journal)
        his.say(_says("AE", "M1", "warning only"))
        until(lambda: _answers(journal))
        his.say(_says("AE", "M1", "Message already received"))  # it says that it has it
        until(lambda: len(_answers(journal)) == 2)
    assert _flags(journal) == {}


def test_fault_73_a_flag_is_settled_by_whoever_has_asked_the_his(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    with StandIn() as his, running(_lane(journal, his.port)):
        _until_final(journal)
        his.say(_says("AE", "M1") + _says("CE", "M2"))
        until(lambda: len(_flags(journal)) == 2)
    digest = entry("M1").digest
    assert journal.spool.holders_of(["M1"], HIS) == {"M1": (1, b"")}  # the same content may come again
    assert not journal.spool.ledger(["O-M1"], HIS)["O-M1"][0].is_sure
    assert journal.operator.dismiss(1, "the HIS has it") == "acked"
    assert journal.spool.holders_of(["M1"], HIS) == {"M1": (1, digest)}
    copy = journal.operator.resend(2, new_control_id="M3", restamp=lambda body, _: body)
    assert copy == 3
    assert _flags(journal) == {}
    with pytest.raises(ActRejected, match="nothing to give up"):
        journal.operator.dismiss(1, "again")
    assert states(journal) == {"M1": "acked", "M2": "acked", "M3": "spooled"}


def test_fault_74_a_commit_only_that_is_refused_later_is_flagged_and_one_accepted_is_whole(journal: Journal) -> None:
    _original(journal, "M1", "M2")
    with StandIn(rules=["commit"]) as his, running(_lane(journal, his.port, application_s=0.05)):
        _until_final(journal)
        assert states(journal) == {"M1": "acked commit-only", "M2": "acked commit-only"}
        his.say(_says("AE", "M1") + _says("AA", "M2"))
        until(lambda: len(_answers(journal)) == 2)
        assert his.connections == 1
    assert _flags(journal) == {"M1": "AE"}
    assert states(journal) == {"M1": "acked commit-only", "M2": "acked"}


def test_fault_74_a_rule_can_call_the_ca_final(journal: Journal) -> None:
    _original(journal, "M1")
    settings = _settings(rule("deliver", code="CA"))
    with StandIn(rules=["commit"]) as his, running(_lane(journal, his.port, settings, application_s=3600)):
        _until_final(journal)
    assert states(journal) == {"M1": "acked"}


@pytest.mark.parametrize(
    ("modes", "waits"), [("|", True), ("AL|AL", True), ("|AL", True), ("AL|NE", False), ("AL|", False)]
)
def test_fault_74_which_messages_wait_for_the_application(modes: str, waits: bool) -> None:
    body = ready("M1").replace(b"|P|2.5.1\r", f"|P|2.5.1|||{modes}\r".encode())
    (message,) = Composer(builtin()).interpret(body).messages
    assert message.digest
    assert message.wants_application is waits


def test_fault_75_after_three_commits_without_a_verdict_nothing_is_waited_for(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    """Fifty messages at a minute each would be most of an hour; here a minute is as long as the test may last."""
    names = [f"M{number:02}" for number in range(50)]
    _original(journal, *names)
    with StandIn(rules=["commit"]) as his:
        lane = _lane(journal, his.port, application_s=0.05)
        lane._later.committed_only(0)
        lane._later.committed_only(0)
        with running(lane):
            until(lambda: states(journal)["M00"] == "acked commit-only")
            patient = {"ack_timeout_s": 3600.0, "application_ack_timeout_s": 3600.0}
            lane.destination.use(lane.destination.his.model_copy(update=patient))
            _until_final(journal)
            assert set(states(journal).values()) == {"acked commit-only"}
            assert his.connections == 1
            told = [record.getMessage() for record in caplog.records if "commit-only" in record.getMessage()]
            assert told == ["ack.commit-only", "link.commit-only"]
            his.say(_says("AE", "M49"))
            until(lambda: _flags(journal))
            # the application answers: worth waiting for
            assert lane._later.is_awaited(lane.destination.his, _spooled(journal), _ack("CA"))


def test_fault_76_trailing_blanks_are_accepted_end_to_end(journal: Journal) -> None:
    spool(journal, "M1")
    his = StandIn(rules=["nothing"], on_message=lambda _: his.say(_says("AA", "M1   ")))
    with his, running(_lane(journal, his.port)):
        _until_final(journal)
    assert states(journal) == {"M1": "acked"}
    assert his.count == 1


def test_fault_76_the_reason_names_how_the_id_differs(journal: Journal) -> None:
    long = "20260801-LAB-000000000004711-0001"
    spool(journal, long)
    his = StandIn(rules=["nothing"], on_message=lambda _: his.say(_says("AA", long[:20])))
    with his, running(_lane(journal, his.port, ack_s=0.1)):
        until(lambda: rows(journal, "SELECT 1 FROM attempt"))
    (detail,) = rows(journal, "SELECT detail FROM attempt")[0]
    assert "the first 20 characters of our id" in detail


KNOWN = [
    ("first: close", "AE,text=Message already received", "acked known"),
    ("first: close", "AE,code=205,text=Duplicate key identifier", "acked known"),
    ("first: close", "AE,text=Error processing message: specimen already cancelled", "quarantined refused"),
    ("first=2: nothing", "AE,text=duplicate accession", "quarantined refused"),
    ("first: AE,code=207,text=busy", "AE,text=Message already received", "quarantined refused"),  # nothing unknown
]


@pytest.mark.parametrize(("first", "then", "ends"), KNOWN, ids=[f"{a} {b}" for a, b, _ in KNOWN])
def test_fault_71_a_refusal_after_a_lost_try(journal: Journal, first: str, then: str, ends: str) -> None:
    spool(journal, "M1")
    ack_s = 0.2 if "nothing" in first else 10
    with StandIn(rules=[first, then]) as his, running(_lane(journal, his.port, ack_s=ack_s)):
        _until_final(journal)
    assert states(journal) == {"M1": ends}
    if ends != "acked known" and "busy" not in first:
        (reason,) = rows(journal, "SELECT reason FROM message")[0]
        assert "may have arrived" in reason
        assert "control id M1" in reason


def test_fault_71_a_his_knows_the_id_of_what_it_refused(journal: Journal) -> None:
    """Refused, lost, known: the first copy is the one it knows, and it has refused that."""
    spool(journal, "M1")
    rules = ["nth=1: AE,text=unknown patient", "nth=2: close", "AE,text=Duplicate message control id"]
    with StandIn(rules=rules) as his, running(_lane(journal, his.port)):
        _until_final(journal)
    assert states(journal) == {"M1": "quarantined refused"}


def test_fault_72_a_long_answer_does_not_stop_the_lane(journal: Journal) -> None:
    """It froze the agent for minutes, and again after a restart."""
    trace = "message at ca.uhn.hl7v2.HL7Exception foo " * 1500
    spool(journal, "M1", "M2")
    with StandIn(rules=["id=M1&first: close", f"id=M1: AE,text={trace}"]) as his, running(_lane(journal, his.port)):
        _until_final(journal)
    assert states(journal) == {"M1": "quarantined refused", "M2": "acked"}


def test_fault_77_78_neither_words_nor_ids_that_are_not_ours_leave_the_journal(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "lab_sender")
    spool(journal, "DOE-JANE-19800101", "M2")
    answer = b"\x0bMSH|^~\\&|HIS\rMSA|AE|DOE-JANE-19800101||||Patient: DOE JANE unknown\rERR|||DOE JANE^x|E\r\x1c\r"
    his = StandIn(
        rules=["id=DOE-JANE-19800101: nothing"], on_message=lambda got: got.control_id != "M2" and his.say(answer)
    )
    with his, running(_lane(journal, his.port)):
        _until_final(journal)
    (found,) = rows(journal, "SELECT reason, his_words FROM message WHERE state = 'quarantined'")
    assert found[0] == "The HIS answered AE."
    assert "Patient: DOE JANE unknown" in found[1]
    assert "DOE" not in str([(record.getMessage(), record.fields) for record in caplog.records])


def _ack(code: str) -> Acknowledgement:
    return read_acknowledgement(f"MSH|^~\\&|HIS\rMSA|{code}|M\r".encode())


def _spooled(journal: Journal) -> Spooled:
    _original(journal, "LAST")
    return next(each for each in journal.delivery.head(HIS, after_quarantine="continue"))
