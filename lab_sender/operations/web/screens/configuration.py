"""The configuration in force: each setting, where it is written, and whether the agent runs with it.

Holds: its page.
Promises: a secret is never shown, to nobody.
Never: edits the configuration.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from starlette.routing import Route

from lab_sender.operations.in_force import SettingInForce, in_force
from lab_sender.operations.web.asked import Answer, Asked, Page, screen


def _configuration(asked: Asked) -> Answer:
    found = in_force(asked.site.installation)
    values: dict[str, Any] = {
        "found": found,
        "sections": sorted(
            [(name, list(settings)) for name, settings in groupby(found.settings, _section)],
            key=lambda each: not each[0].startswith(("his", "destinations")),
        ),
        "written": sum(each.where is not None for each in found.settings),
    }
    return Page("configuration.html", "Configuration", values)


def _section(setting: SettingInForce) -> str:
    first, _, rest = setting.key.partition(".")
    return f"{first}.{rest.partition('.')[0]}" if first == "destinations" else first


ROUTES: Final[tuple[Route, ...]] = (screen("/configuration", _configuration),)
