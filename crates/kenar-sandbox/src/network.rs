//! Where the requests of a sandbox, its people and its clients go: to the sandbox itself, to an add-on in this process,
//! or over loopback.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use tokio::task::JoinSet;

use super::loopback::Loopback;
use super::platform::Platform;
use super::server;
use kenar::model::AppUrl;
use kenar::request::Body;
use kenar::transport::{HttpTransport, TransportError, TransportErrorKind};

/// The address of a sandbox that listens on no port. No name below `.invalid` is ever found (RFC 6761), so that nothing
/// leaves the process by mistake.
pub(crate) const IN_PROCESS: &str = "https://kenar.invalid";

pub(crate) type Handler =
    Arc<dyn Fn(Request<Bytes>) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> + Send + Sync>;

/// The add-ons that are in this process, by the names they were given.
#[derive(Default)]
pub(crate) struct Network {
    handlers: Mutex<BTreeMap<String, Handler>>,
    loopback: Loopback,
}

impl Network {
    /// A network that reaches add-ons on these hosts too.
    pub(crate) fn with_hosts(hosts: Vec<String>) -> Self {
        Self { loopback: Loopback::with_hosts(hosts), ..Self::default() }
    }

    /// Gives an add-on an address.
    #[expect(clippy::expect_used, reason = "nothing from outside is in the address")]
    pub(crate) fn add(&self, handler: Handler) -> AppUrl {
        let mut handlers = self.handlers();
        let name = format!("add-on-{}.invalid", handlers.len().saturating_add(1));
        let url = format!("https://{name}").parse().expect("an https address");
        handlers.insert(name, handler);
        url
    }

    /// Lets the add-ons go, and whatever of the sandbox's they hold.
    pub(crate) fn clear(&self) {
        // Dropped after the lock is given back: a handler may do anything then.
        let handlers = std::mem::take(&mut *self.handlers());
        drop(handlers);
    }

    fn at(&self, uri: &Uri) -> Option<Handler> {
        self.handlers().get(uri.authority()?.as_str()).cloned()
    }

    fn handlers(&self) -> MutexGuard<'_, BTreeMap<String, Handler>> {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platform {
    /// Whether an address can be reached without leaving the machine.
    pub(crate) fn reaches(&self, uri: &Uri) -> bool {
        self.is_own(uri) || self.network.at(uri).is_some() || self.network.loopback.reaches(uri)
    }

    /// Whether an address is one of this sandbox.
    pub(crate) fn is_self(&self, uri: &Uri) -> bool {
        uri.authority().is_some_and(|authority| self.names.include(authority.as_str()))
    }

    /// Whether an address is that of this sandbox, and no port listens there.
    fn is_own(&self, uri: &Uri) -> bool {
        self.base_urls.api().as_str() == IN_PROCESS && self.is_self(uri)
    }

    /// Sends one request, for as long as it takes.
    pub(crate) async fn exchange(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        if self.is_stopped() {
            let why = "the sandbox was shut down: keep it for as long as anything happens in it";
            return Err(TransportError::with_source(TransportErrorKind::Connect, why));
        }
        let uri = request.uri();
        if let Some(handler) = self.network.at(uri) {
            return call(handler, request).await;
        }
        if !self.is_own(uri) {
            return self.network.loopback.send(request).await;
        }
        let (response, cut) = server::answer(self, as_received(request).map(axum::body::Body::new)).await;
        match cut {
            None => Ok(response),
            Some(_) => Err(TransportError::with_source(TransportErrorKind::Interrupted, "a fault cut the answer off")),
        }
    }
}

/// A task of its own, so that an add-on that panics takes nothing else down.
async fn call(handler: Handler, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
    let (parts, body) = as_received(request).into_parts();
    let body =
        body.collect().await.map_err(|error| TransportError::with_source(TransportErrorKind::Interrupted, error))?;
    let mut task = JoinSet::new();
    task.spawn(async move { handler(Request::from_parts(parts, body)).await });
    match task.join_next().await {
        Some(Ok(response)) => Ok(response),
        Some(Err(error)) => Err(TransportError::with_source(TransportErrorKind::Interrupted, error)),
        None => Err(TransportError::new(TransportErrorKind::Interrupted)),
    }
}

/// The request as a server sees it: the host in a header, and the rest of the address alone.
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

/// An [`HttpTransport`] that reaches a sandbox, over loopback or within the process, and no other host.
///
/// [`App::client`](super::App::client) has it already; it is for a [`Client`](kenar::Client) that you set up yourself:
/// `Client::builder(app.api_key()).base_urls(sandbox.base_urls().clone()).transport(sandbox.transport())`.
#[derive(Clone)]
pub struct SandboxTransport(pub(super) Arc<Platform>);

impl fmt::Debug for SandboxTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SandboxTransport({})", self.0.base_urls.api())
    }
}

#[async_trait]
impl HttpTransport for SandboxTransport {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        self.0.exchange(request).await
    }
}
