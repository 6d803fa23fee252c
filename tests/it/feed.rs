//! Rows that change in a real PostgreSQL, and what is published of it. Without PostgreSQL on the machine these tests are
//! skipped.

mod altering;
mod audience;
mod changes;
mod installing;
mod kill_loop;
mod shop;
mod snapshots;
mod surviving;
mod watchers;
