//! Reads what a refused request still sends. A connection that ends with something unread is reset (RFC 9112 section
//! 9.6): the client may never see why it was refused, and one that keeps its connection finds it gone.

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    http::{HeaderValue, StatusCode, Version, header},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use futures_util::future::poll_fn;
use hyper::body::{Frame, SizeHint};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

/// As much as anybody may send; a client that announces more is answered at once, and closed.
const MAX_UNREAD_BYTES: u64 = 512 * 1024;
/// How long an answer waits for it.
const UNREAD_WAIT: Duration = Duration::from_secs(2);

/// Middleware: a request is read whole before it is answered; where it is too long or too slow for that, the answer says
/// that the connection ends. HTTP/2 has streams for this.
pub(super) async fn read_whole(request: Request, next: Next) -> Response {
    let expects = request.headers().contains_key(header::EXPECT);
    if request.version() > Version::HTTP_11 || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = SharedBody(Arc::new(Mutex::new(body)));
    let mut response = next.run(Request::from_parts(parts, Body::new(body.clone()))).await;
    // Whoever expects to be told to go on has sent nothing, and who was waited for once is not again.
    let may_wait = !expects && response.status() != StatusCode::REQUEST_TIMEOUT;
    let is_whole = body.is_end_stream() || (may_wait && body.reads_to_its_end().await);
    if !is_whole {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A body that is left to us when the handler lets go of it.
#[derive(Clone)]
struct SharedBody(Arc<Mutex<Body>>);

impl SharedBody {
    fn with<T>(&self, look: impl FnOnce(Pin<&mut Body>) -> T) -> T {
        look(Pin::new(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    async fn reads_to_its_end(mut self) -> bool {
        if self.size_hint().lower() > MAX_UNREAD_BYTES {
            return false;
        }
        let read = async {
            let mut bytes = 0;
            while let Some(frame) = poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
                bytes += frame.ok()?.data_ref().map_or(0, Bytes::len) as u64;
                (bytes <= MAX_UNREAD_BYTES).then_some(())?;
            }
            Some(())
        };
        matches!(tokio::time::timeout(UNREAD_WAIT, read).await, Ok(Some(())))
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.with(|body| body.poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|body| body.size_hint())
    }
}
