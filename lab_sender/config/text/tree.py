"""The text of config.yaml as a tree of texts, each with its line.

Holds: reading YAML, its traps, and `${NAME}` from the environment.
Promises: scalars stay the texts that were written (no YAML guess turns `NO` into false or `2.50`
into 2.5); every mistake has its line, and one of syntax takes no other section with it; a value from
the environment is put in after parsing, so nothing in it can act as YAML.
Never: knows a setting's meaning; repeats a value in a mistake (YAML's own error texts do, and
`key_password: *secret` would be one).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping
from typing import Any

import yaml
from msgspec import Struct, field

from lab_sender.config.text.source import Mistake, Place, key_text

BROKEN = object()
"""Stands in the tree for a value already reported: no check accepts it, and none need report it again."""

_SYNTAX_CODE = "config.syntax"
_NULLS = ("", "~", "null", "Null", "NULL")
_PLAIN_TAGS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_VARIABLE = re.compile(
    r"(?P<literal>\$\$\{) | \$\{ (?: (?P<name>[A-Za-z_][A-Za-z0-9_]*) (?P<default>:-[^}]*)? \} )?", re.VERBOSE
)

_KEY = re.compile(r"""(?P<mark>["']?)(?P<name>[^\s:#"'][^:#"']*?)(?P=mark)\s*(?::(?=\s|$)|$)""")
_WHOLE_FILE = "another document"  # PyYAML's text of what no section is to blame for
_QUOTE_IT = "put a value that begins with * & ! @ % ` { or [ in quotes"
_OPEN_QUOTE = "a quote is not closed"
_ALIGN_IT = "keys of one section begin in one column"
_SYNTAX = {  # part of PyYAML's text -> ours
    "'\\t'": ("a tab where YAML wants spaces", "indent with spaces"),
    "cannot start any token": ("a value cannot begin with this character", _QUOTE_IT),
    "unknown escape": (r"\ in double quotes is an escape", "use single quotes, or / in its place"),
    "escape sequence": (r"\ in double quotes is an escape", "use single quotes, or / in its place"),
    "undefined alias": ("a value cannot begin with *", _QUOTE_IT),
    "alphabetic or numeric": ("a value cannot begin with this character", _QUOTE_IT),
    "mapping values are not allowed": (
        "a second ': ' in one line, or a line indented too far",
        "put a value that holds ': ' in quotes",
    ),
    "could not find expected ':'": ("this line is not 'key: value'", "a space must follow the colon"),
    "expected <block end>": ("this line does not fit those above it, or goes on after a closing quote", _ALIGN_IT),
    "expected ',' or": (
        "a [ or { is not closed, or a comma is missing",
        "inside { } put ${NAME} and PID-3[2] in quotes",
    ),
    "end of stream": (_OPEN_QUOTE, ""),
    "document separator": (_OPEN_QUOTE, ""),
    "another document": ("a second document begins here", "remove the line ---"),
    "duplicate anchor": ("a value cannot begin with &", _QUOTE_IT),
}


class Document(Struct):
    """What a YAML text says.

    `tree` has str, None, dict, list and BROKEN; `shown` the texts a mistake may quote; `empty` and
    `broken` the places of None and BROKEN, `blank` those of None where no `null` is written. `lines` has the file
    (empty: config.yaml) and line of each place; `environment` the values that were put in; `moved` where the items of
    lists stood before some were taken out.
    """

    tree: Any
    file: str = ""
    lines: dict[Place, tuple[str, int]] = field(default_factory=dict)
    shown: dict[Place, str] = field(default_factory=dict)
    empty: set[Place] = field(default_factory=set)
    blank: set[Place] = field(default_factory=set)
    broken: set[Place] = field(default_factory=set)
    environment: dict[Place, str] = field(default_factory=dict)
    moved: dict[Place, Place] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def line(self, place: Place) -> tuple[str, int]:
        """Find the file and line of the setting at `place`, or of the nearest section around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, (self.file, 1))

    def taken(self, place: Place) -> Document:
        """Take the section at `place`, which may be missing, out of the tree, as a document of its own."""
        document = Document(self.found(place[:-1]).pop(place[-1], None) or {}, self.file)
        document.copy(self, place, ())
        self.forget(place)
        return document

    def found(self, place: Place) -> Any:
        """Return what stands at `place` in sections; None where nothing does."""
        value = self.tree
        for key in place:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def at(self, place: Place) -> Document:
        """Return the section at `place` as a document of its own."""
        document = Document(self.found(place), self.file)
        document.copy(self, place, ())
        return document

    def without(self, places: Collection[Place]) -> Document:
        """Return the document as it would be without what stands at `places`; the items of lists move up."""
        document = Document(None, self.file)

        def kept(value: Any, old: Place, new: Place) -> Any:
            document.note(self, old, new)
            if old != new or old in self.moved:
                document.moved[new] = self.moved.get(old, old)
            if isinstance(value, dict):
                inner = [(key, (*old, key), each) for key, each in value.items()]
                return {key: kept(each, at, (*new, key)) for key, at, each in inner if at not in places}
            if isinstance(value, list):
                items = [((*old, number), each) for number, each in enumerate(value)]
                left = [(at, each) for at, each in items if at not in places]
                return [kept(each, at, (*new, number)) for number, (at, each) in enumerate(left)]
            return value

        document.tree = kept(self.tree, (), ())
        return document

    def copy(self, source: Document, old: Place, new: Place) -> None:
        """Note that what stands at `new`, and all in it, comes from `old` in `source`."""
        size = len(old)
        for place in [each for each in source.lines if each[:size] == old]:
            self.note(source, place, (*new, *place[size:]))

    def note(self, source: Document, old: Place, new: Place) -> None:
        """Note that what stands at `new` comes from `old` in `source`."""
        self.lines[new] = source.line(old)
        for into, known in ((self.shown, source.shown), (self.environment, source.environment)):
            if old in known:
                into[new] = known[old]
        for name in ("empty", "blank", "broken"):
            if old in getattr(source, name):
                getattr(self, name).add(new)

    def forget(self, place: Place) -> None:
        """Forget where what stands at `place`, and all in it, comes from."""
        gone = [each for each in self.lines if each[: len(place)] == place]
        for known in (self.lines, self.shown, self.environment):
            for each in gone:
                known.pop(each, None)
        for places in (self.empty, self.blank, self.broken):
            places.difference_update(gone)


