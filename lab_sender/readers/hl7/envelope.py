"""The batch envelope of a file: FHS, BHS, BTS, FTS (chapter 2.10.3).

Holds: what the envelope promises about the messages in it.
Promises: a file whose batch lost its tail, or whose count is wrong, is quarantined as a whole: a batch cut off
is a lost result.
Never: sends an envelope on; each message goes out by itself.
"""

from __future__ import annotations

import re

from lab_sender.errors import FileError

ENVELOPE = (b"FHS", b"BHS", b"BTS", b"FTS")

_COUNT = re.compile(rb"\d{1,9}")


class Envelope:
    """Follows the envelope through a file. Every method raises `FileError` at the first contradiction."""

    def __init__(self) -> None:
        self._file_open = 0  # line of the FHS, BHS that is still open
        self._batch_open = 0
        self._batch_start = 0  # messages before this batch
        self._batches = 0

    def take(self, head: bytes, rest: bytes, number: int, messages: int) -> None:
        """Take an envelope line: its id, the rest of it, its number, and the messages before it."""
        if head in (b"FHS", b"BHS"):
            self._not_open(self._batch_open)
            if head == b"FHS":
                self._not_open(self._file_open)
                self._file_open = number
            else:
                self._batch_open = number
            self._batch_start = messages
        elif head == b"BTS":
            self._batches += 1
            self._compare("BTS", rest, number, [messages - self._batch_start])
            self._batch_open, self._batch_start = 0, messages
        else:
            self._not_open(self._batch_open)
            # FTS-1 counts batches; many writers count messages there.
            self._compare("FTS", rest, number, [max(self._batches, 1), messages])
            self._file_open = 0

    def close(self, messages: int) -> None:
        """Take the end of the file."""
        self._not_open(self._batch_open or self._file_open)
        if not messages:
            raise FileError.of("hl7.no-message", "There is no message (MSH) in this file.")

    @staticmethod
    def _compare(name: str, rest: bytes, number: int, good: list[int]) -> None:
        said = rest[1:].split(rest[:1])[0].strip() if rest else b""
        if said and not (_COUNT.fullmatch(said) and int(said) in good):
            raise FileError.of(
                "hl7.batch-count",
                f"{name}-1 does not agree with what the file holds ({good[0]}).",
                place=f"line {number}",
                hint="Part of the batch is missing or the count is wrong; nothing of it was sent. "
                "Have the batch written again, or correct the count.",
            )

    @staticmethod
    def _not_open(number: int) -> None:
        if number:
            raise FileError.of(
                "hl7.batch-open",
                "The batch that starts here has no end (BTS for BHS, FTS for FHS).",
                place=f"line {number}",
                hint="The file was probably cut off; nothing of it was sent. Have it written again, or take "
                "out the batch header.",
            )
