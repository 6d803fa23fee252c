//! What a path below `/documents` names.

use super::{DocumentsState, ascii};
use crate::{
    http::{ApiError, query},
    model::{DocumentName, VersionId},
    protocol::ErrorCode,
};
use axum::{
    extract::{FromRequestParts, Path},
    http::{HeaderValue, request::Parts},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Segments {
    name: String,
    id: Option<String>,
}

/// The document that a path names, in whatever case.
pub(super) struct Name(pub(super) DocumentName);

/// The version that a path names, and its document.
pub(super) struct Version(pub(super) DocumentName, pub(super) VersionId);

impl FromRequestParts<DocumentsState> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &DocumentsState) -> Result<Self, ApiError> {
        let segments = Path::<Segments>::from_request_parts(parts, state).await;
        let Path(Segments { name, .. }) = segments.map_err(|_| not_utf_8())?;
        parse("name", &name).map(Self)
    }
}

impl FromRequestParts<DocumentsState> for Version {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &DocumentsState) -> Result<Self, ApiError> {
        let segments = Path::<Segments>::from_request_parts(parts, state).await;
        let Path(Segments { name, id }) = segments.map_err(|_| not_utf_8())?;
        let name = parse("name", &name)?;
        // Written as ids are; there is none behind another path.
        let id = id.and_then(|text| text.parse().ok().map(VersionId).filter(|id| id.to_string() == text));
        let no_such = || ApiError::new(ErrorCode::NoSuchVersion, "the document has no such version");
        Ok(Self(name, id.ok_or_else(no_such)?))
    }
}

/// The name of a document, which stands in this field.
///
/// # Errors
/// `bad_document`
pub(super) fn parse(field: &str, text: &str) -> Result<DocumentName, ApiError> {
    DocumentName::parse(text).map_err(|error| ApiError::new(ErrorCode::BadDocument, format!("`{field}`: {error}")))
}

fn not_utf_8() -> ApiError {
    ApiError::new(ErrorCode::BadDocument, "`name`: must be UTF-8")
}

/// A document's path, for a header: letters of other scripts are percent-encoded.
pub(super) fn location(name: &DocumentName, below: &str) -> HeaderValue {
    ascii(format!("/documents/{}{below}", query::encoded(name.as_str())))
}
