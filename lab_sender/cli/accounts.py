"""`user` and `key`: the people and programs that the page and its API let in.

Holds: one command for each change, and the two lists.
Promises: a password is asked for unseen, or read from standard input; it is on no command line. Each change is a row
of the audit with the name of whoever typed it.
Never: shows a password, or a key but once.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import DaysType, as_json_option, pass_installation, password_on_stdin, who
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation

if TYPE_CHECKING:
    from lab_sender.operations.accounts import Accounts, Keys
    from lab_sender.operations.rights_of import Visitor

_PERSONS: Final = click.Choice(["viewer", "operator", "admin"])
_PROGRAMS: Final = click.Choice(["submit", "viewer", "operator", "admin"])
_patient_data = click.option(
    "--patient-data", is_flag=True, help="May see what is of patients: a right of its own, part of no role."
)
_from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@click.group()
def user() -> None:
    """Manage the accounts of the page."""


@user.command("add")
@click.argument("name")
@click.option("--role", type=_PERSONS, required=True, help="viewer looks, operator acts, admin manages accounts too.")
@_patient_data
@_from_stdin
@click.option("--no-password", is_flag=True, help="Only the proxy says that it is this person (web.proxy).")
@pass_installation
def user_add(
    installation: Installation, name: str, role: str, patient_data: bool, password_stdin: bool, no_password: bool
) -> None:
    """Make an account."""
    password = None if no_password else _password(from_stdin=password_stdin)
    _accounts(installation).add(by(), name, role, password=password, patient_data=patient_data)
    click.echo(f"{name}: {role}{', patient data' if patient_data else ''}.")


@user.command("list")
@as_json_option
@pass_installation
def user_list(installation: Installation, as_json: bool) -> None:
    """Show the accounts."""
    listing = _accounts(installation).every()
    if as_json:
        screen.show_json(listing)
        return
    rows = [
        (each.name, each.role, "yes" if each.patient_data else "", "" if each.has_password else "by the proxy",
         wording.clock(each.created_ms))
        for each in listing.accounts
    ]  # fmt: skip
    if not rows:
        click.echo("There is no account: without one the page shows facts only. `lab-sender user add` makes one.")
        return
    screen.show(screen.table(("name", "role", "patient data", "login", "made"), rows))


@user.command("remove")
@click.argument("name")
@pass_installation
def user_remove(installation: Installation, name: str) -> None:
    """Remove an account, and log it out."""
    _accounts(installation).remove(by(), name)
    click.echo(f"{name} is removed.")


@user.command("password")
@click.argument("name")
@_from_stdin
@pass_installation
def user_password(installation: Installation, name: str, password_stdin: bool) -> None:
    """Give an account another password, and log it out."""
    _accounts(installation).password(by(), name, _password(from_stdin=password_stdin))
    click.echo(f"{name} has another password.")


@user.command("role")
@click.argument("name")
@click.argument("role", type=_PERSONS)
@_patient_data
@pass_installation
def user_role(installation: Installation, name: str, role: str, patient_data: bool) -> None:
    """Give an account another role, and log it out.

    Without --patient-data it does not see what is of patients any more.
    """
    _accounts(installation).role(by(), name, role, patient_data=patient_data)
    click.echo(f"{name}: {role}{', patient data' if patient_data else ''}.")


@click.group()
def key() -> None:
    """Manage the keys of programs that use the API."""


@key.command("add")
@click.argument("name")
@click.option("--role", type=_PROGRAMS, required=True, help="submit may submit results, and nothing else.")
@_patient_data
@click.option("--days", type=DaysType(), help="How long it is good, such as 365d; left out: until it is revoked.")
@pass_installation
def key_add(installation: Installation, name: str, role: str, patient_data: bool, days: int | None) -> None:
    """Make a key, and print it: it is shown this once."""
    ends = None
    if days is not None:
        ends = round((datetime.datetime.now().astimezone() + datetime.timedelta(days=days)).timestamp() * 1000)
    made = _keys(installation).add(by(), name, role, patient_data=patient_data, ends_ms=ends)
    click.echo(made)
    click.echo("Keep it where only that program reads it; it is not shown again.", err=True)


@key.command("list")
@as_json_option
@pass_installation
def key_list(installation: Installation, as_json: bool) -> None:
    """Show the keys, without their secrets."""
    listing = _keys(installation).every()
    if as_json:
        screen.show_json(listing)
        return
    rows = [
        (each.name, each.role, "yes" if each.patient_data else "", wording.clock(each.created_ms),
         wording.clock(each.ends_ms), wording.clock(each.revoked_ms))
        for each in listing.keys
    ]  # fmt: skip
    if not rows:
        click.echo("There is no key. `lab-sender key add` makes one.")
        return
    screen.show(screen.table(("name", "role", "patient data", "made", "ends", "revoked"), rows))


@key.command("revoke")
@click.argument("name")
@pass_installation
def key_revoke(installation: Installation, name: str) -> None:
    """Let a key be good for nothing any more."""
    _keys(installation).revoke(by(), name)
    click.echo(f"{name} is revoked.")


def by() -> Visitor:
    """Return whoever types, for the audit."""
    from lab_sender.operations.rights_of import Visitor

    return Visitor(name=who(), role="command line")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return password_on_stdin()
    return str(click.prompt("Password", hide_input=True, confirmation_prompt="The same again"))


def _accounts(installation: Installation) -> Accounts:
    from lab_sender.operations.accounts import Accounts
    from lab_sender.operations.audit import Audit

    records = installation.records()
    return Accounts(records, Audit(records))


def _keys(installation: Installation) -> Keys:
    from lab_sender.operations.accounts import Keys
    from lab_sender.operations.audit import Audit

    records = installation.records()
    return Keys(records, Audit(records))
