# ruff: noqa: E501  (a table of mistakes reads best with one to a line)
"""Several destinations and outboxes: what they become, and every mistake in them in one report, with file, line and code.

The files are the table: behind each mistake stands, as a comment, `!` and the code that its line must have in the
report. In a CSV file, which has no comments, that is a column of the test's own, and does not reach the file.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.config.destinations import Destination
from lab_sender.config.load import Config, ConfigError, Mistake, config_schema
from lab_sender.config.profile.notation import FieldPath
from lab_sender.config.sections import His
from lab_sender.config.takes import TakesRule, TakesSetting
from lab_sender.mllp.connection import tls_context
from lab_sender.mllp.failures import WireFailure
from lab_sender.operations.configuration import load
from lab_sender.patterns import Pattern

FILES = {
    "config.yaml": r"""outbox: outbox                          # !config.conflict (beside outboxes)
his: {host: 127.0.0.1, prot: 1}                                   # !config.conflict (beside destinations) !config.key !config.missing
message: {extends: site/top.yaml}
destinations:
  hospital:
    host: [his.example.org, "his:2575", HIS.example.org]          # !config.value (with a port) !config.value (twice)
    port: 2575
    tls: {ca: none.pem, key: lab.pem}                             # !config.conflict (no certificate) !tls.ca
    message:
      extends: site/hospital.yaml
      require: [OBX-99]                                           # !profile.field
  registry:
    host: elr.example.org                                         # no TLS and no word of it: told at the destination's line
    port: 6661
    tls:
      certificate: lab.pem                                        # !tls.certificate
    plaintext: true                                               # !config.conflict
    pace: 200                                                     # !config.value
    connections: 17                                               # !config.value
    order_by: test                                                # !config.value
    message: {version: 2.3, extends: site/shared.yaml}
    takes:
      - {field: OBR-4.1, in: reportable.csv}
      - {field: OBR-4.1, in: none.csv}                            # !config.file
      - {field: SPM-4, is: BLD}                                   # !takes.field
      - {field: OBX-11, is: F, in: [F, C]}                        # !config.conflict
      - {field: OBX-11}                                           # !config.conflict
      - {field: OBX11, is: F}                                     # !config.value
      - {field: OBX-3.1, matches: "("}                            # !config.value
      - {is: F}                                                   # !config.missing
      - {field: MSH-6, is: "", not: no}                           # !config.value !config.value
      - {field: PID-3.11, in: []}                                 # !takes.field !config.value
      - {field: PID-33, is: x}                                    # !takes.field
      - {field: ZZZ-33, in: empty.csv}                            # !config.list
  portal:                                                         # !config.conflict (clear text)
    host: portal.example.org
    port: 1
    takes: [{field: XYZ-1, is: a}]                                # !takes.field
    closed: [25:00-01:00, "01:00-01:00", {from: 23:00, zone: CET}]   # !config.value !config.conflict !config.value !config.missing
  doctors:
    host: 127.0.0.1
    port: 1
    closed: ["00:00-12:00", "11:00-00:30"]                        # !config.conflict
    retry: {first_wait: 2m}                                       # !config.conflict
    brake: {refuse: 3}                                            # !config.key
  doctors: {host: 127.0.0.1, port: 2}                             # !config.key-twice
  Reg_istry: {host: 127.0.0.1, port: 70000}                       # !config.value (the name) !config.value
  nobody:                                                         # !config.missing !config.missing
outboxes:
  - {folder: outbox}                                              # the first of each pair is the one that is right
  - {folder: outbox/micro, to: [hospital, registri]}              # !config.conflict (inside) !config.conflict (unknown)
  - {folder: ., to: [hospital, hospital]}                         # !config.conflict (around this file) !config.conflict (and the first) !config.conflict (twice)
  - {folder: other/OUTBOX, to: []}                                # !config.conflict (same name) !config.value
  - {folder: outbox}                                              # !config.conflict (twice)
  - {to: hospital}                                                # !config.missing
  - {folder: work, for: doctors}                                  # !config.key
folders:
  work: work                                                      # !config.conflict (one for several)
  sent: outbox/sent
  quarantine: outbox-2
log: {file: other/OUTBOX/agent.log}                               # !config.conflict !config.folder (not there)
""",
    "site/top.yaml": r"""version: 2.5.1
