"""What people ask and do about alerts.

Holds: the trial of the channels, the list of alerts with who has them, and "I have it".
Promises: a trial sends one text to each channel now and says what happened; it needs no agent, journal or service.
Never: says whom an alert goes to: an address is in no answer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Final, Literal

from lab_sender.errors import ConfigurationError, ExitCode, LabSenderError
from lab_sender.operations.conditions import Severity
from lab_sender.operations.installation import Installation
from lab_sender.operations.values import FORMAT, Instant, Value, about

if TYPE_CHECKING:
    from lab_sender.operations.alerts.book import Book, Failing
    from lab_sender.operations.alerts.machine import Alert
    from lab_sender.operations.records import Records

_AT_ONCE: Final = 16


class NoSuchAlert(LabSenderError):
    """Nothing has that id, or it is over."""


class Tried(Value, frozen=True):
    """What became of a trial on one channel."""

    channel: Annotated[str, about("Its name in the configuration.")]
    sent: Annotated[bool, about("It has taken the text.")]
    code: Annotated[str | None, about("Why not.")]
    detail: Annotated[str | None, about("What was said of it, without anything of the address.")]


class AlertsTest(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/alerts-test/1"):
    """What `alerts test` shows."""

    channels: Annotated[tuple[Tried, ...], about("Each channel, in the order of the configuration.")]

    @property
    def exit_code(self) -> ExitCode:
        """Say whether all have taken it."""
        return ExitCode.DONE if all(each.sent for each in self.channels) else ExitCode.NO


class ListedAlert(Value, frozen=True):
    """One alert."""

    id: Annotated[int, about("What to type for it.")]
    code: Annotated[str, about("What it is, by a stable code.")]
    level: Annotated[Severity, about("How grave it is.")]
    phase: Annotated[
        Literal["pending", "firing", "ending"],
        about("Not sent yet; sent, or due; away for less than a minute, or its end is still to be sent."),
    ]
    destination: Annotated[str | None, about("The destination that it is about; null: all.")]
    cause: Annotated[str | None, about("What it is due to.")]
    text: Annotated[str, about("The same in words: counts, codes and ids only.")]
    since_ms: Annotated[Instant, about("Since when, in ms since 1970 UTC.")]
    sent_ms: Annotated[Instant | None, about("When it was sent last; null: not yet.")]
    taken_by: Annotated[str | None, about("Who has it.")]
    taken_ms: Annotated[Instant | None, about("Since when.")]
    node: Annotated[str | None, about("The machine that it is about, of several; null: all.")] = None


class FailingChannel(Value, frozen=True):
    """A channel that does not work."""

    channel: Annotated[str, about("Its name in the configuration.")]
    since_ms: Annotated[Instant, about("Since when, in ms since 1970 UTC.")]
    tries: Annotated[int, about("How often it was tried.")]
    code: Annotated[str, about("Why it failed last.")]


class AlertsListing(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/alerts/1"):
    """What `alerts list` shows."""

    channels: Annotated[tuple[str, ...], about("The channels of the configuration; none: no alert goes out.")]
    alerts: Annotated[tuple[ListedAlert, ...], about("What is or may become an alert, the gravest first.")]
    failing: Annotated[tuple[FailingChannel, ...], about("The channels that do not work.")]


class AlertTaken(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/alert-taken/1"):
    """What `alerts ack` shows."""

    alerts: Annotated[tuple[ListedAlert, ...], about("What somebody has now.")]


def trial(installation: Installation, names: Sequence[str] = ()) -> AlertsTest:
    """Send a text to each channel, or to those that are named, all at once. Raises ConfigurationError."""
    from lab_sender.journal import now_ms
    from lab_sender.operations.alerts import notify, texts

    settings = installation.config.alerts
    if not settings.channels:
        raise ConfigurationError(
            "alerts.no-channel",
            "the configuration has no channel, so no alert goes out.",
            hint="Write one under alerts.channels; docs/MONITORING.md has examples.",
        )
    if unknown := [each for each in names if each not in settings.channels]:
        raise ConfigurationError(
            "alerts.no-such-channel",
            f"there is no channel {unknown[0]}.",
            hint=f"There are: {', '.join(settings.channels)}.",
        )
    chosen = {name: each for name, each in settings.channels.items() if not names or name in names}
    called, at_ms = texts.name_of(settings), now_ms()
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as threads:
        sending = {
            name: threads.submit(notify.send, each, texts.trial(called, at_ms, name)) for name, each in chosen.items()
        }
        found = {name: each.result() for name, each in sending.items()}
    return AlertsTest(
        tuple([Tried(name, not each.code, each.code or None, each.detail or None) for name, each in found.items()])
    )


def listing(installation: Installation, records: Records | None = None) -> AlertsListing:
    """Return the alerts, from `records` where they are open. Raises ConfigError, RecordsUnavailable or -Damaged."""
    channels = tuple(installation.config.alerts.channels)
    with opened(installation, records) as book:
        if book is None or not channels:  # what was kept when there were any is not looked at since
            return AlertsListing(channels, (), ())
        alerts = book.alerts()
        failing = [each for each in book.failing() if each.channel in channels]
    return AlertsListing(channels, _listed(alerts), tuple([_failing(each) for each in failing]))


def take(installation: Installation, numbers: Sequence[int], who: str) -> AlertTaken:
    """Note that somebody has alerts: they are not sent again until they get worse. Raises NoSuchAlert."""
    from lab_sender.journal import now_ms

    with opened(installation) as book:
        known = {number for number, _ in book.alerts()} if book is not None else set()
        if book is None or (unknown := [each for each in numbers if each not in known]):
            number = numbers[0] if book is None else unknown[0]
            raise NoSuchAlert(
                "alerts.no-such", f"there is no alert {number}.", hint="It may be over: `lab-sender alerts list`."
            )
        taken = [(number, book.take(number, who, now_ms())) for number in numbers]
    return AlertTaken(_listed([(number, each) for number, each in taken if each is not None]))


@contextlib.contextmanager
def opened(installation: Installation, records: Records | None = None) -> Iterator[Book | None]:
    """Open what is kept, or use what is open; None where nothing ever was."""
    from lab_sender.operations.alerts.book import Book
    from lab_sender.operations.alerts.service import records_of

    if records is not None:
        yield Book(records)
    elif not _is_kept(installation):
        yield None
    else:
        with contextlib.closing(records_of(installation)) as opened:
            yield Book(opened)


def _is_kept(installation: Installation) -> bool:
    """Say whether anything was ever kept: there is operations.db, or the journal's schema has its tables."""
    from lab_sender.journal import View
    from lab_sender.operations.alerts.service import records_path

    if installation.config.folders.database is None:
        return records_path(installation).exists()
    with contextlib.closing(View(installation.journal_at)) as view:
        return view.schema_version() > 0


def _listed(alerts: Sequence[tuple[int, Alert]]) -> tuple[ListedAlert, ...]:
    from lab_sender.operations.alerts.machine import rank

    return tuple(
        [
            ListedAlert(
                id=number,
                code=each.key.code,
                level=each.level,
                phase=each.phase,
                destination=each.key.destination or None,
                cause=each.key.cause or None,
                text=each.text,
                since_ms=each.since_ms,
                sent_ms=each.sent_ms if each.sent else None,
                taken_by=each.taken_by or None,
                taken_ms=each.taken_ms,
                node=each.key.node or None,
            )
            for number, each in sorted(alerts, key=lambda pair: (-rank(pair[1].level), pair[1].since_ms, pair[0]))
        ]
    )


def _failing(each: Failing) -> FailingChannel:
    return FailingChannel(each.channel, each.since_ms, each.tries, each.failure)
