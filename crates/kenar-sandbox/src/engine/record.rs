//! Records exchanges in the journal.

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

/// A request to record.
pub(crate) struct Received<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a http::Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: String,
}

/// The fields of a text that may contain a secret.
///
/// Webhooks stay unchanged, since redelivery sends the recorded body with the add-on's data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fields {
    Redacted,
    Kept,
}

impl Engine {
    pub(super) fn record(
        &mut self,
        received: Received<'_>,
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
            app: self.asking_app(received.headers),
            target: self.redacted(&format!("{} {}", received.method, received.uri), Fields::Redacted),
            request: self.redacted(&received.body, Fields::Redacted),
            status: Some(reply.response.status().as_u16()),
            response: self.redacted(&readable(reply.response.body()), Fields::Redacted),
            notes: reply
                .notes
                .iter()
                .cloned()
                .map(|note| note.map(|text| self.redacted(&text, Fields::Redacted)))
                .collect(),
            began_after: self.journal.count(),
        });
    }

    /// The text without secrets.
    fn redacted(&self, text: &str, fields: Fields) -> String {
        let keys = self.world.apps.values().flat_map(App::keys);
        let text = redact::without(text, keys);
        if fields == Fields::Redacted { redact::without_fields(&text) } else { text }
    }

    /// Records a delivery and its result.
    pub(crate) fn delivered(&mut self, delivery: &Delivery, result: &DeliveryResult, trip: Timing) {
        let mut notes = delivery.notes.clone();
        let (status, response) = match result {
            Ok(response) => (Some(response.status().as_u16()), readable(response.body())),
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
            target: self.redacted(&delivery.target(), Fields::Kept),
            request: self.redacted(&readable(&delivery.body), Fields::Kept),
            status,
            response: self.redacted(&response, Fields::Kept),
            notes: notes.into_iter().map(|note| note.map(|text| self.redacted(&text, Fields::Kept))).collect(),
            began_after: trip.began_after,
        });
    }

    pub(super) fn asking_app(&self, headers: &HeaderMap) -> Option<AppSlug> {
        let key = ApiKey::new(headers.get("x-api-key")?.to_str().ok()?).ok()?;
        self.world.by_key(&key).map(|(app, _)| app.slug.clone())
    }
}
