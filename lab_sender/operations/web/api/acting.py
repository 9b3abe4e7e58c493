"""What the API does: acts on messages and files, hold and resume.

Holds: one operation for each.
Promises: nothing is done without a reason. Before each act stands a row of the audit that it was asked for, behind it
one that says how it ended; the journal has the name of who asked. Under an idempotency key an act is done once.
Never: acts on a word that may mean two things: messages and files are named by their numbers.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from lab_sender.errors import LabSenderError
from lab_sender.operations import acts, bulk
from lab_sender.operations.acts import Act, Acts, Rejected
from lab_sender.operations.bulk import Frozen
from lab_sender.operations.repeats import token_of
from lab_sender.operations.rights_of import Right
from lab_sender.operations.values import Value, about
from lab_sender.operations.web.api.core import Answer, Call, Operation, Parameter
from lab_sender.operations.web.doing import hold, reason, resume, who_of

_MOST: Final = 1000
Ref = Annotated[str, Meta(pattern=r"^(file:)?[0-9]{1,18}$", description="`57`, or `file:7`.")]


class AskedActs(Value, frozen=True, forbid_unknown_fields=True):
    """Acts that are asked for."""

    act: Annotated[Literal["release", "rebuild", "resend", "dismiss"], about("What is to be done; dismiss: give up.")]
    ids: Annotated[tuple[Ref, ...], Meta(min_length=1, max_length=_MOST, description="To what, in this order.")]
    why: Annotated[str, about("Why; kept in journal and audit. No patient data.")]
    force: Annotated[bool, about("Also where a newer result is overwritten.")] = False


class AskedWhy(Value, frozen=True, forbid_unknown_fields=True):
    """A reason."""

    why: Annotated[str, about("Why; kept in journal and audit. No patient data.")]


def _acts(call: Call) -> Answer:
    asked: AskedActs = call.read(AskedActs)
    why = reason(asked.why)
    key, token = call.headers.get("idempotency-key", ""), ""
    if key or (asked.act == "resend" and asked.force):  # nothing else keeps a second copy from being made
        token = token_of(call.site.records, call.visitor.name, key, call.body)
    done, rejected = list[Act](), list[Rejected]()
    for ref in dict.fromkeys(asked.ids):
        target = acts.target_of(call.site.installation, ref if ref.startswith("file:") else f"id:{ref}")
        try:
            with call.site.audit.around(call.visitor, asked.act, target=target.ref, why=why):
                found = _one(call, asked, target.ref, why, f"{token}.{target.ref}" if token else "")
                if found.rejected:
                    raise _NotDone(found.rejected[0].code, found.rejected[0].text)
            done += found.done
        except _NotDone:
            rejected += found.rejected
        except LabSenderError as error:
            rejected.append(acts.rejected(target, error))
    call.site.look_again()
    return Acts(tuple(done), tuple(rejected))


class _NotDone(LabSenderError):
    """So that the audit has the act as refused."""


def _one(call: Call, asked: AskedActs, ref: str, why: str, token: str) -> Acts:
    is_file, installation = ref.startswith("file:"), call.site.installation
    if token and not is_file:  # it is weighed when it is done: done before, it is answered as then
        frozen = Frozen(asked.act, token, asked.force, everywhere=False, groups=((int(ref),),), files=(), stays=())
    else:
        frozen = bulk.freeze(installation, asked.act, words=[ref if is_file else f"id:{ref}"], force=asked.force)
    if not frozen.count:
        return Acts((), frozen.stays)
    found = bulk.run(installation, frozen, why, who=who_of(call.visitor))
    return Acts(found.done, found.rejected)


def _hold(call: Call) -> Answer:
    return hold(call.site, call.visitor, reason(call.read(AskedWhy).why), call.path["destination"])


def _resume(call: Call) -> Answer:
    return resume(call.site, call.visitor, reason(call.read(AskedWhy).why), call.path["destination"])


_KEY: Final = Parameter(
    "Idempotency-Key", "header",
    "Another one for each act, the same when it is sent again: it is done once. Required for resend with force.",
    {"type": "string", "minLength": 8, "maxLength": 128},
)  # fmt: skip
_DESTINATION: Final = Parameter("destination", "path", "The destination's name.", {"type": "string"}, required=True)
OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        "POST", "/api/v1/acts", "acts", "Release, rebuild, resend or give up messages and files.", Right.ACT, _acts,
        Acts, takes=AskedActs, shows_patients=True, parameters=(_KEY,),
    ),
    Operation(
        "POST", "/api/v1/lanes/{destination}/hold", "hold", "Let nothing more be sent to a destination.", Right.ACT,
        _hold, Acts, parameters=(_DESTINATION,), takes=AskedWhy,
    ),
    Operation(
        "POST", "/api/v1/lanes/{destination}/resume", "resume", "End a hold.", Right.ACT, _resume, Acts,
        parameters=(_DESTINATION,), takes=AskedWhy,
    ),
)  # fmt: skip
