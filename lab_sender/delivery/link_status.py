"""A lane's status and the wording of its log: the state of its link, and why a message was refused.

Holds: the state as it was shown last, and the wording.
Promises: a change is logged once; the journal's row is written when it changes or the next try moves. The last
trouble stays in it until a message is accepted.
Never: writes the HIS's own words, which may name a patient, to the log or the status; they stay in the journal and in
the reason beside the quarantined file.
"""

from __future__ import annotations

import logging
import time

from lab_sender.delivery.known import MOST_CHARACTERS
from lab_sender.delivery.links import Links, LinkState
from lab_sender.delivery.record import Record
from lab_sender.journal import Attempt, now_ms
from lab_sender.journal.rows import LinkRow
from lab_sender.log import say
from lab_sender.mllp import Acknowledgement, Link, Outcome
from lab_sender.mllp.acknowledgement import error_codes, read_acknowledgement

_REOPENED_S = 600.0
"""How long the log waits before it says again that a connection was replaced."""


class LaneStatus:
    """The state of one lane's link as others see it."""

    def __init__(self, destination: str, links: Links, lane: int, record: Record, connection: Link) -> None:
        self._destination = destination
        self._links = links
        self._lane = lane
        self._record = record
        self._connection = connection
        self._connected_ms: int | None = None
        self._shown: tuple[LinkState, str] = ("", "")
        self._closed_until_ms = 0
        self._opened = 0
        self._peer = ""
        self._reopened = 0
        self._moved = False
        self._log_reopened_at = 0.0

    @property
    def link(self) -> LinkState:
        """The link's state as shown last."""
        return self._shown[0]

    def show(self, link: LinkState, code: str = "", detail: str = "", after_s: float | None = None) -> None:
        """Note the state of the link; `after_s` is the wait before the next try."""
        if (link, code) != self._shown:
            level = logging.WARNING if code else logging.INFO
            which = {"lane": self._lane + 1} if self._links.several else {}
            say(level, f"link.{link}", code=code, destination=self._destination, **which)
        elif after_s is None:
            return
        self._shown = (link, code)
        if code and link != "held":
            self._links.trouble = code
        self._write(link, code, detail, None if after_s is None else now_ms() + int(after_s * 1000))

    def closed(self, until_ms: int) -> None:
        """Its closed hours have begun, or now end at another time."""
        if self.link != "closed" or until_ms != self._closed_until_ms:
            self._closed_until_ms = until_ms
            self.show("closed", after_s=max(0.0, (until_ms - now_ms()) / 1000))

    def accepted(self, link: LinkState) -> None:
        """A message was accepted: this lane's trouble is over."""
        if self._links.trouble or self.link != "up":
            self._links.accepted(self._lane)
            if self._shown == (link, ""):
                self._write(link, "", "", None)
            else:
                self.show(link)

    def connected(self, opened: int, peer: str) -> None:
        """The link is up: its `opened`-th connection stands, to the address `peer`."""
        replaced = self.link == "up" and opened > self._opened > 0
        moved = peer != self._peer != ""
        self._opened, self._peer = opened, peer
        self._connected_ms = self._connected_ms or now_ms()
        if moved and self.link == "up":
            self._write("up", "", "", None)
        self.show("up")
        if replaced or moved:
            self._reopened += 1
            self._moved |= moved
            now = time.monotonic()
            if now >= self._log_reopened_at:
                say(logging.INFO, "link.reopened", times=self._reopened, address="new" if self._moved else "same")
                self._reopened, self._moved, self._log_reopened_at = 0, False, now + _REOPENED_S

    def _write(self, link: LinkState, code: str, detail: str, next_try_ms: int | None) -> None:
        if not self._connection.connected:
            self._connected_ms = None
        row = LinkRow(
            link, code, detail, next_try_ms,
            address=self._peer, connected_ms=self._connected_ms, peer_ends_ms=self._connection.peer_ends_ms,
        )  # fmt: skip
        self._record(lambda: self._links.show(self._lane, row))


def attempt_of(message_id: int, started_ms: int, outcome: Outcome) -> Attempt:
    """Make the journal's record of an exchange."""
    return Attempt(
        message_id,
        started_ms,
        outcome.kind,
        outcome.phase,
        outcome.code,
        outcome.detail,
        outcome.ack.code if outcome.ack else "",
        outcome.ack.raw if outcome.ack else None,
        outcome.foreign_ids,
        round(outcome.elapsed_ms, 3),
    )


def refusal_reason(ack: Acknowledgement, control_id: str, *, may_have_left: bool) -> str:
    """Write the reason of a refusal in our words: codes only, and of them only what looks like one."""
    codes = error_codes(ack)
    errors = f" with error {', '.join(codes)}" if codes else ""
    answer = f"The HIS answered {ack.code}{errors}."
    if not may_have_left:
        return answer
    return (
        f"{answer} The message may have arrived all the same: an earlier try had no answer."
        f" Ask the HIS whether it has control id {control_id}: if so, dismiss this message; if not, release it."
    )


def words_of(ack: Acknowledgement) -> str:
    """Return the beginning of the HIS's own words, which may name a patient; a text given twice is written once."""
    known = error_codes(ack)
    odd = [code for code in ack.error_codes if code not in known]
    words = " / ".join(dict.fromkeys(text for text in (*odd, ack.text, ack.error_text) if text))
    return words if len(words) <= MOST_CHARACTERS else f"{words[:MOST_CHARACTERS]} ... (all of it: show --raw)"


def refusal_codes(attempt: Attempt) -> tuple[str, ...]:
    """Return the codes of a refusal, MSA-1 and what looks like an error code: other words may name a patient."""
    return attempt.ack_code, *(error_codes(read_acknowledgement(attempt.ack)) if attempt.ack else ())

