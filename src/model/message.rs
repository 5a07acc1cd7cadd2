use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::content::{ContentFields, MessageContent};
use super::lenient;
use super::open_enum::open_enum;
use super::wire::{fields, serialize, setters, wire};
use super::{ConversationId, MessageId, PostToken, Side, Timestamp};

/// A message of a conversation, as events deliver it and as reading a conversation lists it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// What to deduplicate by.
    pub id: Option<MessageId>,
    /// Where it was written, and where an answer goes.
    pub conversation: Conversation,
    /// Who wrote it.
    pub sender: Sender,
    /// When it was written.
    pub sent_at: Option<Timestamp>,
    /// What was written.
    pub content: MessageContent,
}

wire! {
    /// A conversation, as messages name it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Conversation {
        /// What to send to.
        pub id: ConversationId,
        /// Between whom it is.
        pub kind: Option<ConversationKind> = "type",
        /// The post it is about; none in a chatbot's conversation.
        pub post_token: Option<PostToken>,
    }
    read by pub(crate) ConversationFields {}
}

open_enum! {
    /// Between whom a conversation is.
    ConversationKind {
        /// Between the two sides of a post.
        Post = "POST",
        /// Between a user and a chatbot.
        Bot = "BOT",
    }
}

wire! {
    /// Who wrote a message.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Sender {
        /// The side of the post; none in a chatbot's conversation.
        pub side: Option<Side> => Side::in_messages,
        /// A person or an app.
        pub kind: Option<SenderKind> = "type",
    }
}

open_enum! {
    /// Whether a person wrote a message, or an app.
    SenderKind {
        /// A person.
        Human = "HUMAN" | "USER",
        /// An app: yours, or another one.
        Bot = "BOT",
    }
}

serialize! { Conversation Sender }

impl Message {
    /// A message as the platform would deliver it, for tests and for wrapping frameworks.
    #[must_use]
    pub fn new(conversation: Conversation, sender: Sender, content: MessageContent) -> Self {
        Self { id: None, conversation, sender, sent_at: None, content }
    }

    /// The text of a text message, or of one of an unknown kind, where it has one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            MessageContent::Text(text) => Some(text.as_str()),
            MessageContent::Unknown(unknown) => unknown.text.as_deref(),
            _ => None,
        }
        .filter(|text| !text.is_empty())
    }

    /// Whether an app wrote it. Your own messages to a post's conversation come back to you as events: answer one of
    /// them and the bot talks to itself for ever.
    #[must_use]
    pub fn is_from_bot(&self) -> bool {
        self.sender.kind == Some(SenderKind::Bot)
    }
}

impl Conversation {
    /// A conversation by its id, its kind and post not known.
    #[must_use]
    pub fn new(id: impl Into<ConversationId>) -> Self {
        Self { id: id.into(), kind: None, post_token: None }
    }
}

setters! { Message {
    /// Sets the id.
    id: impl Into<MessageId>,
    /// Sets the time at which it was written.
    sent_at: Timestamp,
} }

setters! { Conversation {
    /// Sets between whom it is.
    kind: ConversationKind,
    /// Sets the post it is about.
    post_token: impl Into<PostToken>,
} }

impl Sender {
    /// A person or an app, its side not known.
    #[must_use]
    pub fn new(kind: SenderKind) -> Self {
        Self { side: None, kind: Some(kind) }
    }
}

setters! { Sender {
    /// Sets the side of the post.
    side: Side,
} }

impl ConversationFields {
    /// The conversation, with the id `asked` for where it has none.
    pub(crate) fn or(self, asked: &ConversationId) -> Conversation {
        let id = self.id.unwrap_or_else(|| asked.clone());
        Conversation { id, kind: self.kind, post_token: self.post_token }
    }
}

impl Sender {
    /// At first, Divar wrote the side as the type.
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
    /// The keys of a message on the wire, before they make a [`Message`].
    pub(crate) struct MessageFields {
        id: Option<MessageId>,
        conversation: Option<ConversationFields>,
        sender: Sender,
        sent_at: Option<Timestamp>,
        .. content: ContentFields,
    }
}

/// What is taken out of the fields is taken by reference: they are too large to be handed around.
impl MessageFields {
    /// The message, or `None` where it does not tell its conversation.
    pub(crate) fn message(&mut self) -> Option<Message> {
        let conversation = self.conversation.take()?.whole()?;
        Some(self.message_in(conversation))
    }

    /// The message as a conversation lists it: with an empty id of the conversation where it does not tell.
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
