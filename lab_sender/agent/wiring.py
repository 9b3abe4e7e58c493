"""Configuration -> the settings of an agent's parts.

Holds: the names of the lock, the journal and the destination, and one function for each part that has settings.
Promises: pure; the same configuration gives the same settings.
Never: opens, makes or starts anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lab_sender.config.inputs import CsvSettings
from lab_sender.config.load import Config
from lab_sender.config.wide import WideSettings
from lab_sender.delivery.lane import LaneSettings
from lab_sender.delivery.retry import Policy, ReplyRule
from lab_sender.mllp import Endpoint, Timeouts, TlsFiles
from lab_sender.readers import Inputs
from lab_sender.readers.settings import AstmInput, CsvFormat, FhirInput, Hl7Input, PdfInput, SkipRule, Wide, WideTest

DESTINATION = "his"


JOURNAL_NAME = "journal.db"


LOCK_NAME = "agent.lock"


def endpoint(config: Config) -> Endpoint:
    """Return where the configuration's HIS listens."""
    his = config.his
    tls = None
    if his.tls is not None:
        tls = TlsFiles(
            ca=str(his.tls.ca or ""),
            certificate=str(his.tls.certificate or ""),
            key=str(his.tls.key or ""),
            password=his.tls.key_password.get_secret_value() if his.tls.key_password else "",
            server_name=his.tls.server_name,
        )
    return Endpoint(his.host, his.port, his.connect_timeout_s, his.keepalive_s, tls, his.plaintext)


def own_folders(config: Config) -> frozenset[Path]:
    """Return the folders that are ours, also where they lie in the outbox."""
    folders = config.folders
    return frozenset({folders.work, folders.sent, folders.quarantine, folders.journal})


def timeouts(config: Config) -> Timeouts:
    """Return the exchange's deadlines."""
    his = config.his
    return Timeouts(write_s=his.ack_timeout_s, ack_s=his.ack_timeout_s, application_s=his.application_ack_timeout_s)


def lane_settings(config: Config) -> LaneSettings:
    """Return how the configuration's lane behaves."""
    his = config.his
    rules = tuple(ReplyRule(rule.then, rule.code, rule.error, rule.text) for rule in his.replies)
    policy = Policy(
        his.retry.first_wait_s,
        his.retry.longest_wait_s,
        his.retry.unanswered,
        his.retry.unanswered_after_s,
        his.retry.refused,
        rules,
    )
    return LaneSettings(policy, his.brake.refused, his.brake.unanswered, his.brake.probe_s, his.after_quarantine)


def inputs(config: Config) -> Inputs:
    """Return how the site's files are read."""
    astm, pdf = config.inputs.astm, config.inputs.pdf
    field, component = astm.specimen_id.removeprefix("O-").split(".")
    return Inputs(
        csv_formats(config.inputs.csv),
        AstmInput(
            patient_from=astm.patient_from,
            tests_system=astm.tests_system,
            specimen_id=(int(field), int(component)),
            test_parts=astm.test_parts,
            panel=_coded(astm.panel) if astm.panel else None,
            skip=astm.skip,
            no_value=astm.no_value,
            patient_ids=tuple([int(field.removeprefix("P-")) for field in astm.patient_ids]),
            name_parts=astm.name_parts,
            processing={code.upper(): meaning for code, meaning in astm.processing.items()},
            value_part=astm.value_part,
            titers=astm.titers,
            ignore=frozenset(astm.ignore),
            encoding=astm.encoding,
        ),
        PdfInput(pdf.name, _coded(pdf.test), pdf.beside),
        FhirInput(config.inputs.fhir.systems, config.inputs.fhir.number, config.inputs.fhir.pass_over),
        Hl7Input(config.intake.hl7_end, config.intake.hl7_line_feed, config.intake.hl7_no_answer),
        frozenset(word.strip().lower() for word in config.inputs.words_for_nothing if word.strip()),
    )


def csv_formats(formats: Iterable[CsvSettings]) -> tuple[CsvFormat, ...]:
    """Return how tables are read, by the formats of a configuration."""
    return tuple(
        CsvFormat(
            files=form.files,
            columns=form.columns,
            defaults=form.defaults,
            delimiter=form.delimiter,
            encoding=form.encoding,
            skip_rows=tuple(SkipRule(rule.column, rule.matches) for rule in form.skip_rows),
            dates=form.dates,
            decimal_comma=form.decimal_comma,
            name=form.name,
            orderer_name=form.orderer_name,
            patient_from=form.patient_from,
            wide=_wide(form.wide) if form.wide is not None else None,
        )
        for form in formats
    )


def _wide(wide: WideSettings) -> Wide:
    """Return which columns of a wide table are tests."""
    tests = {
        heading: WideTest(code=test.code, text=test.text, system=test.system, unit=test.unit, range=test.range)
        for heading, test in wide.tests.items()
    }
    return Wide(tests, wide.flags, wide.units)


def _coded(text: str) -> tuple[str, str, str]:
    """Return the parts of CODE^TEXT^SYSTEM; without a system it is the laboratory's own."""
    code, words, system = (*text.split("^"), "", "")[:3]
    return code, words, system or "L"
