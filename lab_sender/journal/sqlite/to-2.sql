-- Schema 1 becomes schema 2: what each order's tests said; which message holds its orders back.

ALTER TABLE message ADD COLUMN holds_orders INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN send_round INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message_order RENAME TO message_order_1;

CREATE TABLE message_order (
    order_key TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    service TEXT NOT NULL,
    status TEXT NOT NULL,
    reported TEXT NOT NULL,
    PRIMARY KEY (order_key, message_id, service)
) WITHOUT ROWID;
CREATE INDEX message_order_message ON message_order(message_id);
CREATE INDEX message_holding ON message(id) WHERE state = 'quarantined' AND holds_orders;

INSERT INTO message_order (order_key, message_id, service, status, reported)
    SELECT o.order_key, o.message_id, COALESCE(json_extract(f.value, '$[0]'), ''),
        COALESCE(json_extract(f.value, '$[1]'), ''), COALESCE(json_extract(f.value, '$[2]'), '')
    FROM message_order_1 o LEFT JOIN wire w ON w.message_id = o.message_id
    LEFT JOIN json_each(facts_of_order(w.body, o.order_key)) f;
DROP TABLE message_order_1;
INSERT INTO meta VALUES ('send_round', '0');
