"""Results of programs where the outbox hangs, is full or is another one by now; and names with all letters."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from lab_sender import files
from lab_sender.operations import submissions
from lab_sender.operations.rights_of import Visitor
from lab_sender.operations.submissions import submit
from lab_sender.operations.web.site import Site
from web.scene import Scene, report
from web.test_submissions import KEY, outbox

VALUES = {"name": "a.json", "to": (), "key_id": 1, "idempotency_key": "k" * 8}


def test_an_outbox_that_hangs_keeps_nobody_else_waiting(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logins, the audit and alerts write to the same operations.db."""
    hangs, ends, real = threading.Event(), threading.Event(), submissions.drop

    def drop(*values, **more):
        hangs.set()
        assert ends.wait(10)
        return real(*values, **more)

    monkeypatch.setattr(submissions, "drop", drop)
    monkeypatch.setattr(submissions, "_WAIT_S", 0.1)
    first = threading.Thread(target=submit, args=(scene.site.installation, scene.site.records, b"x"), kwargs=VALUES)
    first.start()
    assert hangs.wait(30)
    noted = threading.Thread(target=scene.site.audit.note, args=(Visitor("anna"), "login"))
    noted.start()
    noted.join(10)
    still_waits = noted.is_alive()
    try:
        with pytest.raises(submissions.Later, match=r"submit\.busy"):
            submit(scene.site.installation, scene.site.records, b"x", **VALUES)
    finally:
        ends.set()
        first.join()
        noted.join()
    assert not still_waits
    again = submit(scene.site.installation, scene.site.records, b"x", **VALUES)
    assert outbox(scene) == [again.file]


def test_the_outbox_of_another_destination_is_never_the_second_choice(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration changed between a request and its repetition."""
    def configure(*outboxes: str) -> None:
        lines = [f"  {name}: {{host: 127.0.0.1, port: {scene.his.port}}}" for name in ("one", "two")]
        scene.path.write_text(
            f"outboxes: [{', '.join(outboxes)}]\ndestinations:\n" + "\n".join(lines) + "\nfolders: {journal: state}\n"
        )

    configure("{folder: first, to: [one]}", "{folder: second, to: [two]}")
    for name in ("first", "second", "third", "state"):
        (scene.folder / name).mkdir()
    site = Site(scene.path)
    values = VALUES | {"to": ("two",)}
    monkeypatch.setattr(submissions, "drop", _full)
    with pytest.raises(OSError, match="No space"):
        submit(site.installation, site.records, b"x", **values)
    monkeypatch.undo()
    configure("{folder: first, to: [one]}", "{folder: third, to: [two]}")
    submit(Site(scene.path).installation, site.records, b"x", **values)
    lie = {each.parent.name for each in scene.folder.glob("*/*.json")}
    assert lie == {"third"}
    site.close()


def _full(*_values, **_more):
    raise OSError(errno.ENOSPC, "No space left on device", "/outbox/ZEBRASTEIN.json")


def test_a_full_disk_is_told_and_the_same_request_works_later(
    scene: Scene, program, monkeypatch: pytest.MonkeyPatch
) -> None:
    lis = program("submit")
    monkeypatch.setattr(files, "write_new", _full)
    answer = lis.post("/api/v1/results", content=report(1), headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (503, "io.enospc")
    assert "ZEBRASTEIN" not in answer.text
    assert outbox(scene) == []
    monkeypatch.undo()
    assert lis.post("/api/v1/results", content=report(1), headers=KEY).status_code == 202
    assert len(outbox(scene)) == 1


def test_a_folder_that_cannot_be_read_now_does_not_make_it_missing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before it was noted, claimed meanwhile, and the share does not answer just now."""
    found = submit(scene.site.installation, scene.site.records, report(1).encode(), **VALUES)
    with scene.site.records.transaction() as db:
        db.execute("UPDATE submission SET dropped_ms = NULL")
    claimed: Path = scene.site.installation.config.folders.by_name["claimed"]
    claimed.mkdir(parents=True, exist_ok=True)
    (scene.folder / "outbox" / found.file).rename(claimed / f"06H29AFP2VMP26FVP9P4_{found.file}")
    real = files.entries

    def entries(folder):
        if Path(folder) == claimed:
            raise OSError(errno.EIO, "Input/output error")
        return real(folder)

    monkeypatch.setattr(files, "entries", entries)
    with pytest.raises(OSError, match="Input"):
        submit(scene.site.installation, scene.site.records, report(1).encode(), **VALUES)
    assert outbox(scene) == []
    monkeypatch.undo()
    assert submit(scene.site.installation, scene.site.records, report(1).encode(), **VALUES) == found
    assert outbox(scene) == []


@pytest.mark.parametrize("written", ['filename="Übung.json"', "filename*=UTF-8''%C3%9Cbung.json"])
def test_a_name_has_all_letters(scene: Scene, program, written: str) -> None:
    head = [(b"Idempotency-Key", b"a-key-of-a-test"), (b"Content-Disposition", f"attachment; {written}".encode())]
    answer = program("submit").post("/api/v1/results", content=b"x", headers=head)
    assert answer.status_code == 202, answer.text
    assert outbox(scene) == [f"Übung-{answer.json()['id']}.json"]


@pytest.mark.parametrize(
    "written",
    ["filename=\"..\\\\..\\\\a.json\"", "filename*=UTF-8''a%00.json", "filename*=UTF-8''%2E%2E%2Fa%0A.json",
     "filename*=UTF-8''a%E2%80%AEnosj.json", "filename*=nowhere''%FF.json", "filename=\"a.json.\"",
     f"filename=\"{'x' * 4000}.{'y' * 4000}\""],
)  # fmt: skip
def test_a_name_that_is_a_trick_leads_nowhere(scene: Scene, program, written: str) -> None:
    head = [(b"Idempotency-Key", b"a-key-of-a-test"), (b"Content-Disposition", f"attachment; {written}".encode())]
    answer = program("submit").post("/api/v1/results", content=b"x", headers=head)
    assert answer.status_code in (202, 400, 409), answer.text
    assert outbox(scene) == ([answer.json()["file"]] if answer.status_code == 202 else [])
    assert sorted(each.name for each in scene.folder.rglob("*.json") if each.parent.name != "outbox") == []
