//! Reads a request's body whole, bounded in size and time.

use super::ApiError;
use crate::protocol::ErrorCode;
use axum::{
    body::{Body, HttpBody},
    extract::Request,
};
use futures_util::StreamExt;
use std::time::Duration;

/// The body's bytes.
///
/// # Errors
/// `too_large` over `max_bytes`; `timeout` when it takes longer than `wait`; `malformed` when it breaks off.
pub(super) async fn read_whole(
    request: Request,
    max_bytes: usize,
    wait: Duration,
    malformed: ErrorCode,
) -> Result<Vec<u8>, ApiError> {
    let read = tokio::time::timeout(wait, read(request.into_body(), max_bytes, malformed));
    read.await.map_err(|_| ApiError::new(ErrorCode::Timeout, "the body took too long to arrive"))?
}

async fn read(body: Body, max_bytes: usize, malformed: ErrorCode) -> Result<Vec<u8>, ApiError> {
    let too_large = || ApiError::new(ErrorCode::TooLarge, format!("the body may have {max_bytes} bytes at most"));
    // What the client declares is refused before it is sent.
    let declared = body.size_hint().lower();
    if declared > max_bytes as u64 {
        return Err(too_large());
    }
    let (mut chunks, mut bytes) = (body.into_data_stream(), Vec::new());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::new(malformed, "the body broke off"))?;
        if bytes.len() + chunk.len() > max_bytes {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
