"""Every code is explained: the registry, the package's code and the documents agree.

Holds: the comparison in both directions, by reading the package's syntax trees (kit/codes_used.py); what holds a run
of the tests against the registry is in conftest.py.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import codes as codes_page
import pytest
from kit.codes_seen import CodesSeen, unregistered
from kit.codes_used import HOLE, PACKAGE, Uses, words_like_codes

from lab_sender.codes import KINDS, LEVELS, WAITS, find, near, registry
from lab_sender.codes.registry import read
from lab_sender.config.load import config_schema, profile_schema
from lab_sender.errors import Finding, LabSenderError

DOCS = Path(__file__).parents[1] / "docs"
FOLDER = PACKAGE / "codes"
_MOST_PLACES = 3
_NEVER = frozenset(("tls.aborted", "lane.operator"))
"""What the reading of an f-string gives, and the code around it excludes."""
_NO_CODES = frozenset(
    (
        *("agent.lock", "agent.beat", "journal.db", "journal.mark", "metrics.prom", "outbox.id"),  # files
        *("config.yaml", "records.sql", "login.html", "message.html", "messages.html", "audit.html", "alerts.html"),
        *("bulk.html", "log.html"),
        *("log.file", "his.tls", "retention.archive", "retention.content"),  # settings of config.yaml
        *("text.multiline", "text.structured", "text.unencodable"),  # settings of a profile
        *("patient.address", "patient.ids", "patient.name", "patient.notes", "patient.phones"),  # keys of a report
    )
)
"""Texts of the package that look like codes: a family of codes has the same first word."""


@cache
def used() -> Uses:
    return Uses()


def _plain(name: str) -> str:
    return re.sub(r"\{.*?\}", HOLE, name)


# ------------------------------------------------------------ made and registered


def test_every_code_that_is_made_is_registered() -> None:
    """Also one that is only compared with, and one that comes to its place in a way that is not followed."""
    missing: dict[str, set[str]] = defaultdict(set)
    for use in used().made:
        if not _is_registered(use.code):
            missing[use.code].add(use.where)
    families = {name.partition(".")[0] for name in registry() if "." in name}
    for word, where in words_like_codes():
        of_ours = word.partition(".")[0] in families and word not in _NO_CODES and HOLE not in word
        if of_ours and not _is_registered(word):
            missing[word].add(where)
    if missing:
        pytest.fail(_what_to_add(missing), pytrace=False)


def test_every_registered_code_is_made() -> None:
    made = used().codes | {word for word, _ in words_like_codes(compared=False)}
    entered = {_plain(name) for name in registry()}
    templates = [_pattern(code) for code in made if HOLE in code and code not in entered]
    dead = [
        name
        for name, code in registry().items()
        if _plain(name) not in made
        and not any(each.fullmatch(name) for each in templates)
        and "answer" not in code.kinds
    ]
    assert not dead, (
        f"Nothing makes these codes any more: {', '.join(dead)}. Take their entries out of lab_sender/codes/*.toml,"
        " or rename them there, and in the documents; then `make codes`."
    )


def test_no_code_is_put_together_in_a_way_that_nobody_can_follow() -> None:
    assert not used().unfollowed, (
        f"A code is put together here of several parts: {sorted(used().unfollowed)}. Write codes as whole words, or"
        ' with one computed part behind the dot, f"io.{name}", and register them with that part in braces.'
    )


def test_events_and_their_levels_are_those_of_the_log() -> None:
    """A code that is logged or recorded is an event in the registry, with the levels of its `say`."""
    for code in {use.code for use in used().made if use.is_event} - _NEVER:
        names = [name for name in registry() if name == code or (HOLE in code and _pattern(code).fullmatch(name))]
        assert any("event" in registry()[name].kinds for name in names), f'{code} is logged: its kind is "event"'
    for event, levels in used().levels.items():
        names = [name for name, code in registry().items() if _pattern(event).fullmatch(name) and code.levels]
        entered = {level for name in names for level in registry()[name].levels}
        assert entered >= levels, f"{event} is logged at {sorted(levels)}: write it as `level` of its entry"
        assert HOLE in event or entered == levels, f"{event} is logged at {sorted(levels)} only"
    for name, code in registry().items():
        logged = any(_pattern(event).fullmatch(name) for event in used().levels)
        assert logged or not code.levels, f"{name} is not logged, and has a level"


def _is_registered(code: str) -> bool:
    """Say whether a code has an entry; of one with a HOLE that cannot be filled, whether any code like it has."""
    plain = {_plain(name) for name in registry()}
    return code in plain | _NEVER or (HOLE in code and any(_pattern(code).fullmatch(name) for name in registry()))


def _pattern(code: str) -> re.Pattern[str]:
    return re.compile(re.escape(code).replace(re.escape(HOLE), "[a-z0-9-]+"))


def _what_to_add(missing: Mapping[str, set[str]]) -> str:
    """Write the entries that are to be filled in, each with the file that has its family."""
    homes: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        for name in re.findall(r"^\[([^\].]+)\.", path.read_text(encoding="utf-8"), re.MULTILINE):
            homes.setdefault(name, path.name)
    lines = [
        "These codes are made, and nobody has explained them. Read the place where each is made, then write its",
        "entry (lab_sender/codes/registry.py says how one is written), and type `make codes`. What is no code is",
        "named in _NO_CODES of tests/test_codes.py.",
    ]
    events = {use.code for use in used().made if use.is_event}
    for code, places in sorted(missing.items()):
        family, _, rest = code.partition(".")
        home = homes.get(family, "ONE OF THE FILES.toml")
        lines += ["", f"  # lab_sender/codes/{home}", f"  # made at {', '.join(sorted(places)[:_MOST_PLACES])}"]
        lines += [f'  [{family}."{rest}"]' if HOLE in rest else f"  [{code}]"]
        if code in events:
            levels = sorted(used().levels.get(code, ()))
            lines += ['  kind = "event"', *([f"  level = {levels}"] if levels else [])]
        lines += [f"  waits =    # one of {', '.join(WAITS)}", "  means = ", "  next = "]
    return "\n".join(lines)


# ------------------------------------------------------------ the registry itself


def test_the_sentences_are_sentences() -> None:
    for name, code in registry().items():
        for text in (code.means, code.next, *code.members.values()):
            assert re.search(r"[.?](\*\*)?$", text), f"{name}: {text}"
            assert text[0].isupper() or text.startswith(("`", "lab-sender")), f"{name}: {text}"
            assert "  " not in text
            assert not re.search(r"set aside|lay aside|laid aside|\btold\b|quarantened", text), f"{name}: {text}"


def test_the_settings_that_are_named_exist() -> None:
    """`his.retry.refused`, `inputs.csv: columns`, `message.charset`, `places` of a profile."""
    known = _known_settings()
    firsts = {name.partition(".")[0] for name in known}
    for name, code in registry().items():
        for said in re.findall(r"`([a-z_]+(?:\.[a-z_0-9]+)+)(?:: [^`]+)?`", f"{code.means} {code.next}"):
            if said.partition(".")[0] in firsts and find(said) is None:
                assert said in known, f"{name} names the setting {said}, which is not there"


def _known_settings() -> set[str]:
    """Name all settings: of config.yaml, and of a profile with `message.` before it and without."""
    profile = set(_settings(profile_schema(), profile_schema()))
    known = {*_settings(config_schema(), config_schema()), "journal.db"}  # the file, which looks like a setting
    return {*known, *profile, *(f"message.{name}" for name in profile)}


def _settings(schema: dict, whole: dict, above: str = "", deep: int = 0) -> Iterator[str]:
    """Yield the dotted names of all settings of a JSON Schema."""
    if deep > 6:
        return
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    for key, inner in schema.get("properties", {}).items():
        yield f"{above}{key}"
        yield from _settings(inner, whole, f"{above}{key}.", deep + 1)
    for part in (*schema.get("anyOf", ()), *schema.get("allOf", ()), schema.get("items", {})):
        if isinstance(part, dict):
            yield from _settings(part, whole, above, deep + 1)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ('waits = "file"\nmeans = "It is."', "needs means and next"),
        ('means = "It is."\nnext = "Nothing."', "waits: nothing; known are file"),
        ('waits = "dog"\nmeans = "It is."\nnext = "Nothing."', "waits: dog"),
        ('waits = "file"\nkind = "mishap"\nmeans = "It is."\nnext = "Nothing."', "kind: mishap"),
        ('waits = "file"\nlevel = "loud"\nmeans = "It is."\nnext = "Nothing."', "level: loud"),
        ('waits = "file"\nmeans = "It is."\nnext = "Nothing."\nhint = "No."', "unknown keys: hint"),
    ],
)
def test_a_wrong_entry_is_named(entry: str, why: str) -> None:
    with pytest.raises(ValueError, match=rf"x\.toml: \[a\.b\].*{re.escape(why)}"):
        list(read(f'title = "T"\n[a.b]\n{entry}', "x.toml"))


def test_an_entry_is_read() -> None:
    text = 'title = "T"\nmore = "X.md"\n[a."{b}"]\nwaits = ["file", "nobody"]\nmeans = "M."\nnext = "N."\n'
    (code,) = read(text + 'open = true\n[a."{b}".members]\nc = "C."', "x.toml")
    assert (code.name, code.subject, code.kinds, code.waits) == ("a.{b}", "T", ("error",), ("file", "nobody"))
    assert (code.means, code.next, code.more) == ("M.", "N.", "X.md")
    assert (code.members, code.is_open, code.is_computed, code.levels) == ({"c": "C."}, True, True, ())


def test_what_is_copied_from_a_screen_is_found() -> None:
    for word in ("csv.header", "csv.header:", "`csv.header`", "csv.header,"):
        assert find(word) is registry()["csv.header"]
    assert find("refused") is not None
    assert find("AE") is not None
    assert find("") is None
    assert find(".") is None
    assert find("csv") is None
    assert find("csv.") is None


def test_computed_codes_are_found_by_their_members() -> None:
    full = find("journal.full")
    assert full is not None
    assert full.next.startswith("The journal's disk is full")
    upper, lower = find("io.EACCES"), find("io.eacces")
    assert upper is not None
    assert lower is not None
    assert upper.next == lower.next
    narrower = find("journal.busy_snapshot")
    assert narrower is not None
    assert narrower.next.startswith("Another program has locked")
    assert find("journal.nothing-like-that") is None  # its members are all that can occur
    assert find("io.eproto") is not None  # any error of the system
    assert find("bug.KeyError") is not None


def test_a_slip_is_asked_for() -> None:
    assert near("csv.colum-missing") == ("csv.column-missing",)
    assert near("connect.refsued") == ("connect.refused",)
    assert near("astm.cutoff") == ("astm.cut-off",)
    assert near("column-unknown") == ("csv.column-unknown",)
    assert near("json.cut-off") == ("astm.cut-off",)
    assert set(near("lane")) <= {name for name in registry() if name.startswith("lane.")} != set()
    assert near("zzz") == ()


def test_nobody_pays_for_the_registry_who_does_not_ask() -> None:
    modules = "lab_sender.cli.main, lab_sender.agent.process, lab_sender.operations.status"
    code = f"import sys, {modules}; print(*(each for each in sys.modules if 'lab_sender.codes' in each))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""


def test_the_registry_is_part_of_what_is_installed() -> None:
    settings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["lab_sender"]
    files = [path.relative_to(PACKAGE).as_posix() for path in FOLDER.iterdir() if path.suffix not in (".py", "")]
    assert files
    assert [name for name in files if not any(fnmatch(name, pattern) for pattern in patterns)] == []


# ------------------------------------------------------------ the documents


def test_the_page_is_made_from_the_registry() -> None:
    page = codes_page.PAGE.read_text(encoding="utf-8")
    assert page == codes_page.page(), "docs/CODES.md is not what the registry says: `make codes` writes it"
    for name, code in registry().items():
        assert page.count(f"\n| `{name}`") == 1, name
        for member in code.members:
            assert f"`{name.partition('{')[0]}{member}`" in page


@pytest.mark.parametrize("document", sorted(DOCS.rglob("*.md")), ids=lambda path: path.name)
def test_tables_of_codes_hold_codes(document: Path) -> None:
    """Where a document has a table whose first column is codes or events, all of them are registered."""
    for head, rows in _tables(document.read_text(encoding="utf-8")):
        if re.match(r"(code|event)\b", head, re.IGNORECASE):
            for row in rows:
                for word in re.findall(r"`([^`]+)`", row):
                    assert find(word) is not None or word in registry(), f"{word} is no code"


@pytest.mark.parametrize("page", ["OPERATING", "SYMPTOMS", "SERVICE", "NIGHT"])
def test_codes_in_the_text_of_a_page_exist(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    families = {name.partition(".")[0] for name in registry() if "." in name}
    others = _NO_CODES | _known_settings()
    for word in re.findall(r"`([a-z0-9]+\.[a-z][a-z0-9_-]*)`", text):
        if word.partition(".")[0] in families and word not in others:
            assert find(word) is not None, f"{word} is no code"


def _tables(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the first cell of each table's head, and the first cells of its rows."""
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        cells = [re.split(r"(?<!\\)\|", line)[1].strip() for line in table.splitlines()]
        yield cells[0], cells[2:]


