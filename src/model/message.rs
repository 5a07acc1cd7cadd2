use std::collections::BTreeMap;

use serde::Serialize as DeriveSerialize;
use serde::de::{Deserialize, Deserializer, MapAccess};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::lenient::{self, Entry, FromObject};
use super::location::LocationFields;
use super::open_enum::open_enum;
use super::side::{Side, as_seller_or_buyer};
use super::{ConversationId, Location, MessageId, PostToken, RawJson, Timestamp};

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

/// A conversation, as messages name it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveSerialize)]
#[non_exhaustive]
pub struct Conversation {
    /// What to send to.
    pub id: ConversationId,
    /// Between whom it is.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ConversationKind>,
    /// The post it is about; none in a chatbot's conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_token: Option<PostToken>,
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

/// Who wrote a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveSerialize)]
#[non_exhaustive]
pub struct Sender {
    /// The side of the post; none in a chatbot's conversation.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_seller_or_buyer")]
    pub side: Option<Side>,
    /// A person or an app.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<SenderKind>,
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

/// What a message says. All of a medium's details are optional, since Divar may leave any of them out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MessageContent {
    /// A text. Empty where Divar sent a text message without one.
    Text(String),
    /// A picture.
    Image(Image),
    /// A document.
    File(File),
    /// A voice recording.
    Voice(Voice),
    /// A video.
    Video(Video),
    /// A place; `None` where a coordinate is missing.
    Location(Option<Location>),
    /// A person's name and number.
    Contact(Contact),
    /// A kind that this version of the crate does not know.
    Unknown(UnknownContent),
}

open_enum! {
    /// The kinds of message content, by their names on the wire.
    MessageKind {
        /// [`MessageContent::Text`]
        Text = "TEXT",
        /// [`MessageContent::Image`]
        Image = "IMAGE",
        /// [`MessageContent::File`]
        File = "FILE",
        /// [`MessageContent::Voice`]
        Voice = "VOICE",
        /// [`MessageContent::Video`]
        Video = "VIDEO",
        /// [`MessageContent::Location`]
        Location = "LOCATION",
        /// [`MessageContent::Contact`]
        Contact = "CONTACT",
    }
}

/// A message of a kind that this version of the crate does not know.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct UnknownContent {
    /// The kind, as it was written; none where the message did not say.
    pub kind: Option<String>,
    /// The text that came along, if any.
    pub text: Option<String>,
    /// What else the message holds, key by key, as JSON.
    pub fields: BTreeMap<String, RawJson>,
}

/// Defines the details of one kind of medium: all optional, read leniently, left out where there are none.
macro_rules! details {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, DeriveSerialize)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)*
        }

        impl FromObject for $name {
            fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
                match key {
                    $(stringify!($field) => entry.scalar(&mut self.$field),)*
                    _ => entry.skip(),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                lenient::object(deserializer)
            }
        }
    )*};
}

details! {
    /// A picture in a message.
    Image {
        /// Where it can be fetched.
        link: String,
        /// Its size in bytes.
        size_bytes: u64,
        /// Its height in pixels.
        height_px: u64,
        /// Its width in pixels.
        width_px: u64,
    }

    /// A document in a message.
    File {
        /// Where it can be fetched.
        link: String,
        /// Its file name.
        name: String,
        /// Its size in bytes.
        size_bytes: u64,
    }

    /// A voice recording in a message.
    Voice {
        /// Where it can be fetched.
        link: String,
        /// Its size in bytes.
        size_bytes: u64,
    }

    /// A video in a message.
    Video {
        /// Where it can be fetched.
        link: String,
        /// Where its preview picture can be fetched.
        thumbnail_link: String,
        /// Its size in bytes.
        size_bytes: u64,
    }

    /// A person's name and number in a message.
    Contact {
        /// The name; none where the person has none.
        name: String,
        /// The telephone number, as written.
        phone: String,
    }
}

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

