//! The calls of the chat API, one type each: what to send and what the answer means, without any I/O.
//!
//! [The table](crate#operations) says which method sends each, and what permission and scope it needs. Each is a value:
//! use it where you send it by other means, wrap the client, or stand in for Divar in a test.
//!
//! Any HTTP client can send an operation; the crate's own adds retries, time limits and redaction:
//!
//! ```
//! use kenar::BotMessage;
//! use kenar::model::ConversationId;
//! use kenar::operation::SendBotMessage;
//! use kenar::request::{BaseUrls, Operation};
//!
//! let conversation = ConversationId::new("5f8b0f6e-0000-4000-8000-000000000001");
//! let message = BotMessage::text("سلام");
//! let send = SendBotMessage::new(&conversation, &message);
//! let request = send.request(&BaseUrls::default())?;
//! assert_eq!(request.method(), "POST");
//! // … add the API key, send, and give the answer to `response`.
//! # Ok::<(), kenar::Error>(())
//! ```

use crate::request::{Metadata, Operation as _};

mod get_conversation;
mod get_user;
mod media;
mod send_bot_message;
mod send_message;
mod subscribe;
mod upload_media;

pub use get_conversation::{GetConversation, GetConversationResponse};
pub use get_user::{GetUser, GetUserResponse};
pub use media::{InvalidMedia, Media, MediaKind, MediaSource};
pub use send_bot_message::{SendBotMessage, SendBotMessageResponse, SendBotMessageToUser};
pub use send_message::{SendMessage, SendMessageResponse};
pub use subscribe::{Subscribe, Subscription, SubscriptionEvent};
pub use upload_media::{CreateUploadToken, UploadMedia};

/// The declarations of all operations of the chat API, in the order of [the table](crate#operations).
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
