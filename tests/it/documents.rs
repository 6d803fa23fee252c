//! Documents that several people write together.

mod cursors;
mod rights;
mod trouble;
mod writing;
