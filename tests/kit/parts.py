"""A message that is only what has changed, and is to go out whole."""

from __future__ import annotations

from lab_sender.journal import Journal


def stands_on_other(journal: Journal, part: int, newer: int) -> None:
    """Let a message be a part, of an order of which the HIS has got another message since."""
    with journal.store.durable() as db:
        db.execute("UPDATE wire SET whole = body, whole_crc32 = crc32 WHERE message_id = :part", {"part": part})
        db.execute("DELETE FROM message_order WHERE message_id = :newer", {"newer": newer})
        columns = "destination, order_key, service, status, reported"
        db.execute(
            f"INSERT INTO message_order (message_id, {columns}, digest)"
            f" SELECT :newer, {columns}, :digest FROM message_order WHERE message_id = :part",
            {"part": part, "newer": newer, "digest": b"newer"},
        )
