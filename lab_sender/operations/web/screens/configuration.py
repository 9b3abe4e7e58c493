"""The configuration: each setting, where it is written, whether the agent runs with it; and reload.

Holds: its page, and the act `reload`.
Promises: a secret is never shown, to nobody. A file that cannot be used is shown with each mistake and its line, and
what is in force stays in force.
Never: edits the configuration.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from starlette.routing import Route

from lab_sender.errors import LabSenderError
from lab_sender.operations.in_force import SettingInForce, in_force
from lab_sender.operations.installation import Installation
from lab_sender.operations.problems import Problem, problem
from lab_sender.operations.reload import Reloaded
from lab_sender.operations.rights_of import Right
from lab_sender.operations.web.asked import Answer, Asked, Page, screen
from lab_sender.operations.web.doing import reload


def _configuration(asked: Asked) -> Answer:
    return _page(asked, None)


def _page(asked: Asked, reloaded: Reloaded | None) -> Page:
    installation, mistakes = _of_now(asked.site.installation)
    found = in_force(installation)
    values: dict[str, Any] = {
        "found": found,
        "mistakes": mistakes,
        "reloaded": reloaded,
        "sections": sorted(
            [(name, list(settings)) for name, settings in groupby(found.settings, _section)],
            key=lambda each: not each[0].startswith(("his", "destinations")),
        ),
        "written": sum(each.where is not None for each in found.settings),
        "is_live": reloaded is None,
    }
    return Page("configuration.html", "Configuration", values)


def _of_now(kept: Installation) -> tuple[Installation, Problem | None]:
    """Return the installation by the file of this moment; where that has mistakes, by the last one without."""
    again = Installation(kept.config.path)
    try:
        _ = again.config
    except LabSenderError as error:
        return kept, problem(error)
    return again, None


def _reload(asked: Asked) -> Answer:
    return _page(asked, reload(asked.site, asked.visitor))


def _section(setting: SettingInForce) -> str:
    first, _, rest = setting.key.partition(".")
    return f"{first}.{rest.partition('.')[0]}" if first == "destinations" else first


ROUTES: Final[tuple[Route, ...]] = (
    screen("/configuration", _configuration),
    screen("/configuration/reload", _reload, right=Right.ADMINISTER, posts=True),
)
