use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::action::InvalidButtonData;
use super::members::{Members, Object};
use super::wire::serialize;
use super::{ButtonGrid, MediaToken};

/// The content of an outgoing message: a text or a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutgoingContent {
    /// A text, which may contain emoji and line breaks. Divar documents no length limit.
    Text(String),
    /// A medium, by the token from its upload.
    Media(MediaToken),
}

/// A message to a post's conversation, sent on behalf of the access token's user.
///
/// Divar shows your app's title above it. See [the guide](crate::guide::sending).
///
/// A message cannot contain both a text and a medium:
///
/// ```compile_fail
/// # use kenar::ConversationMessage;
/// # use kenar::model::MediaToken;
/// ConversationMessage::text("سلام").media(MediaToken::new("token"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConversationMessage {
    /// The content, for both sides.
    pub content: OutgoingContent,
    /// The buttons that the access token's user sees.
    pub sender_buttons: Option<ButtonGrid>,
    /// The buttons that the other side sees.
    pub receiver_buttons: Option<ButtonGrid>,
}

/// A message from your chatbot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BotMessage {
    /// The content.
    pub content: OutgoingContent,
    /// The buttons under the message.
    pub buttons: Option<ButtonGrid>,
}

/// The error for a message that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMessage {
    /// The text is empty. Divar's server treats it as missing.
    #[error("the text of a message must not be empty")]
    EmptyText,
    /// The media token is empty.
    #[error("the media token of a message must not be empty")]
    EmptyMediaToken,
    /// The data of a button is not a JSON object.
    #[error(transparent)]
    ButtonData(#[from] InvalidButtonData),
}

impl OutgoingContent {
    fn check(&self) -> Result<(), InvalidMessage> {
        match self {
            Self::Text(text) if text.is_empty() => Err(InvalidMessage::EmptyText),
            Self::Media(token) if token.as_str().is_empty() => Err(InvalidMessage::EmptyMediaToken),
            Self::Text(_) | Self::Media(_) => Ok(()),
        }
    }

    fn from_parts(text: Option<String>, media_token: Option<MediaToken>) -> Result<Self, &'static str> {
        match (text, media_token) {
            (Some(text), None) => Ok(Self::Text(text)),
            (None, Some(token)) => Ok(Self::Media(token)),
            (Some(_), Some(_)) => Err("a message is either a text or a medium, not both"),
            (None, None) => Err("a message needs a text or a media token"),
        }
    }
}

/// Implements construction, serialisation, and the parsing by the sandbox: of a content, by its text's key, and of buttons.
macro_rules! outgoing {
    ($message:ident as $wire:ident { $text:ident, $($(#[$doc:meta])* $buttons:ident)* }) => {
        impl $message {
            /// A message with a text.
            #[must_use]
            pub fn text(text: impl Into<String>) -> Self {
                Self { content: OutgoingContent::Text(text.into()), $($buttons: None),* }
            }

            /// A message with a medium.
            #[must_use]
            pub fn media(media: impl Into<MediaToken>) -> Self {
                Self { content: OutgoingContent::Media(media.into()), $($buttons: None),* }
            }

            $($(#[$doc])*
            #[must_use]
            pub fn $buttons(mut self, buttons: impl Into<ButtonGrid>) -> Self {
                self.$buttons = Some(buttons.into());
                self
            })*

            /// Checks that the message can be sent. Sending calls this first.
            ///
            /// # Errors
            ///
            /// [`InvalidMessage`] if the text or the media token is empty, or the data of a button is not a JSON object.
            pub fn check(&self) -> Result<(), InvalidMessage> {
                self.content.check()?;
                $(self.$buttons.iter().try_for_each(ButtonGrid::check)?;)*
                Ok(())
            }
        }

        impl Members for $message {
            fn members<O: Object>(&self, object: &mut O) -> Result<(), O::Error> {
                match &self.content {
                    OutgoingContent::Text(text) => {
                        // The documentation requires it, but has none in the example with a medium; the OpenAPI file
                        // has none.
                        object.text("type", "TEXT")?;
                        object.text(stringify!($text), text)?;
                    }
                    OutgoingContent::Media(token) => object.text("media_token", token.as_str())?,
                }
                $(if let Some(buttons) = &self.$buttons {
                    object.object(stringify!($buttons), buttons)?;
                })*
                Ok(())
            }
        }

        serialize! { $message }

        #[derive(Deserialize)]
        struct $wire {
            $text: Option<String>,
            media_token: Option<MediaToken>,
            $($buttons: Option<ButtonGrid>,)*
        }

        impl<'de> Deserialize<'de> for $message {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let wire = $wire::deserialize(deserializer)?;
                let content = OutgoingContent::from_parts(wire.$text, wire.media_token).map_err(D::Error::custom)?;
                Ok(Self { content, $($buttons: wire.$buttons),* })
            }
        }
    };
}

outgoing! {
    ConversationMessage as ConversationMessageWire {
        message,
        /// Adds buttons for the access token's user.
        sender_buttons
        /// Adds buttons for the other side.
        receiver_buttons
    }
}

outgoing! {
    BotMessage as BotMessageWire {
        text_message,
        /// Adds buttons.
        buttons
    }
}