country: NO                                                       # !config.value
""",
    "site/hospital.yaml": r"""extends: shared.yaml
version: 2.5.1
set:
  - {field: OBX-98, value: x}                                     # !profile.field
""",
    "site/shared.yaml": r"""expect:
  - XYZ-1                                                         # !profile.field !profile.field (for either version)
  - SPM-4                                                         # !profile.field (for 2.3)
forbid: [PID3]                                                    # !config.value (once for both)
""",
    "reportable.csv": """94500-6,SARS-CoV-2
,blank                  !config.list
"x"y,                   !config.list
625-4
""",
    "empty.csv": "\n\n",
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


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(re.sub(" *!.*" if name.endswith(".csv") else "!.*", "", text), "utf-8")
    return folder / "config.yaml"


def reported(path: Path) -> list[Mistake]:
    with pytest.raises(ConfigError) as caught:
        load(path, {}, to_build=True)
    return list(caught.value.mistakes)


def test_every_mistake_is_in_one_report_with_its_line(tmp_path):
    (tmp_path / "lab.pem").write_text("", "utf-8")
    found = reported(write(tmp_path, FILES))
    assert sorted((each.file, each.line, each.code) for each in found) == expected()


MINIMAL = """destinations:
  hospital:
    host: 127.0.0.1
    port: 2575
  registry:
    host: localhost
    port: 2576
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a mistake names the key of its destination, also in what to do
        ("hospital: {host: 10.0.0.8, port: 1}", ["line 2: destinations.hospital.plaintext: results would cross the network unencrypted; give destinations.hospital.tls (tls: {} trusts the system's authorities), or accept it with plaintext: true"]),
        ("a: {host: localhost, port: 1, plaintext: true, tls: {key: k}}", ["line 2: a.tls.key: is of no use without a certificate; name it under destinations.a.tls.certificate"]),
        ("a: {host: localhost, port: 1, plaintext: true, tls: {}}", ["line 2: a.plaintext: contradicts destinations.a.tls; remove one"]),
        ("a: {hosst: localhost, port: 1}", ["line 2: a.host: is missing", "line 2: a.hosst: unknown key; did you mean 'host'?"]),
        ("a: {host: localhost, port: 1, first_wait: 1s}", ["line 2: a.first_wait: unknown key; did you mean 'destinations.a.retry.first_wait'?"]),
        ("a: {host: localhost, port: 1, tls: {certificat: x}}", ["line 2: a.tls.certificat: unknown key; did you mean 'certificate'?"]),
        ("a: {host: localhost, port: 1, brake: {xyz: 1}}", ["line 2: a.brake.xyz: unknown key; known here: refused, unanswered, probe"]),
        ("a: {host: localhost, port: 1, message: {versoin: 2.4}}", ["line 2: a.message.versoin: unknown key; did you mean 'version'?"]),
        ("a: {host: localhost, port: 1, message: us-lri}", ["line 2: a.message: must be a section"]),
        ("a: {host: localhost, port: 1, message: {extends: us-lr}}", ["line 2: a.message.extends: names no profile; did you mean 'us-elr' or 'us-lri'?"]),
        ("a: {host: localhost, port: 1, message: {drop: [{segment: , when: x}, {segment: XYZ, when: OBX-99 present}]}}", ["line 2: a.message.drop[0].segment: has no value", "line 2: a.message.drop[0].when: is not a condition", "line 2: a.message.drop[1]: HL7 2.5.1 has no segment XYZ", "line 2: a.message.drop[1]: HL7 2.5.1 has no OBX-99"]),
        ("a: {host: localhost, port: 1, hosts: b}", ["line 2: a.hosts: unknown key; did you mean 'host'?"]),
        ("a: {host: {name: b}, port: 1}", ["line 2: a.host: must be a single value"]),
        ("a: {host: [], port: 1}", ["line 2: a.host: names no host; write a name or an IP address"]),
        ("a: {host: [localhost, 10.0.0.8], port: 1}", ["line 2: a.plaintext: results would cross the network unencrypted"]),
        ("a: {host: , port: 1}", ["line 2: a.host: has no value; write one"]),
        # names
        ("A: {host: localhost, port: 1}", ["line 2: A: is no name of a destination (found A); small letters, digits and -, at most 32"]),
        ("a.b: {host: localhost, port: 1}", ["line 2: a.b: is no name of a destination"]),
        ("-a: {host: localhost, port: 1}", ["line 2: -a: is no name of a destination"]),
        ("a1234567890123456789012345678901-: {host: localhost, port: 1}", ["line 2: a1234567890123456789012345678901-: is no name"]),
        ("a: 2575", ["line 2: a: must be a section; its keys stand below it, indented, as 'key: value': host, port"]),
        # hours, pace, connections
        ("a: {host: localhost, port: 1, closed: 00:00}", ["line 2: a.closed: must be the hours from one time of day to another (found 00:00); for example 23:30-01:00"]),
        ("a: {host: localhost, port: 1, closed: 22:00-24:01}", ["line 2: a.closed: must be a time of day from 00:00 to 24:00"]),
        ("a: {host: localhost, port: 1, closed: 22:00-06:00 Europe/Dubln}", ["line 2: a.closed.zone: is not an IANA time zone (found 22:00-06:00 Europe/Dubln); did you mean Europe/Dublin?"]),
        ("a: {host: localhost, port: 1, closed: {from: , to: 01:00}}", ["line 2: a.closed.from: has no value; write one"]),
        ("a: {host: localhost, port: 1, closed: {from: 1:00, until: 02:00}}", ["line 2: a.closed.to: is missing", "line 2: a.closed.until: unknown key; known here: from, to, zone"]),
        ("a: {host: localhost, port: 1, closed: 00:00-24:00}", ["line 2: a.closed.to: would leave no time of the day to send"]),
        ("a: {host: localhost, port: 1, closed: }", ["line 2: a.closed: has no value"]),
        ("a: {host: localhost, port: 1, pace: -1s}", ["line 2: a.pace: must be a duration"]),
        ("a: {host: localhost, port: 1, connections: 0}", ["line 2: a.connections: must be between 1 and 16"]),
        # takes
        ("a: {host: localhost, port: 1, takes: {field: OBR-4, is: x}}", ["line 2: a.takes: must be a list"]),
        ("a: {host: localhost, port: 1, takes: [OBR-4]}", ["line 2: a.takes[0]: must be a section; its keys stand below it, indented, as 'key: value': field, is, in, matches, not"]),
        ("a: {host: localhost, port: 1, takes: [{field: OBR-4, in: {a: b}}]}", ["line 2: a.takes[0].in: must be a list"]),
        ("a: {host: localhost, port: 1, takes: [{field: OBR-4, in: [a, ' ']}]}", ["line 2: a.takes[0].in[1]: is no value"]),
        ("a: {host: localhost, port: 1, takes: [{field: OBR-4, in: }]}", ["line 2: a.takes[0].in: has no value; write one"]),
        ("a: {host: localhost, port: 1, takes: [{field: OBR-4, in: ''}]}", ["line 2: a.takes[0].in: must be a list of values, or name a CSV file"]),
        ("a: {host: localhost, port: 1, takes: [{field: OBR-4, in: .}]}", ["line 2: a.takes[0].in: .: cannot be read: "]),
        ("a: {host: localhost, port: 1, takes: [{field: OBR-4, matches: ''}]}", ["line 2: a.takes[0].matches: an empty pattern fits every answer"]),
        ("a: {host: localhost, port: 1, takes: [{field: OBR-4, Is: x}]}", ["line 2: a.takes[0]: does not say what the field must be", "line 2: a.takes[0].Is: unknown key; did you mean 'is'"]),
        ("a: {host: localhost, port: 1, takes: [{field: PV1-3.4.2, is: x}, {field: OBR-4.12, is: x}]}", ["line 2: a.takes[1]: OBR-4 is of type CE, which has no component 12"]),
    ],
)  # fmt: skip
def test_a_mistake_in_a_destination(tmp_path, text, expected):
    (tmp_path / "config.yaml").write_text(f"destinations:\n  {text}\noutbox: o\n", "utf-8")
    _told(tmp_path, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["line 1: outbox: is missing; this much is enough"]),
        ("outbox: o\nhis: {host: localhost, port: 1}\n", ["line 9: his: cannot stand beside destinations (line 1); write it under destinations with a name"]),
        ("outbox: o\noutboxes: [{folder: p}]\n", ["line 8: outbox: cannot stand beside outboxes (line 9); write it under outboxes"]),
        ("outbox: o\nport: 1\n", ["line 9: port: unknown key; known here: "]),
        ("outboxes:\n", ["line 8: outboxes: has no value; write one"]),
        ("outboxes: []\n", ["line 8: outboxes: names no outbox; write each as - folder: FOLDER"]),
        ("outboxes: p\n", ["line 8: outboxes: must be a list"]),
        ("outboxes: {folder: p}\n", ["line 8: outboxes: must be a list"]),
        ("outboxes: [p, {folder: p/q}]\n", ["line 8: outboxes[0]: must be a section; its keys stand below it, indented, as 'key: value': folder, to"]),
        ("outboxes: [p, {folder: q}, {folder: q/r}]\n", ["line 8: outboxes[0]: must be a section", "line 8: outboxes[2].folder: lies in the folder of outboxes[1]; give each a folder of its own"]),
        ("outboxes: [{folder: p}, {folder: q/P}]\n", ["line 8: outboxes[1].folder: has the last name of the folder of outboxes[0], by which the journal knows it; rename one of them"]),
        ("outboxes: [{folder: p/q}, {folder: p}]\n", ["line 8: outboxes[1].folder: holds the folder of outboxes[0]"]),
        ("outboxes: [{folder: p/../q}, {folder: ./q}]\n", ["line 8: outboxes[1].folder: is the same folder as that of outboxes[0]"]),
        ("outboxes: [{folder: p, to: regstry}]\n", ["line 8: outboxes[0].to: is no destination (found regstry); did you mean 'registry'?"]),
        ("outboxes: [{folder: p, to: [his]}]\n", ["line 8: outboxes[0].to[0]: is no destination (found his); known are hospital, registry"]),
        ("outboxes: [{folder: p, to: [registry, {a: b}, registry]}]\n", ["line 8: outboxes[0].to[1]: must be a single value", "line 8: outboxes[0].to[2]: names a destination twice"]),
        ("outboxes: [{folder: p, to: }]\n", ["line 8: outboxes[0].to: has no value"]),
        ("outboxes: [{folder: /}]\n", ["line 8: outboxes[0].folder: is a whole disk, which has no name (found /); name a folder on it"]),
        ("outboxes: [{folder: .}]\n", ["line 8: outboxes[0].folder: is the folder of this file"]),
        ("outboxes: [{folder: p}, {folder: q}]\nfolders: {work: w}\n", ["line 9: folders.work: cannot be one for several outboxes; leave it out: each has one inside"]),
        ("outboxes: [{folder: p}, {folder: q}]\nfolders: {sent: q, quarantine: q/x}\n", ["line 9: folders.quarantine: lies in the folder sent", "line 9: folders.sent: is the same folder as outboxes[1]"]),
        ("outboxes: [{folder: p}, {folder: q}]\nlog: {file: q/a.log}\n", ["line 9: log.file: lies in the outbox", "line 9: log.file: FOLDER"]),
        ("outbox: o\nmessage: {version: 2.4}\n", None),
        ("outbox: o\ndestination: {}\n", ["line 9: destination: unknown key; did you mean 'destinations'?"]),
    ],
)  # fmt: skip
def test_a_mistake_beside_destinations(tmp_path, text, expected):
    (tmp_path / "config.yaml").write_text(MINIMAL + text, "utf-8")
    if expected is None:
        load(tmp_path / "config.yaml", {})
    else:
        _told(tmp_path, expected)


