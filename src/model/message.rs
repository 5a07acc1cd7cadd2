use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::content::{ContentFields, MessageContent};
use super::wire::{fields, open_enum, serialize, setters, wire};
use super::{ConversationId, MessageId, PostToken, Timestamp, lenient};

/// A message, from an event or from the history of a conversation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// The id, to deduplicate by: Divar may deliver an event twice.
    pub id: Option<MessageId>,
    /// The conversation to reply to.
    pub conversation: Conversation,
    /// The author.
    pub sender: Sender,
    /// The time of sending.
    pub sent_at: Option<Timestamp>,
    /// The content.
    pub content: MessageContent,
}

wire! {
    /// The conversation of a message.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Conversation {
        /// The id to send to.
        pub id: ConversationId,
        /// The kind of conversation.
        pub kind: Option<ConversationKind> = "type",
        /// The post; `None` in a chatbot's conversation.
        pub post_token: Option<PostToken>,
    }
    read by pub(crate) ConversationFields {}
}

open_enum! {
    /// The kind of a conversation, by its participants.
    ConversationKind {
        /// Between the two sides of a post.
        Post = "POST",
        /// Between a user and a chatbot.
        Bot = "BOT",
    }
}

wire! {
    /// The author of a message.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Sender {
        /// The author's side; `None` in a chatbot's conversation.
        pub side: Option<Side> => Side::in_messages,
        /// A person or an app.
        pub kind: Option<SenderKind> = "type",
    }
}

open_enum! {
    /// The kind of a message's author.
    SenderKind {
        /// A person.
        Human = "HUMAN" | "USER",
        /// An app: yours or another.
        Bot = "BOT",
    }
}

serialize! { Conversation Sender }

impl Message {
    /// A message as Divar would deliver it, for tests and other frameworks.
    #[must_use]
    pub fn new(conversation: Conversation, sender: Sender, content: MessageContent) -> Self {
        Self { id: None, conversation, sender, sent_at: None, content }
    }

    /// The text, if not empty, of a text message or one of an unknown kind.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            MessageContent::Text(text) => Some(text.as_str()),
            MessageContent::Unknown(unknown) => unknown.text.as_deref(),
            _ => None,
        }
        .filter(|text| !text.is_empty())
    }

    /// Returns `true` if an app sent it. Do not reply: your own messages also arrive as events, in an endless loop.
    #[must_use]
    pub fn is_from_bot(&self) -> bool {
        self.sender.kind == Some(SenderKind::Bot)
    }
}

impl Conversation {
    /// A conversation with this id, without kind and post.
    #[must_use]
    pub fn new(id: impl Into<ConversationId>) -> Self {
        Self { id: id.into(), kind: None, post_token: None }
    }
}

setters! { Message { id: impl Into<MessageId>, sent_at: Timestamp } }

setters! { Conversation { kind: ConversationKind, post_token: impl Into<PostToken> } }

impl Sender {
    /// An author of this kind, without a side.
    #[must_use]
    pub fn new(kind: SenderKind) -> Self {
        Self { side: None, kind: Some(kind) }
    }
}

setters! { Sender { side: Side } }

impl ConversationFields {
    /// The conversation, with `asked` as the default id.
    pub(crate) fn or(self, asked: &ConversationId) -> Conversation {
        let id = self.id.unwrap_or_else(|| asked.clone());
        Conversation { id, kind: self.kind, post_token: self.post_token }
    }
}

impl Sender {
    /// Older payloads contain the side in `type`.
    fn with_side_from_kind(mut self) -> Self {
        if let Self { side: None, kind: Some(SenderKind::Unknown(name)) } = &self {
            let side = Side::from_name(name);
            if !matches!(side, Side::Unknown(_)) {
                (self.side, self.kind) = (Some(side), None);
            }
        }
        self
    }
}

fields! {
    pub(crate) struct MessageFields {
        id: Option<MessageId>,
        conversation: Option<ConversationFields>,
        sender: Sender,
        sent_at: Option<Timestamp>,
        .. content: ContentFields,
    }
}

// These methods take the content by reference: the struct is too large to move.
impl MessageFields {
    pub(crate) fn message(&mut self) -> Option<Message> {
        let conversation = self.conversation.take()?.whole()?;
        Some(self.message_in(conversation))
    }

    /// The message in a conversation's history, with an empty conversation id by default.
    pub(crate) fn listed(&mut self) -> Message {
        let conversation = self.conversation.take().unwrap_or_default().or(&ConversationId::new(""));
        self.message_in(conversation)
    }

    fn message_in(&mut self, conversation: Conversation) -> Message {
        Message {
            id: self.id.take(),
            conversation,
            sender: std::mem::take(&mut self.sender).with_side_from_kind(),
            sent_at: self.sent_at,
            content: self.content.take(),
        }
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::object::<MessageFields, D>(deserializer)?
            .message()
            .ok_or_else(|| serde::de::Error::custom("a message needs the id of its conversation"))
    }
}

impl<'de> Deserialize<'de> for Conversation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::object::<ConversationFields, D>(deserializer)?
            .whole()
            .ok_or_else(|| serde::de::Error::custom("a conversation needs an id"))
    }
}

impl<'de> Deserialize<'de> for Sender {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::object(deserializer).map(Self::with_side_from_kind)
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(id) = &self.id {
            map.serialize_entry("id", id)?;
        }
        map.serialize_entry("conversation", &self.conversation)?;
        map.serialize_entry("sender", &self.sender)?;
        if let Some(kind) = self.content.kind() {
            map.serialize_entry("type", &kind)?;
        }
        if let Some(sent_at) = &self.sent_at {
            map.serialize_entry("sent_at", sent_at)?;
        }
        self.content.write(&mut map)?;
        map.end()
    }
}

open_enum! {
    /// A [side](crate::guide#side) of a post's conversation.
    ///
    /// Divar sends `SUPPLY` and `DEMAND` when a user opens your app or presses a button, and `SELLER` and `BUYER` in messages.
    Side {
        /// The post's owner, or seller.
        #[doc(alias = "supplier")]
        Supply = "SUPPLY" | "SELLER",
        /// The person who enquires about the post, or buyer.
        Demand = "DEMAND" | "BUYER",
    }
}

impl Side {
    /// The other side; `None` for an unknown one.
    #[must_use]
    pub fn opposite(&self) -> Option<Self> {
        match self {
            Self::Supply => Some(Self::Demand),
            Self::Demand => Some(Self::Supply),
            Self::Unknown(_) => None,
        }
    }

    pub(crate) fn in_messages(&self) -> &str {
        match self {
            Self::Supply => "SELLER",
            Self::Demand => "BUYER",
            Self::Unknown(name) => name,
        }
    }
}
