"""MSH and SFT, the segments whose fields the profile sets.

Holds: the Header of one profile.
Promises: MSH-18 names the character set that the message is written in.
Never: reads the report.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from lab_sender import __version__
from lab_sender.hl7.er7 import Row, layout
from lab_sender.oru.compiled import CompiledProfile
from lab_sender.oru.writer import Writer

if TYPE_CHECKING:
    from lab_sender.config.profile import Profile
    from lab_sender.hl7.dialect import Dialect

_PRODUCT = "lab-sender"


def msh_of(profile: Profile, own: Dialect) -> Row:
    """Return what a profile says of MSH, by field."""
    return layout("MSH", {
        1: "|",
        2: profile.delimiters,
        3: profile.sending_application,
        4: profile.sending_facility,
        5: profile.receiving_application,
        6: profile.receiving_facility,
        9: profile.message_type or own.message_type,
        11: profile.processing_id,
        12: profile.version_id or profile.version,
        15: profile.accept_ack,
        16: profile.application_ack,
        17: profile.country,
        18: "" if profile.msh18 == "empty" or profile.charset == "ASCII" else profile.charset,
        21: "~".join(profile.profile_ids),
    })  # fmt: skip


class Header:
    """MSH and SFT of one profile; only the time and the control id change."""

    def __init__(self, site: CompiledProfile) -> None:
        self._clock = (site.clocks or {}).get(("MSH", 7), site.clock)
        self.msh = msh_of(site.profile, site.dialect)
        sft = layout("SFT", {
            1: _PRODUCT,  # vendor
            2: __version__,
            3: _PRODUCT,
            4: __version__,  # binary id
        })  # fmt: skip
        self._sft = "|".join(sft) if site.has("SFT", 1) else ""
        self._to_time = "MSH|" + "|".join(self.msh[2:7]) + "|"
        self._from_version = "|".join(self.msh[11:]).rstrip("|")

    def write(self, w: Writer, now: datetime, control_id: str) -> None:
        """Write MSH, and SFT where the version has it."""
        w.begin("MSH", "")
        mine = w.text(control_id, 10, "control_id")
        time = self._clock.message_time(now)
        w.take(f"{self._to_time}{time}||{self.msh[9]}|{mine}|{self._from_version}")
        if self._sft:
            w.take(self._sft)
