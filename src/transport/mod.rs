//! The HTTP stack: the [`HttpTransport`] trait, its implementations over hyper and reqwest, and a mock.
//!
//! [`Client::new`](crate::Client) uses hyper, if a TLS feature is enabled.
//! [`ClientBuilder::transport`](crate::client::ClientBuilder::transport) takes any other, such as a layer around one (see
//! the repository's example `metrics`).

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

#[cfg(any(feature = "hyper", feature = "reqwest"))]
const MAX_RESPONSE_BYTES: usize = 16 << 20;

/// The server may close a connection that has been idle for longer, and a message sent on it would be lost.
#[cfg(feature = "hyper")]
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The error when the HTTP stack cannot be set up.
///
/// Its source names the cause: no root certificates, no TLS provider, or an invalid proxy.
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

#[cfg(feature = "hyper")]
fn cannot_be_set_up(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(<dyn std::error::Error>::is::<TransportSetupError>)
}

/// hyper reads a body when it writes the request to a connection.
#[cfg(any(feature = "hyper", feature = "reqwest"))]
fn promise_to_read_the_body_late(request: &http::Request<Body>) {
    if request.body().length() == 0 {
        if let Some(context) = request.extensions().get::<Context>() {
            context.begins_when_body_is_read();
        }
    }
}

/// An HTTP stack for a [`Client`](crate::Client), in the types of the `http` crate.
///
/// An implementation
///
/// - sends the request unchanged and never follows a redirect, since the request has secrets for its host only;
/// - returns the response whatever its status, with its whole body, and limits the size of that body;
/// - reports a failure by its [`TransportErrorKind`]. Only [`Connect`](TransportErrorKind::Connect) promises that nothing
///   was sent, so that a message can be sent again. If in doubt, use [`Other`](TransportErrorKind::Other).
///
/// The client enforces the time limits by dropping the future. The repository's example `custom_transport` is one over
/// another HTTP stack.
///
/// The extensions of each request contain its [`Context`]. The client tracks how much of the request's [`Body`] was
/// read: a request whose body was not read was not sent, and is reported as
/// [`ErrorKind::Connect`](crate::error::ErrorKind::Connect) if it times out. So read the body only after connecting, as
/// hyper and reqwest do. If an implementation reads it earlier, the client assumes that a request that timed out may
/// have been processed.
#[async_trait]
pub trait HttpTransport: Debug + Send + Sync + 'static {
    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if there was no complete response.
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Bytes>, TransportError>;
}

#[async_trait]
impl<T: HttpTransport + ?Sized> HttpTransport for Arc<T> {
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Bytes>, TransportError> {
        (**self).send(request).await
    }
}

/// The error of a request without a complete response.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct TransportError {
    kind: TransportErrorKind,
    unsent: bool,
    source: Option<BoxError>,
}

/// The kind of a [`TransportError`], which decides whether the request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection was made and nothing was sent. Any request may be sent again.
    #[error("cannot connect")]
    Connect,
    /// The request timed out; it may have been processed.
    #[error("timed out")]
    Timeout,
    /// The connection was lost; the request may have been processed.
    #[error("connection lost")]
    Interrupted,
    /// The request body could not be read, so the request was incomplete.
    #[error("cannot read the request body")]
    RequestBody,
    /// The response exceeded the transport's limit; the request was processed.
    #[error("response too large")]
    ResponseTooLarge,
    /// Any other failure; the request may have been processed.
    #[error("request failed")]
    Other,
}

impl TransportError {
    /// Creates an error of a kind.
    #[must_use]
    pub fn new(kind: TransportErrorKind) -> Self {
        let unsent = matches!(kind, TransportErrorKind::Connect | TransportErrorKind::RequestBody);
        Self { kind, unsent, source: None }
    }

    /// Creates an error with a cause. Remove secrets, such as headers, from `source` first.
    #[must_use]
    pub fn with_source(kind: TransportErrorKind, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..Self::new(kind) }
    }

    /// States that the server cannot have received the whole request.
    ///
    /// A permanent failure, such as TLS that cannot be set up, is unsent and of the kind
    /// [`Other`](TransportErrorKind::Other), so that it is not retried.
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

    /// Returns `true` if the server cannot have received the whole request.
    ///
    /// Always so for [`Connect`](TransportErrorKind::Connect) and [`RequestBody`](TransportErrorKind::RequestBody).
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        self.unsent
    }

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
