//! The list of tables against what the migrations of both engines make.

use super::*;
use crate::storage::{
    copy::{
        Place,
        tests::{in_a_database, in_a_directory},
    },
    postgres::tests::cluster::Cluster,
};
use std::collections::BTreeSet;

/// What the migrations make, on either engine, and nobody copies: a copy has its own.
const LEFT_BEHIND: &[&str] = &["schema_version"];

/// `table: column type, …; key: column, …`
fn known_tables() -> BTreeSet<String> {
    let described = all().iter().map(|table| {
        let columns: BTreeSet<_> = table.columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
        let key: Vec<_> = table.columns[..table.key_columns].iter().map(|(name, _)| *name).collect();
        described(table.name, columns, &key)
    });
    described.collect()
}

fn described(table: &str, columns: BTreeSet<String>, key: &[&str]) -> String {
    let columns: Vec<_> = columns.into_iter().collect();
    format!("{table}: {}; key: {}", columns.join(", "), key.join(", "))
}

/// `rows`: table, column, type, place in the primary key or 0.
fn made_tables(rows: Vec<[String; 4]>) -> BTreeSet<String> {
    let names: BTreeSet<_> = rows.iter().map(|row| row[0].clone()).collect();
    let names = names.iter().filter(|name| !LEFT_BEHIND.contains(&name.as_str()));
    let of = |name: &String| {
        let columns: Vec<_> = rows.iter().filter(|row| row[0] == *name).collect();
        let mut key: Vec<_> = columns.iter().filter(|row| row[3] != "0").collect();
        key.sort_by_key(|row| row[3].parse::<u32>().unwrap());
        let key: Vec<_> = key.into_iter().map(|row| row[1].as_str()).collect();
        described(name, columns.iter().map(|row| format!("{} {}", row[1], row[2])).collect(), &key)
    };
    names.map(of).collect()
}

/// Whoever adds a table or a column in a migration names it in `TABLES` too.
#[test]
fn every_table_that_the_migrations_make_is_copied() {
    let home = in_a_directory();
    drop(home.open().unwrap());
    let Place::Sqlite(dir) = &home.place else { unreachable!() };
    let db = rusqlite::Connection::open(dir.join("switchboard.db")).unwrap();
    let columns = "SELECT s.name, c.name, CASE WHEN c.name = 'price_per_unit' THEN 'numeric' \
                   WHEN c.type = 'INTEGER' THEN 'bigint' WHEN c.type = 'BLOB' THEN 'bytea' ELSE lower(c.type) END, CAST(c.pk AS TEXT) FROM sqlite_schema s, pragma_table_info(s.name) c \
                   WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite_%'";
    let mut columns = db.prepare(columns).unwrap();
    let rows = columns.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])).unwrap();
    assert_eq!(made_tables(rows.map(Result::unwrap).collect()), known_tables());
}

#[test]
fn every_table_is_copied_from_postgresql_too() {
    let Some(home) = in_a_database() else { return };
    drop(home.open().unwrap());
    let sql = |sql| Cluster::shared().unwrap().sql(home.database.as_ref().unwrap(), sql);
    let columns = sql("SELECT c.relname, a.attname, format_type(a.atttypid, NULL), \
                       coalesce(array_position(string_to_array(i.indkey::text, ' ')::int[], a.attnum::int), 0) \
                       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                       LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
                       WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace");
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::to_owned).collect();
        <[String; 4]>::try_from(cells).unwrap()
    };
    assert_eq!(made_tables(columns.lines().map(row).collect()), known_tables());
    let by_language = sql("SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
                           WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND a.attnum > 0 \
                           AND a.attcollation NOT IN (0, '\"C\"'::regcollation)");
    assert_eq!(by_language, "", "texts are ordered byte by byte, as on SQLite");
}
