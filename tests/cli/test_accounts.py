"""`user`, `key` and `audit` on the command line; and `schema api`."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kit.documents import validate
from kit.patients import is_named

from cli.conftest import Here
from lab_sender.cli.main import main

PASSWORD = "a horse walks home"


@pytest.fixture
def site(here: Here) -> Here:
    here.outbox.mkdir()
    return here


def typed(site: Here, *args: object, text: str = "", exits: int = 0) -> Result:
    result = CliRunner().invoke(main, ["--config", str(site.path), *map(str, args)], input=text)
    assert result.exit_code == exits, result.output
    return result


def said(site: Here, *args: object, exits: int = 0) -> dict[str, Any]:
    document = site.json(*args, exits=exits)
    validate(document)
    return document


def test_accounts_are_made_shown_changed_and_removed(site: Here) -> None:
    assert "There is no account" in site("user", "list").output
    result = typed(site, "user", "add", "m.weber", "--role", "operator", text=f"{PASSWORD}\n{PASSWORD}\n")
    assert PASSWORD not in result.output
    typed(site, "user", "add", "kim", "--role", "viewer", "--patient-data", "--password-stdin", text=f"{PASSWORD}\n")
    site("user", "add", "by.proxy", "--role", "admin", "--no-password")
    found = {each["name"]: each for each in said(site, "user", "list")["accounts"]}
    assert {name: (each["role"], each["patient_data"], each["has_password"]) for name, each in found.items()} == {
        "m.weber": ("operator", False, True), "kim": ("viewer", True, True), "by.proxy": ("admin", False, False),
    }  # fmt: skip
    site("user", "role", "kim", "operator")
    assert not next(each for each in said(site, "user", "list")["accounts"] if each["name"] == "kim")["patient_data"]
    typed(site, "user", "password", "kim", "--password-stdin", text="another long one\n")
    site("user", "remove", "kim")
    rows = said(site, "audit", "list")["rows"]
    assert [(each["act"], each["target"]) for each in rows[::-1]] == [
        ("account-add", "m.weber"), ("account-add", "kim"), ("account-add", "by.proxy"), ("account-role", "kim"),
        ("account-password", "kim"), ("account-remove", "kim"),
    ]  # fmt: skip
    assert all(each["who"] for each in rows)


@pytest.mark.parametrize(
    ("args", "text", "code"),
    [
        (("user", "add", " blank", "--role", "viewer", "--no-password"), "", "account.name"),
        (("user", "add", "a\nb", "--role", "viewer", "--no-password"), "", "account.name"),
        (("user", "add", "kim", "--role", "viewer", "--password-stdin"), "short\n", "account.password"),
        (("user", "add", "kim", "--role", "viewer", "--password-stdin"), "x" * 300 + "\n", "account.password"),
        (("user", "remove", "nobody"), "", "account.none"),
        (("user", "role", "nobody", "admin"), "", "account.none"),
        (("key", "revoke", "nothing"), "", "account.none"),
    ],
)
def test_what_cannot_be_is_an_error_and_changes_nothing(site: Here, args: Any, text: str, code: str) -> None:
    result = typed(site, *args, text=text, exits=2)
    assert f"error {code}: " in result.stderr
    assert said(site, "user", "list")["accounts"] == []
    assert said(site, "audit", "list")["rows"] == []


def test_a_name_is_given_once(site: Here) -> None:
    site("user", "add", "kim", "--role", "viewer", "--no-password")
    assert "account.exists" in site("user", "add", "kim", "--role", "admin", "--no-password", exits=2).stderr
    site("key", "add", "lis", "--role", "submit")
    site("key", "revoke", "lis")
    assert "account.exists" in site("key", "add", "lis", "--role", "admin", exits=2).stderr, "it is in the audit"


def test_a_key_is_shown_once_and_ends(site: Here) -> None:
    key = site("key", "add", "lis", "--role", "submit", "--days", "365d").stdout.strip()
    assert key.startswith("lsk_")
    assert len(key) > 40
    (kept,) = said(site, "key", "list")["keys"]
    assert key not in json.dumps(kept)
    assert kept["ends_ms"] - kept["created_ms"] == pytest.approx(365 * 86_400_000, abs=3_700_000)
    operations = site.outbox / ".lab-sender" / "operations.db"
    assert key.encode() not in operations.read_bytes()
    site("key", "revoke", "lis")
    (kept,) = said(site, "key", "list")["keys"]
    assert kept["revoked_ms"]


def test_the_audit_is_shown_with_masks_and_verified(site: Here) -> None:
    from lab_sender.operations.audit import Audit
    from lab_sender.operations.installation import Installation
    from lab_sender.operations.rights_of import Visitor

    records = Installation(site.path).records()
    Audit(records).note(Visitor("kim", "viewer"), "api wire", target="5", patient="4711", why="ZEBRAPATIENT called")
    shown = site("audit", "list").output
    assert not is_named("4711", shown)
    assert "ZEBRAPATIENT" not in shown
    assert "•••" in shown
    assert "ZEBRAPATIENT called" in site("audit", "list", "--raw").output
    assert said(site, "audit", "list")["rows"][0]["act"] == "audit-raw", "that was noted"
    assert said(site, "audit", "list", "--act", "api wire")["rows"][0]["target"] == "5"
    assert said(site, "audit", "verify")["ok"]
    assert "none changed" in site("audit", "verify").output
    db = records.path
    import sqlite3

    with sqlite3.connect(db) as changed:
        changed.execute("DROP TRIGGER audit_is_never_changed")
        changed.execute("UPDATE audit SET patient = 'x' WHERE id = 1")
    changed.close()
    verdict = said(site, "audit", "verify", exits=1)
    assert (verdict["ok"], verdict["first_wrong"]) == (False, 1)


def test_the_api_is_described(site: Here) -> None:
    document = json.loads(site("schema", "api").stdout)
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]["/api/v1/results"]) == {"post"}
    assert document["paths"]["/api/v1/messages/{id}"]["get"]["parameters"][0]["name"] == "id"
    names = {each for path in document["paths"].values() for one in path.values() for each in [one["operationId"]]}
    assert len(names) == sum(len(each) for each in document["paths"].values())
    text = json.dumps(document)
    for reference in set(re.findall(r"#/components/schemas/(\w+)", text)):
        assert reference in document["components"]["schemas"]
