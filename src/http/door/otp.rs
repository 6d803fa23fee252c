//! The one-time password for the next socket.

use super::{
    DoorState,
    admitted::{Admitted, admitted},
    external::{Voucher, Wanted, WantedDocuments, WantedUser},
};
use crate::{
    http::{
        ApiError, bearer,
        client_address::client_address,
        json_body::read_json,
        origin_guard::Page,
        refusals::{BODY, DOOR, refusals},
        session_cookie,
    },
    model::{DocumentAccess, Resume},
    protocol::ErrorCode,
};
use axum::{
    extract::{Request, State},
    response::Response,
};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[schema(examples(
    json!({"resume": {"epoch": "9c4f1d0ab3e24b6f", "positions": {"room.general": 3, "user.1": 0}}}),
    json!({"user": {"id": "42", "name": "Ada"}, "topics": ["channel.orders.42.status"]}),
    json!({"user": {"id": "42"}, "documents": {"app.plan": "write", "app.notice": "read"}}),
))]
struct FreshOtp {
    resume: Option<Resume>,
    /// With an API key: whom it lets in.
    user: Option<WantedUser>,
    /// With an API key: what they may hear, e.g. `channel.orders.42.status`; at most 1,024.
    topics: Option<Vec<String>>,
    /// With an API key: the documents they may open, each of a namespace and covered by a scope of the key; at most 1,024.
    #[schema(value_type = Option<HashMap<String, DocumentAccess>>)]
    documents: Option<WantedDocuments>,
}

refusals!(OtpRefusals: BODY, DOOR, [
    Unauthorized, BadKey, Forbidden, TooManyAttempts, BadChannel, BadTopic, BadDocument, NoSuchNamespace
]);

/// Get a one-time password for the next socket.
///
/// With a session for its member; with an API key of the scope `otp` for a user of somebody else's.
#[utoipa::path(
    post,
    path = "/otp",
    tag = "door",
    security(("session" = []), ("key" = [])),
    request_body = FreshOtp,
    responses((status = 200, body = Admitted, description = "Spend it within `expires_in` seconds."), OtpRefusals),
)]
pub(super) async fn otp(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    bearer::refuse_in_url(request.uri())?;
    let token = session_cookie::session(request.headers());
    let address = client_address(request.extensions(), request.headers(), &state.settings)?;
    // Only a session or a key may send a large body.
    let voucher = match bearer::key(request.headers()) {
        Some(key) => Some(Voucher::check(&state, &key, address).await?),
        None => {
            state.door.session(token.as_ref()).await?;
            None
        }
    };
    let Page(origin) = request.extensions().get().cloned().unwrap_or_default();
    let http = &state.settings.http;
    let body: FreshOtp = read_json(request, http.max_body_bytes, http.body_wait).await?;
    let FreshOtp { resume, user, topics, documents } = body;
    let issued = match voucher {
        Some(voucher) => voucher.issue(&state, Wanted { user, topics, documents }, resume)?,
        None if user.is_some() || topics.is_some() || documents.is_some() => {
            let message = "`user`: only an API key lets somebody else's users in";
            return Err(ApiError::new(ErrorCode::BadPayload, message));
        }
        None => state.door.otp(token.as_ref(), resume, origin).await?,
    };
    Ok(admitted(&state, &issued.otp, issued.expires_in, &issued.person))
}
