"""Files are taken in the order of their modification time whenever both could be seen complete.

Whatever is dropped, written in steps, opened once more, rung late, never or at once, and however often the agent is
started anew, by a clock in our hands. Each look is followed by its claims.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples
from kit.intake import section

from lab_sender import files, writers
from lab_sender.intake.arrivals import Arrivals
from lab_sender.intake.claims import Claims

SETTLE_S = 10.0
_WHICH = st.integers(0, 2)
_STEP = st.one_of(
    st.tuples(st.just("drop"), st.just(0)),
    st.tuples(st.sampled_from(["grow", "mark", "ring", "late", "open", "close"]), _WHICH),
    st.tuples(st.just("wait"), st.integers(1, 9)),
    st.tuples(st.sampled_from(["look", "look", "look", "start"]), st.just(0)),
)
"""What happens, and to which file (0 is the newest that is there) or for how long.

A ring may come for any file at any time, during a look too, or never.
"""


@dataclass
class Scene:
    """An outbox, its looks, and what was taken: name, and the looks that came before."""

    folder: Path
    claimed: Path
    first_ns: int
    marker: str
    asked: bool
    now_s: float = 0.0
    written_ns: dict[str, int] = field(default_factory=dict)
    """When each file was written last, as its time says."""
    whole_at: dict[str, int] = field(default_factory=dict)
    """After how many looks a file became whole."""
    taken: list[tuple[str, int]] = field(default_factory=list)
    open: dict[str, IO[bytes]] = field(default_factory=dict)
    """Files that a writer has open, though he says nothing more."""
    rung: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    looks: int = 0
    writes: int = 0

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.rung.clear()  # nobody was there to hear
        settings = section(settle_s=SETTLE_S, marker=self.marker, temporary=())
        self.arrivals = Arrivals(self.folder, settings, clock=lambda: self.now_s)
        self.claims = Claims(
            self.folder, self.claimed, largest_file_bytes=1 << 20, judged=self.arrivals, trouble=self.fails
        )

    @staticmethod
    def fails(code: str, error: Exception) -> None:
        raise AssertionError(code) from error

    def write(self, name: str, mode: str) -> None:
        with (self.folder / name).open(mode) as writer:
            writer.write(b"x")
        self.writes += 1
        self.written_ns[name] = self.first_ns + int(self.now_s * 10**9) + self.writes * 1000
        os.utime(self.folder / name, ns=(self.written_ns[name],) * 2)
        if not self.marker and name not in self.open:
            self.whole_at[name] = self.looks

    def close(self, name: str) -> None:
        """Let the writer of a file go."""
        if name in self.open:
            self.open.pop(name).close()
            self.whole_at[name] = self.looks

    def there(self, which: int) -> list[str]:
        """The file of this number, counted from the newest, where there is one."""
        names = sorted((name for name in self.written_ns if (self.folder / name).exists()), reverse=True)
        return names[which : which + 1]

    def step(self, what: str, number: int) -> None:
        match what:
            case "drop":
                self.write(f"{len(self.written_ns):03}", "xb")
            case "grow":
                for name in self.there(number):
                    if not (self.folder / f"{name}.ok").exists():
                        self.write(name, "ab")
            case "open":  # where somebody knows of it
                for name in self.there(number) if self.asked and not self.marker and not files.WINDOWS else ():
                    self.open[name] = self.open.get(name) or (self.folder / name).open("ab")
                    self.whole_at.pop(name, None)
            case "close":
                for name in self.there(number):
                    self.close(name)
            case "mark":
                for name in self.there(number) if self.marker else ():
                    (self.folder / f"{name}{self.marker}").touch()
                    self.whole_at.setdefault(name, self.looks)
            case "ring":
                self.rung.update(self.there(number))
            case "late":
                self.late.update(self.there(number))
            case "wait":
                self.now_s += number
            case "look":
                self.look()
            case "start":
                self.start()

    def meanwhile(self) -> set[str]:
        """Ring during a look; where it is for one file only, drop another one and ring for it too."""
        if len(self.late) == 1:
            self.step("drop", 0)
            self.late.update(self.there(0))
        late, self.late = self.late, set()
        return late

    def look(self) -> None:
        for claim in self.claims.claim(self.arrivals.complete(frozenset(self.rung), self.meanwhile)):
            assert claim.name not in self.open, "a writer has it open"
            self.taken.append((claim.name, self.looks))
            self.claims.read(claim)
        self.rung.clear()
        self.looks += 1


@pytest.mark.parametrize("asked", [True, False], ids=["local-disk", "share"])
@pytest.mark.parametrize("marker", ["", ".ok"], ids=["no-marker", "marker"])
@pytest.mark.parametrize("ago", [True, False], ids=["long-ago", "now"])
@examples(60)
@given(steps=st.lists(_STEP, min_size=5, max_size=40))
def test_files_are_taken_in_the_order_of_their_times(
    asked: bool, marker: str, ago: bool, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int]]
) -> None:
    if not asked:
        monkeypatch.setattr(writers, "can_be_asked", lambda _: False)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as claimed, ExitStack() as writing:
        first_ns = 10**18 if ago else time.time_ns() + 10**13
        scene = Scene(Path(folder), Path(claimed), first_ns, marker, asked)
        writing.callback(lambda: [each.close() for each in scene.open.values()])
        for what, number in steps:
            scene.step(what, number)
        for name in list(scene.open):
            scene.close(name)
        if marker:
            for number in range(len(scene.written_ns)):
                scene.step("mark", number)
        for _ in range(4):
            scene.look()
            scene.now_s += SETTLE_S
        assert sorted(name for name, _ in scene.taken) == sorted(scene.written_ns), "everything is taken"
    order = [(scene.written_ns[name], name) for name, _ in scene.taken]
    for index, (name, look) in enumerate(scene.taken):
        overtaken = [
            other for turn, (other, _) in zip(order[index + 1 :], scene.taken[index + 1 :], strict=True)
            if turn < order[index] and scene.whole_at[other] <= look
        ]  # fmt: skip
        assert not overtaken, f"{name} went before {overtaken}"
