//! What goes wrong with webhooks on their way.

use std::time::Duration;

use super::dialect::Dialect;

/// A fault of a webhook, to be [injected](crate::Sandbox::inject) into one of the webhooks.
///
/// What an add-on has to refuse, such as a wrong key, is checked to be refused: it goes by unnoticed by who wrote the
/// message, and an add-on that takes it is reported as an error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookFault {
    /// It comes late, and so do the events behind it.
    Delay(Duration),
    /// It never comes.
    Lost,
    /// It comes twice; the first response counts.
    Duplicate,
    /// It shows another key than the app's. An add-on has to refuse it.
    WrongKey,
    /// It shows no key. An add-on has to refuse it.
    NoKey,
    /// Its body ends in the middle. An add-on has to refuse it.
    Garbled,
    /// It is written in another of the platform's ways.
    Dialect(Dialect),
}

/// A fault that only an event can have, to be [injected](crate::Sandbox::inject).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventFault {
    /// The app's next event overtakes it. Until there is one, it does not come.
    OutOfOrder,
    /// It is of a kind that no version of this crate knows.
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
