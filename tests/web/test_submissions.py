"""Results of programs: once into the outbox, whatever happens to the program, the page and the answer."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from lab_sender import files
from lab_sender.operations import submissions
from lab_sender.operations.installation import Installation
from lab_sender.operations.submissions import became, submit
from web.scene import TESTER, Scene, report

KEY = {"Idempotency-Key": "a-key-of-a-test"}


def outbox(scene: Scene) -> list[str]:
    names = (scene.folder / "outbox").iterdir()
    return sorted(each.name for each in names if each.is_file() and not each.name.startswith("."))


def test_it_lies_in_the_outbox_when_it_is_answered(scene: Scene, program) -> None:
    lis = program("submit")
    head = KEY | {"Content-Disposition": 'attachment; filename="L26 17.json"'}
    answer = lis.post("/api/v1/results", content=report(17).encode(), headers=head)
    assert answer.status_code == 202
    assert outbox(scene) == [answer.json()["file"]]
    assert answer.json()["file"] == f"L26 17-{answer.json()['id']}.json"
    assert (scene.folder / "outbox" / outbox(scene)[0]).read_text() == report(17)
    asked = lis.get(f"/api/v1/results/{answer.json()['id']}").json()
    assert (asked["outcome"], asked["messages"]) == ("waiting", [])


def test_what_became_of_it(scene: Scene, program) -> None:
    lis = program("submit")
    with scene.agent():
        good = lis.post("/api/v1/results", content=report(1), headers={"Idempotency-Key": "first-one"}).json()
        scene.settled(1)
        scene.his.answer_by("AE,code=207,text=no")
        bad = lis.post("/api/v1/results", content=report(2), headers={"Idempotency-Key": "second-one"}).json()
        odd = lis.post("/api/v1/results", content=b"{", headers={"Idempotency-Key": "third-one"}).json()
        scene.settled(3)
    found = [lis.get(f"/api/v1/results/{each['id']}").json() for each in (good, bad, odd)]
    assert [each["outcome"] for each in found] == ["delivered", "quarantined", "quarantined"]
    assert found[0]["messages"][0]["ack_code"] == "AA"


def test_the_same_again_is_the_same_and_another_is_an_error(scene: Scene, program) -> None:
    lis = program("submit")
    first = lis.post("/api/v1/results", content=b"one", headers=KEY)
    again = lis.post("/api/v1/results", content=b"one", headers=KEY)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    other = lis.post("/api/v1/results", content=b"two", headers=KEY)
    assert (other.status_code, other.json()["code"]) == (409, "submit.key-used")
    named = lis.post("/api/v1/results", content=b"one", headers=KEY | {"Content-Disposition": "x; filename=b"})
    assert named.status_code == 409, "its name is part of it"
    assert len(outbox(scene)) == 1
    with scene.agent():
        scene.settled(1)
    assert lis.post("/api/v1/results", content=b"one", headers=KEY).content == first.content, "it was taken meanwhile"
    assert outbox(scene) == []
    neighbour = program("submit", name="another program")
    assert neighbour.post("/api/v1/results", content=b"two", headers=KEY).status_code == 202, "keys are its own"
    assert neighbour.get(f"/api/v1/results/{first.json()['id']}").status_code == 404, "and so are results"


@pytest.mark.parametrize(
    ("head", "body", "status", "code"),
    [
        ({}, b"x", 400, "submit.key"),
        ({"Idempotency-Key": "short"}, b"x", 400, "submit.key"),
        (KEY, b"", 400, "submit.empty"),
        (KEY | {"Content-Disposition": 'attachment; filename=".hidden"'}, b"x", 409, "drop.name"),
        (KEY | {"Content-Disposition": 'attachment; filename="a.tmp"'}, b"x", 409, "drop.name"),
    ],
)
def test_what_is_rejected_drops_nothing(scene: Scene, program, head, body, status: int, code: str) -> None:
    answer = program("submit").post("/api/v1/results", content=body, headers=head)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert outbox(scene) == []


def test_a_name_cannot_lead_elsewhere(scene: Scene, program) -> None:
    head = KEY | {"Content-Disposition": 'attachment; filename="../../etc/a.json"'}
    answer = program("submit").post("/api/v1/results", content=b"x", headers=head)
    assert answer.status_code == 202
    assert outbox(scene) == [answer.json()["file"]]


def test_only_a_program_that_may_submits(scene: Scene, program, as_) -> None:
    for role in ("viewer", "operator", "admin"):
        assert program(role).post("/api/v1/results", content=b"x", headers=KEY).status_code == 403
    otto = as_("otto")
    assert otto.post("/api/v1/results", content=b"x", headers=KEY).status_code == 403
    lis = program("submit")
    assert lis.get("/api/v1/status").status_code == 403
    scene.keys.revoke(TESTER, "a submit")
    assert lis.post("/api/v1/results", content=b"x", headers=KEY).status_code == 401
    assert outbox(scene) == []


def test_an_outbox_that_is_away_is_tried_later(scene: Scene, program) -> None:
    lis = program("submit")
    (scene.folder / "outbox").rename(scene.folder / "away")
    answer = lis.post("/api/v1/results", content=b"x", headers=KEY)
    assert answer.status_code == 503, answer.text
    (scene.folder / "away").rename(scene.folder / "outbox")
    assert lis.post("/api/v1/results", content=b"x", headers=KEY).status_code == 202


def test_ten_at_once_are_one(scene: Scene) -> None:
    answers: list[object] = []

    def one() -> None:
        answers.append(
            submit(scene.site.installation, scene.site.records, b"x", name="a.json", to=(), key_id=1,
                   idempotency_key="all-of-them")
        )  # fmt: skip

    threads = [threading.Thread(target=one) for _ in range(10)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(answers) == 10
    assert len(set(map(str, answers))) == 1
    assert len(outbox(scene)) == 1


def killed_at(scene: Scene, kill_at: int) -> tuple[int, str]:
    """Submit in a process of its own that is killed after so many steps (0: never); return how it ended."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writer, submitted_in_steps(scene.path, kill_at).encode())
        finally:
            os._exit(0)
    os.close(writer)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(reader) as said:
        return os.waitstatus_to_exitcode(status), said.read()


