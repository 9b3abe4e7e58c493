"""An act that was done, as a person reads it.

Holds: the sentence of what was done, and the line of what it was done to: file, orders, control id, time.
Promises: no patient, though an order leads to one.
Never: acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import names_destinations
from lab_sender.operations import wording

if TYPE_CHECKING:
    from lab_sender.operations.acts import Act, Target

_MOST_ORDERS = 5


def show_done(act: Act, *, as_json: bool) -> None:
    """Show an act that was done."""
    if as_json:
        screen.show_json(act)
        return
    is_all = act.agent_runs or act.result in ("contradiction-closed", "was-not-held")
    click.echo(f"{_said(act)}{'' if is_all else ' (no agent runs: it follows at its next start)'}.")
    if act.target is not None:
        click.echo(f"  {facts(act.target)}")


def _said(act: Act) -> str:
    """Say in a sentence what was done."""
    named = names_destinations()
    lane = f"the lane of {act.destination}" if named else "the lane"
    what = act.target.what if act.target is not None else lane
    held = f" (it was held by {wording.HELD_BY[act.was_held_by]})" if act.was_held_by else ""
    match act.act, act.result:
        case "release", "read-again":
            return f"{what} is released: its file is received and read again"
        case "release", _:
            new = act.new_control_id
            under = f"whole, under control id {new}" if new else "under the same control id"
            return f"{what} is released: it goes out again from its old place, {under}"
        case "rebuild", result:
            goes = "it goes out from its old place" if result == "goes-out" else "it stays in quarantine"
            return f"{what} is built anew, under control id {act.new_control_id}; {goes}"
        case "resend", _:
            return f"{what} is resent as message {act.new_message}, control id {act.new_control_id}"
        case "dismiss", "contradiction-closed":
            return f"{what} stays delivered; that the HIS took it back is closed"
        case "dismiss", _ if act.target is not None and act.target.may_have_arrived:
            return f"{what} is given up: it is not sent again, and its file is kept; {may_have_arrived(act.target)}"
        case "dismiss", _:
            return f"{what} is given up: it is not sent, and its file is kept"
        case "hold", _:
            to = f" --to {act.destination}" if named else ""
            if act.was_held_by == "operator":
                return (
                    f"{what} was held by an operator already; `lab-sender status` has the reasons, and"
                    f" `lab-sender resume{to}` ends both holds: not before whoever began the first agrees"
                )
            return f"{what} is held; `lab-sender resume{to}` ends it"
        case _, "was-not-held":
            return f"{what} was not held"
    return f"{what} goes on{held}"


def may_have_arrived(target: Target) -> str:
    """Say by what the HIS team finds out whether it has a message; "" where it cannot have it."""
    ids = " or ".join(target.may_have_arrived)
    return screen.visible(f"it may have arrived: ask the HIS team for control id {ids}") if ids else ""


def facts(target: Target) -> str:
    """Name file, orders, control id and the time it was received; no patient, though an order leads to one."""
    from lab_sender.operations.named import order_number

    orders = ", ".join(map(order_number, target.orders[:_MOST_ORDERS]))
    if len(target.orders) > _MOST_ORDERS:
        orders += f" and {len(target.orders) - _MOST_ORDERS} more"
    parts = {
        "file": f"{target.file} {target.place or ''}".rstrip(),
        "orders" if len(target.orders) > 1 else "order": orders,
        "to": target.destination or "" if names_destinations() else "",
        "control id": target.control_id or "",
        "received": wording.clock(target.received_ms),
    }
    return screen.visible(", ".join(f"{name} {value}" for name, value in parts.items() if value))