impl MessageContent {
    /// The kind, none for an unknown one that was not named.
    #[must_use]
    pub fn kind(&self) -> Option<MessageKind> {
        Some(match self {
            Self::Text(_) => MessageKind::Text,
            Self::Image(_) => MessageKind::Image,
            Self::File(_) => MessageKind::File,
            Self::Voice(_) => MessageKind::Voice,
            Self::Video(_) => MessageKind::Video,
            Self::Location(_) => MessageKind::Location,
            Self::Contact(_) => MessageKind::Contact,
            Self::Unknown(unknown) => MessageKind::Unknown(unknown.kind.clone()?),
        })
    }
}

/// The keys of a message on the wire, before they make a [`Message`].
#[derive(Default)]
pub(crate) struct MessageFields {
    id: Option<MessageId>,
    conversation: Option<ConversationFields>,
    sender: Option<SenderFields>,
    kind: Option<MessageKind>,
    sent_at: Option<Timestamp>,
    text: Option<String>,
    message_text: Option<String>,
    image: Option<Image>,
    file: Option<File>,
    voice: Option<Voice>,
    video: Option<Video>,
    location: Option<LocationFields>,
    contact: Option<Contact>,
    unknown: BTreeMap<String, RawJson>,
}

impl FromObject for MessageFields {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "id" => entry.scalar(&mut self.id),
            "conversation" => entry.object(&mut self.conversation),
            "sender" => entry.object(&mut self.sender),
            "type" => entry.scalar(&mut self.kind),
            "sent_at" => entry.scalar(&mut self.sent_at),
            "text" => entry.scalar(&mut self.text),
            "message_text" => entry.scalar(&mut self.message_text),
            "image_data" => entry.object(&mut self.image),
            "file_data" => entry.object(&mut self.file),
            "voice_data" => entry.object(&mut self.voice),
            "video_data" => entry.object(&mut self.video),
            "location_data" => entry.object(&mut self.location),
            "contact_data" => entry.object(&mut self.contact),
            "@type" => entry.skip(),
            _ => {
                let mut json = None;
                entry.json(&mut json)?;
                self.unknown.extend(json.map(|json| (key.to_owned(), json)));
                Ok(())
            }
        }
    }
}

/// What is taken out of the fields is taken by reference: they are too large to be handed around.
impl MessageFields {
    /// The message, or `None` where it does not tell its conversation.
    pub(crate) fn message(&mut self) -> Option<Message> {
        let conversation = self.conversation.take()?.conversation()?;
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
            sender: self.sender.take().unwrap_or_default().sender(),
            sent_at: self.sent_at,
            content: self.content(),
        }
    }

    fn content(&mut self) -> MessageContent {
        match self.kind.take().or_else(|| self.kind_by_details()) {
            Some(MessageKind::Text) => MessageContent::Text(self.take_text().unwrap_or_default()),
            Some(MessageKind::Image) => MessageContent::Image(self.image.take().unwrap_or_default()),
            Some(MessageKind::File) => MessageContent::File(self.file.take().unwrap_or_default()),
            Some(MessageKind::Voice) => MessageContent::Voice(self.voice.take().unwrap_or_default()),
            Some(MessageKind::Video) => MessageContent::Video(self.video.take().unwrap_or_default()),
            Some(MessageKind::Location) => {
                MessageContent::Location(self.location.take().and_then(LocationFields::location))
            }
            Some(MessageKind::Contact) => MessageContent::Contact(self.contact.take().unwrap_or_default()),
            Some(MessageKind::Unknown(kind)) => MessageContent::Unknown(self.unknown_content(Some(kind))),
            None => MessageContent::Unknown(self.unknown_content(None)),
        }
    }

    /// A message that does not name its kind is of the kind whose details it has.
    fn kind_by_details(&self) -> Option<MessageKind> {
        [
            (self.text.is_some() || self.message_text.is_some(), MessageKind::Text),
            (self.image.is_some(), MessageKind::Image),
            (self.file.is_some(), MessageKind::File),
            (self.voice.is_some(), MessageKind::Voice),
            (self.video.is_some(), MessageKind::Video),
            (self.location.is_some(), MessageKind::Location),
            (self.contact.is_some(), MessageKind::Contact),
        ]
        .into_iter()
        .find_map(|(has_details, kind)| has_details.then_some(kind))
    }

    fn take_text(&mut self) -> Option<String> {
        self.text.take().or_else(|| self.message_text.take())
    }

    /// All that came, also under keys that the crate knows from other kinds.
    fn unknown_content(&mut self, kind: Option<String>) -> UnknownContent {
        let text = self.take_text();
        let mut fields = std::mem::take(&mut self.unknown);
        let location = self.location.take().and_then(LocationFields::location);
        let known = [
            ("image_data", self.image.as_ref().map(RawJson::of)),
            ("file_data", self.file.as_ref().map(RawJson::of)),
            ("voice_data", self.voice.as_ref().map(RawJson::of)),
            ("video_data", self.video.as_ref().map(RawJson::of)),
            ("location_data", location.as_ref().map(RawJson::of)),
            ("contact_data", self.contact.as_ref().map(RawJson::of)),
        ];
        fields.extend(known.into_iter().filter_map(|(key, json)| Some((key.to_owned(), json?.ok()?))));
        UnknownContent { kind, text, fields }
    }
}

