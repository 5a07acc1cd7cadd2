//! What goes wrong with webhooks on their way.

use std::time::Duration;

use http::{HeaderValue, header};

use super::dialect::Dialect;
use super::webhooks::{DYNAMIC_ACTION, Delivery, EVENT, Expected, OPEN_APP, Trip, Undelivered};
use super::{Engine, Note};
use kenar::model::{AppSlug, Timestamp};

/// What the platform calls on an add-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Webhook {
    /// A user opens the app.
    OpenApp,
    /// Something happened.
    Event,
    /// A user presses a button that asks the add-on what to do.
    DynamicAction,
}

impl Webhook {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::OpenApp, Self::Event, Self::DynamicAction];

    /// Its name in the journal, such as `webhook.event`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenApp => OPEN_APP,
            Self::Event => EVENT,
            Self::DynamicAction => DYNAMIC_ACTION,
        }
    }
}

/// What goes wrong with a webhook: given to [`Sandbox::inject`](crate::Sandbox::inject), and aimed at one of
/// the webhooks.
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
    /// It comes twice; the first answer counts.
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

/// What goes wrong with an event and could not with another webhook: given to
/// [`Sandbox::inject`](crate::Sandbox::inject).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventFault {
    /// The app's next event overtakes it. Until there is one, it does not come.
    OutOfOrder,
    /// It is of a kind that no version of this crate knows.
    UnknownKind,
}

#[derive(Clone, Debug)]
pub(crate) enum Disturbance {
    Webhook(WebhookFault),
    Event(EventFault),
}

impl From<Dialect> for WebhookFault {
    fn from(dialect: Dialect) -> Self {
        Self::Dialect(dialect)
    }
}

/// What becomes of a delivery.
#[derive(Debug, Default)]
pub(crate) struct Dispatch {
    pub(crate) delay: Duration,
    /// What is sent in its place, one after the other. The answer to the first counts.
    pub(crate) sent: Vec<Delivery>,
}

impl Engine {
    /// Lets the faults at a delivery that is about to leave.
    pub(crate) fn dispatch(&mut self, mut delivery: Delivery, now: Timestamp) -> Dispatch {
        let app = delivery.app.clone();
        let mut dispatch = Dispatch::default();
        let mut copies = 1;
        match self.faults.for_webhook(delivery.webhook) {
            None => {}
            Some(Disturbance::Webhook(fault)) => match fault {
                WebhookFault::Delay(delay) => {
                    dispatch.delay = delay;
                    delivery.note(Note::fault("late"));
                }
                WebhookFault::Lost => {
                    let lost = Err(Undelivered::ByFault("it never came".to_owned()));
                    let trip = Trip { at: now, took: Duration::ZERO, began_after: self.journal.count() };
                    self.delivered(&delivery, &lost, trip);
                    copies = 0;
                }
                WebhookFault::Duplicate => {
                    delivery.note(Note::fault("sent twice"));
                    copies = 2;
                }
                WebhookFault::WrongKey => {
                    delivery.header(header::AUTHORIZATION, Some(HeaderValue::from_static("a-key-of-someone-else")));
                    delivery.expects(Expected::Refusal("a wrong key"));
                }
                WebhookFault::NoKey => {
                    delivery.header(header::AUTHORIZATION, None);
                    delivery.expects(Expected::Refusal("no key"));
                }
                WebhookFault::Garbled => {
                    let half = delivery.body().len() / 2;
                    let body = delivery.body().slice(..half);
                    delivery.rewrite(body);
                    delivery.expects(Expected::Refusal("half a body"));
                }
                WebhookFault::Dialect(dialect) => dialect.apply(&mut delivery),
            },
            Some(Disturbance::Event(EventFault::UnknownKind)) => {
                delivery.rewrite_json(|event| {
                    event.insert("type".to_owned(), "NEWER_THAN_EVERY_CRATE".into());
                });
                delivery.note(Note::fault("an event of an unknown kind"));
            }
            Some(Disturbance::Event(EventFault::OutOfOrder)) => {
                delivery.note(Note::fault("overtaken by the next event"));
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

    /// The events of an app that were held back.
    fn release(&mut self, app: &AppSlug) -> Vec<Delivery> {
        let (released, held) = std::mem::take(&mut self.held).into_iter().partition(|held| held.app == *app);
        self.held = held;
        released
    }
}
