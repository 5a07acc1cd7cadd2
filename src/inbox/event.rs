//! Stored events: the JSON, the deduplication key and the lane.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Error as JsonError;

use crate::model::Message;
use crate::webhook::{Event, ReceivedEvent};

/// An event that an [`Inbox`](super::Inbox) accepts, and its JSON.
///
/// A [`ReceivedEvent`] has the bytes that Divar sent; an [`Event`] is serialised again, without unknown keys.
pub trait AcceptedEvent: Sync {
    /// The event.
    fn event(&self) -> &Event;

    /// The JSON to store.
    ///
    /// # Errors
    ///
    /// If the event cannot be serialised.
    fn body(&self) -> Result<Bytes, JsonError>;
}

impl AcceptedEvent for Event {
    fn event(&self) -> &Event {
        self
    }

    fn body(&self) -> Result<Bytes, JsonError> {
        serde_json::to_vec(self).map(Bytes::from)
    }
}

impl AcceptedEvent for ReceivedEvent {
    fn event(&self) -> &Event {
        self
    }

    fn body(&self) -> Result<Bytes, JsonError> {
        Ok(Self::body(self).clone())
    }
}

/// An event to store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewEvent {
    /// The deduplication key: the message id, or else a hash of the content.
    pub key: String,
    /// The lifetime of the key, from when the event is stored. `None`: as long as the event is remembered.
    pub key_lifetime: Option<Duration>,
    /// The lane. Its events are handled one at a time, in the order in which they were stored.
    pub lane: String,
    /// The JSON of the event.
    pub body: Bytes,
}

impl NewEvent {
    /// Creates an event whose key is known as long as the event is remembered.
    #[must_use]
    pub fn new(key: impl Into<String>, lane: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { key: key.into(), key_lifetime: None, lane: lane.into(), body: body.into() }
    }

    /// Sets the lifetime of the key.
    #[must_use]
    pub fn key_lifetime(mut self, lifetime: Duration) -> Self {
        self.key_lifetime = Some(lifetime);
        self
    }

    pub(super) fn of(event: &(impl AcceptedEvent + ?Sized), content_window: Duration) -> Result<Self, JsonError> {
        let body = event.body()?;
        let event = event.event();
        let message_id = message(event).and_then(|message| message.id.as_ref()).map(|id| format!("message:{id}"));
        let (key, key_lifetime) = match message_id {
            Some(key) => (key, None),
            None => (content_key(&body), Some(content_window)),
        };
        let lane = lane(event).unwrap_or_else(|| key.clone());
        Ok(Self { key, key_lifetime, lane, body })
    }
}

fn message(event: &Event) -> Option<&Message> {
    match event {
        Event::NewMessage(event) | Event::ChatbotMessage(event) => Some(&event.message),
        _ => None,
    }
}

/// A collision would lose an event, so the hash is a cryptographic one.
fn content_key(body: &[u8]) -> String {
    let mut key = String::from("content:");
    for byte in hmac_sha256::Hash::hash(body) {
        // Writing to a `String` cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    key
}

/// The subject of an event, if the order of its events matters.
fn lane(event: &Event) -> Option<String> {
    match event {
        Event::NewMessage(event) | Event::ChatbotMessage(event) => {
            Some(format!("conversation:{}", event.message.conversation.id))
        }
        Event::AccessRevoked(revoked) => Some(format!("user:{}", revoked.user_id)),
        Event::PostUpdate(update) => update.post.token.as_ref().map(|token| format!("post:{token}")),
        Event::PaymentTransaction(payment) => payment.id.as_ref().map(|id| format!("payment:{id}")),
        Event::Undecodable(_) | Event::Unknown(_) => None,
    }
}

#[cfg(test)]
mod tests;
