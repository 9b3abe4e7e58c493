"""Control ids that a laboratory gave (MSH-10 of its own messages): they may be an order's or a patient's number."""

from __future__ import annotations

from kit.core import ready

from lab_sender.intake.batches import _log
from lab_sender.journal import NewMessage, NewSource
from lab_sender.log import Event, listen
from lab_sender.operations.rights_of import MASK, Visitor, rights_of
from web.conftest import Browser
from web.scene import MRNS, Scene
from web.test_who_sees_what import every_route

GIVEN = MRNS[3]
OURS = "06H29AFP2VMP26FVP9P4"


def test_nobody_without_the_right_sees_one(scene: Scene, program) -> None:
    """In no answer, and in no line of the log: also not in what a person is told to do about it."""
    said: list[Event] = []
    end = listen(said.append)
    scene.his.answer_by("AE,code=207,text=no")
    with scene.agent():
        scene.drop("a.hl7", ready(control_id=GIVEN).decode())
        scene.drop("b.hl7", ready(control_id=GIVEN, order="F2").decode())
        scene.until(lambda now: now.quarantined >= 1)
    end()
    vera = Browser(scene.site)
    vera.log_in("vera")
    for method, path in every_route():
        if method == "GET":
            for each in (path, path.replace("13", "1"), path.replace("13", "2")):
                assert GIVEN not in vera.get(each).text, each
    answer = program("operator").post("/api/v1/acts", json={"act": "dismiss", "ids": ["1", "2"], "why": "x"})
    assert GIVEN not in answer.text
    assert GIVEN not in repr(said)
    seeing = program("viewer", patient_data=True)
    assert seeing.get("/api/v1/messages/1").json()["control_id"] == GIVEN


def test_ours_are_shown_and_what_quotes_none_stays() -> None:
    viewer = Visitor("v", "viewer", rights_of("viewer", patient_data=False))
    document = {"control_id": GIVEN, "reason": f"Ask for control id {GIVEN}.", "next_step": "wait", "code": "x"}
    shown = {"control_id": MASK, "reason": MASK, "next_step": "wait", "code": "x"}
    assert viewer.masked({"entries": [document]}) == {"entries": [shown]}
    ours = {"control_id": OURS, "reason": f"Ask for control id {OURS}."}
    assert viewer.masked(ours) == ours
    never_built = {"control_id": None, "reason": "never built"}
    assert viewer.masked(never_built) == never_built
    assert [viewer.shown_id(each) for each in (GIVEN, OURS, "", None)] == [MASK, OURS, "", None]


def test_what_is_suspicious_is_logged_without_it() -> None:
    said: list[Event] = []
    end = listen(said.append)
    messages = tuple([
        NewMessage("1", "spooled", b"", control_id=each, code="correction.older") for each in (GIVEN, OURS, None)
    ])  # fmt: skip
    _log(NewSource("CLAIM", "hl7", 1, b"", (), messages))
    end()
    found = [each.fields["control_id"] for each in said if each.name == "message.suspicious"]
    assert found == ["", OURS, ""]
