"""The product's story in a quarter of a minute.

Holds: the shipped samples, what each is to show, and the run: an agent and two HIS stand-ins in one process, a
hospital and a registry that takes some of the samples, in a folder of its own.
Promises: uses the real agent over a real connection on loopback; ends well only if every sample ended as its story
says, at the HIS too, and names the first that did not. Prints file names, control ids and codes, no patient data.
Never: touches a folder that holds anything, or a configuration that is not its own.
"""

from __future__ import annotations

import contextlib
import importlib.resources
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct
from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table

from lab_sender import files, log
from lab_sender.agent.process import Agent
from lab_sender.cli.next_steps import next_steps
from lab_sender.config.load import Config, load
from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.journal import Line, View
from lab_sender.logfile import set_up
from lab_sender.mllp.standin.server import Received, StandIn
from lab_sender.premises.names import JOURNAL_NAME

_CONFIG = """\
# Written by the demo: short waits, so that its story fits into a quarter of a minute.
outbox: outbox
destinations:
  hospital:
    host: 127.0.0.1
    port: {hospital}
    ack_timeout: 1s
    retry: {{first_wait: 200ms, longest_wait: 1s, refused: 2}}
    message: {{sending_facility: DEMO-LAB, receiving_application: HIS, receiving_facility: DEMO-HOSPITAL}}
  registry:
    host: 127.0.0.1
    port: {registry}
    message: {{version: "2.3.1", sending_facility: DEMO-LAB, receiving_facility: DEMO-REGISTRY}}
    takes: [{{field: OBR-24, in: [MB, SP]}}]    # microbiology and surgical pathology
intake: {{poll: 200ms, settle: 200ms, attachment_wait: 5s}}
log: {{file: agent.log, format: json}}
"""
_HIS_ANSWERS = (
    "contains=DEMO-REFUSED: AE,code=204,text=unknown order number",
    "contains=DEMO-UNANSWERED&first: nothing",
)
_LONGEST_S = 15.0
_LOOK_S = 0.05
_PIPE_WIDTH = 180
_NOT_NARROW, _WIDE = 105, 145


class End(Struct, frozen=True):
    """How one message of a sample has to end; `sends` is also how often its destination has to see it."""

    state: str = "acked"
    code: str = ""
    ack: str = "AA"
    sends: int = 1
    to: str = "hospital"


class Story(Struct, frozen=True):
    """One sample file: what it shows, how its messages end and in which folder it lies then."""

    name: str
    shows: str
    ends: tuple[End, ...] = (End(),)
    folder: str = "sent"
    attachment: str = ""


_UNREADABLE = End("quarantined", "json.syntax", "", 0, "")
_BOTH = (End(), End(to="registry"))
STORIES = (
    Story("01-chemistry.json", "chemistry panel"),
    Story("02-culture.json", "urine culture, which the registry takes too", _BOTH),
    Story("03-corrected.json", "correction of the first report"),
    Story("04-histology.json", "report with a PDF, for both", _BOTH, attachment="04-histology.pdf"),
    Story("05-ready-made.hl7", "ready-made HL7 message"),
    Story("06-batch.hl7", "batch of three messages", (End(), End(), End())),
    Story("07-cut-off.json", "file cut off in the middle", (_UNREADABLE,), "quarantine"),
    Story("08-refused.json", "refused by the HIS", (End("quarantined", "refused", "AE", 2),), "quarantine"),
    Story("09-unanswered.json", "unanswered at first", (End(sends=2),)),
)


def demo(folder: Path | None, keep: bool) -> ExitCode:
    """Run the demo in `folder` (default: a new one in ./demo-run); remove it afterwards unless `keep`.

    Returns DONE if every sample ended as its story says. A run that failed is always kept. Raises
    LabSenderError for a folder that holds something, or what the agent failed with.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    home = folder or Path("demo-run") / time.strftime("%Y-%m-%dT%H-%M-%S")
    with StandIn(rules=_HIS_ANSWERS) as hospital, StandIn() as registry:
        his = {"hospital": hospital, "registry": registry}
        settings = _prepare(home, {name: each.port for name, each in his.items()})
        where = ", ".join(f"{name} on {each.host}:{each.port}" for name, each in his.items())
        console.print(f"The demo runs in {home}; its stand-ins: {where}.\n", soft_wrap=True)
        with _logged_to(settings.log.file), _running(settings), contextlib.closing(_view(settings)) as view:
            ended = _tell(console, settings.outbox, view)
        received = {name: each.received for name, each in his.items()}
    console.print(_table(ended, console.width))
    counts = " and ".join(f"{len(each)} by the {name}" for name, each in received.items())
    console.print(f"Messages received, copies included: {counts}.\n", highlight=False)
    for story in STORIES:
        if fault := _fault(story, ended.get(story, []), received):
            console.print(f"{story.name} did not end as its story says: {fault}", style="bold red", soft_wrap=True)
            console.print(f"The agent's log: {settings.log.file}", soft_wrap=True)
            return ExitCode.NO
    if keep:
        console.print(next_steps(home), soft_wrap=True, highlight=False)
    else:
        shutil.rmtree(home)
        console.print("Every sample ended as its story says.")
    return ExitCode.DONE


def _prepare(home: Path, ports: Mapping[str, int]) -> Config:
    """Make the demo's folder and configuration."""
    if home.exists() and any(home.iterdir()):
        text = f"the demo wants a folder of its own; {home} holds something."
        raise LabSenderError("demo.folder-in-use", text, hint="Name a new one.")
    (home / "outbox").mkdir(parents=True, exist_ok=True)
    path = home / "config.yaml"
    path.write_text(_CONFIG.format(**ports), encoding="utf-8")
    return load(path)


