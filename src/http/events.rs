//! `GET /events`: what a socket would hear, as server-sent events.

use super::{
    HttpState, admission, bearer,
    client_address::client_address,
    connected::{Connected, Transport},
    error::ApiError,
    host, origin_guard, query,
    refusals::refusals,
    session_cookie,
};
use crate::{
    auth::{self, Admission},
    connection,
    events::StreamTopics,
    manager::{ForeignPosition, Gap, Identity, Listening},
    metrics::Otp,
    protocol::{CloseReason, ErrorCode, sse::EventStream},
    storage::now,
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use std::{convert::Infallible, time::Duration};
use tokio::sync::mpsc;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// What those are told to wait who have too many connections.
const CONNECTIONS_RETRY_AFTER: Duration = Duration::from_secs(5);
const LAST_EVENT_ID: &str = "last-event-id";

refusals!(EventsRefusals: [
    Unavailable, StorageUnavailable, ForbiddenOrigin, BadPayload, BadOtp, Unauthorized, BadChannel, BadRoom, BadTopic,
    Forbidden, NoSuchNamespace, NoSuchRoom, TooManyRequests
]);

/// Listen without a socket.
///
/// A stream of server-sent events for `EventSource` and `curl -N`. Each one's `data` is an event as on the socket, `hello`
/// first. It is refused in this order: 503 while stopping, 400 for a key in the URL, 403 for a foreign page, 400 for the number of topics, 401 for a
/// bad OTP or no session, then with the first topic's error when all topics are refused, and 429 for one connection too
/// many.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "open_stream",
    tag = "socket",
    security(("session" = []), ("otp" = [])),
    params(
        ("topic" = Vec<String>, Query,
         description = "`channel.<name>`, `<table>.<key>`, `<table>.*`, `room.<name>` or your own `user.<id>`, once for each; at most 64."),
        ("last_event_id" = Option<String>, Query, description = "As `Last-Event-ID`, which counts when both are there."),
        ("Last-Event-ID" = Option<String>, Header, description = "The last `id` that came: the stream goes on behind it."),
    ),
    responses(
        (status = 200, body = String, content_type = "text/event-stream", description = "The stream."),
        EventsRefusals
    ),
)]
pub(super) async fn open(State(state): State<HttpState>, request: Request) -> Response {
    let headers = request.headers();
    let guest = origin_guard::guest(headers, host::authority(request.uri(), headers), &state.settings);
    let page = if guest.is_some() { Page::OfAnotherApp } else { Page::OfOurs };
    let mut response = stream(state, request, page).await.into_response();
    if let Some(origin) = guest {
        // Pages of an app that we are part of may read it, and why they may not. Cookies have no part in that.
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}

async fn stream(state: HttpState, request: Request, page: Page) -> Result<Response, ApiError> {
    if request.method() == Method::HEAD {
        // It would spend the OTP for nothing.
        return Err(ApiError::new(ErrorCode::MethodNotAllowed, "a stream has to be read").allow("GET"));
    }
    let running = state.connections.token();
    if state.manager.is_draining() {
        return Err(ApiError::about_to_stop());
    }
    bearer::refuse_in_url(request.uri())?;
    let (headers, query) = (request.headers(), request.uri().query());
    let address = client_address(request.extensions(), headers, &state.settings)?;
    let origin = origin_guard::check_origin(headers, host::authority(request.uri(), headers), &state.settings)?;
    origin_guard::require_page(headers, origin.as_deref())?;
    let names: Vec<_> = query::values(query, "topic").collect();
    let topics = state.topics.stream_topics(names.iter().map(String::as_str)).ok_or_else(bad_number)?;
    let (admission, let_in_by) = admit(&state, query, headers, origin.as_deref(), page).await?;
    let Admitted { admission, listening, wire } =
        prepare(&state, admission, let_in_by, &topics, last_event_id(query, headers)).await?;

    let Admission { person, credential, listed, .. } = admission;
    let identity =
        Identity { person, credential, listed, follows_rooms: false, network: auth::network(address), bound: None };
    let connected = Connected::new(&state.manager, identity, address, Transport::Events);
    match connected.client().close_reason() {
        None => Ok(begin(connected, listening, wire, state, running)),
        Some(CloseReason::TooManyConnections) => {
            let message = "you have as many connections as one may have";
            Err(ApiError::new(ErrorCode::TooManyRequests, message).retry_after(CONNECTIONS_RETRY_AFTER))
        }
        Some(_) => Err(ApiError::about_to_stop()),
    }
}

/// Whose page asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Page {
    /// Ours, or none at all.
    OfOurs,
    /// That of an app whose origin the settings allow.
    OfAnotherApp,
}

