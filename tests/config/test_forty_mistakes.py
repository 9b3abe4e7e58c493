# ruff: noqa: E501  (a table of mistakes reads best with one to a line)
"""Mistakes of every kind at once, in configuration, profile, maps and certificates: one report, every line right.

The files are the table: behind each mistake stands, as a comment, `!` and the code that its line must have in the
report. In a code map, which has no comments, that is a column of the test's own, and does not reach the file.
"""

from __future__ import annotations

import datetime
import os
import re
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.config.load import ConfigError, Mistake
from lab_sender.operations.configuration import load

FILES = {
    "config.yaml": r"""outbox: outbox
his:                                                        # !config.missing (no port)
  host: mllp://his                                          # !config.value
  prot: 2575                                                # !config.key
  ack_timeout: 30                                           # !config.value
  keepalive: ${NOPE}                                        # !config.environment
  retry:
    first_wait: 2m
    longest_wait: 1m                                        # !config.conflict
  brake:
    refused:                                                # !config.missing
  tls:
    ca: none.pem                                            # !tls.ca
    certificate: old.pem                                    # !tls.certificate
    key: other.pem                                          # !tls.key
  replies:
    - {then: retry}                                         # !config.conflict
    - {code: AE, text: "(", then: retry}                    # !config.value
    - {code: AX, then: ignore}                              # !config.value !config.value
  after_quarantine: hold                                    # !config.value
intake:
  marker: .bak                                              # !config.conflict
  settle: 2x                                                # !config.value
  poll: 5s
  poll: 6s                                                  # !config.key-twice
  temporary: &names ["*.bak"]
  duplicates: *names                                        # !config.syntax
inputs:
  csv:
    - files: "*.csv"
      columns: {Probe: acession, probe: note}               # !config.value !config.conflict
      skip_rows: [{column: Probe, matches: "(QC"}]          # !config.value
    - files: "a*.csv"                                       # !config.conflict
      name: "{surname}"                                     # !config.value
      dates: [DD.MM.YYYY, TT.MM.JJJJ]                       # !config.value
      defaults: {patient_id: x}                             # !config.value
      wide:
        units: heading
        tests:
          WBC: {cod: 6690-2}                                # !config.key
          wbc:                                              # !config.value
  astm:
    dialect: sysmx                                          # !config.value
    ignore:
      - O-11
      - 11                                                  # !config.value
  pdf: {name: "(?P<filler>.+)", beside: maybe}              # !config.value !config.value
folders:
  sent: outbox                                              # !config.conflict
  journal: ~/journal                                        # !config.value
  quarantine: a-file                                        # !config.folder
log: {format: json, file: [agent.log                        # !config.syntax
mesage: {}                                                  # !config.key
message:
  extends: site/his.yaml
  require: [PID-99]                                         # !profile.field
  corrections: {suspicous: hold}                            # !config.key
""",
    "site/base.yaml": r"""country: NO                       # !config.value
text: {notes: per-page}                                     # !config.value
codes:
  maps:
    test: {file: tests.csv}
    unit: {file: units.csv}                                 # !config.file
    result_status: {file: status.csv}
    order_status:
      inline:
        fertig: Z                                           # !profile.map
        storniert: X
expect:
  - field:                                                  # !config.missing
    when: PID-3 present
""",
    "site/his.yaml": r"""extends: base.yaml
version: 2.5.1
sending_facility: A^B                                       # !config.value
sending_application: "LABÜ"                                 # !profile.charset
receiving_facility: 'HIS^1.2.3^XYZ"'                        # !profile.value
time_zone: CEST                                             # !config.value
times:
  convert: true
  fields:
    OBR-3: {precision: minute}                              # !profile.field
    OBR-22: {precision: hour}                               # !config.value
charset: ASCII
accept_ack: NE
application_ack: ER                                         # !config.conflict
preadopted: [OBX-29, OBX-99]                                # !profile.field
identifiers: {copies: {PID-3: MR}}                          # !profile.field
specimen: [SPM]                                             # !config.value
limits:
  PID-5: {length: 2, then: truncate}                        # !profile.limit
  HD.1: many                                                # !config.value
  CWE.99: 2                                                 # !profile.field
  XYZ.1: 2                                                  # !profile.field
places:
  OBX-23: OBX-77                                            # !profile.places
  OBX-24: elsewhere                                         # !config.value
set:
  - {field: , value: x}                                     # !config.missing
  - {field: OBX-99, value: x}                               # !profile.field
  - {field: PID-8, value: "a|b{order.nothing}"}             # !profile.template !profile.template
  - {field: MSH-10, value: x, when: PID-98 present}         # !profile.field !profile.field
  - field: PID-5
    value: "{PID-3.1"                                       # !config.value
  - {field: OBX-29, value: RSLT}
require:
  - XYZ-1                                                   # !profile.field
  - OBX-29
  - PID5                                                    # !config.value
allow:
  PID-8.2: [M, F]                                           # !profile.field
drop:
  - PID                                                     # !config.conflict
  - {segment: NTE, when: NTE-3 is there}                    # !config.value
add:
  - {segment: "zlb|1", after: OBR}                          # !profile.template
  - {segment: "ZLB|1", after: PV9}                          # !profile.field
  - {segment: "ZLB|1"}                                      # !config.missing
""",
    "site/tests.csv": """code,to_code,to_text
a,                      !config.map
b,B,
b,C,                    !config.map
c,C,D,E                 !config.map
d,"D"x,                 !config.map
e,E,
""",
    "site/status.csv": """code;to_code
vorläufig;P
halb;Q                  !profile.map
""",
}
_MARK = re.compile(r"!([a-z]+\.[a-z-]+)")


