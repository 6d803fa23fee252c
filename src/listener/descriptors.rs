//! Every connection is a file descriptor.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for everything that is not a connection: the store, the log, files served.
const OTHERS: u64 = 128;

/// Raises the soft limit, which shells set to 1,024 for the sake of `select`, as far as the
/// hard one allows, and warns when the connections we would accept do not fit.
pub(super) fn raise_limit(max_connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = match max_connections {
        0 => u64::MAX,
        connections => connections as u64 + OTHERS,
    };
    if current.is_none_or(|current| current >= wanted) {
        return;
    }
    let reachable = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(reachable), maximum });
    let limit = if raised.is_ok() { Some(reachable) } else { current };
    if max_connections > 0 && limit.is_some_and(|limit| limit < wanted) {
        tracing::warn!(limit, wanted, "http.max_connections does not fit under the limit of open files (ulimit -n)");
    }
}
