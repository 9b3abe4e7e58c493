"""What is said of a mistake in the configuration, followed to the letter: the next start finds nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab_sender.config.load import Config, ConfigError, load

HEAD = "outbox: outbox\nhis:\n  host: 127.0.0.1\n  port: 2575\n"


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str) -> Config:
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path, {})

    return read


@pytest.fixture
def said(read):
    def said(text: str) -> str:
        with pytest.raises(ConfigError) as caught:
            read(text)
        (mistake,) = caught.value.mistakes
        return mistake.describe("c")

    return said


def test_a_required_key_without_a_value_is_not_told_to_go(read, said):
    text = HEAD.replace(" 2575", "")
    assert said(text) == "c line 4: his.port: has no value; write one"
    assert read(text.replace("port:", "port: 2575")).his.port == 2575


def test_another_key_without_a_value_can_go(read, said):
    text = HEAD + "  ack_timeout:\n"
    assert said(text).endswith("has no value; write one, or remove the line to take the default")
    assert read(HEAD).his.ack_timeout_s == 30.0


def test_a_required_key_of_a_list_is_found_too(said):
    text = HEAD + "  replies:\n  - code: AE\n    then:\n"
    assert said(text) == "c line 7: his.replies[0].then: has no value; write one"


def test_a_section_names_its_keys(read, said, tmp_path):
    (tmp_path / "codes.csv").write_text("code,to_code\nGLU,2345-7\n", encoding="utf-8")
    text = HEAD + "message: {codes: {maps: {test: codes.csv}}}\n"
    hint = "its keys stand below it, indented, as 'key: value': file, inline, unmapped"
    assert said(text) == f"c line 5: message.codes.maps.test: must be a section; {hint}"
    below = "message:\n  codes:\n    maps:\n      test:\n        file: codes.csv\n"
    assert set(read(HEAD + below).message.maps["test"]) == {"GLU"}


@pytest.mark.parametrize(
    ("setting", "typed", "expected"),
    [
        ("message: {{charset: {}}}", "ISO-8859-1", "8859/1"),
        ("message: {{charset: {}}}", "iso8859-15", "8859/15"),
        ("message: {{charset: {}}}", "latin1", "8859/1"),
        ("message: {{charset: {}}}", "UTF-8", "UNICODE UTF-8"),
        ("message: {{charset: {}}}", "utf8", "UNICODE UTF-8"),
        ("message: {{charset: {}}}", "us-ascii", "ASCII"),
        ("inputs: {{csv: [{{encoding: {}}}]}}", "windows-1252", "cp1252"),
        ("inputs: {{csv: [{{encoding: {}}}]}}", "ISO-8859-2", "iso8859-2"),
        ("inputs: {{csv: [{{encoding: {}}}]}}", "8859/1", "iso8859-1"),
        ("inputs: {{csv: [{{encoding: {}}}]}}", "UNICODE UTF-8", "utf-8"),
        ("message: {{corrections: {{suspicious: {}}}}}", "quarantin", "quarantine"),
        ("message: {{corrections: {{suspicious: {}}}}}", "Hold", "hold"),
    ],
)
def test_a_choice_by_another_name_is_asked_for(read, said, setting, typed, expected):
    text = said(HEAD + setting.format(typed))
    assert text.endswith(f"; did you mean {expected}?")
    read(HEAD + setting.format(expected))


@pytest.mark.parametrize("typed", ["windows-1252", "ISO-8859-16", "8859/10", "UTF-16", "UNICODE"])
def test_a_character_set_that_hl7_does_not_have_is_not_answered_with_a_near_one(said, typed):
    assert "did you mean" not in said(HEAD + f"message: {{charset: {typed}}}")


def test_a_code_map_that_is_not_utf8_is_not_told_to_be_elsewhere(read, said, tmp_path):
    path = tmp_path / "codes.csv"
    path.write_bytes("code,to_code\nGLU,Zuckerprüfung\n".encode("cp1252"))
    text = HEAD + "message: {codes: {maps: {test: {file: codes.csv}}}}\n"
    assert said(text) == "codes.csv line 2: a character is not UTF-8; save the file as UTF-8"
    path.write_bytes(path.read_bytes().decode("cp1252").encode())
    assert read(text).message.maps["test"]["GLU"].code == "Zuckerprüfung"


def test_a_profile_that_is_no_profile_is_not_told_to_be_elsewhere(said, tmp_path):
    (tmp_path / "his.yaml").write_bytes(b"#" * (2 << 20))
    text = said(HEAD + "message: {extends: his.yaml}\n")
    assert text.endswith("his.yaml: is larger than 1 MiB; is this a file of the configuration?")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("accesion", "accession"), ("Gender", "sex"), ("Date of birth", "birth"), ("MRN", "patient_id"),
        ("Analyzer", "device"), ("Normal Range", "range"),
    ],
)  # fmt: skip
def test_a_column_by_another_name_is_answered_with_ours(read, said, typed, expected):
    text = said(HEAD + f"inputs: {{csv: [{{columns: {{X: '{typed}'}}}}]}}")
    assert re.search(rf"; (our name of it is|did you mean) {expected}\??$", text)
    read(HEAD + f"inputs: {{csv: [{{columns: {{X: {expected}}}}}]}}")


@pytest.mark.parametrize("typed", ["resulted", "corrected", "repeated", "date", "min"])
def test_a_column_that_means_something_else_is_not_answered_with_a_near_one(said, typed):
    text = said(HEAD + f"inputs: {{csv: [{{columns: {{X: {typed}}}}}]}}")
    assert text.endswith("; docs/files/csv.md lists them")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("message: {extends: generic-2.2}", "names no profile; built in: au, "),
        ("his: {timeout: 30s}", "unknown key; known here: host, port"),
        ("message: {order: local-first}", "unknown key; did you mean 'codes.order' or 'identifiers.order'?"),
    ],
)
def test_what_may_be_several_things_is_not_answered_with_one(said, text, expected):
    head = "outbox: outbox\n" + ("" if text.startswith("his") else "his: {host: 127.0.0.1, port: 1}\n")
    text = text.replace("his: {", "his: {host: 127.0.0.1, port: 1, ")
    assert expected in said(head + text)
