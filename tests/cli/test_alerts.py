"""Alerts: a real agent, a HIS that goes and comes back, and channels that work, fail and hang."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from kit.core import until
from kit.system import is_private
from kit.webhook import Silent, Webhook

from lab_sender.config.alerts import Channel
from lab_sender.journal import now_ms
from lab_sender.mllp.standin.server import StandIn
from lab_sender.operations.alerts.book import Book, Text, Waiting
from lab_sender.operations.alerts.channels import ChannelThread
from lab_sender.operations.alerts.machine import AWAY_MS
from lab_sender.operations.alerts.notify import TAKEN, Outcome
from lab_sender.operations.alerts.service import AlertService, records_path
from lab_sender.operations.conditions import Condition
from lab_sender.operations.installation import Installation
from lab_sender.operations.records import FileRecords

MIN = 60_000


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as running:
        yield running


def channels(**urls: str) -> str:
    return "alerts:\n  name: lab1\n  channels:\n" + "".join(f"    {name}: {url}\n" for name, url in urls.items())


class Clock:
    """The clock of an alert service, which goes on as a test says."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return now_ms() + self.ahead_ms


@contextlib.contextmanager
def running(here, clock: Clock, **more) -> Iterator[AlertService]:
    """The alerts as a process of their own would have them: begun, turned by the test, ended."""
    installation = Installation(here.path)
    records_path(installation).parent.mkdir(parents=True, exist_ok=True)
    service = AlertService(installation, clock_ms=clock, **more)
    service.begin()
    try:
        yield service
    finally:
        service.end()