@contextlib.contextmanager
def _logged_to(file: Path | None) -> Iterator[None]:
    """Send the agent's events to `file` for the while."""
    logger = log.LOGGER
    before = logger.handlers[:], logger.level, logger.propagate
    set_up(form="json", level=logging.getLevelName(logging.INFO), file=file)
    try:
        yield
    finally:
        for handler in logger.handlers:
            handler.close()
        logger.handlers[:], logger.level, logger.propagate = before


@contextlib.contextmanager
def _running(settings: Config) -> Iterator[None]:
    """Run an agent in a thread; raise what it failed with."""
    agent = Agent(settings)
    failure: list[BaseException] = []

    def run() -> None:
        try:
            agent.run()
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, name="demo agent")
    thread.start()
    try:
        yield
    finally:
        agent.stop()
        thread.join()
        if failure:
            raise failure[0]


def _view(settings: Config) -> View:
    """Open the journal for reading once the agent has made it and all its connections."""
    path = settings.folders.journal / JOURNAL_NAME
    _until(path.exists)
    view = View(path)
    _until(lambda: [lane.link for lane in view.lanes()] == ["up"] * len(settings.destinations))
    return view


def _tell(console: Console, outbox: Path, view: View) -> dict[Story, list[Line]]:
    """Drop one sample after the other, each when the one before has ended; return what became of them.

    Stops at the first that comes to no end.
    """
    ended: dict[Story, list[Line]] = {}
    live = Live(_table(ended, console.width), console=console, transient=True) if console.is_terminal else None
    with live or contextlib.nullcontext():
        for story in STORIES:
            if live is None:
                console.print(f"{story.name}: {story.shows}")
            since = view.last_source_id()
            for name in filter(None, (story.name, story.attachment)):
                _drop(name, outbox)

            def look(story: Story = story, since: int = since) -> bool:
                sources = view.sources_since(since, story.name)
                ended[story] = view.lines(source_ids=sources)[::-1] if sources else []
                if live is not None:
                    live.update(_table(ended, console.width))
                return _has_ended(ended[story])

            if not _until(look):
                break
            if live is None:
                for line in ended[story]:
                    console.print(f"    {line.destination:8}  {line.control_id or '-':20}  {_verdict(line)}")
    return ended


def _drop(name: str, outbox: Path) -> None:
    """Put a sample into the outbox as a careful program does: under a temporary name, then renamed."""
    data = importlib.resources.files("lab_sender").joinpath("demo_samples", name).read_bytes()
    part = outbox / f"{name}.part"
    part.write_bytes(data)
    files.rename(part, outbox / name)


def _until(ready: Callable[[], bool]) -> bool:
    """Wait until `ready`, but not for ever; say whether it came."""
    deadline = time.monotonic() + _LONGEST_S
    while not (done := ready()) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    return done


def _has_ended(lines: list[Line]) -> bool:
    return bool(lines) and all(line.where.startswith(("sent/", "quarantine/")) for line in lines)


def _fault(story: Story, lines: list[Line], received: Mapping[str, list[Received]]) -> str:
    """Say what is not as the story has it, "" if all is."""
    if not _has_ended(lines):
        return f"has not come to its end within {_LONGEST_S:.0f} s"
    found = tuple(End(line.state, line.code, line.ack_code, line.attempts, line.destination) for line in lines)
    if found != story.ends:
        return f"ended as {found}, not as {story.ends}"
    if any(not line.where.startswith(f"{story.folder}/") for line in lines):
        return f"its file is not in {story.folder}"
    for line in lines:
        came = received.get(line.destination, [])
        copies = [each.body for each in came if line.control_id and each.control_id == line.control_id]
        if len(copies) != line.attempts or len(set(copies)) > 1:
            return f"the {line.destination} saw {len(copies)} copies, {len(set(copies))} of them different"
    return ""


def _verdict(line: Line) -> str:
    sends = f", sent {line.attempts} times" if line.attempts > 1 else ""
    if line.state == "acked":
        return f"{line.ack_code} accepted{sends}"
    if line.state == "quarantined":
        return f"{line.ack_code} refused{sends}" if line.ack_code else f"not sent: {line.code}"
    return "waits for its ACK" if line.attempts == 0 else f"{line.ack_code or 'no answer'}, will be sent again"


def _table(ended: dict[Story, list[Line]], width: int) -> Table:
    """Show what became of each sample so far, at each destination; a narrow terminal shows less.

    "ACK after" counts from the instant at which the journal had the message, all tries included.
    """
    table = Table(title="What became of the samples", box=box.SIMPLE_HEAD)
    table.add_column("File", no_wrap=True)
    if width >= _WIDE:
        table.add_column("What it shows", overflow="fold")
    table.add_column("To", no_wrap=True)
    if width >= _NOT_NARROW:
        table.add_column("Control id", no_wrap=True)
    table.add_column("Verdict", overflow="fold")
    table.add_column("ACK after", justify="right")
    table.add_column("Now in outbox/", no_wrap=True)
    for story in STORIES:
        head = (story.name, story.shows) if width >= _WIDE else (story.name,)
        lines = ended.get(story)
        if not lines:
            ids = [""] * (width >= _NOT_NARROW)
            table.add_row(*head, "", *ids, "" if lines is None else "dropped", "", "")
        for n, line in enumerate(lines or ()):
            table.add_row(
                *(head if n == 0 else [""] * len(head)),
                line.destination,
                *[line.control_id] * (width >= _NOT_NARROW),
                _verdict(line),
                f"{line.final_ms - line.created_ms:,} ms" if line.ack_code and line.final_ms else "",
                line.where.rpartition("/")[0] if _has_ended([line]) and n == 0 else "",
                style="yellow" if line.state == "quarantined" else "green" if line.state == "acked" else "",
            )
    return table
