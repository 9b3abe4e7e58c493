"""A house in which files come, wait, are corrected and are released, and what then goes out of them."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

from kit.core import report
from kit.destinations import House
from kit.intake import plan
from kit.purging import retention
from lab_sender.config.profile import builtin
from lab_sender.filing.purge import Purge
from lab_sender.hl7.stamp import with_control_id
from lab_sender.intake.compose import Composer, Recipient
from lab_sender.journal import Journal

PROFILE = builtin(corrections={"suspicious": "send"})
CHANGED = builtin(corrections={"suspicious": "send", "send": "changed"})
"""Only what has changed is sent."""
A, B = Recipient("a", PROFILE), Recipient("b", PROFILE)
STRICT, STRICT_B = Recipient("a", builtin(require=["PID-7"])), Recipient("b", builtin(require=["PID-7"]))
OLD, NEW = report("F1", "14.1"), report("F1", "99.9")
WAITS = report("F1", "14.1", "x.pdf")
"""OLD, as long as its document is not there."""


def house_of(tmp_path: Path, journal: Journal, *files: bytes, to: tuple[Recipient, ...] = (A,)) -> House:
    """1.json, 2.json, ... dropped one after the other."""
    house = House(tmp_path, journal, {"one": to})
    for number, data in enumerate(files, 1):
        put(house, number, data)
    house.keep()
    return house


def put(house: House, number: int, data: bytes) -> None:
    house["one"].put(f"{number}.json", data)
    house.look()


def comes(house: House, name: str = "x.pdf") -> None:
    """A document comes."""
    house["one"].put(name, b"%PDF-1.4\n%%EOF\n%" + name.encode())
    house.look()


def correct(house: House, number: int, data: bytes) -> None:
    (house["one"].folders.quarantine / f"{number}.json").write_bytes(data)


def read(house: House) -> None:
    house.keep()
    house.look()


def read_corrected(house: House, number: int, data: bytes) -> None:
    """A person corrects a file that could not be read, and releases it."""
    correct(house, number, data)
    house.journal.operator.release_file(number)
    read(house)


def use(house: House, *to: Recipient) -> None:
    house["one"].intake.use(plan(Composer(to), poll_s=0.0, settle_s=0.0))


def values(house: House, to: str = "a") -> list[str]:
    """What waits for a destination, in the order in which it goes out."""
    bodies = [each.body for each in house.journal.delivery.head(to, after_quarantine="continue")]
    return [each.split(b"OBX|1|")[1].split(b"|")[3].decode() for each in bodies]


def resend(journal: Journal, message: int, control_id: str) -> int:
    return journal.operator.resend(message, new_control_id=control_id, restamp=with_control_id)


def both(*each: bytes) -> bytes:
    return b"[" + b",".join(each) + b"]"


def two_tests(first: str, second: str, *documents: str, order: str = "F1") -> bytes:
    """A report of one order, of two tests."""
    said = json.loads(report(order, first, *documents))
    other = {"test": {"code": "777-3", "text": "Plt", "system": "LN"}, "value": second, "unit": "g/dL"}
    said["orders"][0]["results"].append(other)
    return json.dumps(said).encode()


def values_in(body: bytes) -> dict[str, str]:
    """What a message says of these tests: code -> value."""
    fields = [each.split(b"|") for each in body.split(b"OBX|")[1:]]
    return {each[2].split(b"^")[0].decode(): each[4].decode() for each in fields if each[1] == b"NM"}


def both_in_one(first: bytes, second: bytes) -> bytes:
    """One report of the orders of two."""
    said = json.loads(first)
    said["orders"] += json.loads(second)["orders"]
    return json.dumps(said).encode()


def nights(house: House) -> None:
    """Let retention delete all that it may, now, after a week and after 100 days."""
    for days in (0, 8, 100):
        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
        purge = Purge(house.journal, {"one": house["one"].folders}, retention(), now=lambda now=now: now)
        assert purge.night(retention())
