//! What is made in a watched database.

use super::{
    notation::{TEXTS, literal, name},
    table::Table,
};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// What is installed; a program refuses what a newer one has made.
pub(super) const VERSION: i32 = 1;

/// The outbox, and what is known of it. It is emptied as fast as it is filled, so it is vacuumed far more often than
/// other tables.
pub(super) fn make_outbox(schema: &str) -> String {
    let schema = name(schema);
    format!(
        "CREATE TABLE IF NOT EXISTS {schema}.outbox (\
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
            at timestamptz NOT NULL DEFAULT clock_timestamp(), \
            topic text NOT NULL, action text NOT NULL, key text NOT NULL, body text NOT NULL\
        ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, \
            autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, \
            autovacuum_analyze_threshold = 100000, toast.autovacuum_vacuum_scale_factor = 0, \
            toast.autovacuum_vacuum_threshold = 1000, toast.autovacuum_vacuum_cost_delay = 0);\
        CREATE TABLE IF NOT EXISTS {schema}.installation (\
            outbox text PRIMARY KEY, epoch text NOT NULL, version integer NOT NULL, source text NOT NULL);\
        CREATE TABLE IF NOT EXISTS {schema}.watched (\
            topic text PRIMARY KEY, relation oid NOT NULL, definition text NOT NULL);"
    )
}

/// The functions of a table's topic, and its triggers. What is there is replaced, which readers of the table do not notice.
///
/// The row trigger's name makes it the first of its table: were it called after one that changes the row once more, the
/// later change would be in the outbox first. It rings for each row and not once a statement, since a statement on a
/// partition does not call its table's statement triggers; of many rings in a transaction one is sent.
///
/// Who may write the table need not be able to write the outbox, hence SECURITY DEFINER. The key is read by EXECUTE: a
/// plan that a session keeps would fail the writers when the column's type is changed. Keys are the same if their text is,
/// whatever the column's collation says.
pub(super) fn watch(schema: &str, topic: &str, table: &Table) -> String {
    let (key, relation) = (name(&table.key), table.quoted());
    let only = if table.is_partitioned { "" } else { "ONLY " };
    let outbox = format!("{}.outbox (topic, action, key, body)", name(schema));
    let ring = format!("PERFORM pg_notify({}, '');", literal(schema));
    let one_key = literal(&format!("SELECT ($1).{key}::text"));
    let both_keys = literal(&format!("SELECT ($1).{key}::text, ($2).{key}::text"));
    let append = |action: &str, key: &str, row: &str| {
        format!("INSERT INTO {outbox} VALUES ({}, '{action}', {key}, row_to_json({row})::text);", literal(topic))
    };
    let (insert, delete) = (append("INSERT", "new_key", "NEW"), append("DELETE", "old_key", "OLD"));
    let changed = format!(
        "DECLARE\nold_key text COLLATE \"C\";\nnew_key text COLLATE \"C\";\nBEGIN\n\
         IF TG_OP = 'INSERT' THEN EXECUTE {one_key} INTO new_key USING NEW;\n\
         ELSIF TG_OP = 'DELETE' THEN EXECUTE {one_key} INTO old_key USING OLD;\n\
         ELSE EXECUTE {both_keys} INTO old_key, new_key USING OLD, NEW;\nEND IF;\n\
         IF old_key = new_key THEN {update}\nELSE\n\
         IF old_key IS NOT NULL THEN {delete}\nEND IF;\n\
         IF new_key IS NOT NULL THEN {insert}\nEND IF;\nEND IF;\n{ring}\nRETURN NULL;\nEND",
        update = append("UPDATE", "new_key", "NEW"),
    );
    let emptied = format!(
        "BEGIN\nINSERT INTO {outbox} SELECT {}, 'DELETE', t.{key}::text, row_to_json(t.*)::text \
         FROM {only}{relation} AS t ORDER BY t.{key};\n{ring}\nRETURN NULL;\nEND",
        literal(topic)
    );
    let key_of = format!("BEGIN\nRETURN $1::{};\nEXCEPTION WHEN others THEN RETURN NULL;\nEND", table.key_type);
    let [on_row, on_truncate, key_function] = functions(schema, topic);
    let mut sql = String::new();
    let texts: String = TEXTS.iter().fold(String::new(), |mut all, (setting, value)| {
        let _ = write!(all, " SET {setting} = '{value}'");
        all
    });
    for (function, body) in [(&on_row, changed), (&on_truncate, emptied)] {
        let _ = write!(
            sql,
            "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER \
             SET search_path = pg_catalog, pg_temp{texts} AS {};\nREVOKE ALL ON FUNCTION {function}() FROM PUBLIC;\n",
            literal(&body)
        );
    }
    let _ = writeln!(
        sql,
        "DROP FUNCTION IF EXISTS {key_function}(text);\nCREATE FUNCTION {key_function}(text) RETURNS {} LANGUAGE plpgsql STABLE \
         SET search_path = pg_catalog, pg_temp{texts} AS {};",
        table.key_type,
        literal(&key_of)
    );
    let trigger = |kind: &str| name(&format!("!{kind}.{schema}.{topic}"));
    let _ = write!(
        sql,
        "CREATE OR REPLACE TRIGGER {} AFTER INSERT OR UPDATE OR DELETE ON {relation} FOR EACH ROW EXECUTE FUNCTION {on_row}();\n\
         CREATE OR REPLACE TRIGGER {} BEFORE TRUNCATE ON {relation} FOR EACH STATEMENT EXECUTE FUNCTION {on_truncate}();\n",
        trigger("row"),
        trigger("truncate")
    );
    sql
}

/// Takes back [`watch`], wherever its triggers are: whoever owns a function may drop it, with the triggers of tables that
/// they do not own.
pub(super) fn unwatch(schema: &str, topic: &str) -> String {
    let [on_row, on_truncate, key_function] = functions(schema, topic);
    format!(
        "DROP FUNCTION IF EXISTS {on_row}() CASCADE;\nDROP FUNCTION IF EXISTS {on_truncate}() CASCADE;\n\
         DROP FUNCTION IF EXISTS {key_function}(text);\n"
    )
}

/// Whether the database can replace a trigger, and whether something of the topic `$2` is in the way of [`watch`]: triggers
/// that are on another table than `$3` or cannot be replaced, or functions of somebody else.
pub(super) const LOOK_BEFORE: &str = "WITH can AS (\
        SELECT current_setting('server_version_num')::int >= 140000 AS replace_triggers), \
    ours AS (\
        SELECT p.oid, p.proowner FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
        WHERE n.nspname::text = $1 AND p.proname::text IN ('row_' || $2, 'truncate_' || $2)) \
    SELECT replace_triggers, \
        EXISTS (SELECT FROM ours WHERE NOT pg_has_role(proowner, 'USAGE')) \
        OR EXISTS (SELECT FROM ours JOIN pg_trigger t ON t.tgfoid = ours.oid \
            WHERE t.tgparentid = 0 AND (t.tgrelid <> $3 OR NOT replace_triggers)) \
    FROM can";

/// The function for a key's text as a value of the key's type, or null when it is none.
pub(super) fn key_function(schema: &str, topic: &str) -> String {
    let [_, _, key] = functions(schema, topic);
    key
}

fn functions(schema: &str, topic: &str) -> [String; 3] {
    ["row", "truncate", "key"].map(|kind| format!("{}.{}", name(schema), name(&format!("{kind}_{topic}"))))
}

/// What tells one definition from another.
pub(super) fn fingerprint(definition: &str) -> String {
    Sha256::digest(definition).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
