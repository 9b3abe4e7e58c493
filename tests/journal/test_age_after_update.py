"""How old messages are in a journal that was brought up from schema 7, or recovered: what is released then."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.ages import NEW, OLD, WAITS, A, comes, house_of, nights, put, read_corrected, resend, values
from kit.core import report, rows
from kit.destinations import House
from kit.postgres import Cluster

from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
from lab_sender.journal import ActRejected, Address, Attempt, Journal
from lab_sender.journal.copies import recover

_AS_7 = (
    "ALTER TABLE message DROP COLUMN came",
    "ALTER TABLE message_order DROP COLUMN came",
    "ALTER TABLE message_order DROP COLUMN age",
    "ALTER TABLE wire DROP COLUMN whole",
    "ALTER TABLE wire DROP COLUMN whole_crc32",
    "PRAGMA user_version = 7",
)
_AS_10 = (*_AS_7[:-1], "UPDATE meta SET value = '10' WHERE key = 'schema'")


class Site:
    """A house whose journal is closed, changed, and opened again."""

    def __init__(self, folder: Path, cluster: Cluster | None) -> None:
        self.folder, self.cluster = folder, cluster
        self.address: Address = folder / "journal.db" if cluster is None else cluster.server("older")
        self.journal = Journal(self.address, who="tester", busy_timeout_s=0.02)

    def bring_up(self) -> House:
        """By this lab-sender, from the version before it."""
        self.journal.close()
        if self.cluster is None:
            self._change(*_AS_7)
        else:
            self.cluster.ask(f"SET search_path = older; {'; '.join(_AS_10)}; RESET search_path")
        return self._open()

    def recover(self, *losses: str) -> House:
        """From what is left of it."""
        self.journal.close()
        with contextlib.closing(sqlite3.connect(self._path)) as db:
            triggers = db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        self._change(*[f"DROP TRIGGER {name}" for (name,) in triggers], *losses)
        recover(self._path, self.folder / "recovered.db")
        self.address = self.folder / "recovered.db"
        return self._open()

    @property
    def _path(self) -> Path:
        assert isinstance(self.address, Path)
        return self.address

    def _change(self, *statements: str) -> None:
        with contextlib.closing(sqlite3.connect(self._path)) as db:
            for each in statements:
                db.execute(each)
            db.commit()

    def _open(self) -> House:
        self.journal = Journal(self.address, who="tester", busy_timeout_s=0.02)
        house = House(self.folder, self.journal, {"one": (A,)})
        house["one"].intake._take_up(alone=False, begins=True)
        return house


WAYS = pytest.mark.parametrize("site", ["brought up", "recovered", "postgresql"], indirect=True)
Way = Callable[[Site], House]


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    of = getattr(request, "param", "recovered")
    if of == "postgresql" and request.config.getoption("quick"):
        pytest.skip("it starts a server")
    cluster = request.getfixturevalue("cluster") if of == "postgresql" else None
    made = Site(tmp_path, cluster)
    yield made
    made.journal.close()
    if cluster is not None:
        cluster.ask("DROP SCHEMA older CASCADE")


@pytest.fixture
def way(request: pytest.FixtureRequest) -> Way:
    """How the journal becomes one of this version."""
    of = request.node.callspec.params["site"]
    return (lambda site: site.recover(*_AS_7)) if of == "recovered" else Site.bring_up


@WAYS
@pytest.mark.parametrize("is_left", ["nothing", "something before it"])
def test_an_unreadable_file_is_older_than_what_was_deleted(site: Site, way: Way, is_left: str) -> None:
    house = house_of(site.folder, site.journal, report("F7", "5.5"))
    house.accept("a") if is_left == "nothing" else house.refuse("a")
    put(house, 2, b"{")
    put(house, 3, NEW)
    house.accept("a")
    house.keep()
    nights(house)
    house = way(site)
    read_corrected(house, 2, OLD)
    assert (values(house), house.messages()[-1][2]) == ([], "report.overtaken")


@WAYS
def test_what_waits_is_older_than_what_was_deleted(site: Site, way: Way) -> None:
    house = house_of(site.folder, site.journal, WAITS, NEW)
    house.accept("a")
    house.keep()
    nights(house)
    house = way(site)
    comes(house)
    assert values(house) == []


@WAYS
def test_what_came_behind_the_deleted_is_newer(site: Site, way: Way) -> None:
    """What is left behind it says by when it had come."""
    house = house_of(site.folder, site.journal, OLD)
    house.accept("a")
    house.keep()
    nights(house)
    put(house, 2, report("F7", "5.5"))
    put(house, 3, report("F1", "99.9", "x.pdf"))
    house = way(site)
    comes(house)
    assert values(house) == ["5.5", "99.9"]


@WAYS
def test_what_waited_before_keeps_its_age(site: Site, way: Way) -> None:
    house = house_of(site.folder, site.journal, WAITS, NEW)
    house.refuse("a")  # message 1
    comes(house)
    house.refuse("a")  # message 2, 14.1
    house.keep()
    house = way(site)
    site.journal.operator.release(1)
    house.accept("a")
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 1, "):
        site.journal.operator.release(2)


@WAYS
def test_what_had_waited_makes_nothing_deleted_older(site: Site, way: Way) -> None:
    house = house_of(site.folder, site.journal, report("F9", "1.0", "x.pdf"), OLD)
    house.refuse("a")  # message 1, 14.1
    comes(house)
    house.refuse("a")  # message 2, of F9
    put(house, 3, NEW)
    house.accept("a")
    house.keep()
    nights(house)
    assert rows(site.journal, "SELECT id FROM message") == [(1,), (2,)]
    way(site)
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 3, "):
        site.journal.operator.release(1)


@WAYS
def test_a_copy_is_as_old_as_its_original_when_both_are_deleted(site: Site, way: Way) -> None:
    house = house_of(site.folder, site.journal, OLD)
    house.accept("a")
    put(house, 2, NEW)
    house.refuse("a")  # message 2
    assert resend(site.journal, 1, "COPY") == 3
    house.accept("a")
    house.keep()
    house = way(site)
    nights(house)
    assert rows(site.journal, "SELECT id FROM message") == [(2,)]
    assert site.journal.operator.release(2) == "spooled"


@pytest.mark.parametrize("lost", ["source WHERE id = 2", "message WHERE id = 1"])
def test_nothing_old_goes_over_what_has_lost_its_row(site: Site, lost: str) -> None:
    house = house_of(site.folder, site.journal, b"{", NEW)
    (message,) = site.journal.delivery.head("a", after_quarantine="continue")
    site.journal.delivery.sending(message.id)
    site.journal.delivery.acked(message, Attempt(message.id, 1, "verdict", "ack", "", "", "AA", b"MSA|AA\r"))
    house.keep()
    house = site.recover(f"DELETE FROM {lost}")
    read_corrected(house, 1, OLD)
    assert values(house) == []


@WAYS
@pytest.mark.parametrize("how", ["read again", "waited"])
def test_what_came_once_more_late_is_newer(site: Site, way: Way, how: str) -> None:
    house = house_of(site.folder, site.journal, WAITS if how == "waited" else OLD)
    if how == "waited":
        comes(house)
    house.accept("a")
    put(house, 2, NEW)
    house.refuse("a")  # message 2
    put(house, 3, WAITS if how == "waited" else b"{")
    if how == "waited":
        put(house, 4, report("F9", "1.0"))
        house.accept("a")
        comes(house)
        house.keep()
    else:
        house.keep()
        read_corrected(house, 3, OLD)
        house.keep()
    way(site)
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 1, "):
        site.journal.operator.release(2)


@WAYS
def test_what_waited_in_one_outbox_was_passed_in_another(site: Site, way: Way) -> None:
    house = House(site.folder, site.journal, {"one": (A,), "two": (A,)})
    house["one"].put("1.json", WAITS)
    house.look()
    house["two"].put("2.json", NEW)
    house.look()
    house.refuse("a")  # message 1
    comes(house)
    assert values(house) == ["14.1"]
    house.refuse("a")  # message 2, the older one
    house.keep()
    house = way(site)
    site.journal.operator.release(1)
    house.accept("a")
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 1, "):
        site.journal.operator.release(2)


@WAYS
@pytest.mark.parametrize("second", ["B:one", "B", ":SHARED"])
def test_ids_decide_between_machines(site: Site, way: Way, second: str) -> None:
    """The clock of the second one is behind; it did not wait."""
    if second == "B":
        if site.cluster is None:
            pytest.skip("several machines share a journal on PostgreSQL alone")
        names = "name, instance, version, started_ms, seen_ms, clean"
        site.cluster.ask(f"INSERT INTO older.node ({names}) VALUES ('B', '', '', 0, 0, FALSE)")
    house = house_of(site.folder, site.journal, OLD)
    house.refuse("a")  # message 1
    put(house, 2, NEW)
    house.accept("a")
    house.keep()
    with site.journal.store.durable() as db:
        db.execute("UPDATE source SET claim_id = '00000000000000000000', outbox = ? WHERE id = 2", (second,))
    way(site)
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 2, "):
        site.journal.operator.release(1)


@WAYS
def test_the_same_by_an_older_file_makes_nothing_older_that_nobody_knows(site: Site, way: Way) -> None:
    house = house_of(site.folder, site.journal, b"{", NEW)
    house.refuse("a")  # message 1
    put(house, 3, OLD)
    house.accept("a")  # message 2, deleted; nothing came behind it
    house.keep()
    nights(house)
    house = way(site)
    read_corrected(house, 1, OLD)
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 2, "):
        site.journal.operator.release(1)


def _without_source(site: Site, source: int) -> House:
    return site.recover(f"DELETE FROM file WHERE source_id = {source}", f"DELETE FROM source WHERE id = {source}")


@pytest.mark.parametrize("lost", ["its source", "its orders"])
def test_a_copy_of_a_copy_is_as_old_whatever_was_lost(site: Site, lost: str) -> None:
    house = house_of(site.folder, site.journal, OLD)
    house.accept("a")
    put(house, 2, NEW)
    house.refuse("a")  # message 2
    if lost == "its source":
        house.keep()
        house = _without_source(site, 1)
    assert resend(site.journal, 1, "COPY") == 3
    house.accept("a")
    house.keep()
    if lost == "its orders":
        site.recover("DELETE FROM message_order WHERE message_id = 3")
    resend(site.journal, 3, "COPY2")
    with pytest.raises(ActRejected, match=r"release\.older-waits: message 4, "):
        site.journal.operator.release(2)


def test_a_copy_of_a_copy_that_was_brought_up_is_as_old_when_the_first_one_is_lost(site: Site) -> None:
    house = house_of(site.folder, site.journal, OLD)
    house.accept("a")
    put(house, 2, NEW)
    house.refuse("a")  # message 2
    resend(site.journal, 1, "COPY")
    house.accept("a")
    house.keep()
    resend(site.journal, 3, "COPY2")
    site.bring_up()
    site.recover("DELETE FROM message WHERE id = 3")
    with pytest.raises(ActRejected, match=r"release\.older-waits: message 4, "):
        site.journal.operator.release(2)


def test_a_copy_of_what_lost_its_source_is_as_old_when_it_is_deleted(site: Site) -> None:
    house = house_of(site.folder, site.journal, OLD)
    house.accept("a")
    put(house, 2, NEW)
    house.refuse("a")  # message 2
    house.keep()
    house = _without_source(site, 1)
    resend(site.journal, 1, "COPY")
    house.accept("a")
    house.keep()
    nights(house)
    assert site.journal.operator.release(2) == "spooled"


def test_the_same_by_an_older_file_and_a_lost_source(site: Site) -> None:
    house = house_of(site.folder, site.journal, b"{", NEW)
    house.refuse("a")  # message 1
    put(house, 3, OLD)
    house.accept("a")  # message 2
    house.keep()
    house = _without_source(site, 3)
    read_corrected(house, 1, OLD)
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 2, "):
        site.journal.operator.release(1)


def test_copies_of_what_waited_and_of_what_lost_its_source(site: Site) -> None:
    house = house_of(site.folder, site.journal, WAITS)
    comes(house)
    house.refuse("a")  # message 1
    put(house, 2, NEW)
    house.refuse("a")  # message 2
    house.keep()
    house = _without_source(site, 2)
    site.journal.operator.resend_messages([1, 2], new_control_id=new_id, restamp=with_control_id)
    assert values(house)[-1] == "99.9"


def test_what_waited_is_held_against_what_lost_its_source(site: Site) -> None:
    house = house_of(site.folder, site.journal, WAITS, NEW)
    house.refuse("a")  # message 1, of the second file
    comes(house)
    house.refuse("a")  # message 2, 14.1
    house.keep()
    site.journal.operator.release(1)
    house.accept("a")
    house.keep()
    ((source,),) = rows(site.journal, "SELECT source_id FROM message WHERE id = 1")
    _without_source(site, source)
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 1, "):
        site.journal.operator.release(2)
