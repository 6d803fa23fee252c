//! Push channels, over the real wire.

mod external;
mod kill_loop;
mod listening;
mod names;
mod namespaces;
mod once;
mod publishing;
mod resuming;
mod seams;
