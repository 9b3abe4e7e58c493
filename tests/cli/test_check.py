"""`check`: it sees what is wrong, and touches nothing."""

import datetime
import os
import shutil
import ssl
import sys
from pathlib import Path

import pytest
import trustme

from lab_sender.mllp.certificates import own_certificate_end, server_context
from lab_sender.mllp.standin.server import StandIn


def states(told):
    return {each["what"]: each["state"] for each in told["checks"]}


def test_a_fresh_site(here, his):
    before = here.tree()
    told = here.json("check")
    assert told["ok"]
    assert set(states(told).values()) == {"ok"}
    assert here.tree() == before
    here.until(lambda: his.connections == 1)
    assert his.count == 0
    assert "all checks passed." in here("check").stdout


def test_a_site_that_has_run(here, report):
    here("send", here.file("r.json", report()))
    before = here.tree()
    told = here.json("check")
    assert states(told)["journal"] == "ok"
    after = here.tree()
    assert {name for name in before | after if before.get(name) != after.get(name)} <= {
        # opening a WAL journal maps its index, and looking at the lock touches no content
        *(name for name in after if name.endswith(("-shm", "-wal"))), os.path.join("outbox", ".lab-sender"),
        # what an account may do in a folder is tried on Windows
        *(str(Path("outbox", name)) for name in ("", "sent", "quarantine") if sys.platform == "win32"),
    }  # fmt: skip


def test_a_his_that_is_down(here, his):
    his.stop()
    told = here.json("check", exits=1)
    assert states(told)["connection"] == "fail"
    assert "refuses the connection" in here("check", exits=1).stdout


def test_no_second_connection_while_the_agents_is_up(here, his):
    with here.agent():
        here.until(lambda: here.json("status", exits=None)["link"] == "up")
        assert "--connect" in here("check").stdout
        assert his.connections == 1
        here("check", "--connect")
        here.until(lambda: his.connections == 2)


def test_a_host_that_is_not_there(here):
    here.path.write_text(here.path.read_text().replace("127.0.0.1", "no-such-host.invalid") + "  \n")
    here.path.write_text(here.path.read_text().replace("ack_timeout", "plaintext: true\n  ack_timeout"))
    told = here.json("check", exits=1)
    assert (states(told)["name"], states(told)["encryption"]) == ("fail", "warn")


def test_configuration_errors(here):
    here.path.write_text("outbox: outbox\nhis: {hots: x, port: 0}\n")
    result = here("check", exits=78)
    assert "did you mean 'host'?" in result.stdout
    assert "error config.invalid" in here("status", exits=3).stderr
    told = here.json("check", exits=78)
    assert [each["what"] for each in told["checks"]] == ["configuration"] * len(told["checks"])
    here.path.unlink()
    assert "there is no such file" in here("status", exits=3).stderr


def test_a_profile_that_no_message_can_be_built_with(here, his):
    here.configure(his.port, more='message: {version: "2.3", profile_ids: [A^^1.2^ISO]}\n')  # MSH-21 is of 2.4
    told = here.json("check", exits=78)
    assert states(told)["message profile"] == "fail"


MISTAKEN = """message:
  require: [PID-99,
    XYZ-1]
  set:
    - {field: OBX-99, value: x}
folders:
  quarantine: config.yaml/x
"""


def test_each_mistake_of_a_profile_is_a_line_in_the_order_of_lines(here, his):
    here.configure(his.port, more=MISTAKEN)
    checks = here.json("check", exits=78)["checks"]
    found = [f"{each['what']} {each['text'].split(': ')[0]}" for each in checks if each["state"] == "fail"]
    assert found == [
        "message profile config.yaml line 9", "message profile config.yaml line 10",
        "message profile config.yaml line 12", "quarantine config.yaml line 14",
    ]  # fmt: skip
    assert "\\x0a" not in here("check", exits=78).stdout


def test_the_agent_does_not_start_with_mistakes_and_has_made_nothing(here, his):
    """It names them all, also those that alone would not keep it from starting."""
    here.configure(his.port, more=MISTAKEN)
    here.path.write_text(here.path.read_text().replace("ack_timeout: 5s", "tls: {ca: none.pem}"))
    before = here.tree()
    error = here("run", exits=78).stderr
    lines = [line.split(": ")[0] for line in error.splitlines() if line.startswith("  config.yaml")]
    assert lines == [f"  config.yaml line {number}" for number in (5, 9, 10, 12, 14)]
    assert here.tree() == before
    assert here("status", exits=None).exit_code in (1, 2)  # who only looks is not kept from it


def test_a_file_for_tls_that_cannot_be_used_is_named_with_its_line(here, his):
    here.path.write_text(here.path.read_text().replace("ack_timeout: 5s", "tls: {ca: none.pem}"))
    told = here.json("check", exits=1)
    (failed,) = [each for each in told["checks"] if each["state"] == "fail"]
    assert failed["what"] == "authorities"
    assert failed["text"].startswith("config.yaml line 5: his.tls.ca: ")
    assert his.connections == 0


def test_a_file_where_a_folder_must_be(here):
    here.file("outbox", "")
    told = here.json("check", exits=1)
    assert states(told)["outbox"] == "fail"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights(here):
    here.outbox.mkdir(mode=0o500)
    assert states(here.json("check", exits=1))["outbox"] == "fail"


def test_a_damaged_journal(here, report):
    here("send", here.file("r.json", report()))
    journal = here.outbox / ".lab-sender" / "journal.db"
    journal.write_bytes(journal.read_bytes()[:6000] + b"\xff" * 30_000)
    for extra in journal.parent.glob("journal.db-*"):
        extra.unlink()
    told = here.json("check", exits=1)
    assert states(told)["journal"] == "fail"
    journal.write_bytes(b"this is no database" * 100)
    assert "journal.damaged" in here("list", exits=74).stderr


