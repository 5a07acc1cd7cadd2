//! Events: what happened, as Divar tells your add-on.

mod envelope;
mod payment;
mod post_update;

use std::ops::Deref;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

use super::{Rejection, StartCommand};
use crate::model::open_enum::open_enum;
use crate::model::wire::{AsObject, setters, wire};
use crate::model::{Message, RawJson, UserId};

pub use payment::{PaymentTransaction, TransactionKind, TransactionState};
pub use post_update::{Post, PostUpdate, PostUpdateKind};

open_enum! {
    /// The kinds of events, by their names on the wire.
    ///
    /// A subscription may go by another name than what it delivers: `NEW_MESSAGE_ON_POST` delivers
    /// [`NewMessage`](Self::NewMessage).
    EventKind {
        /// [`Event::NewMessage`]
        NewMessage = "NEW_MESSAGE",
        /// [`Event::ChatbotMessage`]
        ChatbotMessage = "NEW_CHATBOT_MESSAGE",
        /// [`Event::AccessRevoked`]
        AccessRevoked = "USER_ACCESS_REVOCATION",
        /// [`Event::PostUpdate`]
        PostUpdate = "POST_UPDATE",
        /// [`Event::PaymentTransaction`]
        PaymentTransaction = "PAYMENT_TRANSACTION",
    }
}

/// Something happened. Whatever it is, an authentic event deserves a 200: Divar documents no use of another answer. The
/// guide has [the flow](crate::guide::chatbot).
///
/// Divar gives events no id, and may deliver one again: deduplicate messages by
/// [`Message::id`](crate::model::Message::id). It does not document how long it waits, so answer first and work afterwards.
///
/// ```
/// use kenar::webhook::{Event, TouchPoint};
///
/// let body = br#"{
///     "new_chatbot_message": {
///         "id": "m-1", "conversation": { "id": "c-1", "type": "BOT" }, "sender": { "type": "HUMAN" },
///         "type": "TEXT", "sent_at": "2025-07-16T10:41:42.648410Z", "text": "/start MY_POST QYabcdef"
///     },
///     "type": "NEW_CHATBOT_MESSAGE"
/// }"#;
/// // In a handler: verifier.event(&headers, body)?
/// let Event::ChatbotMessage(message) = Event::from_unverified_body(body)? else { panic!() };
/// assert_eq!(message.conversation.id.as_str(), "c-1");
/// assert_eq!(message.start_command().unwrap().touch_point, TouchPoint::MyPost);
///
/// let newer = br#"{ "type": "NEWER_THAN_THIS_CRATE", "answer": 42 }"#;
/// let Event::Unknown(event) = Event::from_unverified_body(newer)? else { panic!() };
/// assert_eq!(event.kind.as_deref(), Some("NEWER_THAN_THIS_CRATE"));
/// assert_eq!(event.raw.parse::<serde_json::Value>().unwrap()["answer"], 42);
/// # Ok::<(), kenar::webhook::Rejection>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// `NEW_MESSAGE`: a message in a conversation about a post of a user who permits your app to read it. **Your app's
    /// own messages are among them**: look at [`is_from_bot`](Message::is_from_bot) before answering.
    NewMessage(MessageEvent),
    /// `NEW_CHATBOT_MESSAGE`: a message to your app's chatbot. It does not say who the user is; what a message to the
    /// user was answered with, the conversation, tells.
    ChatbotMessage(MessageEvent),
    /// `USER_ACCESS_REVOCATION`: a user took back the permissions given to your app.
    AccessRevoked(AccessRevoked),
    /// `POST_UPDATE`: a post of a user who permits your app to watch it was changed.
    PostUpdate(PostUpdate),
    /// `PAYMENT_TRANSACTION`: a payment that your app asked for went on.
    PaymentTransaction(PaymentTransaction),
    /// An event of a known kind that does not hold what such an event needs.
    Undecodable(UndecodableEvent),
    /// An event of a kind that this version of the crate does not know.
    Unknown(UnknownEvent),
}

/// A message that was written, with what was said at the subscription. It reads as the [`Message`] itself:
/// `event.text()`, `event.conversation.id`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MessageEvent {
    /// The message.
    pub message: Message,
    /// What your app gave when it subscribed.
    pub metadata: Option<RawJson>,
}

wire! {
    /// A user took back the permissions given to your app: drop the user's tokens and data.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct AccessRevoked {
        /// The user.
        pub user_id: UserId,
        ;
        /// What your app gave when it subscribed.
        pub metadata: Option<RawJson>,
    }
    read by RevocationFields {}
}

