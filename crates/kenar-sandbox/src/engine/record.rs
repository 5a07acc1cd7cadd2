//! Takes exchanges down in the journal.

use std::time::Duration;

use http::{HeaderMap, Method};
use kenar::model::{AppSlug, Timestamp};
use kenar::secret::ApiKey;

use super::delivery::{Delivery, DeliveryResult, Timing};
use super::journal::{Direction, Exchange, readable};
use super::redact;
use super::reply::Reply;
use super::state::Engine;
use super::world::App;

/// A request, as the journal keeps it.
pub(crate) struct Received<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a http::Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: String,
}

/// Whether the fields that may hold a secret are taken out of a text. A webhook is delivered again as it is kept, with
/// the data of the add-on in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fields {
    Secret,
    OfTheAddOn,
}

impl Engine {
    pub(super) fn record(
        &mut self,
        asked: Received<'_>,
        operation: &'static str,
        reply: &Reply,
        at: Timestamp,
        took: Duration,
    ) {
        self.journal.record(Exchange {
            number: 0,
            at,
            took,
            direction: Direction::ToKenar,
            operation,
            app: self.asking_app(asked.headers),
            target: self.redacted(&format!("{} {}", asked.method, asked.uri), Fields::Secret),
            request: self.redacted(&asked.body, Fields::Secret),
            status: Some(reply.response.status().as_u16()),
            response: self.redacted(&readable(reply.response.body()), Fields::Secret),
            notes: reply
                .notes
                .iter()
                .cloned()
                .map(|note| note.map(|text| self.redacted(&text, Fields::Secret)))
                .collect(),
            began_after: self.journal.count(),
        });
    }

    /// A text for the journal.
    fn redacted(&self, text: &str, fields: Fields) -> String {
        let keys = self.world.apps.values().flat_map(App::keys);
        let text = redact::without(text, keys);
        if fields == Fields::Secret { redact::without_fields(&text) } else { text }
    }

    /// Takes down what came of a delivery.
    pub(crate) fn delivered(&mut self, delivery: &Delivery, answer: &DeliveryResult, trip: Timing) {
        let mut notes = delivery.notes.clone();
        let (status, response) = match answer {
            Ok(answer) => (Some(answer.status().as_u16()), readable(answer.body())),
            Err(why) => {
                notes.push(why.note());
                (None, String::new())
            }
        };
        self.journal.record(Exchange {
            number: 0,
            at: trip.at,
            took: trip.took,
            direction: Direction::ToAddOn,
            operation: delivery.webhook.as_str(),
            app: Some(delivery.app.clone()),
            target: self.redacted(&delivery.target(), Fields::OfTheAddOn),
            request: self.redacted(&readable(&delivery.body), Fields::OfTheAddOn),
            status,
            response: self.redacted(&response, Fields::OfTheAddOn),
            notes: notes.into_iter().map(|note| note.map(|text| self.redacted(&text, Fields::OfTheAddOn))).collect(),
            began_after: trip.began_after,
        });
    }

    pub(super) fn asking_app(&self, headers: &HeaderMap) -> Option<AppSlug> {
        let key = ApiKey::new(headers.get("x-api-key")?.to_str().ok()?).ok()?;
        self.world.by_key(&key).map(|(app, _)| app.slug.clone())
    }
}