#[derive(Default)]
pub(crate) struct ConversationFields {
    pub(crate) id: Option<ConversationId>,
    kind: Option<ConversationKind>,
    post_token: Option<PostToken>,
}

impl FromObject for ConversationFields {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "id" => entry.scalar(&mut self.id),
            "type" => entry.scalar(&mut self.kind),
            "post_token" => entry.scalar(&mut self.post_token),
            _ => entry.skip(),
        }
    }
}

impl ConversationFields {
    /// The conversation, or `None` where it has no id.
    pub(crate) fn conversation(self) -> Option<Conversation> {
        Some(Conversation { id: self.id?, kind: self.kind, post_token: self.post_token })
    }

    /// The conversation, with the id `asked` for where it has none.
    pub(crate) fn or(self, asked: &ConversationId) -> Conversation {
        let id = self.id.unwrap_or_else(|| asked.clone());
        Conversation { id, kind: self.kind, post_token: self.post_token }
    }
}

#[derive(Default)]
struct SenderFields {
    side: Option<Side>,
    kind: Option<SenderKind>,
}

impl FromObject for SenderFields {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "side" => entry.scalar(&mut self.side),
            "type" => entry.scalar(&mut self.kind),
            _ => entry.skip(),
        }
    }
}

impl SenderFields {
    /// At first, Divar wrote the side as the type.
    fn sender(self) -> Sender {
        match self {
            Self { side: None, kind: Some(SenderKind::Unknown(name)) } => match Side::from_name(&name) {
                Side::Unknown(_) => Sender { side: None, kind: Some(SenderKind::Unknown(name)) },
                side => Sender { side: Some(side), kind: None },
            },
            Self { side, kind } => Sender { side, kind },
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
            .conversation()
            .ok_or_else(|| serde::de::Error::custom("a conversation needs an id"))
    }
}

impl<'de> Deserialize<'de> for Sender {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::object::<SenderFields, D>(deserializer).map(SenderFields::sender)
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
        match &self.content {
            MessageContent::Text(text) => map.serialize_entry("text", text)?,
            MessageContent::Image(image) => map.serialize_entry("image_data", image)?,
            MessageContent::File(file) => map.serialize_entry("file_data", file)?,
            MessageContent::Voice(voice) => map.serialize_entry("voice_data", voice)?,
            MessageContent::Video(video) => map.serialize_entry("video_data", video)?,
            MessageContent::Location(Some(location)) => map.serialize_entry("location_data", location)?,
            MessageContent::Location(None) => {}
            MessageContent::Contact(contact) => map.serialize_entry("contact_data", contact)?,
            MessageContent::Unknown(unknown) => {
                if let Some(text) = &unknown.text {
                    map.serialize_entry("text", text)?;
                }
                for (key, json) in &unknown.fields {
                    map.serialize_entry(key, json)?;
                }
            }
        }
        map.end()
    }
}
