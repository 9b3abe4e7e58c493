"""What only Windows can do with files, folders and accounts.

Holds: `CreateFileW` with the share mode that admits readers and renames, with or without writers; `MoveFileExW`; the
access list of what holds results; what a drive is; when a file changed; `LockFile`; `GetUserNameExW`.
Promises: the descriptor is had only while nobody has the file open for writing, also over SMB, whose servers enforce
share modes; as long as it is open, no writer comes in, and our own rename goes through. A rename is on the disk when
it returns, and overwrites nothing unless it says so.
Never: is there on another system: it has no name then.
"""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _GENERIC_READ = 0x80000000
    _APPEND_DATA, _READ_ATTRIBUTES, _SYNCHRONIZE = 0x4, 0x80, 0x100000
    _SHARE_READ, _SHARE_WRITE, _SHARE_DELETE = 1, 2, 4
    _OPEN_EXISTING, _OPEN_ALWAYS = 3, 4
    _OPEN_REPARSE_POINT = 0x00200000
    """A link is opened itself, not followed."""
    _INVALID = wintypes.HANDLE(-1).value

    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _advapi = ctypes.WinDLL("advapi32", use_last_error=True)
    _create_file = _kernel.CreateFileW
    _create_file.restype = wintypes.HANDLE
    _create_file.argtypes = [
        wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD,
        wintypes.HANDLE,
    ]  # fmt: skip

    class _BasicInfo(ctypes.Structure):
        """FILE_BASIC_INFO: times in 100 ns since 1601."""

        _fields_ = (
            ("created", ctypes.c_int64), ("read", ctypes.c_int64), ("written", ctypes.c_int64),
            ("changed", ctypes.c_int64), ("attributes", wintypes.DWORD),
        )  # fmt: skip

    _BASIC_INFO, _EPOCH = 0, 116_444_736_000_000_000
    _information = _kernel.GetFileInformationByHandleEx
    _information.argtypes = [wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD]

    _NAME_SAM_COMPATIBLE = 2
    """`DOMAIN\\name`."""
    _user_name = ctypes.WinDLL("secur32", use_last_error=True).GetUserNameExW
    _user_name.restype = wintypes.BOOLEAN
    _user_name.argtypes = [ctypes.c_int, wintypes.LPWSTR, ctypes.POINTER(wintypes.ULONG)]

    _REPLACE_EXISTING, _WRITE_THROUGH = 1, 8
    _move_file = _kernel.MoveFileExW
    _move_file.argtypes = [wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD]

    _LOCKED_OFFSET_HIGH = 1 << 30
    """Behind all that a file can hold; what is locked nobody else can read there."""
    _lock_file = _kernel.LockFile
    _lock_file.argtypes = [wintypes.HANDLE, wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, wintypes.DWORD]

    _HIDDEN, _NO_ATTRIBUTES = 2, 0xFFFFFFFF
    _get_attributes = _kernel.GetFileAttributesW
    _get_attributes.argtypes, _get_attributes.restype = [wintypes.LPCWSTR], wintypes.DWORD
    _set_attributes = _kernel.SetFileAttributesW
    _set_attributes.argtypes = [wintypes.LPCWSTR, wintypes.DWORD]

    _NO_ROOT, _REMOTE = 1, 4
    _drive_type = _kernel.GetDriveTypeW
    _drive_type.argtypes, _drive_type.restype = [wintypes.LPCWSTR], wintypes.UINT

    class _SecurityAttributes(ctypes.Structure):
        _fields_ = (("length", wintypes.DWORD), ("descriptor", ctypes.c_void_p), ("inherit", wintypes.BOOL))

    _TOKEN_QUERY, _TOKEN_USER, _REVISION, _FILE, _DACL, _DACL_PROTECTED = 8, 1, 1, 1, 4, 0x1000
    _create_directory = _kernel.CreateDirectoryW
    _create_directory.argtypes = [wintypes.LPCWSTR, ctypes.POINTER(_SecurityAttributes)]
    _close_handle = _kernel.CloseHandle
    _close_handle.argtypes = [wintypes.HANDLE]
    _local_free = _kernel.LocalFree
    _local_free.argtypes, _local_free.restype = [ctypes.c_void_p], ctypes.c_void_p
    _this_process = _kernel.GetCurrentProcess
    _this_process.restype = wintypes.HANDLE
    _open_token = _advapi.OpenProcessToken
    _open_token.argtypes = [wintypes.HANDLE, wintypes.DWORD, ctypes.POINTER(wintypes.HANDLE)]
    _of_token = _advapi.GetTokenInformation
    _of_token.argtypes = [
        wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD, ctypes.POINTER(wintypes.DWORD),
    ]  # fmt: skip
    _sid_text = _advapi.ConvertSidToStringSidW
    _sid_text.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)]
    _descriptor_of = _advapi.ConvertStringSecurityDescriptorToSecurityDescriptorW
    _descriptor_of.argtypes = [
        wintypes.LPCWSTR, wintypes.DWORD, ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p,
    ]  # fmt: skip
    _security_of = _advapi.GetNamedSecurityInfoW
    _security_of.argtypes = [
        wintypes.LPCWSTR, ctypes.c_int, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
        ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p),
    ]  # fmt: skip
    _control_of = _advapi.GetSecurityDescriptorControl
    _control_of.argtypes = [ctypes.c_void_p, ctypes.POINTER(wintypes.WORD), ctypes.POINTER(wintypes.DWORD)]

    def account() -> str:
        """Return the process's account, `DOMAIN\\name`, whatever the environment says; "" where it has none."""
        size = wintypes.ULONG(512)
        name = ctypes.create_unicode_buffer(size.value)
        return name.value if _user_name(_NAME_SAM_COMPATIBLE, name, ctypes.byref(size)) else ""

    def open_without_writers(path: str) -> int:
        """Open a file for reading, and keep writers out while it is open; returns a descriptor.

        Raises OSError; its `winerror` is 32 while a writer has the file open, or somebody shares it with nobody.
        """
        share = _SHARE_READ | _SHARE_DELETE
        handle = _create_file(path, _GENERIC_READ, share, None, _OPEN_EXISTING, _OPEN_REPARSE_POINT, None)
        if handle is None or handle == _INVALID:
            raise _error(path)
        return msvcrt.open_osfhandle(handle, os.O_RDONLY | os.O_BINARY)

    def last_change_ns(descriptor: int) -> int:
        """Return when content, name or attributes of an open file changed last, in ns since 1970; 0: not kept."""
        info = _BasicInfo()
        handle = msvcrt.get_osfhandle(descriptor)
        known = _information(handle, _BASIC_INFO, ctypes.byref(info), ctypes.sizeof(info))
        return max(0, (info.changed - _EPOCH) * 100) if known else 0

    def open_to_append(path: str) -> int:
        """Open a file to write behind its end, making it at need; returns a descriptor.

        Others may read, write and rename it meanwhile. Raises OSError; its `winerror` is 32 while another program has
        the file open and lets nobody write.
        """
        access = _APPEND_DATA | _READ_ATTRIBUTES | _SYNCHRONIZE
        share = _SHARE_READ | _SHARE_WRITE | _SHARE_DELETE
        handle = _create_file(path, access, share, None, _OPEN_ALWAYS, 0, None)
        if handle is None or handle == _INVALID:
            raise _error(path)
        return msvcrt.open_osfhandle(handle, os.O_APPEND | os.O_WRONLY | os.O_BINARY)

    def lock(descriptor: int) -> None:
        """Lock an open file until it is closed, but none of its bytes: others read and write it as before.

        Raises OSError where another handle has the lock.
        """
        if not _lock_file(msvcrt.get_osfhandle(descriptor), 0, _LOCKED_OFFSET_HIGH, 1, 0):
            raise _error("")

    def rename(source: str, target: str, *, replace: bool = False) -> None:
        """Rename within one volume, through to the disk; only with `replace` over what is there. Raises OSError."""
        if not _move_file(source, target, _WRITE_THROUGH | (_REPLACE_EXISTING if replace else 0)):
            raise _error(source)

    def hide(path: str) -> None:
        """Give a file or folder the attribute by which Explorer does not show it; one that cannot have it stays."""
        attributes = _get_attributes(path)
        if attributes != _NO_ATTRIBUTES:
            _set_attributes(path, attributes | _HIDDEN)

    def has_root(root: str) -> bool:
        """Say whether this account has a drive (`Q:\\`); of one that leads to a share, whether it has the letter."""
        return bool(_drive_type(root) != _NO_ROOT)

    def is_remote(root: str) -> bool:
        """Say whether a drive (`Q:\\`) leads to a share."""
        return bool(_drive_type(root) == _REMOTE)

    def share_of(drive: str) -> str:
        """Return the share that a drive (`Q:`) leads to, `\\\\server\\share`; "" where that is not known."""
        connection = ctypes.WinDLL("mpr").WNetGetConnectionW
        connection.argtypes = [wintypes.LPCWSTR, wintypes.LPWSTR, ctypes.POINTER(wintypes.DWORD)]
        size = wintypes.DWORD(1024)
        name = ctypes.create_unicode_buffer(size.value)
        return "" if connection(drive, name, ctypes.byref(size)) else name.value

    def make_private(folder: str, above: str, *, closed: bool = False) -> None:
        """Make a folder for this account, SYSTEM and Administrators; all that is made in it is for them too.

        Where the access list of the folder `above` inherits nothing, the site has chosen who may look in: it counts,
        unless the folder is to be `closed` whatever it says. On a share it counts always: the server knows this
        account by another name, and would keep it out. Raises OSError.
        """
        if _is_on_share(folder) or (_is_protected(above) and not closed):
            os.mkdir(folder)
            return
        descriptor = ctypes.c_void_p()
        entries = "".join(f"(A;OICI;FA;;;{who})" for who in ("SY", "BA", _own_sid()))
        if not _descriptor_of(f"D:P{entries}", _REVISION, ctypes.byref(descriptor), None):
            raise _error(folder)
        try:
            attributes = _SecurityAttributes(ctypes.sizeof(_SecurityAttributes), descriptor, False)
            if not _create_directory(folder, ctypes.byref(attributes)):
                raise _error(folder)
        finally:
            _local_free(descriptor)

    def _is_on_share(path: str) -> bool:
        """Say whether a verbatim path leads to a share."""
        bare = path.removeprefix("\\\\?\\")
        return bare.startswith(("UNC\\", "\\\\")) or is_remote(bare[:3])

    def _is_protected(folder: str) -> bool:
        descriptor, control, revision = ctypes.c_void_p(), wintypes.WORD(), wintypes.DWORD()
        if _security_of(folder, _FILE, _DACL, None, None, None, None, ctypes.byref(descriptor)):
            return False
        try:
            known = _control_of(descriptor, ctypes.byref(control), ctypes.byref(revision))
            return bool(known and control.value & _DACL_PROTECTED)
        finally:
            _local_free(descriptor)

    def _own_sid() -> str:
        """Return the process's account as a SID (`S-1-5-...`). Raises OSError."""
        token, size, text = wintypes.HANDLE(), wintypes.DWORD(), ctypes.c_void_p()
        user = ctypes.create_string_buffer(512)
        if not _open_token(_this_process(), _TOKEN_QUERY, ctypes.byref(token)):
            raise _error("")
        try:
            if not _of_token(token, _TOKEN_USER, user, len(user), ctypes.byref(size)):
                raise _error("")
        finally:
            _close_handle(token)
        sid = ctypes.c_void_p.from_buffer(user)  # a TOKEN_USER begins with it
        if not _sid_text(sid, ctypes.byref(text)):
            raise _error("")
        try:
            return ctypes.wstring_at(text.value or 0)
        finally:
            _local_free(text)

    def _error(path: str) -> OSError:
        error = ctypes.WinError(ctypes.get_last_error())
        error.filename = path or None
        return error
