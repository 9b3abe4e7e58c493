"""Small messages and reports, and ways to wait and to look."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.patients import FAMILY, PATIENT_ID
from kit.system import WAIT_S
from lab_sender.hl7.orders import OrderFact
from lab_sender.journal import Journal, NewFile, NewMessage, NewSource, Spooled, View
from lab_sender.operations.choosing import TAKES, Kind

HIS = "his"
_STATES = "SELECT COALESCE(control_id, CAST(id AS TEXT)), state, code FROM message ORDER BY id"


def ready(control_id: str = "M1", *, order: str = "F1", value: str = "14.1", patient: str = PATIENT_ID) -> bytes:
    """A ready ORU^R01; without `control_id` MSH-10 is empty."""
    return (
        f"MSH|^~\\&|LAB|L|H|H|20261122||ORU^R01^ORU_R01|{control_id}|P|2.5.1\rPID|1||{patient}^^^MR||{FAMILY}^Anna\r"
        f"OBR|1||{order}^LAB|58410-2^CBC^LN\rOBX|1|NM|718-7^Hb^LN||{value}|g/dL|||||F\r"
    ).encode()


def report(filler: str = "F1", value: str = "14.1", *attachments: str) -> bytes:
    """A lab-result/1 report; `attachments` are the names of files beside it."""
    order: dict[str, Any] = {
        "filler": f"{filler}|LAB",
        "test": {"code": "58410-2", "text": "CBC", "system": "LN"},
        "results": [{"test": {"code": "718-7", "text": "Hb", "system": "LN"}, "value": value, "unit": "g/dL"}],
    }
    if attachments:
        order["attachments"] = [{"path": name} for name in attachments]
    patient = {"ids": [{"id": PATIENT_ID}], "name": {"family": FAMILY}}
    return json.dumps({"schema": "lab-result/1", "patient": patient, "orders": [order]}).encode()


def entry(name: str, *, order: str = "", patient: str = "", **more: Any) -> NewMessage:
    """A message for the spool; each its own order unless said otherwise."""
    body = ready(name, order=order or f"O-{name}", value=more.pop("value", "1"))
    values = {
        "place": "", "state": "spooled", "digest": hashlib.sha256(body).digest(), "body": body,
        "control_id": name, "orders": (OrderFact(order or f"O-{name}", "58410-2", "F", ""),), "patient_key": patient,
    }  # fmt: skip
    return NewMessage(**(values | more))


def bad(place: str = "") -> NewMessage:
    """A report that could not be built."""
    return NewMessage(place, "quarantined", b"bad", code="json.value", reason="json.value: cannot be built")


def source(claim_id: str, *messages: NewMessage, code: str = "", name: str = "", files: int = 1) -> NewSource:
    """A claimed file with its messages; the second and later files are attachments."""
    name = name or f"{claim_id}.json"
    claimed = [NewFile(name, f"{claim_id}_{name}")]
    claimed += [NewFile(f"{n}.pdf", f"{claim_id}{n}@{claim_id}_{n}.pdf", "attachment") for n in range(1, files)]
    return NewSource(claim_id, "hl7", 3, hashlib.sha256(b"abc").digest(), tuple(claimed), messages, code, code)


def spool(journal: Journal, *control_ids: str) -> None:
    """Spool one file a message, in one batch."""
    journal.spool.spooled([source(f"C-{control_id}", entry(control_id)) for control_id in control_ids], HIS)


def head(journal: Journal, after_quarantine: str = "continue", **limits: int) -> list[Spooled]:
    return journal.delivery.head(HIS, after_quarantine=after_quarantine, **limits)


def waiting(journal: Journal, after_quarantine: str = "continue") -> list[str]:
    """The control ids that wait, in the order of delivery."""
    return [each.control_id for each in head(journal, after_quarantine)]


def rows(journal: Journal, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Read from the journal as others see it."""
    with contextlib.closing(journal.store.reader()) as reader:
        return reader.rows(query, values)


def states(journal: Journal) -> dict[str, str]:
    """Control id -> state, with the code behind it where there is one."""
    return _states(rows(journal, _STATES))


@contextlib.contextmanager
def watched(journal: Journal) -> Iterator[Callable[[], dict[str, str]]]:
    """Ask for the states again and again, over one connection."""
    with contextlib.closing(journal.store.reader()) as reader:
        yield lambda: _states(reader.rows(_STATES))


def _states(found: list[tuple[Any, ...]]) -> dict[str, str]:
    return {str(name): f"{state} {code}".strip() for name, state, code in found}


def of_file(journal: Journal, source_id: int, act: Kind) -> list[int]:
    """The messages of a file that an act on all of it (`--all-destinations`) is about."""
    with contextlib.closing(View(journal.store.path)) as view:
        return [each.id for each in view.messages_of(source_id) if TAKES[act](each)]


def attempts(journal: Journal, control_id: str) -> list[dict[str, Any]]:
    view = View(journal.store.path)
    try:
        found = [line.message_id for line in view.by_control_id(control_id) if line.message_id is not None]
        return view.attempts(found[0]) if found else []
    finally:
        view.close()


def until(true: Callable[[], object], what: str = "what was waited for", timeout_s: float = WAIT_S) -> None:
    """Wait for what no event tells; fails when it does not come to pass."""
    pause = threading.Event()
    for _ in range(int(timeout_s / 0.01)):
        if true():
            return
        pause.wait(0.01)
    raise AssertionError(f"did not come to pass within {timeout_s} s: {what}")


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, the journal's own left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("journal.db")
    }


def steps(monkeypatch: pytest.MonkeyPatch, *watched: tuple[object, str]) -> list[str]:
    """Note the order in which these functions are called."""
    seen: list[str] = []

    def watch(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def noted(*values: object, **more: object) -> object:
            seen.append(name)
            return real(*values, **more)

        monkeypatch.setattr(owner, name, noted)

    for owner, name in watched:
        watch(owner, name)
    return seen


def documents(journal: Journal) -> dict[str, list[bytes]]:
    """Report's file name -> the documents in its messages, in Base64."""
    found = rows(
        journal,
        "SELECT f.name, w.body FROM file f JOIN message m ON m.source_id = f.source_id JOIN wire w ON"
        " w.message_id = m.id WHERE f.role = 'report' ORDER BY m.id",
    )
    return {name: re.findall(rb"\^application\^pdf\^Base64\^([^|]*)", body) for name, body in found}
