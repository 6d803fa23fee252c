//! `/documents/{name}`: what is known of one, and its sockets.

use super::{DocumentsState, path::Name};
use crate::{
    documents::{DocumentChange, Permitted},
    http::{
        ApiError,
        author::By,
        json_body::read_json,
        refusals::{BODY, DOOR, refusals},
        upgrade,
    },
    model::{Document, DocumentAccess, DocumentTitle, MembersMay},
};
use axum::{
    Json, RequestPartsExt as _,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A document, and what whoever asks may do with it.
#[derive(Serialize, ToSchema)]
#[schema(as = DocumentShown, examples(json!({
    "name": "plan", "id": 7, "title": "The plan", "room": "general", "members": "write", "created_by": "alice",
    "created_at": 1_795_262_400_000_i64, "changed_at": 1_795_266_000_000_i64, "access": "write", "manages": true
})))]
pub(super) struct Shown {
    #[serde(flatten)]
    document: Document,
    /// What you may do with it.
    access: DocumentAccess,
    /// Whether you may say what members of its room may do, and delete it.
    manages: bool,
}

impl From<Permitted> for Shown {
    fn from(Permitted { document, access, manages }: Permitted) -> Self {
        Self { document, access, manages }
    }
}

refusals!(GetRefusals: DOOR, [
    BadPayload, BadDocument, BadKey, Unauthorized, BadOtp, Forbidden, TooManyAttempts, TooManyRequests, NoSuchDocument,
    TooManyDocuments, UpgradeRequired, MethodNotAllowed
]);

/// Read what is known of a document, or open a socket to write in it.
///
/// With `Upgrade: websocket` and a one-time password it is a socket that speaks the Yjs protocol as `y-websocket` does
/// (`docs/protocol.md`); without, its JSON, for a session or an API key. Over HTTP/2 the socket is opened with `CONNECT`
/// (RFC 8441) and answered 200.
#[utoipa::path(
    get,
    path = "/documents/{name}",
    operation_id = "get_document",
    tag = "documents",
    security(("key" = []), ("session" = []), ("otp" = [])),
    params(("name" = String, Path, description = "The document.", example = "plan")),
    responses(
        (status = 200, body = Shown, description = "The document, without its content."),
        (status = 101, description = "The socket is open."),
        GetRefusals
    ),
)]
pub(super) async fn get(State(state): State<DocumentsState>, request: Request) -> Result<Response, ApiError> {
    if upgrade::is_asked_for(&request) {
        return super::socket::open(State(state.sockets), request).await;
    }
    let (mut parts, _) = request.into_parts();
    let by: By = parts.extract_with_state(&state).await?;
    let Name(name) = parts.extract_with_state(&state).await?;
    Ok(Json(Shown::from(state.documents.find(by.author(), &name).await?)).into_response())
}

#[derive(Deserialize, ToSchema)]
#[schema(as = DocumentChange, examples(json!({"title": "Our plan"}), json!({"members": "read"})))]
struct Wanted {
    /// Its name for people, 1 to 100 characters: for whoever may write in it.
    #[schema(value_type = Option<String>)]
    title: Option<DocumentTitle>,
    /// What members of its room may do: for whoever manages it.
    members: Option<MembersMay>,
}

refusals!(UpdateRefusals: BODY, DOOR, [
    BadDocument, BadKey, Unauthorized, Forbidden, ReadOnly, TooManyAttempts, TooManyRequests, NoSuchDocument
]);

/// Rename a document, or change what members of its room may do.
///
/// What is left out stays as it is. Rights count at once, for those too who have it open.
#[utoipa::path(
    patch,
    path = "/documents/{name}",
    operation_id = "update_document",
    tag = "documents",
    security(("key" = []), ("session" = [])),
    params(("name" = String, Path, description = "The document.", example = "plan")),
    request_body = Wanted,
    responses((status = 200, body = Shown, description = "As it is now."), UpdateRefusals),
)]
pub(super) async fn update(
    State(state): State<DocumentsState>,
    by: By,
    Name(name): Name,
    request: Request,
) -> Result<Response, ApiError> {
    let http = &state.settings.http;
    let Wanted { title, members } = read_json(request, http.max_body_bytes, http.body_wait).await?;
    state.pace(&by, 0)?;
    let permitted = state.documents.update(by.author(), &name, DocumentChange { title, members }).await?;
    Ok(Json(Shown::from(permitted)).into_response())
}

refusals!(DeleteRefusals: DOOR, [
    BadPayload, BadDocument, BadKey, Unauthorized, Forbidden, TooManyAttempts, TooManyRequests, NoSuchDocument
]);

/// Delete a document, with its versions.
///
/// Sockets to it are closed with 4007.
#[utoipa::path(
    delete,
    path = "/documents/{name}",
    operation_id = "delete_document",
    tag = "documents",
    security(("key" = []), ("session" = [])),
    params(("name" = String, Path, description = "The document.", example = "plan")),
    responses((status = 204, description = "It is gone; its id is given to no other."), DeleteRefusals),
)]
pub(super) async fn delete(
    State(state): State<DocumentsState>,
    by: By,
    Name(name): Name,
) -> Result<StatusCode, ApiError> {
    state.pace(&by, 0)?;
    state.documents.delete(by.author(), &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
