"""The digest of a configuration: whatever it is made of changes it, and nothing else does."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from lab_sender.config import dialects, profile
from lab_sender.config.load import Config, load
from lab_sender.config.profile import layers

CONFIG = """outbox: outbox
his:
  host: ${HIS:-his.example}
  port: 2575
  tls: {ca: ca.pem, certificate: lab.pem, key: lab.key, key_password: '${PASSWORD}'}
message: {extends: site/his.yaml, sending_facility: '${LAB}'}
inputs: {astm: {dialect: sysmex-xn}}
"""
FILES = {
    "config.yaml": CONFIG,
    "site/his.yaml": "extends: base.yaml\n",
    "site/base.yaml": "version: 2.4\ncodes: {maps: {test: {file: map.csv}}}\n",
    "site/map.csv": "code,to_code\na,b\n",
    "ca.pem": "a",
    "lab.pem": "b",
    "lab.key": "c",
}
ENVIRONMENT = {"PASSWORD": "secret", "LAB": "LAB1"}


@pytest.fixture
def site(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def read(folder: Path, **environment: str) -> Config:
    return load(folder / "config.yaml", ENVIRONMENT | environment)


@pytest.mark.parametrize("name", FILES)
def test_the_content_of_every_file_counts(site, name):
    before = read(site)
    assert before.is_of(read(site).digest)
    (site / name).write_text(FILES[name] + "\n", "utf-8")
    after = read(site)
    assert not after.is_of(before.digest)
    (site / name).write_text(FILES[name], "utf-8")
    assert read(site).digest == before.digest


def test_the_built_in_parts_that_it_names_count(site, monkeypatch):
    """They come with the program: after an upgrade the agent that still runs may have others."""
    before = read(site)
    monkeypatch.setattr("lab_sender.config.load.dialect_text", lambda name: dialects.dialect_text(name) + "\n")
    other_dialect = read(site)
    monkeypatch.undo()
    text = layers._builtin_text
    monkeypatch.setattr(layers, "_builtin_text", lambda name: text(name) + "\n" * (name == "generic-2.4"))
    other_profile = read(site)
    monkeypatch.setattr(layers, "_builtin_text", lambda name: text(name) + "\n" * (name == "us-lri"))
    assert read(site).is_of(before.digest)
    assert "us-lri" in profile.builtin_names()
    assert not other_dialect.is_of(before.digest)
    assert not other_profile.is_of(before.digest)


def test_what_the_environment_gives_counts_but_for_the_password(site):
    """A digest stands in the log: it must be of no help to somebody who guesses passwords."""
    before = read(site)
    assert not read(site, HIS="elsewhere.example").is_of(before.digest)
    assert not read(site, LAB="LAB2").is_of(before.digest)
    assert read(site, PASSWORD="another", UNUSED="1").digest == before.digest
    assert read(site, HIS="his.example").digest == before.digest


def test_where_it_lies_does_not_count(site, tmp_path_factory):
    moved = tmp_path_factory.mktemp("moved") / "here"
    before = read(site).digest
    site.rename(moved)
    assert read(moved).digest == before


def test_a_file_that_this_account_cannot_read_is_no_difference(site):
    """The key is the agent's: an operator who may not read it is not told that the configuration has changed."""
    agents = read(site)
    (site / "lab.key").unlink()
    (site / "lab.key").mkdir()  # what nobody can read, root neither
    operators = read(site)
    assert operators.digest != agents.digest
    assert operators.is_of(agents.digest)
    assert agents.is_of(operators.digest)
    (site / "site" / "map.csv").write_text("code,to_code\na,c\n")
    assert not read(site).is_of(agents.digest)
    (site / "lab.key").rmdir()
    assert not read(site).is_of(agents.digest)  # gone is no "cannot tell"


def test_without_tls_it_has_one_part(site):
    (site / "config.yaml").write_text("outbox: outbox\nhis: {host: localhost, port: 2575}\n")
    digest = read(site).digest
    assert len(digest) == 12
    assert not read(site).is_of(digest + "-12345678")


def test_the_frozen_sections_can_be_sent_to_another_process_and_know_their_lines(site):
    config = read(site)
    sent = pickle.loads(pickle.dumps((config.his, config.intake, config.inputs, config.message)))
    assert sent == (config.his, config.intake, config.inputs, config.message)
    assert config.his.tls is not None
    assert config.his.tls.lines.where("his.tls.key") == "config.yaml line 5"
    assert config.lines.where("message.codes.maps.test.file") == "site/base.yaml line 2"
    assert config.lines.where("his.retry.refused") == "config.yaml line 2"  # of a default: the section around it
    same = config.his.model_copy(update={"tls": config.his.tls.model_copy()})
    same.tls.__dict__.pop("lines")
    assert same == config.his  # where it is written makes no other connection of it
    for section in (config.his, config.his.tls, config.intake, config.inputs, config.inputs.astm):
        with pytest.raises(ValueError, match="frozen"):
            section.host = "elsewhere"
