use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep, timeout};

use super::store::{ClaimedEvent, InboxStore, Ticket};
use super::{FIRST_PAUSE, InboxSettings};
use crate::error::{BoxError, StoreError};
use crate::model::Timestamp;
use crate::shared::{self, Work};
use crate::webhook::Event;

/// An event for the handler of an [`Inbox`](super::Inbox).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// The event.
    pub event: Event,
    /// The stored JSON; of a [`ReceivedEvent`](crate::webhook::ReceivedEvent), the bytes that Divar sent.
    pub body: Bytes,
    /// The deduplication key: the same in each attempt.
    pub key: String,
    /// The number of this attempt, from 1. A later one may repeat the work of an earlier one.
    pub attempt: u32,
    /// The time at which it was stored.
    pub accepted_at: Timestamp,
}

impl From<Delivery> for Event {
    fn from(delivery: Delivery) -> Self {
        delivery.event
    }
}

/// A task: one type, for which tokio's code is compiled once.
pub(super) type Task = Work<'static, Result<(), BoxError>>;
type Handler = Box<dyn Fn(Delivery) -> Task + Send + Sync>;
type Running = JoinHandle<Result<(), BoxError>>;

pub(super) struct Worker {
    pub(super) store: Box<dyn InboxStore>,
    pub(super) settings: InboxSettings,
    handler: Handler,
    /// A permit for each event in hand.
    slots: Arc<Semaphore>,
    due: Notify,
    stop: Notify,
    is_stopping: AtomicBool,
    dispatcher: Mutex<Dispatcher>,
    in_hand: Mutex<HashMap<InHand, Ticket>>,
}

/// A claimed event: the ticket's id and the event's key.
type InHand = (String, String);

#[derive(Default)]
enum Dispatcher {
    #[default]
    New,
    Running(Running),
    Ended,
}

enum Outcome {
    Handled,
    Failed { reason: String, is_last: bool },
}

/// The time limit of store calls other than `accept`'s.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// The events claimed at once. All of them must be begun well within a lease.
const MAX_CLAIM: usize = 64;
const MAX_REASON_BYTES: usize = 1024;

impl Worker {
    pub(super) fn new(store: Box<dyn InboxStore>, settings: InboxSettings, handler: Handler) -> Self {
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

    /// Starts the dispatcher if there is a runtime, unless it runs.
    pub(super) fn start(self: &Arc<Self>) {
        let mut dispatcher = self.dispatcher.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = match &*dispatcher {
            Dispatcher::New => true,
            Dispatcher::Running(task) => task.is_finished(),
            Dispatcher::Ended => false,
        };
        if let (true, Ok(runtime)) = (is_due, Handle::try_current()) {
            let task: Task = Box::pin(Arc::clone(self).dispatch());
            *dispatcher = Dispatcher::Running(runtime.spawn(task));
        }
    }

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
            // It does not panic. If the runtime ended it, no handler runs either.
            let _ = task.await;
        }
        let all = u32::try_from(self.settings.concurrency).unwrap_or(u32::MAX);
        let _ = self.slots.acquire_many(all).await;
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    async fn dispatch(self: Arc<Self>) -> Result<(), BoxError> {
        let mut swept: Option<Instant> = None;
        let mut pause = FIRST_PAUSE;
        while !self.is_stopping() {
            if swept.is_none_or(|swept| swept.elapsed() >= SWEEP_INTERVAL) {
                swept = Some(Instant::now());
                let longest = self.settings.lease.max(self.settings.max_delay);
                if let Err(error) = bounded(self.store.sweep(longest)).await {
                    store_failed("sweep", &*error);
                }
            }
            let limit = self.slots.available_permits().min(MAX_CLAIM);
            let slots = Arc::clone(&self.slots).try_acquire_many_owned(limit as u32)?;
            let claimed_at = Instant::now();
            let claimed = match limit {
                0 => Ok(Vec::new()),
                _ => bounded(self.store.claim(limit, self.settings.lease)).await,
            };
            let (woken, longest) = match claimed {
                Ok(events) => {
                    pause = FIRST_PAUSE;
                    let is_all = events.is_empty() || events.len() < limit;
                    self.begin(slots, events, claimed_at);
                    if !is_all {
                        continue;
                    }
                    (self.due.notified(), self.settings.poll_interval)
                }
                Err(error) => {
                    drop(slots);
                    store_failed("claim", &*error);
                    let longest = pause;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    (self.stop.notified(), longest)
                }
            };
            // Both outcomes lead to the next claim.
            let _ = timeout(longest, woken).await;
        }
        Ok(())
    }

