//! What a failed request is answered: `{"error": {"code", "message"}}`, the same codes as on the socket.

use crate::{
    auth::AuthError,
    manager::HandlerError,
    model::FieldFault,
    protocol::{DecodeError, ErrorCode},
    storage::StoreError,
};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::{borrow::Cow, time::Duration};
use utoipa::ToSchema;

/// What those are told to wait who came while the store could not be written.
const STORE_RETRY_AFTER: Duration = Duration::from_secs(2);

/// A refusal or failure as the client sees it. Causes of ours were logged when it was made and are not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    code: ErrorCode,
    message: Cow<'static, str>,
    retry_after: Option<Duration>,
    allow: Option<&'static str>,
    faults: Vec<FieldFault>,
}

impl ApiError {
    /// An error of this code; `message` is for people.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), retry_after: None, allow: None, faults: Vec::new() }
    }

    /// Names the wait until another try makes sense; sent in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// Names the methods that would do, e.g. `"GET, HEAD"`.
    #[must_use]
    pub fn allow(self, methods: &'static str) -> Self {
        Self { allow: Some(methods), ..self }
    }

    /// Names every field that is wrong; only a [problem](super::problem) shows them.
    #[must_use]
    pub fn faults(self, faults: Vec<FieldFault>) -> Self {
        Self { faults, ..self }
    }

    /// A failure of ours: `cause` goes to the log, here and nowhere else, and the client learns nothing of it.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "a request failed");
        Self::new(ErrorCode::Internal, "the server failed; its log has the cause")
    }

    /// What those get who come while the server stops: another one may be there soon.
    pub fn about_to_stop() -> Self {
        Self::new(ErrorCode::Unavailable, "the server is about to stop").retry_after(Duration::from_secs(1))
    }

    /// Whether the failure is the server's and not the client's.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.code.http_status() >= 500
    }

    /// What the client may branch on.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// The body of every refusal and failure.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    error: ErrorDetail,
}

/// The type of problems of which the status and `error.code` say all (RFC 9457 section 4.2.1).
const TOLD_BY_STATUS: &str = "about:blank";

/// The same for programs that know problem details (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// `about:blank`: the status and `error.code` say it all.
    #[schema(value_type = String)]
    r#type: &'static str,
    /// What the status means.
    #[schema(value_type = String)]
    title: &'static str,
    status: u16,
    /// For people; it may change.
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
    error: ErrorDetail,
    /// Every field that is wrong, beside `invalid_product`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldFault>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorDetail {
    /// What to branch on.
    code: ErrorCode,
    /// For people; it may change.
    #[schema(value_type = String)]
    message: Cow<'static, str>,
}

impl ErrorBody {
    fn new(code: ErrorCode, message: Cow<'static, str>) -> Self {
        Self { error: ErrorDetail { code, message } }
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let status = error.status();
        let ApiError { code, message, faults, .. } = error;
        Self {
            r#type: TOLD_BY_STATUS,
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: message.clone(),
            error: ErrorDetail { code, message },
            errors: faults,
        }
    }
}

/// The fallback for paths of the API that are not there.
pub async fn not_found() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is nothing at this path")
}

/// The fallback for methods that a path does not take; axum adds `Allow`.
pub async fn method_not_allowed() -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed, "this path takes other methods: see `Allow`")
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(ErrorBody::new(self.code, self.message.clone()))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after {
            // Rounded up: whoever comes back then is not refused again.
            let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, secs.max(1).into());
        }
        if self.code == ErrorCode::BadKey {
            // How to come in: RFC 9110 section 11.6.1, RFC 6750 section 3.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.code == ErrorCode::UpgradeRequired {
            // What it has to be upgraded to: RFC 9110 section 15.5.22, RFC 6455 section 4.4.
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        // For those who say it in another form.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let text = error.to_string();
        match error {
            AuthError::BadCredentials => Self::new(ErrorCode::BadCredentials, text),
            AuthError::TooManyAttempts { retry_after } => {
                Self::new(ErrorCode::TooManyAttempts, text).retry_after(retry_after)
            }
            AuthError::Busy { retry_after } => Self::new(ErrorCode::Unavailable, text).retry_after(retry_after),
            AuthError::BadKey => Self::new(ErrorCode::BadKey, text),
            AuthError::Unauthorized => Self::new(ErrorCode::Unauthorized, text),
            AuthError::Forbidden => Self::new(ErrorCode::Forbidden, text),
            AuthError::BadToken => Self::new(ErrorCode::BadToken, text),
            AuthError::BadName(_) => Self::new(ErrorCode::BadName, text),
            AuthError::NameTaken => Self::new(ErrorCode::NameTaken, text),
            AuthError::WeakPassword(_) => Self::new(ErrorCode::WeakPassword, text),
            AuthError::BadField { .. } => Self::new(ErrorCode::BadPayload, text),
            AuthError::NoSuchInvitation | AuthError::NoSuchKey => Self::new(ErrorCode::NotFound, text),
            AuthError::NoEntropy(_) | AuthError::Hash(_) => Self::internal(&text),
            AuthError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => {
                tracing::error!(%error, "a request failed");
                let message = "nothing was stored; try again";
                Self::new(ErrorCode::StorageUnavailable, message).retry_after(STORE_RETRY_AFTER)
            }
            StoreError::InDoubt(_) => {
                tracing::error!(%error, "a request failed");
                Self::new(ErrorCode::StorageUnavailable, "it may or may not be stored").retry_after(STORE_RETRY_AFTER)
            }
            StoreError::Closed => {
                Self::new(ErrorCode::Unavailable, "the server is about to stop").retry_after(STORE_RETRY_AFTER)
            }
            StoreError::NameTaken => Self::new(ErrorCode::NameTaken, error.to_string()),
            StoreError::AlreadySetUp | StoreError::InvitationSpent => Self::new(ErrorCode::BadToken, error.to_string()),
            StoreError::Corrupt(_)
            | StoreError::NewerSchema { .. }
            | StoreError::UnfinishedCopy
            | StoreError::InUse => Self::internal(&error),
        }
    }
}

impl From<HandlerError> for ApiError {
    fn from(error: HandlerError) -> Self {
        if error.is_ours() {
            tracing::error!(error = ?error, "a request failed");
        }
        let answer = Self::new(error.code(), error.public_message());
        match error.code() {
            ErrorCode::StorageUnavailable | ErrorCode::Unavailable => answer.retry_after(STORE_RETRY_AFTER),
            _ => answer,
        }
    }
}

impl From<DecodeError> for ApiError {
    fn from(error: DecodeError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up_to_seconds() {
        let header = |wait| {
            let error = ApiError::new(ErrorCode::Unavailable, "busy").retry_after(wait);
            error.into_response().headers()[header::RETRY_AFTER].to_str().unwrap().to_owned()
        };
        assert_eq!(header(Duration::ZERO), "1");
        assert_eq!(header(Duration::from_millis(1_001)), "2");
        assert_eq!(header(Duration::from_secs(900)), "900");
    }

    #[test]
    fn causes_stay_inside() {
        let error = ApiError::from(AuthError::Store(StoreError::Corrupt("page 7 of /var/lib".to_owned())));
        assert_eq!(error.code(), ErrorCode::Internal);
        assert!(!error.message.contains("page 7"));
        let error = ApiError::from(StoreError::Unavailable("disk full on /var".to_owned()));
        assert_eq!(error.code(), ErrorCode::StorageUnavailable);
        assert!(!error.message.contains("/var"));
    }
}
