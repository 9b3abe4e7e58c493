"""The HIS's last word counts: for any script of its answers, nothing it took back stands as delivered unflagged.

The lane, its link and the journal are the real ones; only the connection is a script, so that every order of bytes,
silences and ends is played as written, and a time-out takes no time.
"""

from __future__ import annotations

import os
import random
from collections import deque
from typing import Any

import pytest
from kit.core import entry, rows, source
from kit.settings import brake, his_at, retry

from lab_sender.delivery import lane as lane_module
from lab_sender.delivery.destination import Destination
from lab_sender.delivery.lane import Lane
from lab_sender.journal import Journal
from lab_sender.mllp import Link
from lab_sender.mllp import link as link_module
from lab_sender.mllp.framing import frame

SCRIPTS = int(os.environ.get("LAB_SENDER_SCRIPTS", "200"))
SILENCE, END = "silence", "end"
Step = bytes | str


class Clock:
    """Time that passes only where somebody waits."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Play:
    """What of the HIS's words has been read from the wire, and how often each message came."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.words: dict[str, list[str]] = {}
        self.copies: dict[str, int] = {}

    def has_read(self, stream: bytes) -> None:
        for block in stream.split(b"\x1c")[:-1]:
            msa = block.partition(b"\rMSA|")[2].split(b"\r")[0].split(b"|")
            self.words.setdefault(msa[1].decode().rstrip(), []).append(msa[0].decode())


class ScriptedConnection:
    """A connection of which each `send` brings on what the script says next."""

    def __init__(self, play: Play, script: ScriptedHis) -> None:
        self.unasked = b""
        self.aborted = False
        self._play = play
        self._his = script
        self._coming: deque[Step] = deque()
        self._read = b""

    def open(self) -> None:
        self._his.open = self

    def undelivered(self) -> str:
        return ""

    def peer_address(self) -> str:
        return "127.0.0.1:1"

    def peer_certificate(self) -> bytes:
        return b""

    def look(self, _wait_s: float = 0.0) -> str:
        if not self._coming or self._coming[0] == SILENCE:
            return "quiet"
        if self._coming[0] == END:
            return "closed"
        self.unasked = self._next()
        return "talking"

    def send(self, data: bytes, _timeout_s: float) -> None:
        self._coming += self._his.reaction(data.split(b"|")[9].decode())

    def receive(self, timeout_s: float) -> bytes | None:
        if not self._coming or self._coming[0] == SILENCE:
            self._play.clock.now += timeout_s + 0.001
            self.pause_ends()
            return None
        if self._coming[0] == END:
            return b""
        return self._next()

    def pause_ends(self) -> bool:
        """Let a silence end; False where nothing more comes."""
        if self._coming and self._coming[0] == SILENCE:
            self._coming.popleft()
        return bool(self._coming)

    def close(self, **_: bool) -> None:
        if self._his.open is self:
            self._his.open = None

    def abort(self) -> None:
        raise AssertionError("nobody stops a script")

    def _next(self) -> bytes:
        chunk = self._coming.popleft()
        assert isinstance(chunk, bytes)
        before = self._read.count(b"\x1c")
        self._read += chunk
        whole = self._read[: self._read.rfind(b"\x1c") + 1].split(b"\x1c")[before:-1]
        for block in whole:
            self._play.has_read(block + b"\x1c")
        return chunk


