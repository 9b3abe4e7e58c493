"""When "already known" is a proof of delivery, and that no answer is long enough to be felt."""

from __future__ import annotations

from typing import Any

import pytest
from kit.settings import his_at, rule

from lab_sender.delivery.known import MOST_CHARACTERS
from lab_sender.delivery.retry import Again, Delivered, Hold, Quarantine, judge_reply
from lab_sender.patterns import Pattern

PLAIN, KNOWN, REFUSED = his_at(), Delivered(known=True), Quarantine("refused")
OURS = "01KB5D0000ABCDEFGHJK"
# errors, own errors, locations, text: may the message be taken for delivered?
PROOFS = [
    (["205"], [], [], "", True),
    (["205"], [], [], "Duplicate key identifier", True),
    (["205"], [], ["MSH^1^10"], "", True),
    (["205"], [], ["MSH^1^10^1^1"], "", True),
    (["205"], [], ["MSH^^10"], "", True),
    (["205"], [], ["MSH^10"], "", True),
    (["205"], [], ["MSH-10"], "", True),
    (["205"], [], ["MSH.10.1"], "", True),
    (["205"], [], ["msh|1|10"], "", True),
    ([], [], [], "Message already received", True),
    ([], [], [], "DUPLICATE message control id", True),
    ([], [], [], "Duplicate Message", True),
    ([], [], [], "duplicate of this HL7 message", True),
    ([], [], [], "Message has already been processed", True),
    ([], [], [], "This message was previously received.", True),
    ([], [], [], "MSH-10 exists already", True),
    ([], [], [], "MSH^1^10 already exists", True),
    (["207"], [], [], "Message Control ID already exists", True),  # Epic
    (["AE99"], [], [], f"Message {OURS} already known", True),
    ([], [], [], f"Duplicate entry '{OURS.lower()}' for key", True),
    ([], [], [], f"duplicate key value violates unique constraint; Key (control_id)=({OURS}) already exists.", True),
    # the seven of D-A1, and what it was seen with
    ([], [], [], "Message rejected: order already completed by other user", False),
    ([], [], [], "Could not file message: patient previously merged into 4711", False),
    ([], [], [], "Duplicate specimen number in message", False),
    ([], [], [], "Message validation failed: PID-3 has duplicate identifiers", False),
    ([], [], [], "Message not stored: duplicate OBX-3 in order", False),
    (["101", "205"], [], [], "", False),
    ([], [], [], "Error processing message: specimen already cancelled", False),
    ([], [], [], "Message rejected: the order was already cancelled in the HIS", False),
    (["205"], [], ["PID^1^3"], "PID-3 belongs to two patients; result NOT stored Duplicate key identifier", False),
    # and their sisters
    (["205"], [], ["PID^1^3"], "", False),
    (["205"], [], ["MSH^1^7"], "", False),
    (["205"], [], ["MSH^10^3"], "", False),
    (["205"], [], ["MSH^1^10", "OBR^1^3"], "", False),
    (["205"], [], ["MSH-100"], "", False),
    (["205"], [], [], "Duplicate accession number", False),
    (["205"], ["LAB-77"], [], "", False),
    (["205", "AE99"], [], [], "", False),
    ([], ["205"], [], "", False),
    (["101"], [], [], "Duplicate message", False),
    ([], [], ["OBX^1^3"], "Duplicate message", False),
    ([], [], [], "Not a duplicate message", False),
    ([], [], [], "Message was not already processed", False),
    ([], [], [], "Message was already received and has been rejected", False),
    ([], [], [], "Message already rejected", False),
    ([], [], [], "Message already received - processing failed", False),
    ([], [], [], "Message already received, discarded", False),
    ([], [], [], "Message previously received with errors", False),
    ([], [], [], "Message already processed with error AE", False),
    ([], [], [], "Duplicate message. Original was rejected.", False),
    ([], [], [], "Duplicate message in error queue", False),
    ([], [], [], "Duplicate message: first copy still pending", False),
    ([], [], [], "duplicate message id for another sender", False),
    ([], [], [], "Duplicate message control ID: different content", False),
    (["205"], [], ["MSH^1^10"], "Message already received (status: failed)", False),
    ([], [], [], "Message rejected: already processed", False),
    ([], [], [], "Message 4711 already exists", False),
    ([], [], [], "Duplicate of message 01KB5D0000ABCDEFGHJX", False),
    ([], [], [], f"Message {OURS} rejected: duplicate barcodes", False),
    ([], [], [], f"Message {OURS} rejected: sample already archived", False),
    ([], [], [], "Message contains duplicate segments", False),
    ([], [], [], "duplicate", False),
    ([], [], [], "already on file", False),
    ([], [], [], " " * 3000 + "Message already received", False),
]


