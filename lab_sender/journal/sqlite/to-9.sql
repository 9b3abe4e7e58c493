-- Schema 8 becomes schema 9: where bytes are only what had changed since the HIS was told before, those of the whole report.
ALTER TABLE wire ADD COLUMN whole BLOB;
ALTER TABLE wire ADD COLUMN whole_crc32 INTEGER;
