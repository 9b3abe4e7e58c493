"""docs/CODES.md, made from the registry. `make codes` writes it; tests/test_codes.py compares.

Holds: the head of the page, and how a code becomes a row of it.
Promises: every code of the registry stands on the page once, by who waits for it and by its subject.
Never: says what the registry does not say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab_sender.codes import AFTERWARDS, KINDS, LEVELS, WAITS, Code, registry

PAGE = Path(__file__).parents[1] / "docs" / "CODES.md"
_TITLES = {
    "file": "A file waits",
    "message": "A message waits",
    "lane": "The lane waits",
    "intake": "Intake waits",
    "filing": "Filing waits",
    "agent": "The agent waits or has ended",
    "command": "A command did nothing",
    "nobody": "Nobody waits",
}
_HEAD = """\
# Codes

Every code that lab-sender prints, writes into its log, its journal or a reason file. This page is made from
`lab_sender/codes/`; a code and its meaning stay the same from version to version.

The same on the command line, also where this page is not at hand:

```
$ lab-sender explain csv.column-unknown
```

**How to read a code.** It is one word, or two with a dot: what it is about, and what is the matter with it. Behind a
code in a table stands in brackets what kind it is, where it is no error, and of an event its level:

| kind | what it is |
|---|---|
{kinds}

**ID** stands for the number of a message (`12`), of a file that could not be read (`file:7`), or what else
[names one](COMMANDS.md#what-the-words-mean). A part in braces is filled in: `io.{{errno}}` is `io.enoent`,
`io.enospc` and others. A setting `his.…` is `destinations.NAME.…` where there are
[several destinations](DESTINATIONS.md).

What lies in quarantine does not go away by itself, whatever the code:

- {afterwards}

Who waits, over this code?

{contents}

[The log's events by level](#the-logs-events-by-level) are at the end of this page.
"""


def page() -> str:
    """Make the page."""
    kinds = "\n".join(f"| {kind} | {text} |" for kind, text in KINDS.items())
    contents = "\n".join(
        f"- [{_TITLES[who]}](#{_anchor(_TITLES[who])}){text and ': '}{text}"
        for who, text in ((who, text.partition(": ")[2]) for who, text in WAITS.items())
    )
    head = _HEAD.format(kinds=kinds, contents=contents, afterwards="\n- ".join(AFTERWARDS.values()))
    return "\n".join([head, *_groups(), *_events()])


def _groups() -> Iterator[str]:
    for who, title in _TITLES.items():
        codes = [code for code in registry().values() if code.waits[0] == who]
        yield f"## {title}\n"
        for subject in dict.fromkeys(code.subject for code in codes):
            yield from _table(subject, [code for code in codes if code.subject == subject])


def _events() -> Iterator[str]:
    yield "## The log's events by level\n\n| level | events |\n|---|---|"
    for level in reversed(LEVELS):
        names = sorted(f"`{code.name}`" for code in registry().values() if level in code.levels)
        yield f"| {level} | {', '.join(names)} |"
    yield ""


def _table(subject: str, codes: Sequence[Code]) -> Iterator[str]:
    usual = Counter(code.more for code in codes).most_common(1)[0][0]
    yield f"### {subject}\n\nMore: {_link(usual)}\n\n| code | what has happened | what to do |\n|---|---|---|"
    for code in codes:
        more = f" More: {_link(code.more)}" if code.more != usual else ""
        kinds = f" ({', '.join((*code.kinds, *code.levels))})" if code.kinds != ("error",) else ""
        yield f"| `{code.name}`{kinds} | {_cell(code.means)} | {_cell(code.next)}{more} |"
        family = code.name.partition("{")[0]
        for member, text in code.members.items():
            yield f"| `{family}{member}` | | {_cell(text)} |"
    yield ""


def _link(more: str) -> str:
    return f"[{more.partition('#')[0]}]({more})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    print(f"{PAGE.name}: {len(registry())} codes")
