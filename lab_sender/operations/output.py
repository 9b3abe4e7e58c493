"""The documents that commands print with `--json`, and their JSON Schema.

Holds: the list of them; each is a value whose field `format` names its kind and version.
Promises: the schema is made from the values' types. A version goes up when a field goes or changes its meaning; new
fields may come at any time.
Never: reads or asks anything.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from lab_sender.operations import (
    accounts,
    acts,
    audit,
    bulk,
    checks,
    explained,
    following,
    his,
    journal_accept,
    journal_files,
    journal_move,
    listings,
    previews,
    problems,
    proof,
    reload,
    search,
    sending,
    service,
    status,
    stories,
    table_map,
    tally,
)
from lab_sender.operations.alerts import asked
from lab_sender.operations.values import Value

DOCUMENTS: Final[tuple[type[Value], ...]] = (
    status.Status,
    search.Listing,
    listings.OutboxListing,
    stories.Story,
    acts.Act,
    acts.Acts,
    bulk.Frozen,
    bulk.Bulk,
    following.Followed,
    proof.Proof,
    reload.Reloaded,
    sending.Sent,
    checks.Checks,
    tally.SentAgain,
    previews.Preview,
    table_map.TableMap,
    explained.Explained,
    his.HisListening,
    his.HisMessage,
    his.HisEnded,
    asked.AlertsTest,
    asked.AlertsListing,
    asked.AlertTaken,
    accounts.AccountListing,
    accounts.KeyListing,
    audit.AuditListing,
    audit.AuditVerdict,
    journal_files.BackedUp,
    journal_files.RecoveredJournal,
    journal_files.Compacted,
    journal_move.JournalMoved,
    journal_accept.Accepted,
    service.ServiceStatus,
    service.ServiceAct,
    problems.Problem,
)
"""What `--json` prints: one document for each command, for `his` one a line."""


def output_schema() -> dict[str, Any]:
    """Make the JSON Schema of every document."""
    references, types = msgspec.json.schema_components(DOCUMENTS, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "lab-sender --json",
        "description": "What the commands of lab-sender print with --json; `format` says which of these it is.",
        "oneOf": list(references),
        "$defs": types,
    }
