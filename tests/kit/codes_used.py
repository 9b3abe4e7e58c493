"""Which codes the package makes, found by reading its syntax trees.

Holds: `Uses`, every code that comes to an error, a finding, an event, an attempt, a trouble or a message; and
`words_like_codes`, every text in the package, its SQL included, that looks like one.
Promises: a code is followed through constants, tables, conditions, loops and returns to whatever takes one. One that
is put together in a way that cannot be followed is in `unfollowed`; what comes from a parameter or a row is followed
where it is made.
Never: imports or runs what it reads.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[2] / "lab_sender"
HOLE = "{}"
"""What stands in a code for a part that only the run knows."""
_DOTTED = re.compile(r"[a-z][a-z0-9]*\.[a-z][a-z0-9-]*")
_COMPUTED = re.compile(r"(?:[a-z][a-z0-9]*|\{\})\.(?:[a-z0-9-]|\{\})+")
_WORDS = frozenset(("refused", "unanswered", "known", "commit-only", "quarantine"))
"""Codes of messages, and of conditions, that are one word."""
_NAMES = ("code", "event", "why", "trouble")
"""What a parameter, keyword or attribute that takes a code is called here; `code` takes nothing else."""
_MORE = {("record", "kind"): HOLE}
"""Parameters by another name that take a whole code; those that take a part of one are found (`_Sink`)."""
_EVENTS = ("say", "record")
_OF_OTHERS = frozenset(
    (
        "Coded", "Alternate", "_Code", "MappedCode", "WideTest", "ReplyRule", "Acknowledgement", "Rule", "code",
        "word", "sent", "said_later", "matches", "judge_reply", "_act", "_acknowledgement", "_make",
        "acknowledgement", "plain", "framed",
    )
)  # fmt: skip
"""What takes codes that are not ours: of tests, units and statuses, of the HIS."""
_PASSED_ON = frozenset(("code", "why", "trouble", "link_code"))
"""Attributes that hold a code which was made elsewhere; more may stand behind it."""


class Use(NamedTuple):
    """A code, and where it is made; the code has a HOLE where only the run knows a part."""

    code: str
    where: str
    is_event: bool


class _Module(NamedTuple):
    name: str
    path: str
    nodes: list[ast.AST]
    constants: dict[str, ast.expr]
    imported: dict[str, tuple[str, str]]
    parents: dict[ast.AST, ast.AST]


class _Taker(NamedTuple):
    """A function or class of the package: its parameters as a caller counts them; `needed` have no default."""

    parameters: list[str]
    needed: int
    is_method: bool
    takes_more: bool = False

    def fits(self, call: ast.Call) -> bool:
        """Say whether it can be what is called: methods of other classes have its name, too."""
        given = len(call.args) + len(call.keywords)
        if any(isinstance(each, ast.Starred) for each in call.args) or None in [each.arg for each in call.keywords]:
            return True
        return self.needed <= given and (self.takes_more or given <= len(self.parameters))


class _Sink(NamedTuple):
    """What becomes of an argument: the code, with a HOLE where the argument goes."""

    template: str
    is_event: bool


_Function = ast.FunctionDef
_RECORDS = ("NamedTuple", "Struct")
_Text = str | None
"""A text that an expression may be; None: one that cannot be followed."""


class Uses:
    """The codes that a package makes: `made`, and the places that cannot be followed: `unfollowed`."""

    def __init__(self, package: Path = PACKAGE) -> None:
        paths = [path for path in sorted(package.rglob("*.py")) if path.parent.name != "codes"]
        modules = [_read(path, path.relative_to(package.parent).as_posix()) for path in paths]
        self._modules = {module.name: module for module in modules}
        self._functions: dict[str, dict[str, list[_Function]]] = defaultdict(lambda: defaultdict(list))
        self._takers: dict[str, dict[str, list[_Taker]]] = defaultdict(lambda: defaultdict(list))
        self.made: set[Use] = set()
        self.levels: dict[str, set[str]] = defaultdict(set)
        """Event, with a HOLE where a part is computed -> the levels it is logged at."""
        self.unfollowed: set[str] = set()
        self._parts: dict[tuple[str, str], _Sink] = {}
        """Function and parameter -> the code that a part of is passed in it: `f"link.{link}"`."""
        for module in modules:
            self._index(module)
        known = -1
        while known < len(self._parts):  # who passes on a part of a code is known after the one who takes it
            known = len(self._parts)
            for module in modules:
                self._follow(module)

    @property
    def codes(self) -> set[str]:
        """The codes without their places."""
        return {use.code for use in self.made}

    def _index(self, module: _Module) -> None:
        for node in module.nodes:
            if isinstance(node, _Function):
                is_method = isinstance(module.parents.get(node), ast.ClassDef)
                parameters, needed = _parameters(node)[is_method:], len(_parameters(node)) - len(_defaults(node))
                self._functions[node.name][module.name].append(node)
                takes_more = node.args.vararg is not None or node.args.kwarg is not None
                taker = _Taker(parameters, max(needed - is_method, 0), is_method, takes_more)
                self._takers[node.name][module.name].append(taker)
            elif isinstance(node, ast.ClassDef):
                self._takers[node.name][module.name].append(_Taker(self._made_of(module, node), 0, False))

    def _made_of(self, module: _Module, node: ast.ClassDef) -> list[str]:
        """Return what a class takes: the parameters of `__init__`, its own or a base's, or the fields."""
        for each in node.body:
            if isinstance(each, _Function) and each.name == "__init__":
                return _parameters(each)[1:]
        fields = [_last(one.target) for one in node.body if isinstance(one, ast.AnnAssign)]
        if any("dataclass" in ast.unparse(each) for each in node.decorator_list):
            return fields
        for base in map(_last, node.bases):
            if base in _RECORDS:
                return fields
            source, name = module.imported.get(base, (module.name, base))
            for each in self._modules[source].nodes if source in self._modules else ():
                if isinstance(each, ast.ClassDef) and each.name == name and each is not node:
                    own = fields if any(_last(one) in _RECORDS for one in each.bases) else []
                    return [*self._made_of(self._modules[source], each), *own]
        return []

    def _follow(self, module: _Module) -> None:
        for node in module.nodes:
            if isinstance(node, ast.Call):
                for name, taker in self._called(module, node):
                    for parameter, argument in _passed(taker, node) if taker.fits(node) else ():
                        if sink := self._sink(name, parameter):
                            self._take(module, argument, sink, strict=parameter == "code")
                if _last(node.func) == "say" and len(node.args) > 1:
                    self._note_levels(module, node)
                for keyword in node.keywords:  # say(..., code=...) has no parameter of that name
                    if keyword.arg in _NAMES:
                        self._take(module, keyword.value, _Sink(HOLE, False))
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "attr", "") in _NAMES:
                self._take(module, node.value, _Sink(HOLE, False))
            elif isinstance(node, _Function):
                for parameter, default in _defaults(node).items():
                    if sink := self._sink(node.name, parameter):
                        self._take(module, default, sink)
                if node.name in _NAMES and any(_last(each) == "property" for each in node.decorator_list):
                    for result in _results(node):
                        self._take(module, result, _Sink(HOLE, False))
            elif isinstance(node, ast.ClassDef) and node.name not in _OF_OTHERS:
                for each in node.body:  # the default of a field
                    if isinstance(each, ast.AnnAssign) and _last(each.target) in _NAMES and each.value is not None:
                        self._take(module, each.value, _Sink(HOLE, False))

    def _note_levels(self, module: _Module, call: ast.Call) -> None:
        """Note at which levels an event is logged: `say(logging.ERROR, "file.grown")`."""
        level: ast.expr = call.args[0]
        function = _enclosing(call, module.parents, _Function)
        if isinstance(level, ast.Name) and isinstance(function, _Function):
            level = next((value for value, _, _ in _given_to(function, level.id)), level)
        words = {each.attr.lower() for each in ast.walk(level) if isinstance(each, ast.Attribute)}
        event = call.args[1]
        if isinstance(event, ast.JoinedStr):
            names = ["".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in event.values)]
        else:
            names = [text for text in self._texts(module, event, _Sink(HOLE, True), set()) if text is not None]
        for name in names:
            self.levels[name] |= words

    def _called(self, module: _Module, call: ast.Call) -> Iterator[tuple[str, _Taker]]:
        """Yield what a call may mean: by the import, else every method, or function, of that name."""
        name = _last(call.func)
        if name == "__init__":  # super().__init__(code, ...)
            owner = _enclosing(call, module.parents, ast.ClassDef)
            bases = owner.bases if isinstance(owner, ast.ClassDef) else []
            yield from self._classes(module, _last(bases[0]) if bases else "")
        elif isinstance(call.func, ast.Name):
            yield from self._classes(module, name)
        elif isinstance(call.func, ast.Attribute):
            owner_name = _last(call.func.value)
            source = ".".join(module.imported.get(owner_name, ("", ""))).strip(".")
            for where, takers in self._takers.get(name, {}).items():
                yield from ((name, each) for each in takers if each.is_method or where == source)

    def _classes(self, module: _Module, name: str) -> Iterator[tuple[str, _Taker]]:
        several = self._takers.get(name, {})
        own = several.get(module.name) or several.get(self._home(*module.imported.get(name, ("", ""))), [])
        yield from ((name, each) for each in own if not each.is_method)

    def _home(self, source: str, name: str) -> str:
        """Return the module that a name is made in, through the packages that pass it on."""
        other = self._modules.get(source)
        return self._home(*other.imported[name]) if other is not None and name in other.imported else source

    def _take(self, module: _Module, value: ast.expr, sink: _Sink, *, strict: bool = False) -> None:
        """Note the codes that may come to what takes one."""
        if sink.template != HOLE and isinstance(value, ast.Name) and self._is_passed_on(module, value, sink):
            return
        where = f"{module.path}:{value.lineno}"
        for text in self._texts(module, value, sink, set()):
            if text is None:
                if strict and isinstance(value, ast.JoinedStr | ast.BinOp):
                    self.unfollowed.add(f"{where}: {ast.unparse(value)}")
                continue
            code = sink.template.replace(HOLE, text, 1)
            if _COMPUTED.fullmatch(code) or code in _WORDS:
                self.made.add(Use(code, where, sink.is_event))

    def _texts(self, module: _Module, value: ast.expr, sink: _Sink, seen: set[int]) -> Iterator[_Text]:
        if id(value) in seen:
            return
        seen.add(id(value))
        match value:
            case ast.Constant():
                if isinstance(value.value, str):
                    yield value.value
            case ast.IfExp():
                yield from self._texts(module, value.body, sink, seen)
                yield from self._texts(module, value.orelse, sink, seen)
            case ast.BoolOp():
                for each in value.values:
                    yield from self._texts(module, each, sink, seen)
            case ast.JoinedStr():
                yield from self._joined(module, value, sink, seen)
            case ast.Call():
                yield from self._returned(module, value, sink, seen)
            case ast.Subscript() if isinstance(value.value, ast.Name):
                yield from self._part(module, value.value, sink, seen)
            case ast.Name():
                yield from self._named(module, value, sink, seen)
            case ast.Starred():
                yield from self._texts(module, value.value, sink, seen)
            case ast.Tuple() | ast.List() | ast.Dict():
                yield from _all_texts(value)
            case ast.BinOp():
                yield None

    def _joined(self, module: _Module, value: ast.JoinedStr, sink: _Sink, seen: set[int]) -> Iterator[_Text]:
        """Yield an f-string with what its one part may be; with a HOLE for what only the run knows."""
        parts = [part for part in value.values if isinstance(part, ast.FormattedValue)]
        if any(isinstance(part.value, ast.Attribute) and part.value.attr in _PASSED_ON for part in parts):
            return  # a code that was made elsewhere, with more behind it
        wrap = "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in value.values)
        if len(parts) != 1 or sink.template != HOLE or not _COMPUTED.fullmatch(wrap):
            yield None
            return
        inner = parts[0].value
        if isinstance(inner, ast.Name) and self._is_passed_on(module, inner, _Sink(wrap, sink.is_event)):
            return
        for each in [text for text in self._texts(module, inner, sink, seen) if text is not None] or [HOLE]:
            yield wrap.replace(HOLE, each, 1)

    def _is_passed_on(self, module: _Module, name: ast.Name, sink: _Sink) -> bool:
        """Say whether a part of a code is a parameter: it is followed where the function is called."""
        function = _enclosing(name, module.parents, _Function)
        if not isinstance(function, _Function) or name.id not in _parameters(function):
            return False
        if list(_given_to(function, name.id)) or self._literal(module, function, name.id):
            return False
        self._parts[function.name, name.id] = sink
        return True

    def _sink(self, function: str, parameter: str) -> _Sink | None:
        template = _MORE.get((function, parameter)) or (HOLE if parameter in _NAMES else "")
        is_event = function in _EVENTS and parameter != "code"
        plain = _Sink(template, is_event) if template and function not in _OF_OTHERS else None
        return self._parts.get((function, parameter), plain)

    def _returned(self, module: _Module, call: ast.Call, sink: _Sink, seen: set[int]) -> Iterator[_Text]:
        name = _last(call.func)
        if name == "get" and isinstance(call.func, ast.Attribute):
            yield from self._part(module, call.func.value, sink, seen)
            for default in call.args[1:]:
                yield from self._texts(module, default, sink, seen)
            return
        source = self._home(*module.imported.get(name, (module.name, name)))
        functions = self._functions.get(name, {}).get(source, [])
        for function in functions:
            for value in _results(function):
                yield from self._texts(self._modules[source], value, sink, seen)

    def _rows(self, module: _Module, call: ast.Call) -> Iterator[ast.expr]:
        """Yield what a function of the same module yields."""
        for function in self._functions.get(_last(call.func), {}).get(module.name, []):
            yield from _results(function)

    def _named(self, module: _Module, name: ast.Name, sink: _Sink, seen: set[int]) -> Iterator[_Text]:
        function = _enclosing(name, module.parents, _Function)
        while isinstance(function, _Function):
            if values := list(_given_to(function, name.id)):
                for value, at, in_rows in values:
                    if in_rows:
                        yield from self._part(module, value, sink, seen, at)
                    elif at is None:
                        yield from self._texts(module, value, sink, seen)
                    elif isinstance(value, ast.Tuple) and at >= 0:
                        yield from self._texts(module, value.elts[at], sink, seen)
                    else:
                        yield from self._part(module, value, sink, seen)
                return
            if name.id in _parameters(function):
                if self._sink(function.name, name.id) is None:  # else it is followed where the function is called
                    yield from self._literal(module, function, name.id)
                return
            function = _enclosing(function, module.parents, _Function)
        constant = self._constant(module, name.id)
        yield from [] if constant is None else self._texts(module, constant, sink, seen)

    def _part(
        self, module: _Module, value: ast.expr, sink: _Sink, seen: set[int], at: int | None = None
    ) -> Iterator[_Text]:
        """Yield every text of a table of which a part is taken; of rows that functions yield, what they have `at`."""
        is_view = isinstance(value, ast.Call) and _last(value.func) in ("items", "values", "get")
        inner = value.func if isinstance(value, ast.Call) and is_view else value
        if isinstance(inner, ast.Attribute | ast.Subscript):
            yield from self._part(module, inner.value, sink, seen)
        elif isinstance(value, ast.Name) and (constant := self._constant(module, value.id)) is not None:
            yield from self._part(module, constant, sink, seen)
        elif isinstance(value, ast.Name | ast.Call):
            yield from self._texts(module, value, sink, seen)
        elif at is not None and at >= 0 and isinstance(value, ast.Tuple) and _is_table(value, at):
            for row in value.elts:
                yield from self._texts(module, row.elts[at], sink, seen) if isinstance(row, ast.Tuple) else ()
        else:
            texts = _all_texts(value)
            names = [each.id for each in ast.walk(value) if isinstance(each, ast.Name)]
            for constant in filter(None, (self._constant(module, each) for each in names)):
                texts += _all_texts(constant)
            yield from texts
            for each in getattr(value, "elts", ()):
                if isinstance(each, ast.Starred) and isinstance(each.value, ast.Call):
                    for row in self._rows(module, each.value):
                        cell = row.elts[at or 0] if isinstance(row, ast.Tuple) and at != -1 else row
                        yield from self._texts(module, cell, sink, seen)

    def _constant(self, module: _Module, name: str) -> ast.expr | None:
        if name in module.constants:
            return module.constants[name]
        source, original = module.imported.get(name, ("", ""))
        other = self._modules.get(self._home(source, original)) if source else None
        return self._constant(other, original) if other is not None and other is not module else None

    def _literal(self, module: _Module, function: _Function, name: str) -> list[_Text]:
        """Return what a parameter may be, where its type says so: `Literal["write", "ack"]`, or a name for that."""
        given = function.args
        for each in (*given.posonlyargs, *given.args, *given.kwonlyargs):
            kind = each.annotation
            if each.arg == name and isinstance(kind, ast.Name):
                kind = self._constant(module, kind.id)
            if each.arg == name and isinstance(kind, ast.Subscript) and _last(kind.value) == "Literal":
                return _all_texts(kind.slice)
        return []


