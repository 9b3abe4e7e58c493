"""What goes to people: one text for everything that goes out together.

Holds: the title and the lines of a text, for each channel what it gets of it.
Promises: counts, codes, ids and times only, made of the conditions' own texts; what to type next stands below.
Never: a patient, a file's name or a word of the HIS: conditions have none, and nothing is added here.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Final

from lab_sender.config.alerts import Alerts, Channel
from lab_sender.operations import wording
from lab_sender.operations.alerts.book import Text
from lab_sender.operations.alerts.machine import Key, Notice, rank

_MOST: Final = 30
"""Alerts that are named in one text."""
_LEAST: Final[Mapping[str, int]] = {"info": rank("INFO"), "warning": rank("WARNING"), "critical": rank("CRITICAL")}
_WORDS: Final = {"begun": "", "worse": "worse now: ", "more": "more of it: ", "again": "still: ", "over": "over: "}


def texts(
    notices: Sequence[Notice], ids: Mapping[Key, int], settings: Alerts, installation: str, now_ms: int
) -> list[Text]:
    """Write what each channel gets; one that is to hear of none of it gets nothing."""
    written = []
    for name, channel in settings.channels.items():
        of_channel = [each for each in notices if rank(each.level) >= _least(channel)]
        if of_channel:
            title = _title(of_channel, installation)
            body = _body(of_channel, ids, settings.link, installation, now_ms)
            written.append(Text(name, now_ms, of_channel[0].level, title, body))
    return written


def together(waiting: Sequence[Text]) -> Text:
    """Make one of texts that a channel has not taken for a while."""
    if len(waiting) == 1:
        return waiting[0]
    newest = waiting[-1]
    title = f"{newest.title} (and {wording.plural(len(waiting) - 1, 'text')} from before)"
    return newest._replace(title=title, body="\n\n----\n\n".join(each.body for each in reversed(waiting)))


def trial(installation: str, now_ms: int, channel: str) -> Text:
    """Write the text of `alerts test`."""
    body = f"This is a trial of the channel {channel}: nothing is wrong.\n\n{_foot(installation, now_ms)}"
    return Text(channel, now_ms, "INFO", f"[{installation}] lab-sender: trial", body)


def name_of(settings: Alerts) -> str:
    """Return what this installation is called."""
    import platform

    return settings.name or platform.node() or "lab-sender"


def subject(notice: Notice, *, several: bool = True) -> str:
    """Say of what an alert is, in words; of several machines, on which one."""
    key, text = notice.alert.key, notice.alert.text
    text = f"{key.destination}: {text}" if key.destination and several else text
    return f"{key.node}: {text}" if key.node else text


def _least(channel: Channel) -> int:
    return _LEAST[channel.level]


def _title(notices: Sequence[Notice], installation: str) -> str:
    if len(notices) == 1:
        (one,) = notices
        return f"[{installation}] {'OVER' if one.kind == 'over' else one.level}: {subject(one)}"
    counts: dict[str, int] = {}
    for notice in notices:
        word = "over" if notice.kind == "over" else notice.level.lower()
        counts[word] = counts.get(word, 0) + 1
    worst = max((each.level for each in notices if each.kind != "over"), key=rank, default=None)
    return f"[{installation}] {worst or 'OVER'}: {', '.join(f'{count} {word}' for word, count in counts.items())}"


def _body(
    notices: Sequence[Notice], ids: Mapping[Key, int], link: str, installation: str, now_ms: int
) -> str:
    lines = []
    for notice in notices[:_MOST]:
        lines += [*_lines(notice, ids.get(notice.alert.key, 0), now_ms), ""]
    if len(notices) > _MOST:
        lines += [f"and {wording.plural(len(notices) - _MOST, 'more alert')}", ""]
    lines.append(_foot(installation, now_ms))
    if any(each.kind != "over" for each in notices):
        lines.append("I have it: lab-sender alerts ack ID. What a code means: lab-sender explain CODE.")
    return "\n".join([*lines, link] if link else lines)


def _lines(notice: Notice, number: int, now_ms: int) -> list[str]:
    alert = notice.alert
    lasted = wording.age(max(0, (alert.gone_ms or now_ms) - alert.since_ms) / 1000)
    code = alert.key.code + (f" {alert.key.cause}" if alert.key.cause and alert.key.cause not in alert.text else "")
    if notice.kind == "over":
        return [f"OVER: {subject(notice)}", f"  {code}, for {lasted} from {_at(alert.since_ms)}"]
    taken = f"; {alert.taken_by} has it" if alert.taken_by and notice.kind != "worse" else ""
    return [
        f"{notice.level}: {_WORDS[notice.kind]}{subject(notice)}",
        f"  {code}, for {lasted} since {_at(alert.since_ms)}{taken}",
        *([f"  id {number}"] if number else []),
    ]


def _foot(installation: str, now_ms: int) -> str:
    return f"lab-sender on {installation}, {_at(now_ms)}"


def _at(at_ms: int) -> str:
    """Write a time with its zone: whoever reads it may be elsewhere."""
    return datetime.datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M %z")
