//! Takes events from the store, runs the handler, and reports the outcome to the store.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep, timeout};

use super::store::{ClaimedEvent, InboxStore, Ticket};
use super::{FIRST_PAUSE, InboxSettings, trace};
use crate::error::{BoxError, StoreError};
use crate::model::Timestamp;
use crate::webhook::Event;

/// An event as the handler of an [`Inbox`](super::Inbox) gets it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// The event.
    pub event: Event,
    /// The JSON that was stored: with a [`ReceivedEvent`](crate::webhook::ReceivedEvent), the bytes that Divar sent.
    pub body: Bytes,
    /// What the event is deduplicated by: equal in each attempt.
    pub key: String,
    /// The number of this attempt, from 1. A greater one may repeat work that an earlier attempt did.
    pub attempt: u32,
    /// When the event was stored.
    pub accepted_at: Timestamp,
}

impl From<Delivery> for Event {
    fn from(delivery: Delivery) -> Self {
        delivery.event
    }
}

type Handling = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;
type Handler = Box<dyn Fn(Delivery) -> Handling + Send + Sync>;

pub(super) struct Worker {
    pub(super) store: Arc<dyn InboxStore>,
    pub(super) settings: InboxSettings,
    handler: Handler,
    /// One permit for each event in hand.
    slots: Arc<Semaphore>,
    /// Something may be due.
    due: Notify,
    stop: Notify,
    is_stopping: AtomicBool,
    dispatcher: Mutex<Dispatcher>,
    in_hand: Mutex<HashMap<InHand, Ticket>>,
}

/// A claimed event: the name its lane or event has in the store, and its key.
type InHand = (String, String);

#[derive(Default)]
enum Dispatcher {
    #[default]
    New,
    Running(JoinHandle<()>),
    Ended,
}

/// What is reported of a claimed event.
enum Outcome {
    Handled,
    Failed { reason: String, is_last: bool },
}

/// How long a call of the store may take, but for the one that somebody waits for.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// How many events are claimed at once: no more than are begun well within a lease.
const MAX_CLAIM: usize = 64;
const MAX_REASON_BYTES: usize = 1024;

impl Worker {
    pub(super) fn new(store: Arc<dyn InboxStore>, settings: InboxSettings, handler: Handler) -> Self {
        Self {
            store,
            settings,
            handler,
            slots: Arc::new(Semaphore::new(settings.concurrency)),
            due: Notify::new(),
            stop: Notify::new(),
            is_stopping: AtomicBool::new(false),
            dispatcher: Mutex::default(),
            in_hand: Mutex::default(),
        }
    }

