//! The operations of the chat API: each builds a request and reads its response, without I/O.
//!
//! [The table](crate#operations) lists the client's methods, and each operation's permission and scopes. Any HTTP client
//! can send an operation; the crate's own adds retries, timeouts and redaction:
//!
//! ```
//! use kenar::BotMessage;
//! use kenar::model::ConversationId;
//! use kenar::operation::SendBotMessage;
//! use kenar::request::{BaseUrls, Operation};
//!
//! let conversation = ConversationId::new("c-1");
//! let message = BotMessage::text("سلام");
//! let send = SendBotMessage::new(&conversation, &message);
//! let request = send.request(&BaseUrls::default())?;
//! assert_eq!(request.method(), "POST");
//! // … add the API key, send, and pass the response to `send.response`.
//! # Ok::<(), kenar::Error>(())
//! ```

use crate::request::{Metadata, Operation as _};

mod media;
mod read;
mod send;
mod subscribe;
mod upload_media;

pub use media::{InvalidMedia, Media, MediaKind, MediaSource};
pub use read::{GetConversation, GetConversationResponse, GetUser, GetUserResponse};
pub use send::{SendBotMessage, SendBotMessageResponse, SendBotMessageToUser, SendMessage, SendMessageResponse};
pub use subscribe::{Subscribe, Subscription, SubscriptionEvent};
pub use upload_media::{CreateUploadToken, UploadMedia};

/// The metadata of every operation of the chat API, in the order of [the table](crate#operations).
pub const ALL: &[Metadata] = &[
    SendMessage::METADATA,
    GetConversation::METADATA,
    SendBotMessage::METADATA,
    SendBotMessageToUser::METADATA,
    CreateUploadToken::METADATA,
    UploadMedia::METADATA,
    Subscribe::METADATA,
    GetUser::METADATA,
];
