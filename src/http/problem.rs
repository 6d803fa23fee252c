//! Problem details (RFC 9457): a refusal that carries our own error too.

use super::error::{ApiError, Problem};
use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

/// The content type.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// The same answer, told as a problem if it is a refusal or failure of ours.
pub(super) fn told(mut response: Response) -> Response {
    let Some(error) = response.extensions_mut().remove::<ApiError>() else { return response };
    let (mut head, _) = response.into_parts();
    // Of the other body.
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    Response::from_parts(head, Json(Problem::from(error)).into_response().into_body())
}
