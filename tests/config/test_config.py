# ruff: noqa: E501  (a table of mistakes reads best with one to a line)
"""config.yaml: what is enough, what it becomes, and what is said of everything that is wrong with it."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.config.inputs import FhirInput
from lab_sender.config.load import Config, ConfigError, config_schema, load
from lab_sender.config.profile import Profile

ROOT = Path(__file__).parents[2]
MINIMAL = "outbox: outbox\nhis:\n  host: 127.0.0.1\n  port: 2575\n"


@pytest.fixture
def read(tmp_path):
    def read(text: str | bytes, **environment: str) -> Config:
        path = tmp_path / "config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(path, environment)

    return read


@pytest.fixture
def mistakes(read):
    def mistakes(text: str | bytes, **environment: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read(text, **environment)
        assert caught.value.exit_code == 78
        assert caught.value.code == "config.invalid"
        assert all(each.describe("config.yaml") in str(caught.value) for each in caught.value.mistakes)
        return [each.describe("c") for each in caught.value.mistakes]

    return mistakes


def his(lines: str) -> str:
    return MINIMAL + "".join(f"  {line}\n" for line in lines.splitlines())


def test_host_port_and_outbox_are_enough(read, tmp_path):
    config = read(MINIMAL)
    assert (config.his.host, config.his.port) == ("127.0.0.1", 2575)
    assert config.outbox == config.folders.outbox == tmp_path / "outbox"
    assert config.folders.sent == tmp_path / "outbox" / "sent"
    assert config.folders.quarantine == tmp_path / "outbox" / "quarantine"
    assert config.folders.work == config.folders.journal == tmp_path / "outbox" / ".lab-sender"
    assert (config.his.ack_timeout_s, config.his.retry.longest_wait_s) == (30.0, 60.0)
    assert config.intake.largest_file_bytes == 64 * 1024 * 1024
    assert config.path == tmp_path / "config.yaml"
    assert config.digest == read(MINIMAL).digest != read(MINIMAL + "#").digest


def test_the_shipped_file_is_the_defaults(read):
    shipped, minimal = load(ROOT / "config.yaml"), read(MINIMAL)
    for section in ("his", "message", "intake", "log"):
        assert getattr(shipped, section) == getattr(minimal, section)
    assert shipped.outbox == ROOT / "outbox"


def test_what_the_shipped_file_shows_commented_out_can_be_used(read, tmp_path):
    text = (ROOT / "config.yaml").read_text("utf-8")
    head, body = text.split("\n\n", 1)
    assert head.startswith("# yaml-language-server: $schema=docs/config.schema.json\n")
    config = read(re.sub("(?m)^( *)# ", r"\1", body), LAB_KEY_PASSWORD="x")
    assert config.his.tls is not None
    assert config.his.replies[0].then == "retry"
    assert config.message.settings.sending_facility.startswith("LAB^")
    assert config.intake.marker == ".ok"
    assert config.folders.journal == tmp_path / "/var/lib/lab-sender"


def test_everything_can_be_set(read, tmp_path):
    config = read(
        """
outbox: in
his:
  host: his.hospital.example
  port: "6661"
  connect_timeout: 500ms
  ack_timeout: 1.5 m
  keepalive: 1h
  tls: {ca: tls/ca.pem, certificate: tls/lab.pem, key: /keys/lab.pem, server_name: his}
  retry: {first_wait: 2s, longest_wait: 2m, unanswered: 7, refused: 1}
  brake: {refused: 9, unanswered: 3, probe: 30s}
  replies:
    - {code: AE, error: 206, text: "^dup.*ID", then: deliver}
    - error: "100"
      then: hold
  after_quarantine: hold-patient
message: {version: 2.5, country: NOR, sending_application: LAB^1.2.3^ISO, profile_ids: [A^^1.2^ISO],
  accept_ack: AL, application_ack: NE, time_zone: Europe/Dublin, processing_id: T, charset: 8859/1}
