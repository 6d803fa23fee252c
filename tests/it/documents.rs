//! Documents that several people write together.

mod bounds;
mod cursors;
mod damage;
mod rights;
mod trouble;
mod writing;