    /// Begins to take events, unless it has begun; outside a runtime it cannot.
    pub(super) fn start(self: &Arc<Self>) {
        let mut dispatcher = self.dispatcher.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Dispatcher::New, Ok(runtime)) = (&*dispatcher, Handle::try_current()) {
            *dispatcher = Dispatcher::Running(runtime.spawn(Arc::clone(self).dispatch()));
        }
    }

    /// Says that something may be due.
    pub(super) fn wake(&self) {
        self.due.notify_one();
    }

    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.stop.notify_one();
        self.due.notify_one();
    }

    pub(super) async fn drain(&self) {
        self.stop();
        let dispatcher =
            std::mem::replace(&mut *self.dispatcher.lock().unwrap_or_else(PoisonError::into_inner), Dispatcher::Ended);
        if let Dispatcher::Running(task) = dispatcher {
            // It does not panic; where the runtime ended it, nothing is in hand either.
            let _ = task.await;
        }
        let all = u32::try_from(self.settings.concurrency).unwrap_or(u32::MAX);
        let _ = self.slots.acquire_many(all).await;
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    async fn dispatch(self: Arc<Self>) {
        let mut swept: Option<Instant> = None;
        let mut pause = FIRST_PAUSE;
        while !self.is_stopping() {
            if swept.is_none_or(|swept| swept.elapsed() >= SWEEP_INTERVAL) {
                swept = Some(Instant::now());
                self.sweep().await;
            }
            let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return };
            if self.is_stopping() {
                return;
            }
            let limit = (1 + self.slots.available_permits()).min(MAX_CLAIM);
            let claimed_at = Instant::now();
            match bounded(self.store.claim(limit, self.settings.lease)).await {
                Ok(events) => {
                    pause = FIRST_PAUSE;
                    let is_all = events.len() < limit;
                    self.begin(slot, events, claimed_at).await;
                    if is_all {
                        // The interval passing is as good as being told.
                        let _ = timeout(self.settings.poll_interval, self.due.notified()).await;
                    }
                }
                Err(error) => {
                    drop(slot);
                    trace::store_failed("claim", &*error);
                    let _ = timeout(pause, self.stop.notified()).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn sweep(&self) {
        let longest = self.settings.lease.max(self.settings.max_delay);
        if let Err(error) = bounded(self.store.sweep(longest)).await {
            trace::store_failed("sweep", &*error);
        }
    }

    async fn begin(self: &Arc<Self>, first: OwnedSemaphorePermit, events: Vec<ClaimedEvent>, claimed_at: Instant) {
        let mut first = Some(first);
        for event in events {
            let id = (event.ticket.id.clone(), event.key.clone());
            if self.in_hand().insert(id, event.ticket.clone()).is_some() {
                // The lease of a handler that still runs here had ended: it goes on with the new one.
                continue;
            }
            let slot = match first.take() {
                Some(slot) => slot,
                None => match Arc::clone(&self.slots).acquire_owned().await {
                    Ok(slot) => slot,
                    Err(_) => return,
                },
            };
            let worker = Arc::clone(self);
            tokio::spawn(async move {
                worker.run(event, claimed_at).await;
                drop(slot);
                worker.wake();
            });
        }
    }

    /// Handles one event and reports the outcome.
    async fn run(&self, claimed: ClaimedEvent, claimed_at: Instant) {
        let ClaimedEvent { ticket, key, body, attempt, accepted_at } = claimed;
        let id = (ticket.id, key.clone());
        // A process that was stopped meanwhile must not begin what another one has.
        if claimed_at.elapsed() >= self.settings.lease / 3 {
            match self.extend(&id).await {
                Ok(true) => {}
                Err(_) if claimed_at.elapsed() < self.settings.lease => {}
                Ok(false) => return,
                Err(_) => return drop(self.in_hand().remove(&id)),
            }
        }
        let failed = |reason: String, is_last: bool| Outcome::Failed { reason, is_last };
        let outcome = if attempt > self.settings.max_attempts {
            failed(format!("the process ended during each of the last attempts, {} in all", attempt - 1), true)
        } else {
            match Event::from_unverified_body(&body) {
                Ok(event) => {
                    let delivery = Delivery { event, body, key: key.clone(), attempt, accepted_at };
                    match self.handle(&id, delivery).await {
                        Some(Ok(())) => Outcome::Handled,
                        Some(Err(reason)) => failed(reason, attempt >= self.settings.max_attempts),
                        None => return,
                    }
                }
                Err(error) => failed(format!("the stored event cannot be read: {error}"), true),
            }
        };
        if let Outcome::Failed { is_last, .. } = &outcome {
            trace::attempt_failed(&key, attempt, *is_last);
        }
        self.report(&id, attempt, &outcome).await;
    }

    fn in_hand(&self) -> MutexGuard<'_, HashMap<InHand, Ticket>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ticket of the last claim.
    fn ticket(&self, id: &InHand) -> Option<Ticket> {
        self.in_hand().get(id).cloned()
    }

    /// Lets go of an event, unless it was claimed again since.
    fn release(&self, id: &InHand, ticket: &Ticket) -> bool {
        let mut in_hand = self.in_hand();
        let is_last = in_hand.get(id).is_none_or(|last| last == ticket);
        if is_last {
            in_hand.remove(id);
        }
        is_last
    }

    /// Renews a lease. `false` where somebody else has the event.
    async fn extend(&self, id: &InHand) -> Result<bool, StoreError> {
        let Some(ticket) = self.ticket(id) else { return Ok(false) };
        let extended = bounded(self.store.extend(&ticket, self.settings.lease)).await;
        match extended {
            Ok(false) => Ok(!self.release(id, &ticket)),
            Err(ref error) => {
                trace::store_failed("extend", &**error);
                extended
            }
            Ok(true) => extended,
        }
    }

    /// Runs the handler in a task of its own, so that a panic ends nothing else, and renews the lease meanwhile. `None`
    /// where somebody else has the event.
    async fn handle(&self, id: &InHand, delivery: Delivery) -> Option<Result<(), String>> {
        let begun = Instant::now();
        let handling = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (self.handler)(delivery)));
        let Ok(handling) = handling else {
            return Some(Err("the handler panicked".to_owned()));
        };
        let mut task = AbortOnDrop(tokio::spawn(handling));
        loop {
            let left = self.settings.handler_timeout.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Some(Err(format!("timed out after {:.1} s", self.settings.handler_timeout.as_secs_f64())));
            }
            match timeout(left.min(self.settings.lease / 3), &mut task.0).await {
                Ok(Ok(handled)) => return Some(handled.map_err(|error| reason(&*error))),
                Ok(Err(error)) => return Some(Err(panic_reason(error))),
                // If the store failed, the event stays ours unless somebody else claims it.
                Err(_) if matches!(self.extend(id).await, Ok(false)) => return None,
                Err(_) => {}
            }
        }
    }

    /// Reports until the store has taken it. The ticket tells the store whether it still counts.
    async fn report(&self, id: &InHand, attempt: u32, outcome: &Outcome) {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        while let Some(ticket) = self.ticket(id) {
            let reported = match outcome {
                Outcome::Handled => bounded(self.store.complete(&ticket, self.settings.remember)).await,
                Outcome::Failed { reason, is_last: true } => bounded(self.store.bury(&ticket, cut(reason))).await,
                Outcome::Failed { reason, is_last: false } => {
                    bounded(self.store.postpone(&ticket, self.settings.delay_after(attempt), cut(reason))).await
                }
            };
            match reported {
                Ok(_) if self.release(id, &ticket) => return,
                // Claimed again here meanwhile: the outcome is that of the new claim, too.
                Ok(_) => {}
                // At shutdown the lease is all there is to wait for: then another process has the event.
                Err(_) if self.is_stopping() && begun.elapsed() >= self.settings.lease => return,
                Err(error) => {
                    trace::store_failed("report", &*error);
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

/// Stops the handler's task with whoever waits for it.
struct AbortOnDrop(JoinHandle<Result<(), BoxError>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn bounded<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match timeout(STORE_TIMEOUT, call).await {
        Ok(outcome) => outcome,
        Err(_) => Err("timed out".into()),
    }
}

/// What an error says, and what its sources say.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        said = format!("{said}: {error}");
        source = error.source();
    }
    said
}

fn panic_reason(error: JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else {
        return "the runtime stopped the handler".to_owned();
    };
    let said = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    match said {
        Some(said) => format!("the handler panicked: {said}"),
        None => "the handler panicked".to_owned(),
    }
}

fn cut(text: &str) -> &str {
    let longest = (0..=MAX_REASON_BYTES.min(text.len())).rev().find_map(|end| text.get(..end));
    longest.unwrap_or_default()
}

#[cfg(test)]
mod tests;
