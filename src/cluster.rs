//! What crosses nodes: hints, never the truth. The log is the truth, so a lost hint makes a
//! publication late on another node, never lost.

use crate::model::{Offset, TopicName};

/// Tells other nodes how far topics have come. With one node there is nobody to tell.
pub trait Bus: Send + Sync + 'static {
    /// One committed batch: the last offset of each topic it appended to. Never waits.
    fn announce(&self, reached: &[(TopicName, Offset)]);
}

/// One node: nothing to do.
#[derive(Debug, Default)]
pub struct LocalBus;

impl Bus for LocalBus {
    fn announce(&self, _reached: &[(TopicName, Offset)]) {}
}
