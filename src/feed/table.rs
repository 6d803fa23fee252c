//! A table that is to be watched, found and judged.

use super::{
    error::{FeedError, TableFault},
    link::answer,
    notation,
};
use crate::settings::FeedTable;
use tokio_postgres::{Client, types::Oid};

/// A table as the database knows it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) oid: Oid,
    schema: String,
    name: String,
    pub(super) is_partitioned: bool,
    pub(super) key: String,
    /// The key's type as it stands in a statement, whatever the search path; a domain's is the one below it.
    pub(super) key_type: String,
    /// Whether our role may make triggers on it.
    pub(super) may_trigger: bool,
}

/// Whether reading the table lends a superuser's rights: a cast to json, which belongs to the owner of a type, is carried
/// out with the rights of whoever asks for a row's JSON. True of a superuser, unless everything is superusers'.
const LENDS_RIGHTS: &str = "WITH RECURSIVE made_of (type) AS (\
        SELECT atttypid FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped \
        UNION SELECT part.type FROM made_of JOIN pg_type t ON t.oid = made_of.type CROSS JOIN LATERAL (\
            VALUES (t.typelem), (t.typbasetype) \
            UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = t.typrelid AND NOT a.attisdropped\
        ) AS part (type) WHERE part.type <> 0), \
    owners (owner) AS (\
        SELECT relowner FROM pg_class WHERE oid = $1 \
        UNION SELECT typowner FROM pg_type JOIN made_of ON made_of.type = pg_type.oid) \
    SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \
        AND EXISTS (SELECT FROM owners JOIN pg_roles r ON r.oid = owner WHERE NOT r.rolsuper)";

const FIND: &str = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') \
    AND ((c.relname::text = $1 AND pg_table_is_visible(c.oid)) \
        OR (n.nspname::text, c.relname::text) IN (SELECT * FROM unnest($2::text[], $3::text[])))";

const COLUMN: &str = "SELECT a.attnotnull, \
        format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END, -1), \
        EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid \
            AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = 1 \
            AND i.indkey[0] = a.attnum), \
        has_table_privilege(a.attrelid, 'TRIGGER'), has_table_privilege(a.attrelid, 'SELECT') \
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
    WHERE a.attrelid = $1 AND a.attname::text = $2 AND a.attnum > 0 AND NOT a.attisdropped";

impl Table {
    /// Its name as it stands in a statement.
    pub(super) fn quoted(&self) -> String {
        format!("{}.{}", notation::name(&self.schema), notation::name(&self.name))
    }

    /// Its name, in words.
    pub(super) fn shown(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// What a read of its rows reads from: what inherits from it has no trigger of ours.
    pub(super) fn named_in_from(&self) -> String {
        format!("{}{} AS t", if self.is_partitioned { "" } else { "ONLY " }, self.quoted())
    }
}

/// Finds the table that the settings name, through the search path if need be.
pub(super) async fn find(client: &Client, wanted: &FeedTable) -> Result<Result<Found, TableFault>, FeedError> {
    // "a.b.c" is b.c in a, c in a.b, or a table of the search path.
    let splits = wanted.table.match_indices('.').map(|(dot, _)| wanted.table.split_at(dot));
    let (schemas, tables): (Vec<_>, Vec<_>) = splits.map(|(schema, table)| (schema, &table[1..])).unzip();
    let found = answer(client.query(FIND, &[&wanted.table, &schemas, &tables])).await?;
    let table = wanted.table.clone();
    let row = match &found[..] {
        [] => return Ok(Err(TableFault::NoTable(table))),
        [row] => row,
        _ => return Ok(Err(TableFault::Ambiguous(table))),
    };
    let kind = (row.get::<_, &str>(3), row.get::<_, &str>(4));
    let what = match kind {
        (_, "t") => Some("a temporary table"),
        (_, "u") => Some("an unlogged table, which a crash empties unseen"),
        ("r" | "p", _) => None,
        ("f", _) => Some("a foreign table"),
        _ => Some("a view"),
    };
    if let Some(what) = what {
        return Ok(Err(TableFault::NoPlainTable { table, what }));
    }
    Ok(Ok(Found { oid: row.get(0), schema: row.get(1), name: row.get(2), is_partitioned: kind.0 == "p" }))
}

/// A table that is there.
#[derive(Debug, Clone)]
pub(super) struct Found {
    oid: Oid,
    schema: String,
    name: String,
    is_partitioned: bool,
}

impl Found {
    /// Whether it can be watched by the key that the settings name. The search path must have been left: `format_type`
    /// names the schema of a type only when that is not in it.
    pub(super) async fn judge(
        self,
        client: &Client,
        wanted: &FeedTable,
    ) -> Result<Result<Table, TableFault>, FeedError> {
        let Self { oid, schema, name, is_partitioned } = self;
        let (table, key) = (wanted.table.clone(), wanted.key.clone());
        let Some(column) = answer(client.query_opt(COLUMN, &[&oid, &key])).await? else {
            return Ok(Err(TableFault::NoColumn { table, key }));
        };
        if !column.get::<_, bool>(0) {
            return Ok(Err(TableFault::Nullable { table, key }));
        }
        if !column.get::<_, bool>(2) {
            return Ok(Err(TableFault::NotUnique { table, key }));
        }
        if !column.get::<_, bool>(4) {
            return Ok(Err(TableFault::MayNotRead(table)));
        }
        if answer(client.query_one(LENDS_RIGHTS, &[&oid])).await?.get(0) {
            return Ok(Err(TableFault::LendsRights(table)));
        }
        let (key_type, may_trigger) = (column.get(1), column.get(3));
        Ok(Ok(Table { oid, schema, name, is_partitioned, key, key_type, may_trigger }))
    }
}
