"""What lies in each outbox, and what of it has been claimed.

Holds: `OutboxStatus`, how one stands, the look at it, `ask_share`, and which one a file lies in or is for.
Promises: an outbox that is away, does not answer or cannot be read is told apart from one with nothing in it. A share
that hangs keeps nobody who looks for longer than a few seconds.
Never: makes, takes or changes anything.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeVar

from msgspec.structs import replace

from lab_sender import files
from lab_sender.errors import LabSenderError
from lab_sender.operations import patience, wording
from lab_sender.operations.destinations import chosen
from lab_sender.operations.installation import LOOK_S, Installation
from lab_sender.operations.nodes import SharedOutbox
from lab_sender.operations.values import Value, about

if TYPE_CHECKING:
    from lab_sender.config.folders import OutboxConfig
    from lab_sender.config.load import Config
    from lab_sender.intake.untaken import Untaken

T = TypeVar("T")


class OutboxStatus(Value, frozen=True):
    """How one outbox stands."""

    folder: Annotated[str, about("Its folder.")]
    to: Annotated[tuple[str, ...], about("The destinations that its files may go to.")]
    away: Annotated[bool, about("It cannot be reached, though the journal has a history.")]
    hangs: Annotated[bool, about("Its share does not answer: nothing is known of what lies there.")]
    files: Annotated[int | None, about("Files in it that will be taken; null: it cannot be read.")]
    oldest_file_s: Annotated[
        float | None, about("For how many seconds the oldest file that is not a message yet has been there.")
    ]
    taken_s: Annotated[float | None, about("How many seconds ago a file of it was taken last; null: never.")]
    expected_s: Annotated[
        float | None, about("Within how many seconds a file was expected (`alerts.no_files`); null: none was.")
    ]
    untaken: Annotated[dict[str, int], about("What lies in it, by why it has not been taken.")]
    overdue: Annotated[dict[str, int], about("Of these, what lies there for longer than a complete file would.")]
    unread_files: Annotated[int, about("Its files that were claimed and have not become messages yet.")]
    shared: Annotated[bool, about("Agents of several machines share it: one of them takes it in.")] = False
    node: Annotated[str | None, about("The machine that takes a shared one in; null: none does.")] = None
    missing: Annotated[bool, about("It is not there, and no journal is that would know of it.")] = False


def outbox_of(config: Config, file: Path) -> OutboxConfig | None:
    """Return the outbox that a file lies in, by whatever links it is named; None where it lies elsewhere."""
    folder = file.resolve().parent
    return next((each for each in config.outboxes if each.folders.outbox.resolve() == folder), None)


def outbox_for(config: Config, to: Sequence[str] = (), file: Path | None = None) -> OutboxConfig:
    """Return the outbox for a file that goes to these destinations; without any, the first one.

    A `file` that lies in an outbox stays there. Raises UnknownDestination, and LabSenderError `send.no-outbox` where
    the files of no outbox go there and nowhere else.
    """
    names = chosen(config, to)
    lies_in = outbox_of(config, file) if file is not None else None
    for each in config.outboxes if lies_in is None else (lies_in,):
        if not to or set(each.to) == set(names):
            return each
    only = f"{' and '.join(names)} alone"
    text = f"the files of no outbox go to {only}."
    if lies_in is not None:
        text = f"the files in {lies_in.folders.outbox} go to {', '.join(lies_in.to)}, not to {only}."
    hint = f"Write one under outboxes: {{folder: FOLDER, to: [{', '.join(names)}]}}, or leave --to out."
    raise LabSenderError("send.no-outbox", text, hint=hint)


class Seen(NamedTuple):
    """An outbox, and its claimed files with when they came; whoever knows those of the journal counts them."""

    status: OutboxStatus
    claimed: dict[Path, int | None]


def look_at(installation: Installation) -> list[Seen]:
    """Look at each outbox, at all of them at once; what hangs is left to hang."""
    outboxes = installation.config.outboxes
    if len(outboxes) == 1:
        return [_seen(installation, outboxes[0])]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(outboxes)) as threads:
        return list(threads.map(lambda each: _seen(installation, each), outboxes))


def _seen(installation: Installation, outbox: OutboxConfig) -> Seen:
    def ask() -> Seen:
        status = of_outbox(installation, outbox)
        return Seen(status, {each: came_ms(each) for each in claimed(outbox)})

    try:
        return ask_share(outbox, ask)
    except patience.Hangs:
        nothing = OutboxStatus(str(outbox.folders.outbox), outbox.to, True, True, None, None, None, None, {}, {}, 0)
        return Seen(nothing, {})


def still_claimed(outbox: OutboxConfig, claimed: Mapping[Path, T], known: Set[str]) -> list[T]:
    """Return what was seen of those that are no message yet, and have not been filed meanwhile either."""
    unread = {path: seen for path, seen in claimed.items() if path.name not in known}
    if not unread:
        return []
    try:
        return ask_share(outbox, lambda: [seen for path, seen in unread.items() if not files.is_gone(path)])
    except patience.Hangs:
        return list(unread.values())


def ask_share(outbox: OutboxConfig, question: Callable[[], T]) -> T:
    """Ask what needs an outbox's disk or share to answer. Raises patience.Hangs, and what the question raises."""
    return patience.ask_of(f"outbox {outbox.folders.outbox}", question, LOOK_S)


