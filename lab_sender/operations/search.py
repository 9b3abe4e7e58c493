"""Results by what a person knows of them: an order, a patient, a file, a ward, a time, a code.

Holds: `Search`, what is asked for, and `search`, a page of what fits, with the cursor of the next one.
Promises: no patient data comes out that did not go in; what an index finds is found whole, however old it is. What
has none is looked for within a range of time, and for a short time only; the answer says which, how far it came, and
where to go on.
Never: changes anything, or reads what was not asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta

from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.operations import wording
from lab_sender.operations.destinations import known_to
from lab_sender.operations.installation import Installation
from lab_sender.operations.stories import Entry, entry_of
from lab_sender.operations.values import FORMAT, Instant, Value, about

if TYPE_CHECKING:
    from lab_sender.journal import Criteria, Cursor, View

USUAL_DAYS: Final = 7
"""How far back is looked where nothing of what is asked for has an index, and no time is given."""
PATIENCE_S: Final = 0.4
"""How long is looked at what no index finds, before the answer says how far it came."""
_DAY_MS: Final = 86_400_000
_CHUNK: Final = 500
_MOST_WARDS: Final = 12
_Time = Annotated[int, Meta(ge=0, le=1 << 47, description="Milliseconds since 1970-01-01 00:00 UTC.")]
_Text = Annotated[str, Meta(pattern=r"\S")]


class Search(Value, frozen=True, forbid_unknown_fields=True):
    """What is asked for; what is not given does not matter. An empty text is refused: it would leave nothing out."""

    order: Annotated[_Text, about("An order number, alone or with its authority: `F1`, `F1^LAB`.")] = ""
    patient: Annotated[_Text, about("A patient number: the first of PID-3, alone or with its authority.")] = ""
    file: Annotated[_Text, about("A report's file name; `*` is anything.")] = ""
    ward: Annotated[_Text, about("PV1-3.1 of the message as it was spooled.")] = ""
    since_ms: Annotated[_Time | None, about("Received at this time or later.")] = None
    until_ms: Annotated[_Time | None, about("Received before this time.")] = None
    code: Annotated[
        _Text, about("Why it is in its state: our code, the HIS's (`AE`), its ERR-3 (`207`), or both (`AE 207`).")
    ] = ""
    tries: Annotated[int, Meta(ge=0, le=1_000_000_000, description="Tried at least so often.")] = 0
    to: Annotated[tuple[str, ...], about("Only messages for these destinations.")] = ()
    states: Annotated[tuple[str, ...], about("Words of states, as lists show them or as the journal has them.")] = ()
    contains: Annotated[_Text, about("A text in the message.")] = ""
    contradicted: Annotated[bool, about("Only delivered messages that the HIS took back since.")] = False

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is asked for, so that everything fits."""
        return self == Search()