def test_a_message_that_no_destination_is_built_by(tmp_path):
    text = "outbox: o\nmessage: {version: 2.4}\ndestinations:\n  a: {host: localhost, port: 1, message: {version: 2.5}}\n"
    (tmp_path / "config.yaml").write_text(text, "utf-8")
    _told(tmp_path, ["line 2: message: is used by no destination: each has a message of its own; put what they share"])
    (tmp_path / "config.yaml").write_text(text.replace("message: {version: 2.5}", "message: "), "utf-8")
    assert load(tmp_path / "config.yaml", {}).destinations["a"].message.settings.version == "2.4"


@pytest.mark.parametrize("text", ["destinations: {}\n", "destinations: [a]\n", "destinations: a\n", "destinations:\n", "destinations: [\n"])
def test_destinations_that_are_none_hide_nothing_and_are_one_mistake(tmp_path, text):
    (tmp_path / "config.yaml").write_text(f"outboxes: [{{folder: o, to: a}}, {{folder: o/p}}]\n{text}", "utf-8")
    found = [each.key for each in reported(tmp_path / "config.yaml")]
    to = ["outboxes[0].to"] if "{}" in text else []
    assert found[: len(to) + 1] == [*to, "outboxes[1].folder"]
    assert len(found) == len(to) + 2


