"""Whom an alert goes to, and when: the section `alerts`.

Holds: the channels, quiet hours, repeats, the delay of each condition with its default, and the heartbeat.
Promises: an address is a secret from the moment it is read: no mistake quotes it, no text shows it. Without a channel
there are no alerts.
Never: opens a file or an address; the room that sends does.
"""

import datetime
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import Field, GetJsonSchemaHandler, SecretStr, model_validator
from pydantic_core import CoreSchema

from lab_sender.config.closed import ClosedHours, closed_until
from lab_sender.config.text.scalars import SWITCH, AbsolutePath, Scalar, duration, matching, whole
from lab_sender.config.text.section import OneOrMore, Section, at_odds, section, setting, unusable, wrong
from lab_sender.spelling import did_you_mean

Severity = Literal["info", "warning", "critical"]
_Delay = Annotated[float, duration("0s", "168h")]
_Repeat = Annotated[float, duration("5m", "168h")]


class Delay(NamedTuple):
    """For how many seconds a condition must last until it is sent, by its level."""

    warning_s: float = 0.0
    critical_s: float = 0.0


_MIN: Final = 60.0
DELAYS: Final[Mapping[str, Delay]] = MappingProxyType(
    {
        "agent.none": Delay(10 * _MIN, 2 * _MIN),
        "agent.stuck": Delay(_MIN, _MIN),
        "alerts.channel-failed": Delay(0, 0),
        "audit.broken": Delay(0, 0),
        "certificate.ends": Delay(0, 0),
        "config.not-in-force": Delay(30 * _MIN, 0),
        "config.refused": Delay(0, 0),
        "destination.removed": Delay(0, 0),
        "disk.filling": Delay(30 * _MIN, 0),
        "disk.low": Delay(5 * _MIN, _MIN),
        "his.silent": Delay(5 * _MIN, 0),
        "his.unanswering": Delay(0, 0),
        "intake.nobody": Delay(_MIN, _MIN),
        "intake.quiet": Delay(0, 0),
        "intake.stuck": Delay(0, 0),
        "intake.waits": Delay(5 * _MIN, _MIN),
        "journal.behind": Delay(_MIN, _MIN),
        "journal.elsewhere": Delay(_MIN, _MIN),
        "journal.missing": Delay(_MIN, _MIN),
        "journal.unavailable": Delay(_MIN, _MIN),
        "keeper.waits": Delay(5 * _MIN, _MIN),
        "lane.held": Delay(60 * _MIN, 0),
        "link.down": Delay(5 * _MIN, 0),
        "link.troubled": Delay(30 * _MIN, 0),
        "link.waiting": Delay(5 * _MIN, 0),
        "message.contradicted": Delay(0, 0),
        "node.away": Delay(5 * _MIN, 0),
        "node.unwatched": Delay(5 * _MIN, 0),
        "outbox.missing": Delay(_MIN, _MIN),
        "outbox.unreachable": Delay(5 * _MIN, _MIN),
        "outbox.unreadable": Delay(5 * _MIN, _MIN),
        "outbox.untaken": Delay(30 * _MIN, 0),
        "quarantine": Delay(0, 0),
        "retention.failed": Delay(0, 0),
        "status.unreadable": Delay(_MIN, _MIN),
        "waiting.old": Delay(0, 0),
    }
)
"""The conditions that can be sent, and how long each lasts until it is; those with an age of their own at once."""
UNKNOWN: Final = Delay()


def _address(text: str) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://\S+", text):
        raise unusable("is no address", "write one as Apprise reads it, for example mailtos://USER:PASSWORD@HOST")
    return SecretStr(text)


def _web_address(text: str) -> SecretStr:
    if not re.fullmatch(r"https?://[^\s/]+\S*", text):
        raise unusable("is no address of a page", "write https://...")
    return SecretStr(text)


_ADDRESS: Final = Scalar(_address, {"type": "string"})
_WEB: Final = Scalar(_web_address, {"type": "string"})
_ChannelName = Annotated[
    str,
    matching(
        r"[a-z0-9][a-z0-9-]{0,31}", "is no name of a channel", "small letters, digits and -, at most 32, such as mail"
    ),
]


class Channel(Section):
    """Somewhere alerts go. Short: its address."""

    url: Annotated[SecretStr | None, _ADDRESS] = setting(
        None, "Where it leads, as Apprise reads it. Write ${NAME} and keep it in the environment, or use url_file."
    )
    url_file: AbsolutePath | None = setting(
        None, "File whose first line is that address, in the place of url. Read at each alert."
    )
    level: Severity = setting("warning", "The least that it gets: info, warning or critical.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: object) -> object:
        return {"url": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise at_odds(
                "has no address" if self.url is None else "has both url and url_file", "write one of url and url_file"
            )
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(core)]}


