-- Documents that several people write together: their logs of updates, what these were merged into, named versions.

CREATE TABLE document (
    -- A deleted document's id is given to no other: whoever still has its content must not merge it into another.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    -- NULL: it belongs to a namespace of the settings.
    room_id INTEGER REFERENCES room (id),
    -- Whether members of the room may do no more than read.
    read_only INTEGER NOT NULL,
    -- NULL: a back end, or a user of one.
    created_by INTEGER REFERENCES account (id),
    created_at INTEGER NOT NULL,
    -- When its content last changed.
    changed_at INTEGER NOT NULL,
    -- The number of the last update.
    head INTEGER NOT NULL DEFAULT 0,
    -- Updates up to this one are merged in `document_snapshot`.
    merged INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX document_room ON document (room_id, name);

-- What was merged, as one update of the Yjs protocol.
CREATE TABLE document_snapshot (
    document_id INTEGER PRIMARY KEY REFERENCES document (id),
    state BLOB NOT NULL
) STRICT;

-- Updates above `document.merged`, as they were accepted.
CREATE TABLE document_update (
    document_id INTEGER NOT NULL REFERENCES document (id),
    number INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (document_id, number)
) STRICT, WITHOUT ROWID;

-- The oldest that was not merged.
CREATE INDEX document_update_age ON document_update (created_at);

CREATE TABLE document_version (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER NOT NULL REFERENCES document (id),
    name TEXT NOT NULL,
    created_by INTEGER REFERENCES account (id),
    created_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    -- UTF-8, as bytes: a text that people write may hold U+0000, and PostgreSQL's TEXT may not.
    body BLOB NOT NULL
) STRICT;

CREATE INDEX document_version_document ON document_version (document_id, id);
