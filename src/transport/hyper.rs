use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderValue, Request, Response, header};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connector::Connector;
use super::{HttpTransport, Settings, TransportError, TransportErrorKind, TransportSetupError, response};
use crate::request::{BaseUrls, Body};

/// An [`HttpTransport`] over [hyper](https://hyper.rs) and its pool of connections: HTTP/1.1, connections kept and shared,
/// redirects not followed, answers bounded. It runs on tokio.
///
/// What goes over `https` goes through the proxy that the environment names for it: `HTTPS_PROXY` or `ALL_PROXY`, an
/// `http` or a `socks5` one, but for the hosts of `NO_PROXY`. The connection is secured to Divar itself, so that the proxy
/// reads nothing of it. What goes over plain `http`, which is only ever to this machine, goes through no proxy.
#[derive(Clone)]
pub struct HyperTransport {
    client: Client<Connector, Body>,
    max_response_bytes: usize,
}

/// Sets up a [`HyperTransport`].
#[derive(Debug)]
#[must_use]
pub struct HyperTransportBuilder(Settings);

impl HyperTransport {
    /// A transport with the default settings.
    ///
    /// # Errors
    ///
    /// If the environment names a proxy that cannot be used.
    pub fn new() -> Result<Self, TransportSetupError> {
        Self::builder().build()
    }

    /// Sets one up.
    pub fn builder() -> HyperTransportBuilder {
        HyperTransportBuilder(Settings::default())
    }
}

impl HyperTransportBuilder {
    /// The maximum size of a response in bytes: by default 16 MiB, about 40,000 messages of a conversation.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.0.max_response_bytes = bytes;
        self
    }

    /// The time limit of making a connection, from the name look-up to the end of the TLS handshake: by default 5 seconds.
    ///
    /// A client waits [less](crate::Client#time-limits-and-retries) where the call's own limit is shorter.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.0.connect_timeout = limit;
        self
    }

    /// Does without the proxies that the environment names.
    pub fn no_proxy(mut self) -> Self {
        self.0.use_proxy = false;
        self
    }

    /// The transport. TLS is set up when it first connects to an `https` address; where that fails, the request fails and
    /// nothing is sent.
    ///
    /// # Errors
    ///
    /// If the environment names a proxy that cannot be used.
    pub fn build(self) -> Result<HyperTransport, TransportSetupError> {
        let connector = Connector::new(self.0.connect_timeout, self.0.use_proxy)?;
        Ok(self.over(connector))
    }

    /// A transport for these addresses: with TLS set up at once, or without what only `https` needs.
    pub(crate) fn build_for(self, base_urls: &BaseUrls) -> Result<HyperTransport, TransportSetupError> {
        if !base_urls.use_https() {
            return self.no_proxy().build();
        }
        let connector = Connector::new(self.0.connect_timeout, self.0.use_proxy)?;
        connector.set_up_tls()?;
        Ok(self.over(connector))
    }

    fn over(&self, connector: Connector) -> HyperTransport {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(super::IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .build(connector);
        HyperTransport { client, max_response_bytes: self.0.max_response_bytes }
    }
}

#[async_trait]
impl HttpTransport for HyperTransport {
    async fn send(&self, mut request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        super::promise_to_read_the_body_late(&request);
        add_host(&mut request);
        let response = self.client.request(request).await.map_err(transport_error)?;
        let (parts, body) = response.into_parts();
        Ok(Response::from_parts(parts, response::read(body, self.max_response_bytes).await?))
    }
}

/// Copies the `Host` header from the URI: hyper-util formats it from its parts, which costs as much as parsing the URI.
fn add_host(request: &mut Request<Body>) {
    let authority = request.uri().authority().map(Authority::as_str);
    // User information does not belong in the header.
    let host = authority.filter(|authority| !authority.contains('@'));
    if let Some(host) = host.and_then(|host| HeaderValue::from_str(host).ok()) {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
}

fn transport_error(error: Error) -> TransportError {
    if super::cannot_be_set_up(&error) {
        return TransportError::with_source(TransportErrorKind::Other, error).unsent();
    }
    let kind = if error.is_connect() { TransportErrorKind::Connect } else { TransportErrorKind::Interrupted };
    TransportError::with_source(kind, error)
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperTransport").field("max_response_bytes", &self.max_response_bytes).finish_non_exhaustive()
    }
}
