"""The log: what the agent reported, the newest first.

Holds: its page, by level and event, and older pages by cursor.
Promises: shows the file of `log.file`; where there is none, it says where the log goes.
Never: writes to the log.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.routing import Route

from lab_sender.operations.web.asked import Answer, Asked, Page, screen
from lab_sender.operations.web.banner import meaning
from lab_sender.operations.web.log_file import LogPage, read

_LIMIT: Final = 100
LEVELS: Final = {"debug": "all", "info": "info", "warning": "warnings", "error": "errors"}


def _log(asked: Asked) -> Answer:
    path = asked.site.installation.config.log.file
    level = asked.query.get("level", "info")
    level = level if level in LEVELS else "info"
    event, before = asked.query.get("event", "")[:60], asked.query.get("before", "")
    offset = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    found, wrong = LogPage((), None), ""
    if path is not None:
        try:
            found = read(path, limit=_LIMIT, before=offset, least=level, event=event)
        except OSError as error:
            wrong = f"The log file cannot be read now ({type(error).__name__})."
    values: dict[str, Any] = {
        "file": path.name if path is not None else None,
        "found": found,
        "wrong": wrong,
        "level": level,
        "levels": LEVELS,
        "event": event,
        "is_live": offset is None and path is not None,
        "meaning": lambda code: meaning(code)[0],
    }
    return Page("log.html", "Log", values)


ROUTES: Final[tuple[Route, ...]] = (screen("/log", _log),)
