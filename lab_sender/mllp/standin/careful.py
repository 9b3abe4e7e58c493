"""What a careful HIS does with what came, where no rule says otherwise.

Holds: `answer_to`, from a message to the rule by which it is answered; `is_answer`, for what is never answered,
whatever the rules say: else two machines would answer each other for ever.
Promises: only a message that has an id and can be read as it was sent is accepted. A refusal has the code of
table 0357, its place and a text. What cannot be answered (no MSH, no delimiters) ends the connection.
Never: looks at results; a HIS of the site does that.
"""

from __future__ import annotations

from typing import Final

from lab_sender.mllp.standin.message import Head
from lab_sender.mllp.standin.script import ACCEPT, Rule

SILENCE: Final = Rule("nothing", answer="nothing")
_CLOSE: Final = Rule("close", answer="close")


def answer_to(body: bytes, head: Head | None) -> Rule:
    """Choose the answer to a message."""
    if head is None:
        return _CLOSE
    if head.kind != "MSH":
        return _refusal("200", "one message a frame; a batch is not taken")
    if not head.first:
        return _refusal("100", "MSH must be the first bytes of the frame")
    if b"\n" in body:
        return _refusal("100", "a segment ends with CR; LF must not be in a message")
    if not head.message_type:
        return _refusal("101", "MSH-9 is empty", ("MSH", "1", "9"))
    if not head.control_id.strip():
        return _refusal("101", "MSH-10 is empty", ("MSH", "1", "10"))
    return ACCEPT


def is_answer(body: bytes, head: Head) -> bool:
    """Say whether this is itself an answer: an acknowledgement, or a message that carries one."""
    if head.message_type in (b"ACK", b"MCF"):
        return True
    return head.message_type != b"ORU" and b"\rMSA" + head.separator in body.replace(b"\n", b"\r")


def _refusal(error: str, text: str, location: tuple[str, ...] = ()) -> Rule:
    return Rule(f"AR,code={error},text={text}", answer="AR", code=error, message=text, location=location)