    fn begin(self: &Arc<Self>, mut slots: OwnedSemaphorePermit, events: Vec<ClaimedEvent>, claimed_at: Instant) {
        for event in events {
            let id = (event.ticket.id.clone(), event.key.clone());
            if self.in_hand().insert(id.clone(), event.ticket.clone()).is_some() {
                // A handler that still runs here continues with the new lease.
                continue;
            }
            let held = Held { worker: Arc::clone(self), id, is_done: false };
            // The store returns no more events than it was asked for.
            let Some(slot) = slots.split(1) else { return };
            let task: Task = Box::pin(held.run(slot, event, claimed_at));
            tokio::spawn(task);
        }
    }

    async fn run(&self, id: &InHand, claimed: ClaimedEvent, claimed_at: Instant) {
        let ClaimedEvent { key, body, attempt, accepted_at, .. } = claimed;
        // The process may have been suspended, and another one may have the event.
        if claimed_at.elapsed() >= self.settings.lease / 3 {
            match self.extend(id).await {
                Ok(true) => {}
                Err(_) if claimed_at.elapsed() < self.settings.lease => {}
                Ok(false) => return,
                Err(_) => return drop(self.in_hand().remove(id)),
            }
        }
        let failed = |reason: String, is_last: bool| Outcome::Failed { reason, is_last };
        let outcome = if attempt > self.settings.max_attempts {
            failed(format!("the process ended during the last of {} attempts", attempt - 1), true)
        } else {
            match Event::from_unverified_body(&body) {
                Ok(event) => {
                    let delivery = Delivery { event, body, key, attempt, accepted_at };
                    match self.handle(id, delivery).await {
                        Some(Ok(())) => Outcome::Handled,
                        Some(Err(reason)) => failed(reason, attempt >= self.settings.max_attempts),
                        None => return,
                    }
                }
                Err(error) => failed(format!("cannot read the stored event: {error}"), true),
            }
        };
        if let Outcome::Failed { is_last, .. } = &outcome {
            attempt_failed(&id.1, attempt, *is_last);
        }
        self.report(id, attempt, &outcome).await;
    }

