"""Hypothesis strategies that all rooms share.

`reports()` draws reports that must become a message: full of delimiters, escapes, umlauts and characters beyond the
BMP, in every value type. What is drawn is valid; tests of refusals change one thing about it.
"""

from __future__ import annotations

import base64
from datetime import date

import msgspec
from hypothesis import strategies as st

from lab_sender.report import model

NASTY = (
    "|^~\\&", "\\F\\", "a\\.br\\b", "\\X0D\\", "\\E\\", "\\", 'say ""', "MSH|^~\\&|", "10^9/L & more", "x~y#", "µg/²",
    "Jürgen Weiß", "Ω 漢字", "\U0001d518 \U0001fa78", "O'Neil", "<5", "5.0",
)  # fmt: skip

_letters = st.one_of(
    st.sampled_from("|^~\\&ABCFRSTXäß0."),
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn", "Zl", "Zp")),
)
_line = st.one_of(
    st.sampled_from(NASTY),
    st.sampled_from(NASTY),
    st.text(_letters, min_size=1, max_size=10).map(str.strip).filter(lambda one: one not in ("", '""')),
)


def text() -> st.SearchStrategy[str]:
    """One line of text that says something; no white space at its ends."""
    return _line


def lines() -> st.SearchStrategy[str]:
    """Text of one to four lines, some of them empty or indented."""
    inner = st.lists(st.one_of(text(), st.just(""), text().map("  ".__add__)), max_size=2)
    return st.tuples(text(), inner, text()).map(lambda t: "\n".join([t[0], *t[1], t[2]]) if t[1] else t[0])