# ------------------------------------------------------------ the instruments


_MADE_UP = '''
"""A package of one module, with every way in which a code is made."""
import logging
from lab_sender.log import say
CONSTANT = "way.constant"
TABLE = {"a": ("way.table", "text"), "b": ("way.table-too", "text")}
ROWS = ((b"%", "way.row", "a text"), (b"&", "way.row-too", "another"))

class LabSenderError(Exception):
    def __init__(self, code, text, *, hint=""): ...

class Narrow(LabSenderError):
    """Takes what its base takes."""

class Wide(LabSenderError):
    def __init__(self, phase, code, text):
        super().__init__(code, text)

class Finding:
    code: str
    @classmethod
    def of(cls, code, text): ...

Ends = Literal["", "first", "last"]

def made(one, many, name, phase: Literal["write", "ack"], end: Ends):
    LabSenderError("way.plain", "text")
    Narrow("way.inherited", "text")
    Wide("p", "way.second", "text")
    Finding.of("way.classmethod", "text")
    LabSenderError(CONSTANT, "text")
    LabSenderError("way.either" if one else "way.or", "text")
    code, text = TABLE[one]
    LabSenderError(code, text)
    for mark, code, what in ROWS:
        LabSenderError(code, what)
    local = "way.local"
    LabSenderError(code=local, text="text")
    LabSenderError(f"way.{name.lower()}", "text")
    LabSenderError(f"{phase}.timeout", "text")
    LabSenderError(f"end.{end}", "text")
    passes_on("waiting")
    Narrow.several("p", *many, "way.behind-a-star")
    Record("way.record", "text")
    one.add(one)
    for code, setting, text in (*rows(), *one):
        LabSenderError(code, text)
    if one.code == "way.compared":
        ...
    LabSenderError(returned(one), "text")
    LabSenderError(one.code, "text")
    say(logging.ERROR, "way.event", code="way.keyword")
    LabSenderError(f"{one}.{many}", "text")
    one.trouble = "way.attribute"
    one.sent(code="nothing.of-ours")

def passes_on(state):
    part(state)

def part(state):
    LabSenderError(f"state.{state}", "text")

def rows():
    yield "way.yielded", "no.code", "text"

def default(one, code="way.of-a-default"): ...

class Struct: ...

class Base(Struct): ...

class Record(Base):
    code: str
    text: str

class Field:
    code: str = "way.of-a-field"

class Counter:
    def add(self, code, error): ...

    @property
    def code(self):
        return TABLE_OF_ONE[self.one]

    @staticmethod
    def several(where, text, hint, code): ...

TABLE_OF_ONE = {"a": "way.property"}

def returned(one):
    return "way.returned" if one else TABLE.get(one, "way.default")
'''


