//! How requests travel: the [`HttpTransport`] trait, implementations over hyper and over reqwest, and a double for tests.
//!
//! A client needs none of this unless you say otherwise: [`Client::new`](crate::Client) sends over hyper, where one of the
//! features for TLS is on. [`ClientBuilder::transport`](crate::client::ClientBuilder::transport) takes any other, such as a
//! layer of yours around one:
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use async_trait::async_trait;
//! use bytes::Bytes;
//! use kenar::{BotMessage, ChatApi as _, Client};
//! use kenar::model::ConversationId;
//! use kenar::request::Body;
//! use kenar::secret::ApiKey;
//! use kenar::transport::{HttpTransport, MockTransport, TransportError};
//!
//! /// Counts the requests, and passes them on.
//! #[derive(Debug)]
//! struct Counted<T> { inner: T, requests: std::sync::Arc<AtomicU32> }
//!
//! #[async_trait]
//! impl<T: HttpTransport> HttpTransport for Counted<T> {
//!     async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Bytes>, TransportError> {
//!         self.requests.fetch_add(1, Ordering::Relaxed);
//!         self.inner.send(request).await
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let inner = MockTransport::new();
//! # inner.respond_json(200, &serde_json::json!({}));
//! let counted = Counted { inner, requests: Default::default() };
//! let requests = counted.requests.clone();
//! let client = Client::builder(ApiKey::new("placeholder")?).transport(counted).build()?;
//! client.send_bot_message(&ConversationId::new("c-1"), &BotMessage::text("سلام")).await?;
//! assert_eq!(requests.load(Ordering::Relaxed), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "hyper")]
mod connector;
#[cfg(feature = "hyper")]
mod hyper;
mod mock;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(any(feature = "hyper", feature = "reqwest"))]
mod response;
#[cfg(any(feature = "rustls", all(feature = "rustls-no-provider", not(feature = "native-tls"))))]
mod tls;

use std::fmt::Debug;
use std::sync::Arc;
#[cfg(any(feature = "hyper", feature = "reqwest"))]
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::BoxError;
use crate::request::Body;

#[cfg(feature = "hyper")]
pub use hyper::{HyperTransport, HyperTransportBuilder};
pub use mock::MockTransport;
#[cfg(feature = "reqwest")]
pub use reqwest::{ReqwestTransport, ReqwestTransportBuilder};

/// What either transport can be told.
#[cfg(any(feature = "hyper", feature = "reqwest"))]
#[derive(Debug)]
struct Settings {
    max_response_bytes: usize,
    connect_timeout: Duration,
    use_proxy: bool,
}

#[cfg(any(feature = "hyper", feature = "reqwest"))]
impl Default for Settings {
    fn default() -> Self {
        Self { max_response_bytes: 16 << 20, connect_timeout: Duration::from_millis(500), use_proxy: true }
    }
}

/// A connection that the server is about to close is one that a send may be lost on.
#[cfg(any(feature = "hyper", feature = "reqwest"))]
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The HTTP stack could not be set up, for want of a TLS provider or of the system's certificates.
#[cfg(any(feature = "hyper", feature = "reqwest"))]
#[derive(Debug, thiserror::Error)]
#[error("the HTTP stack cannot be set up")]
pub struct TransportSetupError(#[source] BoxError);

#[cfg(any(feature = "hyper", feature = "reqwest"))]
impl TransportSetupError {
    #[cfg_attr(
        not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls", feature = "reqwest")),
        expect(dead_code, reason = "without TLS there is nothing to fail")
    )]
    fn new(why: impl Into<BoxError>) -> Self {
        Self(why.into())
    }
}

/// An HTTP stack that a [`Client`](crate::Client) sends with: one method over the types of the [`http`] crate.
///
/// Implement it to bring your own. An implementation
///
/// - sends the request as it is, and never follows a redirect: the request carries secrets that are meant for its host;
/// - gives the answer whatever its status, with its whole body, and bounds how large that may be;
/// - tells with [`TransportErrorKind`] what is known about a failure. Only [`Connect`](TransportErrorKind::Connect)
///   promises that nothing was sent, so that a message can be tried again; when in doubt, say
///   [`Other`](TransportErrorKind::Other).
///
/// ```
/// use async_trait::async_trait;
/// use bytes::Bytes;
/// use http_body_util::{BodyExt as _, LengthLimitError, Limited};
/// use kenar::request::Body;
/// use kenar::transport::{HttpTransport, TransportError, TransportErrorKind};
///
/// /// A reqwest client of the program's own, with redirects and retries turned off.
/// #[derive(Debug)]
/// struct OwnReqwest(reqwest::Client);
///
/// #[async_trait]
/// impl HttpTransport for OwnReqwest {
///     async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Bytes>, TransportError> {
///         let failure = |error: reqwest::Error| {
///             let kind = if error.is_connect() { TransportErrorKind::Connect } else { TransportErrorKind::Interrupted };
///             TransportError::with_source(kind, error.without_url())
///         };
///         let request = request.map(reqwest::Body::wrap).try_into().map_err(failure)?;
///         let response = self.0.execute(request).await.map_err(failure)?;
///         let (parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
///         let body = Limited::new(body, 16 << 20).collect().await.map_err(|error| {
///             let too_large = error.is::<LengthLimitError>();
///             let kind = if too_large { TransportErrorKind::ResponseTooLarge } else { TransportErrorKind::Interrupted };
///             TransportError::with_source(kind, error)
///         })?;
///         Ok(http::Response::from_parts(parts, body.to_bytes()))
///     }
/// }
/// ```
///
/// Time limits are the client's affair: it drops the future, and the implementation stops what it does.
#[async_trait]
pub trait HttpTransport: Debug + Send + Sync + 'static {
    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    ///
    /// Where no answer came, or not a whole one.
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Bytes>, TransportError>;
}

#[async_trait]
impl<T: HttpTransport + ?Sized> HttpTransport for Arc<T> {
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Bytes>, TransportError> {
        (**self).send(request).await
    }
}

/// Why a request brought no answer.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct TransportError {
    kind: TransportErrorKind,
    source: Option<BoxError>,
}

/// What is known about a request that brought no answer; it decides whether the request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection came about: nothing of the request was sent. Any request may be tried again.
    #[error("no connection could be made")]
    Connect,
    /// The time ran out; the request may have been processed.
    #[error("the time ran out")]
    Timeout,
    /// The connection broke; the request may have been processed.
    #[error("the connection broke")]
    Interrupted,
    /// The answer was larger than the transport allows; the request was processed.
    #[error("the answer is larger than allowed")]
    ResponseTooLarge,
    /// Anything else; the request may have been processed.
    #[error("the request failed")]
    Other,
}

impl TransportError {
    /// A failure of which no more is known than its kind.
    #[must_use]
    pub fn new(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// A failure, with what the HTTP stack says of it. Take out of `source` whatever secret it may repeat, such as a
    /// header.
    #[must_use]
    pub fn with_source(kind: TransportErrorKind, source: impl Into<BoxError>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// What is known about the failure.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }
}
