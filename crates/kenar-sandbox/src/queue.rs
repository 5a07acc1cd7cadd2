//! Deliveries that wait to leave: whoever causes one puts it in, and the outbox takes it out.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::engine::{Delivery, DeliveryResult};

/// A delivery, and who waits for its response.
pub(crate) struct Queued {
    pub(crate) delivery: Delivery,
    pub(crate) arrived: Option<oneshot::Sender<DeliveryResult>>,
}

/// Deliveries leave one after the other, in the order in which they came about.
#[derive(Clone)]
pub(crate) struct Queue {
    waiting: mpsc::UnboundedSender<Queued>,
    /// How many have not arrived yet.
    under_way: Arc<watch::Sender<usize>>,
}

impl Queue {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Queued>) {
        let (waiting, queued) = mpsc::unbounded_channel();
        (Self { waiting, under_way: Arc::new(watch::Sender::new(0)) }, queued)
    }

    /// Puts deliveries in.
    pub(crate) fn push(&self, deliveries: Vec<Delivery>) {
        deliveries.into_iter().for_each(|delivery| self.add(Queued { delivery, arrived: None }));
    }

    /// Puts a delivery in, and gives where its response arrives.
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

    /// Counts a delivery that arrived or was given up.
    pub(crate) fn arrived(&self) {
        self.under_way.send_modify(|count| *count = count.saturating_sub(1));
    }

    /// Waits until no delivery is on its way.
    pub(crate) async fn settled(&self) {
        let mut under_way = self.under_way.subscribe();
        // The sender is this value's own, so it is still there.
        let _ = under_way.wait_for(|count| *count == 0).await;
    }
}