def words_like_codes(package: Path = PACKAGE, *, compared: bool = True) -> Iterator[tuple[str, str]]:
    """Return every text of the package that looks like a code, and where it stands; a computed one with its HOLE.

    Without those that are only `compared` with another text, where that is not asked for.
    """
    return ((word, where) for word, where, only_compared in _words(package) if compared or not only_compared)


@cache
def _words(package: Path) -> tuple[tuple[str, str, bool], ...]:
    return tuple(_words_in(package))


def _words_in(package: Path) -> Iterator[tuple[str, str, bool]]:
    """Yield word, place, and whether it is only compared with another text."""
    for path in sorted(package.rglob("*.py")):
        where = path.relative_to(package.parent).as_posix()
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        compared = {id(each) for node in nodes if isinstance(node, ast.Compare) for each in ast.walk(node)}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOTTED.fullmatch(node.value):
                yield node.value, f"{where}:{node.lineno}", id(node) in compared
            elif isinstance(node, ast.JoinedStr):
                parts = (str(each.value) if isinstance(each, ast.Constant) else HOLE for each in node.values)
                if re.fullmatch(r"[a-z][a-z0-9]*\.\{\}", text := "".join(parts)):
                    yield text, f"{where}:{node.lineno}", id(node) in compared
    for path in sorted(package.rglob("*.sql")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for word in re.findall(rf"'({_DOTTED.pattern})'", line):
                yield word, f"{path.relative_to(package.parent).as_posix()}:{number}", False


def _read(path: Path, name: str) -> _Module:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            constants[node.target.id] = node.value
    imported: dict[str, tuple[str, str]] = {}
    nodes = list(ast.walk(tree))
    for each in nodes:
        if isinstance(each, ast.ImportFrom) and each.module:
            imported |= {one.asname or one.name: (each.module, one.name) for one in each.names}
    parents = {child: parent for parent in nodes for child in ast.iter_child_nodes(parent)}
    dotted = name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    return _Module(dotted, name, nodes, constants, imported, parents)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _enclosing(node: ast.AST, parents: dict[ast.AST, ast.AST], kind: type | tuple[type, ...]) -> ast.AST | None:
    above = parents.get(node)
    while above is not None and not isinstance(above, kind):
        above = parents.get(above)
    return above


def _parameters(function: _Function) -> list[str]:
    given = function.args
    return [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def _defaults(function: _Function) -> dict[str, ast.expr]:
    """Return the parameters that have a default, with it."""
    given = function.args
    placed = [each.arg for each in (*given.posonlyargs, *given.args)][-len(given.defaults) or len(given.args) :]
    named = zip((each.arg for each in given.kwonlyargs), given.kw_defaults, strict=True)
    return dict(zip(placed, given.defaults, strict=False)) | {name: each for name, each in named if each is not None}


def _results(function: _Function) -> Iterator[ast.expr]:
    """Yield what a function returns or yields."""
    for node in ast.walk(function):
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) and node.value is not None:
            yield node.value


def _passed(taker: _Taker, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """Yield each parameter with what is passed in it; what stands behind `*several` may be in any that is left."""
    star = next((at for at, each in enumerate(call.args) if isinstance(each, ast.Starred)), len(call.args))
    yield from zip(taker.parameters, call.args[:star], strict=False)
    for argument in call.args[star + 1 :]:
        yield from ((each, argument) for each in taker.parameters[star:])
    yield from ((each.arg, each.value) for each in call.keywords if each.arg is not None)


def _given_to(function: _Function, name: str) -> Iterator[tuple[ast.expr, int | None, bool]]:
    """Yield what a local name is given, which part (None all, -1 not known), and whether that is one of each row."""
    for node in ast.walk(function):
        pairs: list[tuple[ast.expr, ast.expr, bool]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value, False) for target in node.targets]
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            pairs = [(node.target, node.value, False)]
        elif isinstance(node, ast.For | ast.comprehension):
            pairs = [(node.target, node.iter, True)]
        for target, value, rows in pairs:
            if isinstance(target, ast.Name) and target.id == name:
                yield value, -1 if rows else None, rows
            elif isinstance(target, ast.Tuple):
                plain = [_last(one) for one in target.elts]
                if any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(target)):
                    yield value, plain.index(name) if name in plain else -1, rows


def _is_table(value: ast.Tuple, at: int) -> bool:
    return all(isinstance(row, ast.Tuple) and at < len(row.elts) for row in value.elts)


def _all_texts(node: ast.expr) -> list[_Text]:
    return [each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]
