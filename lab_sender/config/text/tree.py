"""The text of config.yaml as a tree of texts, each with its line.

Holds: reading YAML, its traps, and `${NAME}` from the environment.
Promises: scalars stay the texts that were written (no YAML guess turns `NO` into false or `2.50`
into 2.5); every mistake has its line; a value from the environment is put in after parsing, so
nothing in it can act as YAML.
Never: knows a setting's meaning; repeats a value in a mistake (YAML's own error texts do, and
`key_password: *secret` would be one).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from lab_sender.config.text.source import Mistake, Place, key_text

BROKEN = object()
"""Stands in the tree for a value already reported: no check accepts it, and none need report it again."""

_NULLS = ("", "~", "null", "Null", "NULL")
_PLAIN_TAGS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_VARIABLE = re.compile(
    r"(?P<literal>\$\$\{) | \$\{ (?: (?P<name>[A-Za-z_][A-Za-z0-9_]*) (?P<default>:-[^}]*)? \} )?", re.VERBOSE
)

_QUOTE_IT = "put a value that begins with * & ! @ % ` { or [ in quotes"
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
    "end of stream": ("a quote is not closed", ""),
    "document separator": ("a quote is not closed", ""),
    "another document": ("a second document begins here", "remove the line ---"),
    "duplicate anchor": ("a value cannot begin with &", _QUOTE_IT),
}


@dataclass(slots=True)
class Document:
    """What a YAML text says.

    `tree` has str, None, dict, list and BROKEN; `shown` the texts a mistake may quote; `empty` and
    `broken` the places of None and BROKEN. `lines` has the file (empty: config.yaml) and line of each place.
    """

    tree: Any
    file: str = ""
    lines: dict[Place, tuple[str, int]] = field(default_factory=dict)
    shown: dict[Place, str] = field(default_factory=dict)
    empty: set[Place] = field(default_factory=set)
    broken: set[Place] = field(default_factory=set)
    mistakes: list[Mistake] = field(default_factory=list)

    def line(self, place: Place) -> tuple[str, int]:
        """Find the file and line of the setting at `place`, or of the nearest section around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, (self.file, 1))

    def taken(self, key: str) -> Document:
        """Take the section `key` out of the tree, as a document of its own."""
        document = Document(self.tree.pop(key, None) or {}, self.file)
        document.lines = {place[1:]: line for place, line in self.lines.items() if place[:1] == (key,)}
        document.shown = {place[1:]: text for place, text in self.shown.items() if place[:1] == (key,)}
        document.empty = {place[1:] for place in self.empty if place[:1] == (key,)}
        document.broken = {place[1:] for place in self.broken if place[:1] == (key,)}
        return document


def read(text: str, environment: Mapping[str, str], file: str = "") -> Document:
    """Read the YAML `text`. Mistakes are collected, none is raised; a syntax error ends the reading."""
    document = Document(tree=BROKEN, file=file)
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
        document.tree = {} if root is None else _Walk(document, environment).value(root, ())
    except yaml.MarkedYAMLError as error:
        document.mistakes.append(_syntax_mistake(error, file))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        document.mistakes.append(Mistake(line, "", "a control character", "save as plain text in UTF-8", file))
    except RecursionError:
        document.mistakes.append(Mistake(1, "", "brackets are nested too deep", file=file))
    return document


def _syntax_mistake(error: yaml.MarkedYAMLError, file: str) -> Mistake:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    for part, (text, hint) in _SYNTAX.items():
        if part in (error.problem or ""):
            return Mistake(line, "", text, hint, file)
    return Mistake(line, "", "this is not YAML", _QUOTE_IT, file)


class _Walk:
    """One walk over the nodes of a document."""

    def __init__(self, document: Document, environment: Mapping[str, str]) -> None:
        self._document = document
        self._environment = environment
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, place: Place) -> Any:
        self._document.lines.setdefault(place, (self._document.file, node.start_mark.line + 1))
        if id(node) in self._seen:
            return self._broken(place, "aliases are not read here", "write the value out")
        self._seen.add(id(node))
        if node.tag not in _PLAIN_TAGS:
            return self._broken(place, "tags are not read here", _QUOTE_IT)
        if isinstance(node, yaml.MappingNode):
            return self._section(node, place)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place)
        return [self.value(item, (*place, number)) for number, item in enumerate(node.value)]

    def _section(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        section: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._broken(place, "a key must be a word", _QUOTE_IT)
                continue
            key = key_node.value
            inner = (*place, key)
            if key in section:
                first = self._document.lines[inner][1]
                self._mistake(
                    key_node.start_mark.line + 1, inner, f"the key is also in line {first}", "keep one of them"
                )
                continue
            self._document.lines[inner] = (self._document.file, key_node.start_mark.line + 1)
            section[key] = self.value(value_node, inner)
        return section

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        if node.style is None and node.value in _NULLS:
            self._document.empty.add(place)
            return None
        if "${" not in node.value:
            self._document.shown[place] = node.value
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
            self._broken(place, *each)
        return BROKEN if wrong else text

    def _broken(self, place: Place, text: str, hint: str) -> object:
        self._document.broken.add(place)
        self._mistake(self._document.line(place)[1], place, text, hint)
        return BROKEN

    def _mistake(self, line: int, place: Place, text: str, hint: str) -> None:
        self._document.mistakes.append(Mistake(line, key_text(place), text, hint, self._document.file))