def read(text: str, environment: Mapping[str, str], file: str = "") -> Document:
    """Read the YAML `text`. Mistakes are collected, none is raised.

    A section that is no YAML is BROKEN; so is the tree where it is not known which.
    """
    document = Document(tree=BROKEN, file=file)
    walk = _Walk(document, environment)
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
        document.tree = {} if root is None else walk.value(root, ())
    except yaml.MarkedYAMLError as error:
        if not _read_sections(text, error, walk):
            document.mistakes.append(_syntax_mistake(error, file, len(text.rstrip().splitlines())))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        hint = "save as plain text in UTF-8"
        document.mistakes.append(Mistake(line, "", "a control character", hint, file, _SYNTAX_CODE))
    except RecursionError:
        document.mistakes.append(Mistake(1, "", "brackets are nested too deep", "", file, _SYNTAX_CODE))
    return document


def _read_sections(text: str, error: yaml.MarkedYAMLError, walk: _Walk) -> bool:
    """Read a text that is no YAML section by section; False where none of them is to blame by itself."""
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line[0] not in " \t\r\n#-]}%"]
    if len(starts) < 2 or _WHOLE_FILE in (error.problem or ""):
        return False
    document, good = walk.document, []
    wrong: list[tuple[int, Mistake]] = []
    for start, end in itertools.pairwise([*starts, len(lines)]):
        section = "".join(lines[start:end])
        try:
            node = yaml.compose("\n" * start + section, Loader=yaml.BaseLoader)
        except yaml.MarkedYAMLError as inner:
            last = start + len(section.rstrip().splitlines())
            wrong.append((start, _syntax_mistake(inner, document.file, last)))
        else:
            if isinstance(node, yaml.MappingNode):
                good += node.value
            else:
                text, hint = _SYNTAX["could not find expected ':'"]
                wrong.append((start, Mistake(start + 1, "", text, hint, document.file, _SYNTAX_CODE)))
    if not wrong:
        return False
    document.tree = walk.section(good, ())
    for start, mistake in wrong:
        document.mistakes.append(mistake)
        key = _KEY.match(lines[start].rstrip())
        if key is not None:
            place = (key["name"],)
            document.tree.setdefault(key["name"], BROKEN)
            document.lines.setdefault(place, (document.file, start + 1))
            document.broken.add(place)
    return True


