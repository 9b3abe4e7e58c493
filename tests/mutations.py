"""Does a test fail when a safety is switched off? `make mutations` tries it, one safety after the other.

Holds: the safeties that the promise rests on, each as one change of the code, and the tests that must notice it.
Promises: works on a copy; a change that no longer fits the code is an error, not a pass; ends with 1 where a safety
could be switched off unnoticed. What only Windows has is tried there: `tests/windows.sh --run tests/mutations.py`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "demo-run")
_LONGEST_S = 1800
_HANGS_S = 120
"""A test that takes longer with a safety switched off has noticed it."""
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Mutation:
    """One safety switched off: in `file` of lab_sender/, `code` becomes `instead`; `windows`: one that it has."""

    safety: str
    file: str
    code: str
    instead: str
    tests: tuple[str, ...]
    windows: bool = False


MUTATIONS = (
    Mutation(
        "an alert that no book has goes out before the end", "operations/alerts/channels.py",
        "if self._is_stopping and not (is_due and any(not each.id for each in self._waiting)):",
        "if self._is_stopping:",
        ("cli/test_alerts.py",),
    ),
    Mutation(
        "the helper is there before a file counts as being read in it", "intake/batches.py",
        "            if record(partial(spool.ended_over, claim.claim_id, done)):\n"
        "                record(partial(reading_alone, \"\", done))\n"
        "                self._workshop.await_help()\n"
        "            ends = record(partial(reading_alone, claim.claim_id, done))\n",
        "            ends = record(partial(reading_alone, claim.claim_id, done))\n"
        "            if ends:\n"
        "                self._workshop.await_help()\n",
        ("faults/test_inputs_that_stop.py",),
    ),
    Mutation(
        "a batch of which something is out of sight is found again as a whole", "intake/batches.py",
        "        if self._claims.unsure:\n            return\n", "",
        ("intake/test_intake.py",),
    ),
    Mutation(
        "what was claimed under a folder that went away is not forgotten", "intake/claims.py",
        "    def _lost_sight(self, code: str, error: OSError) -> None:\n        self.unsure = True\n",
        "    def _lost_sight(self, code: str, error: OSError) -> None:\n",
        ("intake/test_intake.py",),
    ),
    Mutation(
        "what was claimed and cannot be seen is looked for again", "intake/intake.py",
        "if self._returned.is_set() or self._claims.unsure:", "if self._returned.is_set():",
        ("intake/test_intake.py",),
    ),
    Mutation(
        "what was brought back is looked for until its folder could be listed", "intake/intake.py",
        "            self._returned.set()\n            raise\n", "            raise\n",
        ("intake/test_intake.py",),
    ),
    Mutation(
        "a marker that an end has left is taken away", "intake/intake.py",
        "        if has_markers:\n", "        if False:\n",
        ("intake/test_intake.py",),
    ),
    Mutation(
        "a marker that has come since an end stays", "intake/arrivals.py",
        "if marker is not None and marker.mtime_ns >= look.mtime_ns:", "if False:",
        ("intake/test_intake.py",),
    ),
    Mutation(
        "no service starts an agent where the folder of its journal has gone", "journal/sqlite/presence.py",
        "    if files.is_gone(folder):", "    if False:",
        ("faults/test_one_agent_one_journal.py",),
    ),
    Mutation(
        "an outbox that is gone with its journal is no empty one", "operations/outboxes.py",
        "    return not os.path.isdir(outbox.folders.outbox) and", "    return False and",
        ("cli/test_look.py",),
    ),
    Mutation(
        "machines write the audit one after the other", "journal/postgres/records.py",
        "BEGIN; {lock}; {look}", "BEGIN; {look}",
        ("operations/test_records_on_server.py",),
    ),
    Mutation(
        "what a clock that was ahead has noted is told again", "operations/alerts/machine.py",
        "    if max(alert.sent_ms, alert.gone_ms or 0) <= now_ms:\n", "    if True:\n",
        ("operations/test_alert_machine.py",),
    ),
    Mutation(
        "what is taken over meanwhile is seen as claimed", "premises/needs.py",
        "    for folder in (mine, *others, mine) if others else (mine,):\n", "    for folder in (mine, *others):\n",
        ("agent/test_sharing.py",),
    ),
    Mutation(
        "an alert that was recorded without an answer goes out", "operations/alerts/service.py",
        "                self._channels.read_again()  # it may", "                pass  # it may",
        ("operations/test_alerts_of_several.py",),
    ),
    Mutation(
        "a text whose end could not be noted is noted later", "operations/alerts/channels.py",
        "            self._late.append(note)\n", "",
        ("operations/test_alerts_of_several.py",),
    ),
    Mutation(
        "nobody writes accounts and audit while they are brought back", "operations/taken_along.py",
        "            _bring(file, old, new, node)\n        yield\n",
        "            _bring(file, old, new, node)\n    yield\n",
        ("operations/test_journal_move.py",),
    ),
    Mutation(
        "nobody puts a file away into which accounts are brought back", "operations/taken_along.py",
        "    with there.transaction():  # of a journal", "    with contextlib.nullcontext():  # of a journal",
        ("operations/test_journal_move.py",),
    ),
    Mutation(
        "what went out without the book is not sent again out of it", "operations/alerts/channels.py",
        "        return [each for each in found if each.id not in sent]\n", "        return found\n",
        ("operations/test_alerts_of_several.py",),
    ),
    Mutation(
        "accounts stay in a file to which the journal has moved", "operations/journal_move.py",
        "            if not is_whole or _stays(records):\n", "            if True:\n",
        ("operations/test_journal_move.py",),
    ),
    Mutation(
        "a machine's records are taken along once", "operations/taken_along.py",
        '"SELECT 1 FROM records_taken WHERE id = ?"', '"SELECT 1 FROM records_taken WHERE id = ? AND FALSE"',
        ("operations/test_records_on_server.py",),
    ),
    Mutation(
        "a result is dropped by the machine that began with it", "operations/submissions.py",
        '    if row["node"] not in ("", installation.config.folders.node):\n', "    if False:\n",
        ("operations/test_records_on_server.py",),
    ),
    Mutation(
        "who was removed does not come back with what is taken along", "operations/taken_along.py",
        'if removed.get(each["name"], -1) < each["changed_ms"]]', "]",
        ("operations/test_records_on_server.py",),
    ),
    Mutation(
        "what was kept before there was a node is taken along", "operations/installation.py",
        "folders.work / path.name if folders.journal == folders.own else path\n", "path\n",
        ("operations/test_records_on_server.py",),
    ),
    Mutation(
        "whoever hangs leaves the alerts to another machine", "operations/alerts/lease.py",
        "clock() + _WORKS_S if wanted else 0.0", "clock() + 1e9 if wanted else 0.0",
        ("operations/test_alerts_of_several.py",),
    ),
    Mutation(
        "an alert that cannot be recorded is said", "operations/alerts/service.py",
        "only the answer was lost\n                raise\n",
        "only the answer was lost\n                return []\n",
        ("operations/test_alerts_of_several.py",),
    ),
    Mutation(
        "texts that cannot be read at a take-over are read again", "operations/alerts/channels.py",
        "            self._read_at = time.monotonic() + _READ_AGAIN_S\n", "            self._read_at = None\n",
        ("operations/test_alerts_of_several.py",),
    ),
    Mutation(
        "what is wrong where nobody can look is not over", "operations/alerts/machine.py",
        "not (frozen or key.node in unseen)", "not frozen",
        ("operations/test_alert_machine.py",),
    ),
    Mutation(
        "a page whose journal has gone lets nobody in there", "operations/web/site.py",
        "                if _kept_at(latest) == _kept_at(self._installation):\n", "                if True:\n",
        ("web/test_records_in_trouble.py",),
    ),
    Mutation(
        "what a program asked for is known by its key's new name", "operations/taken_along.py",
        'names.get(each["who"], each["who"])', 'each["who"]',
        ("operations/test_records_on_server.py",),
    ),
    Mutation(
        "who has an alert is not forgotten where a step could not be kept", "operations/alerts/service.py",
        "act(_with_taken(self._state, state) if", "act(self._state if",
        ("operations/test_alerts_of_several.py",),
    ),
    Mutation(
        "the fence right before an alert goes out", "operations/alerts/book.py",
        "        if self._fenced is None:  # nobody else sends\n            return ids\n", "        return ids\n",
        ("operations/test_alerts_of_several.py",),
    ),
    Mutation(
        "the fence where an alert is recorded", "journal/postgres/records.py",
        "                demand_ours(found, fence)\n", "",
        ("operations/test_alerts_of_several.py",),
    ),
    Mutation(
        "machines share what was sent", "operations/alerts/several.py",
        "book=lambda: Book(self._records, fenced)", "book=Unkept",
        ("operations/test_alerts_of_several.py",),
    ),
    Mutation(
        "one machine of several asks for the heartbeat", "agent/heartbeat.py",
        "        if not self._is_ours():\n", "        if False:\n",
        ("agent/test_heartbeat.py",),
    ),
    Mutation(
        "a server that ends behind its answer is no standby's fault", "journal/postgres/failures.py",
        "    if warning.startswith(_AWAY):\n", "    if False:\n", ("journal/test_postgres.py",),
    ),
    Mutation(
        "that of several machines the one that sends leads", "operations/health.py",
        "and (beat is None or beat.leads)", "", ("faults/test_nodes.py",),
    ),
    Mutation(
        "the fence of a lane that was taken over", "journal/postgres/store.py",
        "                demand_ours(found, self._fence)\n", "",
        ("journal/test_leases.py",),
    ),
    Mutation(
        "the owner beside the epoch in the fence", "journal/postgres/look.py",
        " AND owner = {_quoted(fence.owner)} AND epoch", " AND epoch",
        ("journal/test_leases.py",),
    ),
    Mutation(
        "whoever takes a lane waits for its transactions", "journal/postgres/look.py",
        " FOR KEY SHARE", "",
        ("journal/test_leases.py",),
    ),
    Mutation(
        "the look at the lease before the first byte", "mllp/link.py",
        "if not self._may_send():", "if False:",
        ("mllp/test_link.py", "faults/test_nodes.py"),
    ),
    Mutation(
        "an owner's time from before it asked", "journal/postgres/leases.py",
        "                fence.renewed(asked_at)\n", "                fence.renewed(clock())\n",
        ("journal/test_leases.py",),
    ),
    Mutation(
        "a lane that was lost asks the server nothing", "journal/postgres/lane_store.py",
        "        self._fence.demand()\n        with super()._transaction",
        "        with super()._transaction",
        ("journal/test_leases.py",),
    ),
    Mutation(
        "a lane ends without the database", "agent/node.py",
        "                if not fence.holds():\n                    fence.lose()\n",
        "                pass\n",
        ("agent/test_node.py",),
    ),
    Mutation(
        "a taker watches for a whole lease", "agent/node.py",
        "if row.owner and stands_s < row.lease_ms / 1000:", "if row.owner and stands_s < row.lease_ms / 4000:",
        ("agent/test_node.py", "faults/test_nodes.py"),
    ),
    Mutation(
        "what was left before agents shared the journal", "premises/known.py",
        "    removed += _otherwise(view)\n", "",
        ("journal/test_leases.py",),
    ),
    Mutation(
        "whose an outbox is that has not its own name in the journal", "premises/known.py",
        "_free(each.written(each.folders.outbox.name or \"outbox\"), taken)",
        "_free(each.folders.outbox.name or \"outbox\", taken)",
        ("journal/test_leases.py",),
    ),
    Mutation(
        "an agent of several keeps one that is alone out", "journal/postgres/whose.py",
        '            if noted.get("agent_run"):\n', "            if False:\n",
        ("journal/test_leases.py",),
    ),
    Mutation(
        "the price of a password for who guesses it", "operations/web/passwords.py",
        "memory_cost=19 * 1024", "memory_cost=19", ("web/test_passwords.py",),
    ),
    Mutation(
        "a name that is not there costs as much as a wrong password", "operations/web/passwords.py",
        "_HASHER.verify(kept or _OF_NOBODY, password) and bool(kept)",
        "bool(kept) and _HASHER.verify(kept, password)",
        ("web/test_passwords.py",),
    ),
    Mutation(
        "the flush of the folders after a claim", "intake/claims.py",
        "                    files.sync_folder(claimed)\n                    files.sync_folder(outbox)\n",
        "                    pass\n",
        ("faults/test_syscall_order.py", "faults/test_power_cut.py"),
    ),
    Mutation(
        "the flush of the folders after a move", "filing/keeper.py",
        "                files.sync_folder(folder)\n",
        "                pass\n",
        ("faults/test_power_cut.py",),
    ),
    Mutation(
        "the last file of each outbox, noted", "journal/taken.py",
        "    return known | {outbox",
        "    return {outbox",
        ("journal/test_taken.py",),
    ),
    Mutation(
        "the service of another configuration", "service/systemd.py",
        "            self._want_same(unit, text)\n",
        "",
        ("service/test_systemd.py",),
    ),
    Mutation(
        "the log's rights for its own group alone", "logfile.py",
        "        rights_then &= stat.S_IRWXU\n",
        "        pass\n",
        ("test_logfile.py",),
    ),
    Mutation(
        "acts within the time that was said", "operations/choosing.py",
        "(criteria.since_ms is None or usual_ms is not None)",
        "criteria.since_ms is None",
        ("operations/test_bulk.py",),
    ),
    Mutation(
        "parameters of the database's address that are spelled in %HH", "config/journal.py",
        'if found["more"] and not all(',
        'if found["more"] and all(',
        ("config/test_journal_section.py",),
    ),
    Mutation(
        "the page's unit of another configuration", "operations/service.py",
        "    manager.want_free(made)\n",
        "",
        ("cli/test_service.py",),
    ),
    Mutation(
        "the FULL commit", "journal/sqlite/store.py",
        "{'FULL' if full else 'NORMAL'}",
        "{'NORMAL'}",
        ("faults/test_syscall_order.py",),
    ),
    Mutation(
        "the comparison of MSA-2 with our id", "mllp/verdict.py",
        "        if ack.control_id != self._control_id and not same_id(ack.control_id, self._control_id):\n",
        "        if False:\n",
        ("mllp",),
    ),
    Mutation(
        "the closing of the connection after a time-out", "mllp/link.py",
        "            self.listen()\n        self._ended(outcome.cause)\n",
        "            self.listen()\n",
        ("mllp", "delivery/test_lane.py"),
    ),
    Mutation(
        "the rule in the DELETE of a message's bytes", "journal/sql/retention.sql",
        " WHERE m.state IN {finished} AND m.contradicted = '' AND {unread} AND m.source_id IN ({closed}));\n",
        ");\n",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "the look at the clock before anything is deleted", "filing/purge.py",
        "        if not self._is_believed(now) or settings is None",
        "        if settings is None",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "the leap of a clock, found at a start", "filing/clock.py",
        "is_first or not -_LEAP_MS <= now_ms - self._seen_ms <= most_ms",
        "is_first",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "the age by the order of receipt, where the clock was behind", "journal/sql/retention.sql",
        " OR c.id >= :young\n",
        "\n",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "the outbox that a deleted file is of", "filing/purge.py",
        "self._folders.get(file.outbox)\n",
        "self._folders.get(file.outbox) or next(iter(self._folders.values()))\n",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "the claim id of a file whose row was lost", "journal/sqlite/mend.py",
        "r.source_id = {0}\n",
        "FALSE\n",
        ("journal/test_copies.py",),
    ),
    Mutation(
        "the quarantine of a file of which a message may be lost", "journal/sqlite/mend.py",
        "unsure = _unsure(db, [each for each in lost if each in given]) if lost or sources_lost else 0",
        "unsure = 0",
        ("journal/test_copies.py",),
    ),
    Mutation(
        "the round of sending in a recovered journal", "journal/sqlite/mend.py",
        "    db.execute(_ROUND)\n",
        "",
        ("journal/test_copies.py",),
    ),
    Mutation(
        "the sign of life of a lane whose large message leaves slowly", "mllp/connection.py",
        "                self.on_progress()\n",
        "",
        ("mllp/test_link.py",),
    ),
    Mutation(
        "what of a large message the kernel does not take at once", "mllp/connection.py",
        "        if sent == len(data):", "        if sent:", ("mllp/test_link.py",),
    ),
    Mutation(
        "an answer that does not come in time is no broken connection", "mllp/connection.py",
        "        except (BlockingIOError, ssl.SSLWantReadError):\n            return None  # the time",
        "        except ssl.SSLWantReadError:\n            return None  # the time",
        ("mllp/test_link.py",),
    ),
    Mutation(
        "the bound on the watchdog's wait for the journal", "agent/notify.py",
        "store.tick(_TURN_S)",
        "store.tick()",
        ("agent/test_notify.py",),
    ),
    Mutation(
        "the look whether an agent has begun, before what was being sent is given up", "journal/delivery.py",
        '(self._store.node or noted(db, "agent_run") != run)',
        "self._store.node",
        ("operations/test_bulk.py",),
    ),
    Mutation(
        "the look whether an archive's folder is another one, or a write has failed halfway", "filing/archive.py",
        "if name in self._hashes and self._is_as_long(name):",
        "if name in self._hashes:",
        ("filing/test_archive.py",),
    ),
    Mutation(
        "the end of a request to take a changed configuration", "journal/reloads.py",
        "if each[0] not in acts_of]",
        "]",
        ("agent/test_reload.py",),
    ),
    Mutation(
        "the look whether the journal can be written again", "journal/sqlite/store.py",
        "(self._unflushed or self._trouble) and",
        "self._unflushed and",
        ("journal/test_sqlite.py",),
    ),
    Mutation(
        "the end of a night whose settings were changed", "filing/purge.py",
        "self._by is not None and self._settings is not self._by",
        "False",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "what is not finished, in what retention looks at", "journal/sql/retention.sql",
        "x.state NOT IN {finished} OR x.contradicted <> ''\n  OR x.final_ms IS NULL",
        "x.final_ms IS NULL",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "the files in quarantine or on their way, in what retention looks at", "journal/sql/retention.sql",
        "(f.planned_folder <> '' OR f.folder = 'claimed'\n  OR f.folder = 'quarantine'))\n OR EXISTS",
        "FALSE)\n OR EXISTS",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "what a duplicate points to, in what retention deletes", "journal/sql/retention.sql",
        "  WHERE x.source_id = c.id AND d.source_id NOT IN (SELECT id FROM chain))\n",
        "  WHERE FALSE)\n",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "the second reading that has not come yet", "journal/sql/retention.sql",
        " OR c.state = 'withdrawn' AND NOT EXISTS (SELECT 1 FROM source l WHERE l.claim_id = c.returns_as)\n",
        "",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "the trigger that keeps what is not finished", "journal/sqlite/tables.sql",
        "CREATE TRIGGER message_stays BEFORE DELETE ON message\nWHEN OLD.contradicted <> '' OR",
        "CREATE TRIGGER message_stays BEFORE DELETE ON message\nWHEN FALSE AND",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "the trigger that keeps the bytes of what is not finished", "journal/sqlite/tables.sql",
        "CREATE TRIGGER wire_stays BEFORE DELETE ON wire\nWHEN EXISTS",
        "CREATE TRIGGER wire_stays BEFORE DELETE ON wire\nWHEN FALSE AND EXISTS",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "the archive before the deletion", "filing/purge.py",
        "                if archive is not None:\n"
        "                    archive.messages(self._book.archived_messages(due))\n"
        "                asked = {message: old[message] for message in due}\n"
        "                self.counts[\"content\"] += self._book.delete_content(asked, rule.content_ms)\n",
        "                asked = {message: old[message] for message in due}\n"
        "                kept = self._book.archived_messages(due)\n"
        "                self.counts[\"content\"] += self._book.delete_content(asked, rule.content_ms)\n"
        "                if archive is not None:\n"
        "                    archive.messages(kept)\n",
        ("filing/test_archive.py",),
    ),
    Mutation(
        "the flush of the archive", "files.py",
        "        writer.write(data)\n        writer.flush()\n        fsync(writer.fileno())\n    if is_new:\n",
        "        writer.write(data)\n    if is_new:\n",
        ("filing/test_archive.py",),
    ),
    Mutation(
        "what was last sent of an order, once its message is deleted", "journal/retention.py",
        "        db.execute(_SQL[\"keep_orders\"], values)\n",
        "",
        ("intake/test_after_retention.py",),
    ),
    Mutation(
        "the report that cannot be compared any more", "intake/corrections.py",
        "        if latest(last, fact) != \"this\":\n",
        "        if False:\n",
        ("intake/test_after_retention.py",),
    ),
    Mutation(
        "the content of a file in sent/ that is deleted", "filing/retention.py",
        "return hashlib.file_digest(reader, \"sha256\").digest() == file.sha256\n",
        "return True\n",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "the quarantine of what waits and has lost its bytes", "journal/sqlite/mend.py",
        "    bytes_lost = db.execute(_BYTES_LOST, (_NO_BYTES, at_ms)).rowcount\n",
        "    bytes_lost = 0\n",
        ("journal/test_copies.py",),
    ),
    Mutation(
        "the rename that sees a name taken in the same instant", "files.py",
        "        if failed == errno.EEXIST:\n",
        "        if failed == -1:\n",
        ("test_files.py",),
    ),
    Mutation(
        "the look whether an agent would take a dropped file", "operations/drop.py",
        "    if names.is_temporary(name) or is_dropping(name):\n",
        "    if False:\n",
        ("api/test_drop.py",),
    ),
    Mutation(
        "the attachments that appear before their report", "operations/drop.py",
        "            _appear(parts[each], folder, [each])\n",
        "            files.rename(parts[each], folder / f\"{each}.late\")\n",
        ("api/test_drop.py",),
    ),
    Mutation(
        "the look for destinations and outboxes that were removed, at a start", "agent/process.py",
        "                demand_none_removed(view, self._config.destinations, self._known)\n",
        "",
        ("cli/test_destinations.py",),
    ),
    Mutation(
        "the profile of its own destination that a message is rebuilt by", "operations/rebuild.py",
        "recipients(config.destinations, (original.destination,))",
        "recipients(config.destinations, config.destinations)",
        ("cli/test_destinations.py",),
    ),
    Mutation(
        "the destination that a word is meant for", "operations/named.py",
        "            if to and line.destination not in to:\n                continue\n",
        "",
        ("cli/test_destinations.py",),
    ),
    Mutation(
        "the content that a dropped file is known by", "operations/fate.py",
        "bytes.fromhex(dropped.sha256))\n",
        "b\"\")\n",
        ("api/test_fate.py",),
    ),
    Mutation(
        "the error over a number that JSON does not have", "report/json_text.py",
        "        if not math.isfinite(value):\n            return self._fault(",
        "        if not math.isfinite(value):\n            return None and self._fault(",
        ("report",),
    ),
    Mutation(
        "a writer who comes during the question does not end the agent", "writers.py",
        "if signal.getsignal(signal.SIGIO) is not signal.SIG_IGN:", "if signal.getsignal(signal.SIGIO) is None:",
        ("test_writers.py",),
    ),
    Mutation(
        "a writer who comes while a file is read waits", "writers.py",
        "            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)\n"
        "        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)\n",
        "            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)\n"
        "        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)\n"
        "        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)\n",
        ("test_writers.py",),
    ),
    Mutation(
        "a child makes no ids of its parent", "ids.py",
        "os.register_at_fork(after_in_child=_random.clear)", "pass", ("test_ids_and_log.py",),
    ),
    Mutation(
        "the second fstat", "writers.py",
        "        if len(data) != after.st_size or before.st_mtime_ns != after.st_mtime_ns:\n",
        "        if False:\n",
        ("test_writers.py",),
    ),
    Mutation(
        "what a killed agent had delivered last is filed", "journal/filing.py",
        "        with self._store.reading():  # which folds that in\n            pass\n", "",
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "what has become younger is not claimed in its old place", "intake/claims.py",
        "now.st_mtime_ns > look.mtime_ns", "False",
        ("intake/test_intake.py",),
    ),
    Mutation(
        "nor anything behind it by that look, in this batch or the next", "intake/claims.py",
        "not self.outdated and ", "",
        ("intake/test_intake.py",),
    ),
    Mutation(
        "claims sort behind those of all outboxes from before", "intake/intake.py",
        "        self._claims.go_on_from_left()  # before any outbox of this agent claims\n", "",
        ("intake/test_claim_ids.py",),
    ),
    Mutation(
        "the start-up reconciliation of claimed files", "intake/intake.py",
        "            self._recover()\n",
        "",
        ("faults/test_power_cut.py", "faults/test_killed_at_every_effect.py"),
    ),
    Mutation(
        "the checksum of the stored bytes", "journal/ahead.py",
        "        if zlib.crc32(row[3]) != crc32:\n",
        "        if False:\n",
        ("journal/test_journal.py", "journal/test_sqlite.py", "faults/test_journal_faults.py"),
    ),
    Mutation(
        "the look for a stale connection before a send", "mllp/link.py",
        '        if seen == "quiet":\n',
        "        if True:\n",
        ("mllp",),
    ),
    Mutation(
        "the plan before a move", "filing/keeper.py",
        "        self._filing.planned(\n",
        "        (lambda _: None)(\n",
        ("filing/test_keeper.py", "faults/test_killed_at_every_effect.py"),
    ),
    Mutation(
        "the brake", "delivery/brake.py",
        "        return self.count(\"refused\") >= most.refused or self.count(\"unanswered\") >= most.unanswered\n",
        "        return False\n",
        ("delivery/test_lane.py", "faults/test_ill_his.py"),
    ),
    Mutation(
        "no writer is allowed beside a claim", "windows.py",
        "        share = _SHARE_READ | _SHARE_DELETE\n",
        "        share = _SHARE_READ | _SHARE_DELETE | _SHARE_WRITE\n",
        ("agent/test_share_modes.py",),
        windows=True,
    ),
    Mutation(
        "a rename on Windows overwrites nothing", "windows.py",
        "_WRITE_THROUGH | (_REPLACE_EXISTING if replace else 0)",
        "_WRITE_THROUGH | _REPLACE_EXISTING",
        ("faults/test_windows_claim.py",),
        windows=True,
    ),
    Mutation(
        "a handshake in which time ran out is not done", "mllp/connection.py",
        "                raise TimeoutError(\"timed out in the handshake\") from None\n",
        "                pass\n",
        ("mllp/test_tls.py",),
    ),
    Mutation(
        "the lock that keeps a second agent out", "files.py",
        "            flock(handle, LOCK_EX | LOCK_NB)\n",
        "            pass\n",
        ("faults/test_process.py", "test_files.py"),
    ),
    Mutation(
        "a word that fits two things is rejected", "operations/named.py",
        "    if len(found) == 1:\n", "    if found:\n",
        ("faults/test_typed_words.py",),
    ),
    Mutation(
        "an order number is no file's id", "operations/named.py",
        '        if kind == "file" and len(kinds) > 1:\n            continue',
        '        if kind == "file" and len(kinds) > 1:\n            value = word.removeprefix("F").lstrip("0")',
        ("faults/test_typed_words.py",),
    ),
    Mutation(
        "a ready message that asks for no answer is refused", "intake/compose.py",
        "        asked = asked_answers(body)\n",
        "        asked = asked_answers(item.body[:0])\n",
        ("faults/test_no_answer_asked.py",),
    ),
    Mutation(
        "what may have arrived is asked about first", "journal/next_step.py",
        '    if code == "unanswered" or (may_have_left and code != "refused"):\n', "    if not code:\n",
        ("faults/test_told_texts.py",),
    ),
    Mutation(
        "the wait for an older file that settles", "intake/arrivals.py",
        "        if stand:\n",
        "        if False:\n",
        ("intake/test_arrival_order.py", "faults/test_arrivals.py"),
    ),
    Mutation(
        "the size at filing", "filing/keeper.py",
        "        if size is None or size == file.size:\n",
        "        if True:\n",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "the document held back from a stranger", "intake/pairing.py",
        "                is_owed = any(owners.isdisjoint(report.owners) for owners in owed.get(name, ()))\n",
        "                is_owed = False\n",
        ("faults/test_arrivals.py",),
    ),
    Mutation(
        "the claim ids that go on from the journal's", "intake/intake.py",
        "                self._claims.go_on_from(self._troubles.record(self._journal.spool.last_claim_id))\n",
        "                self._claims.go_on_from('')\n",
        ("faults/test_arrivals.py",),
    ),
    Mutation(
        "all of an order while something for it lies in quarantine", "intake/recognise.py",
        "if entries and is_known and not batch.may_go_out_yet(message):", "if entries and is_known:",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "all of an order while something for it of the same batch lies in quarantine", "intake/recognise.py",
        "            self._own_may_go_out.update(message.order_keys)\n", "            pass\n",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "the whole report beside a part of it", "intake/recognise.py",
        "message._replace(body=part, whole=message.body)", "message._replace(body=part)",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "that a part is not released over what it was not made for", "journal/decisions.py",
        "control_id = whole.make_whole(db, message.id)", 'control_id = ""',
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "that the brake puts no part over what it was not made for", "journal/delivery.py",
        "return whole.as_said(message.control_id, whole.make_whole(db, message_id))", 'return ""',
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "the same bytes under the same id where nothing else was said since", "journal/whole.py",
        " or not _stands_on_other(db, message_id)", "",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "all of a report where the HIS has taken back what the part was made for", "journal/parts.sql",
        "{counts} AND (m.state IN {waiting} OR NOT {sure})", "FALSE",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "the same bytes where only another patient's message is unsure", "journal/parts.sql",
        "IN ('', p.patient_key)", "IS NOT NULL",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "what a person has given up wants force", "journal/decisions.py",
        "if message.state in NOT_COPIED and not force:", "if False:",
        ("cli/test_act.py",),
    ),
    Mutation(
        "that a whole report which is not the part's does not go out", "journal/whole.py",
        "        if with_control_id(whole, control_id) == whole:\n", "        if True:\n",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "the former ids by which late answers are kept", "journal/later_answers.py",
        'found or db.execute(_SQL["answered_before"], values).fetchone()', "found",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "that an answer to a former id takes nothing back", "journal/later_answers.py",
        " and not is_former  # of", "  # of",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "that a copy is whole", "journal/decisions.py",
        "body = whole.bytes_of(db, message.id)", "body = acts.body_of(db, message.id)",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "the new control id of what is whole now", "journal/sql/whole.sql",
        "SET control_id = :control_id, left_before", "SET control_id = control_id, left_before",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "the former control id of what is whole now", "journal/whole.py",
        "    keep_former_id(db, message_id, kept.destination, kept.control_id)\n", "",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "the look whether a whole report is as it was spooled", "journal/whole.py",
        "    if zlib.crc32(body) != crc32:\n", "    if False:\n",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "that what was built anew is what goes out again", "journal/sql/rebuild.sql",
        ", whole = NULL, whole_crc32 = NULL", "",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "the brake's act between a look at what is known and the spool", "journal/looked_up.py",
        "    if db.execute(_SQL[\"newest_act\"]).fetchone()[0] != seen.act:  # the brake's are ours\n",
        "    if seen.version is None and db.execute(_SQL[\"newest_act\"]).fetchone()[0] != seen.act:\n",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "that a release says under which control id it goes out", "operations/acts.py",
        "            if goes != \"outbox\" and (now := book.control_id_of(what.id)) != what.control_id:\n",
        "            if (now := None) is not None:\n",
        ("operations/test_release_whole.py",),
    ),
    Mutation(
        "that a release of many says the same", "journal/several.py",
        '"spooled", control_id=control_id))', '"spooled"))',
        ("operations/test_release_whole.py",),
    ),
    Mutation(
        "the look at whole reports when a journal is recovered", "journal/sqlite/salvage.py",
        '(("body", "crc32"), ("whole", "whole_crc32"))', '(("body", "crc32"),)',
        ("journal/test_copies.py",),
    ),
    Mutation(
        "that what the HIS took back is not known as delivered, when it was resent", "journal/decisions.py",
        '        db.execute(_SQL["taken_back"], {"id": message.id})\n', "        pass\n",
        ("intake/test_after_retention.py",),
    ),
    Mutation(
        "the same when it was deleted", "journal/sql/retention.sql",
        "COALESCE(o.is_sure, n.state = 'acked'), {claim}", "n.state = 'acked', {claim}",
        ("intake/test_after_retention.py",),
    ),
    Mutation(
        "the place of what waits, whatever its round", "journal/sql/order_history.sql",
        "CASE WHEN COALESCE(m.state IN {waiting}, FALSE) THEN 0 ELSE COALESCE(o.send_round, m.send_round) END,",
        "COALESCE(o.send_round, m.send_round),",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "that of the orders beside one that was passed none is said to be open that the HIS has", "intake/passed.py",
        "closed = same | {", "closed = {",
        ("intake/test_age_of_a_file.py",),
    ),
    Mutation(
        "that only what passed it makes a file late", "intake/passed.py",
        "return message._replace(came=claim_id) if passed else message", "return message._replace(came=claim_id)",
        ("intake/test_outboxes.py",),
    ),
    Mutation(
        "that only this agent's outboxes pass a file", "journal/sql/order_history.sql",
        "\n AND s.outbox IN (SELECT CAST(k.value AS TEXT) FROM json_each(:outboxes) k)\n", "\n",
        ("intake/test_outboxes.py",),
    ),
    Mutation(
        "that what the brake puts back goes out behind what went before", "journal/delivery.py",
        "            if back:\n", "            if False:\n",
        ("intake/test_part_of_an_order.py",),
    ),
    Mutation(
        "the orders beside one that was passed", "intake/passed.py",
        "closed=closed", "closed=message.order_keys",
        ("intake/test_age_of_a_file.py",),
    ),
    Mutation(
        "the day by which a name in sent/ is looked for", "journal/sql/filing.sql",
        "BETWEEN :filed_as AND :filed_as", "= :filed_as",
        ("journal/test_plans.py",),
    ),
    Mutation(
        "the claim ids that go on from those in claimed/", "intake/claims.py",
        "        self._ids.go_on_from(ClaimName.parse(look.name).claim_id for look in looks)\n",
        "",
        ("intake/test_claim_ids.py", "faults/test_arrivals.py"),
    ),
    Mutation(
        "the claim ids that go on from those of releases", "journal/spool.py",
        'str(max(db.execute(_SQL["last_claims"]).fetchone()))', 'str(db.execute(_SQL["last_claims"]).fetchone()[0])',
        ("intake/test_claim_ids.py",),
    ),
    Mutation(
        "two sequences of ids that go on from one", "ids.py",
        "number = last + 1 + (_random_bits() >> 12)", "number = last + 1",
        ("intake/test_claim_ids.py",),
    ),
    Mutation(
        "the age of what another outbox passes while it is built", "intake/batches.py",
        "            named = [self._passed.by_others(each) for each in named]\n",
        "",
        ("intake/test_outboxes.py",),
    ),
    Mutation(
        "the usual wait of a file that grows beside its marker", "intake/arrivals.py",
        "others_want or has_come", "True",
        ("intake/test_arrivals.py",),
    ),
    Mutation(
        "the agent whose claims are a sequence, when a journal is brought up", "journal/sqlite/to-8.sql",
        "agent_of(s.outbox)", "s.outbox",
        ("journal/test_age_after_update.py",),
    ),
    Mutation(
        "the machines whose claims are none", "journal/sqlite/schema.py",
        'return outbox if is_shared(outbox) else node_of(outbox) if ":" in outbox else ""', 'return ""',
        ("journal/test_age_after_update.py",),
    ),
    Mutation(
        "the machines of PostgreSQL whose claims are none", "journal/postgres/translation.py",
        " OR \\1 IN (SELECT name FROM node)", "",
        ("journal/test_age_after_update.py",),
    ),
    Mutation(
        "the PDF that must be whole", "oru/attachments.py",
        '        severity="warning" if w.site.profile.attachments.cut == "send" else "error",\n',
        '        severity="warning",\n',
        ("faults/test_lies_still.py",),
    ),
    Mutation(
        "the wait of intake for a release that is still on its way", "journal/sql/spool.sql",
        "f.folder NOT IN ('outbox', 'missing'));",
        "f.folder NOT IN ('outbox', 'missing') AND FALSE);",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "the look at ERR-2 before 205 is believed", "delivery/known.py",
        "    if not all(_is_msh_10(place) for place in locations):\n",
        "    if False:\n",
        ("delivery/test_known.py",),
    ),
    Mutation(
        "the names of other things that make a duplicate no proof", "delivery/known.py",
        "    return word in _OTHER_NOUNS or is_an_id\n",
        "    return is_an_id\n",
        ("delivery/test_known.py",),
    ),
    Mutation(
        "that an id may be known by a refusal", "delivery/lane.py",
        "may_have_left=message.may_have_left and not message.refused_before,\n",
        "may_have_left=message.may_have_left,\n",
        ("delivery/test_later_answers.py",),
    ),
    Mutation(
        "the bound on what rules read of the HIS's words", "delivery/retry.py",
        "    text = text[:MOST_CHARACTERS]\n",
        "",
        ("delivery/test_known.py",),
    ),
    Mutation(
        "the late answer that is kept", "mllp/link.py",
        "            self.heard += answers\n",
        "            pass\n",
        ("delivery/test_later_answers.py",),
    ),
    Mutation(
        "the answer behind the verdict that is kept", "mllp/verdict.py",
        "            self.heard.append(answer)\n            accepted =",
        "            accepted =",
        ("mllp/test_exchange.py", "delivery/test_last_word.py"),
    ),
    Mutation(
        "the flag of a delivery that was taken back", "journal/later_answers.py",
        "    contradicts = state == \"acked\" and not accepts and not is_former",
        "    contradicts = False",
        ("delivery/test_last_word.py",),
    ),
    Mutation(
        "the wait for the application's answer in original mode", "hl7/asked_answers.py",
        " or not (self.accept or self.application)\n",
        "\n",
        ("delivery/test_later_answers.py", "faults/test_last_word.py"),
    ),
    Mutation(
        "the end of the wait for answers that never come", "delivery/later.py",
        "        return self._in_vain < _MOST_IN_VAIN and self.is_due(his, message, ack)\n",
        "        return self.is_due(his, message, ack)\n",
        ("faults/test_last_word.py",),
    ),
    Mutation(
        "the escaping of the HIS's words in a reason file", "filing/reasons.py",
        "printable(rest.reason, keep=\"\\n\").replace",
        "rest.reason.replace",
        ("faults/test_last_word.py",),
    ),
    Mutation(
        "that JSON is valid on a console that lacks a letter", "cli/screen.py",
        "else \"utf-8\", errors=\"json\")",
        "else \"utf-8\", errors=\"backslashreplace\")",
        ("cli/test_streams.py",),
    ),
    Mutation(
        "that what comes by a pipe is read as UTF-8", "cli/screen.py",
        "sys.stdin.reconfigure(encoding=\"utf-8-sig\", errors=\"surrogateescape\")",
        "pass",
        ("cli/test_streams.py",),
    ),
    Mutation(
        "the locks of the journal", "agent/tenancy.py",
        "        if path in self._locks:\n",
        "        if path in self._locks or what == \"this journal\":\n",
        ("faults/test_one_agent_one_journal.py",),
    ),
    Mutation(
        "the lock of the outbox whatever its work folder is", "config/folders.py",
        "else (self.outbox / _OURS_IN_OUTBOX, self.work)\n", "else (self.work,)\n",
        ("faults/test_one_agent_one_journal.py",),
    ),
    Mutation(
        "a rule without a value is a mistake", "config/text/part.py",
        "    empty = empty_values(document, model)\n",
        "    empty = {}\n",
        ("config/test_forty_mistakes.py",),
    ),
    Mutation(
        "a section that is no YAML hides no other", "config/text/tree.py",
        "        if not _read_sections(text, error, walk):\n",
        "        if True:\n",
        ("config/test_forty_mistakes.py",),
    ),
    Mutation(
        "the silence on what only follows from an unreadable setting", "oru/mistakes.py",
        '    return not {"extends", "preadopted", "set"}.isdisjoint(unread)\n',
        "    return False\n",
        ("config/test_forty_mistakes.py", "oru/test_rules.py"),
    ),
    Mutation(
        "the look at our certificate's dates", "mllp/tls_files.py",
        "            if end < now:\n                yield TlsFault(\"certificate\"",
        "            if False:\n                yield TlsFault(\"certificate\"",
        ("config/test_forty_mistakes.py", "mllp/test_tls.py"),
    ),
    Mutation(
        "the digest of the environment's values", "config/digest.py",
        "    first = _hash({**files, **values}.items())[:12]\n",
        "    first = _hash(files.items())[:12]\n",
        ("config/test_digest.py",),
    ),
    Mutation(
        "the agent's start with rules that cannot work", "operations/configuration.py",
        " or (to_build and any(True for _ in _of_profiles(draft)))",
        "",
        ("cli/test_check.py",),
    ),
    Mutation(
        "the silence on what a destination takes of fields that may be taken over", "oru/mistakes.py",
        "in_part=_in_part(unread))\n    reasons",
        "in_part=False)\n    reasons",
        ("config/test_destinations.py",),
    ),
    Mutation(
        "one outbox is not inside another", "config/folders.py",
        "    if _inside(outbox, one):\n",
        "    if False:\n",
        ("config/test_destinations.py",),
    ),
    Mutation(
        "closed hours last until the clock shows their end for the last time", "config/closed.py",
        "return second if last else first",
        "return first",
        ("config/test_closed_hours.py",),
    ),
    Mutation(
        "an act on PostgreSQL is alone", "journal/postgres/locks.py",
        'shared = "_shared" if wanted.kind == "lane" else ""',
        'shared = "_shared"',
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "who waited for a lock on PostgreSQL sees what was done meanwhile", "journal/postgres/connection.py",
        '                "default_transaction_isolation": "read committed",\n',
        "",
        ("journal/test_postgres.py",),
    ),
    Mutation(
        "texts go to PostgreSQL in UTF-8, whatever the site's default", "journal/postgres/connection.py",
        '    "client_encoding": "UTF8",\n',
        "",
        ("journal/test_postgres.py",),
    ),
    Mutation(
        "the gate of each destination on PostgreSQL", "journal/postgres/locks.py",
        "        if wanted.gates:\n",
        "        if False:\n",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "a lane on PostgreSQL looks for the lower id of its destination", "journal/sql/queue.sql",
        "FROM message WHERE destination = :destination AND same_as IS NULL;",
        "FROM message WHERE destination = :destination OR TRUE;",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "an act on PostgreSQL that is heard of is looked at", "journal/postgres/store.py",
        "if self._heard.stands and heard == self._heard.acts and",
        "if self._heard.stands and",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "a lane on PostgreSQL asks each time while nobody listens", "journal/postgres/store.py",
        "if self._heard.stands and heard == self._heard.acts and",
        "if heard == self._heard.acts and",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "a bell that was cut off rings when it listens again", "journal/postgres/bell.py",
        'told, self._heard.stands = ["act"], True',
        "told, self._heard.stands = list[str](), True",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "one agent on PostgreSQL deletes at a time", "filing/purge.py",
        "return self.night(settings, now) if is_ours else None",
        "return self.night(settings, now)",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "an act whose answer was lost is asked for under the same id", "operations/surely.py",
        "            return do(act=act)\n",
        "            return do(act=new_id())\n",
        ("operations/test_surely.py",),
    ),
    Mutation(
        "whoever has the files is told what another agent has sent", "filing/feed.py",
        "                self._journal.store.tell_finished(node, theirs)\n",
        "                pass\n",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "whose files are another agent's is known to retention", "filing/purge.py",
        " and not self._is_others(file.outbox):", ":",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "what was missed while nobody listened is looked for", "filing/feed.py",
        "if listened != self._listened or time.monotonic()",
        "if time.monotonic()",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "acts on PostgreSQL are on record in their order", "journal/postgres/locks.py",
        '        if wanted.kind == "act":\n',
        "        if False:\n",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "what another agent spooled since the look is looked up again", "intake/batches.py",
        "self._destination, self._mark, seen=seen))",
        "self._destination, self._mark))",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "the kernel is told how long the first read may wait, whatever that is", "mllp/connection.py",
        "        if timeout_s != self._read_timeout_s:\n",
        "        if timeout_s != (self._read_timeout_s or 0.0):\n",
        ("mllp/test_wire.py",),
    ),
    Mutation(
        "whoever acts without end is made to wait by who spools", "intake/batches.py",
        "_MOST_LOOKS = 3\n",
        "_MOST_LOOKS = 30\n",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "nobody acts while what is spooled alone is looked up", "journal/spool.py",
        "acting(*destinations_of(sources, destination), spools=True) as db:\n            found = look()\n",
        "acting(*destinations_of(sources, destination), spools=(found := look()) is not None) as db:\n",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "what an act changed since the look is looked up again", "journal/looked_up.py",
        "    if db.execute(_SQL[\"newest_act\"]).fetchone()[0] != seen.act:  # the brake's are ours\n",
        "    if False:\n",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "a control id that another agent used since the look is looked up again", "journal/sql/looked_up.sql",
        "AND rtrim(m.control_id) = CAST(k.value AS TEXT) AND m.id > :newest",
        "AND FALSE",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "another process that writes to SQLite is seen by who spools", "journal/looked_up.py",
        "    if seen.version is not None and seen.version == store.foreign_version():\n",
        "    if seen.version is not None:\n",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "a file that is read again has the lanes of all that was read of it", "journal/again.py",
        "    return store.acting(*lanes) if lanes else store.durable()\n",
        "    return store.acting(*message_ids)\n",
        ("journal/test_side_by_side.py",),
    ),
    Mutation(
        "an agent on PostgreSQL sees that another one has begun", "journal/postgres/whose.py",
        'elif noted.get("agent_run") != self.run:',
        "elif False:",
        ("journal/test_postgres.py",),
    ),
    Mutation(
        "the keeper hears of a verdict on PostgreSQL once it is committed", "journal/postgres/store.py",
        "return self._shared.finished if pending is None else pending",
        "return self._shared.finished",
        ("journal/test_postgres.py",),
    ),
    Mutation(
        "the agent on PostgreSQL sees that others have acted", "journal/postgres/store.py",
        "db.commit(f\"{_ACTED}; {telling(self._channel, 'act')}\")",
        "db.commit()",
        ("journal/test_postgres.py",),
    ),
    Mutation(
        "a journal that lacks what was spooled last is not gone on with", "journal/mark.py",
        "        if self.last and not db.execute(_SQL[\"known\"], self._asked).fetchone():\n",
        "        if False:\n",
        ("journal/test_mark.py",),
    ),
    Mutation(
        "a server that has taken over is asked for what was spooled last", "journal/postgres/store.py",
        "        self._shared.marks = marks\n",
        "        self._shared.marks = ()\n",
        ("journal/test_postgres.py",),
    ),
    Mutation(
        "what an outbox remembers of another journal is taken away", "agent/tenancy.py",
        "            outbox.mark.forget()\n",
        "            pass\n",
        ("agent/test_premises.py",),
    ),
    Mutation(
        "each outbox's mark has a look at the journal of its own", "journal/__init__.py",
        "        for mark in marks:\n            with self.store.reading() as db:\n                mark.demand(db)\n"
        "                mark.renew(db)\n",
        "        with self.store.reading() as db:\n            for mark in marks:\n                mark.demand(db)\n"
        "                mark.renew(db)\n        for mark in marks:\n",
        ("journal/test_mark.py",),
    ),
    Mutation(
        "no mark is written while the journal is looked at", "journal/__init__.py",
        "            mark.write()\n",
        "                mark.write()\n",
        ("journal/test_mark.py",),
    ),
    Mutation(
        "a host may give back at any instant", "agent/node.py",
        "!= (fence.owner, fence.epoch):", "!= (place.fence.owner, place.fence.epoch):",
        ("agent/test_node.py",),
    ),
    Mutation(
        "who cannot ask for lanes is not at work", "agent/node.py",
        "            self._is_away = True\n",
        "            self._is_away = True\n            self._beat(0.0)\n",
        ("agent/test_node.py",),
    ),
    Mutation(
        "settings that come while lanes are made", "agent/host.py",
        "                sending.use(self._his)  # which may be others by now\n", "",
        ("agent/test_node.py",),
    ),
    Mutation(
        "tables without an agent are no journal, for one of several either", "premises/needs.py",
        "not view.has_begun() and", "view.outboxes_served() is None and",
        ("journal/test_leases.py",),
    ),
    Mutation(
        "a machine that comes back is offered its share anew", "agent/node.py",
        "            self._offered.clear()\n", "",
        ("agent/test_node.py",),
    ),
    Mutation(
        "a shared outbox: what was moved is read whatever else cannot be", "intake/adoption.py",
        "                failed = error\n        self._make_durable()\n",
        "                raise\n        self._make_durable()\n",
        ("intake/test_adoption.py",),
    ),
    Mutation(
        "a shared outbox: a copy of what is here stops nothing", "intake/adoption.py",
        "            except FileExistsError:  #", "            except ZeroDivisionError:  #",
        ("intake/test_adoption.py",),
    ),
    Mutation(
        "a shared outbox: what others have claimed is not nothing where nobody can say", "premises/needs.py",
        "if files.identity(each) is not None", "if files.identity_now(each) is not None",
        ("agent/test_sharing.py",),
    ),
    Mutation(
        "a shared outbox: nothing is missing at first, wherever it was", "filing/keeper.py",
        "            if time.monotonic() < self._early",
        "            if file.folder == \"claimed\" and time.monotonic() < self._early",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "a shared outbox: an outbox that is away does not say that nothing is claimed", "premises/needs.py",
        "        if at_work:\n", "        if False:\n",
        ("agent/test_sharing.py",),
    ),
    Mutation(
        "nothing is missing where the share goes away at the move", "filing/keeper.py",
        "if not is_moved and not os.path.isdir(os.path.dirname(source)):", "if False:",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "another file of the planned name is not the moved one", "filing/keeper.py",
        'if folder == "sent" and self._filing.is_another_s(name):', "if False:",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "a shared outbox: what was claimed there is not left by who has it alone", "agent/tenancy.py",
        "none_claimed_otherwise(outbox.folders) or ", "",
        ("agent/test_sharing.py",),
    ),
    Mutation(
        "a shared outbox: it keeps its identity while an agent works", "premises/sharing.py",
        "            now = identified(folders, identity)", "            now = identity",
        ("agent/test_sharing.py",),
    ),
    Mutation(
        "a shared outbox: a copy is no second one", "agent/tenancy.py",
        "            if outbox.identity in known:\n", "            if False:\n",
        ("agent/test_sharing.py",),
    ),
    Mutation(
        "an outbox that no other machine has is not forgotten", "premises/known.py",
        "not (is_shared(name) and _is_others_too(name, configured, view))", "not is_shared(name)",
        ("journal/test_leases.py",),
    ),
    Mutation(
        "a claim that a share has made and denies", "intake/claims.py",
        " or files.exists(self._claimed_prefix + name)", "",
        ("intake/test_intake.py",),
    ),
    Mutation(
        "who has a journal alone waits for nobody to delete", "filing/purge.py",
        '(node != "" and is_shared(outbox))', "is_shared(outbox)",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "who has a journal alone waits for nobody to file", "filing/feed.py",
        "name is not None and self._node and is_shared(name)", "name is not None and is_shared(name)",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "a shared outbox: the fence of whoever takes it in", "journal/__init__.py",
        "SpoolBook(store), FilingBook(store), fence", "SpoolBook(self.store), FilingBook(self.store), fence",
        ("journal/test_leases.py",),
    ),
    Mutation(
        "a shared outbox: what was claimed comes before anything younger", "intake/intake.py",
        "                self._adopt()\n                self.adopted()\n", "                self.adopted()\n",
        ("faults/test_nodes_share.py",),
    ),
    Mutation(
        "a shared outbox: the lease beside the lock", "agent/process.py",
        "if self._node is None or not outbox.identity:", "if True:",
        ("faults/test_nodes_share.py",),
    ),
    Mutation(
        "a shared outbox: the look at the lease before a claim", "intake/claims.py",
        "            if self.outdated or not self._may():\n", "            if self.outdated:\n",
        ("faults/test_nodes_share.py",),
    ),
    Mutation(
        "a shared outbox: one journal", "agent/tenancy.py",
        "            if not journal.sharing.knows(found):\n", "            if False:\n",
        ("faults/test_nodes_share.py",),
    ),
    Mutation(
        "a shared outbox: none beside those that share it", "premises/sharing.py",
        "    if folders.may_be_shared or not os.path.exists(folders.identity):\n", "    if True:\n",
        ("faults/test_nodes_share.py",),
    ),
    Mutation(
        "who stands still between two rows keeps nobody waiting", "journal/postgres/leases.py",
        "            if row.owner:\n", "            if False:\n",
        ("journal/test_leases.py",),
    ),
    Mutation(
        "who stands still and is idle for the server keeps nobody waiting either", "journal/postgres/frozen.py",
        "state IN ('active', 'idle in transaction')", "state = 'active'",
        ("journal/test_leases.py",),
    ),
    Mutation(
        "a lease that is taken ends nothing of an agent at work", "journal/postgres/frozen.py",
        "INTERVAL '{STILL_S} seconds'", "INTERVAL '1 second'",
        ("journal/test_leases.py",),
    ),
    Mutation(
        "a mark is kept once its batch is committed", "journal/mark.py",
        "        return last\n",
        "        self.keep(last)\n        return last\n",
        ("journal/test_mark.py",),
    ),
    Mutation(
        "a mark is known after retention has deleted what it names", "journal/sql/mark.sql",
        " UNION ALL SELECT 1 FROM meta WHERE key = :key AND value >= :claim_id;",
        " AND :key = :key;",
        ("journal/test_mark.py",),
    ),
    Mutation(
        "what a move has written is compared before it counts", "journal/contents.py",
        "        if there != sums[table.name]:\n",
        "        if False:\n",
        ("journal/test_moving.py",),
    ),
    Mutation(
        "a file that has moved is worked on no more", "journal/sqlite/store.py",
        '                demand_not_left(last.get(MOVED_TO, ""))\n',
        "                pass\n",
        ("journal/test_moving.py",),
    ),
    Mutation(
        "a database is no journal before its file has said so", "journal/postgres/moving.py",
        "ToServer.read(of_files.noted(file, MOVED_TO)).id == note.id",
        "True",
        ("journal/test_moving.py",),
    ),
    Mutation(
        "a COMMIT that no standby has confirmed does not count", "journal/postgres/connection.py",
        "        if self._warning is not None:\n",
        "        if False:\n",
        ("faults/test_failover.py",),
    ),
    Mutation(
        "a text on PostgreSQL has no NUL", "journal/postgres/connection.py",
        'obj.replace("\\0", "\\ufffd") if "\\0" in obj else obj',
        "obj",
        ("journal/test_postgres.py",),
    ),
    Mutation(
        "texts on PostgreSQL sort by bytes", "journal/postgres/translation.py",
        """' TEXT COLLATE "C"'""",
        "' TEXT'",
        ("journal/test_postgres.py",),
    ),
    Mutation(
        "a database of another machine is verified by TLS", "config/journal.py",
        "if self.tls is None and is_on_this_machine(database):",
        "if self.tls is None:",
        ("config/test_journal_section.py",),
    ),
    Mutation(
        "the password of no destination is in the digest", "config/digest.py",
        "place[-2:] not in _SECRETS",
        'place not in (("his", "tls", "key_password"), ("journal", "password"))',
        ("config/test_destinations.py",),
    ),
    Mutation(
        "the lock on the journal's inode", "agent/tenancy.py",
        '        self._take(self.beside, "this journal")\n',
        "",
        ("faults/test_one_agent_one_journal.py",),
    ),
    Mutation(
        "the look whether the locks are still there", "agent/tenancy.py",
        "            if there == (mine.st_dev, mine.st_ino) or",
        "            if True or",
        ("faults/test_one_agent_one_journal.py",),
    ),
    Mutation(
        "the look whether the journal is still there", "journal/sqlite/store.py",
        "        self.look()\n        if full is not",
        "        if full is not",
        ("faults/test_one_agent_one_journal.py",),
    ),
    Mutation(
        "the outbox that is never made anew", "agent/tenancy.py",
        "        if outbox.is_new:\n            self._make",
        "        if True:\n            self._make",
        ("faults/test_one_agent_one_journal.py",),
    ),
    Mutation(
        "an outbox is not served before its drive is there", "agent/process.py",
        "outboxes=[written[name] for name in written if name not in away]",
        "outboxes=list(written.values())",
        ("agent/test_away.py",),
    ),
    Mutation(
        "an outbox that comes later is asked whose journal it has", "agent/tenancy.py",
        "        if needs.disks_there(outbox.folders) is None:\n            self._demand_own(outbox)\n",
        "        if needs.disks_there(outbox.folders) is None:\n",
        ("agent/test_away.py",),
    ),
    Mutation(
        "the journal that is not begun anew", "premises/needs.py",
        "    if not (has_served or has_claimed):\n",
        "    if not has_claimed:\n",
        ("faults/test_one_agent_one_journal.py",),
    ),
    Mutation(
        "the rights of what we make", "rights.py",
        "    return 0o600 | (of_group(folder) & 0o060)\n",
        "    return 0o644\n",
        ("faults/test_one_agent_one_journal.py",),
    ),
    Mutation(
        "the rules of a destination on what cannot be built for it", "intake/compose.py",
        "            if failed.taken is False:\n                return failed\n",
        "",
        ("intake/test_routing.py",),
    ),
    Mutation(
        "the doubt about a field that an error concerns", "intake/routing.py",
        "    if message.doubts(rule.path):\n        return None\n",
        "",
        ("intake/test_routing.py",),
    ),
    Mutation(
        "the doubt about a field that is empty beside an error", "intake/routing.py",
        "    if not found and message.may_lack(",
        "    if False and message.may_lack(",
        ("intake/test_routing.py",),
    ),
    Mutation(
        "the doubt about fields that have the same value as one with an error", "oru/unfinished.py",
        "        wrong |= _twins(wrong)\n",
        "",
        ("oru/test_unfinished.py",),
    ),
    Mutation(
        "the doubt about what the profile's rules make of a doubtful field", "oru/unfinished.py",
        "    return frozenset(_followed(wrong, influences))\n",
        "    return frozenset(wrong)\n",
        ("oru/test_unfinished.py",),
    ),
    Mutation(
        "the doubt about what a field with an error is made of", "oru/unfinished.py",
        "    wrong = _followed(named, [Influence(each.targets, each.sources) for each in influences])\n",
        "    wrong = set(named)\n",
        ("oru/test_unfinished.py",),
    ),
    Mutation(
        "that intakes recognise and spool one after the other", "intake/batches.py",
        "        with self._together.spooling:\n",
        "        if True:\n",
        ("intake/test_outboxes.py",),
    ),
    Mutation(
        "that a released file has come back only where it was seen", "filing/keeper.py",
        "            if not is_moved:\n",
        "            if folder != \"outbox\" and not is_moved:\n",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "that a released file which is nowhere is in quarantine again", "filing/keeper.py",
        "                if folder == \"outbox\" and file.role == \"report\":\n",
        "                if False:\n",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "that what is missing is not released", "journal/sql/again.sql",
        "f.role = 'report' AND f.folder = 'missing';",
        "f.role = 'report' AND f.folder = 'missing' AND FALSE;",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "that claimed/ is never made for a file that comes back", "filing/keeper.py",
        "            needed = claimed if folder == claimed else self._outbox if in_outbox else \"\"\n",
        "            needed = self._outbox if in_outbox else \"\"\n",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "that a file goes to the folders of its own outbox", "filing/feed.py",
        "keeper = self._first if name is None else self._owners.get(name)",
        "keeper = self._first",
        ("intake/test_outboxes.py",),
    ),
    Mutation(
        "that nobody files what no outbox has", "filing/feed.py",
        "else self._owners.get(name)",
        "else self._owners.get(name, self._first)",
        ("agent/test_known.py",),
    ),
    Mutation(
        "that what nobody files is shown", "filing/feed.py",
        "                self.trouble.note(f\"away {name}\", AWAY)\n",
        "",
        ("intake/test_outboxes.py",),
    ),
    Mutation(
        "that a single outbox is asked whose a file is", "agent/process.py",
        "some_unowned=self._known.some_unowned",
        "some_unowned=False",
        ("agent/test_known.py",),
    ),
    Mutation(
        "that a folder which has gone was renamed only where its files are", "premises/known.py",
        "        if not left or (folder is None and (same_name is not None or not name)):\n",
        "        if True:\n",
        ("agent/test_known.py",),
    ),
    Mutation(
        "that a file in quarantine is known by its content", "premises/known.py",
        "files.is_there(path, file.sha256)",
        "files.is_there(path)",
        ("agent/test_known.py",),
    ),
    Mutation(
        "that a name in the journal is that of one folder", "premises/known.py",
        "        if not is_shared(name) and name in known and owners.get(name) != each.name:\n",
        "        if False:\n",
        ("agent/test_known.py",),
    ),
    Mutation(
        "that an outbox which is away is remembered", "premises/known.py",
        "    folders = away | {",
        "    folders = {",
        ("agent/test_known.py",),
    ),
    Mutation(
        "that a released file counts as left in its outbox", "journal/sql/view.sql",
        "WHERE s.returns_as <> '' AND s.state = 'withdrawn'",
        "WHERE s.returns_as <> '' AND FALSE AND s.state = 'withdrawn'",
        ("agent/test_known.py",),
    ),
    Mutation(
        "that an outbox is served where its folder is, whatever its name", "premises/needs.py",
        "        if not elsewhere and (name in names",
        "        if (name in names",
        ("agent/test_known.py",),
    ),
    Mutation(
        "that a file is shown in the outbox that has it", "operations/installation.py",
        "        return owner.folders.by_name[folder] / name if owner is not None else None\n",
        "        return self.config.folders.by_name[folder] / name\n",
        ("agent/test_known.py",),
    ),
    Mutation(
        "that a lock on a share which does not answer is not gone", "agent/tenancy.py",
        "            there = files.identity_now(path)\n",
        "            there = files.identity(path)\n",
        ("agent/test_known.py",),
    ),
    Mutation(
        "that a duplicate is one at its own destination", "intake/recognise.py",
        "        destination=message.destination, came=message.came,\n    )  # fmt: skip",
        "        came=message.came,\n    )  # fmt: skip",
        ("intake/test_outboxes.py",),
    ),
    Mutation(
        "that an outbox of another journal is not taken over", "premises/needs.py",
        "    if not any(map(_has_claimed, _claimed_before(folders))):\n", "    if True:\n",
        ("agent/test_premises.py",),
    ),
    Mutation(
        "the reading alone after an unclean end", "intake/batches.py",
        "            if alone:\n                with self._together",
        "            if False:\n                with self._together",
        ("faults/test_inputs_that_stop.py",),
    ),
    Mutation(
        "the mark that goes when a reading has ended", "journal/alone.py",
        "        self._ends.pop(done, None)\n",
        "",
        ("journal/test_journal.py", "journal/test_sqlite.py",),
    ),
    Mutation(
        "the helper that a stop ends", "intake/workshop.py",
        "        self._interrupted = True\n        self._end_helper()\n",
        "        pass\n",
        ("faults/test_inputs_that_stop.py",),
    ),
    Mutation(
        "the plan that a job names", "intake/helper.py",
        "        elif composer is None or given.digest != digest:\n",
        "        elif composer is None:\n",
        ("intake/test_workshop.py",),
    ),
    Mutation(
        "the plan that the helper is given before its job", "intake/helper.py",
        "        if composer.digest != self._digest:\n",
        "        if not self._digest:\n",
        ("intake/test_workshop.py",),
    ),
    Mutation(
        "that a helper which never began costs no file", "intake/workshop.py",
        "            except Unfit:\n                break\n",
        "            except Unfit:\n                continue\n",
        ("intake/test_workshop.py",),
    ),
    Mutation(
        "that no file waits for a helper that begins", "intake/batches.py",
        " if waiting < WORTH_IT or self._workshop.has_help() else _FEW_FILES\n",
        "\n",
        ("intake/test_intake.py",),
    ),
    Mutation(
        "that a helper which begins by the plan of before does no work", "intake/workshop.py",
        "        if self._helper is not None and not self._helper.is_ready:\n            self.close()",
        "        if self._helper is None:\n            self.close()",
        ("intake/test_workshop.py",),
    ),
    Mutation(
        "that what waits is read anew by a new plan", "intake/batches.py",
        "        waiting = [*(each.phase.back() for each in self.waiting), *self._pairing.use(plan)]\n"
        "        self.waiting = []\n",
        "        waiting = self._pairing.use(plan)\n",
        ("intake/test_plan.py",),
    ),
    Mutation(
        "who rings during a look is heard after it", "intake/intake.py",
        "            closed, self._closed = self._closed, set()\n",
        "            closed, self._closed = self._closed, set()\n            self._rung = False\n",
        ("intake/test_plan.py",),
    ),
    Mutation(
        "that a plan comes in force between two rounds", "intake/intake.py",
        "            self._batches.put(self._claims.claim(batch))\n",
        "            self._batches.put(self._claims.claim(batch))\n            self._batches.finish()\n"
        "            self._take_plan()\n",
        ("intake/test_plan.py",),
    ),
    Mutation(
        "the looks after a connect and after the mark", "delivery/lane.py",
        "            self._connect()  # it lasts: the next look finds what an operator did meanwhile\n"
        "            return\n"
        "        if self._link.wait_for_close():  # so does this\n"
        "            return\n"
        "        if self._marked != message.id:\n"
        "            self._mark(message)  # one more look: from now on a release is refused\n"
        "            return\n",
        "            if not self._connect():\n"
        "                return\n"
        "        if not self._record(lambda: self._journal.delivery.sending(message.id)):\n"
        "            return\n"
        "        self._marked = message.id\n",
        ("faults/test_silent_his.py",),
    ),
    Mutation(
        "the look between the mark and the first byte", "delivery/lane.py",
        "is refused\n            return\n        if message.is_part",
        "is refused\n            if self._marked is None:\n                return\n        if message.is_part",
        ("faults/test_silent_his.py", "faults/test_rebuild.py"),
    ),
    Mutation(
        "that an idle connection is not replaced in mid-send", "mllp/link.py",
        "            if idle is None:\n                raise _stale(self._where)\n",
        "            if idle is None:\n                idle = self._connect()\n",
        ("faults/test_silent_his.py",),
    ),
    Mutation(
        "the moment for a relay's close", "mllp/link.py",
        "connection.look(0.0 if closes else self._moment_s)",
        "connection.look(0.0)",
        ("faults/test_silent_his.py",),
    ),
    Mutation(
        "the time that `unanswered` needs", "delivery/retry.py",
        "    if unknown < retry.unanswered or since_s < retry.unanswered_after_s:\n",
        "    if unknown < retry.unanswered:\n",
        ("faults/test_silent_his.py",),
    ),
    Mutation(
        "that a HIS which answers nobody costs no message its place", "delivery/retry.py",
        '    return Quarantine("unanswered") if answers_others else Doubt()\n',
        '    return Quarantine("unanswered")\n',
        ("faults/test_silent_his.py",),
    ),
    Mutation(
        "the probe with another message", "delivery/brake.py",
        "        self.asks_another = not self.asks_another\n",
        "        self.asks_another = False\n",
        ("faults/test_silent_his.py",),
    ),
    Mutation(
        "that what is kept back keeps its patient's later ones back", "journal/queue.py",
        '            if after_quarantine == "hold-patient":\n', "            if False:\n",
        ("journal/test_journal.py",),
    ),
    Mutation(
        "the order within an order number when another message is tried", "journal/queue.py",
        "        if line.id not in but and not keys & waits:\n",
        "        if line.id not in but:\n",
        ("faults/test_silent_his.py",),
    ),
    Mutation(
        "the last chance of those that the lane was held for", "delivery/brake.py",
        "        self._last_chance = set() if accepted_id in probe.held_for else set(probe.held_for)\n",
        "",
        ("faults/test_silent_his.py",),
    ),
    Mutation(
        "the state in which a noted CA stands", "journal/sql/delivery.sql",
        " AND accept_acked AND state IN {message[commit_stands].may};",
        ";",
        ("delivery/test_lane.py",),
    ),
    Mutation(
        "the wait that other messages' acts do not cut short", "delivery/lane.py",
        "        while self._wait(again_at - time.monotonic()):\n",
        "        while self._wait(again_at - time.monotonic()) and not self.destination.hold:\n            return\n",
        ("delivery/test_lane.py",),
    ),
    Mutation(
        "the look at a journal whose folder's instants were put back", "journal/sqlite/presence.py",
        "seen.st_ino, seen.st_ctime_ns", "seen.st_ino, seen.st_mtime_ns", ("journal/test_sqlite.py",),
    ),
    Mutation(
        "the look at a journal whose folder has changed just now", "journal/sqlite/presence.py",
        " and _is_past(folder[2]) else None", " else None", ("journal/test_sqlite.py",),
    ),
    Mutation(
        "the look at a journal whose folder's instants are of whole seconds", "journal/sqlite/presence.py",
        "(_LATER_NS if instant_ns % 1_000_000_000 else _ROUNDED_NS)", "_LATER_NS", ("journal/test_sqlite.py",),
    ),
    Mutation(
        "the journal's logs that are still the open ones", "journal/sqlite/presence.py",
        "        for part, identity in self._opened:\n",
        "        for part, identity in self._opened[:1]:\n",
        ("faults/test_one_agent_one_journal.py",),
    ),
    Mutation(
        "the newer message that the brake does not overwrite", "journal/delivery.py",
        "        if message.state == \"quarantined\" and order_history.in_the_way(db, message_id) is not None:\n",
        "        if False:\n",
        ("delivery/test_lane.py",),
    ),
    Mutation(
        "that what may have arrived is not built anew", "journal/rebuild.py",
        "    if message.may_have_arrived and not force:\n",
        "    if False:\n",
        ("faults/test_rebuild.py",),
    ),
    Mutation(
        "FHIR: what may change a result and was not read", "readers/fhir/audit.py",
        "                if resource in self.results and _MATTERS.match(way) and not _DECORATION.search(way):\n",
        "                if False:\n",
        ("readers/test_fhir_rules.py",),
    ),
    Mutation(
        "FHIR: an identifier that the patient does not have", "readers/fhir/subject.py",
        "            if not self._ids <= own:\n",
        "            if False:\n",
        ("readers/test_fhir_rules.py",),
    ),
    Mutation(
        "FHIR: another patient's encounter", "readers/fhir/report.py",
        "        subject.check(encounter)\n",
        "        pass\n",
        ("readers/test_fhir_rules.py",),
    ),
    Mutation(
        "inline documents: words are no Base64", "oru/inline.py",
        "if all(len(line) % _GROUP == 0 for line in lines[:-1]) else text\n",
        "\n",
        ("oru/test_inline.py",),
    ),
    Mutation(
        "what nobody has read of an ASTM record is refused", "readers/astm/doubts.py",
        "    return field in GRAVE.get(kind, ()) or (kind in (\"R\", \"C\") and field > LENGTH[kind])\n",
        "    return False\n",
        ("readers/test_astm_account.py",),
    ),
    Mutation(
        "another patient's messages are no base for leaving out", "journal/rows.py",
        "        return bool(self.patient_key and patient_key) and self.patient_key != patient_key\n",
        "        return False\n",
        ("intake/test_ledger.py",),
    ),
    Mutation(
        "a spoilt text refuses the report", "readers/guards/reports.py",
        "        if is_spoilt(what, text):\n            self._fault(at)\n",
        "        if is_spoilt(what, text):\n            pass\n",
        ("readers/test_guards.py",),
    ),
    Mutation(
        "characters that nobody sees are no part of a number", "readers/guards/words.py",
        "    return text.strip() if text.isascii() else text.strip(_BLANKS)\n",
        "    return text.strip()\n",
        ("readers/test_guards.py",),
    ),
    Mutation(
        "the code of a value is looked at", "readers/guards/reports.py",
        "            return self._coded(value, at, needed=True)\n",
        "            return value\n",
        ("readers/test_guards.py",),
    ),
    Mutation(
        "limits of a range go out beside its words", "oru/values.py",
        "    return text if named and text else f\"{limits} {text}\".strip()\n",
        "    return text or limits\n",
        ("readers/test_json_nothing_silent.py",),
    ),
    Mutation(
        "a ready message keeps each of its bytes", "readers/hl7/reader.py",
        "        body = b\"\\r\".join(chunk.lines) + b\"\\r\"\n",
        "        body = b\"\\r\".join(line.rstrip() for line in chunk.lines) + b\"\\r\"\n",
        ("readers/test_hl7_nothing_silent.py",),
    ),
    Mutation(
        "the refusal of columns that nobody has named", "readers/csv/columns.py",
        "    unknown = sorted(unnamed & filled)\n",
        "    unknown: list[int] = []\n",
        ("readers/test_csv_nothing_silent.py",),
    ),
    Mutation(
        "a whole name fits its form or not at all", "report/names.py",
        "        return _MARKS.isdisjoint(part) and (not one_word or len(part.split()) == 1)\n",
        "        return True\n",
        ("readers/test_names.py",),
    ),
    Mutation(
        "signs tell tests of a wide table apart", "readers/csv/wide.py",
        '    return " ".join(heading.casefold().split())\n',
        '    return normal(heading)\n',
        ("readers/test_csv_wide.py",),
    ),
    Mutation(
        "a patient is no row of units", "readers/csv/wide.py",
        "    if found.units_row and (numbers or any(cell and not is_word_for_units(cell) for cell in whose)):\n",
        "    if False:\n",
        ("readers/test_csv_wide.py",),
    ),
    Mutation(
        "another unit than the declared one refuses", "readers/csv/wide.py",
        "        if unit and wanted and unit != wanted:\n",
        "        if False:\n",
        ("readers/test_csv_wide.py",),
    ),
    Mutation(
        "a listener that fails harms nobody", "log.py",
        "        except Exception as error:\n            with _changing:\n",
        "        except KeyError as error:\n            with _changing:\n",
        ("test_ids_and_log.py",),
    ),
    Mutation(
        "a configuration that is not in force is said", "operations/status.py",
        "        config_changed=changed,\n",
        "        config_changed=False,\n",
        ("cli/test_in_force.py",),
    ),
    Mutation(
        "a file that is not taken counts as the oldest", "operations/outboxes.py",
        "        oldest_file_s=max((round(each, 1) for each in ages if each is not None), default=None),\n",
        "        oldest_file_s=None,\n",
        ("cli/test_health.py",),
    ),
    Mutation(
        "a part of the agent that does nothing is seen", "premises/beat.py",
        "    return {name: each for name, each in beat.silent_s.items() if each > FRESH_S}\n",
        "    return {}\n",
        ("agent/test_beats.py", "cli/test_health.py"),
    ),
    Mutation(
        "a journal that cannot be written is seen", "journal/sqlite/store.py",
        "            self._trouble = unavailable.code, self._trouble[1] if self._trouble else now_ms()\n",
        "            self._trouble = None\n",
        ("cli/test_health.py",),
    ),
    Mutation(
        "a status that cannot be known is not OK", "cli/main.py",
        '    if ctx.invoked_subcommand == "status":\n        from',
        '    if ctx.invoked_subcommand == "stat":\n        from',
        ("cli/test_look.py",),
    ),
    Mutation(
        "the HIS's words are shown on demand only", "operations/stories.py",
        "            his_words=line.his_words or None if raw else UNSET,\n",
        "            his_words=line.his_words or None,\n",
        ("cli/test_look.py",),
    ),
    Mutation(
        "the bytes of an answer are shown on demand only", "operations/stories.py",
        "        ack=(text_of(ack) if ack is not None else None) if raw else UNSET,\n",
        "        ack=text_of(ack) if ack is not None else None,\n",
        ("cli/test_look.py",),
    ),
    Mutation(
        "map leaves open what a person must decide", "operations/table_map.py",
        '_COUNT = ("known", "guess")',
        '_COUNT = ("known", "guess", "open")',
        ("cli/test_map.py",),
    ),
    Mutation(
        "what comes while a look goes on waits for what came before it", "intake/at_rest.py",
        "is_here = since_ns < self._began_ns and", "is_here =",
        ("intake/test_arrivals.py",),
    ),
    Mutation(
        "so does a file whose marker comes then", "intake/arrivals.py",
        "any(each in closed or self._at_rest.marker_was_here(each) for each in markers)", "bool(markers)",
        ("intake/test_arrivals.py",),
    ),
    Mutation(
        "it waits for no longer than that", "intake/at_rest.py",
        "self.wants_another_look |= not is_here", "self.wants_another_look |= False",
        ("intake/test_arrivals.py",),
    ),
    Mutation(
        "the clock of a share is not ours", "intake/at_rest.py",
        "if self._has_our_clock else _NOW_NS", "if True else _NOW_NS",
        ("intake/test_arrivals.py",),
    ),
    Mutation(
        "a time without a fraction is none", "intake/at_rest.py",
        "and since_ns % _SECOND_NS > 0", "and since_ns > 0",
        ("intake/test_arrivals.py",),
    ),
    Mutation(
        "a marker that was there before lets nothing pass", "intake/arrivals.py",
        "if is_marked and (look.name in closed or self._at_rest.was_here(look.name)):", "if is_marked:",
        ("intake/test_arrivals.py",),
    ),
    Mutation(
        "a round that could not look wants no other one soon", "intake/intake.py",
        "            self._arrivals.could_not_look()\n", "",
        ("intake/test_intake.py",),
    ),
    Mutation(
        "the look anew at what was closed during a look", "intake/arrivals.py",
        "            closed = {*closed, *self._closed_meanwhile(meanwhile(), names)}\n",
        "            closed = {*closed, *meanwhile()}\n",
        ("intake/test_arrivals.py", "intake/test_arrival_order.py"),
    ),
    Mutation(
        "the last of two words in one read", "mllp/verdict.py",
        "            if ours and answer.code == \"AA\" and refusal not in (\"\", *ACCEPTED):\n",
        "            if False:\n",
        ("mllp/test_exchange.py",),
    ),
    Mutation(
        "that a code of no table accepts nothing", "delivery/later.py",
        "        accepts = ack.code in ACK_CODES and isinstance(decision, retry.Delivered)\n",
        "        accepts = ack.code not in (\"AE\", \"AR\", \"CE\", \"CR\")\n",
        ("delivery/test_later_answers.py",),
    ),
    Mutation(
        "that a file is placed only when its folders are flushed", "filing/keeper.py",
        "                unsure.add(folder)\n",
        "                pass\n",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "the ends in a row that a file is blamed for", "journal/alone.py",
        "            self._ends = dict(list(self._ends.items())[-1:])\n",
        "            pass\n",
        ("journal/test_journal.py", "journal/test_sqlite.py",),
    ),
    Mutation(
        "that an id which a rebuild has replaced stays in use", "journal/rebuild.py",
        "    whole.keep_former_id(db, message.id, message.destination, message.control_id or \"\")\n",
        "",
        ("intake/test_ledger.py",),
    ),
    Mutation(
        "that what left before a rebuild may be there", "journal/sql/rebuild.sql",
        "left_before = left_before OR may_have_left OR accept_acked",
        "left_before = left_before",
        ("intake/test_ledger.py",),
    ),
    Mutation(
        "what was settled before a file came back", "intake/recognise.py",
        "        before = batch.settled_before(source, message)\n",
        "        before = None\n",
        ("intake/test_ledger.py",),
    ),
    Mutation(
        "other content in the place of what was given up", "intake/recognise.py",
        "        if instead_of is not None and message.state == \"spooled\":\n",
        "        if False:\n",
        ("intake/test_ledger.py",),
    ),
    Mutation(
        "a file is read again only where it is released", "journal/sql/again.sql",
        "AND (:at = '' OR m.destination = :at OR m.code = {nobody})",
        "AND (1 OR :at = '')",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "what may have arrived is not read again under another id", "journal/sql/again.sql",
        "AND NOT (m.code = 'unanswered' OR",
        "AND NOT (m.code = '' AND",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "what nobody took is released for nothing else", "journal/operator.py",
        "at = NOBODY if message.code == NOBODY else message.destination",
        "at = message.destination",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "what waits where it is released for keeps a file", "journal/sql/again.sql",
        "(m.destination = :at OR :at = ''",
        "(:at = ''",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "what waits from an earlier reading keeps a file", "journal/again.py",
        'asked = {"readings": json.dumps(own)',
        'asked = {"readings": json.dumps(own[-1:])',
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "a file is overtaken only where it is released", "journal/sql/order_history.sql",
        "WHERE b.destination = :at OR :at = '' AND",
        "WHERE 1 OR :at = '' AND",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "a file that is on its way back is not released twice", "journal/again.py",
        '    if db.execute(_SQL["is_on_its_way"], {"id": known[-1]}).fetchone():\n',
        "    if False:\n",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "a file that became unreadable is read for whom it was", "journal/again.py",
        "    at = _released_for(db, known, this.source_id)\n",
        '    at = ""\n',
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "that a release notes its destination", "journal/operator.py",
        "again.withdraw(db, this._replace(message_id=None), ",
        'again.withdraw(db, this._replace(message_id=None, destination=""), ',
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "what was not released stays what it is", "journal/sql/spool.sql",
        "NOT IN ('replaced', 'duplicate')",
        "NOT IN ('replaced', 'duplicate', 'quarantined')",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "what the HIS took back goes again only where released", "journal/sql/spool.sql",
        "= '' OR NOT e.is_asked)",
        "= '')",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "that a duplicate is settled with what replaced it", "journal/sql/spool.sql",
        " ) SELECT MAX(found.id) FROM found\n",
        " ) SELECT MIN(found.id) FROM found\n",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "other content of what was not released", "intake/recognise.py",
        "(each.given_up or not each.is_asked)",
        "each.given_up",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "what was read again is replaced once", "journal/sql/spool.sql",
        " AND NOT EXISTS (SELECT 1 FROM message r WHERE r.replaces = o.id))",
        "\n)",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "an act on all of a file knows each reading", "journal/several.py",
        "    readings = json.dumps(again.readings(db, source_id))\n",
        "    readings = json.dumps([source_id])\n",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "what was read twice is in an act on all once", "journal/sql/several.sql",
        "WHERE NOT (m.state = 'duplicate' AND",
        "WHERE NOT (m.state = '' AND",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "a message is built anew from where its file is now", "journal/rebuild.py",
        "again.readings(db, message.source_id)[-1]",
        "message.source_id",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "a file in quarantine for an earlier reading keeps its outbox", "journal/sql/view.sql",
        "'quarantined' IN (m.state, o.state)",
        "m.state = 'quarantined'",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "that ids which differ in blanks are one", "intake/recognise.py",
        "batch.holders.get(message.control_id.rstrip(\" \"))\n",
        "batch.holders.get(message.control_id)\n",
        ("faults/test_last_word.py",),
    ),
    Mutation(
        "a word behind the claim that undoes it", "delivery/known.py",
        "    taken_back = not _UNDONE.isdisjoint(words[end:])\n",
        "    taken_back = False\n",
        ("delivery/test_known.py",),
    ),
    Mutation(
        "a control character that stands for a line end", "readers/hl7/doubts.py",
        "        text = text.translate(_AS_BLANKS)\n",
        "        pass\n",
        ("readers/test_hl7.py",),
    ),
    Mutation(
        "the look after a close was waited for", "delivery/lane.py",
        "        if self._link.wait_for_close():  # so does this\n            return\n",
        "        self._link.wait_for_close()\n",
        ("faults/test_silent_his.py",),
    ),
    Mutation(
        "the rules that a message left under", "delivery/lane.py",
        "        decision = retry.judge_ack(\n            self._his,\n",
        "        decision = retry.judge_ack(\n            self.destination.his,\n",
        ("delivery/test_new_settings.py",),
    ),
    Mutation(
        "the last word of a HIS that the lane leaves", "delivery/lane.py",
        "        self._link.listen()\n        self._take_heard()\n        self._his = his\n",
        "        self._his = his\n",
        ("delivery/test_new_settings.py",),
    ),
    Mutation(
        "the new connection where new settings lead elsewhere", "mllp/link.py",
        "        if moved:\n            self.close()\n",
        "        if moved:\n",
        ("delivery/test_new_settings.py",),
    ),
    Mutation(
        "the clock that nobody sets", "delivery/instants.py",
        "        at_s = self._known.pop(at_ms, None)\n",
        "        at_s = self._known.pop(at_ms, None) and None\n",
        ("faults/test_silent_his.py",),
    ),
    Mutation(
        "the guard of the event made_whole", "journal/sql/delivery.sql",
        " AND state IN {message[made_whole].may};", ";",
        ("journal/test_states.py",),
    ),
    Mutation(
        "that what was built anew meanwhile is not made whole", "journal/delivery.py",
        "found is None or found[0] != message.control_id:", "found is None:",
        ("delivery/test_parts.py", "journal/test_twice.py"),
    ),
    Mutation(
        "that a waiting part goes whole where its base was taken back", "delivery/lane.py",
        "if message.stands_on_other and self", "if False and self",
        ("delivery/test_parts.py",),
    ),
    Mutation(
        "that no part is marked with the verdict before it", "delivery/lane.py",
        " and goes_on and not self._heads[0].stands_on_other else None", " and goes_on else None",
        ("delivery/test_parts.py",),
    ),
    Mutation(
        "that what is to leave is read anew once a delivery was taken back", "delivery/lane.py",
        "            self._take_mark_back()\n            self._forget()\n            self.destination.has",
        "            self.destination.has",
        ("delivery/test_parts.py",),
    ),
    Mutation(
        "by every lane", "delivery/lane.py",
        "            self.destination.has_taken_back(self._number)\n", "",
        ("delivery/test_parts.py",),
    ),
    Mutation(
        "that what the HIS has said is heard before a part leaves", "delivery/lane.py",
        "if message.is_part and self._hears", "if False and self._hears",
        ("delivery/test_parts.py",),
    ),
    Mutation(
        "that what may have arrived keeps what is older of its test back, released with it",
        "journal/sql/order_history.sql",
        "   OR (n.may_have_left OR n.left_before OR :at_end",
        "   OR (:at_end AND (n.may_have_left OR n.left_before) OR :at_end",
        ("journal/test_destinations.py",),
    ),
    Mutation(
        "that what the HIS has keeps back a copy of what it never took, made with its own",
        "journal/sql/order_history.sql",
        ":at_end AND n.state = 'acked' AND n", ":at_end AND n.state = 'spooled' AND n",
        ("journal/test_destinations.py",),
    ),
    Mutation(
        "that what is taken back again once its case was closed is new", "journal/later_answers.py",
        "bool(repeated and is_flagged)", "bool(repeated)",
        ("delivery/test_parts.py",),
    ),
    Mutation(
        "that no result is left out for one of another specimen", "hl7/delta.py",
        "if name in had and had[name].about == about else {}", "if name in had else {}",
        ("hl7/test_delta.py", "intake/test_ledger.py"),
    ),
    Mutation(
        "that what was told of another specimen is forgotten", "hl7/delta.py",
        "if before is not None and before.about == about[name] else {}", "if before is not None else {}",
        ("hl7/test_delta.py",),
    ),
    Mutation(
        "that no part follows another patient's report of the order", "intake/recognise.py",
        "return history[last:]", "return [each for each in history if not each.is_of_another(patient_key)]",
        ("intake/test_ledger.py",),
    ),
    Mutation(
        "that no part is made where more is on record than is looked back at", "intake/recognise.py",
        "len({entry.message for entry in each}) < LONGEST", "True",
        ("intake/test_ledger.py",),
    ),
    Mutation(
        "that what was closed for a newer report is no base of a part", "journal/decisions.py",
        "if order_history.overtaken_by(db, message.id, at_end=True) is not None:", "if False:",
        ("intake/test_ledger.py",),
    ),
    Mutation(
        "that what has no patient holds its orders, where patients are held", "journal/queue.py",
        "holder.of_nobody if by_patient", "frozenset() if by_patient",
        ("journal/test_journal.py",),
    ),
    Mutation(
        "whose each order of a message with several patients is", "readers/hl7/reader.py",
        "if len(patients) > 1 else", "if False else",
        ("intake/test_several_patients.py",),
    ),
    Mutation(
        "that a message holds each of its patients", "journal/queue.py",
        "{same[0][1], *several}", "{same[0][1]}",
        ("intake/test_several_patients.py",),
    ),
    Mutation(
        "that nobody's orders stay their patient's where the message is deleted", "journal/sql/retention.sql",
        "COALESCE(o.patient_key, n.patient_key), n.send_round", "n.patient_key, n.send_round",
        ("intake/test_several_patients.py",),
    ),
    Mutation(
        "that no lock says which database an agent works with", "premises/locks.py",
        "if outboxes[0].database is not None:", "if False:",
        ("cli/test_health.py",),
    ),
    Mutation(
        "that a refusal which is repeated rouses nobody", "delivery/later.py",
        " and not kept.repeated)", ")",
        ("delivery/test_parts.py",),
    ),
    Mutation(
        "that refusals of a part are not counted against the whole", "journal/sql/whole.sql",
        ", refusals = 0, unknowns = 0", "",
        ("delivery/test_parts.py",),
    ),
    Mutation(
        "the guard of the event sending", "journal/sql/delivery.sql",
        "WHERE id = :id AND state IN {message[sending].may};",
        "WHERE id = :id;",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event sending, with a verdict", "journal/sql/delivery.sql",
        " OR id = :next_id AND state IN {message[sending].may};",
        " OR id = :next_id;",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event not_sent", "journal/sql/delivery.sql",
        " WHERE id = :id AND state IN {message[not_sent].may};",
        " WHERE id = :id;",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event commit_accepted", "journal/sql/delivery.sql",
        " WHERE id = :id AND state IN {message[commit_accepted].may};",
        " WHERE id = :id;",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event commit_stands", "journal/sql/delivery.sql",
        " AND accept_acked AND state IN {message[commit_stands].may};",
        " AND accept_acked;",
        ("journal/test_states.py",),
    ),
    Mutation(
        "that what causes a move without a plan is on the disk", "filing/delivered.py",
        "        self._journal.store.tick()\n",
        "",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "that a move without a plan is flushed before it is noted", "filing/delivered.py",
        "                files.sync_folder(sent)\n                files.sync_folder(claimed)\n",
        "                pass\n",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "that what is found in sent/ after a crash has the content that was read", "filing/delivered.py",
        "files.is_there(f\"{folder}{os.sep}{name}\", file.sha256)",
        "files.is_there(f\"{folder}{os.sep}{name}\")",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "that what is found in sent/ after a crash is no other file", "filing/delivered.py",
        "                    if self._filing.is_another_s(f\"{day}/{name}\"):\n",
        "                    if False:\n",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "that what was moved before a crash is found", "filing/keeper.py",
        "                known.append(self._delivered.found_again(rest))\n",
        "                known.append(rest)\n",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "that of very many files the oldest are claimed first", "intake/arrivals.py",
        "                    found.sort()\n                    del found[most:]\n",
        "                    del found[most:]\n",
        ("intake/test_arrivals.py",),
    ),
    Mutation(
        "that a look that fails has not seen all", "intake/arrivals.py",
        "        found = self._oldest(most + 1)",
        "        self._behind = None\n        found = self._oldest(most + 1)",
        ("intake/test_pairing.py",),
    ),
    Mutation(
        "that what comes during a look overtakes nothing that it leaves", "intake/arrivals.py",
        "                if look is not None and self._is_behind(look):\n",
        "                if look is None:\n",
        ("intake/test_arrivals.py",),
    ),
    Mutation(
        "that what is rewritten during a look has no turn but its new one", "intake/arrivals.py",
        "                    names.pop(name, None)\n",
        "                    pass\n",
        ("intake/test_arrivals.py",),
    ),
    Mutation(
        "that what stays in the outbox is judged beside the first few", "intake/arrivals.py",
        "            most = _FIRST + max(0, self._judged - claimed)\n",
        "            most = _FIRST\n",
        ("intake/test_arrivals.py",),
    ),
    Mutation(
        "that nothing is printed into a file of ours where a stream is closed", "cli/screen.py",
        "    _open_closed()\n",
        "",
        ("cli/test_streams.py",),
    ),
    Mutation(
        "the exit code where nothing can be printed", "cli/main.py",
        "    with contextlib.suppress(OSError):  #",
        "    with contextlib.nullcontext():  #",
        ("cli/test_streams.py",),
    ),
    Mutation(
        "that a file both of whose names are taken is said to wait", "filing/keeper.py",
        "if not was_taken or _has_claim(file, name):",
        "if not was_taken:",
        ("filing/test_keeper.py",),
    ),
    Mutation(
        "that a report waits until all that lies in the outbox was looked at", "intake/intake.py",
        "            self._pairing.wait_anew()\n",
        "            pass\n",
        ("intake/test_pairing.py",),
    ),
    Mutation(
        "that a name is found from the folder that was opened", "files.py",
        "        return path.folder.descriptor, path.name\n",
        "        return _AT_FDCWD, str(path)\n",
        ("test_files.py",),
    ),
    Mutation(
        "that files which cannot be claimed hide nothing behind them", "intake/arrivals.py",
        " if claimed * 2 >= self._most else self._most * 2\n",
        "\n",
        ("intake/test_arrivals.py",),
    ),
    Mutation(
        "that whoever acts folds in first what was accepted", "journal/sqlite/store.py",
        "        verdicts.fold(self.connection)\n",
        "",
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "that what others have done before a mark is seen with it", "journal/sqlite/store.py",
        "                    db.execute(\"BEGIN IMMEDIATE\")\n                    version = _version(db)\n",
        "                    version = _version(db)\n                    db.execute(\"BEGIN IMMEDIATE\")\n",
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "that no row of a batch is left out", "journal/sqlite/inserting.py",
        "    db.executemany(sql, rows[whole:])\n", "    if not whole:\n        db.executemany(sql, rows)\n",
        ("journal/test_journal.py",),
    ),
    Mutation(
        "that a row waits for who is writing, and stands on what he wrote", "journal/sqlite/held_read.py",
        "sqlite3.SQLITE_BUSY:", "None:",
        ("journal/test_held_read.py",),
    ),
    Mutation(
        "that what others write once a read stands is told", "journal/sqlite/store.py",
        "                        self._held.keep(version)\n                    db.execute(\"COMMIT\")\n",
        "                        db.execute(\"COMMIT\")\n                        self._held.keep(version)\n",
        ("journal/test_held_read.py",),
    ),
    Mutation(
        "that no row falls into a transaction that failed", "journal/sqlite/store.py",
        "            except BaseException as error:\n                self._held.end()\n",
        "            except (sqlite3.Error, AgentError) as error:\n                self._held.end()\n",
        ("journal/test_held_read.py",),
    ),
    Mutation(
        "that no transaction stays open, whatever its commit fails by", "journal/sqlite/store.py",
        "                except BaseException as failure:\n",
        "                except sqlite3.DatabaseError as failure:\n",
        ("journal/test_held_read.py",),
    ),
    Mutation(
        "the look before a row whether the journal is still there", "journal/sqlite/store.py",
        "                self.look()\n                if self._full:", "                if self._full:",
        ("journal/test_held_read.py",),
    ),
    Mutation(
        "that no read stands over a transaction", "journal/sqlite/store.py",
        "        self._held.end()\n        self.look()\n        if full", "        self.look()\n        if full",
        ("journal/test_held_read.py",),
    ),
    Mutation(
        "that no read stands over a reading", "journal/sqlite/store.py",
        "                self._held.end()\n                if not self.connection",
        "                if not self.connection",
        ("journal/test_held_read.py",),
    ),
    Mutation(
        "that no read stands over the look for what others wrote", "journal/sqlite/store.py",
        "                self._held.end()\n                return _version", "                return _version",
        ("journal/test_held_read.py",),
    ),
    Mutation(
        "that no read keeps what was deleted in the log", "journal/sqlite/store.py",
        "            self._held.end()\n            self.look()\n            yield",
        "            self.look()\n            yield",
        ("journal/test_held_read.py",),
    ),
    Mutation(
        "that a second writer makes no journal", "journal/sqlite/aside.py",
        "            self._store.look()  # else", "            # else",
        ("journal/test_sqlite.py",),
    ),
    Mutation(
        "that a second writer looks whether the journal is still there", "journal/sqlite/store.py",
        "            self.look()\n            yield", "            yield",
        ("journal/test_sqlite.py",),
    ),
    Mutation(
        "that what was seen with a mark holds for one look", "journal/sqlite/store.py",
        "            version, self._version = self._version, None\n",
        "            version = self._version\n",
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "that what was seen with a mark holds for no later transaction", "journal/sqlite/store.py",
        "        self._version = None\n        self._changes",
        "        self._changes",
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "that an agent's own reading folds first", "journal/sqlite/store.py",
        "                if not self.connection.in_transaction and verdicts.are_there(self.connection):\n",
        "                if False:\n",
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "that the message after an acceptance may be leaving", "journal/verdicts.py",
        '("tries", "accepted", "marked", "folded")',
        '("tries", "accepted", "folded")',
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "that a row of acceptance finds its next message waiting", "journal/sql/verdicts.sql",
        " AND n.state IN {message[sending].may} AND NOT EXISTS",
        " AND NOT EXISTS",
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "that a folded acceptance keeps the round it left in", "journal/sql/verdicts.sql",
        " send_round = CASE state WHEN {message[sending].to} THEN send_round\n",
        " send_round = CASE state WHEN '' THEN send_round\n",
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "that no row of acceptance marks what another one has accepted", "journal/sql/verdicts.sql",
        " AND NOT EXISTS (SELECT 1 FROM verdict w WHERE w.message_id = n.id)\n",
        "\n",
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "that what a killed agent had accepted is shown so", "journal/opening.py",
        "return SqliteReader(address, fold_in=fold_in)",
        "return SqliteReader(address)",
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "that who only reads makes no journal", "journal/sqlite/store.py",
        "    if path.exists():\n        with contextlib.closing(SqliteStore(path, busy",
        "    if True:\n        with contextlib.closing(SqliteStore(path, busy",
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "that a backup has what was accepted as states", "journal/sqlite/copies.py",
        "            verdicts.fold(copy)\n",
        "",
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "that what was accepted is known before a recovered journal is mended", "journal/sqlite/salvage.py",
        "        verdicts.fold(new)  # before anything is judged by its state\n",
        "",
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "that an answer is kept whatever the message is now", "journal/sql/verdicts.sql",
        "FROM verdict v WHERE TRUE\n",
        "FROM verdict v WHERE EXISTS (SELECT 1 FROM message m WHERE m.id = v.message_id)\n",
        ("journal/test_verdicts.py",),
    ),
    Mutation(
        "that a stop as a look begins is heard", "intake/intake.py",
        " or self._closed or self._stopping.is_set()):",
        " or self._closed):",
        ("intake/test_plan.py",),
    ),
    Mutation(
        "that the usual ACK is of our message", "mllp/link.py",
        "        if ack is None or ack.control_id != control_id:\n",
        "        if ack is None:\n",
        ("mllp/test_link.py", "delivery/test_lane.py"),
    ),
    Mutation(
        "that the usual ACK is one frame and nothing else", "mllp/acknowledgement.py",
        "\\x1c\\r\").fullmatch\n",
        "\\x1c\\r\").match\n",
        ("mllp/test_exchange.py",),
    ),
    Mutation(
        "that the usual ACK accepts", "mllp/acknowledgement.py",
        "MSA\\|AA\\|([",
        "MSA\\|A[AER]\\|([",
        ("mllp/test_exchange.py",),
    ),
    Mutation(
        "that the usual ACK begins where nothing has begun", "mllp/link.py",
        "        if not isinstance(data, bytes) or not self._reader.untouched:\n",
        "        if not isinstance(data, bytes):\n",
        ("mllp/test_link.py",),
    ),
    Mutation(
        "the guard of the event acked", "journal/sql/delivery.sql",
        " AND state IN {message[acked].may}\n",
        "\n",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event unknown", "journal/sql/delivery.sql",
        " AND state IN {message[unknown].may};",
        ";",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event refused", "journal/sql/delivery.sql",
        " AND state IN {message[refused].may};",
        ";",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event quarantined", "journal/sql/delivery.sql",
        " AND state IN {message[quarantined].may};",
        ";",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event interrupted", "journal/sql/delivery.sql",
        "WHERE destination = :destination AND state IN {waiting} AND state IN {message[interrupted].may};",
        "WHERE destination = :destination;",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event put_back", "journal/sql/delivery.sql",
        "WHERE id = :id AND state IN {message[put_back].may}\n",
        "WHERE id = :id\n",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event released", "journal/sql/acts.sql",
        " AND state IN {message[released].may};",
        ";",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event rebuilt", "journal/sql/rebuild.sql",
        " AND state IN {message[rebuilt].may};",
        ";",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event dismissed", "journal/sql/decisions.sql",
        " AND state IN {message[dismissed].may};",
        ";",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event resent", "journal/sql/decisions.sql",
        " AND state IN {message[resent].may};",
        ";",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event read_again", "journal/sql/again.sql",
        " AND state IN {message[read_again].may};",
        ";",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event dismissed, of a file", "journal/sql/operator.sql",
        " AND state IN {source[dismissed].may};",
        ";",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event released, of a file", "journal/sql/again.sql",
        " AND state IN {source[released].may};",
        ";",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event read_again, of a file", "journal/sql/again.sql",
        " AND state IN {source[read_again].may};",
        ";",
        ("journal/test_states.py",),
    ),
    Mutation(
        "the guard of the event grown", "journal/sql/filing.sql",
        "WHERE id = :id AND state IN {source[grown].may};",
        "WHERE id = :id;",
        ("journal/test_states.py",),
    ),
    Mutation(
        "that unknown is of the bytes that were sent", "journal/sql/delivery.sql",
        " AND control_id = :control_id AND state IN {message[unknown].may}",
        " AND state IN {message[unknown].may}",
        ("journal/test_states.py",),
    ),
    Mutation(
        "that refused is of the bytes that were sent", "journal/sql/delivery.sql",
        " AND control_id = :control_id AND state IN {message[refused].may}",
        " AND state IN {message[refused].may}",
        ("journal/test_states.py",),
    ),
    Mutation(
        "that quarantined is of the bytes that were sent", "journal/sql/delivery.sql",
        " AND control_id = :control_id AND state IN {message[quarantined].may}",
        " AND state IN {message[quarantined].may}",
        ("journal/test_states.py",),
    ),
    Mutation(
        "that acked is of the bytes that were sent", "journal/sql/delivery.sql",
        "WHERE id = :id AND control_id = :control_id AND state IN {message[acked].may}",
        "WHERE id = :id AND state IN {message[acked].may}",
        ("journal/test_states.py",),
    ),
    Mutation(
        "what any lane was sending when the agent ended", "journal/sql/delivery.sql",
        "WHERE destination = :destination AND state IN {waiting} AND state IN {message[interrupted].may};",
        "WHERE destination = :destination AND state = 'sending' AND lane = 0;",
        ("journal/test_destinations.py",),
    ),
    Mutation(
        "the number of an attempt that is written twice", "journal/sql/delivery.sql",
        "ON CONFLICT (message_id, number) DO NOTHING;",
        "ON CONFLICT (message_id, number) DO UPDATE SET number = attempt.number + 1;",
        ("journal/test_twice.py",),
    ),
    Mutation(
        "the receipt of an act", "journal/acts.py",
        "    if row is None:\n        return None\n    kind,",
        "    if row is None or row:\n        return None\n    kind,",
        ("journal/test_twice.py",),
    ),
    Mutation(
        "who holds nothing back at another destination", "journal/sql/queue.sql",
        "WHERE m.destination = :destination\n",
        "WHERE :destination <> ''\n",
        ("journal/test_destinations.py",),
    ),
    Mutation(
        "what another destination was sent says nothing", "journal/sql/order_history.sql",
        "CROSS JOIN message_order o ON o.destination = :destination AND o.order_key",
        "CROSS JOIN message_order o ON :destination <> '' AND o.order_key",
        ("journal/test_destinations.py",),
    ),
    Mutation(
        "a newer message at another destination overtakes nothing", "journal/sql/order_history.sql",
        "WHERE o.destination = :destination AND o.order_key = :key AND {recent} AND o.message_id <> :id\n",
        "WHERE :destination <> '' AND o.order_key = :key AND o.message_id <> :id\n",
        ("journal/test_destinations.py",),
    ),
    Mutation(
        "of one file what took a place is as old as what had it", "journal/parts.sql",
        " SELECT MIN(p.id) FROM p), o.message_id)\n", " SELECT MIN(p.id) FROM p WHERE FALSE), o.message_id)\n",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "so is a copy of it", "journal/parts.sql",
        "WHERE m.replaces IS NOT NULL)", "WHERE m.replaces < 0)",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "the newer one that waits before the old place of a copy", "journal/sql/order_history.sql",
        "(:at_end OR o.message_id < :id)",
        ":at_end",
        ("journal/test_order_history.py",),
    ),
    Mutation(
        "the newer one that goes out before a copy in the same act", "journal/sql/order_history.sql",
        "THEN o.message_id < :id AND NOT :at_end",
        "THEN FALSE",
        ("journal/test_order_history.py",),
    ),
    Mutation(
        "the later one by its time that waits before the old place", "journal/order_history.py",
        " or int(entry.message) < message_id)",
        ")",
        ("journal/test_order_history.py",),
    ),
    Mutation(
        "a file is not overtaken by a copy of an older one", "journal/sql/order_history.sql",
        "AND {recent} AND {newer}\n",
        "AND {recent} AND o.message_id > :age\n",
        ("journal/test_order_history.py",),
    ),
    Mutation(
        "the copy of an older one that waits behind what goes out again", "journal/order_history.py",
        "    older = _older_behind(db, message_id)\n",
        "    older = None\n",
        ("journal/test_order_history.py",),
    ),
    Mutation(
        "who opens the same file just now is waited for", "journal/sqlite/wal.py",
        "time.monotonic() >= until:",
        "True:",
        ("web/test_audit.py",),
    ),
    Mutation(
        "a released file is as old as its first claim", "journal/sql/order_history.sql",
        "SELECT COALESCE(MIN(e.claim_id), :claim_id)", "SELECT COALESCE(MAX(:claim_id || e.claim_id), :claim_id)",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "a file released twice is as old as its first claim", "journal/sql/order_history.sql",
        "ON w.returns_as = e.claim_id AND w.returns_as <> ''\n WHERE NOT",
        "ON w.returns_as = e.claim_id AND w.returns_as = ''\n WHERE NOT",
        ("intake/test_read_again.py", "intake/test_age_of_a_file.py"),
    ),
    Mutation(
        "force is for what stands at one place of a file", "journal/sql/order_history.sql",
        "(a.message_id IS NULL OR m.place = :place)", "TRUE",
        ("intake/test_age_of_a_file.py",),
    ),
    Mutation(
        "force is for one destination", "journal/sql/order_history.sql",
        " AND a.destination IN ('', :destination)\n", "\n",
        ("intake/test_age_of_a_file.py",),
    ),
    Mutation(
        "what it is held against is as old as its file, too", "journal/sql/order_history.sql",
        "COALESCE({claim} > :came, TRUE)",
        "(SELECT MAX(q.claim_id) FROM source q WHERE q.id = n.source_id) > :came",
        ("intake/test_age_of_a_file.py",),
    ),
    Mutation(
        "what was read again is as old as its file for later acts", "intake/passed.py",
        "each._replace(came=came(source.claim_id,", "each._replace(came='' and came(source.claim_id,",
        ("intake/test_age_of_a_file.py",),
    ),
    Mutation(
        "where files waited or were read again claims say what is newer", "journal/sql/order_history.sql",
        "CASE WHEN {by_claim} THEN {claim} > CAST", "CASE WHEN FALSE AND {by_claim} THEN {claim} > CAST",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "and what is older", "journal/sql/order_history.sql",
        "CASE WHEN {by_claim} THEN {claim} < CAST", "CASE WHEN FALSE AND {by_claim} THEN {claim} < CAST",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "else ids do, for which clocks do not count", "journal/sql/order_history.sql",
        "(:late OR {late}) AND {claim} <> CAST", "{claim} <> CAST",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "of two the one that is asked about may be late", "journal/sql/order_history.sql",
        "(:late OR {late}) AND", "{late} AND",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "of two the other one may be late", "journal/sql/order_history.sql",
        "(:late OR {late}) AND", ":late AND",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "of a file and its copies the last is the newest", "journal/sql/order_history.sql",
        "({age}, o.message_id) > (:age, :id)", "{age} > :age",
        ("journal/test_order_history.py",),
    ),
    Mutation(
        "by what was read again it came when that file did", "intake/recognise.py",
        "destination=message.destination, came=message.came,", "destination=message.destination,",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "what came once more is newer", "intake/recognise.py",
        "._replace(is_once_more=True)", "",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "not what a file has said before", "intake/recognise.py",
        "\"message.duplicate\", text)\n\n\ndef _given_up",
        "\"message.duplicate\", text)._replace(is_once_more=True)\n\n\ndef _given_up",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "where that waited or was read again, by its claim", "journal/spool.py",
        "\"age\": None if came else message_id", "\"age\": message_id",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "but for what waited longer", "journal/sql/spool.sql",
        "IS NOT NULL OR :claim_id >", "IS NOT NULL OR TRUE OR :claim_id >",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "a copy is as old as what it is of, and that came once more", "journal/sql/again.sql",
        "o.patient_key, {claim}, {lasting_age}",
        "o.patient_key, (SELECT s.claim_id FROM source s WHERE s.id = n.source_id), o.message_id",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "a copy of what waited is as old", "journal/sql/again.sql",
        "{claim}, {lasting_age}\nFROM message_order o", "{claim}, o.message_id\nFROM message_order o",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "what retention has deleted is as old as it was", "journal/sql/retention.sql",
        "n.state = 'acked'), {claim},",
        "n.state = 'acked'), (SELECT s.claim_id FROM source s WHERE s.id = n.source_id),",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "ids decide also between what is deleted", "journal/sql/retention.sql",
        "{claim}, {lasting_age}\n", "{claim}, NULL\n",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "where nobody knows when it came a person decides", "journal/sql/order_history.sql",
        "COALESCE({claim} > :came, TRUE)", "{claim} > :came",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "what is built anew is no younger", "journal/rebuild.py",
        "\"came\": came, \"age\": age}", "\"came\": None, \"age\": None}",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "files that are forced together go by their age", "journal/several.py",
        "    files.sort(key=lambda file: min(", "    files.sort(key=lambda file: -min(",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "what was overtaken is as old as it is", "intake/entries.py",
        "destination=message.destination, came=message.came,", "destination=message.destination,",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "an older journal knows how old what was read again is", "journal/sqlite/to-8.sql",
        "s.claim_id = w.returns_as WHERE w.returns_as <> '');", "s.claim_id = w.returns_as WHERE w.returns_as = '');",
        ("journal/test_migration.py", "journal/test_age_after_update.py"),
    ),
    Mutation(
        "and what waited", "journal/sqlite/to-8.sql",
        "w.claim_id < w.newest AND", "FALSE AND",
        ("journal/test_migration.py", "journal/test_age_after_update.py"),
    ),
    Mutation(
        "and what retention has deleted", "journal/sqlite/to-8.sql",
        "WHERE digest IS NOT NULL;", "WHERE FALSE;",
        ("journal/test_migration.py", "journal/test_age_after_update.py"),
    ),
    Mutation(
        "by what came behind it", "journal/sqlite/to-8.sql",
        "WHERE m.id > message_order.message_id AND", "WHERE m.id < message_order.message_id AND",
        ("journal/test_migration.py", "journal/test_age_after_update.py"),
    ),
    Mutation(
        "and copies", "journal/sqlite/to-8.sql",
        "WHERE m.replaces IS NOT NULL AND m.came = '');", "WHERE FALSE);",
        ("journal/test_migration.py", "journal/test_age_after_update.py"),
    ),
    Mutation(
        "and what came once more", "journal/sqlite/to-8.sql",
        "d.code = 'message.duplicate' AND d.came = '');", "FALSE);",
        ("journal/test_migration.py", "journal/test_age_after_update.py"),
    ),
    Mutation(
        "what waited is held against what nobody knows", "journal/sql/order_history.sql",
        "(:late AND {claim} IS NULL OR", "(FALSE AND {claim} IS NULL OR",
        ("journal/test_age_after_update.py",),
    ),
    Mutation(
        "a copy of a copy that lost its source is as old", "journal/sql/again.sql",
        "{claim}, {lasting_age}\nFROM message_order o",
        "{claim}, CASE WHEN o.came IS NULL AND n.came = '' THEN o.message_id ELSE o.age END\nFROM message_order o",
        ("journal/test_age_after_update.py",),
    ),
    Mutation(
        "the same by an older file makes nothing older that nobody knows", "journal/parts.sql",
        " AND s.claim_id NOT LIKE '0-recovered-%'))", "))",
        ("journal/test_age_after_update.py",),
    ),
    Mutation(
        "the update takes no slow clock for waiting", "journal/sqlite/to-8.sql",
        "OVER (PARTITION BY agent_of(s.outbox) ORDER BY s.id)", "OVER (ORDER BY s.id)",
        ("journal/test_age_after_update.py",),
    ),
    Mutation(
        "and what came once more late", "journal/sqlite/to-8.sql",
        "d.code = 'message.duplicate' AND d.came <> '')", "d.code = 'message.duplicate' AND FALSE)",
        ("journal/test_age_after_update.py",),
    ),
    Mutation(
        "copies of several go by the age of their files", "journal/order_history.py",
        "last[bisect_left(in_time, (claim or \"\", message))], True", "message, True",
        ("intake/test_age_of_what_waited.py",),
    ),
    Mutation(
        "a forced release makes a file as old as that", "journal/again.py",
        "if force else []\n    forced = [(each.id,", "if False else []\n    forced = [(each.id,",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "a forced release of a file that could not be read", "journal/again.py",
        "forced = [(None, at)] if force else []", "forced: list[tuple[int | None, str]] = []",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "force is for one release", "journal/sql/order_history.sql",
        "AND a.kind = 'file.forced' AND a.answer = w.returns_as AND a.destination",
        "AND a.kind = 'file.forced' AND a.destination",
        ("intake/test_age_of_a_file.py",),
    ),
    Mutation(
        "what was not forced is held against what goes before it", "intake/batches.py",
        "            if source.claim_id in forced:", "            if False:",
        ("intake/test_age_of_a_file.py",),
    ),
    Mutation(
        "each of several is forced at its own destination", "journal/again.py",
        '"" if everywhere or each.code == NOBODY else each.destination', '""',
        ("intake/test_age_of_a_file.py",),
    ),
    Mutation(
        "what an overtaken report says to do leads out", "journal/next_step.py",
        'if code in ("report.overtaken", "report.partly-overtaken"):', "if False:",
        ("intake/test_age_of_a_file.py",),
    ),
    Mutation(
        "released files are read in the order in which they came", "intake/phases.py",
        "return self.first or self.claim_id, self.claim_id", "return self.claim_id, self.claim_id",
        ("intake/test_age_of_a_file.py",),
    ),
    Mutation(
        "what is the same as what went out last has not been overtaken", "intake/passed.py",
        "passed.keys() - same for each in passed[key] if each.digest != message.digest]",
        "passed for each in passed[key]]",
        ("intake/test_read_again.py",),
    ),
    Mutation(
        "what the HIS took back is not the same", "intake/passed.py",
        "if each and each[-1].content[1] == message.digest}", "if each and each[-1].digest == message.digest}",
        ("intake/test_age_of_a_file.py",),
    ),
    Mutation(
        "what is built anew goes out from its place like what is released", "journal/rebuild.py",
        "    if message.state == \"quarantined\" and not force:\n",
        "    if False:\n",
        ("journal/test_order_history.py",),
    ),
    Mutation(
        "copies that are made together go oldest first", "journal/several.py",
        'rank if what == "resend" else {each: each for each in rank}',
        "{each: each for each in rank}",
        ("journal/test_order_history.py",),
    ),
    Mutation(
        "a replaced message may have arrived", "journal/parts.sql",
        "('quarantined', 'dismissed', 'replaced')",
        "('quarantined', 'dismissed')",
        ("journal/test_replaced.py",),
    ),
    Mutation(
        "what was replaced was not given up", "journal/filing.py",
        '    own = states - {"replaced"}',
        '    own = states',
        ("journal/test_replaced.py",),
    ),
    Mutation(
        "a file waits for what its destination still has", "journal/filing.py",
        '"quarantined" in states and states.isdisjoint(WAITING)',
        '"quarantined" in states',
        ("journal/test_destinations.py",),
    ),
    Mutation(
        "a report that one destination does not get is filed", "journal/spool.py",
        "        if through - waits or not waits:\n",
        "        if not waits:\n",
        ("journal/test_destinations.py",),
    ),
    Mutation(
        "a file whose destination is through is found at a start", "journal/sql/filing.sql",
        "OR f.folder = 'claimed' AND NOT EXISTS (SELECT 1 FROM message w\n",
        "OR f.folder = 'none' AND NOT EXISTS (SELECT 1 FROM message w\n",
        ("journal/test_destinations.py",),
    ),
    Mutation(
        "what others did is looked at by its record", "journal/sql/filing.sql",
        "WHERE e.id > :after AND (",
        "WHERE e.id < :after AND (",
        ("journal/test_destinations.py",),
    ),
    Mutation(
        "so does what comes behind one of nobody", "journal/sql/turns.sql",
        "(SELECT COALESCE(p.patient_key, b.patient_key) <> message.patient_key OR NOT",
        "(SELECT COALESCE(p.patient_key, b.patient_key) NOT IN ('', message.patient_key) OR NOT",
        ("journal/test_turns.py",),
    ),
    Mutation(
        "a result moved to another patient goes alone", "journal/spool.py",
        "            turns.part_patients(db, rows.messages[0][0], rows.messages[-1][0])\n",
        "            pass\n",
        ("journal/test_turns.py",),
    ),
    Mutation(
        "what is about two patients goes alone", "journal/turns.py",
        "body is not None and has_several_patients(body)",
        "False",
        ("journal/test_turns.py",),
    ),
    Mutation(
        "what a dismissed barrier kept apart the next one does", "journal/decisions.py",
        '        turns.hand_on(db, message.id)\n        acts.record(db, this, "message.dismissed"',
        '        acts.record(db, this, "message.dismissed"',
        ("journal/test_turns.py",),
    ),
    Mutation(
        "what a rebuilt barrier kept apart the next one does", "journal/rebuild.py",
        "    turns.hand_on(db, message.id)\n",
        "",
        ("journal/test_turns.py",),
    ),
    Mutation(
        "what is behind a barrier that is not sent is one", "journal/sql/turns.sql",
        " OR NOT (b.state IN {waiting} OR b.state = 'acked')\n",
        "\n",
        ("journal/test_turns.py",),
    ),
    Mutation(
        "what is released goes alone before another patient's", "journal/acts.py",
        "    turns.keep_apart(db, message.id)\n",
        "",
        ("journal/test_turns.py",),
    ),
    Mutation(
        "what the brake puts back goes alone before another patient's", "journal/delivery.py",
        "        turns.keep_apart(db, message_id)\n",
        "",
        ("journal/test_turns.py",),
    ),
    Mutation(
        "what is built anew goes by what it says now", "journal/rebuild.py",
        "    turns.give(db, message.id, body)\n",
        "",
        ("journal/test_turns.py",),
    ),
    Mutation(
        "what waits in an older journal has its turn", "journal/sqlite/to-6.sql",
        "    WHERE state IN ('spooled', 'sending') OR state = 'quarantined';\n",
        "    WHERE state = 'none';\n",
        ("journal/test_migration.py",),
    ),
    Mutation(
        "of messages that go out together none overtakes another", "journal/several.py",
        "may(db, each, force=force, together=newer)",
        "may(db, each, force=force, together=set())",
        ("journal/test_destinations.py",),
    ),
    Mutation(
        "what is overtaken stays, also with all of its file", "journal/several.py",
        "    for each in sorted(messages, key=lambda each: rank[each.id], reverse=True):  # the newest first\n",
        "    for each in messages:\n",
        ("journal/test_destinations.py",),
    ),
    Mutation(
        "an act on several has one receipt", "journal/several.py",
        "answer=json.dumps(outcome))",
        "answer=json.dumps(((), ())))",
        ("journal/test_destinations.py",),
    ),
    Mutation(
        "what must not be parted is in one transaction", "journal/several.py",
        "            up_to[each.id] = max(newer, key=place.__getitem__)\n",
        "            pass\n",
        ("operations/test_bulk.py",),
    ),
    Mutation(
        "a frozen list that is run twice is done once", "operations/bulk.py",
        'step.messages(ids, f"{frozen.token}.{number}")',
        "step.messages(ids, new_id())",
        ("operations/test_bulk.py",),
    ),
    Mutation(
        "what a search is about in an act", "operations/choosing.py",
        "        wanted = replace(wanted, states=_STATES[act])\n",
        "        pass\n",
        ("operations/test_bulk.py",),
    ),
    Mutation(
        "what is given up and may have arrived is said to be so", "journal/sql/story.sql",
        "SELECT m.id, m.control_id, m.may_have_left OR m.accept_acked OR m.state = 'sending', m.left_before",
        "SELECT m.id, m.control_id, FALSE, m.left_before",
        ("cli/test_act.py",),
    ),
    Mutation(
        "an empty filter is refused", "cli/arguments.py",
        "    if value is not None and not text:\n", "    if False:\n",
        ("cli/test_search.py",),
    ),
    Mutation(
        "an empty filter is refused in the API", "operations/search.py",
        'Meta(pattern=r"\\S")', 'Meta(pattern="")',
        ("web/test_api.py",),
    ),
    Mutation(
        "nothing is given up or sent again without a word of what", "operations/choosing.py",
        "    if wanted.is_empty and act in", "    if False and act in",
        ("cli/test_search.py",),
    ),
    Mutation(
        "a number that is not the list's does nothing", "cli/many.py",
        "    if count != frozen.count:\n",
        "    if count < 0:\n",
        ("cli/test_search.py",),
    ),
    Mutation(
        "what is both an order and something else is no proof", "operations/named.py",
        '    if not all("order" in kinds for _, kinds in found):\n',
        '    if not any("order" in kinds for _, kinds in found):\n',
        ("cli/test_proof.py",),
    ),
    Mutation(
        "an export has no patient data unless it is asked for", "operations/export.py",
        "view.patients_of(ids) if patient_data else None",
        "view.patients_of(ids)",
        ("cli/test_search.py",),
    ),
    Mutation(
        "a cell is no formula", "operations/export.py",
        'if each.startswith(_DANGEROUS) else each for',
        "if each is None else each for",
        ("cli/test_search.py",),
    ),
    Mutation(
        "what a message holds is text on the page of a proof", "operations/proof_page.py",
        "    return escape(printable(text))\n",
        "    return printable(text)\n",
        ("cli/test_proof.py",),
    ),
    Mutation(
        "an answer to another control id proves nothing", "operations/proof.py",
        "        is_ours=bool(ours),\n",
        "        is_ours=True,\n",
        ("cli/test_proof.py",),
    ),
    Mutation(
        "a clock that was set back hides nothing within the hour", "journal/by_time.py",
        "_SLACK_MS: Final = 3_600_000",
        "_SLACK_MS: Final = 0",
        ("journal/test_searching.py",),
    ),
    Mutation(
        "a search that was stopped goes on where it stopped", "journal/searching.py",
        "        messages.append(mark.message)\n",
        "        messages.append(mark.message - 1)\n",
        ("journal/test_searching.py",),
    ),
    Mutation(
        "a program without patient data searches for no patient", "operations/web/asking.py",
        "    hidden = {\"patient\": search.patient,",
        "    hidden = {\"patient\": \"\",",
        ("web/test_api.py",),
    ),
    Mutation(
        "a copy that is forced is made once under its key", "operations/repeats.py",
        "    return str(token)\n",
        "    return new_id()\n",
        ("web/test_api.py",),
    ),
    Mutation(
        "a share that hangs keeps no status waiting", "operations/outboxes.py",
        "        return ask_share(outbox, ask)\n",
        "        return ask()\n",
        ("operations/test_hung_share.py",),
    ),
    Mutation(
        "the mask of the HIS's words for which a lane is held", "operations/rights_of.py",
        "        return reason if held_by == _SAID_OPENLY else self.shown(reason)\n",
        "        return reason\n",
        ("web/test_who_sees_what.py",),
    ),
    Mutation(
        "what may be a patient's is kept in no saved search", "operations/web/asking.py",
        "        return kinds <= _OF_NOBODY\n",
        "        return True\n",
        ("web/test_screens.py",),
    ),
    Mutation(
        "two backups to one name do not write to one file", "journal/sqlite/copies.py",
        "    part = target.with_name(f\".{target.name}.{new_id()}.part\")\n",
        "    part = target.with_name(f\".{target.name}.part\")\n    files.remove(part)\n",
        ("journal/test_copies.py",),
    ),
    Mutation(
        "an empty mount point is no folder whose files are gone", "filing/purge.py",
        "            if seen is None and not self._stands(file, path, folder, root):",
        "            if False:",
        ("filing/test_purge.py",),
    ),
    Mutation(
        "a year of the audit goes once all of it is old", "operations/keeping.py",
        "datetime.datetime(year + 1, 1, 1,",
        "datetime.datetime(year, 1, 1,",
        ("web/test_keeping.py",),
    ),
    Mutation(
        "operations.db goes by the agent's trust in the clock", "operations/keeping.py",
        "        if not 0 <= at_ms - purged_ms <= _BEHIND_MS:\n            return\n",
        "",
        ("web/test_keeping.py",),
    ),
    Mutation(
        "what waits elsewhere keeps no file from being read again", "journal/sql/again.sql",
        "WHERE q.destination = m.destination AND q.state",
        "WHERE q.state",
        ("journal/test_destinations.py",),
    ),
    Mutation(
        "the look at the whole journal after an end of the machine", "journal/sqlite/store.py",
        "        if self._as_left and (ended_clean or (run_id and run_id == self.run_id())):\n",
        "        if self._as_left:\n",
        ("journal/test_sqlite.py",),
    ),
    Mutation(
        "the look at a journal that somebody else wrote", "journal/sqlite/store.py",
        "        if self._as_left and (ended_clean",
        "        if True and (ended_clean",
        ("journal/test_left.py",),
    ),
    Mutation(
        "the log that has the last word after a kill", "journal/sqlite/left.py",
        " else self.file_ns <= self.log_ns\n",
        " else True\n",
        ("journal/test_left.py",),
    ),
    Mutation(
        "the instant that a copy keeps", "journal/sqlite/left.py",
        "if not noted_ms.isdecimal() or abs(last_ns // 1_000_000 - int(noted_ms)) > apart_ms:\n",
        "if not noted_ms.isdecimal():\n",
        ("journal/test_left.py",),
    ),
    Mutation(
        "the copy of a moment ago, which is another file", "journal/sqlite/left.py",
        "        if file != self.file:\n",
        "        if False:\n",
        ("journal/test_left.py",),
    ),
    Mutation(
        "the seconds behind a close, fewer than in use", "journal/sqlite/left.py",
        "(self.file_ns, _CLOSED_APART_MS)",
        "(self.file_ns, _APART_MS)",
        ("journal/test_left.py",),
    ),
    Mutation(
        "the note of a close, where no log is left", "journal/sqlite/left.py",
        "return closed == _CLOSED if",
        "return True if",
        ("journal/test_left.py",),
    ),
    Mutation(
        "a command that does not vouch for a journal it found changed", "journal/sqlite/store.py",
        "        return not self._as_left or 0 <= at_ms",
        "        return 0 <= at_ms",
        ("journal/test_left.py",),
    ),
    Mutation(
        "the doubt that an error of the disk leaves", "journal/sqlite/store.py",
        "            self._doubted = True\n",
        "",
        ("journal/test_sqlite.py",),
    ),
    Mutation(
        "a reading that is noted twice is one", "journal/alone.py",
        "        if claim_id and run == self._run and claim_id == self._last:\n",
        "        if False:\n",
        ("journal/test_twice.py", "journal/test_journal.py", "journal/test_sqlite.py"),
    ),
    Mutation(
        "a copy is counted among the messages", "journal/again.py",
        '    tally.add(db, message.destination, "messages", 1)\n',
        "",
        ("journal/test_tally.py",),
    ),
    Mutation(
        "an application's late acceptance is no commit-only any more", "journal/later_answers.py",
        '-db.execute(_SQL["whole"], values).rowcount)',
        '0 * db.execute(_SQL["whole"], values).rowcount)',
        ("journal/test_tally.py",),
    ),
    Mutation(
        "an acceptance that is recorded twice is counted once", "journal/acceptances.py",
        '"control_id": message.control_id}).fetchone() is not None\n',
        '"control_id": message.control_id}) is not None\n',
        ("journal/test_tally.py",),
    ),
    Mutation(
        "what goes alone at the end of every lane's part", "journal/queue.py",
        "        if turn == 0:\n",
        "        if turn == -1:\n",
        ("delivery/test_several_lanes.py",),
    ),
    Mutation(
        "what goes alone waits for all that is older", "journal/queue.py",
        "not ids and begin == message_id",
        "not ids",
        ("delivery/test_several_lanes.py",),
    ),
    Mutation(
        "nothing leaves beside what goes alone", "delivery/gate.py",
        "        if others and (alone or any(others)):\n",
        "        if False:\n",
        ("delivery/test_sharing.py",),
    ),
    Mutation(
        "a lane's look at what another lane has written", "delivery/lane.py",
        " and his is self._his and not self._is_stale:\n",
        " and his is self._his:\n",
        ("delivery/test_sharing.py",),
    ),
    Mutation(
        "nothing is quarantined once another lane has made it hold", "delivery/destination.py",
        "            if self.hold and self.has_several_lanes:\n                return Quarantined(False)\n",
        "",
        ("delivery/test_sharing.py",),
    ),
    Mutation(
        "the brake's other message is of no patient who waits", "journal/queue.py",
        ' or order_by == "patient"',
        "",
        ("delivery/test_several_lanes.py",),
    ),
    Mutation(
        "who has begun to ask goes on", "delivery/destination.py",
        "self.links.asks if self._probing is None else self._probing",
        "self.links.asks",
        ("delivery/test_sharing.py",),
    ),
    Mutation(
        "another lane asks where the first one has no link", "delivery/links.py",
        'enumerate(self._rows) if each.link != "down"), 0)',
        "enumerate(self._rows) if each), 0)",
        ("delivery/test_several_lanes.py",),
    ),
    Mutation(
        "the brake asks with nothing behind what goes alone", "journal/queue.py",
        "        if order_by and line.turn(order_by) == 0 and line.id not in but:\n            break\n",
        "",
        ("delivery/test_several_lanes.py",),
    ),
    Mutation(
        "what is given up hands on what it kept apart", "journal/turns.py",
        '            db.execute(_SQL["apart"], {"id": next_id})\n\n\ndef keep_apart_behind',
        "            pass\n\n\ndef keep_apart_behind",
        ("journal/test_turns.py",),
    ),
    Mutation(
        "the watchdog is not fed where a lane is stuck", "agent/notify.py",
        "        if not stuck:\n            self._manager.notify()",
        "        self._manager.notify()",
        ("agent/test_notify.py",),
    ),
    Mutation(
        "a reload that leaves what needs a restart alone", "agent/reload.py",
        "    if fixed := tuple(_needs_restart(old, new)):",
        "    if fixed := ():",
        ("agent/test_reload.py",),
    ),
    Mutation(
        "a reload takes nothing before all of it can be taken", "agent/reload.py",
        "            found = change(old, new)\n            self._on_reload(new)\n",
        "            self._on_reload(new)\n            found = Change(new, plans(new), ())\n",
        ("cli/test_reload.py",),
    ),
    Mutation(
        "a range that has parts is no plain text", "readers/guards/glance.py",
        '(span.__class__ is str and "^" in str(span))',
        "False",
        ("readers/test_glance.py",),
    ),
    Mutation(
        "a result's flags and notes are looked at", "readers/guards/glance.py",
        ", *result.flags, *result.notes)",
        ")",
        ("readers/test_glance.py",),
    ),
    Mutation(
        "a correction is not plain", "readers/guards/glance.py",
        "is_correction(status) or ",
        "",
        ("readers",),
    ),
    Mutation(
        "an alert's end goes out only if it did", "operations/alerts/machine.py",
        "    return alert.sent is None and _is_away(alert, now_ms)\n",
        "    return False\n",
        ("operations/test_alert_machine.py",),
    ),
    Mutation(
        "an alert waits for its delay", "operations/alerts/machine.py",
        " else delay.warning_s):\n",
        " else 0):\n",
        ("operations/test_alert_machine.py",),
    ),
    Mutation(
        "what no agent sees is not over for alerts", "operations/alerts/machine.py",
        '(key.code in _SEEN_BY_AGENT and not blind.isdisjoint(("", key.node)))',
        "False",
        ("operations/test_alert_machine.py",),
    ),
    Mutation(
        "a restart of the alerts repeats nothing", "operations/alerts/book.py",
        "            before, _ = _state(db)\n            after, notices = act(before)\n",
        "            before, _ = _state(db)\n            after, notices = act(State())\n",
        ("cli/test_alerts.py",),
    ),
    Mutation(
        "the mask over the address of a channel", "operations/alerts/notify.py",
        "            said = said.replace(part, HIDDEN)\n",
        "            said = said.replace(part, part)\n",
        ("cli/test_alerts.py",),
    ),
    Mutation(
        "the heartbeat is withheld where a part hangs", "agent/heartbeat.py",
        " if each_s > SILENT_S]:\n",
        " if each_s < 0]:\n",
        ("agent/test_heartbeat.py",),
    ),
    Mutation(
        "the mask of what is of patients", "operations/rights_of.py",
        "        return self.may_see_patients and (self.key is not None",
        "        return True or (self.key is not None",
        ("web/test_who_sees_what.py",),
    ),
    Mutation(
        "the mask of fields by the API", "operations/web/api/core.py",
        "            document = visitor.masked(document)\n",
        "            pass\n",
        ("web/test_who_sees_what.py",),
    ),
    Mutation(
        "the mask of what an act was done to", "operations/web/api/acting.py",
        "        Acts, takes=AskedActs, shows_patients=True, parameters=(_KEY,),\n",
        "        Acts, takes=AskedActs, parameters=(_KEY,),\n",
        ("web/test_programs_see_no_more.py",),
    ),
    Mutation(
        "the screens that no key opens", "operations/web/asked.py",
        "            if visitor.key is not None:",
        "            if False:",
        ("web/test_programs_see_no_more.py",),
    ),
    Mutation(
        "the audit's row before patients are shown", "operations/web/logins.py",
        '            self._audit.note_in(db, visitor, "reveal" if on else "reveal-end")\n',
        "",
        ("web/test_who_sees_what.py",),
    ),
    Mutation(
        "the audit's row before a program is answered", "operations/web/api/core.py",
        "        if operation.shows_patients and visitor.key is not None and visitor.sees_patients:",
        "        if False:",
        ("web/test_who_sees_what.py",),
    ),
    Mutation(
        "the mask on the page's screens", "operations/web/templating.py",
        "    return printable(visitor.shown(text))\n",
        "    return printable(str(text))\n",
        ("web/test_screens.py",),
    ),
    Mutation(
        "the mask of the reason for an act on many", "operations/web/templates/overview.html",
        "{{ each.detail | safe_text if each.kind in open_acts else each.detail | patient }}",
        "{{ each.detail | patient if each.message_id or each.source_id else each.detail | safe_text }}",
        ("web/test_screens.py",),
    ),
    Mutation(
        "the mask of an export", "operations/web/screens/messages.py",
        "as_cells(asked.visitor.masked(row))",
        "as_cells(row)",
        ("web/test_screens.py",),
    ),
    Mutation(
        "the short list of fields that say nothing of a patient", "operations/web/templates/message.html",
        "{{ field.text | safe_text if field.is_open else field.text | patient }}",
        "{{ field.text | safe_text }}",
        ("web/test_screens.py",),
    ),
    Mutation(
        "that a patient is searched for by who sees patients alone", "operations/web/asking.py",
        "    if not sees:\n        for kind in words:",
        "    if False:\n        for kind in words:",
        ("web/test_screens.py",),
    ),
    Mutation(
        "the audit's row before a message is shown", "operations/web/screens/message.py",
        '        asked.site.audit.note(asked.visitor, "view", target=story.ref, patient=patient)\n',
        "        pass\n",
        ("web/test_screens.py",),
    ),
    Mutation(
        "the audit's row before a raw view", "operations/web/screens/message.py",
        '    _note(asked, "raw", number)\n',
        "",
        ("web/test_screens.py",),
    ),
    Mutation(
        "the audit's row before a proof", "operations/web/screens/message.py",
        '    _note(asked, "proof", number)\n',
        "",
        ("web/test_screens.py",),
    ),
    Mutation(
        "the audit's row before an export", "operations/web/screens/messages.py",
        '    asked.site.audit.note(asked.visitor, "export", detail="patient data" if sees else "masked")\n',
        "",
        ("web/test_screens.py",),
    ),
    Mutation(
        "the audit's row when a patient is searched for", "operations/web/screens/messages.py",
        '            asked.site.audit.note(asked.visitor, "search", patient=each.patient)\n',
        "            pass\n",
        ("web/test_screens.py",),
    ),
    Mutation(
        "that a list that was frozen is its account's alone", "operations/web/works.py",
        "        if work is None or work.owner != visitor.name:\n",
        "        if work is None:\n",
        ("web/test_screens.py",),
    ),
    Mutation(
        "that a list that was frozen runs once", "operations/web/works.py",
        "            if work.thread is not None:\n                return work\n",
        "",
        ("web/test_screens.py",),
    ),
    Mutation(
        "the audit's row before an act", "operations/audit.py",
        '        asked = self.note(visitor, act, target=target, why=why, phase="asked")\n',
        "        asked = None\n",
        ("web/test_audit.py",),
    ),
    Mutation(
        "the rows of the audit that nobody changes", "operations/records.sql",
        "BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;\n\n-- Retention",
        "BEGIN SELECT 1; END;\n\n-- Retention",
        ("web/test_audit.py",),
    ),
    Mutation(
        "the right that a screen names", "operations/web/asked.py",
        "        if right is not None and not visitor.may(right):",
        "        if False:",
        ("web/test_overview.py",),
    ),
    Mutation(
        "the right that an operation of the API names", "operations/web/api/core.py",
        "    if not visitor.may(operation.right):",
        "    if False:",
        ("web/test_submissions.py",),
    ),
    Mutation(
        "the token of a page's forms", "operations/web/asked.py",
        "    return is_from_here(request) and _fits(given, token)",
        "    return is_from_here(request)",
        ("web/test_security.py",),
    ),
    Mutation(
        "the origin of a form", "operations/web/asked.py",
        "    return is_from_here(request) and _fits(given, token)",
        "    return _fits(given, token)",
        ("web/test_security.py",),
    ),
    Mutation(
        "the names by which the page is called", "operations/web/guard.py",
        '        if headers.get("host", "").lower() not in self._hosts:',
        "        if False:",
        ("web/test_security.py",),
    ),
    Mutation(
        "the limit of tries to log in", "operations/web/logins.py",
        "        if not self._wrong.allow(whence) or not self._tries.allow(tried):",
        "        if False:",
        ("web/test_security.py",),
    ),
    Mutation(
        "the lock under which a result is dropped", "operations/submissions.py",
        '    with _alone(installation, row["id"]):\n',
        "    with contextlib.nullcontext():\n",
        ("web/test_submissions_in_trouble.py",),
    ),
    Mutation(
        "the outbox of a result whose own is configured no more", "operations/submissions.py",
        '(each for each in configured if each.name == row["outbox"]), otherwise)',
        '(each for each in configured if each.name == row["outbox"]), configured[0])',
        ("web/test_submissions_in_trouble.py",),
    ),
    Mutation(
        "the end of a page's process that hangs", "operations/web/server.py",
        "            threading.Thread(target=_end, daemon=True).start()\n",
        "            pass\n",
        ("web/test_process_in_trouble.py",),
    ),
    Mutation(
        "the end of a connection on which nobody reads", "operations/web/server.py",
        "        if now_s - self._read_s > _UNREAD_S:\n",
        "        if False:\n",
        ("web/test_process_in_trouble.py",),
    ),
    Mutation(
        "the last of the Event Log says how it stands", "service/events.py",
        "more = 0 if event.name in _CHANGES else self",
        "more = self",
        ("service/test_events.py",),
    ),
    Mutation(
        "a link that is down for another reason has not recovered", "operations/critical.py",
        "{key_of(each): each for each in found}",
        '{Key(each.code, each.destination or "", each.cause or ""): each for each in found}',
        ("operations/test_critical.py",),
    ),
    Mutation(
        "the question that is asked once while it hangs", "operations/patience.py",
        "        if self._hanging is not None and self._hanging.is_alive():\n",
        "        if False:\n",
        ("web/test_share_that_hangs.py",),
    ),
    Mutation(
        "the request that has two lengths", "operations/web/guard.py",
        '        if "content-length" in headers and "transfer-encoding" in headers:',
        "        if False:",
        ("web/test_odd_requests.py",),
    ),
    Mutation(
        "the mask of a laboratory's own control id", "operations/rights_of.py",
        "            if theirs and not is_ours(theirs):",
        "            if False:",
        ("web/test_control_ids_of_laboratories.py",),
    ),
    Mutation(
        "the moment that the audit is verified at", "operations/audit.py",
        "        with self._records.snapshot():\n            return self._verified()\n",
        "        return self._verified()\n",
        ("web/test_audit_in_trouble.py",),
    ),
    Mutation(
        "the row that a removed year of the audit needs", "operations/audit.py",
        ' or (each["year"] == newest_gone and str(newest_gone) not in noted)',
        "",
        ("web/test_audit_in_trouble.py",),
    ),
    Mutation(
        "the password that is still the same when a login begins", "operations/web/logins.py",
        "            if still is None:",
        "            if False:",
        ("web/test_login_limits.py",),
    ),
    Mutation(
        "the network that tries are counted by", "operations/web/logins.py",
        "    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)",
        "    return str(found)",
        ("web/test_login_limits.py",),
    ),
    Mutation(
        "the user whom the proxy names once", "operations/web/visitors.py",
        "    return header_text(\"\".join(found)).strip() if len(found) < 2 else None",
        "    return header_text(found[0]).strip() if found else \"\"",
        ("web/test_proxy_headers.py",),
    ),
    Mutation(
        "the look whether a result was dropped before", "operations/submissions.py",
        "        if not is_there(installation, row):",
        "        if True:",
        ("web/test_submissions.py",),
    ),
    Mutation(
        "an end that Windows hears of is none that starting again cures", "service/host.py",
        "        if code in (ExitCode.DONE, ExitCode.CONFIG):",
        "        if True:",
        ("service/test_host.py",),
    ),
    Mutation(
        "a stop that comes before there is an agent", "service/host.py",
        "        for _ in range(asked):",
        "        for _ in range(0):",
        ("service/test_host.py",),
    ),
    Mutation(
        "unit files of other hands", "service/systemd.py",
        "        if text is not None and MARK not in text:",
        "        if False:",
        ("service/test_systemd.py",),
    ),
    Mutation(
        "a line break in a path of a unit", "service/units.py",
        "    if word.isprintable():",
        "    if True:",
        ("service/test_systemd.py",),
    ),
    Mutation(
        "whose old log files are removed", "logfile.py",
        "if self._own.fullmatch(each.name))",
        "if each.name.startswith(self._path.name) and each.name != self._path.name)",
        ("test_logfile.py",),
    ),
    Mutation(
        "the log file that another program has renamed", "logfile.py",
        "        if files.identity_now(self._path) != files.identity_now(self._open):",
        "        if False:",
        ("test_logfile.py",),
    ),
    Mutation(
        "a service that starts is not asked to stop", "operations/service_of_windows.py",
        "if found is not None and found.state is State.STARTING:", "if False:",
        ("service/test_of_windows.py",),
    ),
    Mutation(
        "the list of what the agent has taken is closed", "files.py",
        'closed = folder.name.startswith(".")', "closed = False",
        ("test_windows.py",), windows=True,
    ),
    Mutation(
        "on a share the rights of the outbox count", "windows.py",
        "if _is_on_share(folder) or ", "if ",
        ("test_windows.py",), windows=True,
    ),
    Mutation(
        "rights on a whole disk", "operations/service_of_windows.py",
        "        elif folder != folder.parent and",
        "        elif",
        ("service/test_of_windows.py",),
    ),
)  # fmt: skip


def mutated(mutation: Mutation, source: str) -> str:
    """Switch a safety off. Raises ValueError where the code is not there exactly once."""
    if source.count(mutation.code) != 1:
        raise ValueError(f"{mutation.file} has the code of {mutation.safety!r} {source.count(mutation.code)} times")
    return source.replace(mutation.code, mutation.instead)


def _noticed(mutation: Mutation | None, tests: tuple[str, ...], *, workers: int = 0) -> str:
    """Run tests on a copy, by so many workers; return the first that failed, "" if none did."""
    with tempfile.TemporaryDirectory(prefix="lab-sender-mutation-") as folder:
        copy = Path(folder) / "lab-sender"
        shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
        if mutation is not None:
            path = copy / "lab_sender" / mutation.file
            path.write_text(mutated(mutation, path.read_text("utf-8")), "utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-n", str(workers)]
        command += ["--timeout", str(_HANGS_S if mutation is not None else _LONGEST_S)]
        paths = [str(copy / "tests" / each) for each in tests]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(copy), str(copy / "tests")])}
        run = subprocess.run(
            [*command, *paths],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST_S,
        )
        failed = _FAILED.search(run.stdout)
        if run.returncode not in (0, 1) or (run.returncode == 1 and failed is None):
            raise RuntimeError(run.stdout[-2000:] + run.stderr[-2000:])
        return failed[1].rpartition("tests/")[2] if failed else ""


def _tried(mutation: Mutation) -> str:
    """Try one, and print its line at once; return what noticed it."""
    begun = time.monotonic()
    failed = _noticed(mutation, mutation.tests)
    print(f"{mutation.safety:48} {failed or 'NOT NOTICED'} ({time.monotonic() - begun:.0f} s)", flush=True)
    return failed


def main() -> int:
    """Try every mutation of this system, or those asked for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("words", nargs="*", help="only those whose safety or file has one of these words")
    parser.add_argument("--workers", type=int, default=1, help="so many at a time")
    asked = parser.parse_args()
    mutations = [
        mutation
        for mutation in MUTATIONS
        if mutation.windows == (sys.platform == "win32")
        and (not asked.words or any(word in mutation.safety or word in mutation.file for word in asked.words))
    ]
    every = tuple(dict.fromkeys(test for mutation in mutations for test in mutation.tests))
    if every and (failed := _noticed(None, every, workers=asked.workers)):
        print(f"{failed} fails without any mutation")
        return 1
    with ThreadPoolExecutor(asked.workers) as pool:
        noticed = sum(map(bool, pool.map(_tried, mutations)))
    print(f"{noticed} of {len(mutations)} switched-off safeties noticed")
    return 0 if noticed == len(mutations) else 1


if __name__ == "__main__":
    sys.exit(main())
