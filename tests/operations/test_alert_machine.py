"""What is sent, and when: the machine by itself, with a clock of the test's."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples
from kit.settings import made

from lab_sender.config.alerts import DELAYS, Alerts
from lab_sender.operations.alerts.machine import AWAY_MS, BUNDLE_MS, Notice, State, key_of, rank, step
from lab_sender.operations.conditions import Condition

MIN = 60_000
BEGIN = 1_795_000_000_000
SETTINGS = made(Alerts)


def condition(code: str = "link.down", level: Any = "WARNING", to: str | None = "his", **more: Any) -> Condition:
    values = {"cause": None, "since_ms": None, "text": code, "number": None} | more
    return Condition(code=code, level=level, destination=to, **values)


class Time:
    """A machine that looks every ten seconds; what it tells is `kind code`."""

    def __init__(self, settings: Alerts = SETTINGS, *, every_ms: int = 10_000) -> None:
        self.now = BEGIN
        self.state = State()
        self.sent: list[str] = []
        self.bundles: list[tuple[int, Sequence[Notice]]] = []
        self._settings, self._every = settings, every_ms

    def pass_by(self, ms: int, *conditions: Condition, quiet: bool = False, known: bool = True) -> list[str]:
        """Let time pass with these conditions; returns what was sent meanwhile."""
        before, end = len(self.sent), self.now + ms
        while self.now < end:
            self.state, notices = step(
                self.state, conditions, self.now, self._settings, is_quiet=quiet, is_known=known
            )
            self.sent += [f"{each.kind} {each.alert.key.code}" for each in notices]
            self.bundles += [(self.now, notices)] if notices else []
            self.now += self._every
        return self.sent[before:]


def test_a_his_that_is_away_for_six_minutes_is_one_warning_and_one_recovery() -> None:
    time = Time()
    assert time.pass_by(5 * MIN, condition()) == []
    assert time.pass_by(MIN, condition(), condition("waiting.old", cause="message")) == ["begun link.down"]
    assert time.pass_by(10 * MIN) == ["over link.down"]


def test_a_dip_of_a_minute_is_told_to_nobody() -> None:
    time = Time()
    assert time.pass_by(MIN, condition()) + time.pass_by(10 * MIN) == []
    assert time.state.alerts == {}


def test_what_began_while_nobody_looked_is_told_by_its_own_age() -> None:
    assert Time().pass_by(MIN, condition(since_ms=BEGIN - 6 * MIN)) == ["begun link.down"]


def test_it_is_told_when_it_gets_worse_and_once_when_all_of_it_is_over() -> None:
    time = Time()
    assert time.pass_by(6 * MIN, condition()) == ["begun link.down"]
    assert time.pass_by(MIN, condition(level="CRITICAL")) == ["worse link.down"]
    assert time.pass_by(MIN, condition()) == []
    assert time.pass_by(MIN, condition(level="CRITICAL")) == []
    assert time.pass_by(10 * MIN) == ["over link.down"]


def test_it_comes_back_within_a_minute_and_was_never_away() -> None:
    time = Time()
    time.pass_by(6 * MIN, condition())
    assert time.pass_by(30_000) + time.pass_by(MIN, condition()) == []


@pytest.mark.parametrize(("level", "hours"), [("CRITICAL", 4), ("WARNING", 24)])
def test_it_is_told_again_after_hours(level: str, hours: int) -> None:
    time = Time(every_ms=MIN)
    lasting = condition("quarantine", level, cause="refused", number=3)
    assert time.pass_by(hours * 60 * MIN, lasting) == ["begun quarantine"]
    assert time.pass_by(10 * MIN, lasting) == ["again quarantine"]


def test_i_have_it_ends_the_repeats_until_it_gets_worse() -> None:
    from msgspec.structs import replace

    time = Time(every_ms=MIN)
    lasting = condition("quarantine", cause="refused", number=3)
    time.pass_by(5 * MIN, lasting)
    (alert,) = time.state.alerts.values()
    time.state = replace(time.state, alerts={alert.key: replace(alert, taken_by="anna", taken_ms=time.now)})
    more = condition("quarantine", cause="refused", number=30)
    assert time.pass_by(50 * 60 * MIN, more) == []
    assert time.pass_by(5 * MIN, condition("quarantine", "CRITICAL", cause="refused", number=30)) == [
        "worse quarantine"
    ]
    assert [each.taken_by for each in time.state.alerts.values()] == [""]


def test_quarantine_that_grows_is_told_every_quarter_of_an_hour() -> None:
    time = Time()
    one, two = (condition("quarantine", cause="refused", number=n) for n in (1, 2))
    assert time.pass_by(MIN, one) == ["begun quarantine"]
    assert time.pass_by(13 * MIN, two) == []
    assert time.pass_by(3 * MIN, two) == ["more quarantine"]
    assert time.pass_by(30 * MIN, two) == []
    assert time.pass_by(MIN, one) == []
    assert time.pass_by(MIN, two) == ["more quarantine"]


def test_each_cause_of_quarantine_is_an_alert_by_itself() -> None:
    both = [condition("quarantine", cause=each, number=1) for each in ("refused", "json.value")]
    assert Time().pass_by(MIN, *both) == ["begun quarantine", "begun quarantine"]


@pytest.mark.parametrize(("code", "level"), [("intake.quiet", "WARNING"), ("intake.stuck", "CRITICAL")])
def test_each_outbox_from_which_nothing_comes_is_an_alert_by_itself(code: str, level: str) -> None:
    time = Time()
    one, other = (condition(code, level, to=None, cause=f"/srv/lab/{each}") for each in ("one", "other"))
    assert time.pass_by(MIN, one) == [f"begun {code}"]
    assert time.pass_by(MIN, one, other) == [f"begun {code}"]
    assert time.pass_by(2 * MIN, other) == [f"over {code}"]


def test_a_link_that_is_down_for_another_reason_is_the_same_alert() -> None:
    time = Time()
    assert time.pass_by(6 * MIN, condition(cause="connect.refused")) == ["begun link.down"]
    assert time.pass_by(6 * MIN, condition(cause="connect.timeout")) == []


def test_what_another_alert_explains_is_told_when_it_is_graver() -> None:
    old = condition("waiting.old", cause="message")
    time = Time()
    time.pass_by(6 * MIN, condition())
    assert time.pass_by(MIN, condition(), old) == []
    assert time.pass_by(MIN, condition(), condition("waiting.old", "CRITICAL", cause="message")) == [
        "begun waiting.old"
    ]
    assert time.pass_by(MIN, condition(), condition("waiting.old", "CRITICAL", to="other", cause="message")) == [
        "begun waiting.old"
    ]


def test_what_only_an_agent_sees_is_not_over_because_no_agent_runs() -> None:
    time = Time()
    time.pass_by(6 * MIN, condition())
    assert time.pass_by(5 * MIN, condition("agent.none", to=None)) == []
    assert time.pass_by(2 * MIN, condition()) == []
    assert time.pass_by(2 * MIN) == ["over link.down"]


def test_an_agent_that_is_gone_is_told_sooner_than_one_that_was_stopped() -> None:
    for cause, minutes in (("gone", 2), ("stopped", 10)):
        time = Time()
        assert time.pass_by(minutes * MIN, condition("agent.none", to=None, cause=cause)) == []
        assert time.pass_by(MIN, condition("agent.none", to=None, cause=cause)) == ["begun agent.none"]


def test_nothing_is_over_while_nobody_can_look() -> None:
    time = Time()
    time.pass_by(6 * MIN, condition())
    assert time.pass_by(10 * MIN, condition("status.unreadable", "CRITICAL", to=None), known=False) == [
        "begun status.unreadable"
    ]
    assert sorted(time.pass_by(2 * MIN)) == ["over link.down", "over status.unreadable"]


def test_what_is_wrong_with_a_machine_is_not_over_while_nobody_can_look_there() -> None:
    time = Time()
    low = condition("disk.low", "CRITICAL", to=None, node="b")
    time.pass_by(6 * MIN, low, condition("disk.low", "CRITICAL", to=None, node="c"))
    unseen = condition("status.unreadable", "CRITICAL", to=None, node="b")
    assert sorted(time.pass_by(10 * MIN, unseen)) == ["begun status.unreadable", "over disk.low"]
    assert [key.node for key in time.state.alerts if key.code == "disk.low"] == ["b"]
    assert time.pass_by(10 * MIN, low) == ["over status.unreadable"]


def test_quiet_hours_keep_warnings_for_the_morning_and_nothing_critical() -> None:
    time = Time()
    night = [condition("quarantine", cause="refused", number=1), condition("lane.held", "CRITICAL", cause="brake")]
    gone = condition("quarantine", cause="json.value", number=1)
    assert time.pass_by(60 * MIN, *night, gone, quiet=True) == ["begun lane.held"]
    assert time.pass_by(60 * MIN, *night, quiet=True) == []
    assert time.pass_by(MIN, night[0]) == ["begun quarantine"]
    assert time.pass_by(2 * MIN, night[0], quiet=True) == ["over lane.held"]


def test_what_changes_within_half_a_minute_goes_out_together() -> None:
    time = Time(every_ms=1000)
    first, second = (condition("quarantine", cause=each, number=1) for each in ("a", "b"))
    time.pass_by(20_000, first)
    time.pass_by(30_000, first, second)
    assert [len(notices) for _, notices in time.bundles] == [2]


def test_what_is_critical_goes_out_at_once() -> None:
    time = Time(every_ms=1000)
    assert time.pass_by(1000, condition("lane.held", "CRITICAL", cause="brake")) == ["begun lane.held"]


def test_above_the_most_an_hour_all_of_it_comes_together() -> None:
    time = Time(made(Alerts, most_an_hour=3), every_ms=MIN)
    for n in range(20):
        time.pass_by(MIN, *(condition("quarantine", cause=f"c{each}", number=1) for each in range(n + 1)))
    assert [len(notices) for _, notices in time.bundles] == [2, 2, 2]
    everything = [condition("quarantine", cause=f"c{each}", number=1) for each in range(20)]
    time.pass_by(60 * MIN, *everything)
    assert len(time.bundles) == 4
    assert sum(len(notices) for _, notices in time.bundles) == 20


def test_what_is_critical_goes_beyond_it_every_ten_minutes() -> None:
    time = Time(made(Alerts, most_an_hour=1), every_ms=MIN)
    held = [condition("lane.held", "CRITICAL", to=f"d{n}", cause="brake") for n in range(3)]
    time.pass_by(MIN, held[0])
    assert time.pass_by(9 * MIN, *held) == []
    assert time.pass_by(2 * MIN, *held) == ["begun lane.held", "begun lane.held"]


def test_what_a_site_never_wants_to_hear_is_not_note_sent() -> None:
    own = {"quarantine": {"send": False}, "link.down": {"warning_after": "1m"}}
    read = Alerts.model_validate({"conditions": own})
    time = Time(read)
    assert time.pass_by(2 * MIN, condition("quarantine", cause="refused", number=1), condition()) == [
        "begun link.down"
    ]


def test_every_condition_that_is_found_has_a_delay() -> None:
    tree = ast.parse((Path(__file__).parents[2] / "lab_sender/operations/conditions.py").read_text("utf-8"))
    calls = [each for each in ast.walk(tree) if isinstance(each, ast.Call) and ast.unparse(each.func) == "Condition"]
    codes = {str(each.args[0].value) for each in calls if each.args and isinstance(each.args[0], ast.Constant)}
    assert codes - DELAYS.keys() == set()


# ---------------------------------------------------------------------------------- whatever happens

CODES = ("link.down", "waiting.old", "quarantine", "lane.held", "agent.none", "his.silent", "disk.low")
FOUND = st.builds(
    condition,
    st.sampled_from(CODES),
    st.sampled_from(("INFO", "WARNING", "CRITICAL")),
    st.sampled_from((None, "his")),
    cause=st.sampled_from((None, "a")),
    number=st.integers(1, 5),
)
LOOKS = st.lists(
    st.tuples(st.integers(1, 20 * MIN), st.lists(FOUND, max_size=4), st.booleans(), st.booleans()), max_size=25
)


@pytest.mark.long
@given(LOOKS)
@examples(300)
def test_whatever_happens_an_end_is_told_once_and_only_of_what_was_note_sent(looks: list[Any]) -> None:
    state, now, sent = State(), BEGIN, Counter[Any]()
    last: dict[Any, int] = {}
    for ms, found, quiet, known in looks:
        now += ms
        before = state
        state, notices = step(state, found, now, SETTINGS, is_quiet=quiet, is_known=known)
        for notice in notices:
            key = notice.alert.key
            assert notice.level == "CRITICAL" or not quiet
            if notice.kind == "over":
                assert sent.pop(key) >= 1
                assert key not in state.alerts
                assert notice.level == before.alerts[key].sent
            else:
                assert (notice.kind == "begun") == (key not in sent)
                assert state.alerts[key].sent_ms == now
                sent[key] += 1
            if notice.kind in ("again", "more"):
                assert now - last[key] >= 15 * MIN
            last[key] = now
        assert {key for key, each in state.alerts.items() if each.sent} == set(sent)
        assert len(state.sent_ms) <= SETTINGS.most_an_hour + 6
        for one in found:
            assert key_of(one) in state.alerts


@pytest.mark.long
@given(LOOKS)
@examples(200)
def test_whatever_happens_nothing_is_told_before_its_delay_and_all_of_it_in_the_end(looks: list[Any]) -> None:
    state, now = State(), BEGIN
    for ms, found, quiet, known in looks:
        now += ms
        state, notices = step(state, found, now, SETTINGS, is_quiet=quiet, is_known=known)
        for notice in notices:
            if notice.kind in ("begun", "worse"):
                delay = SETTINGS.delay(notice.alert.key.code)
                needed = delay.critical_s if notice.level == "CRITICAL" else delay.warning_s
                assert now - notice.alert.since_ms >= needed * 1000
    found = [condition("disk.low", "CRITICAL", to=None)]
    for _ in range(200):
        now += MIN
        state, _ = step(state, found, now, SETTINGS)
    assert {each.key.code: each.sent for each in state.alerts.values()} == {"disk.low": "CRITICAL"}


@given(LOOKS)
@examples(100)
def test_two_bundles_are_never_nearer_than_half_a_minute(looks: list[Any]) -> None:
    state, now, sent = State(), BEGIN, -BUNDLE_MS
    for ms, found, quiet, known in looks:
        now += ms % 20_000 + 1
        state, notices = step(state, found, now, SETTINGS, is_quiet=quiet, is_known=known)
        if notices:
            assert now - sent >= BUNDLE_MS
            grave = [rank(each.level) for each in notices]
            assert grave == sorted(grave, reverse=True)
            sent = now


def test_a_clock_that_was_set_back_neither_repeats_nor_stops_it() -> None:
    time = Time()
    time.pass_by(6 * MIN, condition())
    time.now -= 3 * 60 * MIN
    assert time.pass_by(10 * MIN, condition()) == []
    assert time.pass_by(AWAY_MS + MIN) == ["over link.down"]


def test_what_was_told_by_a_clock_that_was_ahead_is_told_again_after_hours() -> None:
    """It was set back, or another machine goes on whose clock is right."""
    time = Time(every_ms=MIN)
    time.now += 7 * 86_400_000
    lasting = condition("quarantine", cause="refused", number=3)
    assert time.pass_by(5 * MIN, lasting) == ["begun quarantine"]
    time.now = BEGIN
    assert time.pass_by(24 * 60 * MIN, lasting) == []
    assert time.pass_by(2 * MIN, lasting) == ["again quarantine"]


def test_the_page_of_monitoring_says_each_delay() -> None:
    text = (Path(__file__).parents[2] / "docs" / "MONITORING.md").read_text("utf-8")
    text = text.partition("### What is sent, and when")[2].partition("\n### ")[0]
    rows = dict(re.findall(r"^\| `([a-z.-]+)` \| ([^|]+) \|", text, re.MULTILINE))
    for code, delay in DELAYS.items():
        shown = " / ".join("at once" if not each else f"{each / 60:g} min" for each in delay)
        assert rows.get(code) == shown, f"| `{code}` | {shown} |"