def _told(folder: Path, expected: list[str]) -> None:
    found = [each.describe("").lstrip().replace(str(folder), "FOLDER") for each in reported(folder / "config.yaml")]
    found = [re.sub(r"^(line \d+: )destinations\.(?=[^:]*: )(?!hospital)", r"\1", each) for each in found]
    assert len(found) == len(expected), found
    for line, start in zip(sorted(found), sorted(expected), strict=True):
        assert line.startswith(start), line


# ------------------------------------------------------------------ what they become

WHOLE = r"""destinations:
  hospital: {host: 127.0.0.1, port: 2575, tls: {ca: ca.pem}, message: {extends: us-lri}}
  registry:
    host: [elr1.example.org, "${SECOND}"]
    port: 6661
    plaintext: true
    message: {extends: site/registry.yaml, sending_facility: LAB}
    takes:
      - {field: OBR-4.1, in: site/reportable.csv}
      - {field: "PID-3[2].4.1", in: [A, b], not: true}
      - {field: MSH-6, is: "206"}
      - {field: OBX-3.1, matches: "^(2|3)"}
    connections: 4
    order_by: order
    pace: 200ms
    closed: ["00:00-01:00", {from: 23:30, to: 1:00, zone: Europe/Dublin}]
  portal: {host: localhost, port: 1, closed: 12:00-13:00, after_quarantine: hold-patient, retry: {refused: 1}}
outboxes:
  - {folder: outbox}
  - {folder: /data/outbox-micro, to: [portal, hospital]}
message: {version: 2.4}
folders: {quarantine: q}
"""
SITE = {
    "config.yaml": WHOLE,
    "site/registry.yaml": "extends: us-elr\n",
    "site/reportable.csv": "\ufeffcode;name\n94500-6;\"SARS;CoV\"\n\n625-4 ;\n625-4;\n",
    "ca.pem": "a",
}


