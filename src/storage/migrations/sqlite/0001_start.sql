-- Times are milliseconds since 1970-01-01 UTC. Ids of rows that may be deleted are AUTOINCREMENT: a forgotten session's
-- id must never become somebody else's.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    -- UserName::key: what makes two names the same.
    name_key TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE topic (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    -- The last offset given out.
    head INTEGER NOT NULL DEFAULT 0,
    -- The last offset forgotten: trimmed + 1 .. head is what `publication` holds.
    trimmed INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Every topic's log. `id` is the order of commits over all topics, which is the order of trimming.
CREATE TABLE publication (
    id INTEGER PRIMARY KEY,
    topic_id INTEGER NOT NULL REFERENCES topic (id),
    topic_offset INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    -- Last: a long one spills over pages that trimming need not read.
    payload TEXT NOT NULL,
    UNIQUE (topic_id, topic_offset)
) STRICT;

CREATE TABLE room (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    public INTEGER NOT NULL,
    topic_id INTEGER NOT NULL REFERENCES topic (id),
    -- How many rows `member` has for it: counting a large room at every listing would be slow.
    members INTEGER NOT NULL DEFAULT 0,
    created_by INTEGER REFERENCES account (id),
    created_at INTEGER NOT NULL
) STRICT;

-- How many somebody has made.
CREATE INDEX room_created_by ON room (created_by);

-- The largest public rooms.
CREATE INDEX room_public ON room (members DESC, name) WHERE public = 1;

CREATE TABLE member (
    account_id INTEGER NOT NULL REFERENCES account (id),
    room_id INTEGER NOT NULL REFERENCES room (id),
    joined_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, room_id)
) STRICT, WITHOUT ROWID;

-- The id is explicit, so that VACUUM keeps it and a search index may refer to it.
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    room_id INTEGER NOT NULL REFERENCES room (id),
    topic_offset INTEGER NOT NULL,
    author_id INTEGER NOT NULL REFERENCES account (id),
    body TEXT NOT NULL,
    sent INTEGER NOT NULL,
    client_id TEXT,
    UNIQUE (room_id, topic_offset)
) STRICT;

CREATE UNIQUE INDEX message_client_id ON message (author_id, client_id) WHERE client_id IS NOT NULL;

CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES account (id),
    token_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT;

CREATE INDEX session_account ON session (account_id);

CREATE TABLE device (
    account_id INTEGER NOT NULL REFERENCES account (id),
    token_hash BLOB NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (account_id, token_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE invitation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL,
    uses_left INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    created_by INTEGER REFERENCES account (id),
    created_at INTEGER NOT NULL
) STRICT;
