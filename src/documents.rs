//! Documents that several people write together: who may, what is in them, and who has them open.
//!
//! The server has one copy of each open document, which one task owns. What a client sends is applied to it, stored, and
//! only then sent to the others, so that nobody sees what a restart could take back. The copy understands the updates of
//! the Yjs protocol, so that it can answer a client that comes back with what that client lacks, and no more.

mod answers;
mod audience;
mod authors;
mod awareness;
mod catalog;
mod compaction;
mod echoes;
mod guard;
mod housekeeping;
mod hub;
mod inbox;
mod judge;
mod lanes;
mod listing;
mod log;
mod makers;
mod memory;
mod owner;
mod receiver;
mod server_copy;
mod text;
mod text_diff;
mod turn;
mod versions;
mod vouched;
mod wire;

#[cfg(test)]
mod tests;

pub use catalog::{DocumentChange, NewDocument};
pub use judge::{Listed, Permitted};
pub use listing::DocumentList;
pub use receiver::DocumentReceiver;

use crate::{
    journal::Journal,
    manager::HandlerError,
    metrics::DocumentMeter,
    model::{DocumentName, DocumentTitle},
    settings::Settings,
    storage::Store,
};
use hub::Hub;
use makers::Makers;
use std::sync::Arc;

/// All documents of this server.
pub struct Documents {
    store: Arc<dyn Store>,
    journal: Journal,
    settings: Arc<Settings>,
    meter: DocumentMeter,
    hub: Hub,
    makers: Makers,
}

impl Documents {
    /// Those of this store; none is open yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, journal: Journal, settings: Arc<Settings>, meter: DocumentMeter) -> Arc<Self> {
        Arc::new(Self { store, journal, settings, meter, hub: Hub::default(), makers: Makers::default() })
    }

    /// Stores what is not stored yet and forgets all open documents. To be called when the sockets have ended, and before
    /// the journal stops; nothing can be opened after it.
    pub async fn stop(&self) {
        self.hub.stop().await;
    }
}

/// The root that others read and write as text.
pub const TEXT_ROOT: &str = "text";

/// The title of a document that was given none.
fn title_of(name: &DocumentName) -> Result<DocumentTitle, HandlerError> {
    let start: String = name.as_str().chars().take(100).collect();
    DocumentTitle::parse(&start).map_err(|_| HandlerError::Internal("the name of a document is no title"))
}
