"""Acts in two steps: what an act would be done to is shown first, then done with a reason.

Holds: step 1 (choose and freeze), step 2 (run), Stop, and the list of what came of it.
Promises: what was frozen is what is done, once, however often a button is pressed; nothing without a reason.
Never: acts on a search that was changed meanwhile: only on the numbers that were shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple, cast, get_args

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lab_sender.errors import LabSenderError
from lab_sender.operations import bulk
from lab_sender.operations.acts import Rejected
from lab_sender.operations.choosing import Chosen, Kind
from lab_sender.operations.rights_of import Right
from lab_sender.operations.web.asked import Answer, Asked, Page, screen
from lab_sender.operations.web.doing import reason_of, who_of
from lab_sender.operations.web.words import follows, words_of
from lab_sender.operations.web.works import NoWork, Work

_SHOWN: Final = 200


class Reason(NamedTuple):
    """Why it is not done to so many, and what helps."""

    number: int
    code: str
    hint: str




def _choose(asked: Asked) -> Answer:
    act = asked.text("act")
    if act not in get_args(Kind):
        raise NoWork("bulk.act", "there is no such act.", hint="Go back, and press one of the buttons.")
    kind, installation = cast(Kind, act), asked.site.installation
    refs = asked.all_of("ref")
    if asked.text("cause"):
        code, his_code, his_error = (asked.text(each) for each in ("cause", "his_code", "his_error"))
        with installation.view() as view:
            messages, files = view.of_cause(asked.text("destination"), code, his_code, his_error)
        about = f"all of the cause {f'{code} {his_code} {his_error}'.strip()}"
    else:
        messages = [int(each) for each in refs if each.isascii() and each.isdigit() and len(each) < 19]
        numbers = [each[5:] for each in refs if each.startswith("file:")]
        files = [int(each) for each in numbers if each.isascii() and each.isdigit() and len(each) < 19]
        about = "what was ticked" if len(refs) > 1 else ""
    if not messages and not files:
        raise NoWork("bulk.nothing", "nothing was chosen.", hint="Tick what you mean, then press the button again.")
    frozen = bulk.freeze(installation, kind, chosen=Chosen(messages, files))
    work = asked.site.works.put(asked.visitor, frozen, about, asked.text("back") or "/messages")
    return RedirectResponse(f"/bulk/{work.frozen.token}", 303)


def _look(asked: Asked) -> Answer:
    work = asked.site.works.of(asked.visitor, asked.path["token"])
    return _page(asked, work)


def _page(asked: Asked, work: Work) -> Page:
    frozen = work.frozen
    button, done = words_of(frozen)
    values = {
        "work": work,
        "frozen": frozen,
        "button": button,
        "done_word": done,
        "follows": follows(frozen),
        "targets": bulk.targets(asked.site.installation, frozen, most=_SHOWN) if work.state == "ready" else (),
        "shown": _SHOWN,
        "back": work.back if re.fullmatch("/[a-z0-9/]*", work.back) else "/messages",
        "reasons": _reasons([*(work.result.rejected if work.result is not None else ()), *frozen.stays]),
    }
    return Page("bulk.html", button, values)


def _reasons(rejected: Sequence[Rejected]) -> list[Reason]:
    found: dict[str, Reason] = {}
    for each in rejected:
        before = found.get(each.code, Reason(0, each.code, each.hint or ""))
        found[each.code] = before._replace(number=before.number + 1)
    return sorted(found.values(), reverse=True)


def _run(asked: Asked) -> Answer:
    token = asked.path["token"]
    work = asked.site.works.of(asked.visitor, token)
    if not work.frozen.count:
        text = "there is nothing that it could be done to."
        raise LabSenderError("bulk.nothing", text, hint="The page says of each why.")
    if work.state == "ready":
        why = reason_of(asked)
        asked.site.works.run(asked.visitor, token, why, who_of(asked.visitor), asked.site.installation)
        work.ended.wait(1.0)  # most are done at once: their answer shows it
        asked.site.look_again()
    return RedirectResponse(f"/bulk/{token}", 303)


def _stop(asked: Asked) -> Response:
    work = asked.site.works.of(asked.visitor, asked.path["token"])
    work.stopping.set()
    work.ended.wait(5.0)
    return RedirectResponse(f"/bulk/{work.frozen.token}", 303)


ROUTES: Final[tuple[Route, ...]] = (
    screen("/bulk", _choose, right=Right.ACT, posts=True),
    screen("/bulk/{token}", _look, right=Right.ACT),
    screen("/bulk/{token}/run", _run, right=Right.ACT, posts=True),
    screen("/bulk/{token}/stop", _stop, right=Right.ACT, posts=True),
)
