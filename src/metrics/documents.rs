//! What is counted of documents.

use super::ReasonLabel;
use prometheus_client::{
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::time::Duration;

/// What is counted of documents. Cheap to clone: all clones count in the same place.
#[derive(Debug, Clone)]
pub struct DocumentMeter {
    /// Documents in memory now.
    pub open: Gauge,
    /// Sockets to documents now.
    pub clients: Gauge,
    updates: Counter,
    bytes: Counter,
    refusals: Family<ReasonLabel, Counter>,
    commits: Counter,
    /// Logs that were merged into one update.
    pub compactions: Counter,
    load: Histogram,
}

impl Default for DocumentMeter {
    fn default() -> Self {
        Self {
            open: Gauge::default(),
            clients: Gauge::default(),
            updates: Counter::default(),
            bytes: Counter::default(),
            refusals: Family::default(),
            commits: Counter::default(),
            compactions: Counter::default(),
            // 0.1 ms to 6 s
            load: Histogram::new(exponential_buckets(0.000_1, 2.0, 17)),
        }
    }
}

impl DocumentMeter {
    /// So many updates of clients, stored as one of so many bytes.
    pub fn committed(&self, updates: usize, bytes: usize) {
        self.updates.inc_by(updates as u64);
        self.bytes.inc_by(bytes as u64);
        self.commits.inc();
    }

    /// Something that a client sent was not taken: a code of the wire, or the name of a close reason.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// A document was read into memory, which took so long.
    pub fn loaded(&self, took: Duration) {
        self.load.observe(took.as_secs_f64());
    }

    pub(super) fn register(&self, to: &mut Registry) {
        to.register("documents_open", "Documents in memory now", self.open.clone());
        to.register("document_clients", "Sockets to documents now", self.clients.clone());
        to.register("document_updates", "Updates of documents that were stored", self.updates.clone());
        to.register("document_commits", "Commits of such updates, each as one", self.commits.clone());
        let text = "What such commits stored";
        to.register_with_unit("document_stored", text, Unit::Bytes, self.bytes.clone());
        let text = "What was not taken from a document's client by the reason it was told";
        to.register("document_refusals", text, self.refusals.clone());
        to.register("document_compactions", "Logs of documents that were merged", self.compactions.clone());
        let text = "Time until a document was in memory";
        to.register_with_unit("document_load", text, Unit::Seconds, self.load.clone());
    }
}
