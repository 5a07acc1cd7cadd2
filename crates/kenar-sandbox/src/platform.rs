//! The engine of one sandbox with its clock, and who waits for a change of it.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, Uri};
use kenar::model::{ConversationId, Timestamp};
use kenar::request::BaseUrls;
use kenar::transport::TransportError;
use tokio::sync::watch;
use tokio::time::{timeout, timeout_at};

use crate::clock::SandboxClock;
use crate::engine::Engine;
use crate::error::SandboxError;
use crate::media::MediaStore;
use crate::names::Names;
use crate::transcript;

pub(crate) struct Platform {
    engine: Mutex<Engine>,
    pub(crate) clock: SandboxClock,
    /// Counts the changes of the engine, so that who waits for one looks again.
    changes: watch::Sender<u64>,
    stopped: watch::Sender<bool>,
    pub(crate) media: MediaStore,
    pub(crate) base_urls: BaseUrls,
    pub(crate) names: Names,
    /// How long anything is waited for.
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

    /// Tells of each change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Waits until `look` finds something; as long as the time limit.
    pub(crate) async fn find<T>(&self, mut look: impl FnMut(&Engine) -> Option<T>) -> Option<T> {
        let mut changes = self.changes();
        let deadline = tokio::time::Instant::now() + self.time_limit;
        loop {
            changes.mark_unchanged();
            if let Some(found) = self.look(&mut look) {
                return Some(found);
            }
            timeout_at(deadline, changes.changed()).await.ok()?.ok()?;
        }
    }

    /// Waits for a response as long as the time limit. The error says what went wrong, and where.
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
            Err(_) => Err(format!("{address}: no response within {:?}", self.time_limit)),
        }
    }

    /// Stops everything that goes on by itself.
    pub(crate) fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Waits; not past the end of the sandbox.
    pub(crate) async fn pause(&self, duration: Duration) {
        if !duration.is_zero() {
            let _ = timeout(duration, self.stopped().wait_for(|stopped| *stopped)).await;
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Turns to `true` when the sandbox stops.
    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.subscribe()
    }

    /// What went wrong, with what was said in a conversation and what went over the wire.
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
