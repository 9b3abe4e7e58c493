"""What an operator types means one thing, or nothing is done."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from faults.bench import Site
from faults.workload import ready, unreadable
from lab_sender.cli.main import main
from lab_sender.mllp.standin.server import StandIn


def typed(site: Site, *words: str) -> Result:
    """Run a command as an operator would."""
    return CliRunner().invoke(main, ["--config", str(site.folder / "config.yaml"), *words])


def states(site: Site) -> list[str]:
    """The unreadable files' states, then the messages'."""
    files = site.rows("SELECT state FROM source WHERE code <> '' ORDER BY id")
    return [state for (state,) in (*files, *site.rows("SELECT state FROM message ORDER BY id"))]


@pytest.fixture
def at_rest(site: Site, his: StandIn) -> Site:
    """File 1 is unreadable; message 1 has order F000001 and the placer's number 3; message 2 has control id 1,
    message 3 order 2."""
    his.answer_by("AR")
    site.drop("bad.json", unreadable(), order=1)
    site.drop("one.hl7", ready("C1", filler="F000001").replace(b"OBR|1||", b"OBR|1|3^HIS|"), order=2)
    site.drop("two.hl7", ready("1", filler="F000002"), order=3)
    site.drop("three.hl7", ready("C3", filler="2"), order=4)
    agent = site.start()
    site.settle(4)
    agent.stop()
    assert states(site) == ["quarantined"] * 4
    return site


@pytest.mark.parametrize("act", [["release"], ["dismiss", "--why", "a wrong patient"]], ids=["release", "dismiss"])
def test_fault_107_an_order_number_is_no_file_id(at_rest: Site, act: list[str]) -> None:
    told = typed(at_rest, *act, "F000001")
    assert told.exit_code == 0, told.output
    assert "message 1 is" in told.stdout
    assert "file one.hl7, order F000001, control id C1, received " in told.stdout
    assert states(at_rest) == ["quarantined", "spooled" if act == ["release"] else "dismissed"] + ["quarantined"] * 2


@pytest.mark.parametrize(
    ("word", "both"),
    [
        ("1", ("message 1 (file one.hl7", "message 2 (control id 1, file two.hl7", "id:1 or id:2")),
        ("2", ("message 2 (file two.hl7", "message 3 (order number 2, file three.hl7", "id:2 or id:3")),
        ("3", ("message 3 (file three.hl7", "message 1 (order number 3, file one.hl7", "id:3 or id:1")),
    ],
    ids=["control-id", "filler", "placer"],
)
@pytest.mark.parametrize("act", [["release"], ["dismiss", "--why", "x"], ["resend", "--new-id"], ["show"]])
def test_fault_107_a_word_that_fits_two_is_refused(
    at_rest: Site, act: list[str], word: str, both: tuple[str, ...]
) -> None:
    told = typed(at_rest, *act, word)
    assert told.exit_code == 2, told.output
    assert all(each in told.stderr for each in both), told.stderr
    assert states(at_rest) == ["quarantined"] * 4


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("id:1", "message 1"), ("control:1", "message 2"), ("id:2", "message 2"), ("order:2", "message 3"),
        ("file:1", "file:1"), ("name:bad.json", "file:1"), ("bad.json", "file:1"), ("F000002", "message 2"),
        ("order:3", "message 1"), ("3^HIS", "message 1"),
    ],
)  # fmt: skip
def test_fault_107_a_prefix_always_means_one_thing(at_rest: Site, word: str, what: str) -> None:
    told = typed(at_rest, "dismiss", word, "--why", "x")
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith(f"{what} is given up")


def test_fault_107_what_several_messages_speak_of_is_refused(site: Site, his: StandIn) -> None:
    agent = site.start()
    for number in range(12):
        site.drop("same.hl7", ready(f"C{number}", filler="QC^LAB"))
        site.settle(number + 1)
    agent.stop()
    for word in ("QC", "QC^LAB", "order:QC", "same.hl7"):
        told = typed(site, "resend", word, "--new-id")
        assert told.exit_code == 2
        assert "message 12 (" in told.stderr
        assert "; and more" in told.stderr
    older = typed(site, "resend", "f12", "--new-id")
    assert "The id of a file is written file:12." in older.stderr
    for word in ("QC^", "Q", "order:Q", "C"):
        assert typed(site, "resend", word, "--new-id").exit_code == 1
    assert states(site) == ["acked"] * 12
    assert his.count == 12
