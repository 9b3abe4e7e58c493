"""Who waits, and why.

Holds: the kinds of failure (a file's, the configuration's, the agent's; what the lane waits for is an Outcome of
mllp/), the exit code of each, and the finding, which is one thing wrong at one place.
Promises: every failure has a stable dotted code that codes/ explains, and a text that names the next step, and the
place where there is one. Texts are written by us and never quote a file's content.
Never: decides what to do about a failure; that is retry.py and the room that met it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Literal


class ExitCode(IntEnum):
    """How a command ends, as the shell and a service manager see it; from 64 on the numbers of sysexits.h.

    `meaning` is what docs/COMMANDS.md says of it. `status` has exit codes of its own, for monitors.
    """

    meaning: str

    def __new__(cls, number: int, meaning: str) -> ExitCode:
        """Make a number that knows what it means."""
        self = int.__new__(cls, number)
        self._value_ = number
        self.meaning = meaning
        return self

    DONE = 0, "done; the answer is yes"
    NO = 1, "the answer is no: quarantined, a check failed, an act was rejected, no such message, no journal yet"
    USAGE = 2, "the command line is wrong, or a word on it fits more than one thing (`word.ambiguous`)"
    DATA = 65, "the file's data: it cannot be read or built"
    BUG = 70, "a bug in lab-sender; where it is stands on standard error, without the error's own text"
    STORAGE = 74, "disk, folder or journal: it cannot be used, or not be trusted"
    LATER = 75, "try later: another agent runs, the journal is locked, the verdict is not there yet"
    CONFIG = 78, "the configuration; every mistake is named with its line"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong (or odd) at one place.

    `place` is where in the source file (`orders[0].results[3].value`, `line 7`,
    `byte 120`); `field` is where in the message (`OBX[4]-5`), empty where the fault has
    no such place. `text` holds no patient data.
    """

    code: str
    text: str
    place: str = ""
    field: str = ""
    hint: str = ""
    severity: Literal["error", "warning"] = "error"

    def line(self) -> str:
        """Render as one line: `code at place (field): text hint`."""
        where = f" at {self.place}" if self.place else ""
        field = f" ({self.field})" if self.field else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{self.code}{where}{field}: {self.text}{hint}"


class DocumentAlone(Finding):
    """The file is a document (PDF, RTF, picture) and no report: the report that it belongs to may come yet."""

    __slots__ = ()


MOST_FINDINGS = 200
"""What one file, report or message is told of itself, one by one; nobody reads more, and memory is not for it."""


def bounded(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the first `MOST_FINDINGS` findings, and one more that says how many others there are."""
    every = iter(findings)
    told = tuple(islice(every, MOST_FINDINGS))
    more = sum(1 for _ in every)
    if not more:
        return told
    text = f"{more} more findings of this kind or others are not named."
    return (*told, Finding("file.more-findings", text, hint="Correct the first ones; the rest may go with them."))


class LabSenderError(Exception):
    """What every error raised on purpose by lab-sender derives from; a kind of error is a class of its own."""

    exit_code: ExitCode = ExitCode.NO
    """How a command ends over it."""

    def __init__(self, code: str, text: str, *, hint: str = "") -> None:
        self.code = code
        self.text = text
        self.hint = hint
        super().__init__(f"{code}: {text}" + (f" {hint}" if hint else ""))


class ConfigurationError(LabSenderError):
    """Nothing can be built or started as the site has it: starting again does not help."""

    exit_code = ExitCode.CONFIG


class SettingError(ConfigurationError):
    """A setting of the site profile cannot work; `setting` is its key in `SiteProfile.origins`."""

    def __init__(self, code: str, setting: str, text: str, *, hint: str = "") -> None:
        self.setting = setting
        super().__init__(code, text, hint=hint)

    def located(self, origins: Mapping[str, str], otherwise: str) -> ConfigurationError:
        """Return it with the file and line that the setting, or what it is part of, is written at."""
        within = (key for key in origins if self.setting.startswith((f"{key}.", f"{key}[")))
        where = origins.get(self.setting) or origins.get(max(within, key=len, default=""), otherwise)
        return ConfigurationError(self.code, f"{where}: {self.setting}: {self.text}", hint=self.hint)


class ProfileError(ConfigurationError):
    """The site profile cannot work: no message can be built by it.

    `mistakes` has at least one entry, in the order of their files and lines; the first gives the error its code.
    """

    def __init__(self, mistakes: Iterable[SettingError], origins: Mapping[str, str], name: str) -> None:
        located = [each.located(origins, name) for each in mistakes]
        self.mistakes = tuple(sorted(located, key=_file_and_line))
        first = self.mistakes[0]
        if len(self.mistakes) == 1:
            super().__init__(first.code, first.text, hint=first.hint)
        else:
            lines = "".join(f"\n  {each.text} {each.hint}".rstrip() for each in self.mistakes)
            super().__init__(first.code, f"{len(self.mistakes)} settings of the profile cannot work:{lines}")


def _file_and_line(error: LabSenderError) -> tuple[str, int]:
    """Return what an error begins with: `site.yaml line 12: ...`."""
    file, line, rest = error.text.partition(" line ")
    number = rest.partition(":")[0]
    return (file, int(number)) if line and number.isdigit() else ("", 0)


class FileError(LabSenderError):
    """The file waits: it cannot become a message as it is; other files go on.

    `findings` has at least one entry and is bounded; the first gives the error its code.
    """

    exit_code = ExitCode.DATA

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = bounded(findings)
        first = self.findings[0]
        more = f" (and {len(self.findings) - 1} more)" if len(self.findings) > 1 else ""
        where = f" at {first.place}" if first.place else ""
        super().__init__(first.code, f"{first.text}{where}{more}", hint=first.hint)

    @classmethod
    def of(cls, code: str, text: str, *, place: str = "", hint: str = "") -> FileError:
        """Make a file error of a single finding."""
        return cls([Finding(code, text, place=place, hint=hint)])


class AgentError(LabSenderError):
    """The agent ends, or does not start, with `exit_code`."""

    def __init__(self, code: str, text: str, *, hint: str = "", exit_code: ExitCode = ExitCode.BUG) -> None:
        self.exit_code = exit_code
        super().__init__(code, text, hint=hint)
