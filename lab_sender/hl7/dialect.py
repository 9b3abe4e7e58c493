"""The differences between HL7 versions that the grammar does not show.

Holds: one row per version.
Promises: versions differ here, in the grammar, and in the relocations (`places`) of the built-in profile
`generic-<version>`, and nowhere else.
Never: looks at a report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

Specimen = Literal["OBR-15", "SPM"]
Timing = Literal["OBR-27", "TQ1"]


class Dialect(Struct, frozen=True):
    """What sets one version apart.

    `value_types`: our name of a value type -> its name in OBX-2 of this version. `kin`: whether NK1 stands before or
    after the notes on the patient, "" where ORU_R01 has no NK1. `phone`: the components of XTN that hold a number.
    `coded_words`: fields of one word that this version has made coded (CWE) -> their tables.
    """

    value_types: Mapping[str, str]
    specimen: Specimen
    timing: Timing
    message_type: str
    kin: Literal["", "before notes", "after notes"]
    phone: tuple[int, ...]
    degree: int  # component of XPN
    coded_words: Mapping[str, str]
    group_number: Literal["EI", "EIP"]  # ORC-4


_CE_TS: Final = {"DTM": "TS", "CWE": "CE"}
_CWE_TS: Final = {"DTM": "TS"}  # table 0125 has CE only; LRI and ELR require CWE
_CWE_DTM: Final = {"TS": "DTM", "CE": "CWE"}
_SHORT: Final = "ORU^R01"
_LONG: Final = "ORU^R01^ORU_R01"
_WORDS: Final[Mapping[str, str]] = {}
_CODES: Final = {"PID-8": "HL70001", "PV1-2": "HL70004", "OBX-8": "HL70078"}

_DIALECTS: Final = {
    # version    value types  specimen  timing    MSH-9    NK1            number    degree  words    ORC-4
    "2.3":    Dialect(_CE_TS,   "OBR-15", "OBR-27", _SHORT, "",             (1,),     6,      _WORDS,  "EI"),
    "2.3.1":  Dialect(_CE_TS,   "OBR-15", "OBR-27", _SHORT, "before notes", (1,),     6,      _WORDS,  "EI"),
    "2.4":    Dialect(_CE_TS,   "OBR-15", "OBR-27", _SHORT, "before notes", (1,),     6,      _WORDS,  "EI"),
    "2.5":    Dialect(_CWE_TS,  "SPM",    "TQ1",    _LONG,  "after notes",  (1, 12),  6,      _WORDS,  "EI"),
    "2.5.1":  Dialect(_CWE_TS,  "SPM",    "TQ1",    _LONG,  "after notes",  (1, 12),  6,      _WORDS,  "EI"),
    "2.6":    Dialect(_CWE_DTM, "SPM",    "TQ1",    _LONG,  "after notes",  (1, 12),  6,      _WORDS,  "EI"),
    "2.7":    Dialect(_CWE_DTM, "SPM",    "TQ1",    _LONG,  "after notes",  (12,),    14,     _CODES,  "EI"),
    "2.7.1":  Dialect(_CWE_DTM, "SPM",    "TQ1",    _LONG,  "after notes",  (12,),    14,     _CODES,  "EI"),
    "2.8":    Dialect(_CWE_DTM, "SPM",    "TQ1",    _LONG,  "after notes",  (12,),    14,     _CODES,  "EIP"),
    "2.8.1":  Dialect(_CWE_DTM, "SPM",    "TQ1",    _LONG,  "after notes",  (12,),    14,     _CODES,  "EIP"),
    "2.8.2":  Dialect(_CWE_DTM, "SPM",    "TQ1",    _LONG,  "after notes",  (12,),    14,     _CODES,  "EIP"),
}  # fmt: skip


def of(version: str) -> Dialect:
    """Return the dialect of a version that a profile can name."""
    return _DIALECTS[version]
