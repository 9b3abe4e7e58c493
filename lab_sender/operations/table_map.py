"""A suggested format of `inputs.csv` as text for config.yaml, and what the reader makes of the file with it.

Holds: how lines of a suggestion are written, and the trial of what was written.
Promises: the text is read as the configuration's own; a line that a person must decide is a comment that begins with
`# ?`, and counts when that is taken away. No cell of the file is in it.
Never: writes to a file.
"""

from __future__ import annotations

import datetime
import fnmatch
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lab_sender.errors import FileError, Finding
from lab_sender.operations.installation import Installation
from lab_sender.operations.sending import read_file
from lab_sender.operations.values import FORMAT, Found, Value, about, found
from lab_sender.operations.wording import plural
from lab_sender.operations.yaml_words import quoted, value_text
from lab_sender.oru import Builder
from lab_sender.readers import BadItem, Inputs, ReportItem, attachment_paths, kind_of, read
from lab_sender.readers.csv.suggest.suggest import suggest
from lab_sender.readers.csv.suggest.suggestion import Line, Suggestion

if TYPE_CHECKING:
    from lab_sender.config.load import Config

_COUNT = ("known", "guess")  # states of lines that are no comment
_COLUMN_OF_WHY = 44
_MOST_TOLD = 20  # findings
_LARGEST_BYTES = 64 << 20
"""How large a table may be where no configuration says so."""


class TableMap(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/map/1"):
    """The lines of configuration that a table needs."""

    text: Annotated[str, about("Lines for config.yaml. They hold headings of the table, but no cell.")]
    open: Annotated[int, about("How many things in them a person must decide.")]
    findings: Annotated[tuple[Found, ...], about("Why the table cannot be sent all the same.")]


def map_file(installation: Installation, file: Path) -> TableMap:
    """Suggest a format for the table in a file; works without a configuration too.

    Raises ConfigError, Later while the file is being written, and FileError for what is no table.
    """
    config = installation.config if installation.is_configured else None
    largest = config.intake.largest_file_bytes if config is not None else _LARGEST_BYTES
    return map_table(read_file(file, largest), file.name, config)


def map_table(data: bytes, name: str, config: Config | None = None) -> TableMap:
    """Suggest a format for a table, and try it; `config` is the one in use, if there is one. Raises FileError."""
    inputs = config.inputs if config is not None else Inputs()
    _want_table(data, name, inputs)
    suggestion = suggest(data, name)
    body = "\n".join(_body(suggestion)) + "\n"
    findings = () if suggestion.open else tuple(_tried(data, name, body, inputs, config))
    head = "".join(f"# {line}\n" for line in _head(suggestion, findings, name, config))
    return TableMap(head + body, suggestion.open, found(findings))


def _head(suggestion: Suggestion, findings: tuple[Finding, ...], name: str, config: Config | None) -> Iterator[str]:
    rows = plural(suggestion.rows, "row")
    yield f"A format for tables like this one: {rows} below the header, which is row {suggestion.header_row}."
    yield "Where config.yaml has `inputs:` and `csv:` already, put what begins with `- files` first in its list."
    fits = [form.files for form in config.inputs.csv if _fits(name, form.files)] if config is not None else []
    if fits:
        yield f"It must stand above the format {quoted(fits[0])} there, which fits this file too."
    if suggestion.open:
        yield f"Open: {plural(suggestion.open, 'thing')}, which a person must decide. In a line with `# ?`, take that"
        yield "away, and write what the column is, by a name of docs/files/csv.md, or leave the value as it stands."
        yield "What `# !` says is solved by another line."
    elif findings:
        yield "Nothing is open, but the file cannot be sent as it is:"
        for finding in findings[:_MOST_TOLD]:
            where = f" at {finding.place}" if finding.place else ""
            yield f"  {finding.code}{where}: {finding.text} {finding.hint}".rstrip()
        if len(findings) > _MOST_TOLD:
            yield f"  and {len(findings) - _MOST_TOLD} more."
    else:
        yield "Nothing is open. Read the guesses, then see what `lab-sender preview` makes of the file."


def _body(suggestion: Suggestion) -> Iterator[str]:
    yield "inputs:"
    yield "  csv:"
    yield f"    - files: {value_text(suggestion.files)}"
    for line in suggestion.settings:
        yield _written(line, 6)
    yield from _section("columns", suggestion.columns, 6)
    for need in suggestion.needs:
        yield f"{' ' * 8}# ! {need}"
    if suggestion.tests:
        yield "      wide:"
        for line in suggestion.wide:
            yield _written(line, 8)
        yield "        tests:"
        for line, unit in suggestion.tests:
            said = f"{{unit: {value_text(unit)}}}" if unit else "{}"
            yield _aligned(f"{' ' * 10}{quoted(line.key)}: {said}", line.why)


def _section(key: str, lines: Iterable[Line], indent: int) -> Iterator[str]:
    """Write a section; its key is a comment where all of it is."""
    lines = list(lines)
    if lines:
        counts = any(line.state in _COUNT for line in lines)
        yield f"{' ' * indent}{'' if counts else '# ? '}{key}:"
        for line in lines:
            yield _written(line, indent + 2)


def _written(line: Line, indent: int) -> str:
    mark = "" if line.state in _COUNT else "# ? " if line.state == "open" else "# "
    return _aligned(f"{' ' * indent}{mark}{quoted(line.key)}: {_value(line)}", line.why)


def _aligned(text: str, why: str) -> str:
    return f"{text:<{_COLUMN_OF_WHY}}  # {why}"


def _value(line: Line) -> str:
    if isinstance(line.value, bool):
        return "true" if line.value else "false"
    if isinstance(line.value, tuple):
        return f"[{', '.join(line.value)}]"
    return value_text(line.value)


def _fits(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name.lower(), pattern.lower())


def _want_table(data: bytes, name: str, inputs: Inputs) -> None:
    """Reject a file that is no table."""
    if kind_of(data, inputs) != "csv":
        kind = read(data, name, inputs).kind  # raises what is wrong with it, where it cannot be read
        hint = "See what becomes of it: lab-sender preview FILE."
        raise FileError.of("file.no-table", f"The file is no table, but {kind}: it needs no map.", hint=hint)


def _tried(data: bytes, name: str, body: str, inputs: Inputs, config: Config | None) -> Iterator[Finding]:
    """Read the file with what was written, build its messages, and give what keeps them from being sent."""
    from lab_sender.config.profile import builtin
    from lab_sender.config.text.tree import read as read_tree

    settings = Inputs.model_validate(read_tree(body, {}).tree["inputs"])
    builder = Builder(config.message if config is not None else builtin())
    try:
        items = read(data, name, inputs.model_copy(update={"csv": settings.csv})).items
    except FileError as error:
        yield from error.findings
        return
    for item in items:
        if isinstance(item, BadItem):
            yield from item.findings
        elif isinstance(item, ReportItem) and not attachment_paths(item.report):
            now = datetime.datetime.now().astimezone()
            try:
                builder.build(item.report, control_id="EXAMPLE", now=now, attachments={}, place=item.place)
            except FileError as error:
                yield from item.located(error.findings)
