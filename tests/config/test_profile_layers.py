# ruff: noqa: E501  (a table of mistakes reads best with one to a line)
"""A profile and what it extends: the merge, where each setting comes from, and what is said of everything wrong in it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.config.load import Config, ConfigError, load, profile_schema
from lab_sender.config.profile import MappedCode, SiteProfile, builtin, builtin_names
from lab_sender.config.profile.field_rules import Limit
from lab_sender.config.profile.model import VERSIONS
from lab_sender.config.profile.notation import FieldPath, TypePath
from lab_sender.errors import LabSenderError
from lab_sender.oru import Builder

MINIMAL = "outbox: outbox\nhis:\n  host: 127.0.0.1\n  port: 2575\n"


@pytest.fixture
def site(tmp_path):
    """Write files and load config.yaml, whose lines from 5 on are `message`."""

    def site(message: str, **files: str) -> Config:
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_yaml", ".yaml").replace("_csv", ".csv")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text.encode())
        (tmp_path / "config.yaml").write_text(MINIMAL + message, "utf-8")
        return load(tmp_path / "config.yaml", {"HOSPITAL": "HOSP"})

    return site


@pytest.fixture
def mistakes(site):
    def mistakes(message: str, **files: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            site(message, **files)
        return [each.describe("config.yaml") for each in caught.value.mistakes]

    return mistakes


@pytest.mark.parametrize("name", builtin_names())
def test_a_builtin_profile_is_valid_and_a_builder_can_be_made_of_it(name):
    profile = builtin(name)
    assert profile.name == name
    assert profile.settings.version in VERSIONS
    Builder(profile)


def test_every_version_has_its_generic_profile():
    for version in VERSIONS:
        assert builtin(f"generic-{version}").settings.version == version
        assert builtin(version=version).settings.places == builtin(f"generic-{version}").settings.places


@pytest.mark.parametrize("name", builtin_names())
def test_a_builtin_profile_opens_with_what_it_is_and_where_its_rules_come_from(name):
    text = (Path(__file__).parents[2] / "lab_sender/config/profile/builtin" / f"{name}.yaml").read_text("utf-8")
    assert text.startswith("# ")
    assert "Rules: " in text.split("\nversion:")[0].split("\nextends:")[0]


def test_without_a_message_section_it_is_the_generic_profile(site):
    assert site("").message == site("message:\n  # nothing\n").message == builtin()
    assert builtin().name == "generic-2.5.1"
    assert site("message: {extends: us-lri}").message.name == "us-lri"


def test_a_version_alone_brings_its_places(site):
    message = site("message: {version: 2.4}").message
    assert (message.settings.version, message.name) == ("2.4", "config.yaml")
    assert message.settings.places[FieldPath("OBX", 23)] == "OBX-15"


def test_layers_merge(site):
    message = site(
        "message: {extends: profiles/site.yaml, sending_facility: LAB, require: [PV1-3], limits: {HD.1: 15}}",
        profiles__site_yaml="""
extends: base.yaml
codes: {units: code, maps: {flag: {inline: {HH: H}}}}
require:
  - PV1-2
drop:
  - NK1
limits:
  OBX-23.1: {length: 50, then: truncate}
profile_ids: [A^^1.2^ISO]
""",
        profiles__base_yaml="""
