//! The queue of deliveries, which the outbox sends.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::engine::{Delivery, DeliveryResult};

/// A delivery, and the channel for its result.
pub(crate) struct Queued {
    pub(crate) delivery: Delivery,
    pub(crate) arrived: Option<oneshot::Sender<DeliveryResult>>,
}

/// The queue of deliveries, sent one after the other in order.
#[derive(Clone)]
pub(crate) struct Queue {
    waiting: mpsc::UnboundedSender<Queued>,
    /// The number of pending deliveries.
    under_way: Arc<watch::Sender<usize>>,
}

impl Queue {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Queued>) {
        let (waiting, queued) = mpsc::unbounded_channel();
        (Self { waiting, under_way: Arc::new(watch::Sender::new(0)) }, queued)
    }

    /// Adds deliveries.
    pub(crate) fn push(&self, deliveries: Vec<Delivery>) {
        deliveries.into_iter().for_each(|delivery| self.add(Queued { delivery, arrived: None }));
    }

    /// Adds a delivery and returns the receiver of its result.
    pub(crate) fn push_and_wait(&self, delivery: Delivery) -> oneshot::Receiver<DeliveryResult> {
        let (arrived, arrival) = oneshot::channel();
        self.add(Queued { delivery, arrived: Some(arrived) });
        arrival
    }

    fn add(&self, queued: Queued) {
        self.under_way.send_modify(|count| *count = count.saturating_add(1));
        if self.waiting.send(queued).is_err() {
            self.arrived();
        }
    }

    /// Counts a delivery as completed or failed.
    pub(crate) fn arrived(&self) {
        self.under_way.send_modify(|count| *count = count.saturating_sub(1));
    }

    /// Waits until no delivery is pending.
    pub(crate) async fn settled(&self) {
        let mut under_way = self.under_way.subscribe();
        // Cannot fail: `self` owns the sender.
        let _ = under_way.wait_for(|count| *count == 0).await;
    }
}
