"""The quick test whether a message meets every demand of a profile.

Holds: the demands, turned into one regular expression over the lines of a message.
Promises: no false negatives: a line that passes meets every demand, whatever the conditions. A line that is flagged
may be valid all the same. A message without flagged lines costs one match.
Never: finds out what is wrong with a line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from lab_sender.hl7.message import USUAL
from lab_sender.oru.rules.constraints import Allowed, Demand, Length, Presence
from lab_sender.oru.rules.sheet import Sheet

_ENDS: Final = "|\r"
"""The separator between lines: with it every field ends with a `|`, which is all that a pattern looks for."""


class Demands:
    """The demands of one profile, by segment."""

    def __init__(self, demands: Iterable[Demand]) -> None:
        self._by_segment: dict[str, list[Demand]] = defaultdict(list)
        for demand in demands:
            self._by_segment[demand.path.segment].append(demand)
        self._pass = re.compile(_message(self._by_segment)).match

    def __bool__(self) -> bool:
        return bool(self._by_segment)

    def suspects(self, lines: Sequence[str]) -> list[int]:
        """Return the indexes of the lines that may not meet a demand, in a message of the standard delimiters."""
        text = _ENDS.join([*lines, ""])
        found = []
        at = self._pass(text).end()  # type: ignore[union-attr]  # matches the empty string
        while at < len(text):
            found.append(text.count("\r", 0, at))
            at = self._pass(text, text.index("\r", at) + 1).end()  # type: ignore[union-attr]
        return found

    def judge(self, sheet: Sheet) -> None:
        """Check every line by its demands."""
        lines = sheet.lines
        plain = sheet.delimiters == USUAL
        for index in self.suspects([line.text for line in lines]) if plain else range(len(lines)):
            self.judge_line(sheet, index)

    def judge_line(self, sheet: Sheet, index: int) -> None:
        """Check one line by its demands."""
        line = sheet.lines[index]
        for demand in self._by_segment.get(line.name, ()):
            demand.judge(sheet, index, line)


class _Part(Struct):
    """What a field, or a component of it, must be to pass."""

    filled: bool = False
    empty: bool = False
    doubtful: bool = False
    most: int | None = None
    repetitions: int | None = None
    values: frozenset[str] | None = None
    subcomponents: set[int] = field(default_factory=set)
    components: dict[int, _Part] = field(default_factory=dict)

    def take(self, demand: Demand) -> None:
        if isinstance(demand, Length):
            self.most = min(demand.length, self.most or demand.length)
        elif isinstance(demand, Allowed):
            self.values = demand.values if self.values is None else self.values & demand.values
        elif demand.kind == "forbid":
            if demand.path.repetition > 1:
                self.repetitions = min(demand.path.repetition - 1, self.repetitions or demand.path.repetition)
            else:
                self.empty = True
        elif demand.path.subcomponent:
            self.subcomponents.add(demand.path.subcomponent)
        else:
            self.filled = True
        if demand.path.repetition and not (isinstance(demand, Presence) and demand.kind == "forbid"):
            self.doubtful = True

    @property
    def must(self) -> bool:
        """Whether the part passes only if it has content."""
        return self.filled or bool(self.subcomponents) or any(one.must for one in self.components.values())

    def text(self, stop: str) -> str:
        """Return the pattern; `stop` has the delimiters at which the part ends, as in a character class."""
        inner = self.components or self.subcomponents
        if self.doubtful or (self.empty and self.must) or (self.values is not None and inner):
            return "(?!)"  # demands that are not worth a pattern: always flagged
        end = f"(?=[{stop}])"
        if self.empty:
            return end
        if self.values is not None:
            short = (word for word in sorted(self.values) if self.most is None or len(word) <= self.most)
            words = [*map(re.escape, short), *[""] * (not self.filled)]
            return f"(?:{'|'.join(words)}){end}" if words else "(?!)"
        skipped = "".join(mark for mark in "~^&" if mark not in stop)
        if self.filled and not (self.components or self.subcomponents or self.most or self.repetitions):
            return rf"[{skipped}]*+[^~^&{stop}\r][^{stop}]*+"
        ahead = f"(?=[{skipped}]*+[^~^&{stop}])" if self.filled else ""
        if self.components or self.repetitions is not None:
            return ahead + self._repetitions()
        for number in sorted(self.subcomponents):
            ahead += f"(?=(?:[^&{stop}]*+&){{{number - 1}}}[^&{stop}])"
        return f"{ahead}[^{stop}]*+" if self.most is None else f"{ahead}[^{stop}]{{0,{self.most}}}+{end}"

    def _repetitions(self) -> str:
        rest, must = "[^|~]*+", False
        for number in range(max(self.components, default=0), 0, -1):
            part = self.components.get(number, _Part())
            must = must or part.must
            rest = part.text("|^~") + rest
            if number > 1:
                rest = rf"\^{rest}" if must else rf"(?:\^{rest}|(?=[|~]))"
        limit = "" if self.most is None else rf"(?=[^|~]{{0,{self.most}}}+[|~])"
        times = "*" if self.repetitions is None else f"{{0,{self.repetitions - 1}}}"
        return rf"{limit}{rest}(?:~{limit}{rest}){times}+"


def _message(demands: Mapping[str, list[Demand]]) -> str:
    """Return the pattern of a run of lines that meet every demand."""
    lines = [_line(segment, found) for segment, found in demands.items()]
    others = "|".join(demands) or "(?!)"
    return rf"(?:(?:{'|'.join([*lines, f'(?!{others})'])})[^\r]*+\r)*+"


def _line(segment: str, demands: list[Demand]) -> str:
    fields: dict[int, _Part] = {}
    for demand in demands:
        path = demand.path
        part = fields.setdefault(path.field, _Part())
        if path.component:
            part = part.components.setdefault(path.component, _Part())
        part.take(demand)
    first = 2 if segment == "MSH" else 1  # the | after MSH is MSH-1
    rest, must = "", False
    for number in range(max(fields), first - 1, -1):
        part = fields.get(number, _Part())
        must = must or part.must
        rest = rf"(?!\r){part.text('|')}\|{rest}"
        if not must:
            rest = rf"(?:{rest}|(?=\r))"
    return rf"{segment}\|{rest}"
