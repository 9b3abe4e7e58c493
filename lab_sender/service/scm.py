"""Windows' service manager, by its own calls.

Holds: the calls of advapi32 by which a service is made, asked and removed, and by which a process is one.
Promises: every call that fails raises OSError with Windows' number (`winerror`).
Never: decides what is asked; is there on another system: it has no name then.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol

from lab_sender.service.host import Control, Host, Report, State

NO_SUCH_SERVICE: Final = 1060
TAKES_NO_STOP: Final = (1052, 1061)
"""ERROR_INVALID_SERVICE_CONTROL, ERROR_SERVICE_CANNOT_ACCEPT_CTRL: it is starting, or stopping."""
NOT_STARTED: Final = 1062
NEVER_STARTED: Final = 1077
AUTO_START: Final = 2
"""SERVICE_AUTO_START: it starts with the machine."""
UNKNOWN_LEVEL: Final = 124
"""ERROR_INVALID_LEVEL: this Windows (or Wine) does not have that part of a service's configuration."""


class Installed(NamedTuple):
    """A service as the manager has it."""

    state: State
    pid: int
    error: int
    specific: int
    command: str
    account: str
    start: int


class Manager(Protocol):
    """What is asked of the manager; each raises OSError with its `winerror`."""

    def create(self, name: str, *, display: str, command: str, account: str | None, password: str | None) -> None:
        """Make a service that starts with Windows, in a process of its own. None: LocalSystem."""

    def configure(
        self, name: str, *, description: str, restart_after_s: tuple[int, ...], reset_s: int, stop_within_ms: int
    ) -> tuple[str, ...]:
        """Set what is not part of making it; returns what this Windows does not have."""

    def give_environment(self, name: str, values: dict[str, str]) -> None:
        """Set what its process finds in its environment beside the machine's."""

    def register(self, source: str, /) -> None:
        """Let the Event Viewer find the texts of its entries."""

    def forget(self, source: str, /) -> None:
        """Take that away."""

    def installed(self, name: str) -> Installed | None:
        """Return a service as the manager has it; None where there is none."""

    def start(self, name: str, within_s: float) -> State:
        """Start a service, and wait until it runs or has ended; returns the last state seen."""

    def come_up(self, name: str, within_s: float) -> State:
        """Wait until a service that is starting runs or has ended; returns the last state seen."""

    def stop(self, name: str, within_s: float) -> State:
        """Ask a service to stop, and wait until it has; returns the last state seen. One that starts takes none."""

    def delete(self, name: str) -> None:
        """Remove a service; it goes when nobody has it open any more."""


