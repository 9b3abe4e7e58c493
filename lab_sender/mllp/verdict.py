"""The wait for the verdict on one message.

Holds: `Exchange`, the protocol as a state machine without I/O: fed with bytes and monotonic instants, it gives an
`Outcome`.
Promises: a verdict carries exactly our control id (trailing blanks apart, which are no part of an ST). Every answer
beside it is in `heard`, readable or not.
Never: repeats a message, decides what an answer means, or waits without a deadline.

Choices: an answer to another message is read past; one to a message that this connection has carried is no fault of
the connection. Where a refusal of our message and an AA behind it come in one read, the AA is the verdict: it is the
last word. An unreadable answer ends the exchange at once: a peer that answers so will not answer better by the
deadline. An FS without its CR counts after 50 ms of silence or at the stream's end. After a CA that is not final only
AA, AE or AR end the exchange; a CE or CR takes the CA back.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Literal, NamedTuple

from lab_sender.mllp.acknowledgement import (
    ACCEPTED,
    Acknowledgement,
    Unreadable,
    read_acknowledgement,
    read_later_answer,
)
from lab_sender.mllp.failures import Cause, Phase
from lab_sender.mllp.framing import Frame, FrameReader, Spoiled
from lab_sender.mllp.near_miss import near_miss

if TYPE_CHECKING:
    from lab_sender.config.sections import His

GRACE_S = 0.05
"""The silence after which an FS without its CR counts."""
MOST_HEARD = 4096
_MOST_HEARD_BYTES = 8 << 20
_MOST_FOREIGN_IDS = 16
_LONGEST_ID = 199
_APPLICATION_CODES = frozenset(("AA", "AE", "AR"))


class Outcome(NamedTuple):
    """What one exchange came to.

    `verdict`: `ack` is the final answer to exactly our id. `committed`: `ack` is the CA; never send again.
    `unknown`: bytes left or may have. `not-sent`: no byte left. `phase` and `code` name where and why, `code`
    is "" for a verdict; `cause` is what of it others go by. `detail` is for the operator; with a verdict it lists
    the oddities that were tolerated in its frame (see framing.Frame). `foreign_ids` are the control ids of answers to
    other messages. `elapsed_ms` counts from the last byte written; 0.0 where it was not.
    """

    kind: Literal["verdict", "committed", "unknown", "not-sent"]
    phase: Phase
    code: str
    detail: str
    ack: Acknowledgement | None
    foreign_ids: tuple[str, ...]
    elapsed_ms: float
    cause: Cause = ""


class Exchange:
    """The wait for the verdict on one message, from the instant its last byte was written."""

    __slots__ = (
        "_application_s", "_control_id", "_earlier", "_foreign", "_heard_bytes", "_near", "_on_commit", "_reader",
        "_remarks", "_taken_back", "_written_at", "clean", "committed", "deadline", "heard",
    )  # fmt: skip

    def __init__(
        self,
        control_id: str,
        reader: FrameReader,
        his: His,
        written_at: float,
        on_commit: Callable[[Acknowledgement], bool] | None,
        earlier: Container[str] = (),
    ) -> None:
        """Start the clock at `written_at`: `ack_timeout_s` for the first answer, another one after a CA.

        `on_commit` is asked at a CA whether the application's answer is awaited; None: never. `earlier` are the
        control ids of the messages that this connection has carried. `heard` gathers the answers beside the verdict.
        """
        self._control_id = control_id
        self._reader = reader
        self._application_s = his.application_ack_timeout_s
        self._written_at = written_at
        self._on_commit = on_commit
        self._earlier = earlier
        self._foreign: list[str] = []
        self._near: list[str] = []
        self._remarks: list[str] = []
        self._heard_bytes = 0
        self._taken_back: Acknowledgement | None = None
        self.heard: list[Acknowledgement | Unreadable] = []
        self.committed: Acknowledgement | None = None
        self.deadline = written_at + his.ack_timeout_s
        self.clean = True

    def feed(self, data: bytes, now: float) -> Outcome | None:
        """Take bytes that came; return the outcome once there is one."""
        return self._take(self._reader.feed(data), now)

    def waited(self, now: float) -> Outcome | None:
        """Nothing came until `now`: finish what was begun, and end at the deadline."""
        outcome = self._take(self._reader.finish(), now)
        if outcome is not None or now < self.deadline:
            return outcome
        stays = self.clean and self._reader.at_rest and self.committed is not None and self._taken_back is None
        if self._foreign:
            near = f". One carried {self._near[0]}: MSA-2 has to be MSH-10 as it was sent" if self._near else ""
            return self.broken("ack.foreign", f"only answers to other messages came until the deadline{near}", now)
        begun = "" if self._reader.at_rest else "; an answer had begun but did not end"
        outcome = self.broken("ack.timeout", f"no answer to our message within the time{begun}", now, "timeout")
        self.clean = stays  # the message is never sent again: its answer may still come
        return outcome

    def closed(self, now: float) -> Outcome:
        """The peer ended the stream."""
        outcome = self._take(self._reader.finish(), now)
        self.clean = False
        if outcome is not None:
            return outcome
        begun = "" if self._reader.at_rest else " in the middle of an answer"
        detail = f"the peer closed the connection{begun} without an answer to us"
        return self.broken("ack.closed", detail, now, "ended")

    def broken(self, code: str, detail: str, now: float, cause: Cause = "") -> Outcome:
        """End without a verdict, or with the refusal that took a CA back."""
        self.clean = False
        if self._taken_back is not None:
            return self._outcome("verdict", "", "; ".join(self._remarks), self._taken_back, now)
        kind: Literal["committed", "unknown"] = "committed" if self.committed else "unknown"
        return self._outcome(kind, code, detail, self.committed, now, cause)

    def wake_at(self, now: float) -> float:
        """The instant at which `waited` is due if nothing comes."""
        return min(self.deadline, now + GRACE_S) if self._reader.ended else self.deadline

    def _take(self, events: list[Frame | Spoiled], now: float) -> Outcome | None:
        outcome = None
        for event in events:
            if outcome is not None:
                outcome = self._afterwards(event, outcome)
            elif isinstance(event, Frame):
                outcome = self._answer(event, now)
            else:
                outcome = self.broken(event.code, event.text, now)
        if outcome is not None and not self._reader.at_rest:
            self.clean = False
        return outcome

    def _answer(self, answer: Frame, now: float) -> Outcome | None:
        try:
            ack = read_acknowledgement(answer.payload)
        except Unreadable as error:
            return self.broken(error.code, error.text, now)
        if answer.notes:
            self._remarks += (note for note in answer.notes if note not in self._remarks)
        if ack.control_id != self._control_id and not same_id(ack.control_id, self._control_id):
            return self._another(ack, now)
        if ack.code not in _APPLICATION_CODES:
            if self.committed is not None:
                self._taken_back = None if ack.code == "CA" else ack
                return None
            if ack.code == "CA" and self._on_commit is not None and self._on_commit(ack):
                self.committed = ack
                self.deadline = now + self._application_s
                return None
        return self._outcome("verdict", "", "; ".join(self._remarks), ack, now)

    def _another(self, ack: Acknowledgement, now: float) -> Outcome | None:
        self.heard.append(ack)
        self._heard_bytes += len(ack.raw)
        if ack.control_id.rstrip(" ") not in self._earlier:
            self.clean = False
            if len(self._foreign) < _MOST_FOREIGN_IDS and len(ack.control_id) <= _LONGEST_ID:
                self._foreign.append(ack.control_id)
                if near := near_miss(ack.control_id, self._control_id):
                    self._near.append(near)
        if len(self.heard) >= MOST_HEARD or self._heard_bytes > _MOST_HEARD_BYTES:
            return self.broken("ack.foreign", "answers to other messages come without an end", now)
        return None

    def _afterwards(self, event: Frame | Spoiled, outcome: Outcome) -> Outcome:
        """Keep what came in one read with the verdict, behind it; an AA for a message just refused is its verdict."""
        for answer in later_answers(event):
            if isinstance(answer, Unreadable):
                self.heard.append(answer)
                self.clean = False
                continue
            ours = same_id(answer.control_id, self._control_id)
            refusal = outcome.ack.code if outcome.kind == "verdict" and outcome.ack else ""
            if ours and answer.code == "AA" and refusal not in ("", *ACCEPTED):
                detail = "; ".join(filter(None, (outcome.detail, f"{refusal} came before it")))
                outcome = outcome._replace(ack=answer, detail=detail)
                self.clean = False
                continue
            self.heard.append(answer)
            accepted = outcome.ack is not None and outcome.ack.code in ACCEPTED
            if not (ours and accepted) and answer.control_id.rstrip(" ") not in self._earlier:
                self.clean = False
        return outcome

    def _outcome(
        self,
        kind: Literal["verdict", "committed", "unknown"],
        code: str,
        detail: str,
        ack: Acknowledgement | None,
        now: float,
        cause: Cause = "",
    ) -> Outcome:
        elapsed_ms = (now - self._written_at) * 1000.0
        return Outcome(kind, "ack", code, detail, ack, tuple(self._foreign), elapsed_ms, cause)


def same_id(answered: str, ours: str) -> bool:
    """Compare exactly but for trailing blanks, which are no part of an ST (HL7 2.7.1 chapter 2A.3.75)."""
    return answered.rstrip(" ") == ours.rstrip(" ")


def later_answers(event: Frame | Spoiled) -> tuple[Acknowledgement | Unreadable, ...]:
    """Read what no try waits for: the answers in a frame, or why they cannot be read."""
    if isinstance(event, Spoiled):
        return (Unreadable(event.code, event.text),)
    try:
        return read_later_answer(event.payload)
    except Unreadable as error:
        return (error,)
