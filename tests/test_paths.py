"""What Windows makes of a path, asked on every system."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lab_sender import files, paths

WINDOWS = pytest.mark.skipif(sys.platform != "win32", reason="Windows' own look at paths")


@pytest.mark.parametrize(
    ("path", "verbatim"),
    [
        (r"C:\lab\out", r"\\?\C:\lab\out"),
        ("C:/lab/out", r"\\?\C:\lab\out"),
        (r"C:\lab\t.hl7.", r"\\?\C:\lab\t.hl7."),
        ("C:\\lab\\t.hl7 ", "\\\\?\\C:\\lab\\t.hl7 "),
        (r"C:\lab\CON.hl7", r"\\?\C:\lab\CON.hl7"),
        (r"C:\lab\..\out\.\a", r"\\?\C:\out\a"),
        (r"\\nas\lab\out", r"\\?\UNC\nas\lab\out"),
        ("//nas/lab/out", r"\\?\UNC\nas\lab\out"),
        (r"\\nas\lab" + "\\", r"\\?\UNC\nas\lab" + "\\"),
        ("Q:\\", "\\\\?\\Q:\\"),
        (r"\\?\C:\lab\t.", r"\\?\C:\lab\t."),
        (r"\\?\UNC\nas\lab", r"\\?\UNC\nas\lab"),
        (r"\\.\pipe\x", r"\\.\pipe\x"),
        ("outbox/a.", r"\\?\D:\site\outbox\a."),
        (r"\lab\a", r"\\?\D:\lab\a"),
        ("C:outbox", "C:outbox"),
        ("", ""),
    ],
)
def test_a_path_that_windows_takes_letter_for_letter(path: str, verbatim: str) -> None:
    assert paths.verbatim_on_windows(path, r"D:\site") == verbatim
    assert paths.verbatim_on_windows(verbatim, r"D:\site") == verbatim


@pytest.mark.parametrize(
    ("name", "openable"),
    [
        ("F1.json", "F1.json"), ("Müller ü.hl7", "Müller ü.hl7"), (".hidden", ".hidden"), ("a..b", "a..b"),
        ("trail.hl7.", "trail.hl7_"), ("trail.hl7 ", "trail.hl7_"), ("a. .", "a___"), ("...", "___"),
        ("CON.hl7", "_CON.hl7"), ("nul", "_nul"), ("com1.txt", "_com1.txt"), ("LPT9", "_LPT9"),
        ("Aux .json", "_Aux .json"), ("con.", "con_"), ("COM\u00b9.hl7", "_COM\u00b9.hl7"), ("conin$", "_conin$"),
        ("prn.tar.gz", "_prn.tar.gz"),
        ("CON1.hl7", "CON1.hl7"), ("company.hl7", "company.hl7"), ("com10.hl7", "com10.hl7"), ("x.con", "x.con"),
    ],
)  # fmt: skip
def test_a_name_that_every_program_on_windows_can_open(name: str, openable: str) -> None:
    assert paths.openable(name) == openable
    assert paths.openable(openable) == openable
    assert not paths.is_device(openable)
    assert not paths.is_cut(openable)


def test_elsewhere_a_path_and_a_name_are_what_they_are() -> None:
    for name in ("trail.hl7.", "CON.hl7", "a "):
        if sys.platform == "win32":
            assert files.short_name(name) == paths.openable(name)
        else:
            assert (paths.verbatim(name), files.short_name(name)) == (name, name)


@WINDOWS
def test_each_act_on_a_file_takes_names_that_win32_cannot_open(tmp_path: Path) -> None:
    """A Mac, a NAS or a Linux client of the share writes them; and paths of more than 260."""
    deep = tmp_path.joinpath(*["d" * 60] * 5)
    for folder in (tmp_path / "short", deep):
        files.make_folder(folder, shared=True)
        for name in ("t.hl7.", "u.hl7 ", "CON.hl7", "NUL", "x" * 200):
            one, other = folder / name, folder / f"to {name}"
            files.write_new(one, b"1")
            assert files.exists(one)
            assert files.is_there(one)
            look = files.look(one)
            assert look is not None
            assert (look.name, look.size) == (name, 1)
            assert [each.name for each in files.entries(folder)] == [name]
            files.rename(one, other)
            assert not files.exists(one)
            files.write_new(one, b"2")
            with pytest.raises(FileExistsError):
                files.rename(one, other)
            files.append(other, b"3")
            files.cut(other, 1)
            assert Path(paths.verbatim(other)).read_bytes() == b"1"
            files.remove(one)
            files.remove(other)
            assert list(os.scandir(paths.verbatim(folder))) == []
        assert files.remove_if_empty(folder)
