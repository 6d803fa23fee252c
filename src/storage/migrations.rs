//! Numbered schema changes, applied in order, each in its own transaction; forward only.
