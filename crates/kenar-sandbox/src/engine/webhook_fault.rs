//! Faults in webhooks.

use std::time::Duration;

use super::dialect::Dialect;

/// A fault in a webhook, for [`Sandbox::inject`](crate::Sandbox::inject).
///
/// An add-on must refuse some of them, such as a wrong key, with a 4xx status. Any other response is an error of the
/// person's action.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookFault {
    /// A late delivery, which also delays the following events.
    Delay(Duration),
    /// A webhook that is never sent.
    Lost,
    /// A webhook that is sent twice. The first response counts.
    Duplicate,
    /// A wrong identification key. The add-on must refuse it.
    WrongKey,
    /// A missing identification key. The add-on must refuse it.
    NoKey,
    /// A truncated body. The add-on must refuse it.
    Garbled,
    /// Another wire form of the same webhook.
    Dialect(Dialect),
}

/// A fault in an event, for [`Sandbox::inject`](crate::Sandbox::inject).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventFault {
    /// An event that is held back until after the app's next event.
    OutOfOrder,
    /// An unknown event type.
    UnknownKind,
}

#[derive(Clone, Debug)]
pub(crate) enum PendingWebhookFault {
    Webhook(WebhookFault),
    Event(EventFault),
}

impl From<Dialect> for WebhookFault {
    fn from(dialect: Dialect) -> Self {
        Self::Dialect(dialect)
    }
}
