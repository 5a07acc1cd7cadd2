//! What the door, the people and the apps of one sandbox share: the engine, the clock, and the way out.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{timeout, timeout_at};

use super::SandboxError;
use super::clock::SandboxClock;
use super::engine::webhooks::{Answer, Trip, Undelivered, success};
use super::engine::{Delivery, Engine};
use super::media::MediaStore;
use super::names::Names;
use super::network::Network;
use super::transcript;
use kenar::model::{ConversationId, Timestamp};
use kenar::request::{BaseUrls, Body};

/// An event on its way, and who waits for it to arrive.
pub(crate) struct Queued {
    delivery: Delivery,
    arrived: Option<oneshot::Sender<Answer>>,
}

pub(crate) struct Platform {
    engine: Mutex<Engine>,
    pub(crate) clock: SandboxClock,
    /// Counts the changes of the engine, so that who waits for one looks again.
    changes: watch::Sender<u64>,
    /// Events leave one after the other, in the order in which they came about.
    queue: mpsc::UnboundedSender<Queued>,
    /// How many events have not arrived yet.
    under_way: watch::Sender<usize>,
    stopped: watch::Sender<bool>,
    pub(crate) network: Network,
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
        network: Network,
        time_limit: Duration,
    ) -> (Self, mpsc::UnboundedReceiver<Queued>) {
        let (queue, queued) = mpsc::unbounded_channel();
        let platform = Self {
            engine: Mutex::new(engine),
            clock,
            changes: watch::Sender::new(0),
            queue,
            under_way: watch::Sender::new(0),
            stopped: watch::Sender::new(false),
            network,
            media: MediaStore::default(),
            base_urls,
            names,
            time_limit,
        };
        (platform, queued)
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

    /// Makes a request of a webhook now, or what a fault makes of it.
    pub(crate) async fn deliver(&self, delivery: Delivery) -> Answer {
        let dispatch = self.change(|engine, now| engine.dispatch(delivery, now));
        self.pause(dispatch.delay).await;
        let mut first = None;
        for delivery in dispatch.sent {
            let answer = self.deliver_one(&delivery).await;
            first.get_or_insert(answer);
        }
        first.unwrap_or_else(|| Err(Undelivered::ByFault("a fault kept the webhook back".to_owned())))
    }

    async fn deliver_one(&self, delivery: &Delivery) -> Answer {
        let (at, began_after) = (self.clock.now(), self.look(|engine| engine.journal.count()));
        let began = Instant::now();
        let answer = match &delivery.request {
            Ok(request) => self.send(request.clone().map(Body::from)).await,
            Err(why) => Err(why.clone()),
        };
        let answer = answer.map_err(Undelivered::Failed);
        let trip = Trip { at, took: began.elapsed(), began_after };
        self.change(|engine, _| engine.delivered(delivery, &answer, trip));
        delivery.judge(answer)
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, String> {
        let address = request.uri().clone();
        match timeout(self.time_limit, self.exchange(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let source = std::error::Error::source(&error).map(|why| format!(": {why}")).unwrap_or_default();
                Err(format!("{address}: {error}{source}"))
            }
            Err(_) => Err(format!("{address}: no answer within {:?}", self.time_limit)),
        }
    }

    /// Puts events into the queue.
    pub(crate) fn deliver_later(&self, deliveries: Vec<Delivery>) {
        deliveries.into_iter().for_each(|delivery| self.enqueue(Queued { delivery, arrived: None }));
    }

    /// Puts events into the queue, and waits for the answers.
    pub(crate) async fn deliver_all(&self, deliveries: Vec<Delivery>) -> Vec<Answer> {
        let mut arriving = Vec::new();
        for delivery in deliveries {
            let (arrived, arrival) = oneshot::channel();
            self.enqueue(Queued { delivery, arrived: Some(arrived) });
            arriving.push(arrival);
        }
        let mut answers = Vec::new();
        for arrival in arriving {
            answers.push(arrival.await.unwrap_or_else(|_| {
                Err(Undelivered::Failed(
                    "the sandbox was shut down: keep it for as long as anything happens in it".to_owned(),
                ))
            }));
        }
        answers
    }

    fn enqueue(&self, queued: Queued) {
        self.under_way.send_modify(|count| *count = count.saturating_add(1));
        if self.queue.send(queued).is_err() {
            self.under_way.send_modify(|count| *count = count.saturating_sub(1));
        }
    }

    /// Takes events out of the queue, for as long as the sandbox runs.
    pub(crate) async fn run_queue(&self, mut queue: mpsc::UnboundedReceiver<Queued>) {
        while let Some(Queued { delivery, arrived }) = queue.recv().await {
            let answer = self.deliver(delivery).await;
            self.under_way.send_modify(|count| *count = count.saturating_sub(1));
            if let Some(arrived) = arrived {
                // Nobody waits any more, perhaps; the journal has the answer.
                let _ = arrived.send(answer);
            }
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

    /// Waits until no event is on its way.
    pub(crate) async fn settled(&self) {
        let mut under_way = self.under_way.subscribe();
        // The sender is this value's own, so it is still there.
        let _ = under_way.wait_for(|count| *count == 0).await;
    }

    /// That all add-ons took what they were sent.
    pub(crate) fn all_well(
        &self,
        answers: Vec<Answer>,
        but: &str,
        within: Option<&ConversationId>,
    ) -> Result<(), SandboxError> {
        let failed = answers.into_iter().find_map(|answer| match answer {
            Ok(answer) => success(&answer).err(),
            Err(Undelivered::Failed(why)) => Some(why),
            Err(Undelivered::ByFault(_)) => None,
        });
        failed.map_or(Ok(()), |why| Err(self.error(format!("{but}{why}"), within)))
    }

    /// What went wrong, with what was said in a conversation and what went over the wire.
    pub(crate) fn error(&self, what: impl Into<String>, within: Option<&ConversationId>) -> SandboxError {
        SandboxError::new(what, self.look(|engine| transcript::of(engine, within)))
    }
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Platform")
            .field("hosts", &self.base_urls)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}
