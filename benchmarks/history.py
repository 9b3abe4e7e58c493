"""The journal alone: what a batch of 500 files, and a verdict, cost; and a journal with a long history for others."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import rig

from lab_sender.config.destinations import SHORT_FORM
from lab_sender.hl7.orders import OrderFact
from lab_sender.journal import Attempt, Journal, NewFile, NewMessage, NewSource

_BATCH = 500


def fill(path: Path, messages: int) -> tuple[float, float]:
    """Spool and acknowledge so many messages of 20 observations; returns both times in us a message."""
    journal = Journal(path)
    spool_s = verdict_s = 0.0
    try:
        for start in range(0, messages, _BATCH):
            sources = [source_of(number) for number in range(start, start + _BATCH)]
            begun_s = time.perf_counter()
            journal.spool.spooled(sources, SHORT_FORM)
            spooled_s = time.perf_counter()
            waiting = journal.delivery.head(SHORT_FORM, after_quarantine="continue", limit=_BATCH)
            for message in waiting:
                attempt = Attempt(message.id, 0, "verdict", "ack", "", "", "AA", b"MSA|AA|x\r")
                journal.delivery.acked(message, attempt, code="", next_id=None)
            verdict_s += time.perf_counter() - spooled_s
            spool_s += spooled_s - begun_s
            journal.filing.planned([(number, "sent", "x") for number in range(start + 1, start + _BATCH + 1)])
            journal.filing.placed(range(start + 1, start + _BATCH + 1))
    finally:
        journal.close()
    return spool_s / messages * 1e6, verdict_s / messages * 1e6


def source_of(number: int) -> NewSource:
    """Make a file with one ready message."""
    body = rig.ready_message(number)
    order = OrderFact(f"F{number:07d}^", "24323-8", "F", "20261120090000+0100")
    message = NewMessage("", "spooled", body[-32:], body, f"B{number:09d}", (order,), f"P{number:07d}^")
    file = NewFile(f"r{number}.hl7", f"C{number:019d}_r{number}.hl7", "report")
    return NewSource(f"C{number:019d}", "hl7", len(body), body[-32:], (file,), (message,))


def main() -> None:
    """Measure and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--messages", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as name:
        spool_us, verdict_us = fill(Path(name) / "journal.db", options.messages)
    figures = {"spool, in batches of 500: us a message": spool_us, "verdict and next mark: us a message": verdict_us}
    rig.show("journal alone", figures, as_json=options.json)


if __name__ == "__main__":
    main()
