//! An HTTP/1.1 client for this machine and explicitly allowed hosts.

use std::net::IpAddr;

use async_trait::async_trait;
use axum::body::to_bytes;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use kenar::request::Body;
use kenar::transport::{HttpTransport, TransportError, TransportErrorKind};

/// A client with a connection per request and without TLS, so that a sandbox starts fast.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loopback {
    /// The allowed hosts beyond loopback.
    hosts: Vec<String>,
}

/// The maximum size of a response body.
const MAX_RESPONSE: usize = 16 << 20;

impl Loopback {
    pub(crate) fn with_hosts(hosts: Vec<String>) -> Self {
        Self { hosts }
    }

    /// Returns `true` for a URL on this machine or on an allowed host.
    pub(crate) fn reaches(&self, uri: &Uri) -> bool {
        let host = host(uri);
        let is_loopback = || {
            host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        };
        uri.scheme_str() == Some("http")
            && (is_loopback() || self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)))
    }
}

fn host(uri: &Uri) -> &str {
    uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
}

#[async_trait]
impl HttpTransport for Loopback {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        let uri = request.uri().clone();
        if !self.reaches(&uri) {
            let why = "host not allowed: the sandbox calls only loopback and allowed add-on hosts, over plain http";
            return Err(TransportError::with_source(TransportErrorKind::Connect, why));
        }
        let stream = TcpStream::connect((host(&uri), uri.port_u16().unwrap_or(80)))
            .await
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|error| TransportError::with_source(TransportErrorKind::Connect, error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(interrupted)?;
        let mut connections = JoinSet::new();
        connections.spawn(connection);

        let (parts, body) = sender.send_request(as_received(request)).await.map_err(interrupted)?.into_parts();
        let body = to_bytes(axum::body::Body::new(body), MAX_RESPONSE)
            .await
            .map_err(|error| TransportError::with_source(TransportErrorKind::Interrupted, error))?;
        Ok(Response::from_parts(parts, body))
    }
}

fn interrupted(error: hyper::Error) -> TransportError {
    TransportError::with_source(TransportErrorKind::Interrupted, error)
}

/// The request as a server receives it: the host in a header, the path as target.
pub(crate) fn as_received<B>(mut request: Request<B>) -> Request<B> {
    let uri = request.uri().clone();
    if let Some(host) = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok()) {
        request.headers_mut().insert(header::HOST, host);
    }
    if let Some(path) = uri.path_and_query() {
        *request.uri_mut() = Uri::from(path.clone());
    }
    request
}
