"""Every spelling of a path is the folder that was meant, or a mistake; asked of both systems on each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from lab_sender.config.load import ConfigError, load
from lab_sender.config.text.written_path import demand_plain

HIS = "\nhis: {host: localhost, port: 1}\n"
UNSEEN = "a character that cannot be seen"

ON_WINDOWS = (
    # as it is written in config.yaml                what it says there; "" where it is read
    (r"C:\LabResults\Neu", ""),
    (r"'C:\LabResults\Neu'", ""),
    ('"C:\\\\LabResults\\\\Neu"', ""),
    (r"C:/LabResults/Neu", ""),
    (r"\\nas\lab\out", ""),
    (r"//nas/lab/out", ""),
    (r"outbox", ""),
    (r"..\out", ""),
    (r"C:\Labor Süd\Ausgang (neu)", ""),
    (r"\\nas\lab$\out", ""),
    (r'"C:\LabResults"', UNSEEN),
    (r'"C:\Neu"', UNSEEN),
    (r'"D:\Patho"', UNSEEN),
    (r'"C:\_in"', UNSEEN),
    (r'"C:\temp"', "a control character"),
    (r'"C:\lab"', "is an escape"),
    (r'"\\nas\lab\out"', "is an escape"),
    ("'%PROGRAMDATA%\\lab'", "write ${PROGRAMDATA}"),
    (r"'%ProgramFiles(x86)%\lab'", "%ProgramFiles(x86)% is not read"),
    (r"$env:ProgramData\lab", "write ${ProgramData}"),
    (r"~\lab", "write the whole path, or ${USERPROFILE}"),
    (r"C:outbox", r"write C:\outbox"),
    (r"\lab\out", "names no drive"),
    (r"C:\lab\a*b", "* and ? are not read"),
    (r"C:\lab\?", "* and ? are not read"),
    (r"C:\lab\a<b", "can have <"),
    (r"C:\lab\out:x", "can have :"),
    (r"C:\lab\con", "con is a device"),
    (r"C:\lab\Com1.txt\out", "Com1.txt is a device"),
    (r"C:\lab.\out", "dot or blank at the end"),
    (r"'C:\lab\out '", "dot or blank at the end"),
    (r"\\nas", "names a server and no share"),
    (r"\\?\C:\lab", "names a device of Windows"),
)
ELSEWHERE = (
    ("/srv/lab/out", ""), ("outbox", ""), ("../out", ""), ("/srv/Labor Süd/Ausgang (neu)", ""), ("/srv/lab./con", ""),
    ("/srv/100% sure/5%", ""),
    ('"/srv/\\LabResults"', UNSEEN), ('"/srv/\\x85eu"', UNSEEN), ('"/srv/a\\u200bb"', UNSEEN),
    ("$HOME/lab", "write ${HOME}"), ("~/lab", "write the whole path, or ${HOME}"), ("/srv/%LAB%/out", "write ${LAB}"),
    ("/srv/lab/*.hl7", "* and ? are not read"), (r"C:\lab\out", "is a path of Windows"),
    ("C:/lab", "is a path of Windows"), (r"\\nas\lab\out", "is a path of Windows"),
    (r"lab\out", "is a path of Windows"),
)  # fmt: skip
HERE, OTHERS = (ON_WINDOWS, ELSEWHERE) if sys.platform == "win32" else (ELSEWHERE, ON_WINDOWS)


def _said(path: str, *, windows: bool) -> str:
    try:
        demand_plain(path, windows=windows)
    except PydanticCustomError as error:
        return f"{error}; {(error.context or {})['hint']}"
    return ""


@pytest.mark.parametrize(("written", "said"), HERE, ids=ascii)
def test_a_path_in_the_file_is_what_it_looks_like_or_a_mistake(tmp_path: Path, written: str, said: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"outbox: {written}{HIS}", encoding="utf-8")
    if said:
        with pytest.raises(ConfigError) as mistake:
            load(config)
        assert said in str(mistake.value)
        assert "line 1" in str(mistake.value)
    else:
        meant = Path(written.strip("'\"").replace("\\\\" if written[0] == '"' else "\0", "\\"))
        assert load(config).outbox == (meant if meant.is_absolute() else (tmp_path / meant).resolve())


@pytest.mark.parametrize(
    ("path", "said"),
    [(written.strip("'"), said) for written, said in OTHERS if not written.startswith('"')],  # escapes: above
    ids=ascii,
)
def test_the_same_is_said_of_the_other_system(path: str, said: str) -> None:
    found = _said(path, windows=OTHERS is ON_WINDOWS)
    assert said in found
    assert bool(said) == bool(found)
