"""A good report and a good message, and small ways to make others of them."""

from __future__ import annotations

import json
from typing import Any

from lab_sender.readers import BadItem, Item, read


def report(**changes: Any) -> dict[str, Any]:
    """A good report with one order and two results."""
    return {
        "schema": "lab-result/1",
        "patient": {"ids": [{"id": "0012345", "type": "MR"}], "name": {"family": "Secretfamily"}},
        "orders": [
            {
                "filler": "F1|LAB",
                "test": {"code": "58410-2", "system": "LN"},
                "results": [
                    {"test": {"code": "718-7"}, "value": "14.10", "unit": "g/dL"},
                    {"test": {"code": "787-2"}, "value": "90"},
                ],
            }
        ],
    } | changes


def with_result(**keys: Any) -> dict[str, Any]:
    """A good report whose only result has these keys."""
    order = report()["orders"][0] | {"results": [{"test": {"code": "718-7"}, **keys}]}
    return report(orders=[order])


def dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def only(data: bytes) -> Item:
    """The one item of a file."""
    (item,) = read(data).items
    return item


def codes(item: Item) -> dict[str, str]:
    """Place -> code of a bad item's findings."""
    assert isinstance(item, BadItem), item
    return {finding.place: finding.code for finding in item.findings}


MESSAGE = (
    b"MSH|^~\\&|LAB|L|HIS|H|20240819||ORU^R01^ORU_R01|MSG1|P|2.5.1|||AL|NE||UNICODE UTF-8\r"
    b"PID|1||4781203^^^BEAUMONT&1.2.3&ISO^MR~99^^^OTHER||Doe^J\xc3\xbcrgen\r"
    b"OBR|1|P1^iPMS|F1^LAB^1.2.3^ISO|58410-2^CBC^LN\r"
    b"OBX|1|NM|718-7^Hb^LN||14.1|g/dL|||||F\r"
)
