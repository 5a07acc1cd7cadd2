//! Deliveries to add-ons: over loopback, or to a handler in this process.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use kenar::model::ConversationId;
use kenar::request::Body;
use kenar::transport::HttpTransport as _;
use tokio::sync::mpsc;

use crate::add_ons::AddOns;
use crate::engine::{Delivery, DeliveryError, DeliveryResult, Timing, success};
use crate::error::SandboxError;
use crate::loopback::Loopback;
use crate::platform::{Platform, STOPPED};
use crate::queue::{Queue, Queued};

pub(crate) struct Outbox {
    platform: Arc<Platform>,
    queue: Queue,
    add_ons: Arc<AddOns>,
    loopback: Loopback,
}

impl Outbox {
    pub(crate) fn new(platform: Arc<Platform>, queue: Queue, add_ons: Arc<AddOns>, loopback: Loopback) -> Self {
        Self { platform, queue, add_ons, loopback }
    }

    /// Sends a webhook now, with pending faults applied.
    pub(crate) async fn deliver(&self, delivery: Delivery) -> DeliveryResult {
        let dispatch = self.platform.change(|engine, now| engine.dispatch(delivery, now));
        self.platform.pause(dispatch.delay).await;
        let mut first = None;
        for delivery in dispatch.sent {
            let result = self.deliver_one(&delivery).await;
            first.get_or_insert(result);
        }
        first.unwrap_or_else(|| Err(DeliveryError::ByFault("an injected fault held the webhook back".to_owned())))
    }

    async fn deliver_one(&self, delivery: &Delivery) -> DeliveryResult {
        let (at, began_after) = (self.platform.clock.now(), self.platform.look(|engine| engine.journal().count()));
        let began = Instant::now();
        let result = match &delivery.request {
            Ok(request) => self.send(request.clone()).await,
            Err(why) => Err(why.clone()),
        };
        let result = result.map_err(DeliveryError::Failed);
        let timing = Timing { at, took: began.elapsed(), began_after };
        self.platform.change(|engine, _| engine.delivered(delivery, &result, timing));
        delivery.judge(result)
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        if self.platform.is_stopped() {
            return Err(STOPPED.to_owned());
        }
        let address = request.uri().clone();
        let request = request.map(Body::from);
        let sent = async {
            match self.add_ons.at(&address) {
                Some(handler) => handler.call(request).await,
                None => self.loopback.send(request).await,
            }
        };
        self.platform.within_time_limit(&address, sent).await
    }

    /// Queues deliveries.
    pub(crate) fn deliver_later(&self, deliveries: Vec<Delivery>) {
        self.queue.push(deliveries);
    }

    /// Queues deliveries and waits for their results.
    pub(crate) async fn deliver_all(&self, deliveries: Vec<Delivery>) -> Vec<DeliveryResult> {
        let arriving: Vec<_> = deliveries.into_iter().map(|delivery| self.queue.push_and_wait(delivery)).collect();
        let mut results = Vec::new();
        for arrival in arriving {
            results.push(arrival.await.unwrap_or_else(|_| Err(DeliveryError::Failed(STOPPED.to_owned()))));
        }
        results
    }

    /// Sends queued deliveries until the sandbox stops.
    pub(crate) async fn run(&self, mut queue: mpsc::UnboundedReceiver<Queued>) {
        while let Some(Queued { delivery, arrived }) = queue.recv().await {
            let result = self.deliver(delivery).await;
            self.queue.arrived();
            if let Some(arrived) = arrived {
                // The receiver may be gone; the journal has the response.
                let _ = arrived.send(result);
            }
        }
    }

    /// Waits until no delivery is pending.
    pub(crate) async fn settled(&self) {
        self.queue.settled().await;
    }

    /// Checks that all add-ons responded with a 2xx status. The error begins with `prefix`.
    pub(crate) fn all_taken(
        &self,
        results: Vec<DeliveryResult>,
        prefix: &str,
        within: Option<&ConversationId>,
    ) -> Result<(), SandboxError> {
        let failed = results.into_iter().find_map(|result| match result {
            Ok(response) => success(&response).err(),
            Err(DeliveryError::Failed(why)) => Some(why),
            Err(DeliveryError::ByFault(_)) => None,
        });
        failed.map_or(Ok(()), |why| Err(self.platform.error(format!("{prefix}{why}"), within)))
    }
}
