"""What one site's messages look like.

Holds: the values of a site that go into every message, and the character sets we can write.
Promises: a profile that cannot work is refused when the Builder is made, not at the first result.
Never: reads the configuration file; config.py does, and hands the values over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CHARSETS: Final = {
    "": "ascii",
    "ASCII": "ascii",
    **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    "UNICODE UTF-8": "utf-8",
    "KS X 1001": "euc-kr",
}
"""HL7 table 0211 name -> Python codec.

Left out on purpose: UTF-16 and UTF-32 (MLLP cannot carry them), GB 18030-2000 and BIG-5 (their second bytes
look like delimiters), the ISO IR sets (escape sequences).
"""


@dataclass(frozen=True, slots=True)
class MessageProfile:
    """A site's values for its messages.

    Applications and facilities are ER7 text with up to three components (`LAB^1.2.3^ISO`), profile ids with up
    to four, as the receiver's specification prints them. `charset` is a table 0211 name. `time_zone` is an
    IANA zone for times that come without one; empty leaves them as they are.
    """

    version: str = "2.5.1"
    sending_application: str = "LAB-SENDER"
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""
    processing_id: str = "P"
    charset: str = "UNICODE UTF-8"
    accept_ack: str = ""
    application_ack: str = ""
    country: str = ""
    profile_ids: tuple[str, ...] = ()
    time_zone: str = ""