    fn in_hand(&self) -> MutexGuard<'_, HashMap<InHand, Ticket>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ticket(&self, id: &InHand) -> Option<Ticket> {
        self.in_hand().get(id).cloned()
    }

    /// Removes an event in hand, unless it was claimed again meanwhile.
    fn release(&self, id: &InHand, ticket: &Ticket) -> bool {
        let in_hand = &mut *self.in_hand();
        let is_last = in_hand.get(id).is_none_or(|last| last == ticket);
        if is_last {
            in_hand.remove(id);
        }
        is_last
    }

    /// Renews a lease. `false` if another process has the event.
    async fn extend(&self, id: &InHand) -> Result<bool, StoreError> {
        let Some(ticket) = self.ticket(id) else { return Ok(false) };
        let extended = bounded(self.store.extend(&ticket, self.settings.lease)).await;
        match extended {
            Ok(false) => Ok(!self.release(id, &ticket)),
            Err(ref error) => {
                store_failed("extend", &**error);
                extended
            }
            Ok(true) => extended,
        }
    }

    /// Runs the handler in its own task, which isolates a panic, and renews the lease meanwhile. `None` if another
    /// process has the event.
    async fn handle(&self, id: &InHand, delivery: Delivery) -> Option<Result<(), String>> {
        let begun = Instant::now();
        let mut task = AbortOnDrop(tokio::spawn((self.handler)(delivery)));
        loop {
            let left = self.settings.handler_timeout.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Some(Err(format!("timed out after {:.1} s", self.settings.handler_timeout.as_secs_f64())));
            }
            match timeout(left.min(self.settings.lease / 3), &mut task.0).await {
                Ok(Ok(handled)) => return Some(handled.map_err(|error| reason(&*error))),
                Ok(Err(error)) => return Some(Err(panic_reason(error))),
                // If the store failed, the lease may still be valid.
                Err(_) if matches!(self.extend(id).await, Ok(false)) => return None,
                Err(_) => {}
            }
        }
    }

    async fn report(&self, id: &InHand, attempt: u32, outcome: &Outcome) {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        while let Some(ticket) = self.ticket(id) {
            let report = match outcome {
                Outcome::Handled => self.store.complete(&ticket, self.settings.remember),
                Outcome::Failed { reason, is_last: true } => self.store.bury(&ticket, cut(reason)),
                Outcome::Failed { reason, is_last: false } => {
                    self.store.postpone(&ticket, self.settings.delay_after(attempt), cut(reason))
                }
            };
            match bounded(report).await {
                Ok(_) if self.release(id, &ticket) => return,
                // Claimed again here meanwhile: the outcome counts for the new claim.
                Ok(_) => {}
                // At shutdown, another process takes over after the lease.
                Err(_) if self.is_stopping() && begun.elapsed() >= self.settings.lease => return,
                Err(error) => {
                    store_failed("report", &*error);
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

/// Lets go of an event if the runtime ends before its task.
struct Held {
    worker: Arc<Worker>,
    id: InHand,
    is_done: bool,
}

impl Held {
    async fn run(mut self, slot: OwnedSemaphorePermit, event: ClaimedEvent, at: Instant) -> Result<(), BoxError> {
        self.worker.run(&self.id, event, at).await;
        self.is_done = true;
        drop(slot);
        self.worker.wake();
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.is_done {
            self.worker.in_hand().remove(&self.id);
        }
    }
}

struct AbortOnDrop(Running);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn bounded<T>(call: Work<'_, Result<T, StoreError>>) -> impl Future<Output = Result<T, StoreError>> {
    shared::bounded("inbox", call, Box::pin(sleep(STORE_TIMEOUT)), STORE_TIMEOUT)
}

fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        message = format!("{message}: {error}");
        source = error.source();
    }
    message
}

fn panic_reason(error: JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else {
        return "the runtime was shut down during the handler".to_owned();
    };
    let text = payload.downcast_ref::<String>().map(String::as_str);
    match text.or(payload.downcast_ref().copied()) {
        Some(message) => format!("the handler panicked: {message}"),
        None => "the handler panicked".to_owned(),
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_REASON_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(feature = "tracing")]
pub(super) fn store_failed(call: &'static str, error: &(dyn Error + Send + Sync + 'static)) {
    tracing::warn!(call, error, "inbox store failed");
}

#[cfg(not(feature = "tracing"))]
pub(super) fn store_failed(_: &'static str, _: &(dyn Error + Send + Sync)) {}

#[cfg(feature = "tracing")]
pub(super) fn attempt_failed(key: &str, attempt: u32, is_last: bool) {
    if is_last {
        tracing::warn!(key, attempt, "event became a dead letter");
    } else {
        tracing::warn!(key, attempt, "event handler failed and will be retried");
    }
}

#[cfg(not(feature = "tracing"))]
pub(super) fn attempt_failed(_: &str, _: u32, _: bool) {}

#[cfg(test)]
mod tests;
