//! `/documents`: what several people write together, and the sockets on which they write.

pub(super) mod socket;
