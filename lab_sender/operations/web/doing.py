"""What page and API ask and do alike: the reason and who, lanes, reload, what of patients is shown or searched for.

Holds: how a reason is read, and the acts on lanes and on the configuration.
Promises: no act without a reason; who it was is on record as the account, and that it came by the page. The audit
has each act, and each search for a patient, before it is done.
Never: shows anything.
"""

from __future__ import annotations

from typing import Final

from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.files import valid_name
from lab_sender.operations import acts
from lab_sender.operations import reload as reloading
from lab_sender.operations.acts import Acts
from lab_sender.operations.reload import Reloaded
from lab_sender.operations.rights_of import Visitor
from lab_sender.operations.search import Search
from lab_sender.operations.web.asked import Asked
from lab_sender.operations.web.asking import want_searchable
from lab_sender.operations.web.site import Site

LONGEST_REASON: Final = 400


class NoReason(LabSenderError):
    """Nothing was done."""

    exit_code = ExitCode.USAGE


class NotShown(LabSenderError):
    """It is of a patient, and the visitor has no right to it, or has not asked to see it."""


def want_shown(visitor: Visitor) -> None:
    """Raise NotShown where what is of patients is not shown now."""
    if not visitor.sees_patients:
        hint = "On the page: Show patient data. It is then shown for 15 minutes."
        raise NotShown("patients.hidden", "what is of patients is not shown now.", hint=hint)


def want_search(site: Site, visitor: Visitor, search: Search) -> None:
    """Raise NotAsked where a search is for what is not shown now; one for a patient is noted before it is made."""
    want_searchable(search, sees=visitor.sees_patients)
    if search.patient:
        site.audit.note(visitor, "search", patient=search.patient)


def reason_of(asked: Asked) -> str:
    """Return the reason that was typed. Raises NoReason."""
    return reason(asked.text("why"))


def reason(text: str) -> str:
    """Return a reason as it goes on record. Raises NoReason."""
    why = valid_name(text).strip()
    if not why or len(why) > LONGEST_REASON:
        text = f"an act needs a reason, of up to {LONGEST_REASON} characters."
        raise NoReason("act.no-reason", text, hint="Say in a few words why; it is kept with your name.")
    return why


def who_of(visitor: Visitor) -> str:
    """Name whoever acts, for the journal."""
    return visitor.name if visitor.key is not None else f"{visitor.name} (page)"


def hold(site: Site, visitor: Visitor, why: str, destination: str) -> Acts:
    """Hold a lane, or with "" all of them."""
    with site.audit.around(visitor, "hold", target=destination or "all", why=why):
        held = acts.hold(site.installation, why, who=who_of(visitor), to=_named(destination))
    site.look_again()
    return held


def resume(site: Site, visitor: Visitor, why: str, destination: str) -> Acts:
    """End the hold of a lane, or with "" all holds."""
    with site.audit.around(visitor, "resume", target=destination or "all", why=why):
        resumed = acts.resume(site.installation, who=who_of(visitor), to=_named(destination))
    site.look_again()
    return resumed


def reload(site: Site, visitor: Visitor) -> Reloaded:
    """Bring the configuration in force. Raises NotTaken, Later."""
    with site.audit.around(visitor, "reload") as detail:
        done = reloading.reload(site.installation, who=who_of(visitor))
        if not done.in_force:
            site.look_again()
            raise NotTaken(done.code or "config.refused", done.text or "it was not taken.", hint=done.hint or "")
        detail += [done.digest[:16], *done.changed]
    site.look_again()
    return done


class NotTaken(LabSenderError):
    """The agent goes on by the configuration before."""


def _named(destination: str) -> list[str]:
    return [destination] if destination else []
