//! Faults in outgoing webhooks.

use std::time::Duration;

use http::{HeaderValue, header};
use kenar::model::{AppSlug, Timestamp};

use super::delivery::{Delivery, DeliveryError, Expected, Timing};
use super::note::Note;
use super::state::Engine;
use super::webhook::Webhook;
use super::webhook_fault::{EventFault, PendingWebhookFault, WebhookFault};

/// The deliveries that result from one delivery and its faults.
#[derive(Debug, Default)]
pub(crate) struct Dispatch {
    pub(crate) delay: Duration,
    /// The deliveries to send, in order. The response to the first one counts.
    pub(crate) sent: Vec<Delivery>,
}

impl Engine {
    /// Applies pending faults to an outgoing delivery.
    pub(crate) fn dispatch(&mut self, mut delivery: Delivery, now: Timestamp) -> Dispatch {
        let app = delivery.app.clone();
        let mut dispatch = Dispatch::default();
        let mut copies = 1;
        match self.faults.for_webhook(delivery.webhook) {
            None => {}
            Some(PendingWebhookFault::Webhook(fault)) => match fault {
                WebhookFault::Delay(delay) => {
                    dispatch.delay = delay;
                    delivery.note(Note::fault("late"));
                }
                WebhookFault::Lost => {
                    let lost = Err(DeliveryError::ByFault("not sent".to_owned()));
                    let trip = Timing { at: now, took: Duration::ZERO, began_after: self.journal.count() };
                    self.delivered(&delivery, &lost, trip);
                    copies = 0;
                }
                WebhookFault::Duplicate => {
                    delivery.note(Note::fault("sent twice"));
                    copies = 2;
                }
                WebhookFault::WrongKey => {
                    delivery.header(header::AUTHORIZATION, Some(HeaderValue::from_static("a-key-of-someone-else")));
                    delivery.expects(Expected::ClientError("wrong key"));
                }
                WebhookFault::NoKey => {
                    delivery.header(header::AUTHORIZATION, None);
                    delivery.expects(Expected::ClientError("missing key"));
                }
                WebhookFault::Garbled => {
                    let half = delivery.body().len() / 2;
                    let body = delivery.body().slice(..half);
                    delivery.rewrite(body);
                    delivery.expects(Expected::ClientError("truncated body"));
                }
                WebhookFault::Dialect(dialect) => dialect.apply(&mut delivery),
            },
            Some(PendingWebhookFault::Event(EventFault::UnknownKind)) => {
                delivery.rewrite_json(|event| {
                    event.insert("type".to_owned(), "NEWER_THAN_EVERY_CRATE".into());
                });
                delivery.note(Note::fault("unknown event type"));
            }
            Some(PendingWebhookFault::Event(EventFault::OutOfOrder)) => {
                delivery.note(Note::fault("held back until after the next event"));
                self.held.push(delivery);
                return dispatch;
            }
        }
        dispatch.sent = std::iter::repeat_n(delivery, copies).collect();
        if dispatch.sent.iter().any(|delivery| delivery.webhook == Webhook::Event) {
            dispatch.sent.extend(self.release(&app));
        }
        dispatch
    }

    /// Takes the held-back events of an app.
    fn release(&mut self, app: &AppSlug) -> Vec<Delivery> {
        let (released, held) = std::mem::take(&mut self.held).into_iter().partition(|held| held.app == *app);
        self.held = held;
        released
    }
}
