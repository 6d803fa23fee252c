//! `/documents/{name}/versions`: states of the text that somebody gave a name.

use super::{
    DocumentsState,
    path::{self, Name, location},
    plain_text,
};
use crate::{
    http::{
        ApiError,
        author::By,
        json_body::read_json,
        refusals::{BODY, DOOR, refusals},
    },
    model::{DocumentVersion, VersionName},
};
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The versions of a document, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = DocumentVersions, examples(json!({"versions": [
    {"id": 3, "name": "Before the meeting", "by": "alice", "at": 1_795_262_400_000_i64, "bytes": 1_204}
]})))]
struct Listed {
    versions: Vec<DocumentVersion>,
}

refusals!(ListRefusals: DOOR, [
    BadPayload, BadDocument, BadKey, Unauthorized, Forbidden, TooManyAttempts, NoSuchDocument
]);

/// List a document's versions.
#[utoipa::path(
    get,
    path = "/documents/{name}/versions",
    operation_id = "list_document_versions",
    tag = "documents",
    security(("key" = []), ("session" = [])),
    params(("name" = String, Path, description = "The document.", example = "plan")),
    responses((status = 200, body = Listed, description = "Without their texts."), ListRefusals),
)]
pub(super) async fn list(State(state): State<DocumentsState>, by: By, Name(name): Name) -> Result<Response, ApiError> {
    let versions = state.documents.versions(by.author(), &name).await?;
    Ok(Json(Listed { versions }).into_response())
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewDocumentVersion, examples(json!({"name": "Before the meeting"})))]
struct Wanted {
    /// Its name for people, 1 to 100 characters.
    #[schema(value_type = String)]
    name: VersionName,
}

refusals!(SaveRefusals: BODY, DOOR, [
    BadDocument, BadKey, Unauthorized, Forbidden, ReadOnly, TooManyAttempts, TooManyRequests, NoSuchDocument,
    TooManyVersions, DocumentDamaged
]);

/// Keep the text as it is now.
#[utoipa::path(
    post,
    path = "/documents/{name}/versions",
    operation_id = "save_document_version",
    tag = "documents",
    security(("key" = []), ("session" = [])),
    params(("name" = String, Path, description = "The document.", example = "plan")),
    request_body = Wanted,
    responses(
        (status = 201, body = DocumentVersion, description = "Kept.", headers(
            ("Location" = String, description = "Where it is."),
        )),
        SaveRefusals
    ),
)]
pub(super) async fn save(
    State(state): State<DocumentsState>,
    by: By,
    Name(name): Name,
    request: Request,
) -> Result<Response, ApiError> {
    let http = &state.settings.http;
    let Wanted { name: version } = read_json(request, http.max_body_bytes, http.body_wait).await?;
    state.pace(&by, 0)?;
    let saved = state.documents.save_version(by.author(), &name, version).await?;
    state.owes(&by, usize::try_from(saved.bytes).unwrap_or(usize::MAX));
    let location = [(header::LOCATION, location(&name, &format!("/versions/{}", saved.id)))];
    Ok((StatusCode::CREATED, location, Json(saved)).into_response())
}

refusals!(ReadRefusals: DOOR, [
    BadPayload, BadDocument, BadKey, Unauthorized, Forbidden, TooManyAttempts, TooManyRequests, NoSuchDocument, NoSuchVersion,
    PreconditionFailed
]);

/// Read a version's text.
#[utoipa::path(
    get,
    path = "/documents/{name}/versions/{id}",
    operation_id = "read_document_version",
    tag = "documents",
    security(("key" = []), ("session" = [])),
    params(
        ("name" = String, Path, description = "The document.", example = "plan"),
        ("id" = i64, Path, description = "The version's `id`.", example = 3),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags: a text that is one of these is not sent again."),
    ),
    responses(
        (status = 200, body = String, content_type = "text/plain", description = "The text as it was.", headers(
            ("ETag" = String, description = "Stands for the text."),
        )),
        (status = 304, description = "It is what `If-None-Match` names."),
        ReadRefusals
    ),
)]
pub(super) async fn read(
    State(state): State<DocumentsState>,
    by: By,
    path::Version(name, id): path::Version,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    state.pace(&by, 0)?;
    let version = state.documents.version(by.author(), &name, id).await?;
    state.shown(&by, &headers, version.text)
}

refusals!(DeleteRefusals: DOOR, [
    BadPayload, BadDocument, BadKey, Unauthorized, Forbidden, ReadOnly, TooManyAttempts, TooManyRequests, NoSuchDocument,
    NoSuchVersion
]);

/// Delete a version.
///
/// For who saved it, and for whoever manages the document.
#[utoipa::path(
    delete,
    path = "/documents/{name}/versions/{id}",
    operation_id = "delete_document_version",
    tag = "documents",
    security(("key" = []), ("session" = [])),
    params(
        ("name" = String, Path, description = "The document.", example = "plan"),
        ("id" = i64, Path, description = "The version's `id`.", example = 3),
    ),
    responses((status = 204, description = "It is gone; the document's text stays."), DeleteRefusals),
)]
pub(super) async fn delete(
    State(state): State<DocumentsState>,
    by: By,
    path::Version(name, id): path::Version,
) -> Result<StatusCode, ApiError> {
    state.pace(&by, 0)?;
    state.documents.delete_version(by.author(), &name, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

refusals!(RestoreRefusals: DOOR, [
    BadPayload, BadDocument, BadKey, Unauthorized, Forbidden, ReadOnly, TooManyAttempts, TooManyRequests, NoSuchDocument,
    NoSuchVersion, DocumentFull, DocumentDamaged
]);

/// Make the text what it was.
///
/// A change like any other: only what differs is changed, and others who are typing keep their words.
#[utoipa::path(
    post,
    path = "/documents/{name}/versions/{id}/restore",
    operation_id = "restore_document_version",
    tag = "documents",
    security(("key" = []), ("session" = [])),
    params(
        ("name" = String, Path, description = "The document.", example = "plan"),
        ("id" = i64, Path, description = "The version's `id`.", example = 3),
    ),
    responses(
        (status = 204, description = "Stored.", headers(
            ("ETag" = String, description = "Stands for the text as it is now."),
        )),
        RestoreRefusals
    ),
)]
pub(super) async fn restore(
    State(state): State<DocumentsState>,
    by: By,
    path::Version(name, id): path::Version,
) -> Result<Response, ApiError> {
    state.pace(&by, 0)?;
    let text = state.documents.restore_version(by.author(), &name, id).await?;
    state.owes(&by, text.len());
    Ok(plain_text::changed(&text))
}
