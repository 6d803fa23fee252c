//! Answers every message with itself, through the same pumps as everything else: what a
//! conformance suite talks to (`tests/conformance.sh`). Takes the port from the system and
//! prints it.

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
    routing::any,
};
use hyper_util::rt::TokioIo;
use std::{future::ready, net::Ipv4Addr, sync::Arc, time::Duration};
use switchboard::{
    connection::{self, Inbound, Receiver},
    http::{error::ApiError, upgrade::Handshake},
    listener::Listener,
    manager::{Client, EgressLimits, Identity},
    model::{ClientId, Credential, Person, Role, SessionId, User, UserId, UserName},
    protocol::{CloseReason, Frame},
    settings::{Settings, Socket},
};

/// The suite sends messages of 16 MiB in fragments of 64 bytes.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

struct Echo(Arc<Client>);

impl Receiver for Echo {
    async fn receive(&mut self, message: Inbound) -> Result<(), CloseReason> {
        match message {
            Inbound::Text(text) => self.0.enqueue(Frame::text(text.as_bytes())),
            Inbound::Binary(bytes) => self.0.enqueue(Frame::binary(&bytes)),
            Inbound::Control => {}
        }
        Ok(())
    }
}

async fn echo(socket: Arc<Socket>, mut request: Request<Body>) -> Result<Response<Body>, ApiError> {
    let (response, upgrade) = Handshake::check(&mut request)?.accept(None);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let name = UserName::parse("suite").expect("a good name");
        let user = User { id: UserId(1), name, role: Role::Member };
        let identity = Identity {
            person: Person::Member(user),
            credential: Credential::Session(SessionId(1)),
            listed: Arc::default(),
            follows_rooms: true,
            network: Ipv4Addr::LOCALHOST.into(),
            bound: None,
        };
        let limits = EgressLimits { events: socket.egress_events, bytes: socket.egress_bytes };
        let client = Arc::new(Client::new(ClientId(1), identity, limits, Arc::default()));
        let receiver = Echo(client.clone());
        connection::run(TokioIo::new(upgraded), client, &socket, ready(Ok(())), receiver).await;
    });
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut settings = Settings::defaults();
    settings.socket.max_event_bytes = MAX_MESSAGE_BYTES;
    settings.socket.max_fragments = u32::MAX;
    settings.socket.fragment_wait = Duration::from_secs(60);
    settings.socket.egress_bytes = 4 * MAX_MESSAGE_BYTES;
    settings.socket.egress_events = usize::MAX;
    let socket = Arc::new(settings.socket.clone());
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    println!("{}", listener.address());
    let router = Router::new().route("/echo", any(move |request| echo(socket.clone(), request)));
    listener.serve(router, None, &settings).task.await??;
    Ok(())
}
