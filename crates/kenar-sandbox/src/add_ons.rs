//! Add-ons in this process, by host name.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response, Uri};
use kenar::model::AppUrl;
use kenar::request::Body;
use kenar::transport::{TransportError, TransportErrorKind};
use tokio::task::JoinSet;

use crate::loopback::as_received;

type Handle = dyn Fn(Request<Bytes>) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> + Send + Sync;

/// A function that serves an add-on.
#[derive(Clone)]
pub(crate) struct Handler(Arc<Handle>);

#[derive(Default)]
pub(crate) struct AddOns {
    handlers: Mutex<BTreeMap<String, Handler>>,
}

impl AddOns {
    /// Adds an add-on and returns its base URL.
    #[expect(clippy::expect_used, reason = "the URL has no outside input")]
    pub(crate) fn add(&self, handler: Handler) -> AppUrl {
        let mut handlers = self.handlers();
        let name = format!("add-on-{}.invalid", handlers.len().saturating_add(1));
        let url = format!("https://{name}").parse().expect("an https URL");
        handlers.insert(name, handler);
        url
    }

    /// Drops all add-ons, and the sandbox's handles that they own.
    pub(crate) fn clear(&self) {
        // Dropped after unlocking, since a handler's drop may call back.
        let handlers = std::mem::take(&mut *self.handlers());
        drop(handlers);
    }

    /// The add-on at a URL.
    pub(crate) fn at(&self, uri: &Uri) -> Option<Handler> {
        self.handlers().get(uri.authority()?.as_str()).cloned()
    }

    fn handlers(&self) -> MutexGuard<'_, BTreeMap<String, Handler>> {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler {
    pub(crate) fn new<F>(handle: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<Bytes>> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(handle(request))))
    }

    /// Serves a request in a separate task, which isolates panics of the add-on.
    pub(crate) async fn call(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        let (parts, body) = as_received(request).into_parts();
        let body = body
            .collect()
            .await
            .map_err(|error| TransportError::with_source(TransportErrorKind::Interrupted, error))?;
        let handle = Arc::clone(&self.0);
        let mut task = JoinSet::new();
        task.spawn(async move { handle(Request::from_parts(parts, body)).await });
        match task.join_next().await {
            Some(Ok(response)) => Ok(response),
            Some(Err(error)) => Err(TransportError::with_source(TransportErrorKind::Interrupted, error)),
            None => Err(TransportError::new(TransportErrorKind::Interrupted)),
        }
    }
}