def expected() -> list[tuple[str, int, str]]:
    """What the report must have: file (config.yaml is none), line, code."""
    return sorted(
        ("" if name == "config.yaml" else name, number, code)
        for name, text in FILES.items()
        for number, line in enumerate(text.splitlines(), 1)
        for code in _MARK.findall(line)
    )


def certificate(authority: trustme.CA, folder: Path, name: str, *, days: tuple[int, int] = (-10, 300)) -> None:
    """Write NAME.pem and NAME-key.pem."""
    now = datetime.datetime.now(datetime.UTC)
    begin, end = (now + datetime.timedelta(days=each) for each in days)
    issued = authority.issue_cert("lab.example", not_before=begin, not_after=end)
    (folder / f"{name}.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    (folder / f"{name}-key.pem").write_bytes(issued.private_key_pem.bytes())


def locked(folder: Path, name: str, password: str) -> None:
    """Write NAME-locked.pem, the key of NAME under a password."""
    key = load_pem_private_key((folder / f"{name}-key.pem").read_bytes(), None)
    data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
    (folder / f"{name}-locked.pem").write_bytes(data)


def reported(folder: Path, **environment: str) -> list[Mistake]:
    """The mistakes of the one report, of which each is a line of its own, in the order of files and lines."""
    with pytest.raises(ConfigError) as caught:
        load(folder / "config.yaml", environment)
    mistakes = caught.value.mistakes
    lines = caught.value.text.split("\n")[1:]
    assert lines == [f"  {each.describe('config.yaml')}" for each in mistakes]
    assert [(each.file, each.line) for each in mistakes] == sorted((each.file, each.line) for each in mistakes)
    return list(mistakes)


def test_every_mistake_is_in_one_report_with_its_line(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(re.sub(" *!.*" if name.endswith(".csv") else "!.*", "", text), "utf-8")
    authority = trustme.CA()
    certificate(authority, tmp_path, "old", days=(-400, -2))
    certificate(authority, tmp_path, "other")
    (tmp_path / "other-key.pem").replace(tmp_path / "other.pem")
    (tmp_path / "a-file").touch()
    found = sorted((each.file, each.line, each.code) for each in reported(tmp_path))
    wanted = expected()
    assert len(wanted) == 80
    assert [each for each in found if each not in wanted] == []
    assert [each for each in wanted if each not in found] == []
    assert found == wanted


TLS = """outbox: outbox
his:
  host: 10.0.0.8
  port: 2575
  tls:
    ca: {ca}
    certificate: {certificate}
    key: {key}
    key_password: {password}
intake: {{settle: soon}}
"""
LINES = {"ca": 6, "certificate": 7, "key": 8, "key_password": 9}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {}),
        ({"key": "lab-locked.pem", "password": "opensesame"}, {}),
        ({"ca": "none.pem"}, {"ca": "none.pem: there is no such file"}),
        ({"ca": "."}, {"ca": "is a folder"}),
        ({"ca": "lab-key.pem"}, {"ca": "holds a private key and no certificate"}),
        ({"ca": "empty.pem"}, {"ca": "holds no certificate in PEM"}),
        ({"ca": "damaged.pem"}, {"ca": "its certificate is damaged"}),
        ({"ca": "old.pem"}, {"ca": "ended on "}),
        ({"ca": "der.pem"}, {"ca": "holds no certificate in PEM; it may be DER or PKCS#12"}),
        ({"certificate": "none.pem"}, {"certificate": "there is no such file"}),
        ({"certificate": "lab-key.pem"}, {"certificate": "holds a private key and no certificate"}),
        ({"certificate": "damaged.pem"}, {"certificate": "its certificate is damaged"}),
        ({"certificate": "old.pem", "key": "old-key.pem"}, {"certificate": "ended on "}),
        ({"certificate": "new.pem", "key": "new-key.pem"}, {"certificate": "is valid from "}),
        ({"certificate": "old.pem"}, {"certificate": "ended on ", "key": "is not the key of the certificate in "}),
        ({"key": "none.pem"}, {"key": "there is no such file"}),
        ({"key": "other-key.pem"}, {"key": "is not the key of the certificate in "}),
        ({"key": "ca.pem"}, {"key": "holds a certificate and no private key"}),
        ({"key": "empty.pem"}, {"key": "holds no private key in PEM"}),
        ({"key": "broken-key.pem"}, {"key": "the private key cannot be used"}),
        ({"key": "lab-locked.pem"}, {"key": "is encrypted, and no password is given"}),
        ({"key": "lab-locked.pem", "password": "wrong"}, {"key_password": "does not open the key in "}),
        ({"ca": "none.pem", "certificate": "none.pem", "key": "none.pem"}, {"ca": "", "certificate": "", "key": ""}),
        ({"ca": "~/ca.pem", "key": "none.pem"}, {"ca": "~ is not read as the home folder", "key": "there is no such"}),
    ],
    ids=lambda each: "-".join(each.values()) if isinstance(each, dict) and "password" not in each else None,
)
def test_files_for_tls_are_told_apart_by_setting_and_fault(tmp_path, changed, expected):
    """Beside another mistake, which makes the report; with no other, `check` says the same (tests/cli)."""
    authority = trustme.CA()
    for name, days in {"lab": (-10, 300), "other": (-10, 300), "old": (-400, -2), "new": (5, 300)}.items():
        certificate(authority, tmp_path, name, days=days)
    locked(tmp_path, "lab", "opensesame")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "empty.pem").touch()
    text = (tmp_path / "lab.pem").read_text()
    (tmp_path / "der.pem").write_bytes(ssl.PEM_cert_to_DER_cert(text))
    (tmp_path / "damaged.pem").write_text(text[:200] + text[300:])
    key = (tmp_path / "lab-key.pem").read_text()
    (tmp_path / "broken-key.pem").write_text(key[:60] + key[80:])
    given = {"ca": "ca.pem", "certificate": "lab.pem", "key": "lab-key.pem", "password": "", **changed}
    lines = TLS.format(**given).splitlines(keepends=True)
    (tmp_path / "config.yaml").write_text("".join(lines if given["password"] else lines[:8] + lines[9:]))
    *found, other = reported(tmp_path)
    assert (other.key, other.line) == ("intake.settle", len(lines) if given["password"] else len(lines) - 1)
    assert [(each.key, each.line, each.file) for each in found] == [
        (f"his.tls.{name}", LINES[name], "") for name in expected
    ]
    for mistake, (name, text) in zip(found, expected.items(), strict=True):
        assert text in mistake.describe("config.yaml")
        assert mistake.code in (f"tls.{name.replace('_', '-')}", "config.value")
    assert all("opensesame" not in each.describe("") and "wrong" not in each.describe("") for each in found)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this account may read everything")
