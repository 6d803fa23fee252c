//! A client that is connected, by whatever way.

use crate::{
    manager::{Client, Identity, Manager},
    protocol::CloseReason,
};
use std::{net::IpAddr, sync::Arc, time::Instant};

/// What a client speaks, as it stands in the log.
#[derive(Debug, Clone, Copy)]
pub(super) enum Transport {
    Socket,
    Events,
    Document,
}

/// Forgets the client however its connection ends, by a panic too.
pub(super) struct Connected {
    manager: Arc<Manager>,
    client: Arc<Client>,
    transport: Transport,
    since: Instant,
}

impl Transport {
    fn as_str(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Events => "events",
            Self::Document => "document",
        }
    }
}

impl Connected {
    pub(super) fn new(manager: &Arc<Manager>, identity: Identity, address: IpAddr, transport: Transport) -> Self {
        let client = manager.connect(identity);
        let connected = Self { manager: manager.clone(), client, transport, since: Instant::now() };
        tracing::info!(
            client.id = %connected.client.id(),
            user.name = %connected.client.person(),
            client.address = %address,
            transport = transport.as_str(),
            "connected"
        );
        connected
    }

    pub(super) fn client(&self) -> &Arc<Client> {
        &self.client
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let reason = self.client.close_reason().map(CloseReason::name);
        if let Some(reason) = reason {
            self.manager.metrics().egress_closed(reason);
        }
        self.manager.disconnect(&self.client);
        tracing::info!(
            client.id = %self.client.id(),
            user.name = %self.client.person(),
            transport = self.transport.as_str(),
            close.reason = reason.unwrap_or("left"),
            duration_ms = self.since.elapsed().as_millis(),
            "disconnected"
        );
    }
}