/// An event of a known kind that does not hold what such an event needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UndecodableEvent {
    /// What it says it is.
    pub kind: EventKind,
    /// What it lacks.
    pub reason: UndecodableReason,
    /// All of it.
    pub raw: RawJson,
}

/// What an event of a known kind lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UndecodableReason {
    /// The payload is missing, or no JSON object.
    #[error("the event has no payload")]
    NoPayload,
    /// The message does not say in which conversation it is.
    #[error("the message does not name its conversation")]
    NoConversationId,
    /// The revocation does not say whose it is.
    #[error("the revocation does not name its user")]
    NoUserId,
}

/// An event of a kind that this version of the crate does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownEvent {
    /// What it says it is; none where it does not say.
    pub kind: Option<String>,
    /// All of it.
    pub raw: RawJson,
}

impl Event {
    /// Reads an event **without asking whether it is Divar's**, for tests and for frameworks that have asked
    /// [`Verifier::verify`](super::Verifier::verify). A handler uses [`Verifier::event`](super::Verifier::event).
    ///
    /// # Errors
    ///
    /// [`Rejection::NotJson`] or [`Rejection::NotAnObject`]. Any JSON object is an event.
    pub fn from_unverified_body(body: &[u8]) -> Result<Self, Rejection> {
        envelope::read(body)
    }

    /// What the event says it is; none where it does not say.
    #[must_use]
    pub fn kind(&self) -> Option<EventKind> {
        Some(match self {
            Self::NewMessage(_) => EventKind::NewMessage,
            Self::ChatbotMessage(_) => EventKind::ChatbotMessage,
            Self::AccessRevoked(_) => EventKind::AccessRevoked,
            Self::PostUpdate(_) => EventKind::PostUpdate,
            Self::PaymentTransaction(_) => EventKind::PaymentTransaction,
            Self::Undecodable(event) => event.kind.clone(),
            Self::Unknown(event) => EventKind::from_name(event.kind.as_ref()?),
        })
    }
}

impl MessageEvent {
    /// An event as Divar would send it, for tests.
    #[must_use]
    pub fn new(message: Message) -> Self {
        Self { message, metadata: None }
    }

    /// The command that the message is, where a user opened the chatbot from somewhere in Divar.
    #[must_use]
    pub fn start_command(&self) -> Option<StartCommand> {
        StartCommand::parse(self.message.text()?)
    }
}

impl Deref for MessageEvent {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl AccessRevoked {
    /// An event as Divar would send it, for tests.
    #[must_use]
    pub fn new(user_id: impl Into<UserId>) -> Self {
        Self { user_id: user_id.into(), metadata: None }
    }
}

setters! { MessageEvent {
    /// Sets the data that your app gave when it subscribed.
    metadata: RawJson,
} }

setters! { AccessRevoked {
    /// Sets the data that your app gave when it subscribed.
    metadata: RawJson,
} }

/// Writes the event as Divar sends it.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, metadata) = match self {
            Self::NewMessage(event) => (EventKind::NewMessage, &event.metadata),
            Self::ChatbotMessage(event) => (EventKind::ChatbotMessage, &event.metadata),
            Self::AccessRevoked(event) => (EventKind::AccessRevoked, &event.metadata),
            Self::PostUpdate(event) => (EventKind::PostUpdate, &event.metadata),
            Self::PaymentTransaction(event) => (EventKind::PaymentTransaction, &event.metadata),
            Self::Undecodable(event) => return event.raw.serialize(serializer),
            Self::Unknown(event) => return event.raw.serialize(serializer),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &kind)?;
        if let Some(metadata) = metadata {
            map.serialize_entry("metadata", metadata)?;
        }
        match self {
            Self::NewMessage(event) => map.serialize_entry("new_message", &event.message)?,
            Self::ChatbotMessage(event) => map.serialize_entry("new_chatbot_message", &event.message)?,
            Self::AccessRevoked(event) => map.serialize_entry("user_access_revocation", &AsObject(event))?,
            Self::PostUpdate(event) => map.serialize_entry("post_update", &AsObject(event))?,
            Self::PaymentTransaction(event) => map.serialize_entry("payment_transaction", &AsObject(event))?,
            Self::Undecodable(_) | Self::Unknown(_) => {}
        }
        map.end()
    }
}

/// Keeps the text first, since an event that is not understood is kept as its text:
/// [`from_unverified_body`](Event::from_unverified_body) is the quicker way.
impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        envelope::read(raw.get().as_bytes()).map_err(serde::de::Error::custom)
    }
}