@pytest.mark.parametrize(("errors", "own", "places", "text", "proof"), PROOFS)
def test_fault_71_already_known_is_proof_only_where_nothing_else_can_be_meant(
    errors: list[str], own: list[str], places: list[str], text: str, proof: bool
) -> None:
    asked: dict[str, Any] = {
        "code": "AE", "errors": errors, "own_errors": own, "locations": places, "text": text, "control_id": OURS,
    }  # fmt: skip
    assert judge_reply(PLAIN, **asked, refused=3, may_have_left=True) == (KNOWN if proof else REFUSED)
    assert judge_reply(PLAIN, **asked, refused=3, may_have_left=False) == REFUSED


@pytest.mark.parametrize(
    ("control_id", "text"), [("12", "Message 12 already exists"), ("A0004711", "Order A0004711 already cancelled")]
)
def test_fault_71_an_accession_number_as_control_id_proves_nothing_of_its_order(control_id: str, text: str) -> None:
    asked: dict[str, Any] = {"code": "AE", "errors": [], "text": text, "control_id": control_id, "refused": 3}
    assert judge_reply(PLAIN, **asked, may_have_left=True) == REFUSED


def test_fault_71_a_site_can_say_which_words_are_its_proof() -> None:
    his = his_at(1, rule("known", text=Pattern("bereits verarbeitet", ignore_case=True)))
    asked: dict[str, Any] = {"code": "AE", "errors": [], "text": "Auftrag bereits verarbeitet", "refused": 1}
    assert judge_reply(his, **asked, may_have_left=True) == KNOWN
    assert isinstance(judge_reply(his, **asked, may_have_left=False), Again)  # the rule does not fit then


_ENDLESS = (
    "message at ca.uhn.hl7v2.HL7Exception foo ", "duplicate ", "already been ", "message duplicate not ", "MSH-1",
    "message control id", "_", "a" * 39 + "!",
)  # fmt: skip


@pytest.mark.parametrize("text", _ENDLESS)
def test_fault_72_an_answer_of_a_mebibyte_is_judged_by_its_beginning(text: str) -> None:
    """What the rules are given is bounded, and their time is linear in it; no length of an answer can be felt."""
    rules = (rule("hold", text=Pattern(r"^(\w+\s?)*$")), rule("hold", text=Pattern("END")))
    for words in (text * (1 + (1 << 20) // len(text)) + "END", " " * MOST_CHARACTERS + "END"):
        asked: dict[str, Any] = {"code": "AE", "errors": [], "text": words, "control_id": OURS, "refused": 1}
        assert not isinstance(judge_reply(his_at(1, *rules[1:]), **asked, may_have_left=True), Hold)
        judge_reply(his_at(1, *rules), **asked, may_have_left=True)


@pytest.mark.parametrize("pattern", ["(?=a)b", "(?<!a)b", r"(a)\1", "a++", "(?>a)b", "(", r"a\Z"])
def test_fault_72_what_the_linear_engine_does_not_know_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Pattern(pattern)


def test_fault_72_a_pattern_that_runs_away_elsewhere_ends_at_once() -> None:
    assert not Pattern(r"^(\w+\s?)*$").found_in("a" * 100_000 + "!")
    assert Pattern(r"(?P<filler>\w+)_.*\.pdf").whole("F1_\udcff.pdf") == {"filler": "F1"}  # a name that is no UTF-8
