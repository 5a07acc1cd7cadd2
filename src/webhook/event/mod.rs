mod envelope;

use std::ops::Deref;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

use super::{Rejection, StartCommand};
use crate::model::wire::{AsObject, deserialize, open_enum, serialize, setters, wire};
use crate::model::{AppSlug, Message, PostToken, RawJson, Timestamp, TransactionId, UserId};

open_enum! {
    /// The kind of an event.
    ///
    /// Subscriptions use other names: `NEW_MESSAGE_ON_POST` delivers [`NewMessage`](Self::NewMessage).
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

/// An event that Divar delivers to your add-on. Respond with 200 to every kind, also to unknown ones.
///
/// Events have no id: deduplicate messages by [`Message::id`](crate::model::Message::id). Respond first and work afterwards:
/// the guide describes [the flow](crate::guide::chatbot).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// `NEW_MESSAGE`: a message in a post's conversation that your app subscribed to.
    ///
    /// **This includes your app's own messages**: check [`is_from_bot`](Message::is_from_bot) before you reply.
    NewMessage(MessageEvent),
    /// `NEW_CHATBOT_MESSAGE`: a message to your app's chatbot.
    ///
    /// It has no user id: look up the conversation in the stored responses of
    /// [`SendBotMessageToUser`](crate::operation::SendBotMessageToUser).
    #[doc(alias = "NEW_CHATBOT_MESSAGE")]
    ChatbotMessage(MessageEvent),
    /// `USER_ACCESS_REVOCATION`: a user revoked your app's permissions.
    #[doc(alias = "USER_ACCESS_REVOCATION")]
    AccessRevoked(AccessRevoked),
    /// `POST_UPDATE`: a post that your app subscribed to changed.
    PostUpdate(PostUpdate),
    /// `PAYMENT_TRANSACTION`: a payment that your app requested changed its state.
    PaymentTransaction(PaymentTransaction),
    /// An event of a known kind without a required part.
    Undecodable(UndecodableEvent),
    /// An event of an unknown kind.
    Unknown(UnknownEvent),
}

/// A message and the subscription's metadata. It dereferences to the [`Message`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MessageEvent {
    /// The message.
    pub message: Message,
    /// The metadata of the subscription.
    pub metadata: Option<RawJson>,
}

wire! {
    /// A revocation of your app's permissions: delete the user's tokens and data.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct AccessRevoked {
        /// The user.
        pub user_id: UserId,
        ;
        /// The metadata of the subscription.
        pub metadata: Option<RawJson>,
    }
    read by RevocationFields {}
}

/// An event of a known kind without a required part.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UndecodableEvent {
    /// The kind.
    pub kind: EventKind,
    /// The missing part.
    pub reason: UndecodableReason,
    /// The event as JSON.
    pub raw: RawJson,
}

/// The part that an event lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UndecodableReason {
    /// The payload is missing or not a JSON object.
    #[error("missing payload")]
    NoPayload,
    /// The message has no conversation id.
    #[error("missing conversation id of the message")]
    NoConversationId,
    /// The revocation has no user id.
    #[error("missing user id of the revocation")]
    NoUserId,
}

/// An event of an unknown kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownEvent {
    /// The `type`, if any.
    pub kind: Option<String>,
    /// The event as JSON.
    pub raw: RawJson,
}

impl Event {
    /// Reads an event **without verifying that Divar sent it**, for tests or after
    /// [`Verifier::verify`](super::Verifier::verify).
    ///
    /// # Errors
    ///
    /// [`Rejection::NotJson`] or [`Rejection::NotAnObject`].
    pub fn from_unverified_body(body: &[u8]) -> Result<Self, Rejection> {
        envelope::read(body)
    }

    /// The kind, or `None` without a `type`.
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
    /// An event, for tests.
    #[must_use]
    pub fn new(message: Message) -> Self {
        Self { message, metadata: None }
    }

    /// The start command, if the message is one.
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
    /// An event, for tests.
    #[must_use]
    pub fn new(user_id: impl Into<UserId>) -> Self {
        Self { user_id: user_id.into(), metadata: None }
    }
}

setters! { MessageEvent { metadata: RawJson } }

setters! { AccessRevoked { metadata: RawJson } }

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

/// Buffers the JSON first; [`from_unverified_body`](Event::from_unverified_body) is faster.
impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        envelope::read(raw.get().as_bytes()).map_err(serde::de::Error::custom)
    }
}

