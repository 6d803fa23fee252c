//! What the server counts.

/// stub, merged from ops
#[derive(Default)]
#[allow(missing_docs)]
pub struct Metrics {
    pub connections: G,
    pub connections_total: G,
}
/// stub
#[derive(Default)]
pub struct G;
#[allow(missing_docs)]
impl G {
    pub fn inc(&self) {}
    pub fn dec(&self) {}
}
#[allow(missing_docs, unused)]
impl Metrics {
    pub fn event_in(&self, t: &'static str) {}
    pub fn events_out(&self, t: &str, n: u64) {}
    pub fn committed(&self, n: usize, d: std::time::Duration) {}
    pub fn egress_closed(&self, reason: &'static str) {}
}