def of_outbox(installation: Installation, outbox: OutboxConfig) -> OutboxStatus:
    """Look at an outbox; its claimed files are counted by whoever knows those of the journal."""
    from lab_sender.intake.untaken import FILES, overdue_s

    intake = installation.config.intake
    away = installation.is_away(outbox)
    lying = None if away else lies_in_outbox(installation.config, outbox)
    long_s = overdue_s(intake.settle_s, intake.attachment_wait_s)
    return OutboxStatus(
        folder=str(outbox.folders.outbox),
        to=outbox.to,
        away=away,
        hangs=False,
        files=None if lying is None else sum(each.why in FILES for each in lying),
        oldest_file_s=max((round(each.age_s, 1) for each in lying or () if each.why in FILES), default=None),
        taken_s=None,
        expected_s=installation.config.alerts.no_files.expected_s(datetime.datetime.now().astimezone()),
        untaken=dict(Counter(each.why for each in lying or ())),
        overdue=dict(Counter(each.why for each in lying or () if each.age_s >= long_s)),
        unread_files=0,
        missing=not away and is_missing(installation, outbox),
    )


def is_missing(installation: Installation, outbox: OutboxConfig) -> bool:
    """Say whether an outbox is not there, and no journal that would know of it; where one is, ask `is_away`."""
    return not os.path.isdir(outbox.folders.outbox) and not installation.has_journal


def lies_in_outbox(config: Config, outbox: OutboxConfig, *, ask_writers: bool = False) -> list[Untaken] | None:
    """List what no agent has taken yet; None when the outbox cannot be read."""
    from lab_sender.intake.names import Names
    from lab_sender.intake.untaken import untaken

    names = Names(config.intake.temporary, config.intake.marker)
    try:
        return untaken(outbox.folders.outbox, names, outbox.folders.ours, ask_writers=ask_writers)
    except FileNotFoundError:
        return []  # no agent has run yet; where one has, `is_away`
    except OSError:
        return None


def with_claimed(
    outbox: OutboxStatus, came_ms: Sequence[int | None], taken_ms: int | None, shared: SharedOutbox | None = None
) -> OutboxStatus:
    """Add what of it was claimed and is no message yet, when a file was taken last, and who shares it."""
    ages = [wording.age_s(at) for at in came_ms if at is not None]
    ages.append(outbox.oldest_file_s)
    taken_s = wording.age_s(taken_ms)
    return replace(
        outbox,
        unread_files=len(came_ms),
        oldest_file_s=max((round(each, 1) for each in ages if each is not None), default=None),
        taken_s=None if taken_s is None else round(taken_s, 1),
        shared=shared is not None,
        node=shared.node if shared is not None else None,
    )


def came_ms(file: Path) -> int | None:
    """Return when a file was written last or claimed, whichever is later; None where nobody can say."""
    try:
        seen = file.lstat()
    except OSError:
        return None
    return round(max(seen.st_mtime, seen.st_ctime) * 1000)


def claimed(outbox: OutboxConfig) -> list[Path]:
    """List what lies in claimed/, without attachments whose report is there too (`CLAIMID@REPORTID_NAME`)."""
    from lab_sender.ids import ClaimName
    from lab_sender.premises.needs import all_claimed

    found = dict[str, Path]()
    with contextlib.suppress(OSError):  # the look at the folders says so
        found.update((each.name, each) for each in all_claimed(outbox.folders))
    return [each for name, each in found.items() if ClaimName.parse(name).report_id is None]
