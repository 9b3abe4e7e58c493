"""What oru/ builds and what results/ reads agree: a built message, dropped as a file, is the same message."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from kit.examples import examples
from kit.strategies import reports

from lab_sender.config.profile import builtin
from lab_sender.oru.builder import Builder
from lab_sender.readers import ReadyItem
from readers.samples import only

BUILDER = Builder(builtin())
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.long
@examples(40)
@given(reports())
def test_a_built_message_dropped_as_a_file(report):
    built = BUILDER.build(report, control_id="0ABC", now=NOW, attachments={})
    item = only(built.body)
    assert isinstance(item, ReadyItem), item
    assert item.body == built.body
    assert (item.control_id, item.version, item.charset) == ("0ABC", "2.5.1", "UNICODE UTF-8")
    assert (item.orders, item.patient_key) == (built.orders, built.patient_key)
