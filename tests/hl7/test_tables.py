"""The tables that are copied out of hl7apy stay what hl7apy says."""

from hl7apy import SUPPORTED_LIBRARIES, load_library

from lab_sender.hl7.tables import SEGMENTS


def test_the_segments_are_those_of_all_versions():
    known = {name for version in SUPPORTED_LIBRARIES for name in load_library(version).SEGMENTS}
    assert known - {"ANYHL7SEGMENT"} == SEGMENTS
