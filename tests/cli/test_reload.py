"""`reload`: a changed configuration comes in force whole, or not at all, and who asked is on record."""

from __future__ import annotations

import contextlib

from cli.conftest import Here, report
from lab_sender.cli.arguments import who
from lab_sender.journal import Journal, View
from lab_sender.mllp.standin.server import StandIn


def _events(here: Here) -> list[tuple[str, str, str]]:
    view = View(here.outbox / ".lab-sender" / "journal.db")
    try:
        return view._reader.rows("SELECT kind, who, detail FROM event WHERE kind LIKE 'config%' ORDER BY id")
    finally:
        view.close()


def test_the_next_message_goes_to_the_new_port_by_the_new_profile(here: Here, his: StandIn) -> None:
    with here.agent(), StandIn() as other:
        here("send", here.file("r-1.json", report("F-1")))
        here.configure(other.port, more="message: {receiving_application: NEW}\n")
        assert here.json("status", exits=1)["config_changed"]
        done = here.json("reload")
        assert (done["in_force"], done["changed"]) == (True, ["his.port", "message"])
        now = here.json("status")
        assert (now["config_changed"], now["his"]) == (False, f"127.0.0.1:{other.port}")
        here("send", here.file("r-2.json", report("F-2")))
        assert [b"|NEW|" in each.body for each in (*his.received, *other.received)] == [False, True]
        assert here("reload").stdout == f"In force: {done['digest']} (no setting differs).\n"
    assert _events(here) == [
        ("config.reload-asked", who(), ""), ("config.reloaded", who(), "his.port, message"),
        ("config.reload-asked", who(), ""), ("config.reloaded", who(), ""),
    ]  # fmt: skip


def test_what_needs_a_restart_is_refused_and_the_rest_is_not_taken_either(here: Here, his: StandIn) -> None:
    with here.agent():
        before = here.json("status", exits=None)["his"]
        here.configure(1, more="folders: {sent: elsewhere}\n")
        done = here.json("reload", exits=78)
        assert (done["in_force"], done["code"]) == (False, "reload.needs-restart")
        assert "folders.sent" in done["text"]
        assert here.json("status", exits=1)["his"] == before
        shown = here("reload", exits=78).stderr
        assert shown.startswith("error reload.needs-restart: not taken, the agent goes on as before: folders.sent ")
        here("send", here.file("r.json", report()))
    assert len(his.received) == 1
    assert not (here.folder / "elsewhere").exists()
    assert _events(here)[-1] == ("config.refused", who(), "reload.needs-restart")


def test_a_configuration_with_mistakes_is_named_with_its_lines(here: Here) -> None:
    with here.agent():
        digest = here.json("status", exits=None)["his"]
        here.configure(1, more="intake2: {}\n")
        assert "config.yaml line 8" in here("reload", exits=78).stderr
        here.configure(1)
        here.path.write_text(here.path.read_text().replace("port: 1", "port: 0"))
        assert "line 4" in here("reload", exits=78).stderr
        here.configure(1)
        assert digest, "the agent went on"


def test_a_file_for_tls_that_is_not_there_cuts_no_link(here: Here, his: StandIn) -> None:
    with here.agent():
        here("send", here.file("r-1.json", report("F-1")))
        plain = here.path.read_text()
        here.path.write_text(plain.replace("ack_timeout: 5s", "tls: {ca: none.pem}"))
        named = "config.yaml line 5: his.tls.ca: "
        assert named in " ".join(here("check", exits=1).stdout.split())
        shown = here("reload", exits=78).stderr
        assert "not taken, the agent goes on as before" in shown
        assert named in shown
        here.path.write_text(plain)
        here("send", here.file("r-2.json", report("F-2")))
    assert len(his.received) == 2


def test_without_an_agent_nobody_takes_it(here: Here) -> None:
    assert here.json("reload", exits=75)["code"] == "reload.no-agent"
    with here.agent():
        pass
    assert here.json("reload", exits=75)["code"] == "reload.no-agent"


def test_a_request_that_an_agent_before_this_one_left_is_not_answered_again(here: Here) -> None:
    with here.agent():
        pass
    with contextlib.closing(Journal(here.outbox / ".lab-sender" / "journal.db")) as journal:
        journal.reloads.asks(who="somebody")
        assert journal.reloads.asked() is not None
    with here.agent() as agent:
        assert agent._journal.reloads.asked() is None
        assert here.json("reload")["in_force"]
        assert agent._journal.reloads.asked() is None
