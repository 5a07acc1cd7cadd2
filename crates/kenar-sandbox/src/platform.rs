//! The engine of one sandbox, with its clock and change notifications.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, Uri};
use kenar::model::{ConversationId, Timestamp};
use kenar::request::BaseUrls;
use kenar::transport::TransportError;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::clock::SandboxClock;
use crate::engine::Engine;
use crate::error::SandboxError;
use crate::media::MediaStore;
use crate::names::Names;
use crate::transcript;

/// The error of everything that happens after the sandbox was dropped or shut down.
pub(crate) const STOPPED: &str = "the sandbox was stopped: keep the `Sandbox` alive until the test ends";

pub(crate) struct Platform {
    engine: Mutex<Engine>,
    pub(crate) clock: SandboxClock,
    /// The number of changes, to wake up waiting tasks.
    changes: watch::Sender<u64>,
    stopped: watch::Sender<bool>,
    pub(crate) media: MediaStore,
    pub(crate) base_urls: BaseUrls,
    pub(crate) names: Names,
    /// The timeout of all waiting.
    pub(crate) time_limit: Duration,
}

impl Platform {
    pub(crate) fn new(
        engine: Engine,
        clock: SandboxClock,
        base_urls: BaseUrls,
        names: Names,
        time_limit: Duration,
    ) -> Self {
        Self {
            engine: Mutex::new(engine),
            clock,
            changes: watch::Sender::new(0),
            stopped: watch::Sender::new(false),
            media: MediaStore::default(),
            base_urls,
            names,
            time_limit,
        }
    }

    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Engine) -> T) -> T {
        look(&self.engine())
    }

    pub(crate) fn change<T>(&self, act: impl FnOnce(&mut Engine, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let outcome = act(&mut self.engine(), now);
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
        outcome
    }

    /// A receiver that is notified of each change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Waits until `look` returns a value, up to the timeout.
    pub(crate) async fn find<T>(&self, mut look: impl FnMut(&Engine) -> Option<T>) -> Option<T> {
        let mut changes = self.changes();
        let begun = tokio::time::Instant::now();
        loop {
            changes.mark_unchanged();
            if let Some(found) = self.look(&mut look) {
                return Some(found);
            }
            timeout(self.time_limit.saturating_sub(begun.elapsed()), changes.changed()).await.ok()?.ok()?;
        }
    }

    /// Waits for a response, up to the timeout. The error names the URL.
    pub(crate) async fn within_time_limit(
        &self,
        address: &Uri,
        sent: impl Future<Output = Result<Response<Bytes>, TransportError>>,
    ) -> Result<Response<Bytes>, String> {
        match timeout(self.time_limit, sent).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let source = std::error::Error::source(&error).map(|why| format!(": {why}")).unwrap_or_default();
                Err(format!("{address}: {error}{source}"))
            }
            Err(_) => Err(format!("timed out after {:?}: no response from {address}", self.time_limit)),
        }
    }

    /// Stops all background tasks.
    pub(crate) fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Sleeps, until the sandbox stops at the latest.
    pub(crate) async fn pause(&self, duration: Duration) {
        if !duration.is_zero() {
            let _ = timeout(duration, self.stopped().wait_for(|stopped| *stopped)).await;
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// A receiver that becomes `true` when the sandbox stops.
    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.subscribe()
    }

    /// An error with the transcript of one conversation, or of all.
    pub(crate) fn error(&self, what: impl Into<String>, within: Option<&ConversationId>) -> SandboxError {
        SandboxError::new(what, self.look(|engine| transcript::of(engine, within)))
    }
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Platform")
            .field("base_urls", &self.base_urls)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}
