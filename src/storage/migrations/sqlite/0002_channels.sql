-- Push channels: how long their publications are kept, who may publish, and what was answered.

-- A publication of a namespace is kept so long, in milliseconds; NULL: as `journal.retention_days` says.
ALTER TABLE publication ADD COLUMN keep_ms INTEGER;

-- What is trimmed by its own age, in the order of commits.
CREATE INDEX publication_keep ON publication (keep_ms, id) WHERE keep_ms IS NOT NULL;

CREATE TABLE api_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    -- KeyName::key: what makes two names the same.
    name_key TEXT NOT NULL UNIQUE,
    token_hash BLOB NOT NULL UNIQUE,
    -- How the secret begins.
    hint TEXT NOT NULL,
    -- Separated by spaces.
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used INTEGER,
    expires_at INTEGER
) STRICT;

-- What requests with an Idempotency-Key were answered, so that a repeat gets the first answer.
CREATE TABLE publish_receipt (
    -- Whose key of that name it is.
    issuer TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    -- SHA-256 of the request.
    fingerprint BLOB NOT NULL,
    -- JSON: [[offset, subscribers], ...]
    answer TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, idempotency_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX publish_receipt_age ON publish_receipt (created_at);
