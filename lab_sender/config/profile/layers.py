"""A profile and those it extends, laid over one another.

Holds: the search for what `extends` names, and the merge.
Promises: sections merge key by key, the lists of rules add up (the extended profile's first), everything else is
replaced; every place of the result knows the file and line it comes from. Circles are mistakes.
Never: knows what a setting means.
"""

from __future__ import annotations

import functools
import operator
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from lab_sender.config.text.source import FROM_HERE, Mistake, Place, Unreadable, key_text, read_file
from lab_sender.config.text.tree import BROKEN, Document
from lab_sender.config.text.tree import read as read_tree
from lab_sender.spelling import did_you_mean

_ADD_UP = ("require", "expect", "forbid", "set", "drop", "add")
_DEEPEST = 8
_LARGEST_BYTES = 1 << 20
_ENDINGS = (".yaml", ".yml")
_BUILTIN = Path(__file__).parent / "builtin"
_DEFAULT_VERSION = "2.5.1"


@functools.cache
def builtin_names() -> tuple[str, ...]:
    """Name the profiles of the package."""
    return tuple(
        sorted(each.name.removesuffix(".yaml") for each in _BUILTIN.iterdir() if each.name.endswith(".yaml"))
    )


class Layers(Struct):
    """The merge of a profile with all it extends.

    `name` is the profile's that has the last word, `folders` where each file lies (by the name it is shown by),
    `data` the bytes of all files read, by those names. `is_whole`: none is missing.
    """

    document: Document
    name: str
    folders: dict[str, Path] = field(default_factory=dict)
    data: dict[str, bytes] = field(default_factory=dict)
    is_whole: bool = True
    mistakes: list[Mistake] = field(default_factory=list)

    def reject(self, document: Document, place: Place, text: str, hint: str, code: str = "config.extends") -> None:
        """Note a mistake at a place of a document."""
        file, line = document.line(place)
        self.mistakes.append(Mistake(line, key_text(place), text, hint, file, code))


def laid(document: Document, path: Path, environment: Mapping[str, str]) -> Layers:
    """Lay the profile in `document`, which stands in the file `path`, over those it extends."""
    layers = Layers(Document({}), path.name, {document.file: path.parent})
    _Search(layers, path.parent, environment).lay(document, path, ())
    if isinstance(document.tree, dict) and not document.tree.keys() - {"extends"}:
        layers.name = _extended_by(document.tree)
    return layers


def _extended_by(tree: Mapping[str, Any]) -> str:
    """Name what a profile extends: what it says, or the generic profile of its version."""
    named = tree.get("extends")
    if isinstance(named, str):
        return named
    name = f"generic-{tree.get('version')}"
    return name if name in builtin_names() else f"generic-{_DEFAULT_VERSION}"


def shown(path: Path, root: Path) -> str:
    """Name a file as one in the folder `root` would."""
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:  # another drive
        return str(path)


class _Search:
    """One walk from a profile to all it extends. `root` is the folder that shown names count from."""

    def __init__(self, layers: Layers, root: Path, environment: Mapping[str, str]) -> None:
        self._layers = layers
        self._root = root
        self._environment = environment

    def lay(self, document: Document, path: Path, chain: tuple[str, ...]) -> None:
        """Lay what `document` extends, then itself. `chain` has the real names of the files that led here."""
        self._layers.mistakes += document.mistakes
        tree = document.tree
        named = tree.get("extends") if isinstance(tree, dict) else BROKEN
        if named is None or isinstance(named, str):
            self._follow(document, _extended_by(tree), path, (*chain, os.path.realpath(path)))
        elif named is not BROKEN and chain:  # of the first file the model says so
            self._reject(document, "must be the name of one profile", "write for example extends: us-lri")
        if named is not None and not isinstance(named, str):
            self._layers.is_whole = False
        if isinstance(tree, dict):
            if chain and "message" in tree:
                hint = "in a profile file its keys stand at the top, without it"
                self._layers.reject(document, ("message",), "is a section of config.yaml", hint, "config.key")
                del tree["message"]
            _lay(self._layers.document, document)
        elif tree is not BROKEN:
            hint = "write for example extends: us-lri"
            self._layers.reject(document, (), "the file must be a list of settings", hint, "config.value")

    def _follow(self, document: Document, name: str, path: Path, chain: tuple[str, ...]) -> None:
        if name in builtin_names():
            self._lay_builtin(name)
            return
        if not name.endswith(_ENDINGS):
            known = f"built in: {', '.join(builtin_names())}; or name a .yaml file"
            asked = did_you_mean(name, builtin_names(), "'")
            self._reject(document, "names no profile", f"{asked} {known}".lstrip())
            return
        base = Path(os.path.abspath(path.parent / name))
        if not name.isprintable():
            self._reject(
                document, "holds a control character", r"\ in double quotes is an escape; use / in its place"
            )
            return
        if os.path.realpath(base) in chain:
            self._reject(document, "leads back to a file it came from", "a profile cannot extend itself")
            return
        if len(chain) >= _DEEPEST:
            self._reject(document, f"is more than {_DEEPEST} files deep", "put profiles together")
            return
        name = shown(base, self._root)
        try:
            data, text = read_file(base, _LARGEST_BYTES, name, missing=FROM_HERE)
        except Unreadable as error:
            self._layers.is_whole = False
            if error.mistake.line:
                self._layers.mistakes.append(error.mistake)
            else:
                text, hint = f"{name}: {error.mistake.text}", error.mistake.hint
                self._layers.reject(document, ("extends",), text, hint, "config.file")
            return
        self._layers.data[name] = data
        self._layers.folders[name] = base.parent
        self.lay(read_tree(text, self._environment, name), base, chain)

    def _lay_builtin(self, name: str) -> None:
        document = _builtin_document(name)
        self._layers.data[f"built-in {name}"] = _builtin_text(name).encode()
        if "extends" in document.tree:
            self._lay_builtin(document.tree["extends"])
        _lay(self._layers.document, document)

    def _reject(self, document: Document, text: str, hint: str) -> None:
        """Note that what a profile extends cannot be found: all that stands there is missing."""
        self._layers.is_whole = False
        self._layers.reject(document, ("extends",), text, hint)


@functools.cache
def _builtin_document(name: str) -> Document:
    return read_tree(_builtin_text(name), {}, f"{name}.yaml")


@functools.cache
def _builtin_text(name: str) -> str:
    return (_BUILTIN / f"{name}.yaml").read_text("utf-8")


def _lay(under: Document, over: Document, place: Place = ()) -> None:
    """Lay the section of `over` at `place` over the same of `under`, which changes."""
    into, section = _at(under.tree, place), _at(over.tree, place)
    for key, value in section.items():
        inner, old = (*place, key), into.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            _lay(under, over, inner)
            under.lines[inner] = over.line(inner)
        elif isinstance(old, dict) and value is None:
            continue  # a section whose every line is commented out
        elif len(inner) == 1 and key in _ADD_UP and isinstance(old, list) and isinstance(value, list):
            for number, item in enumerate(value):
                under.copy(over, (*inner, number), (*inner, len(old)))
                old.append(_own(item))
        else:
            under.forget(inner)
            under.copy(over, inner, inner)
            into[key] = _own(value)


def _at(tree: Any, place: Place) -> Any:
    return functools.reduce(operator.getitem, place, tree)


def _own(value: Any) -> Any:
    """Copy the sections and lists of a tree: those of a built-in profile are shared."""
    if isinstance(value, dict):
        return {key: _own(each) for key, each in value.items()}
    return [_own(each) for each in value] if isinstance(value, list) else value