@pytest.mark.parametrize(("free", "state", "level"), [(0, "fail", 2), (4_000_000_000, "warn", 1), (6 << 30, "ok", 1)])
def test_a_disk_is_as_full_to_check_as_to_status(here, monkeypatch, free, state, level):
    here.outbox.mkdir()
    seen = shutil.disk_usage(here.folder)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: seen)
    told = here.json("check", exits=1 if state == "fail" else 0)
    assert states(told)["journal's disk"] == state
    now = here.json("status", exits=level)
    assert [each["level"] for each in now["conditions"] if each["code"] == "disk.low"] == (
        {"fail": ["CRITICAL"], "warn": ["WARNING"], "ok": []}[state]
    )


def test_claimed_files_without_a_journal(here):
    claimed = here.outbox / ".lab-sender" / "claimed"
    claimed.mkdir(parents=True)
    (claimed / "X_r.json").write_text("{}")
    assert states(here.json("check", exits=1))["journal"] == "fail"
    assert "journal.missing" in here("run", exits=74).stderr


def pem(folder, name, *blobs):
    path = folder / name
    path.write_bytes(b"".join(blob.bytes() for blob in blobs))
    return path


@pytest.mark.parametrize(("days", "state"), [(300, "ok"), (10, "warn"), (-1, "fail")])
def test_certificates(here, tmp_path, days, state):
    ca = trustme.CA()
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days, hours=1)
    start = end - datetime.timedelta(days=400)
    theirs = ca.issue_cert("localhost", not_before=start, not_after=end)
    ours = ca.issue_cert("lab.example", not_before=start, not_after=end)
    authority = pem(tmp_path, "ca.pem", ca.cert_pem)
    their_file = pem(tmp_path, "his.pem", theirs.private_key_pem, *theirs.cert_chain_pems)
    our_file = pem(tmp_path, "lab.pem", ours.private_key_pem, *ours.cert_chain_pems)
    with StandIn(tls=server_context(str(their_file), "", str(authority))) as his:
        here.configure(his.port)
        tls = f"tls: {{ca: {authority}, certificate: {our_file}, server_name: localhost}}"
        here.path.write_text(here.path.read_text().replace("ack_timeout: 5s", tls))
        told = here.json("check", exits=1 if state == "fail" else 0)
    assert states(told)["our certificate"] == state
    if state == "fail":
        assert (states(told)["connection"], states(told)["TLS"]) == ("ok", "fail")
    else:
        assert states(told)["HIS certificate"] == state
    assert abs(own_certificate_end(our_file) - end) < datetime.timedelta(seconds=1)


def test_a_certificate_for_another_name_is_said_with_its_names(here, tmp_path):
    """Whoever is to write that name has to know it."""
    ca = trustme.CA()
    theirs = ca.issue_cert("his.example", "192.0.2.7")
    authority = pem(tmp_path, "ca.pem", ca.cert_pem)
    their_file = pem(tmp_path, "his.pem", theirs.private_key_pem, *theirs.cert_chain_pems)
    with StandIn(tls=server_context(str(their_file), "", "")) as his:
        here.configure(his.port)
        plain = here.path.read_text()
        here.path.write_text(plain.replace("ack_timeout: 5s", f"tls: {{ca: {authority}}}"))
        flat = " ".join(here("check", exits=1).stdout.split())
        assert "its certificate is for another name: his.example, 192.0.2.7" in flat
        here.path.write_text(plain.replace("ack_timeout: 5s", f"tls: {{ca: {authority}, server_name: his.example}}"))
        assert "HIS certificate" in states(here.json("check"))
        assert his.received == []


def test_the_end_of_a_certificate_is_what_openssl_says(tmp_path):
    decode = ssl._ssl._test_decode_cert  # the standard library's own reader, as oracle
    for year in (2030, 2049, 2050, 2080):
        end = datetime.datetime(year, 2, 28, 23, 59, 58, tzinfo=datetime.UTC)
        certificate = trustme.CA().issue_cert("a.example", not_after=end)
        path = pem(tmp_path, f"{year}.pem", certificate.private_key_pem, certificate.cert_chain_pems[0])
        (tmp_path / "only.pem").write_bytes(certificate.cert_chain_pems[0].bytes())
        said = ssl.cert_time_to_seconds(decode(str(tmp_path / "only.pem"))["notAfter"])
        assert own_certificate_end(path).timestamp() == said


def test_tls_where_the_his_speaks_none(here):
    here.path.write_text(here.path.read_text().replace("ack_timeout: 5s", "connect_timeout: 1s\n  tls: {}"))
    told = here.json("check", exits=1)
    assert (states(told)["connection"], states(told)["TLS"]) == ("ok", "fail")


@pytest.mark.parametrize(
    ("web", "state", "text"),
    [
        ("listen: off", "ok", "off (web.listen)"),
        ("listen: 127.0.0.1:8425", "ok", "127.0.0.1:8425, started with the agent, and ends with it"),
        ("start: alone", "ok", "127.0.0.1:8425, a service of its own"),
        ("listen: 0.0.0.0:1, tls: {certificate: gone.pem}", "warn", "gone.pem is not there: the page does not"),
    ],
)
def test_the_page_is_looked_at(here, web, state, text):
    here.path.write_text(here.path.read_text().replace("web: {listen: off}", f"web: {{{web}}}"))
    pages = [each for each in here.json("check", exits=None)["checks"] if each["what"] == "page"]
    assert pages[-1]["state"] == state
    assert text in pages[-1]["text"]