class Listing(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/list/1"):
    """What `list` shows, the newest first."""

    entries: Annotated[tuple[Entry, ...], about("Messages and files that could not be read, the newest first.")]
    more: Annotated[
        bool, about("There are older ones, or it was not looked that far; --limit shows them, or --before `before`.")
    ]
    before: Annotated[str | None, about("Where the older ones begin.")]
    since_ms: Annotated[
        Instant | None, about("From when on was looked, where no time was given and nothing had an index.")
    ]
    looked_to_ms: Annotated[
        Instant | None, about("Down to when was looked, where that took too long; `before` goes on there.")
    ]
    remarks: Annotated[tuple[str, ...], about("What a reader should know of this answer.")]
    took_ms: Annotated[float, about("How many milliseconds the search took.")]


class NoSearch(LabSenderError):
    """What was asked for cannot be read; nothing was looked for."""

    exit_code = ExitCode.USAGE


def search(
    installation: Installation,
    wanted: Search,
    *,
    limit: int,
    before: str | None = None,
    patience_s: float = PATIENCE_S,
) -> Listing:
    """Return the newest that fit, or those behind a cursor (`before` of the page before).

    Once it has looked for `patience_s`, what was found until then is returned, with where to go on. Raises NoJournal,
    UnknownDestination, NoSearch.
    """
    begun_s = time.monotonic()
    cursor = _cursor(before)
    with installation.view() as view:
        criteria, since_ms = asked(installation, view, wanted)
        until_s = time.monotonic() + patience_s
        found = view.find(criteria, limit=limit, before=cursor, stop=lambda: time.monotonic() >= until_s)
        remarks = remarks_on(view, wanted, since_ms)
        if found.looked_to_ms is not None:
            remarks += (f"Looked back to {wording.clock(found.looked_to_ms)} so far: what is older comes next.",)
        if wanted.ward and not found.lines and cursor is None and found.before is None:
            remarks += (_wards(view),)
        entries = tuple([entry_of(installation, each) for each in found.lines])
    took_ms = round((time.monotonic() - begun_s) * 1000, 1)
    next_one = None if found.before is None else str(found.before)
    return Listing(entries, next_one is not None, next_one, since_ms, found.looked_to_ms, remarks, took_ms)


def every(
    installation: Installation, view: View, criteria: Criteria, stop: Callable[[], bool] = lambda: False
) -> Iterator[Sequence[Entry]]:
    """Yield all that fits, the newest first, some hundred at a time: of a search its whole result."""
    hits = view.hits(criteria, stop=stop)
    while chunk := [hit for hit, _ in zip(hits, range(_CHUNK), strict=False)]:
        yield [entry_of(installation, each) for each in view.lines_of(chunk)]


def criteria_of(installation: Installation, view: View, wanted: Search) -> Criteria:
    """Return a search as the journal is asked it. Raises UnknownDestination."""
    return asked(installation, view, wanted)[0]


def asked(installation: Installation, view: View, wanted: Search) -> tuple[Criteria, int | None]:
    """Return a search as the journal is asked it, and from when on is looked where that was not said.

    Raises UnknownDestination, NoSearch.
    """
    from lab_sender.journal import Criteria

    known_to(installation.config, view, wanted.to)
    unknown = next((word for word in wanted.states if word not in wording.STATES), None)
    if unknown is not None:
        raise NoSearch("search.state", f"{unknown!r} is no state.", hint=f"There are: {', '.join(wording.STATES)}.")
    pairs = [each for word in wanted.states for each in wording.STATES[word]]
    states = dict.fromkeys(f"{state} {code}".strip() for state, code in pairs)
    criteria = Criteria(
        order=wanted.order,
        patient=wanted.patient,
        file=wanted.file,
        ward=wanted.ward,
        since_ms=wanted.since_ms,
        until_ms=wanted.until_ms,
        code=wanted.code,
        tries=wanted.tries,
        to=wanted.to,
        states=tuple(states),
        contains=wanted.contains,
        contradicted=wanted.contradicted,
    )
    looks_at_all = bool(wanted.code or wanted.tries or wanted.contains or wanted.file) and not criteria.has_index
    if not looks_at_all or wanted.since_ms is not None:
        return criteria, None
    end_ms = wanted.until_ms if wanted.until_ms is not None else time.time_ns() // 1_000_000
    since_ms = max(0, end_ms - USUAL_DAYS * _DAY_MS)
    return criteria._replace(since_ms=since_ms), since_ms


def remarks_on(view: View, wanted: Search, since_ms: int | None) -> tuple[str, ...]:
    """Say what a reader should know of a search's answer: where it did not look."""
    remarks = []
    if since_ms is not None:
        remarks.append(f"Looked from {wording.clock(since_ms)} on; --since says otherwise.")
    known_ms = view.wards_since_ms() if wanted.ward else 0
    if known_ms:
        remarks.append(
            f"Wards are known of what was received since {wording.clock(known_ms)}; look for older results by order"
            " or patient."
        )
    to = wanted.to[0] if len(wanted.to) == 1 else None
    if (wanted.order or wanted.patient or wanted.ward) and (number := view.not_built(to)):
        was = "was" if number == 1 else "were"
        remarks.append(
            f"{number} in quarantine {was} not built, so nobody knows of which order, patient and ward:"
            " `lab-sender list --quarantined` has what lies there."
        )
    return tuple(remarks)


def _wards(view: View) -> str:
    wards = view.wards(_MOST_WARDS + 1)
    more = " ..." if len(wards) > _MOST_WARDS else ""
    return f"Messages name: {', '.join(wards[:_MOST_WARDS])}{more}." if wards else "No message names a ward."


def _cursor(text: str | None) -> Cursor | None:
    from lab_sender.journal import Cursor

    if text is None:
        return None
    cursor = Cursor.read(text)
    if cursor is None:
        raise NoSearch("search.cursor", "that is not where a list goes on.", hint="Take `before` of the page before.")
    return cursor
