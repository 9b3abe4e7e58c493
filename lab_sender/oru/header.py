"""MSH and SFT, the segments that a profile says.

Holds: the Header of one profile.
Promises: MSH-18 names the character set that the message is written in.
Never: looks at the report.
"""

from __future__ import annotations

from datetime import datetime

from .. import __version__
from .encoder import Writer, layout
from .profile import MessageProfile
from .times import Clock

_PRODUCT = "lab-sender"


class Header:
    """MSH and SFT of one profile; all of it is constant but the time and the control id."""

    def __init__(self, profile: MessageProfile, clock: Clock) -> None:
        self._clock = clock
        self.msh = layout("MSH", {
            1: "|",
            2: "^~\\&",
            3: profile.sending_application,
            4: profile.sending_facility,
            5: profile.receiving_application,
            6: profile.receiving_facility,
            9: "ORU^R01^ORU_R01",
            11: profile.processing_id,
            12: profile.version,
            15: profile.accept_ack,
            16: profile.application_ack,
            17: profile.country,
            18: "" if profile.charset == "ASCII" else profile.charset,
            21: "~".join(profile.profile_ids),
        })  # fmt: skip
        self.sft = layout("SFT", {
            1: _PRODUCT,  # vendor
            2: __version__,
            3: _PRODUCT,
            4: __version__,  # binary id
        })  # fmt: skip
        self._to_time = "MSH|" + "|".join(self.msh[2:7]) + "|"
        self._from_version = "|".join(self.msh[11:]).rstrip("|") + "\r" + "|".join(self.sft)

    def write(self, w: Writer, now: datetime, control_id: str) -> str:
        """Return MSH and SFT as lines."""
        w.begin("MSH", "")
        mine = w.text(control_id, 10, "control_id")
        return f"{self._to_time}{self._clock.message_time(now)}||{self.msh[9]}|{mine}|{self._from_version}"
