"""Acts on many by the API, in two steps as on the page: frozen and looked at, then done once.

Holds: the operations that freeze, show, run and stop a list.
Promises: only what was frozen is acted on, the oldest first, and once however often it is asked for. A list is of who
has frozen it alone. Nothing is done without a reason; the audit has the row before the first message is touched.
Never: takes a search for what the visitor may not search for.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.operations import bulk
from lab_sender.operations.acts import Rejected, Target
from lab_sender.operations.bulk import Bulk
from lab_sender.operations.choosing import Kind
from lab_sender.operations.problems import Problem, problem
from lab_sender.operations.rights_of import Right
from lab_sender.operations.search import Search
from lab_sender.operations.values import FORMAT, Value, about
from lab_sender.operations.web.api.acting import AskedWhy
from lab_sender.operations.web.api.core import Answer, Call, Operation, Parameter
from lab_sender.operations.web.doing import reason, want_search, who_of
from lab_sender.operations.web.works import Work

_SHOWN: Final = 200
_MOMENT_S: Final = 1.0
_STOP_S: Final = 5.0


class AskedMany(Value, frozen=True, forbid_unknown_fields=True):
    """What an act is asked for."""

    act: Annotated[Kind, about("What is to be done; dismiss: give up.")]
    search: Annotated[Search, about("To what. Without states: to those that the act is for.")]
    force: Annotated[bool, about("Also where a newer result is overwritten.")] = False


class BulkState(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/bulk-state/1"):
    """A list that was frozen, and how far the act on it is."""

    token: Annotated[str, about("What the list is known by: run twice, it is done once.")]
    act: Annotated[Kind, about("What will be, is or was done.")]
    state: Annotated[
        Literal["ready", "running", "ended"], about("ready: nothing is done yet; ended: also where it was stopped.")
    ]
    count: Annotated[int, about("To how many it will be done.")]
    begun: Annotated[int, about("How many of them had their turn.")]
    targets: Annotated[tuple[Target, ...], about("While it is ready: the first 200 of them, the oldest first.")]
    stays: Annotated[tuple[Rejected, ...], about("What it will not be done to, and why.")]
    result: Annotated[Bulk | None, about("What came of it, when it has ended.")]
    failed: Annotated[Problem | None, about("Why it ended before its end.")]


def _freeze(call: Call) -> Answer:
    asked: AskedMany = call.read(AskedMany)
    want_search(call.site, call.visitor, asked.search)
    frozen = bulk.freeze(call.site.installation, asked.act, asked.search, force=asked.force)
    return _state(call, call.site.works.put(call.visitor, frozen, "", "/messages"))


def _look(call: Call) -> Answer:
    return _state(call, _work(call))


def _run(call: Call) -> Answer:
    why, work = reason(call.read(AskedWhy).why), _work(call)
    if not work.frozen.count:
        text = "there is nothing that it could be done to."
        raise LabSenderError("bulk.nothing", text, hint="`stays` says of each why.")
    call.site.works.run(call.visitor, work.frozen.token, why, who_of(call.visitor), call.site.installation)
    work.ended.wait(_MOMENT_S)
    call.site.look_again()
    return _state(call, work)


def _stop(call: Call) -> Answer:
    work = _work(call)
    if work.state == "ready":
        raise NotRunning("bulk.not-running", "it was not begun.", hint="Nothing is done by a list that is not run.")
    work.stopping.set()
    work.ended.wait(_STOP_S)
    return _state(call, work)


class NotRunning(LabSenderError):
    """There is nothing to stop."""

    exit_code = ExitCode.USAGE


def _work(call: Call) -> Work:
    return call.site.works.of(call.visitor, call.path["token"])


def _state(call: Call, work: Work) -> BulkState:
    frozen, state = work.frozen, work.state
    is_ready, has_ended = state == "ready", state == "ended"
    return BulkState(
        token=frozen.token,
        act=frozen.act,
        state=state,
        count=frozen.count,
        begun=work.done,
        targets=bulk.targets(call.site.installation, frozen, most=_SHOWN) if is_ready else (),
        stays=frozen.stays,
        result=work.result if has_ended else None,
        failed=problem(work.error) if has_ended and work.error is not None else None,
    )


_TOKEN: Final = Parameter("token", "path", "As it was answered when the list was frozen.", {"type": "string"}, True)
OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        "POST", "/api/v1/bulk", "bulk-freeze", "Freeze what an act on many will be done to; nothing is done yet.",
        Right.ACT, _freeze, BulkState, takes=AskedMany, shows_patients=True,
    ),
    Operation(
        "GET", "/api/v1/bulk/{token}", "bulk", "How far an act on many is.", Right.ACT, _look, BulkState,
        parameters=(_TOKEN,), shows_patients=True,
    ),
    Operation(
        "POST", "/api/v1/bulk/{token}/run", "bulk-run", "Do what was frozen, once, the oldest first.", Right.ACT,
        _run, BulkState, parameters=(_TOKEN,), takes=AskedWhy, shows_patients=True,
    ),
    Operation(
        "POST", "/api/v1/bulk/{token}/stop", "bulk-stop", "Stop it between two transactions.", Right.ACT, _stop,
        BulkState, parameters=(_TOKEN,), shows_patients=True,
    ),
)  # fmt: skip
