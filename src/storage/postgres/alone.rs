//! A database for one process alone: for a copy into it or out of it.
//!
//! Every server and command has a lock that they share and that keeps us out; we have it alone, as long as the connection
//! is there. It is not made anew when it is lost, for then others may have written meanwhile.

use super::{COMMAND_PATIENCE, client::Client, connection::TAKE, open};
use crate::{
    settings::Database,
    storage::{
        Alone, StoreError, migrations,
        sql::{Connection, Db},
    },
};

/// A copy may take hours, and its transaction may wait for the other side.
const SETUP: &str = "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
                     SET idle_session_timeout = 0; SET client_min_messages = warning; \
                     SELECT set_config('synchronous_commit', 'on', false) \
                     WHERE current_setting('synchronous_commit') = 'off'";

/// Opens the store to read it; makes nothing. `None`: there is none.
pub(in crate::storage) fn to_read(database: &Database) -> Result<Option<Alone>, StoreError> {
    let client = take(database)?;
    let schema = open::version(Db::Postgres(&client))?;
    // Whoever goes by no lock of ours, another program in the same tables, is not seen either.
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    let alone = |client| Alone { connection: Box::new(Held { client, begin, in_transaction: false }), schema };
    Ok((schema > 0).then(|| alone(client)))
}

/// Opens the store to write it; where there is none, makes one with tables and nothing in them.
pub(in crate::storage) fn to_write(database: &Database) -> Result<Alone, StoreError> {
    let client = take(database)?;
    open::check_encoding(&client)?;
    let found = open::version(Db::Postgres(&client))?;
    migrations::check_known(found, migrations::POSTGRES)?;
    // Whatever holds something has a row there.
    if found == 0 || !Db::Postgres(&client).any("SELECT 1 FROM meta", ())? {
        open::migrate(&client, migrations::POSTGRES)?;
    }
    let schema = open::version(Db::Postgres(&client))?;
    Ok(Alone { connection: Box::new(Held { client, begin: "BEGIN", in_transaction: false }), schema })
}

fn take(database: &Database) -> Result<Client, StoreError> {
    let mut client = open::reach(database, COMMAND_PATIENCE)?;
    client.be_patient();
    client.script(SETUP)?;
    open::lock(&client, TAKE, COMMAND_PATIENCE)?;
    Ok(client)
}

/// The connection that has the lock.
struct Held {
    client: Client,
    begin: &'static str,
    in_transaction: bool,
}

impl Connection for Held {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.client.script(self.begin)?;
        self.in_transaction = true;
        Ok(())
    }

    fn db(&self) -> Db<'_> {
        Db::Postgres(&self.client)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.client.commit()?;
        self.in_transaction = false;
        Ok(())
    }

    fn roll_back(&mut self, _error: Option<&StoreError>) {
        if std::mem::take(&mut self.in_transaction) && !self.client.is_lost() && self.client.script("ROLLBACK").is_ok()
        {
            self.client.forgive();
        }
    }

    fn is_open(&self) -> bool {
        self.in_transaction && !self.client.is_lost()
    }
}
