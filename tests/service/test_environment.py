"""The secrets beside the configuration are read as systemd reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab_sender.errors import ConfigurationError
from lab_sender.service.environment import read


def test_each_line_is_a_name_and_a_value(tmp_path: Path) -> None:
    path = tmp_path / "environment"
    lines = b"# of the key\r\n\r\nLAB_KEY_PASSWORD=a b=c#d\r\n; old\r\n Q=\"two words\" \nE=\nS='x'\n"
    path.write_bytes(b"\xef\xbb\xbf" + lines)
    assert read(path) == {"LAB_KEY_PASSWORD": "a b=c#d", "Q": "two words", "E": "", "S": "x"}


def test_none_is_none(tmp_path: Path) -> None:
    assert read(tmp_path / "environment") == {}


@pytest.mark.parametrize("content", [b"A=1\nSECRET\n", b"A=1\n1A=SECRET\n", b"A=\xffSECRET\n"])
def test_what_is_wrong_is_named_without_a_value(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "environment"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as failed:
        read(path)
    assert failed.value.code == "service.environment"
    assert "SECRET" not in str(failed.value)
    assert "line 2" in failed.value.text or "cannot be read" in failed.value.text


def test_whoever_may_not_read_it_is_not_told_to_open_it_to_himself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", closed)
    with pytest.raises(ConfigurationError) as failed:
        read(tmp_path / "environment")
    assert failed.value.hint.startswith("Type it with sudo")