class ScriptedHis:
    """Answers at random: now or later, one or several, whole or in pieces, to this message or another."""

    def __init__(self, seed: int, play: Play, control_ids: list[str]) -> None:
        self._random = random.Random(seed)
        self._play = play
        self._ids = control_ids
        self._positive = self._random.choice((0.3, 0.6, 0.9))
        self.open: ScriptedConnection | None = None

    def reaction(self, control_id: str) -> list[Step]:
        pick = self._random
        self._play.copies[control_id] = self._play.copies.get(control_id, 0) + 1
        steps: list[Step] = []
        for _ in range(pick.choice((0, 1, 1, 1, 2, 2, 3))):
            words = b"".join(self._answer(control_id) for _ in range(pick.choice((1, 1, 1, 2, 3))))
            cuts = sorted(pick.sample(range(1, len(words)), pick.choice((0, 0, 1, 3))))
            pieces = [words[a:b] for a, b in zip([0, *cuts], [*cuts, len(words)], strict=True)]
            for piece in pieces:
                if pick.random() < 0.1:
                    steps.append(SILENCE)
                steps.append(piece)
            if pick.random() < 0.5:
                steps.append(SILENCE)
        if pick.random() < 0.1:
            steps.append(END)
        return steps

    def _answer(self, control_id: str) -> bytes:
        pick = self._random
        whose = pick.choice((control_id,) * 6 + (pick.choice(self._ids), "FOREIGN"))
        if pick.random() < 0.1:
            whose += "  "
        accepts = pick.random() < self._positive
        code = pick.choice(("AA", "AA", "CA")) if accepts else pick.choice(("AE", "AR", "CE", "CR"))
        err = pick.choice(("", "", "ERR|||101^^HL70357|E\r", "ERR|||207^^HL70357|E||||already on file\r"))
        return frame(f"MSH|^~\\&|HIS\rMSA|{code}|{whose}\r{err}".encode())


class ScriptedLane(Lane):
    """A lane that waits no time, and ends when all is told."""

    script: ScriptedHis
    probes_left = 20

    def _wait(self, _seconds: float, *, wake_by_bell: bool = False) -> None:
        self.script._play.clock.now += 1.0
        if self.destination.hold and self.probes_left:
            self.script._play.clock.now += self._his.brake.probe_s
            self.probes_left -= 1
            return
        more = self.script.open is not None and self.script.open.pause_ends()
        if wake_by_bell and not more:
            self.stop()


def _play(journal: Journal, seed: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Play, list[tuple[Any, ...]]]:
    destination, play = f"his{seed}", Play()
    ids = [f"S{seed}M{n}" for n in range(random.Random(seed).randint(1, 4))]
    his = ScriptedHis(seed, play, ids)
    monkeypatch.setattr(link_module, "monotonic", play.clock)
    monkeypatch.setattr(lane_module.time, "monotonic", play.clock)
    original = seed % 2 == 0
    messages = [entry(each, wants_application=original) for each in ids]
    journal.spool.spooled([source(f"C-{each.control_id}", each) for each in messages], destination)
    settings = his_at(
        ack_timeout_s=3.0, application_ack_timeout_s=5.0, retry=retry(unanswered_after_s=0.0),
        brake=brake(refused=1000, unanswered=1000),
    )  # fmt: skip
    link = Link(settings, lambda _: ScriptedConnection(play, his))  # type: ignore[arg-type, return-value]
    lane = ScriptedLane(Destination(destination, journal, settings), journal, link)
    lane.script = his
    lane.run()
    play.ended_held = not lane.probes_left
    found = rows(
        journal, "SELECT control_id, state, code, contradicted FROM message WHERE destination = ?", destination
    )
    return play, found


@pytest.mark.long
def test_fault_73_74_nothing_the_his_took_back_stands_as_delivered_unflagged(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally: dict[str, int] = {}
    for seed in range(SCRIPTS):
        play, found = _play(journal, seed, monkeypatch)
        for control_id, state, code, contradicted in found:
            words = play.words.get(control_id, [])
            told = f"script {seed}, {control_id}: {words} -> {state} {code} {contradicted}"
            assert state in ("acked", "quarantined") or play.ended_held, told
            if state == "acked" and not contradicted:
                assert words, told
                assert words[-1] in ("AA", "CA"), told
            if contradicted:
                assert contradicted in words, told
                assert contradicted not in ("AA", "CA"), told
            if state == "quarantined" and code == "refused":
                assert not {"AE", "AR", "CE", "CR"}.isdisjoint(words), told
            if set(words) == {"AA"} and play.copies[control_id] == 1 and len(words) == 1:
                assert (state, contradicted) == ("acked", ""), told
            kind = "flagged" if contradicted else f"{state} {code}".strip()
            tally[kind] = tally.get(kind, 0) + 1
    assert {"acked", "flagged", "quarantined refused", "quarantined unanswered"} <= tally.keys()
    print(SCRIPTS, "scripts:", tally)