def test_a_file_for_tls_that_this_account_may_not_read(tmp_path):
    certificate(trustme.CA(), tmp_path, "lab")
    (tmp_path / "lab-key.pem").chmod(0)
    text = TLS.format(ca="lab.pem", certificate="lab.pem", key="lab-key.pem", password="x")
    (tmp_path / "config.yaml").write_text(text)
    key, _ = reported(tmp_path)
    assert (key.line, key.code) == (8, "tls.key")
    assert "this account may not read it" in key.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # of a section that cannot be read nothing hangs in the air
        ("message: {version: 2.9, require: [OBX-29, XYZ-1]}\n", ["5 message.version"]),
        ("message: {extends: none.yaml, require: [OBX-29, XYZ-1]}\n", ["5 message.extends"]),
        ("message: {extends: none.yaml, version: 2.4, require: [OBX-29, XYZ-1]}\n", ["5 message.extends", "5 message.require[1]"]),
        ("message: {time_zone: EST, times: {convert: true}}\n", ["5 message.time_zone"]),
        ("message: {preadopted: [OBX29], require: [OBX-29]}\n", ["5 message.preadopted[0]"]),
        ("message: {set: [{field: OBX-29, value: '{'}], require: [OBX-29]}\n", ["5 message.set[0].value"]),
        ("folders: {sent: ~/s, quarantine: outbox/sent/q}\n", ["5 folders.sent"]),
        ("intake: {marker: .ok, temporary: [a, '*']}\n", ["5 intake.temporary[1]"]),
        ("message:\n  require: [XYZ-1\nlog: {level: loud}\n", ["6 ", "7 log.level"]),
        ("message: [\n  XYZ-1\nlog: {level: loud}\n", ["6 ", "7 log.level"]),
        # and nothing else is held back
        ("log: {file: outbox/a.log, level: loud}\n", ["5 log.file", "5 log.level"]),
        ("folders: {sent: outbox, jurnal: x}\n", ["5 folders.jurnal", "5 folders.sent"]),
        ("inputs: {csv: [{files: a*}, {files: ab*, dates: [x]}]}\n", ["5 inputs.csv[1].dates[0]", "5 inputs.csv[1].files"]),
        ("message: {set: [{field: , value: x}, {field: XYZ-1, value: x}]}\n", ["5 message.set[0].field", "5 message.set[1]"]),
        ("message:\n  set:\n    - {field: PID-3, value: }\n    - field: null\n      value: x\n  require: [{field: , when: PID-3 present}, null]\n", ["7 message.set[0].value", "8 message.set[1].field", "10 message.require[0].field", "10 message.require[1].field"]),
        ("folders: {sent: null, work: }\n", ["5 folders.work"]),
        ("message: {drop: [{segment: NTE, when: }], limits: {PID-5.1: {length: 3, then: }}}\n", ["5 message.drop[0].when", "5 message.limits.PID-5.1.then"]),
    ],
)  # fmt: skip
def test_a_mistake_hides_what_hangs_on_it_and_no_more(tmp_path, text, expected):
    (tmp_path / "outbox").mkdir()
    (tmp_path / "config.yaml").write_text("outbox: outbox\nhis:\n  host: localhost\n  port: 2575\n" + text)
    assert sorted(f"{each.line} {each.key}" for each in reported(tmp_path)) == sorted(expected)