def test_every_way_of_making_a_code_is_followed(tmp_path: Path) -> None:
    package = tmp_path / "lab_sender"
    package.mkdir()
    (package / "made.py").write_text(_MADE_UP)
    (package / "log.py").write_text("def say(level, event, /, **fields): ...")
    found = Uses(package)
    words = "plain inherited second classmethod constant either or table table-too row row-too local returned default"
    expected = {f"way.{word}" for word in words.split()} | {"way.{}", "write.timeout", "ack.timeout"}
    expected |= {"way.event", "way.keyword", "way.attribute", "nothing.of-ours", "end.first", "end.last"}
    expected |= {"way.behind-a-star", "way.record", "way.yielded", "way.of-a-default", "way.of-a-field"}
    expected |= {"way.property", "state.waiting"}
    assert found.codes == expected
    assert {use.code for use in found.made if use.is_event} == {"way.event"}
    assert found.levels == {"way.event": {"error"}}
    assert [each.partition(": ")[2] for each in found.unfollowed] == ["f'{one}.{many}'"]


def test_every_text_like_a_code_is_seen(tmp_path: Path) -> None:
    package = tmp_path / "lab_sender"
    package.mkdir()
    (package / "made.py").write_text(_MADE_UP)
    (package / "acts.sql").write_text("SELECT 1;\nINSERT INTO attempt VALUES ('write', 'way.sql', '1.5');\n")
    seen = dict(words_like_codes(package))
    assert {"way.plain", "way.row", "way.compared", "way.sql", "way.{}", "end.{}"} <= seen.keys()
    assert seen["way.sql"] == "lab_sender/acts.sql:2"
    assert "way.compared" not in dict(words_like_codes(package, compared=False))


