"""Whatever a person does without force: the HIS ends with the last word of the laboratory that it has on an order.

It never has some of one report of an order and some of another, also where only what has changed is sent.
"""

from __future__ import annotations

import contextlib
import tempfile
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.ages import CHANGED, PROFILE, both, house_of, nights, read, resend, two_tests, use, values_in
from kit.core import rows
from kit.examples import examples

from lab_sender.config.profile import Profile, builtin
from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
from lab_sender.intake.compose import Recipient
from lab_sender.journal import ActRejected, Attempt, Journal

VALUES = ("1", "2", "3")
Word = dict[str, tuple[str, str]]
"""Order -> the values of its two tests."""
KINDS = ("whole", "unreadable", "not built", "waits")
DROP = st.tuples(
    st.just("drop"), st.sampled_from(KINDS),
    st.dictionaries(
        st.sampled_from(["F1", "F1", "F1", "F2"]),
        st.tuples(st.sampled_from(VALUES), st.sampled_from(VALUES)), min_size=1,
    ),
)  # fmt: skip
DO = st.tuples(
    st.sampled_from(
        ["document", "accept", "refuse", "read", "release file", "release", "release", "release all", "resend",
         "resend all", "put back", "dismiss", "restart", "nights"]
    ),
    st.integers(0, 3),
)  # fmt: skip
SENT = st.tuples(st.sampled_from(["accept", "refuse", "read"]), st.just(0))
WORD = st.tuples(DROP, SENT)
"""A file comes, and what waits is sent."""
ACT = st.tuples(DO, SENT)
STORIES = st.tuples(
    st.lists(WORD, min_size=2, max_size=4), st.lists(st.one_of(ACT, ACT, WORD), min_size=1, max_size=8)
)


