//! Where the tests' stores are: in their data directories, or with `SWITCHBOARD_TEST_STORE=postgres` each in a database of
//! its own.

use super::postgres::Cluster;
use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

/// `storage.url` for a data directory: always the same for the same one.
pub fn url_for(data_dir: &Path) -> String {
    static KNOWN: OnceLock<Mutex<HashMap<PathBuf, String>>> = OnceLock::new();
    match env::var("SWITCHBOARD_TEST_STORE").as_deref() {
        Ok("postgres") => {
            let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
            let make = || Cluster::shared().expect("SWITCHBOARD_TEST_STORE=postgres needs PostgreSQL").database();
            known.entry(data_dir.to_owned()).or_insert_with(make).clone()
        }
        Ok("sqlite") | Err(_) => "sqlite".to_owned(),
        Ok(other) => panic!("SWITCHBOARD_TEST_STORE is sqlite or postgres, not {other}"),
    }
}

/// Changes a store behind its server's back.
pub fn meddle(data_dir: &Path, sql: &str) {
    let url = url_for(data_dir);
    match url.rsplit_once('/') {
        Some((_, name)) => drop(Cluster::shared().expect("it is in there").sql(name, sql)),
        None => {
            let database = rusqlite::Connection::open(data_dir.join("switchboard.db")).expect("a store");
            database.execute_batch(sql).expect("good SQL");
        }
    }
}
