//! A durable queue of events: stored before the response to Divar, and handled until they succeed.
//!
//! Divar documents no redelivery, so an event that is lost after the response 200 is lost for good. An [`Inbox`] stores
//! it first. The [guide](crate::guide::crash) has the whole webhook, and a note on personal data.
//!
//! # Guarantees
//!
//! - **At-least-once delivery**, also after [a failure or a crash](crate::guide::crash#what-happens-when).
//! - **Ordered by acceptance within a conversation**, parallel across conversations. Post updates, revocations and
//!   payments are ordered by post, user and payment.
//! - **Deduplicated** by message id; events without one by content, for a [minute](InboxSettings::content_window).

mod event;
mod memory;
mod settings;
mod store;
mod worker;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::error::{BoxError, StoreError};

pub use event::{AcceptedEvent, NewEvent};
pub use memory::MemoryInbox;
pub use settings::{InboxSettings, Unavailable};
pub use store::{ClaimedEvent, DeadLetter, InboxCounts, InboxStore, Insertion, Ticket};
pub use worker::Delivery;

use worker::{Task, Worker, store_failed};

/// A queue of events between Divar's webhook and your handler. Cheap to clone.
///
/// See the [module](self) for its guarantees. Events are handled until [`drain`](Self::drain), or until the last clone
/// is dropped.
#[doc(alias("idempotency", "deduplication"))]
#[derive(Clone)]
pub struct Inbox(Arc<Owner>);

struct Owner(Arc<Worker>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Inbox {
    /// Creates an inbox with the default [settings](InboxSettings).
    ///
    /// The handler takes an [`Event`](crate::Event), or a [`Delivery`] with the attempt's number. Stored events are
    /// handled from now on; outside a tokio runtime, from the first [`accept`](Self::accept).
    pub fn new<A, F, Fut, T, E>(store: impl InboxStore, handler: F) -> Self
    where
        A: From<Delivery>,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::with_settings(store, InboxSettings::default(), handler)
    }

    /// Creates an inbox with other settings.
    pub fn with_settings<A, F, Fut, T, E>(store: impl InboxStore, settings: InboxSettings, handler: F) -> Self
    where
        A: From<Delivery>,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let handler = Arc::new(handler);
        let handle = move |delivery| -> Task {
            let handler = Arc::clone(&handler);
            // A panic of the handler is one of its task.
            Box::pin(async move { handler(A::from(delivery)).await.map(drop).map_err(Into::into) })
        };
        let worker = Arc::new(Worker::new(Box::new(store), settings, Box::new(handle)));
        worker.start();
        Self(Arc::new(Owner(worker)))
    }

    /// Stores an event, unless it is a duplicate. Respond 200 after `Ok`.
    ///
    /// A failed store call is retried until [`accept_timeout`](InboxSettings::accept_timeout).
    ///
    /// # Errors
    ///
    /// If the store did not confirm the event in time: respond 503.
    pub async fn accept<E: AcceptedEvent + ?Sized>(&self, event: &E) -> Result<(), Unavailable> {
        let worker = &self.0.0;
        let limit = worker.settings.accept_timeout;
        let new = NewEvent::of(event, worker.settings.content_window).map_err(Unavailable::failed)?;
        worker.start();
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            let Ok(outcome) = timeout(left, worker.store.insert(new.clone())).await else {
                return Err(Unavailable::timed_out(limit));
            };
            // An earlier attempt may have stored it, so a duplicate is a success.
            let Err(error) = outcome else {
                worker.wake();
                return Ok(());
            };
            store_failed("insert", &*error);
            if begun.elapsed().saturating_add(pause) >= limit {
                return Err(Unavailable::failed(error));
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
    }

    /// Stops taking events from the store and waits for the running handlers.
    ///
    /// Call it after your server has stopped. Pending events stay in the store for another process or the next start.
    pub async fn drain(&self) {
        self.0.0.drain().await;
    }

    /// Lists dead letters in their order, from the one after `after`.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn dead_letters(&self, after: Option<&DeadLetter>, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.0.0.store.dead_letters(after.map(|letter| &*letter.id), limit).await
    }

    /// Returns a dead letter to the queue of its conversation, with no attempts counted.
    ///
    /// Returns `false` if the dead letter is gone.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn retry_dead_letter(&self, letter: &DeadLetter) -> Result<bool, StoreError> {
        let revived = self.0.0.store.revive(&letter.id).await?;
        self.0.0.wake();
        Ok(revived)
    }

    /// Deletes a dead letter. Returns `false` if it is gone.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn drop_dead_letter(&self, letter: &DeadLetter) -> Result<bool, StoreError> {
        self.0.0.store.discard(&letter.id, self.0.0.settings.remember).await
    }

    /// Counts pending events and dead letters in the store, for monitoring.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn counts(&self) -> Result<InboxCounts, StoreError> {
        self.0.0.store.counts().await
    }
}

/// The pause before a store call is retried; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Worker { store, settings, .. } = &*self.0.0;
        f.debug_struct("Inbox").field("store", store).field("settings", settings).finish_non_exhaustive()
    }
}