open_enum! {
    /// The state of a payment, read from its name or its number.
    TransactionState {
        /// It was created.
        Pending = "TRANSACTION_STATE_PENDING" | "1",
        /// It was paid.
        Completed = "TRANSACTION_STATE_COMPLETED" | "2",
        /// It failed.
        Failed = "TRANSACTION_STATE_FAILED" | "3",
        /// It was refunded.
        Refunded = "TRANSACTION_STATE_REFUNDED" | "4",
    }
}

open_enum! {
    /// The service that is paid for.
    TransactionKind {
        /// The submission of a post.
        Submit = "TRANSACTION_TYPE_SUBMIT",
        /// The renewal of a post.
        Renew = "TRANSACTION_TYPE_RENEW",
        /// A move of a post to the top of the list.
        Reorder = "TRANSACTION_TYPE_REORDER",
    }
}

wire! {
    /// A payment whose state changed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct PaymentTransaction {
        /// The id from its creation.
        pub id: Option<TransactionId>,
        /// The state.
        pub state: Option<TransactionState>,
        /// The service that is paid for.
        pub kind: Option<TransactionKind> = "type",
        /// The cost for your app, in Iranian rials.
        pub cost_rials: Option<i64>,
        /// The details that your app gave with its request.
        pub extra_details: Option<String>,
        /// The app that requested it.
        pub app_slug: Option<AppSlug>,
        /// The time of its creation.
        pub created_at: Option<Timestamp>,
        ;
        /// The metadata of the event.
        pub metadata: Option<RawJson>,
    }
}

impl PaymentTransaction {
    /// An event, for tests.
    #[must_use]
    pub fn new(id: impl Into<TransactionId>, state: TransactionState) -> Self {
        Self { id: Some(id.into()), state: Some(state), ..Self::default() }
    }
}

setters! { PaymentTransaction {
    kind: TransactionKind,
    cost_rials: i64,
    extra_details: impl Into<String>,
    app_slug: impl Into<AppSlug>,
    created_at: Timestamp,
    metadata: RawJson,
} }

open_enum! {
    /// The kind of change.
    PostUpdateKind {
        /// It was published.
        Publish = "PUBLISH",
        /// It was taken down.
        Retire = "RETIRE",
        /// It is in progress.
        Ongoing = "ONGOING",
        /// It was archived.
        Archive = "ARCHIVE",
    }
}

wire! {
    /// A change of a post. Divar may deliver it more than once.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct PostUpdate {
        /// The kind of change.
        pub kind: Option<PostUpdateKind> = "type",
        /// The post; only the token for [`PostUpdateKind::Retire`] and [`PostUpdateKind::Archive`].
        pub post: Post,
        ;
        /// The metadata of the subscription.
        pub metadata: Option<RawJson>,
    }
}

wire! {
    /// A post in an update.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct Post {
        /// The post token.
        pub token: Option<PostToken>,
        /// The slug of its category.
        pub category: Option<String>,
        /// The slug of its city.
        pub city: Option<String>,
        /// The slug of its district.
        pub district: Option<String>,
        /// `true` if the owner's phone number is hidden.
        pub is_phone_hidden: Option<bool>,
        /// `true` if the owner's chat assistant is on.
        pub supplier_chat_assistant_enabled: Option<bool>,
        /// `true` if users can write to the owner.
        pub chat_enabled: Option<bool>,
        /// The time of its first publication.
        pub first_published_at: Option<Timestamp>,
        /// The content of the post, which depends on its category.
        pub data: Option<RawJson>,
    }
}

serialize! { Post }
deserialize! { Post }

impl PostUpdate {
    /// An event, for tests.
    #[must_use]
    pub fn new(kind: PostUpdateKind, post: impl Into<PostToken>) -> Self {
        Self { kind: Some(kind), post: Post::new(post), metadata: None }
    }
}

setters! { PostUpdate { metadata: RawJson } }

impl Post {
    /// A post with only a token.
    #[must_use]
    pub fn new(token: impl Into<PostToken>) -> Self {
        Self { token: Some(token.into()), ..Self::default() }
    }
}

setters! { Post {
    category: impl Into<String>,
    city: impl Into<String>,
    district: impl Into<String>,
    is_phone_hidden: bool,
    supplier_chat_assistant_enabled: bool,
    chat_enabled: bool,
    first_published_at: Timestamp,
    data: RawJson,
} }
