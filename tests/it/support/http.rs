//! Plain HTTP/1.1 requests, over TCP or TLS.

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, body::Bytes, header::HeaderMap};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, ClientConfig, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        pki_types::{CertificateDer, ServerName, UnixTime},
    },
};

/// Either kind of stream.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Where a server is and whether it speaks TLS.
#[derive(Debug, Clone, Copy)]
pub struct Http {
    pub address: SocketAddr,
    pub tls: bool,
}

#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub fn error_code(&self) -> String {
        self.json()["error"]["code"].as_str().expect("an error body has a code").to_owned()
    }

    /// The value of a cookie that this answer sets.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let set = self.headers.get_all("set-cookie").into_iter().map(|value| value.to_str().unwrap());
        let pairs = set.filter_map(|value| value.split(';').next()?.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next()
    }
}

impl Http {
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.address)
    }

    pub async fn connect(&self) -> Box<dyn Stream> {
        self.connect_with_alpn(&[]).await
    }

    pub async fn connect_with_alpn(&self, alpn: &[&[u8]]) -> Box<dyn Stream> {
        if self.tls {
            return Box::new(self.connect_with_tls(rustls::ALL_VERSIONS, alpn).await);
        }
        let tcp = TcpStream::connect(self.address).await.expect("the server listens");
        tcp.set_nodelay(true).unwrap();
        Box::new(tcp)
    }

    /// One of these versions of TLS.
    pub async fn connect_with_tls(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&[u8]],
    ) -> TlsStream<TcpStream> {
        let tcp = TcpStream::connect(self.address).await.expect("the server listens");
        tcp.set_nodelay(true).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate))
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await.expect("TLS handshake")
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send(Request::get(path), Vec::new()).await
    }

    /// As [`Http::get`], of a server that may hang up first: `None`.
    pub async fn tries_to_get(&self, path: &str) -> Option<Response> {
        let io = TokioIo::new(TcpStream::connect(self.address).await.ok()?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.ok()?;
        let connection = tokio::spawn(connection);
        let request = Request::get(path).header("host", self.address.to_string()).body(Full::new(Bytes::new()));
        let response = sender.send_request(request.expect("a valid request")).await.ok()?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        connection.abort();
        Some(Response { status: head.status, headers: head.headers, body })
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.post_with(path, body, &[]).await
    }

    pub async fn post_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::post(path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request, body.to_string().into_bytes()).await
    }

    /// As [`Http::post_with`], of a server that may die meanwhile: `None`.
    pub async fn tries_to_post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Option<Response> {
        let io = TokioIo::new(TcpStream::connect(self.address).await.ok()?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.ok()?;
        let connection = tokio::spawn(connection);
        let request = Request::post(path).header("host", self.address.to_string());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.header("content-type", "application/json").body(Full::new(Bytes::from(body.to_string())));
        let response = sender.send_request(request.expect("a valid request")).await.ok()?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        connection.abort();
        Some(Response { status: head.status, headers: head.headers, body })
    }

    /// As a page of ours would, with its session.
    pub async fn post_as(&self, session: &str, path: &str, body: &Value) -> Response {
        let cookie = format!("__Host-session={session}");
        self.post_with(path, body, &[("cookie", &cookie), ("origin", &self.origin())]).await
    }

    /// `POST /otp`.
    pub async fn otp(&self, session: &str, resume: Option<Value>) -> String {
        let response = self.post_as(session, "/otp", &json!({"resume": resume})).await;
        assert_eq!(response.status, 200, "{:?}", response.body);
        response.json()["otp"].as_str().unwrap().to_owned()
    }

    /// Asks for a socket and looks only at the answer's head and body.
    pub async fn upgrade(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::get(path)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request, Vec::new()).await
    }

    pub async fn send(&self, request: hyper::http::request::Builder, body: Vec<u8>) -> Response {
        let has_body = request.method_ref().is_some_and(|method| method != Method::GET);
        let mut request = request;
        if request.headers_ref().is_some_and(|headers| !headers.contains_key("host")) {
            request = request.header("host", self.address.to_string());
        }
        if has_body {
            request = request.header("content-length", body.len());
        }
        let request = request.body(Full::new(Bytes::from(body))).expect("a valid request");
        let io = TokioIo::new(self.connect().await);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.expect("HTTP/1.1");
        let connection = tokio::spawn(connection);
        let response = sender.send_request(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        connection.abort();
        Response { status: head.status, headers: head.headers, body }
    }
}

/// Test certificates are self-signed.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
