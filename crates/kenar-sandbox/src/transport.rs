//! The transport of clients and browsers to the sandbox.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use kenar::request::Body;
use kenar::transport::{HttpTransport, TransportError, TransportErrorKind};

use crate::loopback::{Loopback, as_received};
use crate::platform::{Platform, STOPPED};
use crate::queue::Queue;
use crate::router;

/// The base URL of a sandbox without a port. Names below `.invalid` never resolve (RFC 6761).
pub(crate) const IN_PROCESS: &str = "https://kenar.invalid";

/// An [`HttpTransport`] to a sandbox, over loopback or in the process.
///
/// Requests to other hosts than loopback and allowed add-on hosts fail.
///
/// [`App::client`](crate::App::client) already uses it. For your own [`Client`](kenar::Client):
/// `Client::builder(app.api_key()).base_urls(sandbox.base_urls().clone()).transport(sandbox.transport())`.
#[derive(Clone)]
pub struct SandboxTransport {
    platform: Arc<Platform>,
    queue: Queue,
    loopback: Loopback,
}

impl SandboxTransport {
    pub(crate) fn new(platform: Arc<Platform>, queue: Queue, loopback: Loopback) -> Self {
        Self { platform, queue, loopback }
    }

    /// Returns `true` for a URL of a sandbox without a port.
    pub(crate) fn is_in_process(&self, uri: &Uri) -> bool {
        self.platform.base_urls.api().as_str() == IN_PROCESS
            && uri.authority().is_some_and(|authority| self.platform.names.include(authority.as_str()))
    }
}

impl fmt::Debug for SandboxTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SandboxTransport({})", self.platform.base_urls.api())
    }
}

#[async_trait]
impl HttpTransport for SandboxTransport {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        if self.platform.is_stopped() {
            return Err(TransportError::with_source(TransportErrorKind::Connect, STOPPED));
        }
        if !self.is_in_process(request.uri()) {
            return self.loopback.send(request).await;
        }
        let request = as_received(request).map(axum::body::Body::new);
        match router::respond(&self.platform, &self.queue, request).await {
            (response, None) => Ok(response),
            (_, Some(_)) => Err(TransportError::with_source(
                TransportErrorKind::Interrupted,
                "an injected fault cut off the response",
            )),
        }
    }
}