@pytest.fixture
def site(tmp_path):
    return write(tmp_path, SITE)


def read(path: Path, **environment: str) -> Config:
    return load(path, {"SECOND": "elr2.example.org"} | environment)


def test_what_they_become(site, tmp_path):
    config = read(site)
    hospital, registry, portal = config.destinations.values()
    assert list(config.destinations) == [hospital.name, registry.name, portal.name] == ["hospital", "registry", "portal"]
    assert [each.message.name for each in (hospital, registry, portal)] == ["us-lri", "config.yaml", "config.yaml"]
    assert portal.message.settings.version == "2.4"
    assert registry.message.settings.sending_facility == "LAB"
    assert registry.his.hosts == ("elr1.example.org", "elr2.example.org")
    assert (hospital.his.hosts, hospital.his.host) == (("127.0.0.1",), "127.0.0.1")
    his = registry.his
    assert (his.connections, his.order_by, his.pace_s, len(his.closed)) == (4, "order", 0.2, 2)
    assert [(each.begin_min, each.end_min, each.zone) for each in his.closed] == [(0, 60, ""), (1410, 60, "Europe/Dublin")]
    assert [(each.begin_min, each.end_min) for each in portal.his.closed] == [(720, 780)]
    assert (hospital.his.connections, hospital.his.order_by, hospital.his.pace_s, hospital.his.closed) == (1, "patient", 0, ())
    assert (portal.his.after_quarantine, portal.his.retry.refused, hospital.his.retry.refused) == ("hold-patient", 1, 3)
    assert (config.his, config.message) == (hospital.his, hospital.message)
    assert [one.takes.rules for one in (hospital, portal)] == [(), ()]
    key = "destinations.registry.takes"
    assert registry.takes.rules == (
        TakesRule(FieldPath("OBR", 4, 0, 1), "in", frozenset({"code", "94500-6", "625-4"}), None, False, f"{key}[0]"),
        TakesRule(FieldPath("PID", 3, 2, 4, 1), "in", frozenset({"A", "b"}), None, True, f"{key}[1]"),
        TakesRule(FieldPath("MSH", 6), "is", frozenset({"206"}), None, False, f"{key}[2]"),
        TakesRule(FieldPath("OBX", 3, 0, 1), "matches", frozenset(), Pattern("^(2|3)", ignore_case=True), False, f"{key}[3]"),
    )
    assert config.lines.where(registry.takes.rules[1].key) == "config.yaml line 10"
    first, second = config.outboxes
    assert (first.name, first.to) == ("outbox", ("hospital", "registry", "portal"))
    assert (second.name, second.to) == ("outbox-micro", ("portal", "hospital"))
    micro = tmp_path / "/data/outbox-micro"
    assert (first.folders.work, second.folders.work) == (tmp_path / "outbox" / ".lab-sender", micro / ".lab-sender")
    assert first.folders.journal == second.folders.journal == first.folders.work
    assert (first.folders.sent, second.folders.sent) == (tmp_path / "outbox" / "sent", micro / "sent")
    assert first.folders.quarantine == second.folders.quarantine == tmp_path / "q"


