//! Events that survive: stored before they are answered, and handled until they succeed.
//!
//! Divar sends an event once and documents no redelivery: an event that was answered 200 and then lost is lost for
//! good. An [`Inbox`] stores it first.
//!
//! ```
//! use axum::extract::{FromRef, State};
//! use axum::{Router, routing::post};
//! use kenar::inbox::{Inbox, MemoryInbox, Unavailable};
//! use kenar::webhook::ReceivedEvent;
//! use kenar::{Error, Event, Verifier};
//!
//! #[derive(Clone)] // and `FromRef`, which axum derives with its feature `macros`
//! struct App { verifier: Verifier, inbox: Inbox }
//! # impl FromRef<App> for Verifier { fn from_ref(app: &App) -> Self { app.verifier.clone() } }
//! # impl FromRef<App> for Inbox { fn from_ref(app: &App) -> Self { app.inbox.clone() } }
//!
//! async fn event(State(inbox): State<Inbox>, event: ReceivedEvent) -> Result<(), Unavailable> {
//!     inbox.accept(&event).await // stored, then 200
//! }
//!
//! async fn handle(event: Event) -> Result<(), Error> {
//!     // As long as you like: Divar has its 200.
//! #   let _ = event;
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let verifier = Verifier::new(kenar::secret::IdentificationKey::new("placeholder")?);
//! // In production `kenar_store::Sqlite` or `kenar_store::Redis`, which survive the process.
//! let inbox = Inbox::new(MemoryInbox::new(), handle);
//! let app: Router = Router::new().route("/event", post(event)).with_state(App { verifier, inbox: inbox.clone() });
//! # let _ = app;
//! // Before the process ends:
//! inbox.drain().await;
//! # Ok(()) }
//! ```
//!
//! # Guarantees
//!
//! - **At least once.** The handler gets an accepted event until it returns `Ok`, in whichever process runs. An error, a
//!   panic and a timeout are failures: the event is retried after a growing delay. After
//!   [`max_attempts`](InboxSettings::max_attempts) it becomes a [dead letter](Inbox::dead_letters).
//! - **In order within a conversation**, in parallel across conversations. The order is that of acceptance. While an event
//!   waits for its retry, the later ones of its conversation wait too. Post updates, revocations and payments are
//!   ordered by post, user and payment.
//! - **Deduplicated** by message id, or for a [minute](InboxSettings::content_window) by content where there is none.
//! - **A process that dies is replaced.** Another one takes over its events when their [lease](InboxSettings::lease)
//!   ends. The handler then sees an event again that it had begun: [`Delivery::attempt`] is greater than 1. The outcome of
//!   a process that lost its lease is ignored.
//!
//! # Personal data
//!
//! Events hold what people wrote. The event is deleted from the store when it is handled; only its message id is kept,
//! for [7 days](InboxSettings::remember). A dead letter is kept until you [retry](Inbox::retry_dead_letter) or
//! [drop](Inbox::drop_dead_letter) it.

mod event;
mod memory;
mod settings;
mod store;
mod trace;
mod unavailable;
mod worker;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::error::{BoxError, StoreError};

pub use event::{AcceptedEvent, NewEvent};
pub use memory::MemoryInbox;
pub use settings::InboxSettings;
pub use store::{ClaimedEvent, DeadLetter, InboxCounts, InboxStore, Insertion, Ticket};
pub use unavailable::Unavailable;
pub use worker::Delivery;

use worker::Worker;

/// A queue of events between Divar's webhook and your handler. Cheap to clone.
///
/// The [module](self) describes what it guarantees. Events are handled while a clone of the inbox exists, and until
/// [`drain`](Self::drain).
#[derive(Clone)]
pub struct Inbox(Arc<Owner>);

/// Stops the worker when the last clone of the inbox is dropped.
struct Owner(Arc<Worker>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Inbox {
    /// Creates an inbox with the default [settings](InboxSettings).
    ///
    /// The handler takes an [`Event`](crate::Event), or a [`Delivery`] to see the attempt too. Events that are in the store
    /// already are handled at once; outside a tokio runtime, from the first [`accept`](Self::accept).
    pub fn new<A, F, Fut, T, E>(store: impl InboxStore, handler: F) -> Self
    where
        A: From<Delivery>,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::with_settings(store, InboxSettings::default(), handler)
    }

    /// Creates an inbox with these settings.
    pub fn with_settings<A, F, Fut, T, E>(store: impl InboxStore, settings: InboxSettings, handler: F) -> Self
    where
        A: From<Delivery>,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let handler = move |delivery: Delivery| {
            let handled = handler(A::from(delivery));
            async move { handled.await.map(drop).map_err(Into::into) }
        };
        let worker = Worker::new(Arc::new(store), settings, Box::new(move |delivery| Box::pin(handler(delivery))));
        let worker = Arc::new(worker);
        worker.start();
        Self(Arc::new(Owner(worker)))
    }

    /// Stores an event, unless it is stored or handled already. Answer 200 when it returns `Ok`.
    ///
    /// A failing store is tried again until [`accept_timeout`](InboxSettings::accept_timeout).
    ///
    /// # Errors
    ///
    /// If the store did not confirm the event in time: answer 503.
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
            // A duplicate may be what an earlier attempt stored.
            let Err(error) = outcome else {
                worker.wake();
                return Ok(());
            };
            trace::store_failed("insert", &*error);
            if begun.elapsed().saturating_add(pause) >= limit {
                return Err(Unavailable::failed(error));
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
    }

    /// Stops taking events from the store and waits for the running handlers.
    ///
    /// What is still pending stays in the store for another process, or the next start. Call it after your server has
    /// stopped; an event accepted later is stored, but not handled by this inbox.
    pub async fn drain(&self) {
        self.0.0.drain().await;
    }

    /// Lists dead letters in the order in which they died, from the one after `after`.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn dead_letters(&self, after: Option<&DeadLetter>, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.0.0.store.dead_letters(after.map(|letter| &*letter.id), limit).await
    }

    /// Puts a dead letter back into the queue of its conversation, with all attempts before it.
    ///
    /// Returns `false` if there is no such dead letter any more.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn retry_dead_letter(&self, letter: &DeadLetter) -> Result<bool, StoreError> {
        let revived = self.0.0.store.revive(&letter.id).await?;
        self.0.0.wake();
        Ok(revived)
    }

    /// Deletes a dead letter. Returns `false` if there is no such dead letter any more.
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

/// The pause before a failing store is tried again; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Worker { store, settings, .. } = &*self.0.0;
        f.debug_struct("Inbox").field("store", store).field("settings", settings).finish_non_exhaustive()
    }
}
