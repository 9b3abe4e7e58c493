"""What is typed into the search box, and what it may mean.

Holds: `Query`, the fields of the search form; `ways`, the searches that it may mean; how it is kept and told.
Promises: pure. A word without a prefix is looked for as each kind of number, all of them shown; a number that is
known whole is looked for at any time, unless a time is chosen. Who does not see patients finds only what he knows
whole: no patient's number, no part of a name, no text in messages.
Never: puts anything of a search into an address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import asdict, replace

from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.operations.search import Search

_DAY_MS: Final = 86_400_000
RANGES: Final[Mapping[str, tuple[str, int | None]]] = {
    "": ("last 7 days", 7 * _DAY_MS),
    "1h": ("last hour", 3_600_000),
    "12h": ("last 12 hours", _DAY_MS // 2),
    "24h": ("last 24 hours", _DAY_MS),
    "30d": ("last 30 days", 30 * _DAY_MS),
    "1y": ("last year", 365 * _DAY_MS),
    "all": ("any time", None),
}
"""The ranges of time that can be chosen, by their form's word."""
STATES: Final = ("waiting", "delivered", "quarantined", "given up", "duplicate")
"""The states that can be chosen by a press."""
KINDS: Final = {
    "control": "control id", "id": "message number", "file": "file number", "order": "order number",
    "name": "file name", "patient": "patient number", "ward": "ward", "code": "code", "text": "text in the message",
    "part": "part of a file name",
}  # fmt: skip
"""What a word may be. The prefixes are those of the commands, and `patient`, `ward`, `code`, `text` and `part`."""
_OF_BARE: Final = ("control", "id", "order", "name", "patient", "ward")
_WHOLE: Final = frozenset(("order", "name", "patient"))
_ONLY_SEEING: Final = frozenset(("patient", "text", "part"))
_OF_NOBODY: Final = frozenset(("ward", "code", "id", "file"))
"""What of a search may be kept: numbers of patients and orders, names of files and texts are kept nowhere."""
_PREFIXED: Final = re.compile(rf'(?<!\S)({"|".join(KINDS)}):("[^"]*"|\S+)')
_LONGEST: Final = 200


class NotAsked(LabSenderError):
    """The search cannot be done; nothing was looked for."""

    exit_code = ExitCode.USAGE


class Query(Struct, frozen=True):
    """The fields of the search form. `kind` is what the word is, where that was chosen; `file` a file's number."""

    q: str = ""
    range: str = ""
    state: str = ""
    to: str = ""
    code: str = ""
    kind: str = ""
    file: str = ""

    @classmethod
    def read(cls, given: Mapping[str, object]) -> Query:
        """Read a form or an address; what is none of a list's values is left out."""
        texts = {name: str(given.get(name, "")).strip()[:_LONGEST] for name in cls.__struct_fields__}
        made = cls(**texts)
        return replace(
            made,
            range=made.range if made.range in RANGES else "",
            state=made.state if made.state in STATES else "",
            kind=made.kind if made.kind in KINDS else "",
            file=made.file if made.file.isascii() and made.file.isdigit() and len(made.file) < 19 else "",
        )

    @property
    def fields(self) -> dict[str, str]:
        """Return the fields that are not empty."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def may_be_kept(self) -> bool:
        """Say whether nothing in the box can be a patient's: only words of wards, codes and our own numbers."""
        words, bare = _split(self.q)
        kinds = {*words, *([self.kind or "?"] if bare else [])}
        return kinds <= _OF_NOBODY

    @property
    def kept(self) -> str:
        """Write it down for later."""
        return json.dumps(self.fields, ensure_ascii=False)


def want_searchable(search: Search, *, sees: bool) -> None:
    """Raise NotAsked where a search asks for what is found only while patients are shown."""
    hidden = {"patient": search.patient, "text": search.contains, "part": "*" in search.file}
    for kind in (kind for kind, asked in hidden.items() if asked and not sees):
        raise _hidden(kind)


def _hidden(kind: str) -> NotAsked:
    return NotAsked(
        "search.hidden", f"a {KINDS[kind]} is looked for only while patient data is shown.",
        hint="Whoever has the right presses Show patient data first; it is noted.",
    )  # fmt: skip


class Way(NamedTuple):
    """One meaning: its kind, its search, and the word of one that points to a single thing."""

    kind: str
    search: Search
    points: str = ""
    any_time: bool = False


def ways(query: Query, now_ms: int, *, sees: bool) -> list[Way]:
    """Return what a query may mean. Raises NotAsked."""
    words, bare = _split(query.q)
    if query.kind and bare:
        words, bare = words | {query.kind: bare}, ""
    if not sees:
        for kind in words:
            if kind in _ONLY_SEEING or "*" in words[kind]:
                raise _hidden(kind)
    if not bare:
        return [_way(words, query, now_ms)]
    if "*" in bare:
        return [_way(words | {"part": bare}, query, now_ms)] if sees else []
    kinds = [each for each in _OF_BARE if sees or each not in _ONLY_SEEING]
    return [_way(words | {each: bare}, query, now_ms) for each in kinds if each not in words and _may_be(each, bare)]


def wider(query: Query, *, sees: bool) -> list[tuple[str, Query]]:
    """Return what else could be tried where nothing was found, with its words."""
    _, bare = _split(query.q)
    found = []
    if query.state or query.to or query.code:
        found.append(("Of any state", replace(query, state="", to="", code="")))
    if query.range != "all":
        found.append(("At any time", replace(query, range="all")))
    if sees and bare and not query.kind:
        found.append((f"Files whose name has {bare} in it", replace(query, q=f"part:*{_quoted(bare.strip('*'))}*")))
        found.append((f"Messages with {bare} in them", replace(query, q=f"text:{_quoted(bare)}")))
    return found


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


def _split(text: str) -> tuple[dict[str, str], str]:
    """Return the words with a prefix, and what is left."""
    words = {match[1]: match[2].strip('"') for match in _PREFIXED.finditer(text)}
    return words, " ".join(_PREFIXED.sub(" ", text).split())


def _may_be(kind: str, word: str) -> bool:
    return kind != "id" or (word.isascii() and word.isdigit() and len(word) < 19)


def _way(words: Mapping[str, str], query: Query, now_ms: int) -> Way:
    kind = next((each for each in (*_OF_BARE, *KINDS) if each in words), "")
    pointing = {"control", "id", "file"} & words.keys()
    any_time = not query.range and bool(_WHOLE & words.keys())
    length = RANGES[query.range][1]
    search = Search(
        order=words.get("order", ""),
        patient=words.get("patient", ""),
        file=words.get("part", words.get("name", "")),
        ward=words.get("ward", ""),
        code=words.get("code", query.code),
        contains=words.get("text", ""),
        since_ms=None if any_time or length is None else now_ms - length,
        states=(query.state,) if query.state else (),
        to=(query.to,) if query.to else (),
    )
    points = next((f"{each}:{words[each]}" for each in pointing), "")
    return Way(kind, search, points, any_time or length is None)
