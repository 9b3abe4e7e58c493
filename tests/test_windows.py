"""What only Windows can do with files and folders: for whom they are made, and what is hidden."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import pytest

from lab_sender import files
from lab_sender.config.folders import Folders, OutboxConfig

WINDOWS = pytest.mark.skipif(sys.platform != "win32", reason="access lists and attributes of Windows")
EVERYONE = ";;;WD)"


def _access(folder: Path) -> str:
    """The access list of a folder, as SDDL has it."""
    advapi, kernel = ctypes.WinDLL("advapi32"), ctypes.WinDLL("kernel32")  # type: ignore[attr-defined]
    descriptor, text = ctypes.c_void_p(), ctypes.c_wchar_p()
    advapi.GetNamedSecurityInfoW.argtypes = [ctypes.c_wchar_p, ctypes.c_int, ctypes.c_uint32, *[ctypes.c_void_p] * 5]
    assert not advapi.GetNamedSecurityInfoW(str(folder), 1, 4, None, None, None, None, ctypes.byref(descriptor))
    advapi.ConvertSecurityDescriptorToStringSecurityDescriptorW.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    assert advapi.ConvertSecurityDescriptorToStringSecurityDescriptorW(descriptor, 1, 4, ctypes.byref(text), None)
    kernel.LocalFree.argtypes = [ctypes.c_void_p]
    kernel.LocalFree(descriptor)
    return text.value or ""


@WINDOWS
def test_what_holds_results_is_made_for_the_agents_account_and_no_other(tmp_path: Path) -> None:
    from lab_sender.agent.tenancy import Premises

    outbox, journal = tmp_path / "out", tmp_path / "journal"
    work = outbox / ".lab-sender"
    folders = Folders(outbox, outbox / "sent", outbox / "quarantine", work, journal)
    with Premises([OutboxConfig("", folders, ("his",))]):
        pass
    assert EVERYONE in _access(outbox), "droppers have what they have in the folder above"
    own = _windows()._own_sid()
    for each in (work, work / "claimed", outbox / "quarantine", outbox / "sent", journal):
        assert EVERYONE not in _access(each)
        assert "(A;OICI;FA;;;SY)" in _access(each)
        assert f"(A;OICI;FA;;;{own})" in _access(each)
        assert files.may_write(each)
        (each / "a").write_bytes(b"1")
    hidden = [each.name for each in outbox.iterdir() if os.stat(each).st_file_attributes & 2]  # type: ignore[attr-defined]
    assert hidden == [".lab-sender"]


@WINDOWS
def test_a_site_that_has_chosen_who_looks_in_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the folder above inherits nothing, its list counts for what is made in it. Wine keeps no such list."""
    monkeypatch.setattr(_windows(), "_is_protected", lambda _: True)
    files.make_folder(tmp_path / "quarantine")
    assert EVERYONE in _access(tmp_path / "quarantine")
    files.make_folder(tmp_path / ".lab-sender")
    assert EVERYONE not in _access(tmp_path / ".lab-sender"), "what the agent has taken is closed whatever was chosen"


@WINDOWS
def test_on_a_share_the_rights_of_the_folder_above_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server knows this account as the machine: a list for the account alone would keep it out."""
    monkeypatch.setattr(_windows(), "is_remote", lambda root: root == f"{tmp_path.drive}\\")
    files.make_folder(tmp_path / ".lab-sender")
    assert EVERYONE in _access(tmp_path / ".lab-sender")
    assert _windows()._is_on_share(r"\\?\UNC\nas\lab\out")
    assert not _windows()._is_on_share(r"\\?\Q:\lab\out")


def test_whether_a_folder_may_be_written_is_tried_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WINDOWS", True)
    file = tmp_path / "journal.db"
    file.write_bytes(b"1")
    assert files.may_write(tmp_path)
    assert files.may_write(file)
    assert files.may_write(tmp_path / "none")
    assert [each.name for each in tmp_path.iterdir()] == ["journal.db"]
    assert file.read_bytes() == b"1"

    def no_right(*_: object) -> int:
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(files.os, "open", no_right)
    assert not files.may_write(tmp_path)
    assert not files.may_write(file)


def _windows():  # type: ignore[no-untyped-def]
    from lab_sender import windows

    return windows
