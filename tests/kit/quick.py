"""What `make quick` leaves to `make test`.

Holds: the one list of it, by why; the pytest plugin that goes by it (`pytest --quick`, also for one room), or by
another list (alike.py).
Promises: a file that is left out is not even imported; the run's end says what was left out; every name in the list
is there, and every room but the command line keeps tests of its own (tests/test_quick.py). Of a long table of
parameters the same few rows are tried each time, from its first to its last.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
TESTS = Path(__file__).parents[1]
_ROWS = 4
"""So many of a test's parameters."""
_MEMORY = Path("/dev/shm")
"""Where the files of a quick run lie, if there is one: nothing is lost with them, and no disk is waited for."""

LEFT_OUT: dict[str, tuple[str, ...]] = {
    "the agent as a process": ("faults", "relays"),
    "the commands": ("cli",),
    "TLS": ("mllp/test_tls.py",),
    "many stories of what comes late": (
        "delivery/test_later_answers.py",
        "delivery/test_new_settings.py",
        "filing/test_purge.py",
        "intake/test_age_of_what_waited.py",
        "journal/test_age_after_update.py",
    ),
    "what is read in the whole house": (
        "test_architecture.py",
        "test_codes.py",
        "test_mutations.py",
        "test_words.py",
    ),
    "helpers and most programs as processes": (
        "api/test_page.py::test_programs_do_not_pay_for_the_command_line",
        "api/test_page.py::test_the_program_delivers_a_report",
        "api/test_page.py::test_the_program_says_what_the_his_refused",
        "intake/test_plan.py::test_files_before_are_built_by_the_old_plan_and_files_after_by_the_new_one",
        "intake/test_plan.py::test_a_plan_that_comes_in_a_round_waits_for_its_end",
        "intake/test_outboxes.py::test_many_files_are_composed_by_the_helper_as_in_the_agent",
        "intake/test_workshop.py",
        "agent/test_node.py",
        "agent/test_notify.py",
        "filing/test_purge_each_step.py",
        "filing/test_purge_killed.py",
        "journal/test_copies.py",
        "journal/test_left.py",
        "journal/test_leases.py",
        "journal/test_moving.py",
        "journal/test_postgres.py",
        "journal/test_postgres_schema.py",
        "journal/test_side_by_side.py",
        "operations/test_alerts_of_several.py",
        "operations/test_journal_move.py",
        "operations/test_on_server.py",
        "operations/test_records_on_server.py",
        "operations/test_surely.py",
        "oru/test_explain.py::test_the_agent_does_not_load_it",
        "web/test_alerting.py::test_neither_the_agent_nor_the_page_loads_what_alerts_need",
        "readers/test_fhir.py::test_other_files_do_not_load_the_library",
        "readers/test_registry.py::test_reading_json_imports_no_other_reader",
        "service/test_systemd.py::test_systemd_itself_reads_all_of_them",
        "service/test_systemd.py::test_the_service_of_another_configuration_stays",
        "test_writers.py::test_a_writer_that_comes_during_the_question_ends_nothing",
    ),
    "a browser, the page as a process, its screens and who may see them": (
        "web/test_browser.py",
        "web/test_several_machines.py",
        "web/test_walk.py",
        "web/test_screens.py",
        "web/test_security.py",
        "web/test_programs_see_no_more.py",
        "web/test_process.py",
        "web/test_process_in_trouble.py",
        "web/test_who_sees_what.py",
        "web/test_audit.py::test_killed_between_asked_and_the_act",
    ),
    "whole agents, from start to end": (
        "agent/test_beats.py::test_it_is_written_beside_the_journal_while_the_agent_works",
        "agent/test_known.py",
        "agent/test_outboxes.py",
        "api/test_fate.py",
        "web/test_alerting.py::test_alerts_go_out_by_what_the_page_sees_and_new_channels_count_at_once",
        "web/test_alerting.py::test_the_metrics_are_for_anybody_and_have_nothing_of_a_patient",
        "web/test_api.py::test_the_page_shows_progress_and_its_stop_leaves_the_rest",
        "web/test_control_ids_of_laboratories.py::test_nobody_without_the_right_sees_one",
        "web/test_overview.py::test_an_agent_that_has_stopped_is_seen_within_seconds",
    ),
    "waits that are a second and more": (
        "delivery/test_lane.py::test_a_verdict_that_cannot_be_committed_is_kept_and_nothing_else_is_sent",
        "delivery/test_lane.py::test_one_unanswered_while_nobody_is_answered_holds_the_lane",
        "filing/test_purge.py::test_a_journal_that_cannot_be_written_is_tried_again",
        "intake/test_intake.py::test_a_journal_that_cannot_be_written_is_waited_for",
    ),
    "several connections at once": (
        "delivery/test_lanes_in_any_order.py",
        "delivery/test_lanes_in_threads.py",
        "delivery/test_several_lanes.py",
    ),
    "long histories and kills at every step": (
        "intake/test_intake.py::test_files_that_wait_are_taken_in_few_transactions",
        "delivery/test_last_word.py",
        "intake/test_after_retention.py::test_a_report_of_a_known_order_is_judged_by_what_is_left",
        "intake/test_pairing.py::test_a_backlog_is_paired_whatever_the_batches_and_stays_in_order",
        "intake/test_pairing.py::test_killed_at_every_effect_a_pair_stays_a_pair",
        "journal/test_growth.py",
        "operations/test_bulk.py::test_five_hundred_of_which_three_are_overtaken",
        "web/test_submissions.py::test_killed_at_every_step_and_sent_again_it_is_there_once",
    ),
    "whole tables, in every format or version": (
        "config/test_closed_hours.py::test_without_a_zone_it_is_the_clock_of_this_machine",
        "config/test_destinations.py::test_whatever_is_changed_in_a_text_there_is_a_report_or_a_configuration",
        "config/test_forty_mistakes.py",
        "config/test_profile_national.py::test_every_builtin_profile_builds_the_full_report",
        "config/test_profile_national.py::test_what_is_required_and_missing_is_refused_with_its_field_and_its_source",
        "config/test_profile_national.py::test_what_goes_to_another_segment_stays_in_its_order",
        "config/test_time_zones.py::test_another_name_of_a_place_is_known",
        "hl7/test_grammar.py::test_every_version_compiles",
        "hl7/test_message.py::test_a_new_control_id_touches_nothing_else",
        "mllp/test_exchange.py::test_the_usual_answer_by_one_expression_is_what_the_strict_reading_gives",
        "intake/test_ledger.py::test_a_silent_change_is_found_in_every_character_set",
        "intake/test_outboxes.py::test_one_file_three_profiles_three_messages",
        "intake/test_read_again.py::test_all_of_a_file_is_of_each_reading",
        "journal/test_migration.py::test_a_migrated_journal_counts_what_it_has",
        "journal/test_migration.py::test_a_migrated_journal_has_the_tables_and_indexes_of_a_new_one",
        "journal/test_migration.py::test_bringing_up_takes_time_in_proportion_to_the_history",
        "journal/test_migration.py::test_what_lies_in_sent_is_read_from_an_older_journal_as_from_a_new_one",
        "journal/test_searching.py::test_it_is_what_a_look_at_every_row_finds",
        "journal/test_states.py::test_an_event_that_may_not_come_leaves_the_row_and_says_so",
        "oru/test_builder.py::test_nothing_but_a_file_error_comes_out",
        "oru/test_escaping.py::test_no_value_breaks_out_of_its_field",
        "oru/test_golden.py::test_rich_report",
        "oru/test_explain.py::test_sources_agree_with_what_the_builder_writes",
        "oru/test_unfinished.py::test_what_a_correction_would_bring_is_never_surely_not_taken",
        "oru/test_unfinished.py::test_what_is_empty_with_a_required_field_is_never_surely_not_taken",
        "oru/test_versions.py::test_any_report_by_any_profile_builds_or_gives_findings",
        "oru/test_versions.py::test_what_is_said_is_there_in_every_version",
        "readers/test_guards.py::test_a_text_means_the_same_in_every_format",
        "readers/test_json_nothing_silent.py::test_every_value_is_in_the_message_or_named_in_a_remark",
        "readers/test_pages_fields.py::test_a_key_is_where_the_page_says",
    ),
    "every real file there is": (
        "oru/test_ready_rules.py::test_one_rule_changes_exactly_its_field_in_the_whole_corpus",
        "oru/test_ready_rules.py::test_rules_that_find_nothing_leave_every_byte_in_the_whole_corpus",
        "readers/test_corpus.py::test_every_real_file",
        "readers/test_csv_corpus.py::test_every_real_table",
        "readers/test_fhir_corpus.py::test_a_damaged_file_is_built_or_refused",
        "readers/test_fhir_corpus.py::test_a_real_file",
    ),
    "the second opinion of hl7apy": (
        "hl7/test_grammar.py::test_the_metadata_is_what_hl7apy_says",
        "oru/test_explain.py::test_in_every_version_hl7apy_objects_to_nothing_but_what_it_is_known_to_get_wrong",
        "oru/test_golden.py::test_hl7apy_finds_nothing_in_the_rich_report",
        "oru/test_oracle.py",
    ),
}


