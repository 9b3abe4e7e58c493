"""Must show 5: every real file, dropped into the outbox of a running agent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import pytest
from kit.corpus import CORPUS, need_corpus
from readers.test_corpus import REFUSED, without_envelope

from faults.bench import Site
from faults.judge import judge
from lab_sender.mllp.standin.server import StandIn


@pytest.mark.long
def test_every_real_file_arrives_byte_for_byte_or_is_quarantined_for_the_right_reason(
    make_site: Callable[..., Site], his: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    need_corpus()
    site = make_site(
        his.port, duplicates="send", hl7_end="optional", hl7_no_answer="send"
    )  # messages come several times
    paths = [path for part in ("oru", "files") for path in sorted((CORPUS / part).iterdir()) if path.suffix != ".tsv"]
    for number, path in enumerate(paths):
        site.drop(path.name, path.read_bytes(), order=number)
    agent = site.start()
    site.settle(len(paths))
    assert agent.stop() == 0
    assert judge(site, his.received) == 0

    arrived: dict[str, list[tuple[str, bytes]]] = {}
    for name, control_id, body in site.rows(
        "SELECT f.name, m.control_id, w.body FROM message m JOIN file f ON f.source_id = m.source_id"
        " JOIN wire w ON w.message_id = m.id WHERE m.state = 'acked' ORDER BY m.id"
    ):
        arrived.setdefault(name, []).append((control_id, body))
    counts: Counter[str] = Counter()
    used: set[bytes] = set()
    for path in paths:
        data = path.read_bytes()
        if path.name in REFUSED:
            counts[f"quarantined, {REFUSED[path.name]}"] += 1
            assert REFUSED[path.name] in site.quarantined[f"{path.name}.reason.txt"].decode().split("at ")[0]
            continue
        messages = re.split(rb"(?=(?<=\r)MSH)", without_envelope(data))
        assert path.name in site.sent
        for own, (control_id, body) in zip(messages, arrived.get(path.name, []), strict=True):
            own_id = _control_id(own)
            if control_id.encode() == own_id:
                assert body == own
                counts["byte for byte"] += 1
            else:
                assert not own_id or own_id in used, "a control id of its own is kept"
                assert body == _with_control_id(own, control_id.encode())
                counts["byte for byte but MSH-10" + (" (id used before)" if own_id else " (it had none)")] += 1
            used.add(own_id)
    with capsys.disabled():
        print(f"\ncorpus through the agent: {len(paths)} files, {len(his.received)} messages at the HIS: ", end="")
        print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))


def _control_id(body: bytes) -> bytes:
    fields = body.split(b"\r")[0].split(body[3:4])
    return fields[9] if len(fields) > 9 else b""


def _with_control_id(body: bytes, control_id: bytes) -> bytes:
    """Put an id into MSH-10, found another way than the product does."""
    head, rest = body.split(b"\r", 1)
    separator = body[3:4]
    if head.count(separator) < 9:
        return head + separator * (9 - head.count(separator)) + control_id + b"\r" + rest
    before = separator.join(head.split(separator)[:9])
    after = head.split(separator)[10:]
    return separator.join([before, control_id, *after]) + b"\r" + rest