def submitted_in_steps(config: Path, kill_at: int) -> str:
    steps = 0

    def stepped(real):
        def step(*values, **more):
            nonlocal steps
            done = real(*values, **more)
            steps += 1
            if steps == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return step

    for owner, name in ((submissions, "_begin"), (files, "write_new"), (files, "rename"), (files, "sync_folder")):
        setattr(owner, name, stepped(getattr(owner, name)))
    installation = Installation(config)
    made = submit(
        installation, installation.records(), b"one result", name="a.json", to=(), key_id=1, idempotency_key="k" * 8
    )
    return f"{made.id} {steps}"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_at_every_step_and_sent_again_it_is_there_once(scene: Scene) -> None:
    steps = int(killed_at(scene, 0)[1].split()[1])
    assert steps >= 4
    (name,) = outbox(scene)
    for kill_at in range(1, steps + 1):
        (scene.folder / "outbox" / name).unlink()
        with scene.site.records.transaction() as db:
            db.execute("DELETE FROM submission")
        assert killed_at(scene, kill_at) == (-signal.SIGKILL, "")
        row = scene.site.records.dicts("SELECT * FROM submission")[0]
        lay = outbox(scene)
        state = became(scene.site.installation, scene.site.records, row["id"], key_id=1)
        assert state.outcome == ("waiting" if lay else "not-received")
        assert killed_at(scene, 0)[1].split()[0] == row["id"], "the same answer"
        (name,) = outbox(scene)
        assert (scene.folder / "outbox" / name).read_bytes() == b"one result"
        assert not lay or lay == [name]


@pytest.mark.parametrize("where", ["claimed", "journal"])
def test_killed_before_it_was_noted_and_taken_meanwhile(scene: Scene, where: str) -> None:
    """The agent was quicker than the program's second request."""
    values = {"name": "a.json", "to": (), "key_id": 1, "idempotency_key": "k" * 8}
    found = submit(scene.site.installation, scene.site.records, report(1).encode(), **values)
    with scene.site.records.transaction() as db:
        db.execute("UPDATE submission SET dropped_ms = NULL")
    if where == "journal":
        with scene.agent():
            scene.settled(1)
    else:
        claimed = scene.site.installation.config.folders.by_name["claimed"]
        claimed.mkdir(parents=True, exist_ok=True)
        (scene.folder / "outbox" / found.file).rename(claimed / f"06H29AFP2VMP26FVP9P4_{found.file}")
    again = submit(scene.site.installation, scene.site.records, report(1).encode(), **values)
    assert again == found
    assert outbox(scene) == []
