use std::ops::Deref;

use bytes::Bytes;

use super::{Event, Rejection};

/// An event with the request body that Divar sent, for `Inbox::accept`.
///
/// The body may contain keys that this version of the crate does not know. It dereferences to the [`Event`].
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedEvent {
    event: Event,
    body: Bytes,
}

impl ReceivedEvent {
    /// Reads an event **without checking that Divar sent it**. A handler uses
    /// [`Verifier::received_event`](super::Verifier::received_event).
    ///
    /// # Errors
    ///
    /// As [`Event::from_unverified_body`].
    pub fn from_unverified_body(body: impl Into<Bytes>) -> Result<Self, Rejection> {
        let body = body.into();
        Ok(Self { event: Event::from_unverified_body(&body)?, body })
    }

    /// The request body as Divar sent it.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The event alone.
    #[must_use]
    pub fn into_event(self) -> Event {
        self.event
    }
}

impl Deref for ReceivedEvent {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.event
    }
}
