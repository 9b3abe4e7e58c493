"""What the agent reports while it runs: events with ids, sizes and codes.

Holds: `say`, the one way to report an event; `listen`, by which metrics and alerts hear of it; the set-up of logging,
which is one listener; `printable`, which makes a foreign text safe to show.
Promises: JSON lines or plain text, one event a line, printable characters only; no patient data and no file names
at INFO and above. A listener that fails harms neither who reports nor the other listeners.
Never: takes a free text from a result file, an ACK or a file name.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from typing import IO, Literal, NamedTuple

from pythonjsonlogger.json import JsonFormatter

LOGGER = logging.getLogger("lab_sender")
Scalar = str | int | float | bool | None


class Event(NamedTuple):
    """Something that happened: its level (logging's), its name (`lane.held`) and its fields."""

    level: int
    name: str
    fields: Mapping[str, Scalar]


def say(level: int, event: str, /, **fields: Scalar) -> None:
    """Report an event (`lane.waiting`) with fields that hold ids, sizes and codes."""
    for listener in _listeners:
        if listener.wants(level):
            listener.hear(Event(level, event, fields))


def listen(hears: Callable[[Event], object], *, level: int = logging.DEBUG) -> Callable[[], None]:
    """Let `hears` be called with each event from `level` up, in the thread that reports it; returns what ends that.

    It should return soon. Where it raises, that is counted, and reported once (`log.listener-failed`); it is called
    again at the next event. It does not hear of what is reported while it runs in the same thread.
    """
    listener = _Listener(hears, level.__le__)
    global _listeners
    with _changing:
        _listeners = (*_listeners, listener)

    def end() -> None:
        global _listeners
        with _changing:
            _listeners = tuple([each for each in _listeners if each is not listener])

    return end


class _Listener:
    """One that hears events, and how often it has failed."""

    def __init__(self, hears: Callable[[Event], object], wants: Callable[[int], bool]) -> None:
        self.wants = wants
        self.failures = 0
        self._hears = hears
        self._here = threading.local()

    def hear(self, event: Event) -> None:
        """Hand an event over. Raises nothing."""
        if getattr(self._here, "busy", False):
            return
        self._here.busy = True
        try:
            self._hears(event)
        except Exception as error:
            with _changing:
                self.failures += 1
                is_first = self.failures == 1
            if is_first:
                say(logging.ERROR, "log.listener-failed", listener=_name(self._hears), code=type(error).__name__)
        finally:
            self._here.busy = False


def _name(hears: Callable[[Event], object]) -> str:
    return str(getattr(hears, "__qualname__", type(hears).__name__))


def _log(event: Event) -> None:
    LOGGER.log(event.level, event.name, extra={"fields": event.fields})


_changing = threading.Lock()
_listeners: tuple[_Listener, ...] = (_Listener(_log, LOGGER.isEnabledFor),)


def printable(text: str, *, keep: str = "") -> str:
    """Write what is not printable (C0, DEL, C1, bidi controls ...) by its number, so that it cannot act."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else _numbered(each) for each in text)


def printable_json(text: str) -> str:
    """Write what is not printable in a JSON text by JSON's own escapes: it stays the same value."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else in_json(each) for each in text)


def _numbered(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def in_json(character: str) -> str:
    """Write a character by JSON's own escape: `\\u00e4`, and two of them beyond U+FFFF."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def set_up(*, form: Literal["auto", "console", "json"], level: str, handler: logging.Handler | None = None) -> None:
    """Send events to standard error, if there is one (a Windows service has none), or to a given handler."""
    console = form == "console" or (handler is None and form == "auto" and _is_terminal(sys.stderr))
    if handler is None:
        handler = logging.StreamHandler(sys.stderr) if sys.stderr is not None else logging.NullHandler()
    handler.setFormatter(_Console() if console else _Json())
    before, LOGGER.handlers[:] = LOGGER.handlers[:], [handler]
    LOGGER.setLevel(level.upper())
    LOGGER.propagate = False
    for each in before:
        each.close()


def _is_terminal(stream: IO[str] | None) -> bool:
    return stream is not None and stream.isatty()


class _Json(JsonFormatter):
    """`{"at": ..., "level": ..., "event": ..., field: value ...}`."""

    def __init__(self) -> None:
        super().__init__("%(message)s", json_ensure_ascii=False)

    def process_log_record(self, log_data: dict[str, object]) -> dict[str, object]:
        fields = log_data.pop("fields", {})
        event = log_data.pop("message", "")
        return {"event": event, **(fields if isinstance(fields, dict) else {}), **log_data}

    def format(self, record: logging.LogRecord) -> str:
        return printable_json(super().format(record))

    def add_fields(
        self, log_data: dict[str, object], record: logging.LogRecord, message_dict: dict[str, object]
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data["level"] = record.levelname.lower()
        log_data["at"] = self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")


class _Console(logging.Formatter):
    """`09:30:12 warning  lane.waiting code=connect.refused`, without the fields that say nothing."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Scalar] = getattr(record, "fields", {})
        told = " ".join(f"{key}={printable(str(value))}" for key, value in fields.items() if value not in ("", None))
        line = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname.lower():8} {record.getMessage():24} {told}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line.rstrip()