intake: {poll: 5s, marker: .ok, temporary: ["*.writing"], largest_file: 10MB, duplicates: send}
folders: {sent: ../sent, journal: /var/lib/lab}
log: {format: json, level: debug, file: log/agent.log}
"""
    )
    assert config.his.port == 6661
    assert (config.his.connect_timeout_s, config.his.ack_timeout_s, config.his.keepalive_s) == (0.5, 90, 3600)
    assert config.his.tls.ca == tmp_path / "tls" / "ca.pem"
    assert config.his.tls.key == tmp_path / "/keys/lab.pem"
    first, second = config.his.replies
    assert (first.error, second.error) == ("206", "100")
    assert first.text.found_in("DUPLICATE id")
    assert config.message.settings.version == "2.5"
    assert config.intake.largest_file_bytes == 10_000_000
    assert config.folders.sent == tmp_path.parent / "sent"
    assert config.folders.work == tmp_path / "in" / ".lab-sender"
    assert config.folders.journal == tmp_path / "/var/lib/lab"
    assert config.log.file == tmp_path / "log" / "agent.log"


def test_yaml_guesses_nothing(read):
    message = read(MINIMAL + "message: {sending_facility: NO, receiving_facility: 1e3, receiving_application: 0x1F}")
    assert message.message.settings.sending_facility == "NO"
    assert message.message.settings.receiving_facility == "1e3"
    assert message.message.settings.receiving_application == "0x1F"


def test_sections_that_are_all_comments_are_defaults(read):
    text = his("retry:\n  # unanswered: 9\nbrake:\ntls:") + "message:\nintake:\nfolders:\nlog:\n"
    assert read(text).his == read(MINIMAL).his


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # keys
        (his("prot: 1"), ["c line 5: his.prot: unknown key; did you mean 'port'?"]),
        (his("ack-timeout: 1s"), ["c line 5: his.ack-timeout: unknown key; did you mean 'ack_timeout'?"]),
        (his("ack_timeout_s: 1s"), ["c line 5: his.ack_timeout_s: unknown key; did you mean 'ack_timeout'?"]),
        (MINIMAL + "port: 1", ["c line 5: port: unknown key; did you mean 'his.port'?"]),
        (MINIMAL + "intake: {hl7_end: optional}", ["c line 5: intake.hl7_end: unknown key; did you mean 'inputs.hl7.end'?"]),
        (MINIMAL + "log: {xyz: 1}", ["c line 5: log.xyz: unknown key; known here: format, level, file"]),
        (his("port: 1"), ["c line 5: his.port: the key is also in line 4; keep one of them"]),
        ("outbox: o\nhis:\n  host: localhost\n", ["c line 2: his.port: is missing"]),
        ("", ["c line 1: outbox: is missing; this much", "c line 1: his: is missing; this much"]),
        ("- a\n- b\n", ["c line 1: the file must be a list of settings; this much is enough"]),
        (his("retry: 5"), ["c line 5: his.retry: must be a section; its keys stand below it"]),
        (his("tls: true"), ["c line 5: his.tls: must be a section"]),
        (his("tls: []"), ["c line 5: his.tls: must be a section"]),
        (his("replies: {code: AE}"), ["c line 5: his.replies: must be a list; write [one, two]"]),
        (his("ack_timeout: [30s]"), ["c line 5: his.ack_timeout: must be a single value; a text that begins with { or [ stands in quotes"]),
        (his("ack_timeout:"), ["c line 5: his.ack_timeout: has no value; write one, or remove the line"]),
        (MINIMAL + "message: {sending_facility: null}", ["c line 5: message.sending_facility: has no value"]),
        (MINIMAL + "intake:\n  temporary: '*.tmp'", ["c line 6: intake.temporary: must be a list"]),
        # numbers and words
        (his("ack_timeout: 30"), ["c line 5: his.ack_timeout: has no unit; must be a duration, for example 30s (found 30); its units are ms, s, m, h"]),
        (his("ack_timeout: 0"), ["c line 5: his.ack_timeout: has no unit"]),
        (his("ack_timeout: 30d"), ["c line 5: his.ack_timeout: has an unknown unit"]),
        (his("ack_timeout: 1m30s"), ["c line 5: his.ack_timeout: must be a duration, for example 30s (found 1m30s)"]),
        (his("ack_timeout: 12:30"), ["c line 5: his.ack_timeout: must be a duration, for example 30s (found 12:30)"]),
        (his("ack_timeout: -5s"), ["c line 5: his.ack_timeout: must be a duration"]),
        (his("ack_timeout: 0s"), ["c line 5: his.ack_timeout: must be between 10ms and 1h (found 0s)"]),
        (MINIMAL + "intake: {largest_file: 64}", ["c line 5: intake.largest_file: has no unit; must be a size, for example 16MiB (found 64)"]),
        (MINIMAL + "intake: {largest_file: 2GiB}", ["c line 5: intake.largest_file: must be between 1KiB and 512MiB"]),
        ("outbox: o\nhis: {host: localhost, port: 70000}", ["c line 2: his.port: must be between 1 and 65535 (found 70000)"]),
        ("outbox: o\nhis: {host: localhost, port: 0o5017}", ["c line 2: his.port: must be a whole number from 1 to 65535 (found 0o5017); write plain decimal digits"]),
        ("outbox: o\nhis: {host: localhost, port: 02575}", ["c line 2: his.port: must be a whole number"]),
        ("outbox: o\nhis: {host: localhost, port: 2_575}", ["c line 2: his.port: must be a whole number"]),
        ("outbox: o\nhis: {host: localhost, port: 12:30}", ["c line 2: his.port: must be a whole number"]),
        (his("plaintext: yes"), ["c line 5: his.plaintext: must be true or false (found yes); yes, no, on and off are not read"]),
        (his("after_quarantine: hold"), ["c line 5: his.after_quarantine: must be continue, hold-order or hold-patient (found hold)"]),
        (MINIMAL + "message: {version: 2}", ["c line 5: message.version: must be 2.3, 2.3.1, 2.4, 2.5, 2.5.1, 2.6, 2.7, 2.7.1, 2.8, 2.8.1 or 2.8.2 (found 2)"]),
        (MINIMAL + "message: {charset: utf-8}", ["c line 5: message.charset: must be ASCII, 8859/1,"]),
        (MINIMAL + "message: {country: NO}", ["c line 5: message.country: must be a country's three letters"]),
        (MINIMAL + "message: {sending_facility: 'A|B'}", ["c line 5: message.sending_facility: holds a character that HL7 separates with"]),
        (MINIMAL + 'message: {sending_facility: "A\\rB"}', ["c line 5: message.sending_facility: holds a character that HL7 separates with; "]),
        (MINIMAL + "message: {sending_facility: A^B}", ["c line 5: message.sending_facility: must be NAME or NAME^ID^TYPE (found A^B)"]),
        (MINIMAL + "message: {profile_ids: [^]}", ["c line 5: message.profile_ids[0]: must be ID^NAMESPACE^OID^ISO"]),
        (MINIMAL + "message: {time_zone: Europe/Dubln}", ["c line 5: message.time_zone: is not an IANA time zone (found Europe/Dubln); did you mean Europe/Dublin?"]),
        (MINIMAL + "message: {time_zone: Europe}", ["c line 5: message.time_zone: is not an IANA time zone"]),
        (MINIMAL + "message: {time_zone: ../../etc/passwd}", ["c line 5: message.time_zone: is not an IANA time zone"]),
        # hosts
        ("outbox: o\nhis: {host: 'localhost:2575', port: 1}", ["c line 2: his.host: must be the host alone (found localhost:2575); write the port under port:"]),
        ("outbox: o\nhis: {host: 'mllp://h', port: 1}", ["c line 2: his.host: must be a host, not an address"]),
        ("outbox: o\nhis: {host: '[::1]', port: 1}", ["c line 2: his.host: an IPv6 address is written without brackets"]),
        ("outbox: o\nhis: {host: '', port: 1}", ["c line 2: his.host: must name the HIS's host"]),
        ("outbox: o\nhis: {host: a b, port: 1}", ["c line 2: his.host: is not a host name or IP address (found a b)"]),
        # paths
        ('outbox: "C:\\temp"\nhis: {host: localhost, port: 1}', ["c line 1: outbox: holds a control character; \\ in double quotes is an escape"]),
        ("outbox: ~/outbox\nhis: {host: localhost, port: 1}", ["c line 1: outbox: ~ is not read as the home folder"]),
        ("outbox: .\nhis: {host: localhost, port: 1}", ["c line 1: outbox: is the folder of this file"]),
        ("outbox: ''\nhis: {host: localhost, port: 1}", ["c line 1: outbox: must name a file or folder"]),
        # what must agree
        ("outbox: o\nhis: {host: 10.0.0.8, port: 1}", ["c line 2: his.plaintext: results would cross the network unencrypted; give his.tls (tls: {} trusts the system's authorities), or accept it with plaintext: true"]),
        ("outbox: o\nhis: {host: localhost.example, port: 1}", ["c line 2: his.plaintext: results would cross"]),
        (his("plaintext: true\ntls: {}"), ["c line 5: his.plaintext: contradicts his.tls; remove one of them"]),
        (his("tls:\n  key: k.pem"), ["c line 6: his.tls.key: is of no use without a certificate; name it under his.tls.certificate"]),
        (his("retry: {first_wait: 2m}"), ["c line 5: his.retry.longest_wait: is shorter than first_wait"]),
        (his("replies:\n  - {then: retry}"), ["c line 6: his.replies[0]: would fit every answer"]),
        (his("replies:\n  - {code: AE, text: '(', then: retry}"), ["c line 6: his.replies[0].text: is not a regular expression that can be used here: missing )"]),
        (his("replies:\n  - {code: AE, then: ignore}"), ["c line 6: his.replies[0].then: must be deliver, known, retry, quarantine or hold (found ignore)"]),
        (his("replies:\n  - {code: AE}"), ["c line 6: his.replies[0].then: is missing"]),
        (MINIMAL + "message:\n  accept_ack: NE\n  application_ack: ER", ["c line 7: message.application_ack: with this accept_ack a message could stay without any answer"]),
        (MINIMAL + "intake: {marker: .tmp}", ["c line 5: intake.marker: is among the temporary names"]),
        (MINIMAL + "intake: {temporary: ['*']}", ["c line 5: intake.temporary[0]: would take every file for a temporary one"]),
        (MINIMAL + "folders: {sent: outbox}", ["c line 5: folders.sent: is the same folder as outbox"]),
        (MINIMAL + "folders:\n  sent: s\n  quarantine: s/q", ["c line 7: folders.quarantine: lies in the folder sent"]),
        (MINIMAL + "folders: {sent: s/t, work: s}", ["c line 5: folders.work: holds the folder sent"]),
        (MINIMAL + "folders: {work: .}", ["c line 5: folders.work: holds the folder outbox"]),
        (MINIMAL + "folders: {journal: outbox}", ["c line 5: folders.journal: is the same folder as outbox"]),
        (MINIMAL + "folders: {journal: outbox/sent/j}", ["c line 5: folders.journal: lies in the folder sent"]),
        (MINIMAL + "log: {file: outbox/agent.log}", ["c line 5: log.file: lies in the outbox"]),
        # YAML
        (his("tls:\n\t ca: x"), ["c line 6: a tab where YAML wants spaces; indent with spaces"]),
        (MINIMAL + "intake: {temporary: [*.tmp]}", ["c line 5: a value cannot begin with this character; put a value that begins with *"]),
        (his("host2: a: b"), ["c line 5: a second ': ' in one line, or a line indented too far"]),
        ("outbox: o\nhis\nlog: {}\n", ["c line 2: this line is not 'key: value'; a space must follow the colon"]),
        ("outbox: o\n host: x\n", ["c line 2: a second ': ' in one line, or a line indented too far"]),
        ("his:\n    host: x\n  port: 1\n", ["c line 3: this line does not fit those above it"]),
        ("outbox: [a, b\n", ["c line 1: a [ or { is not closed"]),
        (his("retry: {refused: ${N}}"), ["c line 5: a [ or { is not closed, or a comma is missing; inside { } put ${NAME} and PID-3[2] in quotes"]),
        ("outbox: 'a\n", ["c line 1: a quote is not closed"]),
        ('outbox: "C:\\lab"\n', ["c line 1: \\ in double quotes is an escape; use single quotes"]),
        (MINIMAL + "---\n" + MINIMAL, ["c line 5: a second document begins here; remove the line ---"]),
        ("outbox: {{ OUTBOX }}\nhis: {host: localhost, port: 1}", ["c line 1: outbox: a key must be a word"]),
        (his("connect_timeout: &t 5s\nack_timeout: *t"), ["c line 6: his.ack_timeout: aliases are not read here"]),
        (his("keepalive: !wait 5s"), ["c line 5: his.keepalive: tags are not read here"]),
        ("outbox: a\x07b\n", ["c line 1: a control character"]),
        (b"outbox: o\nhis: \xfc\n", ["c line 2: a character is not UTF-8; save the file as UTF-8"]),
        (MINIMAL.encode("utf-16"), ["c line 1: the file is UTF-16; save the file as UTF-8"]),
        ("[" * 1000, ["c line 1: brackets are nested too deep"]),
        (b"#" * (1 << 20) + b"##", ["c: is larger than 1 MiB"]),
        # environment
        (his("keepalive: ${NOPE}"), ["c line 5: his.keepalive: NOPE is not in the environment; set it, or write ${NOPE:-default}"]),
        (his("keepalive: ${NOPE"), ["c line 5: his.keepalive: ${ begins no name; write ${NAME} or"]),
        (his("keepalive: ${3}"), ["c line 5: his.keepalive: ${ begins no name"]),
    ],
)  # fmt: skip
def test_mistake(mistakes, text, expected):
    found = mistakes(text)
    assert len(found) == len(expected), found
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


def test_all_mistakes_are_told_at_once_in_the_order_of_lines(mistakes):
    found = mistakes(
        "outbox: o\n"
        "his:\n"
        "  host: 10.1.1.1\n"
        "  prot: 2575\n"
        "  ack_timeout: 30\n"
        "  keepalive: ${NOPE}\n"
        "  retry: {refused: many}\n"
        "  prot: 1\n"
        "mesage: {}\n"
        "folders: {sent: o}\n"
    )
    assert [line.split(": ")[0] + " " + line.split(": ")[1] for line in found] == [
        "c line 2 his.port",
        "c line 2 his.plaintext",
        "c line 4 his.prot",
        "c line 5 his.ack_timeout",
        "c line 6 his.keepalive",
        "c line 7 his.retry.refused",
        "c line 8 his.prot",
        "c line 9 mesage",
        "c line 10 folders.sent",
    ]


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file; name it with --config FILE"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read: ") as caught:
        load(tmp_path)
    assert caught.value.mistakes[0].line == 0


def test_values_come_from_the_environment(read):
    text = his("ack_timeout: ${T}\nconnect_timeout: ${SECONDS:-7}s\nplaintext: ${P:-true}").replace(
        "127.0.0.1", "${SITE}.${DOMAIN:-example}"
    )
    config = read(text, SITE="his", T="5s", SECONDS="")
    assert (config.his.host, config.his.port) == ("his.example", 2575)
    assert (config.his.ack_timeout_s, config.his.connect_timeout_s) == (5, 7)


def test_nothing_in_the_environment_acts_as_yaml_or_is_expanded_again(read):
    for written, value in (("${A}", "x: [${B}], !t *a # no"), ("$${A}", "${A}")):
        text = his(f"tls: {{certificate: c.pem, key: k.pem, key_password: '{written}'}}")
        config = read(text, A="x: [${B}], !t *a # no")
        assert config.his.tls.key_password.get_secret_value() == value


def test_a_byte_order_mark_and_crlf_are_read(read):
    assert read(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode()).his.port == 2575


SECRET = "hunter2-do-not-tell"


def test_a_password_is_in_no_text_of_the_configuration(read):
    text = his("tls: {certificate: c.pem, key: k.pem, key_password: '${PASSWORD}'}")
    config = read(text, PASSWORD=SECRET)
    assert config.his.tls.key_password.get_secret_value() == SECRET
    assert SECRET not in repr(config) + str(config) + config.his.model_dump_json()


@pytest.mark.parametrize(
    "lines",
    [
        "ack_timeout: ${SECRET}",
        "port2: ${SECRET}",
        "after_quarantine: ${SECRET}",
        "plaintext: x${SECRET}",
        "tls: {key_password: ${SECRET}}",
        f"tls: {{key_password: {SECRET}}}",
        f"tls: {{key_passwort: {SECRET}}}",
        f"tls: {{key_password: [{SECRET}]}}",
        f"tls: {{key_password: *{SECRET}}}",
        f"tls: {{key_password: !{SECRET} x}}",
        f'tls: {{key_password: "{SECRET}\\q"}}',
        f"tls: {{key_password: '{SECRET}}}",
        f"tls: {{key_password: a: {SECRET}}}",
        f"tls:\n  key_password: @{SECRET}",
        f"tls:\n  key_password: {SECRET}\n  key_password: {SECRET}",
    ],
)
def test_a_secret_is_in_no_error(read, lines):
    with pytest.raises(ConfigError) as caught:
        read(his(lines).replace("{key_password: ${SECRET}}", "{key_password: '${SECRET}'}"), SECRET=SECRET)
    error = caught.value
    assert SECRET not in str(error) + repr(error) + repr(error.mistakes) + repr(error.__cause__)


PIECES = [
    *"\n\t :-[]{}'\"#&*!|>%@`,~?\\$^0\x00\x85\u2028\ufeffÄ",
    "${",
    "<<: ",
    "\n  ",
    "---\n",
    "null",
    "outbox:",
    "tls:",
]


@examples(200)
@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(PIECES)), max_size=4))
def test_whatever_stands_there_is_a_configuration_or_a_list_of_mistakes(read, edits):
    text = (
        MINIMAL
        + "  tls: {ca: a.pem}\n  replies:\n    - {error: '206', then: retry}\nfolders:\n  sent: s\nlog:\n  level: info\n"
    )
    for at, piece in edits:
        text = text[: at % len(text)] + piece + text[at % len(text) + len(piece) % 2 :]
    found = ()
    try:
        read(text)
    except ConfigError as error:
        found = error.mistakes
    assert all(0 < each.line <= len(text.splitlines()) + 1 and each.text for each in found)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"(?P<family>\w+)_(?P<filler>\w+)\.pdf", "does not find out whose result it is"),
        (r"(?P<patient_id>\w+)\.pdf", "does not find out whose result it is"),
        (r"(?P<patient_id>\w+)_(?P<filer>\w+)\.pdf", "has a group of unknown name: filer"),
    ],
)
def test_the_name_of_a_pdf_has_what_a_message_needs(mistakes, pattern, said):
    """A message without a patient's number is never built: a name alone would refuse every PDF."""
    (mistake,) = mistakes(MINIMAL + f"inputs: {{pdf: {{name: '{pattern}'}}}}\n")
    assert said in mistake


