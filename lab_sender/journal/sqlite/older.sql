-- What an older journal is read as where it is only read: `check --sent` of a new version, before the upgrade. Names in
-- `temp` come before those of the journal, and are gone with the connection.
-- Before schema 6:
CREATE TEMP VIEW source AS SELECT *, '' AS outbox FROM main.source;
-- Before schema 4:
CREATE TEMP VIEW file AS
    SELECT id, source_id, role, name, claimed_as, place AS folder, placed_as AS filed_as FROM main.file;
-- Since schema 3:
CREATE TEMP VIEW remark AS SELECT rowid AS id, source_id, message_id, code, place, text, times FROM main.remark;
-- Before it:
CREATE TEMP TABLE IF NOT EXISTS remark (id, source_id, message_id, code, place, text, times);
