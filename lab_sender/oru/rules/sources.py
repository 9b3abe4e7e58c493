"""Where each field of a message comes from.

Holds: field of a segment -> key in the part of the report that the segment is for (an order, a result, a specimen
...), and for the fields of MSH the profile's setting.
Promises: agrees with what the builder writes (a test compares the two).
Never: reads a report or a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SETTINGS: Final[Mapping[str, str]] = {
    "MSH-2": "delimiters",
    "MSH-3": "sending_application",
    "MSH-4": "sending_facility",
    "MSH-5": "receiving_application",
    "MSH-6": "receiving_facility",
    "MSH-9": "message_type",
    "MSH-11": "processing_id",
    "MSH-12": "version",
    "MSH-15": "accept_ack",
    "MSH-16": "application_ack",
    "MSH-17": "country",
    "MSH-18": "charset",
    "MSH-21": "profile_ids",
}
"""Field of MSH -> the profile's setting."""

KEYS: Final[Mapping[str, str]] = {
    "PID-3": "ids",
    "PID-3.1": "ids[0].id",
    "PID-3.4": "ids[0].authority",
    "PID-3.5": "ids[0].type",
    "PID-5": "name",
    "PID-5.1": "name.family",
    "PID-5.2": "name.given",
    "PID-5.3": "name.middle",
    "PID-5.4": "name.suffix",
    "PID-5.5": "name.prefix",
    "PID-5.6": "name.degree",
    "PID-7": "birth",
    "PID-8": "sex",
    "PID-10": "race",
    "PID-11": "address",
    "PID-11.1": "address.street",
    "PID-11.2": "address.other",
    "PID-11.3": "address.city",
    "PID-11.4": "address.state",
    "PID-11.5": "address.zip",
    "PID-11.6": "address.country",
    "PID-13": "phones",
    "PID-18": "account",
    "PID-22": "ethnicity",
    "PID-29": "died",
    "PID-30": "died",
    "NK1-2": "name",
    "NK1-3": "relationship",
    "NK1-4": "address",
    "NK1-5": "phones",
    "PV1-2": "class",
    "PV1-3": "ward",
    "PV1-3.1": "ward",
    "PV1-3.2": "room",
    "PV1-3.3": "bed",
    "PV1-3.4": "facility",
    "PV1-7": "attending",
    "PV1-8": "referring",
    "PV1-19": "number",
    "PV1-44": "admitted",
    "PV1-45": "discharged",
    "ORC-2": "placer",
    "ORC-3": "filler",
    "ORC-4": "group",
    "ORC-7": "timing",
    "ORC-12": "orderer",
    "ORC-14": "orderer_phone",
    "ORC-21": "orderer_facility",
    "ORC-22": "orderer_facility.address",
    "ORC-23": "orderer_phone",
    "OBR-2": "placer",
    "OBR-3": "filler",
    "OBR-4": "test",
    "OBR-4.1": "test.code",
    "OBR-4.2": "test.text",
    "OBR-4.3": "test.system",
    "OBR-4.4": "test.alt.code",
    "OBR-4.5": "test.alt.text",
    "OBR-4.6": "test.alt.system",
    "OBR-5": "priority",
    "OBR-6": "requested",
    "OBR-7": "collected",
    "OBR-8": "collected_until",
    "OBR-13": "clinical_info",
    "OBR-14": "received",
    "OBR-15": "specimens[0]",
    "OBR-16": "orderer",
    "OBR-16.1": "orderer.id",
    "OBR-16.2": "orderer.family",
    "OBR-16.3": "orderer.given",
    "OBR-17": "orderer_phone",
    "OBR-22": "reported",
    "OBR-24": "section",
    "OBR-25": "status",
    "OBR-26": "parent",
    "OBR-27": "timing",
    "OBR-28": "copy_to",
    "OBR-29": "parent",
    "OBR-31": "reason",
    "OBR-32": "interpreter",
    "TQ1-2": "timing.quantity",
    "TQ1-7": "timing.start",
    "TQ1-8": "timing.end",
    "TQ1-9": "priority",
    "OBX-2": "value",
    "OBX-3": "test",
    "OBX-3.1": "test.code",
    "OBX-3.2": "test.text",
    "OBX-3.3": "test.system",
    "OBX-3.4": "test.alt.code",
    "OBX-3.5": "test.alt.text",
    "OBX-3.6": "test.alt.system",
    "OBX-4": "sub_id",
    "OBX-5": "value",
    "OBX-6": "unit",
    "OBX-7": "range",
    "OBX-8": "flags",
    "OBX-11": "status",
    "OBX-14": "observed",
    "OBX-15": "lab",
    "OBX-16": "observer",
    "OBX-17": "method",
    "OBX-18": "device",
    "OBX-19": "analysed",
    "OBX-23": "lab",
    "OBX-23.1": "lab.name",
    "OBX-23.6": "lab.authority",
    "OBX-23.10": "lab.id",
    "OBX-24": "lab.address",
    "OBX-25": "lab.director",
    "SPM-2": "id",
    "SPM-2.1": "placer",
    "SPM-2.2": "id",
    "SPM-4": "type",
    "SPM-6": "additive",
    "SPM-7": "method",
    "SPM-8": "site",
    "SPM-14": "notes",
    "SPM-17": "collected",
    "SPM-18": "received",
    "SPM-21": "reject",
    "SPM-24": "condition",
    "NTE-3": "",
}
"""Field or component -> key within its part: of PID `patient`, of PV1 `visit`, of ORC, OBR and TQ1 the order, of OBX
the result. `""`: the part is the text itself."""

_OF_ATTACHMENT: Final[Mapping[str, str]] = {
    "OBX-2": "mime",
    "OBX-3": "test",
    "OBX-5": "path",
    "OBX-11": "status",
    "OBX-14": "observed",
}
"""The same for the OBX of an attachment."""


def source(segment: str, field: int, component: int, place: str) -> str | None:
    """Return the place in the report of a field (or component, if not 0) of a segment for the part at `place`.

    For a field of MSH it is the profile's setting, `message.receiving_facility`. None: the builder makes the field.
    """
    name = f"{segment}-{field}"
    if segment == "MSH":
        setting = SETTINGS.get(name)
        return f"message.{setting}" if setting else None
    table = _OF_ATTACHMENT if segment == "OBX" and ".attachments[" in place else KEYS
    key = table.get(f"{name}.{component}") if component else None
    if key is None:
        key = table.get(name)
    if key is None:
        return None
    return ".".join(filter(None, (place, key)))