class Story:
    """One destination, one outbox; each file is a word of the laboratory on its orders, by its number."""

    def __init__(self, folder: Path, journal: Journal, profile: Profile) -> None:
        self.journal, self.folder = journal, folder
        self.to = Recipient("a", profile)
        self.house = house_of(folder, journal, to=(self.to,))
        self.words: list[Word] = []
        self.documents: list[int] = []
        self.delivered: dict[int, tuple[int, str]] = {}
        """Message -> its file and order."""
        self.same: dict[int, tuple[int, int]] = {}
        """Duplicate -> its file, and what it is the same as."""
        self.has: dict[str, dict[str, str]] = {}
        """Order -> test -> value: a HIS that adds what it is sent to what it has."""

    def drop(self, kind: str, word: Word) -> None:
        number, name = len(self.words), f"{len(self.words)}.json"
        self.words.append(word)
        documents = [f"{number}.pdf"] * (kind == "waits")
        reports = [two_tests(*values, *documents, order=order) for order, values in word.items()]
        data = reports[0] if len(reports) == 1 else both(*reports)
        if kind == "waits":
            self.documents.append(number)
        if kind == "not built":
            use(self.house, Recipient("a", builtin(require=["PID-7"])))
        self.house["one"].put(name, b"{" * (number + 1) if kind == "unreadable" else data)
        self.house.look()
        use(self.house, self.to)
        self.house.keep()
        if kind == "unreadable":
            (self.house["one"].folders.quarantine / name).write_bytes(data)

    def do(self, what: str, which: int) -> None:
        operator, house = self.journal.operator, self.house
        if what == "document":
            for number in self._at(which, self.documents):
                self.documents.remove(number)
                house["one"].put(f"{number}.pdf", b"%PDF-1.4\n%%EOF\n" + b"%" * number)
            house.look()
        elif what == "accept":
            self.accept()
        elif what == "refuse":
            house.refuse("a")
        elif what == "read":
            read(house)
        elif what == "release file":
            for (source,) in self._at(which, rows(self.journal, "SELECT id FROM source WHERE state = 'quarantined'")):
                operator.release_file(source)
        elif what == "release all":
            operator.release_messages(self._in("quarantined"))
        elif what == "resend all":
            operator.resend_messages(self._in("acked", "quarantined"), new_control_id=new_id, restamp=with_control_id)
        elif what == "put back":
            self.put_back()
        elif what == "restart":
            house.keep()
            self.house = type(house)(self.folder, self.journal, {"one": (self.to,)})
            self.house["one"].intake._take_up(alone=which > 2, begins=True)
        elif what == "nights":
            house.keep()
            nights(house)
        for message in self._at(which, self._in("acked", "quarantined")):
            if what == "release":
                operator.release(message)
            elif what == "resend":
                resend(self.journal, message, new_id())
            elif what == "dismiss":
                operator.dismiss(message, "not needed")

    def put_back(self) -> None:
        """The brake closes over what lies in quarantine, and opens again."""
        delivery = self.journal.delivery
        row = [each for each, _ in delivery.quarantined_since_acceptance("a")]
        delivery.held("a", "brake", "the HIS refuses all", put_back=row)
        delivery.released("a", who="lane")

    def accept(self) -> None:
        """The HIS takes all that waits, in order; it has each report as a whole then."""
        while found := self.journal.delivery.head("a", after_quarantine="continue"):
            for message in found:
                assert self.journal.delivery.sending(message.id)
                (name,) = rows(
                    self.journal,
                    "SELECT f.name FROM message m JOIN file f ON f.source_id = m.source_id AND f.role = 'report'"
                    f" WHERE m.id = {message.id}",
                )[0]
                order = "F1" if b"|F1" in message.body else "F2"
                number = int(name.partition(".")[0])
                self.delivered[message.id] = (number, order)
                self.has.setdefault(order, {}).update(values_in(message.body))
                assert self._has(order, number), (message.id, self.has, self.words)
                self.journal.delivery.acked(message, Attempt(message.id, 0, "verdict", "ack", "", "", "AA"))

    def note(self) -> None:
        """Remember what retention may delete: which files said the same once more."""
        asked = "SELECT m.id, f.name, m.same_as FROM message m JOIN file f ON f.source_id = m.source_id"
        for message, name, same_as in rows(
            self.journal, f"{asked} AND f.role = 'report' WHERE m.code = 'message.duplicate'"
        ):
            self.same[message] = (int(name.partition(".")[0]), same_as)

    def wrong(self) -> list[str]:
        """Return the orders of which the HIS has not the last word that it was given, or that was the same."""
        known = list(self.delivered.values())
        known += [(number, self.delivered[same][1]) for number, same in self.same.values() if same in self.delivered]
        newest: dict[str, int] = {}
        for number, order in known:
            newest[order] = max(number, newest.get(order, 0))
        return [order for order, number in newest.items() if not self._has(order, number)]

    def _has(self, order: str, number: int) -> bool:
        return tuple(self.has[order].values()) == self.words[number][order]

    def _in(self, *states: str) -> list[int]:
        named = ", ".join(f"'{each}'" for each in states)
        found = rows(self.journal, f"SELECT id FROM message WHERE state IN ({named}) ORDER BY id")
        return [each for (each,) in found]

    @staticmethod
    def _at(which: int, of: list[Any]) -> list[Any]:
        return of[which : which + 1]


@pytest.mark.long
@pytest.mark.parametrize("profile", [PROFILE, CHANGED], ids=["snapshot", "changed"])
@examples(200)
@given(told=STORIES)
def test_the_his_ends_with_the_last_word(profile: Profile, told: tuple[list[Any], list[Any]]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(Journal(Path(folder) / "journal.db", who="tester")) as journal,
    ):
        journal.store.connection.execute("PRAGMA synchronous = OFF")
        story = Story(Path(folder), journal, profile)
        for what, *how in chain.from_iterable(chain(*told)):
            with contextlib.suppress(ActRejected):
                story.drop(*how) if what == "drop" else story.do(what, *how)
            story.note()
        read(story.house)
        story.note()
        story.accept()
        assert story.wrong() == [], (story.has, story.words, story.delivered, story.same)
