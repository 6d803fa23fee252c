//! From nothing to an open socket: TCP or TLS, `POST /otp` and the upgrade, in HTTP/1.1 written by hand.

use crate::server::Address;
use anyhow::{Context, Result, bail};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpSocket,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, DigitallySignedStruct, SignatureScheme,
        client::{
            Resumption,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        },
        pki_types::{CertificateDer, ServerName, UnixTime},
    },
};

/// Either kind of connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Connections from one loopback address; there are 28,000 ephemeral ports for each by default.
const PER_SOURCE: usize = 10_000;

/// Opens connections to one server.
pub(crate) struct Dialer {
    address: Address,
    tls: TlsConnector,
}

/// A socket that has been upgraded, and what the server has already sent on it.
pub(crate) struct Opened {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) received: Vec<u8>,
}

impl Dialer {
    pub(crate) fn new(address: Address) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth();
        // Every handshake is to be a whole one.
        config.resumption = Resumption::disabled();
        Ok(Self { address, tls: TlsConnector::from(Arc::new(config)) })
    }

    /// The `number`th connection.
    async fn connect(&self, number: usize) -> Result<Box<dyn Stream>> {
        let socket = TcpSocket::new_v4()?;
        if number >= PER_SOURCE {
            let source = Ipv4Addr::new(127, 0, 0, u8::try_from(1 + number / PER_SOURCE)?);
            socket.bind(SocketAddr::from((source, 0)))?;
        }
        let tcp = socket.connect(self.address.socket).await.context("connecting")?;
        tcp.set_nodelay(true)?;
        if !self.address.tls {
            return Ok(Box::new(tcp));
        }
        let tls = self.tls.connect(ServerName::try_from("localhost")?, tcp).await.context("TLS handshake")?;
        Ok(Box::new(tls))
    }

    /// A connection that stays, for requests.
    pub(crate) async fn http(&self) -> Result<Http> {
        Ok(Http { host: self.address.socket.to_string(), stream: self.connect(0).await?, received: Vec::new() })
    }

    /// Upgrades the `number`th connection.
    pub(crate) async fn upgrade(&self, number: usize, path: &str) -> Result<Opened> {
        let stream = self.connect(number).await?;
        self.request_upgrade(stream, path).await.context("upgrading")
    }

    async fn request_upgrade(&self, mut stream: Box<dyn Stream>, path: &str) -> Result<Opened> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.address.socket
        );
        send(&mut stream, request.as_bytes()).await?;
        let mut received = Vec::new();
        let head = read_head(&mut stream, &mut received).await?;
        if !head.starts_with("HTTP/1.1 101 ") {
            bail!("the upgrade was refused: {head}");
        }
        Ok(Opened { stream, received })
    }
}

/// One kept-alive HTTP/1.1 connection.
pub(crate) struct Http {
    host: String,
    stream: Box<dyn Stream>,
    received: Vec<u8>,
}

impl Http {
    /// A fresh one-time password for whoever owns the session.
    pub(crate) async fn otp(&mut self, session: &str) -> Result<String> {
        self.request_otp(session).await.context("asking for a one-time password")
    }

    async fn request_otp(&mut self, session: &str) -> Result<String> {
        let who = format!("Cookie: __Host-session={session}\r\nSec-Fetch-Site: same-origin");
        let body = self.post("/otp", &who, b"{}").await?;
        let answer: serde_json::Value = serde_json::from_slice(&body)?;
        Ok(answer["otp"].as_str().context("an answer without `otp`")?.to_owned())
    }

    /// Publishes with an API key; `body` is JSON.
    pub(crate) async fn publish(&mut self, key: &str, body: &[u8]) -> Result<()> {
        let who = format!("Authorization: Bearer {key}");
        self.post("/publish", &who, body).await.map(drop).context("publishing")
    }

    /// The body of the answer, which must be `200`. `who`: headers that say so.
    async fn post(&mut self, path: &str, who: &str, body: &[u8]) -> Result<Vec<u8>> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{who}\r\n\r\n",
            self.host,
            body.len()
        );
        send(&mut self.stream, &[head.as_bytes(), body].concat()).await?;
        let head = read_head(&mut self.stream, &mut self.received).await?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let length = length.context("an answer without Content-Length")?;
        while self.received.len() < length {
            read_some(&mut self.stream, &mut self.received).await?;
        }
        let body: Vec<u8> = self.received.drain(..length).collect();
        if !head.starts_with("HTTP/1.1 200 ") {
            bail!("refused: {head}{}", String::from_utf8_lossy(&body));
        }
        Ok(body)
    }
}

/// Writes and flushes: TLS may keep back what the socket does not take at once.
pub(crate) async fn send(stream: &mut (impl AsyncWrite + Unpin + ?Sized), bytes: &[u8]) -> Result<()> {
    stream.write_all(bytes).await?;
    Ok(stream.flush().await?)
}

/// Status line and headers; what follows them stays in `received`.
async fn read_head(stream: &mut (impl Stream + ?Sized), received: &mut Vec<u8>) -> Result<String> {
    loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            return Ok(String::from_utf8(received.drain(..end + 4).collect())?);
        }
        read_some(stream, received).await?;
    }
}

async fn read_some(stream: &mut (impl Stream + ?Sized), received: &mut Vec<u8>) -> Result<()> {
    match stream.read_buf(received).await? {
        0 => bail!("the server hung up: {:?}", String::from_utf8_lossy(received)),
        _ => Ok(()),
    }
}

/// The server's certificate is its own.
#[derive(Debug)]
struct AnyCertificate(Arc<rustls::crypto::CryptoProvider>);

/// The signature is checked all the same: the work of a handshake is what is measured.
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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
