//! `/documents`: which there are, and new ones.

use super::{
    DocumentsState, ascii,
    one::Shown,
    path::{location, parse},
};
use crate::{
    documents::{DocumentList, NewDocument},
    http::{
        ApiError,
        author::By,
        json_body::read_json,
        query,
        refusals::{BODY, DOOR, refusals},
    },
    model::{Document, DocumentName, DocumentTitle, MembersMay, RoomName},
    protocol::ErrorCode,
};
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a body may have beside the text: names, and what JSON escapes.
const ENVELOPE_BYTES: usize = 64 * 1024;

/// Documents by name.
#[derive(Serialize, ToSchema)]
#[schema(as = Documents, examples(json!({"documents": [{
    "name": "plan", "id": 7, "title": "The plan", "room": "general", "members": "write", "created_by": "alice",
    "created_at": 1_795_262_400_000_i64, "changed_at": 1_795_266_000_000_i64
}], "more": false})))]
struct Page {
    documents: Vec<Document>,
    /// Whether there are more: `Link` says where.
    more: bool,
}

refusals!(ListRefusals: DOOR, [BadPayload, BadRoom, BadDocument, BadKey, Unauthorized, Forbidden, TooManyAttempts, NoSuchRoom]);

/// List documents by name, a page at a time.
///
/// Those of a room you are in; with an API key those that its scopes cover, of all rooms and none when `room` is left out.
#[utoipa::path(
    get,
    path = "/documents",
    operation_id = "list_documents",
    tag = "documents",
    security(("key" = []), ("session" = [])),
    params(
        ("room" = Option<String>, Query, description = "The room; only with an API key it may be left out.", example = "general"),
        ("limit" = Option<u32>, Query, minimum = 1, description = "How many at most: 50 when left out, and no more than 100."),
        ("after" = Option<String>, Query, description = "Only those with names behind this one."),
    ),
    responses(
        (status = 200, body = Page, description = "A page.", headers(
            ("Link" = String, description = "The next page, as `rel=\"next\"`, when there is one."),
        )),
        ListRefusals
    ),
)]
pub(super) async fn list(State(state): State<DocumentsState>, by: By, uri: Uri) -> Result<Response, ApiError> {
    let room = match one(&uri, "room")? {
        Some(text) => Some(
            RoomName::parse(&text).map_err(|error| ApiError::new(ErrorCode::BadRoom, format!("`room`: {error}")))?,
        ),
        None => None,
    };
    let after = one(&uri, "after")?.map(|text| parse("after", &text)).transpose()?;
    let limit = match one(&uri, "limit")?.map(|text| text.parse::<u64>()) {
        Some(Err(_)) => return Err(ApiError::new(ErrorCode::BadPayload, "`limit`: must be one whole number")),
        Some(Ok(limit)) => Some(limit),
        None => None,
    };
    let DocumentList { documents, next } = state.documents.list(by.author(), room.as_ref(), after, limit).await?;
    let mut response = Json(Page { documents, more: next.is_some() }).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Some(next) = next {
        response.headers_mut().insert(header::LINK, link(room.as_ref(), limit, &next));
    }
    Ok(response)
}

/// Where the list goes on (RFC 8288).
fn link(room: Option<&RoomName>, limit: Option<u64>, after: &DocumentName) -> HeaderValue {
    let room = room.map_or(String::new(), |room| format!("room={}&", query::encoded(room.as_str())));
    let limit = limit.map_or(String::new(), |limit| format!("limit={limit}&"));
    ascii(format!("</documents?{room}{limit}after={}>; rel=\"next\"", query::encoded(after.as_str())))
}

/// A parameter that may stand in the query once.
fn one(uri: &Uri, name: &'static str) -> Result<Option<String>, ApiError> {
    let mut values = query::values(uri.query(), name);
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_) => Err(ApiError::new(ErrorCode::BadPayload, format!("`{name}`: may be there once"))),
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewDocument, examples(
    json!({"room": "general", "name": "plan", "title": "The plan", "text": "# The plan\n"}),
    json!({"room": "general", "members": "read"}),
    json!({"name": "app.plan"}),
))]
struct Wanted {
    /// The room it belongs to; left out where `name` is of a namespace.
    #[schema(value_type = Option<String>)]
    room: Option<RoomName>,
    /// 1 to 128 letters, digits, `_`, `.` or `-`; twelve random letters and digits when left out.
    name: Option<String>,
    /// Its name for people, 1 to 100 characters; `name` when left out.
    #[schema(value_type = Option<String>)]
    title: Option<DocumentTitle>,
    /// What members of the room may do; `write` when left out.
    members: Option<MembersMay>,
    /// What it says at first.
    text: Option<String>,
}

refusals!(CreateRefusals: BODY, DOOR, [
    BadRoom, BadDocument, BadKey, Unauthorized, Forbidden, TooManyAttempts, TooManyRequests, NoSuchRoom, DocumentExists,
    TooManyDocuments, DocumentFull
]);

/// Make a document.
///
/// In a room you are in; with an API key in any room, or of a namespace, where a scope covers its name.
#[utoipa::path(
    post,
    path = "/documents",
    operation_id = "create_document",
    tag = "documents",
    security(("key" = []), ("session" = [])),
    request_body = Wanted,
    responses(
        (status = 201, body = Shown, description = "Made.", headers(
            ("Location" = String, description = "Where it is."),
        )),
        CreateRefusals
    ),
)]
pub(super) async fn create(
    State(state): State<DocumentsState>,
    by: By,
    request: Request,
) -> Result<Response, ApiError> {
    let max_bytes = state.settings.update_limit() + ENVELOPE_BYTES;
    let wanted: Wanted = read_json(request, max_bytes, state.settings.http.body_wait).await?;
    let Wanted { room, name, title, members, text } = wanted;
    state.pace(&by, text.as_ref().map_or(0, String::len))?;
    let name = name.map(|text| parse("name", &text)).transpose()?;
    let new = NewDocument { room, name, title, members, text };
    let made = state.documents.create(by.author(), new).await?;
    let location = [(header::LOCATION, location(&made.document.name, ""))];
    Ok((StatusCode::CREATED, location, Json(Shown::from(made))).into_response())
}