if sys.platform == "win32":
    import ctypes
    import winreg
    from ctypes import wintypes as w

    from lab_sender.service import eventlog

    _A = ctypes.WinDLL("advapi32", use_last_error=True)
    _MANAGER_CONNECT, _MANAGER_CREATE = 0x1, 0x2
    _QUERY_CONFIG, _CHANGE_CONFIG, _QUERY_STATUS, _START, _STOP, _DELETE = 0x1, 0x2, 0x4, 0x10, 0x20, 0x10000
    _OWN_PROCESS, _ERROR_NORMAL = 0x10, 1
    _DESCRIPTION, _FAILURE_ACTIONS, _DELAYED, _SID, _PRESHUTDOWN = 1, 2, 3, 5, 7
    _RESTART = 1
    _SERVICES = r"SYSTEM\CurrentControlSet\Services"

    class _Status(ctypes.Structure):
        _fields_ = [
            (name, w.DWORD)
            for name in ("type", "state", "accepts", "error", "specific", "checkpoint", "hint", "pid", "flags")
        ]

    class _Config(ctypes.Structure):
        _fields_ = [
            ("type", w.DWORD), ("start", w.DWORD), ("control", w.DWORD), ("path", w.LPWSTR), ("group", w.LPWSTR),
            ("tag", w.DWORD), ("needs", w.LPWSTR), ("account", w.LPWSTR), ("display", w.LPWSTR),
        ]  # fmt: skip

    class _Action(ctypes.Structure):
        _fields_ = [("kind", w.DWORD), ("delay_ms", w.DWORD)]

    class _Actions(ctypes.Structure):
        _fields_ = [
            ("reset_s", w.DWORD), ("message", w.LPWSTR), ("command", w.LPWSTR), ("count", w.DWORD),
            ("actions", ctypes.POINTER(_Action)),
        ]  # fmt: skip

    _MAIN = ctypes.WINFUNCTYPE(None, w.DWORD, ctypes.POINTER(w.LPWSTR))
    _HANDLER = ctypes.WINFUNCTYPE(w.DWORD, w.DWORD, w.DWORD, w.LPVOID, w.LPVOID)

    class _Entry(ctypes.Structure):
        _fields_ = [("name", w.LPWSTR), ("main", _MAIN)]

    _A.OpenSCManagerW.restype = _A.OpenServiceW.restype = _A.CreateServiceW.restype = w.SC_HANDLE
    _A.OpenSCManagerW.argtypes = [w.LPCWSTR, w.LPCWSTR, w.DWORD]
    _A.OpenServiceW.argtypes = [w.SC_HANDLE, w.LPCWSTR, w.DWORD]
    _A.CreateServiceW.argtypes = [
        w.SC_HANDLE, w.LPCWSTR, w.LPCWSTR, w.DWORD, w.DWORD, w.DWORD, w.DWORD, w.LPCWSTR, w.LPCWSTR, w.LPVOID,
        w.LPCWSTR, w.LPCWSTR, w.LPCWSTR,
    ]  # fmt: skip
    _A.CloseServiceHandle.argtypes = _A.DeleteService.argtypes = [w.SC_HANDLE]
    _A.ChangeServiceConfig2W.argtypes = [w.SC_HANDLE, w.DWORD, w.LPVOID]
    _A.StartServiceW.argtypes = [w.SC_HANDLE, w.DWORD, w.LPVOID]
    _A.ControlService.argtypes = [w.SC_HANDLE, w.DWORD, w.LPVOID]
    _A.QueryServiceStatusEx.argtypes = [w.SC_HANDLE, ctypes.c_int, w.LPVOID, w.DWORD, ctypes.POINTER(w.DWORD)]
    _A.QueryServiceConfigW.argtypes = [w.SC_HANDLE, w.LPVOID, w.DWORD, ctypes.POINTER(w.DWORD)]
    _A.RegisterServiceCtrlHandlerExW.restype = w.HANDLE
    _A.RegisterServiceCtrlHandlerExW.argtypes = [w.LPCWSTR, _HANDLER, w.LPVOID]
    _A.SetServiceStatus.argtypes = [w.HANDLE, w.LPVOID]
    _A.StartServiceCtrlDispatcherW.argtypes = [w.LPVOID]

    def create(name: str, *, display: str, command: str, account: str | None, password: str | None) -> None:
        """Make a service that starts with Windows, in a process of its own. None: LocalSystem. Raises OSError."""
        with _manager(_MANAGER_CONNECT | _MANAGER_CREATE) as manager:
            made = _A.CreateServiceW(
                manager, name, display, _QUERY_STATUS, _OWN_PROCESS, AUTO_START, _ERROR_NORMAL, command, None, None,
                None, account, password,
            )  # fmt: skip
            _A.CloseServiceHandle(_done(made))

    def configure(
        name: str, *, description: str, restart_after_s: tuple[int, ...], reset_s: int, stop_within_ms: int
    ) -> tuple[str, ...]:
        """Set what is not part of making it; returns what this Windows does not have. Raises OSError."""
        lacks: list[str] = []
        actions = (_Action * len(restart_after_s))(*[_Action(_RESTART, each * 1000) for each in restart_after_s])
        parts = (
            ("description", _DESCRIPTION, ctypes.byref(w.LPWSTR(description))),
            ("recovery", _FAILURE_ACTIONS, ctypes.byref(_Actions(reset_s, None, None, len(actions), actions))),
            ("delayed start", _DELAYED, ctypes.byref(w.BOOL(True))),
            ("own identity", _SID, ctypes.byref(w.DWORD(1))),
            ("time to stop", _PRESHUTDOWN, ctypes.byref(w.DWORD(stop_within_ms))),
        )
        with _service(name, _CHANGE_CONFIG | _START) as service:
            for what, level, value in parts:
                try:
                    _done(_A.ChangeServiceConfig2W(service, level, value))
                except OSError as error:
                    if error.winerror != UNKNOWN_LEVEL:
                        raise
                    lacks.append(what)
        return tuple(lacks)

    def give_environment(name: str, values: dict[str, str]) -> None:
        """Set what its process finds in its environment beside the machine's. Raises OSError."""
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{_SERVICES}\{name}", 0, winreg.KEY_SET_VALUE) as key:
            lines = [f"{variable}={value}" for variable, value in values.items()]
            winreg.SetValueEx(key, "Environment", 0, winreg.REG_MULTI_SZ, lines)

    def installed(name: str) -> Installed | None:
        """Return a service as the manager has it; None where there is none. Raises OSError."""
        try:
            with _service(name, _QUERY_STATUS | _QUERY_CONFIG) as service:
                status, config = _status(service), _config(service)
        except OSError as error:
            if error.winerror == NO_SUCH_SERVICE:
                return None
            raise
        state = State.RUNNING if status.state > State.RUNNING else State(status.state)
        return Installed(
            state, status.pid, status.error, status.specific, config.path or "", config.account or "", config.start
        )

    def start(name: str, within_s: float) -> State:
        """Start a service, and wait until it runs or has ended; returns the last state seen. Raises OSError."""
        with _service(name, _START | _QUERY_STATUS) as service:
            _done(_A.StartServiceW(service, 0, None))
            return _settled(service, State.STARTING, within_s)

    def come_up(name: str, within_s: float) -> State:
        """Wait until a service that is starting runs or has ended; returns the last state seen. Raises OSError."""
        with _service(name, _QUERY_STATUS) as service:
            return _settled(service, State.STARTING, within_s)

    def stop(name: str, within_s: float) -> State:
        """Ask a service to stop, and wait until it has; returns the last state seen. One that starts takes none.

        Raises OSError.
        """
        with _service(name, _STOP | _QUERY_STATUS) as service:
            try:
                _done(_A.ControlService(service, Control.STOP, ctypes.byref(_Status())))
            except OSError as error:
                if error.winerror != NOT_STARTED:
                    raise
            return _settled(service, State.STOPPING, within_s, also=State.RUNNING)

    def delete(name: str) -> None:
        """Remove a service; it goes when nobody has it open any more. Raises OSError."""
        with _service(name, _DELETE) as service:
            _done(_A.DeleteService(service))

    def be_service(name: str, work: Callable[[Host], None]) -> None:
        """Be the service's process: the manager calls, and `work` is done. Raises OSError where no manager called.

        Returns when the service has ended in good order; otherwise the process ends here.
        """
        kept: list[object] = []

        def main(_count: int, _arguments: object) -> None:
            def report(told: Report) -> None:
                status = _Status(_OWN_PROCESS, *told)
                _A.SetServiceStatus(handle, ctypes.byref(status))

            def handler(control: int, _kind: int, _data: object, _context: object) -> int:
                return host.control(control)

            host = Host(report)
            kept.append(called := _HANDLER(handler))
            handle = _A.RegisterServiceCtrlHandlerExW(name, called, None)
            code = host.serve(work)
            if not host.has_ended:
                os._exit(code)

        kept.append(entered := _MAIN(main))
        table = (_Entry * 2)(_Entry(name, entered), _Entry(None, _MAIN()))
        _done(_A.StartServiceCtrlDispatcherW(table))

    def _settled(service: int, meanwhile: State, within_s: float, also: State | None = None) -> State:
        until = time.monotonic() + within_s
        while (state := State(_status(service).state)) in (meanwhile, also) and time.monotonic() < until:
            time.sleep(0.1)
        return state

    def _status(service: int) -> _Status:
        status, size = _Status(), w.DWORD()
        _done(_A.QueryServiceStatusEx(service, 0, ctypes.byref(status), ctypes.sizeof(status), ctypes.byref(size)))
        return status

    def _config(service: int) -> _Config:
        room = ctypes.create_string_buffer(8192)
        _done(_A.QueryServiceConfigW(service, room, len(room), ctypes.byref(w.DWORD())))
        return _Config.from_buffer(room)

    @contextlib.contextmanager
    def _manager(access: int) -> Iterator[int]:
        manager = _done(_A.OpenSCManagerW(None, None, access))
        try:
            yield manager
        finally:
            _A.CloseServiceHandle(manager)

    @contextlib.contextmanager
    def _service(name: str, access: int) -> Iterator[int]:
        with _manager(_MANAGER_CONNECT) as manager:
            service = _done(_A.OpenServiceW(manager, name, access))
            try:
                yield service
            finally:
                _A.CloseServiceHandle(service)

    def _done(result: int | None) -> int:
        if not result:
            raise ctypes.WinError(ctypes.get_last_error())
        return result

    class WindowsManager:
        """The manager of this Windows."""

        create = staticmethod(create)
        configure = staticmethod(configure)
        give_environment = staticmethod(give_environment)
        register = staticmethod(eventlog.register)
        forget = staticmethod(eventlog.forget)
        installed = staticmethod(installed)
        start = staticmethod(start)
        come_up = staticmethod(come_up)
        stop = staticmethod(stop)
        delete = staticmethod(delete)