def test_the_package_was_read() -> None:
    """What is made in each of the rooms that make codes, and in each way."""
    some = {"agent.short", "journal.{}", "csv.date-order", "fhir.part", "ack.no-msa", "write.lost", "link.down"}
    more = {"file.image", "profile.timing", "lane.brake", "refused", "commit-only", "io.{}"}
    assert some | more <= used().codes
    assert len(used().codes) > 300


def test_a_code_of_a_run_that_nobody_has_explained_is_found(tmp_path: Path) -> None:
    seen = CodesSeen(tmp_path, 1)

    def around_the_maker(code: str) -> None:
        seen.note(code)

    def by(module: str, code: str) -> None:
        exec("make(code)", {"__name__": module, "code": code, "make": around_the_maker})

    by("lab_sender.room.made_up", "never.explained")
    by("lab_sender.room.made_up", "csv.header")
    by("tests.test_anything", "of.a-test")
    (tmp_path / "agent-1.log").write_text(
        '{"event": "never.logged", "code": "connect.refused"}\n{"event": "lane.held", "why": "never.why"}\n{"ev'
    )
    found = unregistered(tmp_path)
    assert [each.partition(" ")[0] for each in found] == ["never.explained", "never.logged", "never.why"]
    assert "lab_sender.room.made_up:1" in found[0]


def test_the_failure_says_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in registry() if name not in ("csv.header", "file.grown", "io.{errno}")]
    shorter = {name: registry()[name] for name in names}
    monkeypatch.setattr(sys.modules[__name__], "registry", lambda: shorter)
    with pytest.raises(pytest.fail.Exception) as failed:
        test_every_code_that_is_made_is_registered()
    text = str(failed.value)
    assert "# lab_sender/codes/csv.toml\n  # made at lab_sender/readers/csv/" in text
    assert '  [csv.header]\n  waits =    # one of file, message' in text
    assert "  [file.grown]\n  kind = \"event\"\n  level = ['error']" in text
    assert '  [io."{}"]' in text


def test_words_of_the_registry_are_used_by_it() -> None:
    codes = registry().values()
    assert {kind for code in codes for kind in code.kinds} == set(KINDS)
    assert {who for code in codes for who in code.waits} == set(WAITS)
    assert {level for code in codes for level in code.levels} == set(LEVELS)


def test_a_finding_and_an_error_of_this_file_are_no_codes_of_the_package() -> None:
    Finding("of.this-test", "a text")
    LabSenderError("of.this-test-too", "a text")  # conftest.py would fail the run
