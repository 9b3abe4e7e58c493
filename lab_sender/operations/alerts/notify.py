"""One text to one channel, by Apprise.

Holds: `send`, which says what happened, and where a channel's address comes from.
Promises: Apprise is loaded when the first text goes out. What it says of a failure is shown to who asks for a trial,
without a part of the address; alerts and log have the code alone. A failure is none of ours: it is returned.
Never: retries, or ends by itself sooner than the channel's own bounds.
"""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

from lab_sender.config.alerts import Channel
from lab_sender.operations.alerts.book import Text

_LONGEST_BYTES: Final = 4096
_TIME_LIMITS: Final = "rto=10&cto=10"
"""For how many seconds a server may say nothing, and a connect may last; unless the address says otherwise."""
_SHORTEST_PART: Final = 3
_LONGEST_DETAIL: Final = 400
HIDDEN: Final = "•••"
logging.getLogger("apprise").addHandler(logging.NullHandler())


class Outcome(NamedTuple):
    """What became of a text: the code of the failure, "" if it was taken; `detail` is what was said of it."""

    code: str
    detail: str = ""


TAKEN: Final = Outcome("")


def send(channel: Channel, text: Text) -> Outcome:
    """Send a text. Returns `alerts.address-file`, `alerts.address` or `alerts.not-sent` where that fails."""
    try:
        address = _address(channel)
    except OSError as error:
        return Outcome("alerts.address-file", error.strerror or type(error).__name__)
    except ValueError:
        return Outcome("alerts.address-file", "its first line is no address")
    import apprise

    heard = _Heard()
    logger = logging.getLogger("apprise")
    logger.addHandler(heard)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False  # nobody else hears it: it has addresses in it
    try:
        # what it would keep on the disk by itself stays in memory; and by this thread, not by one of its own
        asset = apprise.AppriseAsset(storage_mode=apprise.PersistentStoreMode.MEMORY)
        service: Any = apprise.Apprise.instantiate(address, asset=asset)
        if service is None:
            return Outcome("alerts.address", "Apprise knows no such address")
        kind: Any = {"CRITICAL": apprise.NotifyType.FAILURE, "WARNING": apprise.NotifyType.WARNING}.get(text.level)
        is_taken = service.notify(
            title=text.title,
            body=text.body,
            notify_type=kind or apprise.NotifyType.INFO,
            body_format=apprise.NotifyFormat.TEXT,
        )
    except Exception as error:  # a plug-in's own fault
        return Outcome("alerts.not-sent", type(error).__name__)
    finally:
        logger.removeHandler(heard)
    return TAKEN if is_taken else Outcome("alerts.not-sent", heard.text(address))


def _address(channel: Channel) -> str:
    """Return where a channel leads. Raises OSError, or ValueError for a file that has none."""
    if channel.url is not None:
        address = channel.url.get_secret_value()
    else:
        assert channel.url_file is not None
        address = _first_line(channel.url_file)
    if "rto=" in address or "cto=" in address:
        return address
    return f"{address}{'&' if '?' in address else '?'}{_TIME_LIMITS}"


def _first_line(path: Path) -> str:
    with path.open("rb") as reader:
        lines = reader.read(_LONGEST_BYTES).decode("utf-8").split()
    if not lines or "://" not in lines[0]:
        raise ValueError
    return lines[0]


class _Heard(logging.Handler):
    """What Apprise says in this thread while it sends: its warnings, and what the system said."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._thread = threading.get_ident()
        self._said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        said = record.getMessage()
        if record.thread == self._thread and (record.levelno >= logging.WARNING or "Exception:" in said):
            self._said.append(said)

    def text(self, address: str) -> str:
        """Return it in one line, without any part of the address but its scheme."""
        said = " ".join("; ".join(dict.fromkeys(self._said)).split())
        for part in sorted(_parts(address), key=len, reverse=True):
            said = said.replace(part, HIDDEN)
        return said[:_LONGEST_DETAIL] or "no reason was given"


def _parts(address: str) -> set[str]:
    """Return what an address is made of, also as it is written inside it: any of it may be a secret."""
    rest = address.partition("://")[2]
    parts = set(re.split(r"[:@/?&=;,#+]", rest)) | {rest}
    parts |= {unquote(each) for each in parts} | {quote(unquote(each), safe="") for each in parts}
    return {each for each in parts if len(each) >= _SHORTEST_PART and each not in ("rto", "cto")}