def _syntax_mistake(error: yaml.MarkedYAMLError, file: str, last: int) -> Mistake:
    """Explain what PyYAML found in a text whose last line is `last`; what is open to the end is so from its begin."""
    found = (said for part, said in _SYNTAX.items() if part in (error.problem or ""))
    text, hint = next(found, ("this is not YAML", _QUOTE_IT))
    marks = (error.problem_mark, error.context_mark)
    mark = next(filter(None, reversed(marks) if text == _OPEN_QUOTE else marks), None)
    return Mistake(min(mark.line + 1, last) if mark else 1, "", text, hint, file, _SYNTAX_CODE)


class _Walk:
    """One walk over the nodes of a document."""

    def __init__(self, document: Document, environment: Mapping[str, str]) -> None:
        self.document = document
        self._environment = environment
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, place: Place) -> Any:
        self.document.lines.setdefault(place, (self.document.file, node.start_mark.line + 1))
        if id(node) in self._seen:
            return self._broken(place, "aliases are not read here", "write the value out")
        self._seen.add(id(node))
        if node.tag not in _PLAIN_TAGS:
            return self._broken(place, "tags are not read here", _QUOTE_IT)
        if isinstance(node, yaml.MappingNode):
            return self.section(node.value, place)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place)
        return [self.value(item, (*place, number)) for number, item in enumerate(node.value)]

    def section(self, pairs: list[tuple[yaml.Node, yaml.Node]], place: Place) -> dict[str, Any]:
        section: dict[str, Any] = {}
        for key_node, value_node in pairs:
            if not isinstance(key_node, yaml.ScalarNode):
                self._broken(place, "a key must be a word", _QUOTE_IT)
                continue
            key = key_node.value
            inner = (*place, key)
            if key in section:
                first = self.document.lines[inner][1]
                line, text = key_node.start_mark.line + 1, f"the key is also in line {first}"
                self._mistake(line, inner, text, "keep one of them", "config.key-twice")
                continue
            self.document.lines[inner] = (self.document.file, key_node.start_mark.line + 1)
            section[key] = self.value(value_node, inner)
        return section

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        if node.style is None and node.value in _NULLS:
            self.document.empty.add(place)
            if not node.value:
                self.document.blank.add(place)
            return None
        if "${" not in node.value:
            self.document.shown[place] = node.value
            return node.value
        return self._with_environment(node, place)

    def _with_environment(self, node: yaml.ScalarNode, place: Place) -> Any:
        wrong: list[tuple[str, str]] = []

        def put(match: re.Match[str]) -> str:
            name, default = match["name"], match["default"]
            if match["literal"]:
                return "${"
            if name is None:
                wrong.append(("${ begins no name", "write ${NAME} or ${NAME:-default}, or $${ for a plain ${"))
            elif default is not None:
                return self._environment.get(name) or default[2:]
            elif name not in self._environment:
                wrong.append((f"{name} is not in the environment", f"set it, or write ${{{name}:-default}}"))
            return self._environment.get(name or "", "")

        text = _VARIABLE.sub(put, node.value)
        for each in wrong:
            self._broken(place, *each, "config.environment")
        if not wrong:
            self.document.environment[place] = text
        return BROKEN if wrong else text

    def _broken(self, place: Place, text: str, hint: str, code: str = _SYNTAX_CODE) -> object:
        self.document.broken.add(place)
        self._mistake(self.document.line(place)[1], place, text, hint, code)
        return BROKEN

    def _mistake(self, line: int, place: Place, text: str, hint: str, code: str) -> None:
        self.document.mistakes.append(Mistake(line, key_text(place), text, hint, self.document.file, code))
