use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderValue, Request, Response, header};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connector::Connector;
use super::{HttpTransport, TransportError, TransportErrorKind, TransportSetupError, response};
use crate::request::{BaseUrls, Body};

/// An [`HttpTransport`] over [hyper](https://hyper.rs) and its connection pool, for tokio.
///
/// It speaks HTTP/1.1, follows no redirects and limits the size of responses.
///
/// `https` requests use the proxy of `HTTPS_PROXY` or `ALL_PROXY` (`http` or `socks5`), except to the hosts of `NO_PROXY`.
/// TLS ends at Divar, so the proxy cannot read them. Plain `http` is for this machine and uses no proxy.
#[derive(Clone)]
pub struct HyperTransport {
    client: Client<Connector, Body>,
    max_response_bytes: usize,
}

builder!(HyperTransportBuilder of HyperTransport);

impl HyperTransportBuilder {
    /// Builds the transport.
    ///
    /// TLS is set up on the first connection over `https`. If that fails, the request fails and is not sent.
    ///
    /// # Errors
    ///
    /// [`TransportSetupError`] if a proxy of the environment is invalid.
    pub fn build(self) -> Result<HyperTransport, TransportSetupError> {
        let connector = Connector::new(self.0.connect_timeout, self.0.use_proxy)?;
        Ok(self.over(connector))
    }

    /// Builds the transport and sets TLS up at once, if a base URL needs it.
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

/// Adds the `Host` header. hyper-util would format it from its parts, which costs more than a copy.
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

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) max_response_bytes: usize,
    pub(super) connect_timeout: Duration,
    pub(super) use_proxy: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_response_bytes: super::MAX_RESPONSE_BYTES, connect_timeout: Duration::from_secs(5), use_proxy: true }
    }
}

macro_rules! builder {
    ($builder:ident of $transport:ident) => {
        #[doc = concat!("A builder of [`", stringify!($transport), "`].")]
        #[derive(Debug)]
        #[must_use]
        pub struct $builder($crate::transport::hyper::Settings);

        impl $transport {
            /// Creates a transport with the default settings.
            ///
            /// # Errors
            ///
            #[doc = concat!("Those of [`", stringify!($builder), "::build`].")]
            pub fn new() -> Result<Self, $crate::transport::TransportSetupError> {
                Self::builder().build()
            }

            /// Returns a builder with the default settings.
            pub fn builder() -> $builder {
                $builder($crate::transport::hyper::Settings::default())
            }
        }

        impl $builder {
            /// Sets the maximum size of a response in bytes.
            ///
            /// The default is 16 MiB, about 40,000 messages of a conversation.
            pub fn max_response_bytes(mut self, bytes: usize) -> Self {
                self.0.max_response_bytes = bytes;
                self
            }

            /// Sets the time limit of a connection, from DNS to the TLS handshake; 5 seconds by default.
            ///
            /// A client waits [less](crate::Client#time-limits-and-retries) where the call's own limit is shorter.
            pub fn connect_timeout(mut self, limit: std::time::Duration) -> Self {
                self.0.connect_timeout = limit;
                self
            }

            /// Connects directly and ignores all proxy settings.
            pub fn no_proxy(mut self) -> Self {
                self.0.use_proxy = false;
                self
            }
        }
    };
}

pub(super) use builder;

#[cfg(test)]
mod tests;
