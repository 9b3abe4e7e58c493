"""What the HIS stand-in answers: its rule language.

Holds: `parse_rule` (text to `Rule`), `RuleBook` (which rule takes this message), `replies` (what goes out).
Promises: a rule that cannot be understood is an error `his.rule`; the acknowledgements are proper
ones (MSH turned round, MSA, ERR-3 and ERR-4 where a code is given) unless the rule asks for broken ones.
Never: touches a socket.

A rule is `[SELECTOR:] ANSWER[,OPTION...]`, for example

    AE,code=207,text=busy                every message is refused
    first=3: nothing                     the first three messages stay unanswered
    contains=GLUCOSE&first: late=2s      the first message that holds GLUCOSE gets its AA two seconds late

Selectors, joined by `&`: `every` (default), `first`, `first=N`, `nth=N`, `id=CONTROL-ID`, `contains=TEXT` (no
colon in it). `first` and `nth` count the messages that the rest of the selector fits; for answers that come
before a message is read, the connections, or the messages begun. The first rule that fits wins, whatever the message
is like, but an acknowledgement is never answered. Without a rule the answer is that of a careful HIS (careful.py):
AA, or a refusal of what is no sound message.

Answers: AA AE AR CA CE CR, and
    nothing close reset                     after the message: silence, FIN, RST
    wrong-id containing-id                  MSA-2 is another id, or ours with more behind it
    no-msa unknown-code several-msa         HL7, but no verdict
    unframed empty-frame xml http garbage noise=SIZE endless
    twice foreign-first foreign-after       two acknowledgements in one write
    commit                                  CA, and nothing after it
    commit+accept commit+error commit+close CA, and then AA, AE or FIN
    no-cr                                   AA without the frame's last CR
    lf                                      AA with LF between its segments and after its frame
    accept-close accept-reset never-read    when a connection comes
    reset-mid[=BYTES]                       RST when BYTES (default 64) of a message have come
Options: `late=TIME` waits before the answer (after a CA: before the second one), `split` writes byte by byte,
`code=` ERR-3 (table 0357), `severity=` ERR-4 (default E), `text=` ERR-8 and MSA-3 (the last option: it takes
the rest of the line).
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct

from lab_sender.errors import LabSenderError
from lab_sender.mllp.framing import END, VT
from lab_sender.mllp.standin.message import acknowledgement

Step = bytes | float | Literal["close", "reset"]
"""Write these bytes, wait these seconds, or end the connection."""

CODES = ("AA", "AE", "AR", "CA", "CE", "CR")
_AT_CONNECT = ("accept-close", "accept-reset", "never-read")
_AT_READ = ("reset-mid",)
_AT_MESSAGE = (
    *CODES, "nothing", "close", "reset", "wrong-id", "containing-id", "no-msa", "unknown-code", "several-msa",
    "unframed", "empty-frame", "xml", "http", "garbage", "noise", "endless", "twice", "foreign-first",
    "foreign-after", "commit", "commit+accept", "commit+error", "commit+close", "no-cr", "lf",
)  # fmt: skip
Stage = Literal["connect", "read", "message"]
_STAGES: dict[Stage, tuple[str, ...]] = {"connect": _AT_CONNECT, "read": _AT_READ, "message": _AT_MESSAGE}
_SELECTOR = re.compile(r"(?P<all>(?:every|first|nth|id|contains)(?:[=&][^:]*)?):\s*(?P<rest>.*)", re.DOTALL)
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "b": 1.0, "kib": 1024.0, "mib": 1024.0**2}


class Rule(Struct, frozen=True):
    """One rule; `text` is what was parsed. `lowest` to `highest` are the counted messages it takes (from 1).

    `code` is ERR-3, `location` ERR-2.
    """

    text: str
    answer: str = "AA"
    lowest: int = 1
    highest: float = float("inf")
    control_id: str = ""
    contains: bytes = b""
    late_s: float = 0.0
    split: bool = False
    size: int = 64
    code: str = ""
    severity: str = "E"
    message: str = ""
    location: tuple[str, ...] = ()

    @property
    def stage(self) -> Stage:
        """When the rule is asked."""
        return next(stage for stage, answers in _STAGES.items() if self.answer in answers)


ACCEPT = Rule("AA")


def parse_rule(text: str) -> Rule:
    """Read one rule (the language is in this module's head); raise LabSenderError `his.rule`."""
    values: dict[str, object] = {"text": text.strip()}
    rest = text.strip()
    if found := _SELECTOR.fullmatch(rest):
        rest = found["rest"]
        for part in found["all"].split("&"):
            values |= _selector(part.strip(), text)
    while rest:
        word, _, rest = rest.partition(",")
        name, equals, value = word.strip().partition("=")
        if name == "text" and equals:
            values["message"], rest = (value + "," + rest if rest else value), ""
        elif name == "late" and equals:
            values["late_s"] = _number(value, text)
        elif name in ("code", "severity") and equals:
            values[name] = value
        elif name == "split" and not equals:
            values["split"] = True
        elif name in ("noise", "reset-mid") and "answer" not in values:
            values |= {"answer": name} | ({"size": int(_number(value, text))} if equals else {})
        elif any(name in answers for answers in _STAGES.values()) and not equals and "answer" not in values:
            values["answer"] = name
        else:
            raise _not_understood(text, f"`{word.strip()}` is no answer or option here")
    rule = Rule(**values)  # type: ignore[arg-type]
    if rule.stage != "message" and (rule.control_id or rule.contains):
        raise _not_understood(text, f"{rule.answer} comes before the content is known")
    return rule


class RuleBook:
    """Picks the rule for each event and keeps the counts. Safe for several threads."""

    def __init__(self, rules: Iterable[str | Rule]) -> None:
        parsed = [parse_rule(rule) if isinstance(rule, str) else rule for rule in rules]
        self._rules = {stage: [[rule, 0] for rule in parsed if rule.stage == stage] for stage in _STAGES}
        self._lock = threading.Lock()

    def pick(self, stage: Stage, body: bytes = b"", control_id: str = "") -> Rule | None:
        """Count this event for every rule it fits; return the first that takes it."""
        entries = self._rules[stage]
        if not entries:
            return None
        chosen = None
        with self._lock:
            for entry in entries:
                rule: Rule = entry[0]  # type: ignore[assignment]
                if rule.contains not in body or rule.control_id not in ("", control_id):
                    continue
                entry[1] += 1  # type: ignore[operator]
                if chosen is None and rule.lowest <= entry[1] <= rule.highest:  # type: ignore[operator]
                    chosen = rule
        return chosen


def replies(rule: Rule, body: bytes, control_id: str) -> Iterator[Step]:
    """What the stand-in does after it has read `body`."""
    steps = _steps(rule, body, control_id)
    if rule.late_s and not rule.answer.startswith("commit+"):
        yield rule.late_s
    for step in steps:
        if rule.split and isinstance(step, bytes):
            for at in range(len(step)):
                yield step[at : at + 1]
        else:
            yield step


def _steps(rule: Rule, body: bytes, control_id: str) -> Iterable[Step]:
    answer = rule.answer

    def plain(code: str = "AA", answered: str = control_id) -> bytes:
        return acknowledgement(
            body, code, answered,
            error=rule.code, severity=rule.severity, location=rule.location, text=rule.message,
        )  # fmt: skip

    def framed(code: str = "AA", answered: str = control_id) -> bytes:
        return VT + plain(code, answered) + END

    if answer in CODES:
        return [framed(answer)]
    if answer == "endless":
        return itertools.chain([VT + b"MSH|"], itertools.repeat(b"x" * 65_536))
    if answer.startswith("commit"):
        second: dict[str, list[Step]] = {"accept": [framed("AA")], "error": [framed("AE")], "close": ["close"]}
        return [framed("CA"), rule.late_s, *second.get(answer.partition("+")[2], [])]
    accepted = plain()
    table: dict[str, list[Step]] = {
        "nothing": [],
        "close": ["close"],
        "reset": ["reset"],
        "wrong-id": [framed(answered="FOREIGN")],
        "containing-id": [framed(answered=control_id + "2")],
        "no-msa": [VT + accepted.partition(b"\rMSA")[0] + b"\r" + END],
        "unknown-code": [framed("ZZ")],
        "several-msa": [VT + accepted + accepted[accepted.find(b"\rMSA") + 1 :] + END],
        "unframed": [accepted],
        "empty-frame": [VT + END],
        "xml": [VT + b"<?xml version='1.0'?><ack/>" + END],
        "http": [b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"],
        "garbage": [b"\r\nlogin: "],
        "noise": [b"\xfe" * rule.size],
        "twice": [framed() * 2],
        "foreign-first": [framed(answered="FOREIGN") + framed()],
        "foreign-after": [framed() + framed(answered="FOREIGN")],
        "no-cr": [framed()[:-1]],
        "lf": [framed().replace(b"\r", b"\n")[:-1] + b"\r\n"],
    }
    return table[answer]


def _selector(part: str, text: str) -> dict[str, object]:
    name, equals, value = part.partition("=")
    if name == "every" and not equals:
        return {}
    if name in ("first", "nth") and (value.isdigit() or not equals):
        count = int(value or "1")
        return {"highest": count} if name == "first" else {"lowest": count, "highest": count}
    if name == "id" and value:
        return {"control_id": value}
    if name == "contains" and value:
        return {"contains": value.encode()}
    raise _not_understood(text, f"`{part}` is no selector")


def _number(value: str, text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", value.strip())
    if not found or found[2].lower() not in _UNITS:
        raise _not_understood(text, f"`{value}` is no time or size")
    return float(found[1]) * _UNITS[found[2].lower()]


def _not_understood(text: str, why: str) -> LabSenderError:
    return LabSenderError(
        "his.rule", f"the rule `{text}` is not understood: {why}", hint="Example: first=3: AE,code=207,text=busy"
    )