def turn(service: AlertService, clock: Clock, ms: int) -> list[str]:
    """Let time go by in steps of five seconds."""
    sent = []
    for _ in range(ms // 5000):
        clock.ahead_ms += 5000
        sent += [f"{each.kind} {each.alert.key.code}" for each in service.turn()]
    return sent


@pytest.mark.long
def test_a_his_that_is_away_for_six_minutes_is_told_once_and_once_when_it_is_back(here, his, report, webhook):
    """Agent and alerts are restarted in between; the clock of the alerts goes on as the test says."""
    here.configure(his.port, more=channels(hook=f"json://127.0.0.1:{webhook.port}/"))
    port, clock = his.port, Clock()

    def down(service: AlertService) -> None:
        here.until(lambda: here.json("status", exits=None)["link"] == "down")
        assert turn(service, clock, 10_000) == []

    with here.agent():
        here.until(lambda: here.json("status", exits=None)["link"] == "up")
        his.stop()
        (here.outbox / "r.json").write_text(report())
        with running(here, clock) as service:
            down(service)
            assert turn(service, clock, 2 * MIN) == []
    with here.agent(), running(here, clock) as service:
        down(service)
        assert turn(service, clock, 4 * MIN) == ["begun link.down"]
        until(lambda: webhook.titles)
    with here.agent(), running(here, clock) as service:
        down(service)
        with StandIn(port=port) as back:
            back.wait_for(1)
            here.until(lambda: here.json("status", exits=None)["acked"] == 1)
            assert turn(service, clock, 10 * MIN) == ["over link.down"]
            until(lambda: len(webhook.titles) == 2)
            assert turn(service, clock, 60 * MIN) == []
    assert webhook.titles[0].startswith("[lab1] WARNING: his: the link is down (")
    assert webhook.titles[1].startswith("[lab1] OVER: his: the link is down (")


@pytest.mark.long
def test_a_dip_of_a_minute_is_told_to_nobody(here, his, report, webhook):
    here.configure(his.port, more=channels(hook=f"json://127.0.0.1:{webhook.port}/"))
    port, clock = his.port, Clock()
    with here.agent(), running(here, clock) as service:
        here.until(lambda: here.json("status", exits=None)["link"] == "up")
        his.stop()
        (here.outbox / "r.json").write_text(report())
        here.until(lambda: here.json("status", exits=None)["link"] == "down")
        assert turn(service, clock, MIN) == []
        with StandIn(port=port):
            here.until(lambda: here.json("status", exits=None)["link"] == "up")
            assert turn(service, clock, 10 * MIN) == []
    assert webhook.bodies == []


@pytest.mark.long
def test_a_silent_mail_server_keeps_neither_the_webhook_nor_a_delivery_waiting(here, his, report, webhook):
    with Silent() as mail:
        address = f"mailto://lab:pw12345@127.0.0.1:{mail.port}/?from=lab@example.org&to=it@example.org&cto=2&rto=2"
        here.configure(his.port, more=channels(mail=f'"{address}"', hook=f"json://127.0.0.1:{webhook.port}/"))
        held = [Condition("lane.held", "CRITICAL", "his", "brake", None, "the lane is held by the brake")]
        service = AlertService(Installation(here.path), look=lambda: held, every_s=0.05)
        thread = threading.Thread(target=service.run)
        with here.agent():
            thread.start()
            try:
                assert mail.asked.wait(30)
                until(lambda: webhook.titles, timeout_s=30)
                for number in range(5):
                    here("send", here.file(f"{number}.json", report(f"F-{number}")))
                until(lambda: here.json("alerts", "list")["failing"])
            finally:
                service.stop()
                thread.join()
    assert webhook.titles == ["[lab1] CRITICAL: his: the lane is held by the brake"]
    listed = here.json("alerts", "list")
    assert listed["alerts"][0]["code"] == "lane.held"
    assert [(each["channel"], each["code"]) for each in listed["failing"]] == [("mail", "alerts.not-sent")]
    assert "pw12345" not in here("alerts", "list").output
    assert len(his.received) == 5


def test_what_a_channel_did_not_take_comes_with_the_next_start_and_is_counted(here, his, webhook):
    here.configure(his.port, more=channels(hook=f"json://127.0.0.1:{webhook.port}/"))
    clock, held = Clock(), Condition("lane.held", "CRITICAL", "his", "brake", None, "the lane is held by the brake")
    webhook.fails = True
    with running(here, clock, look=lambda: [held]) as service:
        assert turn(service, clock, 5000) == ["begun lane.held"]
        until(lambda: service.book().failing())
        assert "begun alerts.channel-failed" in turn(service, clock, MIN)
        assert service.book().counts()["hook", "failed"] == 1
    webhook.fails = False
    with running(here, clock, look=lambda: [held]) as service:
        until(lambda: webhook.bodies)
        until(lambda: not service.book().failing())
        assert turn(service, clock, AWAY_MS + MIN) == ["over alerts.channel-failed"]
    assert webhook.titles[0] == "[lab1] WARNING: alerts do not get through the channel hook (alerts.not-sent)" \
        " (and 1 text from before)"  # fmt: skip
    assert "the lane is held by the brake" in webhook.bodies[0]["message"]


def test_levels_say_which_channel_gets_what_and_its_end(here, his, webhook):
    with Webhook() as other:
        here.configure(
            his.port,
            more=f"""\
alerts:
  name: lab1
  link: https://lab1.example/
  channels:
    all: {{url: "json://127.0.0.1:{webhook.port}/", level: info}}
    grave: {{url: "json://127.0.0.1:{other.port}/", level: critical}}
""",
        )
        clock, found = Clock(), list[Condition]()
        with running(here, clock, look=lambda: found) as service:
            found += [Condition("quarantine", "WARNING", "his", "refused", now_ms(), "3 in quarantine (refused)", 3)]
            assert turn(service, clock, MIN) == ["begun quarantine"]
            until(lambda: len(webhook.titles) == 1)
            found += [Condition("disk.low", "CRITICAL", None, None, now_ms() - 5 * MIN, "100.0 MiB of disk left")]
            assert turn(service, clock, MIN) == ["begun disk.low"]
            until(lambda: len(webhook.titles) == 2 and len(other.titles) == 1)
            found.clear()
            sent = turn(service, clock, 5 * MIN)
            assert sorted(sent) == ["over disk.low", "over quarantine"]
            until(lambda: len(other.titles) == 2 and len(webhook.titles) == 3)
    assert webhook.titles == [
        "[lab1] WARNING: his: 3 in quarantine (refused)",
        "[lab1] CRITICAL: 100.0 MiB of disk left",
        "[lab1] OVER: 2 over",
    ]
    assert other.titles == ["[lab1] CRITICAL: 100.0 MiB of disk left", "[lab1] OVER: 100.0 MiB of disk left"]
    lines = webhook.bodies[0]["message"].splitlines()
    assert lines[0] == "WARNING: his: 3 in quarantine (refused)"
    assert lines[2] == "  id 1"
    assert lines[-1] == "https://lab1.example/"


def test_nobody_can_look_and_that_is_told_also_where_nothing_can_be_kept(here, his, webhook):
    here.configure(his.port, more=channels(hook=f"json://127.0.0.1:{webhook.port}/"))
    clock = Clock()

    def fails() -> list[Condition]:
        raise OSError("the disk is away")

    service = AlertService(Installation(here.path), clock_ms=clock, look=fails)
    service.begin()
    assert turn(service, clock, 2 * MIN) == ["begun status.unreadable"]
    until(lambda: webhook.titles == ["[lab1] CRITICAL: nobody can see what is wrong (io)"])
    service.end()


def test_where_nothing_can_be_kept_it_is_told_all_the_same_and_once(here, his, webhook, monkeypatch):
    here.configure(his.port, more=channels(hook=f"json://127.0.0.1:{webhook.port}/"))
    clock, held = Clock(), Condition("lane.held", "CRITICAL", "his", "brake", None, "the lane is held by the brake")
    with running(here, clock, look=lambda: [held]) as service:
        book = service.book()
        real = book.turn

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(book, "turn", full)
        assert turn(service, clock, MIN) == ["begun lane.held"]
        monkeypatch.setattr(book, "turn", real)
        assert turn(service, clock, MIN) == []
    with running(here, clock, look=lambda: [held]) as service:
        assert turn(service, clock, MIN) == []
        assert [each.sent for _, each in service.book().alerts()] == ["CRITICAL"]
    until(lambda: webhook.titles)
    assert len(webhook.titles) == 1


@pytest.mark.parametrize(("number", "goes"), [(0, True), (7, False)], ids=["no book has it", "the book has it"])
def test_at_the_end_goes_out_what_no_book_has(number: int, goes: bool) -> None:
    sent: list[Text] = []

    def send(_: Channel, text: Text) -> Outcome:
        sent.append(text)
        return TAKEN

    text = Text("hook", now_ms(), "CRITICAL", "title", "body")
    book = Mock(waiting=lambda _: [], going=lambda _, ids: ids)
    channel = ChannelThread("hook", Channel(url="json://127.0.0.1:1/"), book, now_ms=now_ms, sends=send)
    channel.put(Waiting(number, text))
    channel.stop()
    channel.start()
    channel.join()
    assert sent == [text] * goes


def test_without_a_channel_nobody_looks_and_that_is_said(here):
    """`No alerts` would be read as: nothing is wrong."""
    (here.outbox / ".lab-sender").mkdir(parents=True)
    assert here.json("status", exits=1)["conditions"]
    said = here("alerts", "list").output
    assert "No alerts." not in said
    assert said.startswith("No alert goes out, and nobody looks: the configuration has no alerts.channels.")
    line = said.partition("Write `")[2].partition("`")[0]
    here.path.write_text(here.path.read_text() + line.replace("ADDRESS", "json://127.0.0.1:1/") + "\n")
    assert here("alerts", "list").output == "No alerts.\n", "done to the letter it is a channel"


def test_i_have_it(here, his, webhook):
    here.configure(his.port, more=channels(hook=f"json://127.0.0.1:{webhook.port}/"))
    clock, held = Clock(), Condition("lane.held", "CRITICAL", "his", "brake", None, "the lane is held by the brake")
    assert here("alerts", "list").output == "No alerts.\n"
    with running(here, clock, look=lambda: [held]) as service:
        turn(service, clock, 5000)
        assert "alerts.no-such" in here("alerts", "ack", "1", "7", exits=1).output
        assert here("alerts", "ack", "1").output.startswith("1 lane.held: ")
        clock.ahead_ms += 100 * 60 * MIN
        assert turn(service, clock, MIN) == []
        (listed,) = here.json("alerts", "list")["alerts"]
        assert (listed["id"], listed["phase"], bool(listed["taken_by"])) == (1, "firing", True)


def test_a_trial_says_what_each_channel_did(here, his, webhook):
    secret = "s3cret-t0ken"
    (here.folder / "hook.url").write_text(f"json://127.0.0.1:{webhook.port}/{secret}\n")
    here.configure(
        his.port,
        more=f"""\
alerts:
  name: lab1
  channels:
    good: {{url_file: hook.url}}
    refused: "json://user:{secret}@127.0.0.1:1/{secret}?x={secret}"
    unknown: "nothing://{secret}"
    missing: {{url_file: no.url}}
""",
    )
    found = here.json("alerts", "test", exits=1)["channels"]
    assert [(each["channel"], each["sent"], each["code"]) for each in found] == [
        ("good", True, None), ("refused", False, "alerts.not-sent"), ("unknown", False, "alerts.address"),
        ("missing", False, "alerts.address-file"),
    ]  # fmt: skip
    assert "refused" in found[1]["detail"]
    assert secret not in str(found) + here("alerts", "test", exits=1).output
    assert here("alerts", "test", "--channel", "good").output == "good  sent\n"
    assert "alerts.no-such-channel" in here("alerts", "test", "--channel", "bad", exits=78).output
    assert webhook.titles[0] == "[lab1] lab-sender: trial"


def test_without_a_channel_nobody_is_note_sent(here):
    assert "alerts.no-channel" in here("alerts", "test", exits=78).output
    assert "No alert goes out" in here("alerts", "list").output
    assert not AlertService(Installation(here.path)).has_channels


def test_two_that_look_at_once_tell_it_once(here, his, webhook):
    here.configure(his.port, more=channels(hook=f"json://127.0.0.1:{webhook.port}/"))
    clock, held = Clock(), Condition("lane.held", "CRITICAL", "his", "brake", None, "the lane is held by the brake")
    with running(here, clock, look=lambda: [held]) as one, running(here, clock, look=lambda: [held]) as two:
        sent = [*turn(one, clock, 5000), *turn(two, clock, 5000), *turn(one, clock, MIN), *turn(two, clock, MIN)]
    assert sent == ["begun lane.held"]


def test_what_is_kept_is_its_owners_alone(here):
    records = FileRecords(records_path(Installation(here.path)))
    records.path.parent.mkdir(parents=True)
    Book(records)
    records.close()
    assert is_private(records.path)
