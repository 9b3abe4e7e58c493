"""A program sees what its key may see: in the answer to an act too, and on no screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab_sender.operations.rights_of import MASK, OF_PATIENTS
from lab_sender.operations.web.api import OPERATIONS
from lab_sender.operations.web.api.openapi import openapi
from web.conftest import Browser
from web.scene import TESTER, Scene, report
from web.test_who_sees_what import every_route, leaks

OWN_NAME = "submit"
"""Its answer has the name that the program itself has just sent."""
OF_NO_PATIENT = ("config", "hold", "resume")
"""The `file` of one is the configuration's; the others are about a lane, and have no target."""


def fields_of(kind: str) -> set[str]:
    """Return the names of all fields that a document may have, however deep."""
    every, seen = openapi()["components"]["schemas"], set[str]()

    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).rpartition("/")[2]
            if name and name not in seen:
                seen.add(name)
                yield from walk(every[name])
            yield from value.get("properties", {})
            for each in value.values():
                yield from walk(each)
        elif isinstance(value, list):
            for each in value:
                yield from walk(each)

    return set(walk(every[kind]))


def test_every_operation_whose_answer_has_a_field_of_patients_masks_it() -> None:
    for operation in OPERATIONS:
        kind = operation.answers
        if isinstance(kind, type) and operation.name not in (OWN_NAME, *OF_NO_PATIENT):
            assert operation.shows_patients or not fields_of(kind.__name__) & OF_PATIENTS, operation.name


def test_the_answer_to_an_act_names_no_file_and_no_order(scene: Scene, program) -> None:
    scene.his.answer_by("AE,code=204,text=no")
    with scene.agent():
        scene.drop_reports(1, 1)
        scene.settled(1)
    blind, seeing = program("operator"), program("operator", patient_data=True, name="seeing")
    for act in ("dismiss", "release"):
        answer = blind.post("/api/v1/acts", json={"act": act, "ids": ["1"], "why": "x"})
        assert answer.status_code == 200
        assert not leaks(answer.text)
        assert "L26-00001" not in answer.text
        (one,) = answer.json()["done"] or answer.json()["rejected"]
        assert (one["target"]["id"], one["target"]["file"], one["target"]["orders"]) == (1, MASK, [MASK])
    answer = seeing.post("/api/v1/acts", json={"act": "release", "ids": ["1"], "why": "x"})
    assert leaks(answer.text)
    assert [each.act for each in scene.site.audit.listing(limit=3).rows] == ["release", "release", "api acts"]


def test_what_became_of_a_result_names_no_file(scene: Scene, program) -> None:
    lis = program("submit")
    head = {"Idempotency-Key": "one-of-them", "Content-Disposition": 'attachment; filename="ZEBRASTEIN.json"'}
    made = lis.post("/api/v1/results", content=report(1), headers=head).json()
    with scene.agent():
        scene.settled(1)
    answer = lis.get(f"/api/v1/results/{made['id']}")
    assert answer.json()["outcome"] == "delivered"
    assert not leaks(answer.text)
    assert str(scene.folder) not in answer.text


def test_a_key_opens_no_screen(filled: Scene) -> None:
    """What it sees of patients leaves a row each time; a screen would show it without one."""
    key = filled.keys.add(TESTER, "looks at screens", "admin", patient_data=True)
    program = Browser(filled.site, Authorization=f"Bearer {key}")
    before = filled.site.audit.listing(limit=1).rows[0].id
    for method, path in every_route():
        if method == "GET" and not path.startswith("/api/"):
            answer = program.get(path)
            assert not leaks(answer.text), path
            assert "looks at screens" not in answer.text, path
    assert filled.site.audit.listing(limit=1).rows[0].id == before