extends: us-lri
sending_facility: ${HOSPITAL}
receiving_facility: ${HOSPITAL}
codes: {order: local-first, maps: {flag: {inline: {LL: L}}}}
limits: {HD.1: 20, XCN.3: {length: 30}}
""",
    ).message
    settings = message.settings
    assert (settings.sending_facility, settings.receiving_facility) == ("LAB", "HOSP")
    assert (settings.codes.order, settings.codes.units) == ("local-first", "code")
    assert settings.profile_ids == ("A^^1.2^ISO",)
    assert settings.limits == {
        TypePath("HD", 1): Limit(length=15),
        TypePath("XCN", 3): Limit(length=30),
        FieldPath("OBX", 23, 0, 1): Limit(length=50, then="truncate"),
    }
    assert [str(each.field) for each in settings.require[-2:]] == ["PV1-2", "PV1-3"]
    assert settings.require[:-2] == builtin("us-lri").settings.require
    assert message.maps == {"flag": {"HH": MappedCode("H", "", ""), "LL": MappedCode("L", "", "")}}
    count = len(settings.require)
    assert {
        key: message.origins[key]
        for key in ("version", "sending_facility", "receiving_facility", "limits.HD.1", "limits.XCN.3", "codes.order")
    } == {
        "version": "generic-2.5.1.yaml line 4",
        "sending_facility": "config.yaml line 5",
        "receiving_facility": "profiles/base.yaml line 4",
        "limits.HD.1": "config.yaml line 5",
        "limits.XCN.3": "profiles/base.yaml line 6",
        "codes.order": "profiles/base.yaml line 5",
    }
    assert message.origins[f"require[{count - 1}]"] == "config.yaml line 5"
    assert message.origins[f"require[{count - 2}]"] == "profiles/site.yaml line 5"
    assert message.origins["drop[0]"] == "profiles/site.yaml line 7"
    assert message.origins["require[0]"].startswith("us-lri.yaml line ")
    assert message.origins["set[0]"].startswith("us-lri.yaml line ")
    assert builtin("us-lri").settings.codes.order == "loinc-first", "a built-in profile is shared, and was changed"


def test_short_forms(site):
    settings = site(
        "message:\n"
        "  require: [PID-5, {field: OBX-6, when: OBX-2 = NM}]\n"
        "  drop: [PV1, {segment: NTE, when: NTE-3 absent}]\n"
        "  limits: {OBX-5: 200}\n"
    ).message.settings
    assert [(str(each.field), str(each.when)) for each in settings.require] == [
        ("PID-5", "None"), ("OBX-6", "OBX-2 = NM"),
    ]  # fmt: skip
    assert [each.segment for each in settings.drop] == ["PV1", "NTE"]
    assert settings.limits == {FieldPath("OBX", 5): Limit(length=200, then="error")}


def test_a_section_of_comments_keeps_what_is_extended(site):
    settings = site("message:\n  extends: us-lri\n  codes:\n    # order: local-first\n").message.settings
    assert settings.codes.order == "loinc-first"


@pytest.mark.parametrize(
    ("message", "files", "expected"),
    [
        ("message: {extends: us-lir}", {}, ["config.yaml line 5: message.extends: names no profile; did you mean 'us-lri'? built in: au, generic-2.3, "]),
        ("message: {extends: none.yaml}", {}, ["config.yaml line 5: message.extends: none.yaml: there is no such file; it counts from the folder of this file"]),
        ("message: {extends: ''}", {}, ["config.yaml line 5: message.extends: names no profile; built in: au, "]),
        ("message: {extends: [us-lri]}", {}, ["config.yaml line 5: message.extends: must be a single value; a text that begins with { or [ stands in quotes"]),
        ("message: {extends:}", {}, ["config.yaml line 5: message.extends: has no value"]),
        ("message: [us-lri]", {}, ["config.yaml line 5: message: must be a section"]),
        ("message: us-lri", {}, ["config.yaml line 5: message: must be a section"]),
        ('message: {extends: "a\\0.yaml"}', {}, ["config.yaml line 5: message.extends: holds a control character; \\ in double quotes is an escape"]),
        ("message: {extends: config.yaml}", {}, ["config.yaml line 5: message.extends: leads back to a file it came from"]),
        ("message: {extends: a.yaml}", {"a_yaml": "# circle\nextends: b.yaml", "b_yaml": "extends: ./a.yaml"},
         ["b.yaml line 1: extends: leads back to a file it came from"]),
        ("message: {extends: p0.yaml}", {f"p{n}_yaml": f"extends: p{n + 1}.yaml" for n in range(9)},
         ["p6.yaml line 1: extends: is more than 8 files deep"]),
        ("message: {extends: s/his.yaml}", {"s__his_yaml": "extends: us-lri\n- a\n"}, ["s/his.yaml line 2: this line does not fit those above it"]),
        ("message: {extends: s/his.yaml}", {"s__his_yaml": "- a\n"}, ["s/his.yaml line 1: the file must be a list of settings; write for example extends: us-lri"]),
        ("message: {extends: s/his.yaml}", {"s__his_yaml": "sending_facility: ${NOPE}\n"}, ["s/his.yaml line 1: sending_facility: NOPE is not in the environment"]),
        ("message: {extends: s/his.yaml}", {"s__his_yaml": "codes:\n  ordre: local-first\n"}, ["s/his.yaml line 2: codes.ordre: unknown key; did you mean 'order'?"]),
        ("message: {extends: s/his.yaml}", {"s__his_yaml": "message:\n  extends: us-lri\n"}, ["s/his.yaml line 1: message: is a section of config.yaml; in a profile file its keys stand at the top, without it"]),
        ("message: {codes: {maps: {units: {}}}}", {}, ["config.yaml line 5: message.codes.maps.units: unknown key; did you mean 'unit' or 'codes.units'?"]),
        ("message: {limits: {HD: 20}}", {}, ["config.yaml line 5: message.limits.HD: must be a field such as PID-3, PID-3.4 or PID-3[2].1, or a component of a type such as HD.1 (found HD)"]),
        ("message: {extends: s/his.yaml}", {"s__his_yaml": "order: local-first\n"}, ["s/his.yaml line 1: order: unknown key; did you mean 'codes.order' or 'identifiers.order'?"]),
        ("message: {limits: {HD.1: {lenght: 20}}}", {}, ["config.yaml line 5: message.limits.HD.1.length: is missing", "config.yaml line 5: message.limits.HD.1.lenght: unknown key; did you mean 'length'?"]),
        ("message: {limits: {HD.1: many}}", {}, ["config.yaml line 5: message.limits.HD.1.length: must be a whole number from 1 to 1000000 (found many)"]),
        ("message: {limits: {HD1: 20}}", {}, ["config.yaml line 5: message.limits.HD1: must be a field such as PID-3"]),
        ("message: {require: [PID5]}", {}, ["config.yaml line 5: message.require[0].field: must be a field such as PID-3, PID-3.4 or PID-3[2].1 (found PID5)"]),
        ("message: {require: PID-5}", {}, ["config.yaml line 5: message.require: must be a list"]),
        ("message: {drop: [{segment: NTE, when: NTE-3 = ''}]}", {}, ["config.yaml line 5: message.drop[0].when: has quotes around a value (found NTE-3 = ''); write OBX-2 = NM, or OBX-5 absent"]),
        ("message: {places: {PID-999: note}}", {}, ["config.yaml line 5: message.places.PID-999: must be a field such as PID-3, PID-3.4 or PID-3[2].1 (found PID-999)"]),
        ("message: {require: [{field: PID-5, when: PID-5 is there}]}", {}, ["config.yaml line 5: message.require[0].when: is not a condition (found PID-5 is there); write for example"]),
        ("message: {drop: [OBX]}", {}, ["config.yaml line 5: message.drop[0]: would drop what every message needs"]),
        ("message: {drop: [{segment: MSH, when: PID-3 absent}]}", {}, ["config.yaml line 5: message.drop[0]: would drop what every message needs"]),
        ("message: {places: {OBX-23: elsewhere}}", {}, ["config.yaml line 5: message.places.OBX-23: must be note, nowhere or a field (found elsewhere)"]),
        ("message: {set: [{field: PID-3, value: '{PID-3.1'}]}", {}, ["config.yaml line 5: message.set[0].value: has a { or } that does not pair"]),
        ("message: {codes: {maps: {unit: {inline: {a: 10^9/L^L^UCUM}}}}}", {}, ["config.yaml line 5: message.codes.maps.unit.inline.a: must be CODE or CODE^TEXT^SYSTEM"]),
        ("message: {codes: {maps: {test: {file: none.csv}}}}", {}, ["config.yaml line 5: message.codes.maps.test.file: none.csv: there is no such file; it counts from"]),
    ],
)  # fmt: skip
def test_a_mistake_has_its_file_and_line(mistakes, message, files, expected):
    found = mistakes(message, **files)
    assert len(found) == len(expected), found
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


def test_all_mistakes_of_all_files_are_told_at_once(mistakes):
    found = mistakes(
        "message:\n  extends: sites/his.yaml\n  charset: utf-8\nlog: {level: loud}\n",
        sites__his_yaml="extends: base.yaml\nversion: 2.2\ncodes: {maps: {test: {file: tests.csv}}}\n",
        sites__base_yaml="require: [OBX]\n",
        sites__tests_csv="code,to_code\nNA,\nK,K1\nK,K2\n",
    )
    assert [": ".join(line.split(": ")[:2]) for line in found] == [
        "config.yaml line 7: message.charset",
        "config.yaml line 8: log.level",
        "sites/base.yaml line 1: require[0].field",
        "sites/his.yaml line 2: version",
        "sites/tests.csv line 2: has no to_code; write it, or remove the line",
        "sites/tests.csv line 4: the code is also in line 3; keep one of them",
    ]


def test_what_must_agree_is_looked_at_after_the_merge(site, mistakes):
    assert site("message: {extends: us-lri, application_ack: ER}").message.settings.application_ack == "ER"
    (found,) = mistakes("message: {extends: us-lri, accept_ack: NE}")
    assert found.endswith(
        "application_ack: with this accept_ack a message could stay without any answer; "
        "set one of them to AL, or leave both empty"
    )


def names_in(schema: object) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(names_in, schema))
    if not isinstance(schema, dict):
        return {schema} if isinstance(schema, str) and len(schema) < 20 else set()
    return set(schema.get("properties", ())).union(*map(names_in, schema.values()))


WORDS = st.sampled_from(sorted(names_in(profile_schema()) | {"PID-3", "HD.1", "OBX-2 = NM", "PV1", "{PID-3}", "", "0", "[key]", "us-lri", "none.csv"}))  # fmt: skip
TREES = st.recursive(
    WORDS | st.none() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.long
@given(base=st.dictionaries(WORDS, TREES, max_size=4), over=st.dictionaries(WORDS, TREES, max_size=4))
@examples(100)
def test_whatever_stands_in_a_profile_is_a_profile_or_a_list_of_mistakes(site, base, over):
    try:
        site("message: " + json.dumps(over | {"extends": "base.yaml"}), base_yaml=json.dumps(base))
    except ConfigError as error:
        mistakes = error.mistakes
    else:
        mistakes = ()
    assert all(each.file or each.line == 5 for each in mistakes)


def test_a_profile_extends_one_in_every_file(mistakes):
    told = mistakes("message: {extends: a.yaml}", a_yaml="version: 2.4\nextends: [us-lri]")
    assert told == ["a.yaml line 2: extends: must be the name of one profile; write for example extends: us-lri"]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("places: {OBX-23: OBX-99}", "a.yaml line 2: places.OBX-23: OBX-23 cannot go to"),
        ("times: {fields: {PID-5: {precision: day}}}", "a.yaml line 2: times.fields.PID-5: PID-5 is no field"),
        ("preadopted: [PID-45]", "a.yaml line 2: preadopted[0]: No version of HL7 has PID-45"),
        ("identifiers: {copies: {OBR-3: MR}}", "a.yaml line 2: identifiers.copies.OBR-3: OBR-3"),
        ("specimen: SPM", "a.yaml line 2: specimen: HL7 2.4 has no SPM-4"),
        ("codes: {maps: {result_status: {inline: {FINI: Q}}}}", "a.yaml line 2: codes.maps.result_status.FINI: It translates"),
        ("times: {convert: true}", "a.yaml line 2: times.convert: The profile's times need a zone"),
    ],
)
def test_a_setting_that_the_version_cannot_keep_is_told_with_its_line(site, text, start):
    with pytest.raises(LabSenderError) as caught:
        Builder(site("message: {extends: a.yaml}", a_yaml=f"version: 2.4\n{text}").message)
    assert caught.value.text.startswith(start)


def test_the_digest_changes_with_every_file(site):
    files = {"a_yaml": "codes: {maps: {test: {file: a.csv}}}", "a_csv": "code,to_code\na,b\n"}
    first = site("message: {extends: a.yaml}", **files).digest
    assert site("message: {extends: a.yaml}", **files).digest == first
    assert site("message: {extends: a.yaml}", **files | {"a_csv": "code,to_code\na,c\n"}).digest != first
    assert site("message: {extends: a.yaml}", **files | {"a_yaml": files["a_yaml"] + "\n"}).digest != first


def test_a_profile_for_code_takes_values_as_yaml_or_as_they_are():
    one = builtin(
        "generic-2.4", require=["PID-5"], limits={"HD.1": 20}, codes={"maps": {"flag": {"inline": {"H": "A"}}}}
    )
    other = builtin("generic-2.4", require=one.settings.require, limits=one.settings.limits, codes=one.settings.codes)
    assert one.settings == other.settings
    assert one.maps == other.maps == {"flag": {"H": MappedCode("A", "", "")}}
    assert (one.name, one.origins["require[0]"], one.origins["limits.HD.1"]) == ("code", "code", "code")
    with pytest.raises(LabSenderError, match=r"profile\.invalid: code: charset: must be ASCII"):
        builtin(charset="latin")


def test_a_profile_goes_to_another_process():
    profile = builtin("us-elr", add=[{"segment": "ZLB|1|{OBR-3.1}", "after": "OBR"}])
    copy: SiteProfile = pickle.loads(pickle.dumps(profile))
    assert copy == profile
