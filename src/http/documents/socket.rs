//! To be replaced by docs-live's.

use crate::{
    http::{ApiError, HttpState},
    protocol::ErrorCode,
};
use axum::{
    extract::{Request, State},
    response::Response,
};

pub(super) async fn open(State(_): State<HttpState>, _: Request) -> Result<Response, ApiError> {
    Err(ApiError::new(ErrorCode::UpgradeRequired, "not yet"))
}
