//! Watched rows: their topics, their snapshots, and the stream that goes on from there.

mod counting;
mod names;
mod seams;
mod snapshots;
