use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use super::{HttpTransport, Settings, TransportError, TransportErrorKind, TransportSetupError, response};
use crate::request::Body;

/// An [`HttpTransport`] over [reqwest](https://docs.rs/reqwest): connections are kept and shared, redirects are not
/// followed, answers are bounded. It runs on tokio.
///
/// It costs more than `HyperTransport`, and has what reqwest has above it: the proxies of the operating system's
/// settings, and whatever features of reqwest your program turns on, such as `http2` or `hickory-dns`.
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    client: reqwest::Client,
    max_response_bytes: usize,
}

/// Sets up a [`ReqwestTransport`].
#[derive(Debug)]
#[must_use]
pub struct ReqwestTransportBuilder(Settings);

impl ReqwestTransport {
    /// A transport with the usual settings.
    ///
    /// # Errors
    ///
    /// Where TLS cannot be set up.
    pub fn new() -> Result<Self, TransportSetupError> {
        Self::builder().build()
    }

    /// Sets one up.
    pub fn builder() -> ReqwestTransportBuilder {
        ReqwestTransportBuilder(Settings::default())
    }
}

impl ReqwestTransportBuilder {
    /// How large an answer may be, in bytes: 16 MiB unless said otherwise, about 40,000 messages of a conversation.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.0.max_response_bytes = bytes;
        self
    }

    /// How long making a connection may take: half a second unless said otherwise. A failure to connect is one that
    /// any call can be tried again after, so a short time here is worth more than a long one.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.0.connect_timeout = limit;
        self
    }

    /// Does without the proxies that the environment names (`HTTPS_PROXY` and its like) and those of the operating system's
    /// settings. A proxy reads what goes over plain `http`, so do without where a sandbox or a gateway on this machine is
    /// what you send to.
    pub fn no_proxy(mut self) -> Self {
        self.0.use_proxy = false;
        self
    }

    /// The transport.
    ///
    /// # Errors
    ///
    /// Where TLS cannot be set up.
    pub fn build(self) -> Result<ReqwestTransport, TransportSetupError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // What may be sent again is for the client to decide.
            .retry(reqwest::retry::never())
            .connect_timeout(self.0.connect_timeout)
            .pool_idle_timeout(super::IDLE_TIMEOUT);
        if !self.0.use_proxy {
            builder = builder.no_proxy();
        }
        #[cfg(any(feature = "rustls", all(feature = "rustls-no-provider", not(feature = "native-tls"))))]
        {
            builder = builder.tls_backend_preconfigured(super::tls::config()?);
        }
        let client = builder.build().map_err(TransportSetupError::new)?;
        Ok(ReqwestTransport { client, max_response_bytes: self.0.max_response_bytes })
    }
}

#[async_trait]
impl HttpTransport for ReqwestTransport {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        let response = self.client.execute(reqwest_request(request)?).await.map_err(transport_error)?;
        let (parts, body) = Response::<reqwest::Body>::from(response).into_parts();
        Ok(Response::from_parts(parts, response::read(body, self.max_response_bytes).await?))
    }
}

fn reqwest_request(request: Request<Body>) -> Result<reqwest::Request, TransportError> {
    let body = |body: Body| match body.as_bytes() {
        Some(bytes) => bytes.clone().into(),
        None => reqwest::Body::wrap(body),
    };
    request.map(body).try_into().map_err(transport_error)
}

fn transport_error(error: reqwest::Error) -> TransportError {
    let kind = if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else if error.is_request() || error.is_body() || error.is_decode() {
        TransportErrorKind::Interrupted
    } else {
        TransportErrorKind::Other
    };
    TransportError::with_source(kind, error.without_url())
}
