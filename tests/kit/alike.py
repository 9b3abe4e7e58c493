"""What `make test-windows` leaves to `make test-windows-all`: what is the same on every system.

Holds: the one list of it, by why. `pytest --unlike` goes by it.
Promises: of each room there stays what asks the system: files, processes, sockets, clocks, streams, SQLite's file;
every name in the list is there (tests/test_quick.py).
"""

from __future__ import annotations

ALIKE: dict[str, tuple[str, ...]] = {
    "what commands say, asked in the tests' own process": (
        "cli/test_act.py",
        "cli/test_alerts.py",
        "cli/test_check_sent.py",
        "cli/test_destinations.py",
        "cli/test_example_profile.py",
        "cli/test_explain.py",
        "cli/test_file_pages.py",
        "cli/test_health.py",
        "cli/test_look.py",
        "cli/test_map.py",
        "cli/test_metrics.py",
        "cli/test_night.py",
        "cli/test_preview.py",
        "cli/test_preview_explain.py",
        "cli/test_proof.py",
        "cli/test_search.py",
        "cli/test_states.py",
        "cli/test_taken_back.py",
    ),
    "which modules a command loads": (
        "cli/test_program.py::test_who_looks_loads_neither_the_agent_nor_what_builds_messages",
        "journal/test_postgres.py",
    ),
    "states and orders in the journal's tables": (
        "journal/test_destinations.py",
        "journal/test_growth.py",
        "journal/test_minutes.py",
        "journal/test_order_history.py",
        "journal/test_plans.py",
        "journal/test_replaced.py",
        "journal/test_searching.py",
        "journal/test_states.py",
        "journal/test_table_of_states.py",
        "journal/test_tally.py",
        "journal/test_turns.py",
        "journal/test_turns_of_any_story.py",
        "journal/test_twice.py",
        "journal/test_verdicts.py",
    ),
    "what is read, compared and built": (
        "config/test_profile_national.py",
        "intake/test_compose.py",
        "intake/test_ledger.py",
        "intake/test_remarks.py",
        "intake/test_routing.py",
        "intake/test_tables.py",
        "faults/test_outbox_faults.py::test_a_file_that_is_no_result[fault_46-nuls]",
        "faults/test_outbox_faults.py::test_a_file_that_is_no_result[fault_46-pdf]",
        "faults/test_outbox_faults.py::test_a_file_that_is_no_result[fault_46-zip]",
        "faults/test_outbox_faults.py::test_a_file_that_is_no_result[fault_47-latin-1]",
        "faults/test_outbox_faults.py::test_a_file_that_is_no_result[fault_47-utf-16]",
        "faults/test_outbox_faults.py::test_a_file_that_is_no_result[fault_48-frame-byte]",
        "faults/test_outbox_faults.py::test_fault_48_delimiters_and_line_ends_in_a_value",
        "faults/test_outbox_faults.py::test_fault_50_the_same_content_again",
    ),
    "what Windows or Wine denies: of each kind one is tried": (
        "faults/test_one_agent_one_journal.py::test_fault_101_a_lock_that_was_replaced_ends_the_agent",
        "faults/test_one_agent_one_journal.py::test_fault_101_never_two_senders[_another_journal]",
        "faults/test_one_agent_one_journal.py::test_fault_101_never_two_senders[_another_work_folder]",
        "faults/test_one_agent_one_journal.py::test_fault_101_never_two_senders[_lock_removed]",
        "faults/test_one_agent_one_journal.py::test_fault_101_never_two_senders[_made_again_outbox]",
        "faults/test_one_agent_one_journal.py::test_fault_101_never_two_senders[_symlinked_folder]",
        "faults/test_one_agent_one_journal.py::test_fault_102_a_journal_that_is_taken_away[replaced]",
        "faults/test_one_agent_one_journal.py::test_fault_102_a_part_of_the_journal_is_taken_away",
    ),
    "kills beside neither a claim nor a move, whose places have others around them": (
        "faults/test_killed_there.py::test_killed_there[fault_03-before-the-commit]",
        "faults/test_killed_there.py::test_killed_there[fault_04-in-the-commit]",
        "faults/test_killed_there.py::test_killed_there[fault_06-before-the-first-byte]",
        "faults/test_killed_there.py::test_killed_there[fault_07-in-mid-frame]",
        "faults/test_killed_there.py::test_killed_there[fault_09-after-the-ack]",
        "intake/test_pairing.py::test_killed_at_every_effect_a_pair_stays_a_pair",
    ),
}
