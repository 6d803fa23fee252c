-- The feed: how far each outbox is published, and our own table of products.

-- The last batch of changes that was published from an outbox. Its changes are perhaps still in the outbox: whoever
-- goes on from here removes them there first.
CREATE TABLE feed_source (
    -- The id that the outbox was given when it was installed.
    outbox TEXT PRIMARY KEY NOT NULL,
    -- How many batches were published.
    batch INTEGER NOT NULL,
    -- JSON: the changes of the last one, [[id, microseconds], ...]
    changes TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE products (
    product_id INTEGER PRIMARY KEY AUTOINCREMENT,
    manufacturer TEXT NOT NULL,
    -- Decimal, two places.
    price_per_unit TEXT NOT NULL,
    units_available INTEGER NOT NULL,
    product_name TEXT NOT NULL
) STRICT;
