//! An event beside the bytes it was read from.

use std::ops::Deref;

use bytes::Bytes;

use super::{Event, Rejection};

/// An event together with the request body that Divar sent.
///
/// Use it where the exact bytes matter, such as for `Inbox::accept`: they may hold keys
/// that this version of the crate does not know. It dereferences to the [`Event`].
///
/// ```
/// use kenar::webhook::{Event, ReceivedEvent};
///
/// let body = br#"{ "type": "USER_ACCESS_REVOCATION", "user_access_revocation": { "user_id": "u-1" }, "newer": true }"#;
/// // In a handler: verifier.received_event(&headers, body)?
/// let received = ReceivedEvent::from_unverified_body(body.as_slice())?;
/// assert!(matches!(*received, Event::AccessRevoked(_)));
/// assert_eq!(received.body(), body.as_slice());
/// # Ok::<(), kenar::webhook::Rejection>(())
/// ```
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
