"""What of a changed configuration a running agent takes, and what it names as needing a restart."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import trustme

from lab_sender.agent.reload import NeedsRestart, change
from lab_sender.config.load import Config, ConfigError, load
from lab_sender.journal import Journal, View

ONE = "outbox: o\nhis: {host: 127.0.0.1, port: 1}\n"
SEVERAL = """\
outboxes: [{folder: a}, {folder: b, to: x}]
destinations:
  x: {host: 127.0.0.1, port: 1}
  y: {host: 127.0.0.1, port: 2, takes: [{field: PV1-2, is: I}]}
message: {sending_application: LAB}
"""


@pytest.fixture
def read(tmp_path: Path) -> object:
    (tmp_path / "his.yaml").write_text("receiving_application: HIS\n")

    def config(text: str) -> Config:
        (tmp_path / "config.yaml").write_text(text)
        return load(tmp_path / "config.yaml")

    return config


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        (ONE, ONE, []),
        (ONE, f"# a comment\n{ONE}", []),
        (ONE, ONE.replace("port: 1", "port: 2"), ["his.port"]),
        (ONE, ONE.replace("127.0.0.1", "[127.0.0.1, localhost]"), ["his.host"]),
        (ONE, ONE.replace("port: 1", "port: 1, ack_timeout: 5s, retry: {refused: 7}"), [
            "his.ack_timeout", "his.retry.refused"]),
        (ONE, ONE.replace("port: 1", "port: 1, tls: {}"), ["his.tls"]),
        (ONE, ONE.replace("port: 1", 'port: 1, replies: [{text: "x+", then: hold}]'), ["his.replies"]),
        (ONE, ONE + "message: {extends: his.yaml}\n", ["message"]),
        (ONE, ONE + "message: {codes: {maps: {test: {inline: {a: b}}}}}\n", ["message"]),
        (ONE, ONE + "intake: {poll: 1s, marker: .ok}\nlog: {level: debug, file: x.log}\n", [
            "intake.poll", "intake.marker", "log.level", "log.file"]),
        (ONE, ONE + "inputs: {pdf: {beside: wait}}\n", ["inputs.pdf.beside"]),
        (ONE, ONE + "retention: {}\n", ["retention"]),
        (ONE + "retention: {sent: 40d}\n", ONE + "retention: {window: 01:00-05:00}\n", [
            "retention.sent", "retention.window.from"]),
        (SEVERAL, SEVERAL.replace("port: 2", "port: 3"), ["destinations.y.port"]),
        (SEVERAL, SEVERAL.replace("is: I", "is: O"), ["destinations.y.takes"]),
        (SEVERAL, SEVERAL.replace("LAB", "LIS"), ["destinations.x.message", "destinations.y.message"]),
    ],
)  # fmt: skip
def test_what_is_taken_is_named(before: str, after: str, names: list[str], read: object) -> None:
    old = read(before)  # type: ignore[operator]
    found = change(old, read(after))  # type: ignore[operator]
    assert list(found.names) == names
    assert found.plans.keys() == {each.name for each in old.outboxes}


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        (ONE, ONE.replace("outbox: o", "outbox: p"), ["outbox", "folders.sent", "folders.work"]),
        (ONE, ONE + "folders: {sent: elsewhere}\n", ["folders.sent"]),
        (ONE, ONE + "folders: {journal: elsewhere}\n", ["folders.journal"]),
        (ONE, SEVERAL, ["outboxes", "destinations"]),
        (ONE, ONE.replace("port: 1", "port: 2, connections: 2, order_by: order"), [
            "his.connections", "his.order_by"]),
        (SEVERAL, SEVERAL.replace("  y:", "  z:"), ["destinations"]),
        (SEVERAL, SEVERAL.replace("to: x", "to: y"), ["b: to"]),
        (SEVERAL, SEVERAL.replace("{folder: a}, ", ""), ["outboxes"]),
    ],
)  # fmt: skip
def test_what_needs_a_restart_is_named_and_nothing_is_taken(
    before: str, after: str, named: list[str], read: object
) -> None:
    old = read(before)  # type: ignore[operator]
    with pytest.raises(NeedsRestart) as refused:
        change(old, read(after))  # type: ignore[operator]
    assert refused.value.code == "reload.needs-restart"
    for each in named:
        assert each in refused.value.text


@pytest.mark.parametrize(
    ("tls", "code", "line", "text"),
    [
        ("ca: none.pem", "tls.ca", 5, "there is no such file"),
        ("ca: key.pem", "tls.ca", 5, "holds a private key and no certificate"),
        ("certificate: none.pem", "tls.certificate", 5, "there is no such file"),
        ("certificate: own.pem\n    key: none.pem", "tls.key", 6, "there is no such file"),
        ("certificate: own.pem\n    key: other.pem", "tls.key", 6, "is not the key of the certificate in"),
        ("ca: ca.pem\n    certificate: own.pem\n    key: key.pem", "", 0, ""),
    ],
)
def test_files_for_tls_that_stop_a_connection_are_named_with_their_line_and_nothing_is_taken(
    tls: str, code: str, line: int, text: str, read: object, tmp_path: Path
) -> None:
    authority = trustme.CA()
    own, other = authority.issue_cert("lab.example"), authority.issue_cert("lab.example")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "own.pem"))
    own.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    other.private_key_pem.write_to_path(str(tmp_path / "other.pem"))
    plain = "outbox: o\nhis:\n  host: 127.0.0.1\n  tls:\n    {}\n  port: 1\n"
    old, new = read(ONE), read(plain.format(tls))  # type: ignore[operator]
    if not code:
        assert change(old, new).names == ("his.tls",)
        return
    with pytest.raises(ConfigError) as refused:
        change(old, new)
    assert [(each.code, each.line) for each in refused.value.mistakes] == [(code, line)]
    assert text in refused.value.mistakes[0].text
    with pytest.raises(ConfigError):
        change(new, new)  # whatever the agent began with


def test_another_journal_is_named_as_the_start_would(read: object, tmp_path: Path) -> None:
    old = read(ONE)  # type: ignore[operator]
    (tmp_path / "o" / ".lab-sender").mkdir(parents=True)
    (tmp_path / "o" / ".lab-sender" / "agent.lock").write_text("the journal of this outbox is in use\n")
    with pytest.raises(NeedsRestart) as refused:
        change(old, read(ONE + "folders: {journal: elsewhere}\n"))  # type: ignore[operator]
    assert "Do not restart yet: no agent would start, journal.missing: " in refused.value.text
    assert not (tmp_path / "elsewhere").exists()


def test_two_who_ask_at_once_are_answered_both(journal: Journal) -> None:
    first, second = journal.reloads.asks(who="anna"), journal.reloads.asks(who="bert")
    asked = journal.reloads.asked()
    assert asked is not None
    third = journal.reloads.asks(who="carla")
    journal.reloads.brought_in_force(asked, digest="d", his={}, changed=("his.port",))
    with contextlib.closing(View(journal.store.path)) as view:
        for act in (first, second):
            said = view.reload_answer(act)
            assert said is not None
            assert (said.act, said.in_force, said.changed) == (act, True, ("his.port",))
        assert view.reload_answer(third) is None, "the file was read before it was asked"
        again = journal.reloads.asked()
        assert again is not None
        assert again.who == "carla"
        journal.reloads.refused(again, code="c", text="t")
        assert [view.reload_answer(act).in_force for act in (first, second, third)] == [  # type: ignore[union-attr]
            True, True, False]
        assert view.last_reload() == view.reload_answer(third)


def test_what_was_answered_is_not_asked_again_after_a_signal(journal: Journal) -> None:
    """Else the agent takes a file that somebody is just editing, as soon as anybody writes to the journal."""
    act = journal.reloads.asks(who="anna")
    journal.reloads.brought_in_force(journal.reloads.asked(), digest="d", his={}, changed=())
    journal.reloads.brought_in_force(None, digest="e", his={}, changed=())
    assert journal.reloads.asked() is None
    with contextlib.closing(View(journal.store.path)) as view:
        said = view.reload_answer(act)
        assert said is not None
        assert said.digest == "d", "whoever has not looked yet finds the answer"
        last = view.last_reload()
        assert last is not None
        assert (last.act, last.digest) == ("", "e")
