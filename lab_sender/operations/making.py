"""The messages that a file becomes, on their way to each destination.

Holds: `made_of`, which reads, builds and routes as the agent does.
Promises: one `Made` for each message and destination, in the file's order, whatever became of it.
Never: writes, or looks into the journal.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lab_sender.errors import FileError, Finding
from lab_sender.operations import beside
from lab_sender.operations.sending import read_file

if TYPE_CHECKING:
    from lab_sender.config.load import Config
    from lab_sender.intake.routing import Route
    from lab_sender.oru import Builder, FieldStory
    from lab_sender.readers import Item, ReadyItem


class Made(NamedTuple):
    """One message on its way: its bytes (None when it cannot be built, or is not taken) and what was found.

    `error` is why it cannot be built, where it was read.
    """

    place: str
    made: str
    body: bytes | None
    findings: tuple[Finding, ...] = ()
    stories: tuple[FieldStory, ...] = ()
    destination: str = ""
    taken: bool | None = None
    route: Route | None = None
    error: FileError | None = None


def made_of(
    file: Path, config: Config, names: Sequence[str], *, explain: bool, are_all: bool
) -> Iterator[Made]:
    """Build the messages of a file for each destination, in its order; `are_all`: nobody else may take them."""
    from lab_sender.readers import BadItem, read

    data = read_file(file, config.intake.largest_file_bytes)
    reading = read(data, file.name, config.inputs)
    makers = [_Maker(config, name, reading.items, file, explain=explain) for name in names]
    remarks = reading.remarks
    for number, item in enumerate(reading.items):
        if isinstance(item, BadItem):
            every = [Made(item.place, "", None, item.findings)]
        else:
            every = [maker.made(number) for maker in makers]
            routes = [(each.destination, each.route) for each in every if each.route and each.taken is False]
            if are_all and len(routes) == len(every):
                every = _with_nobody(every, routes, item.place)
        for each in every:
            yield each._replace(findings=(*remarks, *each.findings))
            remarks = ()


def _with_nobody(every: list[Made], routes: list[tuple[str, Route]], place: str) -> list[Made]:
    """Say, with the last of them, that no destination takes a message."""
    from lab_sender.intake.routing import nobody

    last = every[-1]
    return [*every[:-1], last._replace(findings=(*last.findings, nobody(routes, place)))]


class _Maker:
    """Makes the messages of a file for one destination."""

    def __init__(self, config: Config, name: str, items: Sequence[Item], file: Path, *, explain: bool) -> None:
        from lab_sender.oru import Builder

        self._destination = config.destinations[name]
        self._builder = Builder(self._destination.message)
        self._inputs = config.inputs
        documents = self._destination.message.settings.attachments
        may_be_cut = documents.cut == "send"
        self._items = beside.with_pdf(items, file, config.inputs, documents.test, may_be_cut=may_be_cut)
        self._folder = file.parent
        self._explain = explain

    def made(self, number: int) -> Made:
        """Make one message, and hold the destination's rules to it."""
        from lab_sender.intake.routing import route, route_failed
        from lab_sender.readers import ReadyItem

        item = self._items[number]
        each = _built(item, self._builder, self._folder, explain=self._explain)
        each = each._replace(destination=self._destination.name)
        if each.body is None and each.error is None:
            return each
        try:
            if each.error is not None:
                way = route_failed(each.error, self._destination.takes)
            else:
                way = route(each.body or b"", self._destination.takes, item.place)
        except FileError as error:
            return each._replace(body=None, findings=(*each.findings, *error.findings))
        each = each._replace(taken=way.taken, route=way)
        if way.taken is False:
            return each._replace(body=None, findings=(), stories=())
        return _answered(each, sent=isinstance(item, ReadyItem) and self._inputs.hl7.no_answer == "send")


def _built(item: Item, builder: Builder, folder: Path, *, explain: bool) -> Made:
    from lab_sender.ids import new_id
    from lab_sender.oru import explain as explained
    from lab_sender.readers import BadItem, ReadyItem

    if isinstance(item, BadItem):
        return Made(item.place, "", None, item.findings)
    if isinstance(item, ReadyItem):
        return _ready(item, builder, explain=explain)
    made = f"built by {builder.site.given.name}"
    given: Any = {
        "control_id": new_id(),
        "now": datetime.datetime.now().astimezone(),
        "place": item.place,
        "attachments": {path.name: path.read_bytes() for path in beside.named_files([item], folder)} | item.documents,
    }
    stories = tuple(explained(builder, item.report, **given)) if explain else ()
    try:
        built = builder.build(item.report, **given)
    except FileError as error:
        return Made(item.place, made, None, item.located(error.findings), stories, error=error)
    return Made(item.place, made, built.body, item.located(built.warnings), stories)


def _ready(item: ReadyItem, builder: Builder, *, explain: bool) -> Made:
    from lab_sender.oru import explain_ready, with_rules

    if not builder.rules.for_ready:
        return Made(item.place, "ready-made", item.body, item.remarks)
    made = f"ready-made, by the rules of {builder.site.given.name}"
    try:
        ruled = with_rules(item.body, builder.rules, item.place)
    except FileError as error:
        return Made(item.place, made, None, error.findings, error=error)
    stories = tuple(explain_ready(item.body, builder.rules, item.version)) if explain else ()
    return Made(item.place, made, ruled.body, (*item.remarks, *ruled.warnings), stories)


def _answered(made: Made, *, sent: bool) -> Made:
    """Drop a message that asks for no answer, as intake does; or only warn, where it is `sent` all the same."""
    from lab_sender.hl7.asked_answers import asked_answers

    if made.body is None:
        return made
    faults = asked_answers(made.body).faults(made.place, severity="warning" if sent else "error")
    return made._replace(body=made.body if sent or not faults else None, findings=(*faults, *made.findings))