# ------------------------------------------------------------------ any text

_PIECES = re.compile(r"[\w./*-]+|[^\w\s]|\s+")
_INSTEAD = (
    "", "null", "[", "{a: b}", "- x", '"', "*a", "~", "[a, b]", "0", "{}", "x", "2.4", "'", "PID-3", "[null]", "!t x", "|",
    "OBX-2 = NM", "${A}", "\t", "#",
)  # fmt: skip


@pytest.mark.long
@examples(150)
@given(st.data())
def test_whatever_is_changed_in_a_text_there_is_a_report_or_a_profile_that_is_judged(tmp_path_factory, data):
    """Found by such a walk: a rule without a value ended in a traceback."""
    folder = tmp_path_factory.mktemp("any", numbered=True)
    text = re.sub("!.*", "", FILES["site/his.yaml"].replace("extends: base.yaml\n", ""))
    pieces = _PIECES.findall(text)
    for _ in range(data.draw(st.integers(1, 4))):
        pieces[data.draw(st.integers(0, len(pieces) - 1))] = data.draw(st.sampled_from(_INSTEAD))
    (folder / "his.yaml").write_text("".join(pieces), "utf-8")
    message = "outbox: o\nhis: {host: localhost, port: 1}\nmessage: {extends: his.yaml}\n"
    (folder / "config.yaml").write_text(message, "utf-8")
    mistakes: tuple[Mistake, ...] = ()
    try:
        load(folder / "config.yaml", {"A": "x"}, to_build=True)
    except ConfigError as error:
        mistakes = error.mistakes
    last = "".join(pieces).count("\n") + 1
    assert all(each.code and 0 <= each.line <= last and "object at 0x" not in each.text for each in mistakes)