/// What somebody shows at the door.
#[derive(Clone, Copy)]
enum LetInBy {
    Cookie,
    Otp,
}

impl LetInBy {
    /// What they are told who come in by what has ended.
    fn ended(self) -> ApiError {
        match self {
            Self::Cookie => auth::AuthError::Unauthorized.into(),
            Self::Otp => admission::bad_otp(),
        }
    }
}

struct Admitted {
    admission: Admission,
    listening: Listening,
    wire: EventStream,
}

/// Whose stream it is: an OTP says so, or the session's cookie. Another app's page, which shares our site perhaps and
/// then has the cookie too, must have an OTP.
async fn admit(
    state: &HttpState,
    query: Option<&str>,
    headers: &HeaderMap,
    origin: Option<&str>,
    page: Page,
) -> Result<(Admission, LetInBy), ApiError> {
    if query::values(query, "otp").next().is_none() {
        let token = session_cookie::session(headers).filter(|_| page == Page::OfOurs);
        let session = state.door.session(token.as_ref()).await?;
        return Ok((Admission::of_member(session.user, session.id, None, None), LetInBy::Cookie));
    }
    let admission = admission::take_otp(state, query::single(query, "otp").as_deref(), origin);
    state.metrics.otp(if admission.is_ok() { Otp::Redeemed } else { Otp::Refused });
    Ok((admission?, LetInBy::Otp))
}

/// Finds out what the stream is to hear, and from where on.
async fn prepare(
    state: &HttpState,
    mut admission: Admission,
    let_in_by: LetInBy,
    topics: &StreamTopics,
    last_event_id: Option<String>,
) -> Result<Admitted, ApiError> {
    let mut listening = state.topics.stream(&admission.person, &admission.listed, topics);
    let states = state.store.topic_states_for(admission.credential, listening.wanted.clone(), now()).await?;
    // It has ended since it was checked.
    let mut states = states.ok_or_else(|| let_in_by.ended())?;
    listening.leave_only_wanted(&mut states);
    listening.refuse_unheard(&states);
    if states.is_empty()
        && let Some(refused) = topics.names().find_map(|name| listening.refused.get(name))
    {
        return Err(ApiError::new(refused.code, refused.message.clone()));
    }
    listening.states = states;
    let mut wire = EventStream::new(state.store.epoch().clone(), topics.names());
    match last_event_id.map(|id| wire.parse_id(&id)) {
        Some(Ok(resume)) => listening.resume = Some(resume),
        Some(Err(_)) => listening.gap = Some(Gap::Foreign(ForeignPosition::OtherStream)),
        None => listening.resume = admission.resume.take(),
    }
    if let Some(resume) = &listening.resume {
        wire.go_on_from(resume);
    }
    Ok(Admitted { admission, listening, wire })
}

/// Starts the stream; the answer is its body's other end.
fn begin(
    connected: Connected,
    listening: Listening,
    wire: EventStream,
    state: HttpState,
    running: TaskTrackerToken,
) -> Response {
    let (body, mut written) = mpsc::channel::<Bytes>(1);
    tokio::spawn(async move {
        let (manager, client) = (state.manager, connected.client().clone());
        let arrive = {
            let (manager, client) = (manager.clone(), client.clone());
            // Boxed: it is over soon, and its memory should be too.
            Box::pin(async move { manager.recover(&client, listening).await })
        };
        connection::run_stream(&manager, &client, wire, body, arrive).await;
        drop(connected);
        drop(running);
    });
    let body = stream::poll_fn(move |cx| written.poll_recv(cx).map(|chunk| chunk.map(Ok::<_, Infallible>)));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // For nginx, which would collect it otherwise.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(body)).into_response()
}

/// Where the client says it was. An empty one says nothing.
fn last_event_id(query: Option<&str>, headers: &HeaderMap) -> Option<String> {
    let mut lines = headers.get_all(LAST_EVENT_ID).iter();
    let id = match (lines.next(), lines.next()) {
        // What is no text is no id of ours either.
        (Some(id), None) => id.to_str().unwrap_or("?").to_owned(),
        (Some(_), Some(_)) => "?".to_owned(),
        (None, _) => query::values(query, "last_event_id").collect::<Vec<_>>().join("?"),
    };
    (!id.is_empty()).then_some(id)
}

fn bad_number() -> ApiError {
    ApiError::new(ErrorCode::BadPayload, format!("`topic`: must be there 1 to {} times", StreamTopics::MAX))
}
