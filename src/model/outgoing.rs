use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::action::InvalidButtonData;
use super::{ButtonGrid, MediaToken};

/// What a message of yours says: a text or a medium, never both.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutgoingContent {
    /// A text. Emoji and line breaks are fine; Divar does not say how long it may be.
    Text(String),
    /// A medium, by the token that its upload gave.
    Media(MediaToken),
}

/// A message into a post's conversation, written in the name of the user whose access token it is sent with. Divar
/// prints your app's title above it. The guide has [the flow](crate::guide::sending).
///
/// ```
/// use kenar::{Button, ConversationMessage};
/// use kenar::model::icon::Icon;
/// # let tracking: url::Url = "https://addon.example/track/17".parse().unwrap();
///
/// let message = ConversationMessage::text("درخواست ارسال ثبت شد 🚚")
///     .sender_buttons([[Button::open_link("پیگیری سفارش", tracking).icon(Icon::SEND)]])
///     .receiver_buttons([[Button::server_link("تأیید زمان", serde_json::json!({ "order": "17" }))]]);
/// ```
///
/// A text with a medium does not exist, so it does not compile:
///
/// ```compile_fail
/// # use kenar::ConversationMessage;
/// # use kenar::model::MediaToken;
/// ConversationMessage::text("سلام").media(MediaToken::new("token"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConversationMessage {
    /// What it says, to both sides.
    pub content: OutgoingContent,
    /// The buttons that the user sees in whose name it is sent.
    pub sender_buttons: Option<ButtonGrid>,
    /// The buttons that the other side sees.
    pub receiver_buttons: Option<ButtonGrid>,
}

/// A message of your chatbot.
///
/// ```
/// use kenar::{BotMessage, Button};
///
/// let message = BotMessage::text("نوبت شماست").buttons([[Button::dynamic_action("شروع دوباره", serde_json::json!({}))]]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BotMessage {
    /// What it says.
    pub content: OutgoingContent,
    /// The buttons under it.
    pub buttons: Option<ButtonGrid>,
}

/// Why a message cannot be sent, found before anything leaves your machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMessage {
    /// The text is empty, which Divar's server cannot tell from no text.
    #[error("the text of a message must not be empty")]
    EmptyText,
    /// The media token is empty.
    #[error("the media token of a message must not be empty")]
    EmptyMediaToken,
    /// The data of a button is no JSON object.
    #[error(transparent)]
    ButtonData(#[from] InvalidButtonData),
}

impl ConversationMessage {
    /// A message that says a text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(OutgoingContent::Text(text.into()))
    }

    /// A message that shows a medium.
    #[must_use]
    pub fn media(media: impl Into<MediaToken>) -> Self {
        Self::new(OutgoingContent::Media(media.into()))
    }

    fn new(content: OutgoingContent) -> Self {
        Self { content, sender_buttons: None, receiver_buttons: None }
    }

    /// Puts buttons under it, for the user in whose name it is sent.
    #[must_use]
    pub fn sender_buttons(mut self, buttons: impl Into<ButtonGrid>) -> Self {
        self.sender_buttons = Some(buttons.into());
        self
    }

    /// Puts buttons under it, for the other side.
    #[must_use]
    pub fn receiver_buttons(mut self, buttons: impl Into<ButtonGrid>) -> Self {
        self.receiver_buttons = Some(buttons.into());
        self
    }

    /// Whether it can be sent; sending asks this first.
    ///
    /// # Errors
    ///
    /// [`InvalidMessage`], where a text is empty or the data of a button is no JSON object.
    pub fn check(&self) -> Result<(), InvalidMessage> {
        self.content.check()?;
        self.sender_buttons.iter().chain(&self.receiver_buttons).try_for_each(ButtonGrid::check)?;
        Ok(())
    }
}

impl BotMessage {
    /// A message that says a text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: OutgoingContent::Text(text.into()), buttons: None }
    }

    /// A message that shows a medium.
    #[must_use]
    pub fn media(media: impl Into<MediaToken>) -> Self {
        Self { content: OutgoingContent::Media(media.into()), buttons: None }
    }

    /// Puts buttons under it.
    #[must_use]
    pub fn buttons(mut self, buttons: impl Into<ButtonGrid>) -> Self {
        self.buttons = Some(buttons.into());
        self
    }

    /// Whether it can be sent; sending asks this first.
    ///
    /// # Errors
    ///
    /// [`InvalidMessage`], where a text is empty or the data of a button is no JSON object.
    pub fn check(&self) -> Result<(), InvalidMessage> {
        self.content.check()?;
        self.buttons.iter().try_for_each(ButtonGrid::check)?;
        Ok(())
    }
}

impl OutgoingContent {
    fn check(&self) -> Result<(), InvalidMessage> {
        match self {
            Self::Text(text) if text.is_empty() => Err(InvalidMessage::EmptyText),
            Self::Media(token) if token.as_str().is_empty() => Err(InvalidMessage::EmptyMediaToken),
            Self::Text(_) | Self::Media(_) => Ok(()),
        }
    }

    /// The text or the media token.
    fn parts(&self) -> (Option<Cow<'_, str>>, Option<Cow<'_, MediaToken>>) {
        match self {
            Self::Text(text) => (Some(Cow::Borrowed(text)), None),
            Self::Media(token) => (None, Some(Cow::Borrowed(token))),
        }
    }

    fn from_parts(text: Option<Cow<'_, str>>, media_token: Option<Cow<'_, MediaToken>>) -> Result<Self, &'static str> {
        match (text, media_token) {
            (Some(text), None) => Ok(Self::Text(text.into_owned())),
            (None, Some(token)) => Ok(Self::Media(token.into_owned())),
            (Some(_), Some(_)) => Err("a message is either a text or a medium, not both"),
            (None, None) => Err("a message needs a text or a media token"),
        }
    }
}

/// The `type` of a text. The documents want it there; the OpenAPI file does not know it, and the documents' example with a
/// medium has none.
fn type_of_text(text: Option<&str>) -> Option<&'static str> {
    text.map(|_| "TEXT")
}

/// Declares how a message is written, and read in the sandbox: its content, with the key of its text, and its buttons.
macro_rules! outgoing {
    ($message:ident as $wire:ident { $text:ident, $($buttons:ident)* }) => {
        #[derive(Serialize, Deserialize)]
        struct $wire<'a> {
            #[serde(rename = "type", skip_deserializing, skip_serializing_if = "Option::is_none")]
            kind: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            $text: Option<Cow<'a, str>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            media_token: Option<Cow<'a, MediaToken>>,
            $(#[serde(skip_serializing_if = "Option::is_none")]
            $buttons: Option<Cow<'a, ButtonGrid>>,)*
        }

        impl Serialize for $message {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let ($text, media_token) = self.content.parts();
                let kind = type_of_text($text.as_deref());
                $(let $buttons = self.$buttons.as_ref().map(Cow::Borrowed);)*
                $wire { kind, $text, media_token, $($buttons),* }.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $message {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let wire = $wire::deserialize(deserializer)?;
                let content = OutgoingContent::from_parts(wire.$text, wire.media_token).map_err(D::Error::custom)?;
                Ok(Self { content, $($buttons: wire.$buttons.map(Cow::into_owned)),* })
            }
        }
    };
}

outgoing! { ConversationMessage as ConversationMessageWire { message, sender_buttons receiver_buttons } }
outgoing! { BotMessage as BotMessageWire { text_message, buttons } }
