"""A configuration that was changed under a running agent is not in force, and that is said."""

from __future__ import annotations

from cli.conftest import Here, report
from lab_sender.mllp.standin.server import StandIn
from lab_sender.operations.in_force import in_force
from lab_sender.operations.installation import Installation

CHANGED = "config.yaml (or a file that it names) changed and is not in force: `lab-sender reload`"


def test_a_changed_configuration_is_said_until_the_agent_is_restarted(here: Here, his: StandIn) -> None:
    with here.agent():
        here.until(lambda: here.json("status", exits=None)["link"] == "up")
        assert not here.json("status")["config_changed"]
        here.configure(1)
        now = here.json("status", exits=1)
        assert (now["status"], now["news"], now["config_changed"]) == ("WARNING", [CHANGED], True)
        assert now["his"] == f"127.0.0.1:{his.port}", "the one in force, not the one on the disk"
        shown = here("status", exits=1).stdout
        assert shown.startswith(f"WARNING - {CHANGED} | ")
        assert f"127.0.0.1:{his.port}" in shown
        (agent,) = (each for each in here.json("check", exits=1)["checks"] if each["what"] == "agent")
        assert (agent["state"], agent["text"]) == ("warn", f"running; {CHANGED}.")
    assert "is not in force" not in here("status", exits=1).stdout, "without an agent nothing is in force"
    assert here.json("status", exits=1)["his"] == "127.0.0.1:1"
    here.configure(his.port)
    with here.agent():
        here.until(lambda: here.json("status", exits=None)["link"] == "up")
        assert not here.json("status")["config_changed"]


def test_the_agents_connection_says_nothing_of_another_his(here: Here, his: StandIn) -> None:
    with here.agent(), StandIn() as other:
        here.until(lambda: here.json("status", exits=None)["link"] == "up")
        here("check")
        assert his.connections == 1, "no second one to the agent's own"
        here.configure(other.port)
        assert f"127.0.0.1:{other.port} accepts it" in here("check").stdout
        here.until(lambda: other.connections == 1)
        here.configure(1)
        (found,) = (each for each in here.json("check", exits=1)["checks"] if each["what"] == "connection")
        assert found["state"] == "fail"


def test_a_changed_profile_that_it_names_is_said_too(here: Here, his: StandIn) -> None:
    profile = here.file("his.yaml", "receiving_application: HIS\n")
    here.configure(his.port, more="message: {extends: his.yaml}\n")
    with here.agent():
        here.until(lambda: here.json("status", exits=None)["link"] == "up")
        profile.write_text("receiving_application: OTHER\n")
        assert here.json("status", exits=1)["news"] == [CHANGED]
        here("send", here.file("r.json", report()))
    assert b"|HIS|" in his.received[0].body, "what the agent was started with is in force"


def test_a_journal_of_an_older_agent_does_not_know(here: Here) -> None:
    with here.agent() as agent:
        here.until(lambda: here.json("status", exits=None)["link"] == "up")
        with agent._journal.store.durable() as db:
            db.execute("DELETE FROM meta WHERE key IN ('config_digest', 'his')")
        here.configure(1)
        now = here.json("status")
        assert (now["config_changed"], now["his"]) == (False, "127.0.0.1:1")


def test_how_long_is_kept_is_among_the_settings_also_where_it_is_not_written(here: Here, his: StandIn) -> None:
    def kept() -> dict[str, tuple[str, bool]]:
        settings = in_force(Installation(here.path)).settings
        return {each.key: (each.value, each.where is None) for each in settings if each.key.startswith("retention")}

    assert kept() == {}, "nothing is deleted"
    here.configure(his.port, more="retention: {sent: 40d, audit: never}\n")
    found = kept()
    assert found["retention.sent"] == (str(40 * 86_400), False)
    assert found["retention.audit"] == ("never", False)
    assert found["retention.content"] == (str(90 * 86_400), True)
    assert found["retention.window.to"] == ("300", True)
