"""What a person does about something in quarantine.

Holds: `next_step`, the commands that go on from there, for the terminal and for the reason beside a quarantined file.
Promises: right when followed to the letter; what may have arrived is asked about before it is sent again.
Never: decides or acts.
"""

from __future__ import annotations


def next_step(ref: str, code: str, *, control_id: str = "", may_have_left: bool = False, built: bool = True) -> str:
    """Say what to do about the message or file `ref`, which lies in quarantine with `code`.

    `built`: it has bytes that could go out again.
    """
    release, dismiss = f"`lab-sender release {ref}`", f"`lab-sender dismiss {ref} --why TEXT`"
    if code == "unanswered" or (may_have_left and code != "refused"):
        return f"ask the HIS whether it has control id {control_id}: if it has, {dismiss}; if not, {release}"
    if code in ("report.overtaken", "report.partly-overtaken"):  # a plain release finds the newer one again
        forced = f"`lab-sender release {ref} --force`"
        open_too = "have the laboratory report anew the orders that nothing has passed, and "
        others = "" if code == "report.overtaken" else open_too
        return f"find out which one is valid: if it is the newer one, {others}{dismiss}; if it is this one, {forced}"
    if code in ("correction.older", "correction.preliminary-after-final"):
        return f"ask the laboratory; then {dismiss}, or `lab-sender release {ref} --force` to send it as it is"
    if code.startswith("correction."):
        return f"ask the laboratory; then {dismiss}, or {release} to send it as it is"
    if code == "attachment.missing":  # what lies in quarantine/ is not looked at
        put = "put the document into the outbox, under the name that the report says, else under the report's own"
        return f"{put}, then {release} to have both read; or {dismiss}"
    if built:
        return f"mend the cause, then {release}; or {dismiss}"
    return f"drop a corrected file and {dismiss}; or mend what is wrong here, then {release} to have it read again"