class Repeats(Section):
    """When an alert that lasts is sent again."""

    critical_s: _Repeat = setting("4h", "An alert that is critical.")
    warning_s: _Repeat = setting("24h", "A warning.")


_Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: Final[tuple[_Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LOOK: Final = datetime.timedelta(minutes=10)
_MOST_LOOKS: Final = 48


class NoFiles(Section):
    """When it is worth a word that no file comes. Short: for how long none may, `2h`."""

    after_s: Annotated[float | None, duration("10m", "168h")] = setting(
        None, "For how long no file may come to an outbox. Left out: it is not looked at."
    )
    not_in: Annotated[tuple[ClosedHours, ...], OneOrMore()] = setting(
        (), "Hours of every day in which none is expected: 18:00-07:00."
    )
    days: Annotated[tuple[_Day, ...], OneOrMore()] = setting(
        _DAYS, "Days on which files are expected: [mon, tue, wed, thu, fri]."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: object) -> object:
        return {"after": data} if isinstance(data, str) else data

    def expected_s(self, now: datetime.datetime) -> float | None:
        """Return within how many seconds before `now` a file was expected; None: not in all of that time."""
        if self.after_s is None:
            return None
        whole = datetime.timedelta(seconds=self.after_s)
        step = max(_LOOK, whole / _MOST_LOOKS)
        looks = [*(now - each * step for each in range(int(whole / step) + 1)), now - whole]
        days = {_DAYS.index(each) for each in self.days}
        if any(at.astimezone().weekday() not in days or closed_until(self.not_in, at) is not None for at in looks):
            return None
        return self.after_s


class OfCondition(Section):
    """What is the site's own for one condition."""

    warning_after_s: Annotated[float | None, duration("0s", "168h")] = setting(
        None, "How long it must last until it is sent as a warning. Left out: the default of the condition."
    )
    critical_after_s: Annotated[float | None, duration("0s", "168h")] = setting(
        None, "How long it must last until it is sent as critical, where it is. Left out: the default."
    )
    send: Annotated[bool, SWITCH] = setting(True, "false: it is never sent. Page and status show it all the same.")


def _condition(text: str) -> str:
    if text not in DELAYS:
        hint = did_you_mean(text, list(DELAYS)) or "docs/MONITORING.md has the list"
        raise wrong("is no condition that is sent", hint)
    return text


_Condition = Annotated[str, Scalar(_condition, {"type": "string"})]


class Alerts(Section):
    """Whom an alert goes to, and when. Without channels no alert goes out."""

    channels: dict[_ChannelName, Channel] = Field({}, description="Where alerts go, by names of your own.")
    quiet: Annotated[tuple[ClosedHours, ...], OneOrMore()] = setting(
        (), "Hours in which only what is critical is sent; the rest comes when they end: 22:00-06:00."
    )
    no_files: NoFiles = section()
    repeat: Repeats = section()
    most_an_hour: Annotated[int, whole(1, 1000)] = setting(
        20, "Texts an hour to each channel; what is more comes together in one."
    )
    conditions: dict[_Condition, OfCondition] = Field(
        {}, description="What is sent later than by default, or never, by the names of conditions."
    )
    name: Annotated[str, matching(r"[^\x00-\x1f\x7f]{0,60}", "must be a short name in one line")] = setting(
        "", "What this installation is called in texts. Empty: the name of the machine."
    )
    link: Annotated[str, matching(r"(https?://\S+)?", "is no address of a page", "write https://...")] = setting(
        "", "Address of the page as the readers can open it. It stands at the end of each text."
    )
    heartbeat: Annotated[SecretStr | None, _WEB] = setting(
        None, "Page that the agent asks for every 5 minutes while it works: somebody notices when it does not."
    )

    def delay(self, code: str) -> Delay:
        """Return how long a condition lasts until it is sent."""
        default, own = DELAYS.get(code, UNKNOWN), self.conditions.get(code)
        if own is None:
            return default
        warning_s = default.warning_s if own.warning_after_s is None else own.warning_after_s
        return Delay(warning_s, default.critical_s if own.critical_after_s is None else own.critical_after_s)

    def sends(self, code: str) -> bool:
        """Say whether a condition is sent at all."""
        own = self.conditions.get(code)
        return own is None or own.send

    @property
    def address_files(self) -> dict[str, Path]:
        """The files that have addresses, by the channel's name."""
        return {name: each.url_file for name, each in self.channels.items() if each.url_file is not None}
