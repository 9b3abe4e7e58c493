"""What an act on many is about: what a search finds, or words mean; and what of it may take the act.

Holds: the messages and unreadable files that are meant, the transactions of those that may take it, and the reasons
for the others.
Promises: nothing is changed. A word means one thing; without a state a search is about those that the act is for.
Never: acts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from msgspec.structs import replace

from lab_sender.errors import ExitCode, FileError, LabSenderError
from lab_sender.operations import named
from lab_sender.operations.acts import Rejected, Target, nothing_of_it, rejected, target, targets_of
from lab_sender.operations.destinations import known_to
from lab_sender.operations.installation import Installation
from lab_sender.operations.search import Search, asked
from lab_sender.operations.values import Found, found

if TYPE_CHECKING:
    from lab_sender.journal import OfFile, View

Kind = Literal["release", "rebuild", "resend", "dismiss"]
_STATES: Final[dict[Kind, tuple[str, ...]]] = {
    "release": ("quarantined",),
    "rebuild": ("quarantined", "waiting"),
    "resend": ("delivered",),
    "dismiss": ("quarantined", "waiting"),
}
"""The states that a search for an act is about, where it names none."""
_EACH: Final = 50


class NothingFits(LabSenderError):
    """There is nothing that the act could be done to; nothing was done."""


class OfEverything(LabSenderError):
    """An act that cannot be taken back was asked for without a word of what it is about; nothing was done."""

    exit_code = ExitCode.USAGE


class Chosen(NamedTuple):
    """What is meant: messages, and files that could not be read."""

    messages: list[int]
    files: list[int]


class Weighed(NamedTuple):
    """The transactions of the messages that may take an act, the files that may, and what may not."""

    groups: tuple[tuple[int, ...], ...]
    files: tuple[int, ...]
    stays: tuple[Rejected, ...]


# ------------------------------------------------------------- what is meant


def chosen_by_search(installation: Installation, view: View, act: Kind, wanted: Search) -> Chosen:
    """Return what a search finds, of the states that the act is for.

    Raises NothingFits, OfEverything, UnknownDestination.
    """
    from lab_sender.journal.states import NOBODY

    if wanted.is_empty and act in ("resend", "dismiss"):
        text = f"{act} of all wants to know of what; nothing was done."
        raise OfEverything("bulk.of-what", text, hint="Say which: --to, --code, --since, --order ...")
    if not (wanted.states or wanted.contradicted):
        wanted = replace(wanted, states=_STATES[act])
    criteria, usual_ms = asked(installation, view, wanted)
    if not criteria.has_index and (criteria.since_ms is None or usual_ms is not None):  # nobody has said a time
        text = "this is about all that was ever delivered."
        raise NothingFits("bulk.since", text, hint="Say from when on: --since; or which: --order, --patient, --file.")
    if act == "dismiss" and wanted.to and wanted.code != NOBODY:
        criteria = criteria._replace(but_code=NOBODY)  # it is there for want of another place
    messages, files = list[int](), list[int]()
    for hit in view.hits(criteria):
        if hit.message is None:
            files.append(hit.source)
        else:
            messages.append(hit.message)
    if not messages and not files:
        raise NothingFits("bulk.nothing", f"there is nothing to {act}.", hint="`lab-sender list` shows what is.")
    return Chosen(messages, files)


def chosen_by_words(
    installation: Installation,
    view: View,
    act: Kind,
    words: Sequence[str],
    to: Sequence[str],
    *,
    all_destinations: bool,
) -> Chosen:
    """Return what words mean; of `all_destinations` all messages of the file that may take the act.

    Raises what `named.find` does, and ActRejected where such a file has none.
    """
    from lab_sender.journal import ActRejected

    messages, files = list[int](), list[int]()
    known = known_to(installation.config, view, to)
    for word in words:
        if not all_destinations:
            line = named.find(view, word, known)
            if line.message_id is None:
                files.append(line.source_id)
            else:
                messages.append(line.message_id)
            continue
        source_id = named.find_file(view, word, known)
        if view.file(source_id) is not None:
            files.append(source_id)
            continue
        takes = [each.id for each in view.messages_of(source_id) if TAKES[act](each)]
        if not takes:
            code, text = _NONE[act]
            raise ActRejected(code, f"no message of file {source_id} {text}.")
        messages += takes
    return Chosen(messages, files)


TAKES: Final[dict[Kind, Callable[[OfFile], bool]]] = {
    "release": lambda each: each.state == "quarantined",
    "rebuild": lambda each: each.state in ("quarantined", "spooled"),
    "resend": lambda each: each.state != "replaced" and not each.has_successor,
    "dismiss": lambda each: each.state in ("spooled", "sending", "quarantined") or each.is_contradicted,
}
"""Which messages of a file an act on all of it is about."""
_NONE: Final[dict[Kind, tuple[str, str]]] = {
    "release": ("release.not-quarantined", "is quarantined"),
    "rebuild": ("rebuild.not-waiting", "waits or is quarantined"),
    "resend": ("resend.nothing", "could be sent again"),
    "dismiss": ("dismiss.not-waiting", "waits or is quarantined"),
}


# ------------------------------------------------------------- what may be done


def weigh(
    installation: Installation, view: View, act: Kind, chosen: Chosen, *, force: bool, everywhere: bool
) -> Weighed:
    """Part what is meant into what may take the act, and what may not and why."""
    if act == "rebuild":
        groups, not_done = _buildable(installation, chosen.messages, force=force)
    else:
        weighed = view.weigh(act, chosen.messages, force=force, everywhere=everywhere)
        groups = list(weighed.groups)
        not_done = [_NotDone(each.message, each.code, each.text, each.hint or None) for each in weighed.rejected]
    if act == "dismiss" and not installation.agent_runs():  # nothing is being sent then
        sending = [each.id for each in not_done if each.code == "dismiss.sending"]
        not_done = [each for each in not_done if each.id not in sending]
        groups = _in_fifties(sorted([*itertools.chain.from_iterable(groups), *sending])) if sending else groups
    stays, files = _rejected(view, not_done), sorted(set(chosen.files))
    if act == "rebuild" or act == "resend":  # they need a message
        unreadable = [file_target(view, each) for each in files]
        stays += [rejected(each, nothing_of_it(act, each)) for each in unreadable]
        return Weighed(tuple(groups), (), tuple(stays))
    return Weighed(tuple(groups), tuple(files), tuple(stays))


def _buildable(
    installation: Installation, ids: Sequence[int], *, force: bool
) -> tuple[list[tuple[int, ...]], list[_NotDone]]:
    from lab_sender.journal import ActRejected
    from lab_sender.operations.rebuild import prepared

    may, not_done = list[int](), list[_NotDone]()
    with installation.journal() as journal:
        for each in sorted(set(ids)):
            try:
                prepared(installation, journal, each, force=force)
            except (ActRejected, FileError) as error:
                findings = found(error.findings) if isinstance(error, FileError) else ()
                not_done.append(_NotDone(each, error.code, error.text, error.hint or None, findings))
            else:
                may.append(each)
    return _in_fifties(may), not_done


class _NotDone(NamedTuple):
    id: int
    code: str
    text: str
    hint: str | None
    findings: tuple[Found, ...] = ()


def _in_fifties(ids: Sequence[int]) -> list[tuple[int, ...]]:
    return [tuple(ids[start : start + _EACH]) for start in range(0, len(ids), _EACH)]


def _rejected(view: View, not_done: Sequence[_NotDone]) -> list[Rejected]:
    known = targets_of(view, [each.id for each in not_done])
    return [Rejected(known[each.id], each.code, each.text, each.hint, each.findings) for each in not_done]


def file_target(view: View, source_id: int) -> Target:
    """Return a file that could not be read as people know it."""
    line = view.file(source_id)
    assert line is not None
    return target(line)
