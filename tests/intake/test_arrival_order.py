"""Files are taken in the order of their modification time whenever both could be seen complete.

Whatever is dropped, written in steps, rung late, never or at once, and however often the agent is started anew, by a
clock in our hands.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples
from kit.intake import section

from lab_sender import writers
from lab_sender.intake.arrivals import Arrivals

SETTLE_S = 10.0
_WHICH = st.integers(0, 2)
_STEP = st.one_of(
    st.tuples(st.just("drop"), st.just(0)),
    st.tuples(st.sampled_from(["grow", "mark", "ring", "late"]), _WHICH),
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
    first_ns: int
    marker: str
    now_s: float = 0.0
    written_ns: dict[str, int] = field(default_factory=dict)
    """When each file was written last, as its time says."""
    whole_at: dict[str, int] = field(default_factory=dict)
    """After how many looks a file became whole."""
    taken: list[tuple[str, int]] = field(default_factory=list)
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

    def write(self, name: str, mode: str) -> None:
        with (self.folder / name).open(mode) as writer:
            writer.write(b"x")
        self.writes += 1
        self.written_ns[name] = self.first_ns + int(self.now_s * 10**9) + self.writes * 1000
        os.utime(self.folder / name, ns=(self.written_ns[name],) * 2)
        if not self.marker:
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
        for look in self.arrivals.complete(frozenset(self.rung), self.meanwhile):
            self.taken.append((look.name, self.looks))
            (self.folder / look.name).unlink()
            for marker in self.arrivals.taken(look.name):
                marker.unlink()
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
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder), 10**18 if ago else time.time_ns() + 10**13, marker)
        for what, number in steps:
            scene.step(what, number)
        if marker:
            for number in range(len(scene.written_ns)):
                scene.step("mark", number)
        for _ in range(3):
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