def names() -> Iterator[str]:
    """Yield what is left out: folders, files and tests, below tests/."""
    for each in LEFT_OUT.values():
        yield from each


class LeavingOut:
    """A pytest plugin that leaves out what a list names, and says so at the end."""

    def __init__(self, left_out: dict[str, tuple[str, ...]], told: str) -> None:
        self._names = frozenset(name for each in left_out.values() for name in each)
        self._told = f"{told}: {'; '.join(left_out)}"

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave out folders and files."""
        below = collection_path.is_relative_to(TESTS)
        return True if below and collection_path.relative_to(TESTS).as_posix() in self._names else None

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out single tests, with all their parameters or with one."""
        left_out = {item for item in items if self._names.intersection(_names_of(item))}
        if left_out:
            config.hook.pytest_deselected(items=list(left_out))
            items[:] = [item for item in items if item not in left_out]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what this run does not show."""
        terminalreporter.write_line(self._told, yellow=True)


class Quick(LeavingOut):
    """Leaves out what `make quick` leaves to `make test`."""

    def __init__(self) -> None:
        super().__init__(LEFT_OUT, f"left to `make test` (tests/kit/quick.py): all but {_ROWS} rows of a table")
        self._files: str | None = None

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out single tests too, the long ones, and of the others what is too many rows."""
        super().pytest_collection_modifyitems(config, items)
        tables: dict[str, list[pytest.Item]] = {}
        for item in items:
            if item.get_closest_marker("long") is None:
                tables.setdefault(item.nodeid.partition("[")[0], []).append(item)
        kept = {item for rows in tables.values() for item in some(rows)}
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = [item for item in items if item in kept]

    def pytest_configure(self, config: pytest.Config) -> None:
        """Put the files of the tests into memory; the workers' lie below the controller's."""
        if _MEMORY.is_dir() and not config.option.basetemp and not hasattr(config, "workerinput"):
            config.option.basetemp = self._files = tempfile.mkdtemp(prefix="lab-sender-quick-", dir=_MEMORY)

    def pytest_unconfigure(self) -> None:
        """Leave nothing in memory."""
        if self._files is not None:
            shutil.rmtree(self._files, ignore_errors=True)


def some(rows: list[T]) -> list[T]:
    """Choose rows of a table at equal distances, its first and its last among them."""
    if len(rows) <= _ROWS:
        return rows
    return [rows[number * (len(rows) - 1) // (_ROWS - 1)] for number in range(_ROWS)]


def _names_of(item: pytest.Item) -> tuple[str, str]:
    """Return a test's names: with all its parameters, and with its own."""
    path = item.path.relative_to(TESTS).as_posix()
    return f"{path}::{getattr(item, 'originalname', item.name)}", f"{path}::{item.name}"