def test_errors_that_come_up_later_know_the_key_of_their_destination(site, tmp_path):
    config = read(site)
    his = config.destinations["hospital"].his
    assert (his.named, config.destinations["registry"].his.named) == ("destinations.hospital", "destinations.registry")
    assert his.tls is not None
    assert (his.tls.named, his.tls.files) == ("destinations.hospital.tls", {"destinations.hospital.tls.ca": tmp_path / "ca.pem"})
    with pytest.raises(WireFailure) as caught:
        tls_context(his.tls)
    assert caught.value.text.startswith("config.yaml line 2: destinations.hospital.tls.ca: ")


def test_the_short_form_is_the_destination_his(tmp_path):
    short = write(tmp_path, {"config.yaml": "outbox: o\nhis: {host: localhost, port: 1, pace: 1s}\nmessage: {version: 2.4}\n"})
    (one,) = load(short, {}).destinations.values()
    (outbox,) = load(short, {}).outboxes
    text = "outboxes: [{folder: o}]\ndestinations: {his: {host: localhost, port: 1, pace: 1s, message: {version: 2.4}}}\n"
    long = write(tmp_path, {"config.yaml": text})
    other = load(long, {}).destinations["his"]
    assert (other.his, other.message.settings, other.takes) == (one.his, one.message.settings, one.takes)
    assert (one.name, one.his.named, other.his.named, outbox.name) == ("his", "his", "destinations.his", "")
    assert load(long, {}).outboxes[0].folders == outbox.folders


def test_it_can_be_sent_to_another_process(site):
    config = read(site)
    sent = pickle.loads(pickle.dumps((config.destinations, config.outboxes)))
    assert sent == (config.destinations, config.outboxes)
    assert sent[0]["hospital"].his.named == "destinations.hospital"


@pytest.mark.parametrize("name", SITE)
def test_the_content_of_every_file_is_in_the_digest(site, name):
    before = read(site)
    assert before.is_of(read(site).digest)
    path = site.parent / name
    path.write_text(path.read_text("utf-8") + "\n", "utf-8")
    assert not read(site).is_of(before.digest)


def test_what_the_environment_gives_is_in_the_digest_but_for_passwords(site):
    text = site.read_text("utf-8")
    password = "tls: {ca: ca.pem, certificate: ca.pem, key_password: '${PASSWORD}'}, message: {country: '${COUNTRY}', "
    site.write_text(text.replace("tls: {ca: ca.pem}, message: {", password), "utf-8")
    given = {"PASSWORD": "hunter2", "COUNTRY": "IRL"}
    before = read(site, **given)
    assert "hunter2" not in repr(before)
    assert before.digest == read(site, **given | {"PASSWORD": "hunter3"}).digest
    assert not before.is_of(read(site, **given | {"COUNTRY": "GBR"}).digest)
    assert not before.is_of(read(site, **given, SECOND="elr3.example.org").digest)


def test_a_field_that_the_profile_takes_over_can_be_looked_at(tmp_path):
    """A rule is held against the messages of its own destination."""
    text = MINIMAL + "    message: {version: 2.5.1, preadopted: [OBX-29]}\n    takes: [{field: OBX-29, is: RSLT}]\noutbox: o\n"
    path = write(tmp_path, {"config.yaml": text})
    load(path, {}, to_build=True)
    path.write_text(text.replace("preadopted: [OBX-29]", "country: IRL"), "utf-8")
    (mistake,) = reported(path)
    assert (mistake.line, mistake.code) == (9, "takes.field")


