"""What can lie in an outbox, and what can happen to it meanwhile."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.system import WINDOWS

from faults.bench import Site, rename_folder
from faults.judge import judge
from faults.processes import AgentProcess, until
from faults.workload import ready, report, unreadable
from lab_sender.mllp.standin.server import Received, StandIn


def test_fault_49_the_same_name_again_while_the_first_is_in_flight(make_site: Callable[..., Site]) -> None:
    def drop_again(received: Received) -> None:
        if received.number == 1:
            site.drop("x.json", report("A", value="2"))
            until(lambda: site.rows("SELECT COUNT(*) FROM file") == [(2,)], "the second is taken")

    with StandIn(on_message=drop_again) as his:
        site = make_site(his.port, corrections="{suspicious: send}")
        site.drop("x.json", report("A", value="1"))
        agent = site.start()
        site.settle(2)
        assert agent.stop() == 0
        assert judge(site, his.received) == 0
    assert [b"||1|mg/dL" in each.body for each in his.received] == [True, False]
    first, second = sorted(site.sent, key=len)
    assert first == "x.json"
    assert second.startswith("x~")
    assert second.endswith(".json")


def test_fault_50_the_same_content_again(make_site: Callable[..., Site], his: StandIn) -> None:
    """Not sent again while it is the newest of its order; back to an older value, it is."""
    site = make_site(his.port, corrections="{suspicious: send}")
    agent = site.start()
    story = [("a.json", "1", 1), ("b.json", "1", 1), ("a.json", "1", 1), ("c.json", "2", 2), ("a.json", "1", 3)]
    for number, (name, value, arrived) in enumerate(story, 1):
        site.drop(name, report("SAME", value=value))
        site.settle(number)
        assert his.count == arrived, f"step {number}"
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert site.settled_states() == {"acked": 3, "duplicate": 2}
    assert len(site.sent) == 5


@pytest.mark.skipif(WINDOWS, reason="no pipe and no socket has a name in a folder there")
def test_fault_51_52_links_pipes_sockets_and_folders_are_left_alone(site: Site, his: StandIn) -> None:
    elsewhere = site.folder / "elsewhere.json"
    elsewhere.write_bytes(report("ELSEWHERE"))
    site.outbox.joinpath("link.json").symlink_to(elsewhere)
    site.outbox.joinpath("loop.json").symlink_to(site.outbox / "loop.json")
    os.mkfifo(site.outbox / "pipe.json")
    site.outbox.joinpath("folder.json").mkdir()
    site.outbox.joinpath("folder.json", "inside.json").write_bytes(report("INSIDE"))
    here = os.getcwd()
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(site.outbox)  # a socket's path must be short
        try:
            listener.bind("socket.json")
        finally:
            os.chdir(here)
        agent = site.start()
        for number in range(3):
            site.drop(f"{number}.json", report(f"F{number}"))
            site.settle(number + 1)
        assert agent.stop() == 0
    odd = {"link.json", "loop.json", "pipe.json", "socket.json"}
    assert {path.name for path in site.outbox.iterdir() if path.is_symlink() or not path.is_dir()} == odd
    assert len(agent.events("outbox.not-a-file")) == len(odd), "each is told once"
    assert len(his.received) == 3
    assert elsewhere.read_bytes() == report("ELSEWHERE")
    assert (site.outbox / "folder.json" / "inside.json").exists()


def test_fault_51_a_hard_link_is_a_file(site: Site, his: StandIn) -> None:
    elsewhere = site.folder / "elsewhere.json"
    elsewhere.write_bytes(report("HARD"))
    site.dropped["hard.json"] = [report("HARD")]
    os.link(elsewhere, site.outbox / "hard.json")
    agent = site.start()
    site.settle(1)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert elsewhere.read_bytes() == report("HARD")


_ODD_NAMES = [
    b"Zwiebelm\xfcller.json",  # Latin-1, from an old share
    "Zwiebelm\u00fcller \u6f22\u5b57.json".encode(),
    b"line\nend.json",
    b"--force.json",
    b" blanks .json",
    b"no ending",
    b"a_b_c.json",
    b"n" * 250 + b".json",
    "\u00fc".encode() * 125 + b".json",
    b"\xfc" * 250 + b".json",
    b"dots." * 50 + b".json",
]
if WINDOWS:  # names there are Unicode, and of printable characters
    _ODD_NAMES = [name for name in _ODD_NAMES if b"\xfc" not in name.replace(b"\xc3\xbc", b"") and b"\n" not in name]


@pytest.mark.parametrize("good", [True, False], ids=["readable", "unreadable"])
def test_odd_names(good: bool, make_site: Callable[..., Site], his: StandIn) -> None:
    """Twice each, so that a free name has to be found as well."""
    site = make_site(his.port)
    agent = site.start()
    for time in range(2):
        for number, name in enumerate(_ODD_NAMES):
            site.drop(os.fsdecode(name), report(f"{time}-{number}") if good else b"{" * (time * 100 + number + 1))
        site.settle(len(_ODD_NAMES) * (time + 1))
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert len(his.received) == (2 * len(_ODD_NAMES) if good else 0)


_NO_RESULTS = {
    "fault_44-larger-than-the-limit": ("huge.json", None, "file.too-large"),
    "fault_45-empty": ("empty.json", b"", "file.empty"),
    "fault_46-nuls": ("nuls.json", b"\0" * 100, "file.binary"),
    "fault_46-zip": ("zip.json", b"PK\x03\x04" + bytes(range(256)), "file.archive"),
    "fault_46-pdf": ("pdf.json", b"%PDF-1.7\n" + bytes(range(256)), "attachment.unclaimed"),
    "fault_46-cut-off": ("cut.json", unreadable(), "json.syntax"),
    "fault_47-utf-16": ("utf-16.json", report("UTF-16").decode().encode("utf-16"), "file.encoding"),
    "fault_47-latin-1": ("latin-1.json", report("LATIN").replace(b"Gund", b"G\xfcnd"), "file.encoding"),
    "fault_48-frame-byte": ("frame.hl7", ready("FRAME").replace(b"mg/dL", b"mg\x1cdL"), "hl7.frame-byte"),
}


@pytest.mark.parametrize(("name", "data", "code"), _NO_RESULTS.values(), ids=_NO_RESULTS)
def test_a_file_that_is_no_result(
    name: str, data: bytes | None, code: str, make_site: Callable[..., Site], his: StandIn
) -> None:
    """It ends in quarantine with its reason, and the next file goes on."""
    site = make_site(his.port, attachment_wait="50ms")
    if data is None:
        with (site.outbox / name).open("wb") as huge:
            huge.truncate(5 << 30)
        os.utime(site.outbox / name, ns=(10**18, 10**18))
    else:
        site.drop(name, data, order=1)
    site.drop("good.json", report("GOOD"), order=2)
    agent = site.start()
    site.settle(2)
    assert agent.stop() == 0
    assert len(his.received) == 1
    assert {path.name for path in site.quarantine.iterdir()} == {name, f"{name}.reason.txt"}
    reason = (site.quarantine / f"{name}.reason.txt").read_text()
    assert re.findall(r"[a-z0-9]+\.[a-z-]+", reason)[0] == code
    if data is None:
        assert getattr((site.quarantine / name).stat(), "st_blocks", 0) == 0, "not a block of it was copied"
        return  # the judge would read it
    assert judge(site, his.received) == 0


def test_fault_48_delimiters_and_line_ends_in_a_value(site: Site, his: StandIn) -> None:
    """They are escaped: the frame holds, and each segment is one line."""
    odd = "a|b^c&d~e\\f\r\ng\nh"
    site.drop("odd.json", report("ODD", value=odd).replace(b'"value"', b'"type": "ST", "value"'))
    site.drop("next.json", report("NEXT"))
    agent = site.start()
    site.settle(2)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert len(his.received) == 2
    body = next(each.body for each in his.received if b"ODD" in each.body)
    (obx,) = [line for line in body.split(b"\r") if line.startswith(b"OBX")]
    assert obx.split(b"|")[5] == rb"a\F\b\S\c\T\d\R\e\E\f\X0D\\X0A\g\X0A\h"
    assert not set(body) & {0x0B, 0x0A, 0x1C}


def test_fault_53_a_file_that_vanishes_before_its_claim(site: Site, his: StandIn) -> None:
    (site.outbox / "gone.json").write_bytes(report("GONE"))
    site.drop("stays.json", report("STAYS"))
    agent = site.start(vanish_before_claim="gone.json")
    site.settle(1)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert not [each for each in agent.events() if each["level"] in ("warning", "error", "critical")]


@pytest.mark.skipif(WINDOWS, reason="what was claimed is held there until it is read")
def test_fault_53_a_file_that_vanishes_from_claimed(site: Site, his: StandIn) -> None:
    (site.outbox / "gone.json").write_bytes(report("GONE"))
    site.drop("stays.json", report("STAYS"))
    agent = site.start(vanish_before_read="gone.json")
    site.settle(1)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert len(agent.events("claim.vanished")) == 1
    assert site.rows("SELECT name FROM file") == [("stays.json",)], "nothing is invented"


@pytest.mark.skipif(WINDOWS, reason="nothing is claimed there beside a writer: test_windows_claim.py")
def test_fault_54_a_writer_that_goes_on_after_the_claim(site: Site, his: StandIn) -> None:
    data = ready("WHOLE-1") + ready("WHOLE-2")
    site.dropped["x.hl7"] = [data]
    agent = site.start()
    site.drop("first.hl7", ready("FIRST"))
    site.settle(1)  # what took it was started after the watch, which must hear the rename
    part = site.folder / "part"
    with part.open("wb") as writer:
        writer.write(ready("WHOLE-1"))
        writer.flush()
        os.rename(part, site.outbox / "x.hl7")  # renamed into place too early, the handle still open
        until(lambda: list(site.claimed.iterdir()), "the file is claimed")
        site.drop("other.json", report("OTHER"))
        his.wait_for(2)
        assert b"WHOLE" not in his.received[1].body
        writer.write(ready("WHOLE-2"))
    site.settle(3)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert [each.control_id for each in his.received[2:]] == ["WHOLE-1", "WHOLE-2"]


@pytest.mark.long
def test_fault_56_many_at_once(site: Site) -> None:
    """They go out in order, the first while the last are still being taken in."""
    files = 500 if WINDOWS else 1500
    for number in range(files):
        (site.outbox / f"{number:04}.json.tmp").touch()
        site.drop(f"{number:04}.hl7", ready(f"M{number:04}"), order=files - number)
    known: list[int] = []

    def first(received: Received) -> None:
        if received.number == 1:
            known.append(site.rows("SELECT COUNT(*) FROM file")[0][0])

    with StandIn(on_message=first) as his:
        site.to = his.port
        agent = site.start()
        site.settle(files)
        status = "" if WINDOWS else (Path("/proc") / str(agent.pid) / "status").read_text()
        assert agent.stop() == 0
        others = list(site.outbox.glob("*.tmp"))
        for path in others:
            path.unlink()
        assert judge(site, his.received) == 0
        arrived = [each.control_id for each in his.received]
    assert arrived == [f"M{number:04}" for number in reversed(range(files))]
    assert 0 < known[0] < files
    assert len(others) == files
    if status:
        peak_kib = int(re.findall(r"VmHWM:\s+(\d+)", status)[0])
        assert peak_kib < 120 << 10


def _outbox_away(make_site: Callable[..., Site], his: StandIn) -> tuple[Site, AgentProcess, Path]:
    """A site that has delivered a file, its agent, and where its outbox has gone since."""
    site = make_site(his.port, poll="20ms")
    agent = site.start()
    site.drop("before.json", report("BEFORE"))
    site.settle(1)
    away = site.folder / "away"
    rename_folder(site.outbox, away)
    return site, agent, away


def test_fault_21_the_outbox_goes_away_and_comes_back(make_site: Callable[..., Site], his: StandIn) -> None:
    """An outbox that is not there has no consequence: nothing is quarantined or sent, and then it goes on."""
    site, agent, away = _outbox_away(make_site, his)
    agent.says("intake.waits")
    rename_folder(away, site.outbox)
    site.drop("after.json", report("AFTER"))
    site.settle(2)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0


def test_fault_21_the_outbox_is_an_empty_folder_for_a_while(make_site: Callable[..., Site], his: StandIn) -> None:
    """So looks a share that is not mounted."""
    site, agent, away = _outbox_away(make_site, his)
    site.outbox.mkdir()
    (site.outbox / "while-away.json").write_bytes(report("AWAY"))
    agent.says("intake.waits")
    assert not list(site.outbox.rglob("quarantine/*"))
    (site.outbox / "while-away.json").unlink()
    for path in sorted(site.outbox.rglob("*"), reverse=True):
        path.rmdir()
    site.outbox.rmdir()
    rename_folder(away, site.outbox)
    site.drop("after.json", report("AFTER"))
    site.settle(2)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0


def test_fault_21_the_outbox_goes_away_in_mid_send(make_site: Callable[..., Site]) -> None:
    """The verdict stands; the file is filed when its folder is back, and nothing is made in its place meanwhile."""

    def unmount(_: Received) -> None:
        rename_folder(site.outbox, away)

    with StandIn(on_message=unmount) as his:
        site = make_site(his.port)
        away = site.folder / "away"
        site.drop("a.json", report("A"))
        agent = site.start()
        agent.says("keeper.waits")
        assert not site.outbox.exists()
        rename_folder(away, site.outbox)
        site.settle(1)
        assert agent.stop() == 0
        assert judge(site, his.received) == 0
    assert list(site.sent) == ["a.json"]
