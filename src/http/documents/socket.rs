//! `GET /documents/{name}` with an upgrade: the socket on which several people write one document.

use super::path::Name;
use crate::{
    auth::{self, Admission},
    connection,
    documents::{DocumentReceiver, Permitted},
    http::{
        HttpState,
        admission::{Knock, Opening, bad_otp},
        connected::{Connected, Transport},
        error::ApiError,
    },
    manager::{Bound, Identity},
    model::{DocumentName, TopicName},
    protocol::CloseReason,
    settings,
    storage::{Wanted, now},
};
use axum::{
    RequestExt as _,
    body::Body,
    extract::{Request, State},
    http::Response,
};
use hyper_util::rt::TokioIo;

/// The subprotocol of this wire, for whoever carries the OTP beside it.
const SUBPROTOCOL: &str = "switchboard.documents.v1";

/// Opens the socket: everything that can be checked without the OTP is checked before it is spent.
pub(super) async fn open(State(state): State<HttpState>, mut request: Request) -> Result<Response<Body>, ApiError> {
    let knock = Knock::check(&state, &mut request)?;
    let Name(name) = request.extract_parts().await?;
    let (admission, permitted) = knock.redeem(&state, |admission| admit(&state, admission, &name)).await?;
    let (response, opening) = knock.accept(SUBPROTOCOL);
    tokio::spawn(serve(state, opening, admission, permitted));
    Ok(response)
}

/// Checks that the session or key is still good, and that the document is for them.
async fn admit(
    state: &HttpState,
    admission: Admission,
    name: &DocumentName,
) -> Result<(Admission, Permitted), ApiError> {
    let states = state.store.topic_states_for(admission.credential, Wanted::default(), now()).await?;
    states.ok_or_else(bad_otp)?;
    let permitted = state.documents.find_to_open(&admission.person, &admission.documents, name).await?;
    Ok((admission, permitted))
}

async fn serve(state: HttpState, opening: Opening, admission: Admission, permitted: Permitted) {
    let Opening { upgrade, address, running } = opening;
    let Ok(upgraded) = upgrade.await else { return };
    let Admission { person, credential, .. } = admission;
    // Who leaves the room leaves its documents.
    let room = permitted.document.room.as_ref();
    let bound = room.map(|room| Bound { topic: TopicName::room(room), reason: CloseReason::DocumentGone });
    let network = auth::network(address);
    let identity = Identity { person, credential, listed: Default::default(), follows_rooms: false, network, bound };
    let connected = Connected::new(&state.manager, identity, address, Transport::Document);
    let client = connected.client().clone();
    let settings = socket_settings(&state.settings);
    let receiver = DocumentReceiver::new(&state.documents, &state.manager, client.clone(), permitted);
    let arrive = Box::pin(receiver.arrive());
    connection::run(TokioIo::new(upgraded), client, &settings, arrive, receiver).await;
    drop(connected);
    drop(running);
}

/// As any socket's, with room for an update.
fn socket_settings(settings: &settings::Settings) -> settings::Socket {
    let mut socket = settings.socket.clone();
    socket.max_event_bytes = settings.update_limit();
    socket
}