def test_a_rule_hangs_on_the_profile_as_far_as_it_can_be_read(tmp_path):
    takes = "    takes: [{field: OBX-29, is: RSLT}, {field: XYZ-1, is: a}]\noutbox: o\n"
    for message, expected in (
        ("{preadopted: [OBX29]}", ["line 8: registry.message.preadopted[0]", "line 9: registry.takes[1]"]),
        ("{extends: none.yaml, version: 2.5.1}", ["line 8: registry.message.extends", "line 9: registry.takes[1]"]),
        ("{extends: none.yaml}", ["line 8: registry.message.extends"]),
        ("{version: 2.9}", ["line 8: registry.message.version"]),
    ):
        (tmp_path / "config.yaml").write_text(f"{MINIMAL}    message: {message}\n{takes}", "utf-8")
        _told(tmp_path, expected)


SCHEMA = jsonschema.Draft202012Validator(config_schema())
_PAGE = (Path(__file__).parents[2] / "docs" / "DESTINATIONS.md").read_text("utf-8")


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", _PAGE, re.DOTALL))
def test_the_examples_of_the_page_can_be_used(tmp_path, text):
    listed = re.findall(r"```csv\n(.*?)```", _PAGE, re.DOTALL)
    config = load(write(tmp_path, {"config.yaml": text, "reportable.csv": listed[0]}), {}, to_build=True)
    assert config.destinations
    times = re.sub(r": (\d\d:\d\d)\b", r": '\1'", text)  # numbers of YAML 1.1 only
    assert list(SCHEMA.iter_errors(yaml.load(times, yaml.SafeLoader))) == [], "an editor would find fault with it"
    for one in config.destinations.values():
        assert all(rule.values or rule.pattern for rule in one.takes.rules)


@pytest.mark.parametrize(
    "change",
    [("hospital:", "Hospital:"), ("port: 2575", "prt: 2575"), ("OBR-4.1, in", "OBR-4.1, on"), ("outbox: outbox\n", "")],
)
def test_the_schema_finds_what_an_editor_can_find(change):
    first = re.findall(r"```yaml\n(.*?)```", _PAGE, re.DOTALL)[0]
    assert list(SCHEMA.iter_errors(yaml.load(first.replace(*change), yaml.SafeLoader)))


def test_every_setting_of_a_destination_is_in_the_manual():
    manual = (Path(__file__).parents[2] / "docs" / "CONFIGURATION.md").read_text("utf-8")
    own = set(Destination.model_fields) - set(His.model_fields)
    for key in (*own, *(f"takes.{field.alias}" for field in TakesSetting.model_fields.values())):
        assert f"| `destinations.NAME.{key}` |" in manual, key


_PIECES = re.compile(r"[\w./*-]+|[^\w\s]|\s+")
_INSTEAD = (
    "", "null", "[", "{a: b}", "- x", '"', "*a", "~", "[a, b]", "0", "{}", "x", "2.4", "'", "PID-3", "[null]", "!t x", "|",
    "${A}", "\t", "#", "his:", "outbox:", "to:", "takes:", "message:", "00:00-01:00", "outbox", "destinations:",
)  # fmt: skip


@pytest.mark.long
@examples(150)
@given(st.data())
def test_whatever_is_changed_in_a_text_there_is_a_report_or_a_configuration(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any", numbered=True)
    pieces = _PIECES.findall(data.draw(st.sampled_from([WHOLE, re.sub("!.*", "", FILES["config.yaml"])])))
    for _ in range(data.draw(st.integers(1, 4))):
        pieces[data.draw(st.integers(0, len(pieces) - 1))] = data.draw(st.sampled_from(_INSTEAD))
    path = write(folder, SITE)
    path.write_text("".join(pieces), "utf-8")
    mistakes: tuple[Mistake, ...] = ()
    try:
        config = load(path, {"A": "x", "SECOND": "y"}, to_build=True)
    except ConfigError as error:
        mistakes = error.mistakes
    else:
        assert config.destinations
        assert all(set(one.to) <= set(config.destinations) and one.to for one in config.outboxes)
    last = "".join(pieces).count("\n") + 1
    assert all(each.code and 0 <= each.line <= last and "object at 0x" not in each.text for each in mistakes)
    assert len({(each.file, each.line, each.key, each.text) for each in mistakes}) == len(mistakes)
