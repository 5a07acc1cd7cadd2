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
#[cfg(feature = "hyper")]
mod paced;
#[cfg(feature = "hyper")]
mod proxy;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(any(feature = "hyper", feature = "reqwest"))]
mod response;
#[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
mod tls;

use std::fmt::Debug;
use std::sync::Arc;
#[cfg(feature = "hyper")]
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::BoxError;
use crate::request::{Body, Context, Sent};

#[cfg(feature = "hyper")]
pub use hyper::{HyperTransport, HyperTransportBuilder};
pub use mock::MockTransport;
#[cfg(feature = "reqwest")]
pub use reqwest::ReqwestTransport;
#[cfg(all(feature = "reqwest", any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
pub use reqwest::ReqwestTransportBuilder;

/// The settings of both transports.
#[cfg(feature = "hyper")]
#[derive(Debug)]
struct Settings {
    max_response_bytes: usize,
    connect_timeout: Duration,
    use_proxy: bool,
}

#[cfg(feature = "hyper")]
impl Default for Settings {
    fn default() -> Self {
        Self { max_response_bytes: MAX_RESPONSE_BYTES, connect_timeout: Duration::from_secs(5), use_proxy: true }
    }
}

#[cfg(any(feature = "hyper", feature = "reqwest"))]
const MAX_RESPONSE_BYTES: usize = 16 << 20;

/// A connection that the server is about to close is one that a send may be lost on.
#[cfg(feature = "hyper")]
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The HTTP stack cannot be set up: no root certificates, no TLS provider, or an unusable proxy. The source tells which.
#[cfg(any(feature = "hyper", feature = "reqwest"))]
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the HTTP stack")]
pub struct TransportSetupError(#[source] BoxError);

#[cfg(any(feature = "hyper", feature = "reqwest"))]
impl TransportSetupError {
    fn new(why: impl Into<BoxError>) -> Self {
        Self(why.into())
    }
}

/// Whether a connection failed for a reason that does not go away by itself.
#[cfg(feature = "hyper")]
fn cannot_be_set_up(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(<dyn std::error::Error>::is::<TransportSetupError>)
}

/// hyper looks at a body once it writes the request to a connection.
#[cfg(any(feature = "hyper", feature = "reqwest"))]
fn promise_to_read_the_body_late(request: &http::Request<Body>) {
    if request.body().length() == 0 {
        if let Some(context) = request.extensions().get::<Context>() {
            context.begins_when_body_is_read();
        }
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
/// use hyper_util::client::legacy::{Client, connect::HttpConnector};
/// use kenar::request::Body;
/// use kenar::transport::{HttpTransport, TransportError, TransportErrorKind};
///
/// /// A pool of connections of the program's own.
/// #[derive(Debug)]
/// struct OwnPool(Client<HttpConnector, Body>);
///
/// #[async_trait]
/// impl HttpTransport for OwnPool {
///     async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Bytes>, TransportError> {
///         let response = self.0.request(request).await.map_err(|error| {
///             let kind = if error.is_connect() { TransportErrorKind::Connect } else { TransportErrorKind::Interrupted };
///             TransportError::with_source(kind, error)
///         })?;
///         let (parts, body) = response.into_parts();
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
/// The client enforces the time limits: it drops the future, and the implementation stops what it does.
///
/// Each request carries its [`Context`] in its extensions. The client also learns from the
/// request's [`Body`] how far it was read: a request whose body nobody has read has not left, and is reported as
/// [`ErrorKind::Connect`](crate::error::ErrorKind::Connect) when it times out. So read the body once the connection is made, as
/// hyper and reqwest do with a body that they are given. An implementation that reads it before is right as well: its
/// requests may have been processed when they time out.
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

/// Why a request brought no response.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct TransportError {
    kind: TransportErrorKind,
    unsent: bool,
    source: Option<BoxError>,
}

/// What is known about a request that brought no response; it decides whether the request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection was made, and nothing of the request was sent. Any request may be tried again.
    #[error("cannot connect")]
    Connect,
    /// The request timed out; it may have been processed.
    #[error("timed out")]
    Timeout,
    /// The connection was lost; the request may have been processed.
    #[error("connection lost")]
    Interrupted,
    /// The body of the request could not be read to its end, so the request was never completed.
    #[error("cannot read the request body")]
    RequestBody,
    /// The response was larger than the transport allows; the request was processed.
    #[error("response too large")]
    ResponseTooLarge,
    /// Anything else; the request may have been processed.
    #[error("request failed")]
    Other,
}

impl TransportError {
    /// A failure of which only the kind is known.
    #[must_use]
    pub fn new(kind: TransportErrorKind) -> Self {
        let unsent = matches!(kind, TransportErrorKind::Connect | TransportErrorKind::RequestBody);
        Self { kind, unsent, source: None }
    }

    /// A failure and its cause. Take any secret that it may repeat, such as a header, out of `source`.
    #[must_use]
    pub fn with_source(kind: TransportErrorKind, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..Self::new(kind) }
    }

    /// States that the server cannot have seen the whole request, whatever the kind. A failure that repeats by itself,
    /// such as TLS that cannot be set up, is of the kind [`Other`](TransportErrorKind::Other) and unsent.
    #[must_use]
    pub fn unsent(mut self) -> Self {
        self.unsent = true;
        self
    }

    /// The kind of the failure.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// Whether the server cannot have seen the whole request: always for [`Connect`](TransportErrorKind::Connect) and
    /// [`RequestBody`](TransportErrorKind::RequestBody).
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        self.unsent
    }

    /// The same failure, with what the call knows about the request.
    pub(crate) fn informed(mut self, call: &Context) -> Self {
        if let Some(failure) = call.failure() {
            return Self::with_source(TransportErrorKind::RequestBody, failure);
        }
        match call.stop() {
            Sent::Nothing => {
                self.unsent = true;
                if matches!(self.kind, TransportErrorKind::Timeout | TransportErrorKind::Interrupted) {
                    self.kind = TransportErrorKind::Connect;
                }
            }
            Sent::Part => self.unsent = true,
            Sent::MaybeAll => {}
        }
        self
    }
}
