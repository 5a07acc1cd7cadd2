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
use crate::platform::Platform;
use crate::queue::{Queue, Queued};

const SHUT_DOWN: &str = "the sandbox was shut down: keep it for as long as anything happens in it";

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

    /// Makes a request of a webhook now, or what a fault makes of it.
    pub(crate) async fn deliver(&self, delivery: Delivery) -> DeliveryResult {
        let dispatch = self.platform.change(|engine, now| engine.dispatch(delivery, now));
        self.platform.pause(dispatch.delay).await;
        let mut first = None;
        for delivery in dispatch.sent {
            let result = self.deliver_one(&delivery).await;
            first.get_or_insert(result);
        }
        first.unwrap_or_else(|| Err(DeliveryError::ByFault("a fault kept the webhook back".to_owned())))
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
            return Err(SHUT_DOWN.to_owned());
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

    /// Puts deliveries into the queue.
    pub(crate) fn deliver_later(&self, deliveries: Vec<Delivery>) {
        self.queue.push(deliveries);
    }

    /// Puts deliveries into the queue, and waits for the responses.
    pub(crate) async fn deliver_all(&self, deliveries: Vec<Delivery>) -> Vec<DeliveryResult> {
        let arriving: Vec<_> = deliveries.into_iter().map(|delivery| self.queue.push_and_wait(delivery)).collect();
        let mut results = Vec::new();
        for arrival in arriving {
            results.push(arrival.await.unwrap_or_else(|_| Err(DeliveryError::Failed(SHUT_DOWN.to_owned()))));
        }
        results
    }

    /// Takes deliveries out of the queue, for as long as the sandbox runs.
    pub(crate) async fn run(&self, mut queue: mpsc::UnboundedReceiver<Queued>) {
        while let Some(Queued { delivery, arrived }) = queue.recv().await {
            let result = self.deliver(delivery).await;
            self.queue.arrived();
            if let Some(arrived) = arrived {
                // Nobody waits any more, perhaps; the journal has the response.
                let _ = arrived.send(result);
            }
        }
    }

    /// Waits until no delivery is on its way.
    pub(crate) async fn settled(&self) {
        self.queue.settled().await;
    }

    /// Checks that all add-ons took what they were sent.
    pub(crate) fn all_taken(
        &self,
        results: Vec<DeliveryResult>,
        but: &str,
        within: Option<&ConversationId>,
    ) -> Result<(), SandboxError> {
        let failed = results.into_iter().find_map(|result| match result {
            Ok(response) => success(&response).err(),
            Err(DeliveryError::Failed(why)) => Some(why),
            Err(DeliveryError::ByFault(_)) => None,
        });
        failed.map_or(Ok(()), |why| Err(self.platform.error(format!("{but}{why}"), within)))
    }
}
