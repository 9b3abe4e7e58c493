"""The data types of OBX-5 are one list: what hl7/ checks is what oru/ can write."""

from lab_sender.hl7.tables import VALUE_TYPES
from lab_sender.oru.value_types import WRITERS


def test_what_is_checked_is_what_is_written():
    assert tuple(WRITERS) == VALUE_TYPES
