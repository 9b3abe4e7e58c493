"""Did you mean: what is a slip, and what is another word."""

import itertools

import pytest

from lab_sender.report.columns import COLUMNS
from lab_sender.spelling import did_you_mean, meant


@pytest.mark.parametrize(
    ("typed", "known", "expected"),
    [
        ("prot", ("host", "port"), ("port",)),
        ("recieved", ("received", "requested"), ("received",)),
        ("lenght", ("length",), ("length",)),
        ("colected", COLUMNS, ("collected",)),
        ("ack-timeout", ("ack_timeout",), ("ack_timeout",)),
        ("Patient ID", COLUMNS, ("patient_id",)),
        ("codes", ("code", "codes"), ("codes",)),
        # both are one slip away: a person decides
        ("observe", COLUMNS, ("observed", "observer")),
        # another word
        ("resulted", COLUMNS, ()),
        ("released", COLUMNS, ()),
        ("corrected", COLUMNS, ()),
        ("observes", ("observer",), ()),
        ("timeout", ("ack_timeout", "connect_timeout"), ()),
        ("age", ("page", "sage"), ()),
        # a digit is no slip
        ("street3", COLUMNS, ()),
        ("generic-2.2", ("generic-2.3", "generic-2.4"), ()),
        ("", COLUMNS, ()),
    ],
)
def test_a_slip_is_told_from_another_word(typed, known, expected):
    assert meant(typed, known) == expected


def test_no_column_is_taken_for_another():
    """Of our own names, which all mean something else, none is a slip for another."""
    for one, other in itertools.permutations(COLUMNS, 2):
        assert meant(one, [other]) == (), (one, other)


def test_the_question_names_all():
    assert did_you_mean("observe", COLUMNS) == "did you mean observed or observer?"
    assert did_you_mean("prot", ["port"], "'") == "did you mean 'port'?"
    assert did_you_mean("nothing", ["port"]) == ""
