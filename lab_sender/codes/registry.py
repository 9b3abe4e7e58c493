"""The registry of codes, as it is written in the TOML files beside this module.

Holds: `Code`, how a file is read, and the look-up of a word that somebody has copied from a screen.
Promises: a code is registered once; every entry says what it means, what to do next and who waits. A file with a
mistake raises ValueError with the entry's name.
Never: knows where in the package a code is made.

An entry, `[csv.header]`, has:

    waits = "file"          who waits: a key of WAITS, or a list of them
    kind = "error"          what it is: a key of KINDS, or a list of them; "error" if left out
    level = "warning"       of an event that is logged: the level, or a list of them
    means = "..."           one or two sentences: what has happened
    next = "..."            what to do, right when followed to the letter; "Nothing." where nothing is to be done
    more = "files/csv.md"   the page below docs/ that says more; the file's own `more` if left out

A code of which a part is computed is written with that part in braces, `[io."{errno}"]`. Its table `members` has a
sentence for each code that can occur; with `open = true` others can occur too.
"""

from __future__ import annotations

import difflib
import functools
import tomllib
from collections.abc import Collection, Iterator, Mapping
from importlib import resources
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from lab_sender.spelling import meant

WAITS: Final[Mapping[str, str]] = {
    "file": "the file: it is not sent, and lies in the outbox or in quarantine",
    "message": "the message: others of its file, and other files, go on",
    "lane": "the lane: nothing is sent to the HIS",
    "intake": "intake: nothing new is received; what was received goes out",
    "filing": "filing: files are not moved to their folders; messages go out",
    "agent": "the agent: nothing is received or sent",
    "command": "nothing but the command: it did nothing",
    "nobody": "nobody",
}
"""Who waits, in words."""
_ONWARD: Final = (
    "drop a corrected one, then give up the old one with `lab-sender dismiss ID --why TEXT`; or, after a change of"
    " the configuration and `lab-sender reload`, have it read again with `lab-sender release ID`."
)
AFTERWARDS: Final[Mapping[str, str]] = {
    "file": f"A file in quarantine stays there until you decide: {_ONWARD}",
    "message": f"A message in quarantine stays there until you decide, the others of its file go on: {_ONWARD}",
}
"""What is the same for all codes of one kind of waiting, after their own next step; only of errors."""
KINDS: Final[Mapping[str, str]] = {
    "error": "something cannot be sent, started or done",
    "remark": "it goes out, and a person should know this",
    "trouble": "something is waited for and tried again; `status` shows it",
    "attempt": "how the connection, or one try to send a message, ended",
    "verdict": "what became of a message",
    "event": "a line of the log, or of what `show` prints",
    "answer": "a code of the HIS, not ours",
    "condition": "how an installation stands: `status` and the alerts say it as long as it is so",
}
"""What a code is, in words."""
LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_ENTRY: Final = frozenset(("waits", "kind", "level", "means", "next", "more", "members", "open"))
_CLOSE: Final = 0.75
_MOST_NEAR = 5


class Code(Struct, frozen=True):
    """One code.

    `subject` is the title of its file, `levels` are those of a line of the log, `members` those of a computed code.
    """

    name: str
    subject: str
    kinds: tuple[str, ...]
    waits: tuple[str, ...]
    means: str
    next: str
    more: str
    levels: tuple[str, ...]
    members: Mapping[str, str]
    is_open: bool = False

    @property
    def is_computed(self) -> bool:
        """Say whether a part of it is filled in when it is made."""
        return "{" in self.name

    @property
    def afterwards(self) -> str:
        """Return what is done in the end about a file or message that waits over it; "" where nothing is."""
        return AFTERWARDS.get(self.waits[0], "") if "error" in self.kinds else ""


@functools.cache
def registry() -> Mapping[str, Code]:
    """Read all files; codes by name, each file's in its order. Raises ValueError for an entry that is wrong."""
    codes: dict[str, Code] = {}
    for file in sorted(resources.files("lab_sender.codes").iterdir(), key=lambda each: each.name):
        if file.name.endswith(".toml"):
            for code in read(file.read_text("utf-8"), file.name):
                if code.name in codes:
                    raise ValueError(f"{file.name}: {code.name} is registered twice")
                codes[code.name] = code
    return codes


def read(text: str, name: str) -> Iterator[Code]:
    """Yield the codes of one file. Raises ValueError."""
    tree = tomllib.loads(text)
    title, more = tree.pop("title", ""), tree.pop("more", "")
    for code, entry in _entries(tree, ""):
        where = f"{name}: [{code}]"
        if unknown := entry.keys() - _ENTRY:
            raise ValueError(f"{where} has unknown keys: {', '.join(sorted(unknown))}")
        means, step = str(entry.get("means", "")), str(entry.get("next", ""))
        if not (means and step and title):
            raise ValueError(f"{where} needs means and next, and its file a title")
        yield Code(
            code,
            title,
            _known(entry.get("kind", "error"), KINDS, f"{where} kind"),
            _known(entry.get("waits", ()), WAITS, f"{where} waits"),
            means,
            step,
            str(entry.get("more", more)),
            _known(entry["level"], LEVELS, f"{where} level") if "level" in entry else (),
            entry.get("members", {}),
            bool(entry.get("open", False)),
        )


def find(word: str) -> Code | None:
    """Return what a word means that was copied from a screen or a log: `io.eacces:` too; None for no code.

    A computed code comes under the word itself, and its next step begins with that of the member.
    """
    word = word.strip("`'\"").rstrip(":,;.")
    codes = registry()
    if word in codes:
        return codes[word]
    family, dot, rest = word.partition(".")
    for code in codes.values():
        if code.is_computed and dot and rest and code.name.startswith(f"{family}."):
            member = next((each for each in code.members if _is_member(rest, each)), "")
            if member:
                return replace(code, name=word, next=f"{code.members[member]} {code.next}", members={})
            if code.is_open:
                return replace(code, name=word, members={})
    return None


def near(word: str) -> tuple[str, ...]:
    """Return the codes that a word which is none may be meant for: one slip away, a part of one, or much like one."""
    names = [name for name, code in registry().items() if not code.is_computed]
    word = word.strip("`'\":,;.").lower()
    if found := meant(word, names):
        return found[:_MOST_NEAR]
    close = difflib.get_close_matches(word, names, _MOST_NEAR, _CLOSE)
    rest = word.partition(".")[2] or word
    same_part = [name for name in names if rest in name.split(".")]
    return tuple(dict.fromkeys([*close, *same_part]))[:_MOST_NEAR]


def _entries(tree: Mapping[str, Any], above: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, value in tree.items():
        name = f"{above}.{key}" if above else key
        if not isinstance(value, dict):
            raise ValueError(f"{name} is neither a code nor a key of the file")
        if all(isinstance(each, dict) for each in value.values()):
            yield from _entries(value, name)
        else:
            yield name, value


def _known(given: str | list[str], known: Collection[str], where: str) -> tuple[str, ...]:
    words = (given,) if isinstance(given, str) else tuple(given)
    if not words or not set(words) <= set(known):
        raise ValueError(f"{where}: {', '.join(words) or 'nothing'}; known are {', '.join(known)}")
    return words


def _is_member(rest: str, member: str) -> bool:
    """Say whether the computed part is a member, in any case, or a narrower name of one (`busy_snapshot`)."""
    rest, member = rest.lower(), member.lower()
    return rest == member or rest.startswith(f"{member}_")
