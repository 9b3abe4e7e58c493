"""What the page says first: how it stands in one sentence, and what to do.

Holds: `Banner`, and the words for each condition of operations/conditions.
Promises: pure. The gravest condition gives the sentence, what is in quarantine the last of its level; each other one
is in the list below it. A condition that has no words here is said in its own, with what its code says is to be done.
A setting is called as config.yaml has it.
Never: judges; no file name, patient data or word of the HIS.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from lab_sender.codes import find
from lab_sender.operations import wording
from lab_sender.operations.conditions import Condition
from lab_sender.operations.status import Status


class Other(NamedTuple):
    """A further condition: its kind for the look, its code, and its text."""

    kind: str
    code: str
    text: str


class Banner(NamedTuple):
    """`kind` is good, warn or bad; `word` the state; then the sentence, and what to do."""

    kind: str
    word: str
    sentence: str
    todo: str
    others: tuple[Other, ...]


_KINDS: Final = {"OK": "good", "INFO": "good", "WARNING": "warn", "CRITICAL": "bad"}


def banner(now: Status) -> Banner:
    """Say how it stands."""
    grave = [each for each in now.conditions if each.level != "INFO"]
    if not grave:
        return Banner("good", "OK", _all_is_well(now), _waits(now), ())
    first = min(grave, key=lambda each: (each.level != grave[0].level, each.code == "quarantine"))
    sentence, todo = _words(first, now)
    several = len(now.destinations) > 1
    others = [
        Other(_KINDS[each.level], each.code, _named(each, several=several))
        for each in grave
        if each is not first and each.code != "quarantine"  # what needs a person has them by cause
    ]
    return Banner(_KINDS[first.level], now.status, sentence, todo, tuple(others))


def _named(one: Condition, *, several: bool) -> str:
    return f"{one.destination}: {one.text}" if several and one.destination else one.text


def meaning(code: str | None, destination: str | None = None) -> tuple[str, str]:
    """Return what a code of ours means and what to do; of an answer of the HIS, and of no code, nothing.

    The settings in it are those of the destination: `his.port` is `destinations.registry.port` there.
    """
    found = find(code) if code else None
    if found is None:
        return "", ""
    return settings_of(found.means, destination), settings_of(found.next, destination)


def settings_of(text: str, destination: str | None) -> str:
    """Call the settings of a destination in a text as config.yaml has them."""
    if not destination or destination == "his":
        return text
    return re.sub(r"\bhis\.(?=[a-z])", f"destinations.{destination}.", text)


def results(count: int) -> str:
    """Say how many."""
    return f"{count:,} result" if count == 1 else f"{count:,} results"


def _all_is_well(now: Status) -> str:
    closed = [each for each in now.destinations if each.closed_until_ms is not None]
    if closed and len(closed) == len(now.destinations):
        until = min(each.closed_until_ms or 0 for each in closed)
        return f"{_his(now, None)} is {wording.closed_until(until)}, as configured."
    return "Results go out as they come." if now.waiting else "Everything that came has been delivered."


def _waits(now: Status) -> str:
    """Say what waits, and that it goes by itself."""
    if not now.waiting:
        return "Nothing waits, and nothing needs a person."
    return _kept(now.waiting, "in turn")


def _words(one: Condition, now: Status) -> tuple[str, str]:
    made = _WORDS.get(one.code)
    if made is not None:
        return made(one, now)
    several = len(now.destinations) > 1
    return f"{_begun(one) if not several else _begun_of(one)}.", meaning(one.code, one.destination)[1]


def _begun(one: Condition) -> str:
    """Write its text as it begins a sentence."""
    return f"{one.text[:1].upper()}{one.text[1:]}"


def _begun_of(one: Condition) -> str:
    """Write it with its destination, by the name that it has in config.yaml."""
    return _named(one, several=True) if one.destination else _begun(one)


def _his(now: Status, name: str | None) -> str:
    return f"The HIS {name}" if name and len(now.destinations) > 1 else "The HIS"


def _of(now: Status, name: str | None) -> int:
    return next((each.waiting for each in now.destinations if each.name == name), now.waiting)


def _kept(count: int, when: str) -> str:
    if not count:
        return "Nothing waits."
    waits, go = ("waits", "goes out by itself") if count == 1 else ("wait in order", "go out by themselves")
    return f"{results(count)} {waits} and {go} {when}."


def _no_agent(one: Condition, _now: Status) -> tuple[str, str]:
    start = "Start it: `lab-sender run`, or its service."
    if not one.number:
        return "No agent runs.", f"Nothing waits; what comes is not received. {start}"
    what = "One message or file waits" if one.number == 1 else f"{one.number:,} messages and files wait"
    return f"No agent runs. {what}.", f"Nothing is received and nothing goes out. {start}"


def _held(one: Condition, now: Status) -> tuple[str, str]:
    waits, many = _of(now, one.destination), one.number or 0
    to = f" to {one.destination}" if len(now.destinations) > 1 else ""
    kept = "Nothing waits yet." if not waits else f"{results(waits)} {'waits' if waits == 1 else 'wait in order'}."
    if one.cause == "operator":
        return f"Sending{to} is on hold: somebody stopped it.", f"{kept} Resume when what it was stopped for is over."
    if one.cause == "brake":
        return _braked(one, now, to, kept)
    for_it = f" Look at {wording.plural(many, 'message')} that it is held for." if many else ""
    return f"Sending{to} has stopped after an answer of the HIS.", f"{kept}{for_it} Mend the cause, then resume."


def _braked(one: Condition, now: Status, to: str, kept: str) -> tuple[str, str]:
    """Say whether the HIS refuses or is silent; what it is held for waits, and is in no quarantine."""
    lane = next((each for each in now.destinations if each.name == one.destination), now)
    by_itself = f"{kept} One is tried now and then, and all go out by themselves when the HIS"
    if (lane.trouble or "")[:1].islower():
        text = f"Sending{to} has stopped: the HIS answers nothing."
        return text, f"{by_itself} answers. Ask its people whether its interface works."
    text = f"Sending{to} has stopped: the HIS refused too many results in a row."
    first = f" Its answers are at message {lane.hold_messages[0]}." if lane.hold_messages else ""
    return text, (
        f"{by_itself} takes them.{first} If it is ill, telephone its people; if what we send is wrong, mend that, and"
        " build those anew."
    )


def _down(one: Condition, now: Status) -> tuple[str, str]:
    _, todo = meaning(one.cause, one.destination)
    kept = _kept(_of(now, one.destination), "when it is back")
    return f"{_his(now, one.destination)} cannot be reached.", f"{kept} {todo}".strip()


def _silent(one: Condition, now: Status) -> tuple[str, str]:
    kept = _kept(_of(now, one.destination), "when it answers")
    text = f"{_his(now, one.destination)} can be reached, but answers nothing."
    return text, f"{kept} Ask its people whether its interface works."


def _old(one: Condition, now: Status) -> tuple[str, str]:
    if one.destination is None:
        text = f"A file has been waiting in the outbox{_since(one)}."
        return text, "Intake takes files when they are complete: see below what it waits for."
    to = f" for {one.destination}" if len(now.destinations) > 1 else ""
    return (
        f"The oldest result{to} has been waiting{_since(one)}.",
        f"{_kept(_of(now, one.destination), 'in turn')} If the number grows, the HIS is too slow, or refuses.",
    )


def _since(one: Condition) -> str:
    return f" for {wording.age(wording.age_s(one.since_ms))}" if one.since_ms else ""


def _quarantine(_one: Condition, now: Status) -> tuple[str, str]:
    count = now.quarantined + now.unreadable
    going = "Results go out" if now.running else "Results were sent"
    needs = "one needs a person" if count == 1 else f"{count:,} need a person"
    return f"{going}; {needs}.", "What is quarantined is not at the HIS. See below by cause; the others go on."


def _unreachable(_one: Condition, now: Status) -> tuple[str, str]:
    kept = _kept(now.waiting, "all the same") if now.waiting else ""
    return (
        "An outbox cannot be reached: nothing new is received from it.",
        f"Is the share mounted, and the folder there? It is taken up by itself when it is back. {kept}".strip(),
    )


def _disk(_one: Condition, now: Status) -> tuple[str, str]:
    left = wording.size(now.disk_free_bytes or 0)
    return f"The disk is nearly full: {left} are left.", "Without room nothing is received or sent. Make room now."


def _filling(one: Condition, _now: Status) -> tuple[str, str]:
    return f"{_begun(one)}.", "Results go out. Find out what grows there, and make room."


def _not_in_force(one: Condition, now: Status) -> tuple[str, str]:
    return f"A change of {now.config_file} is not in force yet.", meaning(one.code)[1]


def _not_taken(one: Condition, now: Status) -> tuple[str, str]:
    text = f"A change of {now.config_file} was not taken ({one.cause}): the one before is in force."
    return text, meaning(one.code)[1]


def _no_files(one: Condition, _now: Status) -> tuple[str, str]:
    text = f"{_begun(one)}: the laboratory may have stopped writing."
    return text, "What has come goes out. Ask whether its system writes, and to this folder."


_WORDS: Final[dict[str, Callable[[Condition, Status], tuple[str, str]]]] = {
    "agent.none": _no_agent,
    "lane.held": _held,
    "link.down": _down,
    "his.silent": _silent,
    "waiting.old": _old,
    "quarantine": _quarantine,
    "outbox.unreachable": _unreachable,
    "disk.low": _disk,
    "disk.filling": _filling,
    "intake.quiet": _no_files,
    "config.not-in-force": _not_in_force,
    "config.refused": _not_taken,
}
