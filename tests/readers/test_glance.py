"""What a glance finds plain, the whole walk leaves as it is and has nothing to say of; in any order of reports."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.config.inputs import WORDS_FOR_NOTHING
from lab_sender.readers.guards.glance import Glance
from lab_sender.readers.guards.reports import Guard
from lab_sender.readers.items import ReportItem
from lab_sender.report.model import Report

TEXTS = (
    "", "14.1", "Hb", "3-5", "3^5", "1,5", "#N/A", "null", " a", "03-mai", "1.6E+15", "'=x", "<5", "\u22645",
    "\u200bx", "F1|LAB",
)  # fmt: skip
_text = st.sampled_from(TEXTS)
_alternate = st.fixed_dictionaries({"code": _text})
_coded = st.one_of(_text, st.fixed_dictionaries({"code": _text, "text": _text}, optional={"alt": _alternate}))
_range = st.one_of(_text, st.sampled_from(("3^5", "^5", "3-5")), st.fixed_dictionaries({"low": _text, "high": _text}))
_status = st.sampled_from(("", "F", "C", "W", "corrected", " F", "P"))
_keys = {
    "unit": _coded, "range": _range, "status": _status, "flags": st.lists(_text, max_size=2),
    "notes": st.lists(_text, max_size=2), "method": _coded, "device": _text, "sub_id": _text, "observed": _text,
    "value": _text, "observer": st.fixed_dictionaries({"id": _text, "family": _text}), "type": st.just("auto"),
    "test": st.fixed_dictionaries({"code": st.just("Hb"), "text": _text}),
}  # fmt: skip
_key = st.sampled_from(sorted(_keys)).flatmap(lambda key: st.tuples(st.just(key), _keys[key]))
_result = st.lists(_key, max_size=2).map(lambda keys: {"test": {"code": "Hb"}, "value": "1", **dict(keys)})
_order = st.fixed_dictionaries(
    {"filler": st.just("F1"), "test": st.just({"code": "X"}), "results": st.lists(_result, min_size=1, max_size=2)}
)
_report = st.fixed_dictionaries({"patient": st.just({"ids": [{"id": "1"}]}), "orders": st.tuples(_order)})


@pytest.mark.long
@examples(400)
@given(st.lists(_report, min_size=1, max_size=3))
def test_what_is_plain_needs_no_walk(given_reports: list[dict[str, object]]) -> None:
    nothing = frozenset(each.lower() for each in WORDS_FOR_NOTHING)
    glance, guard = Glance(nothing), Guard(nothing)
    guard._glance.is_plain = lambda _: False  # type: ignore[method-assign]
    for each in (*given_reports, *given_reports):
        report = msgspec.convert({"schema": "lab-result/1", **each}, Report)
        if glance.is_plain(report):
            before = msgspec.json.encode(report)
            (held,), remarks = guard.hold([ReportItem("", report, b"")])
            assert isinstance(held, ReportItem)
            assert not remarks
            assert msgspec.json.encode(held.report) == before