def test_the_published_schema_is_the_one_of_the_models():
    published = json.loads((ROOT / "docs" / "config.schema.json").read_text("utf-8"))
    assert published == json.loads(json.dumps(config_schema())), "write json.dumps(config_schema(), indent=2)"


def settings_of(schema: dict, section: dict, place: str = ""):
    section = next((each for each in section.get("anyOf", ()) if "properties" in each), section)  # it has a short form
    for key, value in section["properties"].items():
        yield place + key, value
        for part in (value, *value.get("anyOf", ()), value.get("items", {})):
            if "$ref" in part and key != "message":  # docs/PROFILES.md has its settings
                yield from settings_of(schema, schema["$defs"][part["$ref"].rsplit("/", 1)[1]], f"{place}{key}.")


def test_every_setting_is_described_in_the_schema_and_the_manual():
    schema = config_schema()
    manual = (ROOT / "docs" / "CONFIGURATION.md").read_text("utf-8")
    for key, value in settings_of(schema, schema):
        assert "$ref" in value or value["description"], key
        assert f"`{key}`" in manual, f"{key} is not in docs/CONFIGURATION.md"
        default = value.get("default")
        if isinstance(default, str | int):
            row = next(line for line in manual.splitlines() if line.startswith(f"| `{key}` |"))
            assert has_default(row, default), f"the default of {key} is {default}"


def has_default(row: str, default: object) -> bool:
    return f"| `{json.dumps(default) if default in ('', False) else default}` |" in row


def test_the_settings_of_messages_in_the_manual_exist_with_their_defaults():
    manual = (ROOT / "docs" / "CONFIGURATION.md").read_text("utf-8")
    for row in re.findall(r"(?m)^\| `message\..*$", manual):
        assert has_default(row, Profile.model_fields[row.split("`")[1].removeprefix("message.")].default), row


def test_the_settings_of_fhir_reach_its_reader(read):
    """As a person would write them: the number from the report's id, and what is known and not wanted."""
    text = "inputs: {fhir: {number: report-id, pass_over: [Observation.issued, Patient.extension(birthPlace)]}}\n"
    fhir = read(MINIMAL + text).inputs.fhir
    assert fhir == FhirInput(number="report-id", pass_over=("Observation.issued", "Patient.extension(birthPlace)"))