def long_text() -> st.SearchStrategy[str]:
    """One line beyond what ST holds."""
    return text().map(lambda one: (one + " ") * (220 // (len(one) + 1) + 1) + "end")


words = st.text(st.sampled_from("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789-"), min_size=1, max_size=12)
oids = st.lists(st.integers(0, 9999), min_size=2, max_size=6).map(lambda arcs: ".".join(["2", "16", *map(str, arcs)]))
numbers = st.from_regex(
    r"[+-]?(0|[1-9][0-9]{0,6}|00[0-9]{1,3})(\.[0-9]{1,6})?", fullmatch=True, alphabet="+-.0123456789"
)

dates = st.dates(date(1880, 1, 1), date(2099, 12, 31)).map(date.isoformat)
_clocks = st.sampled_from(["T00:00", "T09:30", "T23:59:59", "T09:30:15.25", "T09:30:00.0001"])
_zones = st.sampled_from(["", "Z", "+01:00", "-05:00", "+05:45", "+0000"])
times = st.one_of(
    dates,
    dates.map(lambda day: day[:7]),
    dates.map(lambda day: day[:4]),
    st.tuples(dates, _clocks, _zones).map("".join),
)
clock_times = st.sampled_from(["09:30", "23:59:59", "00:00:00.5", "09:30+01:00"])

maybe_text = st.one_of(st.just(""), text())
maybe_time = st.one_of(st.just(""), times)
notes = st.lists(lines(), max_size=2)

authorities = st.one_of(
    st.just(""),
    words,
    oids,
    st.builds("{}|{}".format, words, oids),
    st.builds(model.Authority, namespace=text(), id=oids, type=st.just("ISO")),
)
alternates = st.builds(model.Alternate, code=words, text=maybe_text, system=st.sampled_from(["L", "LN", "99LAB"]))


def codes(*, cwe: bool = False) -> st.SearchStrategy[model.Coded]:
    """Coded things; `original` only where the field is a CWE."""
    return st.builds(
        model.Coded,
        code=words,
        text=maybe_text,
        system=st.sampled_from(["LN", "SCT", "L"]),
        alt=st.none() | alternates,
        original=maybe_text if cwe else st.just(""),
    )


identifiers = st.builds(
    model.Identifier,
    id=st.one_of(words, text()),
    authority=authorities,
    type=st.sampled_from(["MR", "PI", "NI", ""]),
)
order_numbers = st.one_of(
    words, st.builds("{}|{}".format, words, words), st.builds(model.OrderNumber, id=text(), authority=authorities)
)
names = st.builds(model.Name, family=text(), given=maybe_text, middle=maybe_text, suffix=st.sampled_from(["", "Jr."]))
addresses = st.builds(model.Address, street=text(), city=maybe_text, zip=st.sampled_from(["", "04109"]))
people = st.builds(model.Person, id=words, authority=authorities, family=text(), given=maybe_text)
organizations = st.builds(
    model.Organization,
    name=text(),
    id=st.one_of(st.just(""), words),
    address=st.none() | addresses,
    director=st.none() | people,
)
patients = st.builds(
    model.Patient,
    ids=st.lists(identifiers, min_size=1, max_size=2),
    name=names,
    aliases=st.lists(names, max_size=1),
    birth=maybe_time,
    sex=st.sampled_from(["", "F", "M", "O", "U"]),
    address=st.none() | addresses,
    phones=st.lists(st.just("+49 341 123456"), max_size=1),
    notes=notes,
    next_of_kin=st.lists(st.builds(model.NextOfKin, name=names, address=st.none() | addresses), max_size=1),
)
visits = st.builds(
    model.Visit,
    patient_class=st.sampled_from(["I", "O", "E"]),
    ward=maybe_text,
    number=st.one_of(st.just(""), words),
    attending=st.none() | people,
    admitted=maybe_time,
)
specimens = st.builds(
    model.Specimen,
    id=words,
    type=codes(cwe=True),
    site=st.one_of(st.just(""), codes(cwe=True)),
    collected=maybe_time,
    received=maybe_time,
)

# One strategy per value type: (type as the report says it, value).
_coded_values = st.builds(
    lambda coded: msgspec.to_builtins(coded) | ({} if coded.alt else {"alt": {"code": "A&1"}}), codes(cwe=True)
)
# Bytes that begin like a PDF would be one that is cut off.
_inline = st.binary(min_size=1, max_size=40).filter(lambda raw: not raw.lstrip().startswith(b"%PDF")).map(
    lambda raw: {"data": base64.b64encode(raw).decode(), "type": "application", "subtype": "x", "encoding": "Base64"}
)
_structured = st.builds(
    lambda cmp, n1, sep, n2: {"cmp": cmp, "n1": n1, "sep": sep, "n2": n2},
    st.sampled_from(["", "<", ">="]), numbers, st.sampled_from([":", "-", "/"]), numbers,
)  # fmt: skip
_pointer = st.builds(lambda p: {"pointer": p, "type": "image", "subtype": "jpeg"}, text())


def _typed(kinds: list[str], values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[str, object]]:
    return st.tuples(st.sampled_from(kinds), values)


typed_values: st.SearchStrategy[tuple[str, object]] = st.one_of(
    _typed(["auto", "NM", "ST"], numbers),
    _typed(["auto", "SN"], st.sampled_from(["<5", ">=100.0", "1:128", "2+"])),
    _typed(["auto", "SN"], _structured),
    _typed(["auto", "ST"], text()),
    _typed(["auto", "TX"], long_text()),
    _typed(["TX", "FT"], lines()),
    _typed(["auto", "CWE"], _coded_values),
    _typed(["DT"], dates),
    _typed(["TS", "DTM"], times),
    _typed(["TM"], clock_times),
    _typed(["auto", "RP"], _pointer),
    _typed(["auto", "ED"], _inline),
    _typed(["TX"], st.lists(text(), min_size=2, max_size=3)),
    _typed(["auto", "CWE"], st.lists(_coded_values, min_size=2, max_size=3)),
)


@st.composite
def results(draw: st.DrawFn) -> model.Result:
    """An observation with a value of some type, or one whose value is not there."""
    kind, value = draw(typed_values)
    status = draw(st.sampled_from(["", "", "F", "P", "C", "X"]))
    if status == "X":
        kind, value = "auto", None
    return model.Result(
        test=draw(codes()),
        sub_id=draw(st.sampled_from(["", "1", "1.2"])),
        type=kind,
        value=value,
        unit=draw(st.one_of(st.sampled_from(["", "g/dL", "10*9/L", "10^9/L", "%"]), codes())),
        range=draw(
            st.one_of(st.sampled_from(["", "13.0-17.0", "<5"]), st.builds(model.Range, low=numbers, high=numbers))
        ),
        flags=draw(st.lists(st.sampled_from(["L", "H", "N", "A", "R"]), max_size=1)),
        status=status,
        observed=draw(maybe_time),
        analysed=draw(maybe_time),
        lab=draw(st.none() | organizations),
        notes=draw(notes),
    )


parents = st.builds(
    model.Parent, filler=order_numbers, placer=order_numbers, observation=codes(), sub_id=st.just("1"), value=text()
)
attachments = st.builds(
    model.Attachment, path=words.map(lambda w: f"doc{w}.pdf"), mime=st.sampled_from(["", "application/pdf"])
)


def orders(*, with_attachments: bool = False) -> st.SearchStrategy[model.Order]:
    """An order with at least one result."""
    return st.builds(
        model.Order,
        test=codes(),
        filler=order_numbers,
        placer=st.one_of(st.just(""), order_numbers),
        status=st.sampled_from(["final", "preliminary", "corrected", "F"]),
        priority=st.sampled_from(["", "R", "S"]),
        section=st.sampled_from(["", "CH", "MB"]),
        collected=maybe_time,
        received=maybe_time,
        reported=maybe_time,
        clinical_info=maybe_text,
        orderer=st.none() | people,
        interpreter=st.none() | people,
        specimens=st.lists(specimens, max_size=1),
        parent=st.none() | parents,
        notes=notes,
        results=st.lists(results(), min_size=1, max_size=3),
        attachments=st.lists(attachments, max_size=2, unique_by=lambda a: a.path)
        if with_attachments
        else st.just([]),
    )


def reports(*, with_attachments: bool = False) -> st.SearchStrategy[model.Report]:
    """A whole report. With attachments, the caller supplies their bytes by `attachment_paths`."""
    return st.builds(
        model.Report,
        patient=patients,
        orders=st.lists(orders(with_attachments=with_attachments), min_size=1, max_size=2),
        id=st.one_of(st.just(""), words),
        visit=st.none() | visits,
        notes=notes,
    )
