//! `/documents/{name}/text`: what a document says, for programs that know nothing of Yjs.

use super::{DocumentsState, condition::Condition, path::Name, plain_text};
use crate::{
    documents::TEXT_ROOT,
    http::{
        ApiError,
        author::By,
        query,
        refusals::{BODY, DOOR, refusals},
    },
    protocol::ErrorCode,
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, Uri},
    response::Response,
};

/// Longest name of a root, in characters.
const MAX_ROOT_CHARS: usize = 64;

refusals!(ReadRefusals: DOOR, [
    BadPayload, BadDocument, BadKey, Unauthorized, Forbidden, TooManyAttempts, TooManyRequests, NoSuchDocument, DocumentDamaged,
    PreconditionFailed
]);

/// Read a document's text.
///
/// As it is at this moment, with what is being typed.
#[utoipa::path(
    get,
    path = "/documents/{name}/text",
    operation_id = "read_document_text",
    tag = "documents",
    security(("key" = []), ("session" = [])),
    params(
        ("name" = String, Path, description = "The document.", example = "plan"),
        ("root" = Option<String>, Query, min_length = 1, max_length = 64, description = "Which text of the document; `text` when left out."),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags: a text that is one of these is not sent again."),
    ),
    responses(
        (status = 200, body = String, content_type = "text/plain", description = "The text.", headers(
            ("ETag" = String, description = "Stands for the text."),
        )),
        (status = 304, description = "It is still what `If-None-Match` names."),
        ReadRefusals
    ),
)]
pub(super) async fn read(
    State(state): State<DocumentsState>,
    by: By,
    Name(name): Name,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let root = root(&uri)?;
    let permitted = state.documents.find(by.author(), &name).await?;
    state.pace(&by, 0)?;
    state.shown(&by, &headers, state.documents.text(&permitted, &root).await?)
}

refusals!(ReplaceRefusals: BODY, DOOR, [
    BadDocument, BadKey, Unauthorized, Forbidden, ReadOnly, TooManyAttempts, TooManyRequests, NoSuchDocument, DocumentFull,
    DocumentDamaged, PreconditionFailed
]);

/// Replace a document's text.
///
/// Only what differs is changed, so that others who are typing keep their words; it is on disk when the answer says so.
#[utoipa::path(
    put,
    path = "/documents/{name}/text",
    operation_id = "replace_document_text",
    tag = "documents",
    security(("key" = []), ("session" = [])),
    params(
        ("name" = String, Path, description = "The document.", example = "plan"),
        ("root" = Option<String>, Query, min_length = 1, max_length = 64, description = "Which text of the document; `text` when left out."),
        ("If-Match" = Option<String>, Header, description = "Entity tags: only a text that is one of these is replaced."),
    ),
    request_body(content = String, content_type = "text/plain", description = "The text, in UTF-8."),
    responses(
        (status = 204, description = "Stored.", headers(
            ("ETag" = String, description = "Stands for the text as it is now."),
        )),
        ReplaceRefusals
    ),
)]
pub(super) async fn replace(
    State(state): State<DocumentsState>,
    by: By,
    Name(name): Name,
    request: Request,
) -> Result<Response, ApiError> {
    let (root, condition) = (root(request.uri())?, Condition::of(request.headers()));
    // Only who may write may send a large body.
    let permitted = state.documents.find(by.author(), &name).await?.to_write()?;
    let text = plain_text::read(request, &state.settings).await?;
    state.pace(&by, text.len())?;
    let is_expected = move |current: &str| condition.allows(current);
    let text = state.documents.put_text(by.author(), &permitted, &root, &text, is_expected).await?;
    Ok(plain_text::changed(&text))
}

/// Which text of the document is meant.
fn root(uri: &Uri) -> Result<String, ApiError> {
    let mut values = query::values(uri.query(), "root");
    let root = values.next().unwrap_or_else(|| TEXT_ROOT.to_owned());
    let is_good = (1..=MAX_ROOT_CHARS).contains(&root.chars().count());
    if is_good && values.next().is_none() {
        return Ok(root);
    }
    Err(ApiError::new(ErrorCode::BadPayload, format!("`root`: must be one name of 1 to {MAX_ROOT_CHARS} characters")))
}
