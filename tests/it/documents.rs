//! Documents that several people write together.

mod writing;
