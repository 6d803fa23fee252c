//! HTTP/2, and a WebSocket in one of its streams (RFC 8441).

use super::http::{Http, Stream};
use bytes::Bytes;
use h2::{
    RecvStream, SendStream,
    client::{self, SendRequest},
    ext::Protocol,
};
use hyper::{Method, Request, Response};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};

/// One HTTP/2 connection.
pub struct Http2 {
    sender: SendRequest<Bytes>,
    authority: String,
}

impl Http2 {
    pub async fn connect(http: Http) -> Self {
        let stream = http.connect_with_alpn(&[b"h2"]).await;
        // As in browsers, one stream that is not read does not hold up the others.
        let mut builder = client::Builder::new();
        let handshake = builder.initial_connection_window_size(1024 * 1024).handshake(stream);
        let (sender, connection) = handshake.await.expect("HTTP/2");
        tokio::spawn(connection);
        let mut http2 = Self { sender, authority: http.address.to_string() };
        // Its answer comes after the server's settings, which say that sockets may be opened.
        let (live, _) = http2.send(Method::GET, "/health/live", None, &[]).await;
        assert_eq!(live.status(), 200);
        assert!(http2.sender.is_extended_connect_protocol_enabled(), "the server does not offer RFC 8441");
        http2
    }

    /// Sends a request without a body; with a protocol it stays open.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        protocol: Option<&'static str>,
        headers: &[(&str, &str)],
    ) -> (Response<RecvStream>, SendStream<Bytes>) {
        let mut request = Request::builder().method(method).uri(format!("https://{}{path}", self.authority));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        if let Some(protocol) = protocol {
            request.extensions_mut().insert(Protocol::from_static(protocol));
        }
        let mut sender = self.sender.clone().ready().await.expect("the connection is open");
        let (response, body) = sender.send_request(request, protocol.is_none()).expect("it is sent");
        (response.await.expect("an answer"), body)
    }

    /// Opens `/ws` with an OTP. `Err` is the status of a refusal.
    pub async fn websocket(&mut self, otp: &str) -> Result<WebSocketStream<Box<dyn Stream>>, u16> {
        self.websocket_at(&format!("/ws?otp={otp}")).await
    }

    /// Opens the socket at a path. `Err` is the status of a refusal.
    pub async fn websocket_at(&mut self, path: &str) -> Result<WebSocketStream<Box<dyn Stream>>, u16> {
        let headers = [("sec-websocket-version", "13")];
        let (response, send) = self.send(Method::CONNECT, path, Some("websocket"), &headers).await;
        if response.status() != 200 {
            return Err(response.status().as_u16());
        }
        let stream: Box<dyn Stream> =
            Box::new(Http2Stream { send, receive: response.into_body(), unread: Bytes::new() });
        Ok(WebSocketStream::from_raw_socket(stream, Role::Client, None).await)
    }
}

/// One stream of a connection, as bytes.
struct Http2Stream {
    send: SendStream<Bytes>,
    receive: RecvStream,
    unread: Bytes,
}

impl AsyncRead for Http2Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match ready!(self.receive.poll_data(cx)) {
                Some(Ok(data)) => {
                    let _ = self.receive.flow_control().release_capacity(data.len());
                    self.unread = data;
                }
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Http2Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.send.reserve_capacity(bytes.len());
        let capacity = loop {
            match ready!(self.send.poll_capacity(cx)) {
                Some(Ok(0)) => {}
                Some(Ok(capacity)) => break capacity,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        };
        let length = capacity.min(bytes.len());
        self.send.send_data(Bytes::copy_from_slice(&bytes[..length]), false).map_err(io::Error::other)?;
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.send.send_data(Bytes::new(), true).map_err(io::Error::other))
    }
}
