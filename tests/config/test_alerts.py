"""The section `alerts`: what is enough, and what is said of what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab_sender.config.alerts import DELAYS, Alerts, Delay
from lab_sender.config.load import ConfigError, load

MINIMAL = "outbox: outbox\nhis: {host: 127.0.0.1, port: 2575}\n"
SECRET = "s3cret-t0ken"


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str, **environment: str) -> Alerts:
        path = tmp_path / "config.yaml"
        path.write_text(MINIMAL + text)
        return load(path, environment).alerts

    return read


def test_without_the_section_nobody_is_note_sent(read) -> None:
    alerts = read("")
    assert (alerts.channels, alerts.heartbeat, alerts.quiet) == ({}, None, ())
    assert (alerts.repeat.critical_s, alerts.repeat.warning_s, alerts.most_an_hour) == (4 * 3600, 24 * 3600, 20)


def test_everything_can_be_set(read, tmp_path: Path) -> None:
    alerts = read(
        """\
alerts:
  name: lab1
  link: https://lab1.example/
  channels:
    mail: ${MAIL}
    teams: {url_file: teams.url, level: critical}
  quiet: 22:00-06:00 Europe/Dublin
  repeat: {critical: 1h, warning: 12h}
  most_an_hour: 5
  conditions:
    link.down: {warning_after: 2m, critical_after: 10m}
    outbox.untaken: {send: false}
  heartbeat: ${BEAT}
""",
        MAIL=f"mailtos://lab:{SECRET}@example.org",
        BEAT=f"https://hc.example/{SECRET}",
    )
    assert alerts.channels["mail"].url is not None
    assert alerts.channels["mail"].url.get_secret_value() == f"mailtos://lab:{SECRET}@example.org"
    assert alerts.channels["mail"].level == "warning"
    assert alerts.address_files == {"teams": tmp_path / "teams.url"}
    assert alerts.delay("link.down") == Delay(120, 600)
    assert alerts.delay("lane.held") == DELAYS["lane.held"]
    assert alerts.sends("link.down")
    assert not alerts.sends("outbox.untaken")
    assert SECRET not in repr(alerts)


def test_every_mistake_has_its_line_and_no_address_is_shown(read) -> None:
    with pytest.raises(ConfigError) as caught:
        read(f"""\
alerts:
  channels:
    Mail: ${{MAIL}}
    bare: {SECRET}
    none: {{level: warning}}
    both: {{url: "x://{SECRET}", url_file: y, level: bad}}
  quiet: 22-6
  conditions:
    link.dwn: {{send: false}}
    quarantine: {{warning_after: 5}}
  heartbeat: ftp://{SECRET}
  link: lab1
  most_an_hour: 0
""")
    assert SECRET not in str(caught.value)
    assert [each.describe("c") for each in caught.value.mistakes] == [
        "c line 5: alerts.channels.Mail: MAIL is not in the environment; set it, or write ${MAIL:-default}",
        "c line 5: alerts.channels.Mail: is no name of a channel (found Mail); small letters, digits and -, at most"
        " 32, such as mail",
        "c line 6: alerts.channels.bare.url: is no address; write one as Apprise reads it, for example"
        " mailtos://USER:PASSWORD@HOST",
        "c line 7: alerts.channels.none: has no address; write one of url and url_file",
        "c line 8: alerts.channels.both.level: must be info, warning or critical (found bad)",
        "c line 9: alerts.quiet: must be a time of day from 00:00 to 24:00 (found 22-6); for example 23:30",
        "c line 11: alerts.conditions.link.dwn: is no condition that is sent (found link.dwn);"
        " did you mean link.down?",
        "c line 12: alerts.conditions.quarantine.warning_after: has no unit; must be a duration, for example 30s"
        " (found 5); its units are ms, s, m, h",
        "c line 13: alerts.heartbeat: is no address of a page; write https://...",
        "c line 14: alerts.link: is no address of a page (found lab1); write https://...",
        "c line 15: alerts.most_an_hour: must be between 1 and 1000 (found 0)",
    ]


def test_an_address_of_the_environment_is_not_in_the_digest(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(MINIMAL + "alerts: {channels: {mail: '${MAIL}'}}\n")
    one, two = (load(path, {"MAIL": f"mailtos://{each}@example.org"}).digest for each in ("a", "b"))
    assert one == two
