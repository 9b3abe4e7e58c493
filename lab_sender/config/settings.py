"""config.yaml as a whole: its sections, and which of them stand beside one another.

Holds: `Settings`, and what of it says where things lie on the disk.
Promises: the short forms `his:` and `outbox:` are known beside the long ones, so that either is judged whatever else
is written; that one of each pair stands is held in load.py.
Never: reads a file.
"""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import ConfigDict, ValidationInfo, field_validator

from lab_sender.config.alerts import Alerts
from lab_sender.config.destinations import Destination, Name
from lab_sender.config.folders import FolderSettings, OutboxSetting, not_around
from lab_sender.config.inputs import Inputs
from lab_sender.config.journal import JournalSettings
from lab_sender.config.profile import Profile
from lab_sender.config.retention import Retention
from lab_sender.config.sections import His, Intake, Log
from lab_sender.config.text.scalars import AbsolutePath
from lab_sender.config.text.section import Section, either, section, setting, some
from lab_sender.config.web import Web


class Settings(Section):
    """config.yaml of lab-sender. `outbox`, and `his` with `host` and `port`, are enough."""

    ONE_OF: ClassVar = (("outbox", "outboxes"), ("his", "destinations"))

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {"oneOf": [{"required": ["outbox"]}, {"required": ["outboxes"]}]},
                {"oneOf": [{"required": ["his"]}, {"required": ["destinations"]}]},
            ]
        }
    )

    outbox: AbsolutePath = either(
        "Folder where result files are dropped. Relative paths count from this file's folder."
    )
    outboxes: Annotated[
        tuple[OutboxSetting, ...], some("names no outbox", "write each as - folder: FOLDER")
    ] = either("Several such folders, in the place of outbox.")
    his: His = either("The HIS the results go to: the one destination, of the name his.")
    destinations: Annotated[
        dict[Name, Destination], some("names no destination", "write a name, and below it host: and port:")
    ] = either("Several destinations by their names, in the place of his.")
    message: Profile = section()
    intake: Intake = section()
    inputs: Inputs = section()
    folders: FolderSettings = section()
    journal: JournalSettings = section()
    retention: Retention | None = setting(
        None, "How long what is finished is kept. Left out: nothing is deleted; {} has the defaults."
    )
    log: Log = section()
    alerts: Alerts = section()
    web: Web = section()

    @field_validator("outbox")
    @classmethod
    def _not_around_this_file(cls, outbox: Path, info: ValidationInfo) -> Path:
        return not_around(outbox, info)


class _Outbox(Section):
    model_config = ConfigDict(extra="ignore")

    folder: AbsolutePath | None = None


class _Retention(Section):
    model_config = ConfigDict(extra="ignore")

    archive: AbsolutePath | None = None


class _Journal(Section):
    model_config = ConfigDict(extra="ignore")

    node: str | None = None


class OnDisk(Section):
    """Where things lie on the disk, of settings that may be wrong otherwise."""

    model_config = ConfigDict(extra="ignore")

    outbox: AbsolutePath | None = None
    outboxes: tuple[_Outbox, ...] = ()
    folders: FolderSettings = section()
    journal: _Journal = section()
    retention: _Retention | None = None
    log: Log = section()
