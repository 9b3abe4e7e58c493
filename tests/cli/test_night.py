"""The three stories of docs/NIGHT.md: each in at most three commands, typed as they stand there."""

import re
import shlex
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "NIGHT.md").read_text("utf-8")


def story(title: str) -> list[list[str]]:
    """The commands of a story, as words."""
    section = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None
    block = re.search(r"^```\n(.*?)^```", section[1], re.MULTILINE | re.DOTALL)
    assert block is not None
    commands = [shlex.split(line) for line in block[1].splitlines()]
    assert len(commands) <= 3
    assert {words[0] for words in commands} == {"lab-sender"}
    return [words[1:] for words in commands]


@pytest.fixture
def of_ward_5(here, his, ready):
    """Two results of the ward refused, one delivered, one of another ward refused."""

    def result(name, ward):
        return ready(name, f"F-{name}").replace(b"\rOBR", b"\rPV1|1|I|%s^12^1\rOBR" % ward)

    his.answer_by("contains=F-A: AE,code=204,text=unknown order")
    for name, ward, exits in (("A1", b"W5", 1), ("B1", b"W5", 0), ("A2", b"W5", 1), ("A3", b"W6", 1)):
        here("send", here.file(f"{name}.hl7", result(name, ward)), exits=exits)
    his.answer_by()
    return here


def test_the_results_of_ward_5_are_missing(of_ward_5, his):
    listing, show, release = story("The results of ward 5 are missing")
    shown = of_ward_5(*listing).stdout
    assert [line.split()[0] for line in shown.splitlines()[1:]] == ["3", "2", "1"]
    assert "AE 204" in of_ward_5(*show).stdout
    assert "2 released." in of_ward_5(*release).stdout
    before = his.count
    with of_ward_5.agent():
        of_ward_5.until(lambda: len(of_ward_5.entries("--state", "delivered")) == 3)
    assert [each.control_id for each in his.received[before:]] == ["A1", "A2"]
    assert [each["file"] for each in of_ward_5.entries("--quarantined")] == ["A3.hl7"]


def test_this_result_must_not_be_sent(here, his, ready):
    hold, dismiss, resume = story("This result must not be sent")
    with here.agent():
        here(*hold)
        for number, order in enumerate(("F000051", "F000052", "F000053")):
            (here.outbox / f"{order}.hl7").write_bytes(ready(f"M{number}", order))
        here.until(lambda: len(here.entries("--waiting")) == 3)
        assert "is given up: it is not sent" in here(*dismiss).stdout
        here(*resume)
        his.wait_for(2)
        here.until(lambda: not here.entries("--waiting"))
    assert sorted(each.control_id for each in his.received) == ["M0", "M2"]
    (given_up,) = here.entries("--state", "given-up")
    assert given_up["file"] == "F000052.hl7"


def test_prove_that_the_his_took_it(here, ready, monkeypatch):
    (proof,) = story("Prove that the HIS took it")
    here("send", here.file("a.hl7", ready("A1", "F000052")))
    monkeypatch.chdir(here.folder)
    assert "The HIS answered AA to control id A1" in here(*proof).stdout
    assert "MSA|AA|A1" in Path(proof[-1]).read_text("utf-8")
