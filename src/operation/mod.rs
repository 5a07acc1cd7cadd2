//! The calls of the chat API, one file each: what to send and what the answer means, without any I/O.
//!
//! | operation | method of [`ChatApi`](crate::ChatApi) | API-key permission | OAuth scope, any one of |
//! |---|---|---|---|
//! | [`SendMessage`] | `send_message` | `CHAT_SEND_MESSAGE_OAUTH` | `CONVERSATION_SEND_MESSAGE.{conversation id}`, `CHAT_POST_CONVERSATIONS_MESSAGE_SEND.{post token}`, `CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND` |
//! | [`GetConversation`] | `get_conversation` | `CHAT_READ_CONVERSATION` | `CHAT_CONVERSATION_READ.{conversation id}` |
//! | [`SendBotMessage`] | `send_bot_message` | `CHAT_BOT_SEND_MESSAGE` | none |
//! | [`SendBotMessageToUser`] | `send_bot_message_to_user` | `CHAT_BOT_SEND_MESSAGE` | `CHAT_BOT_USER_MESSAGE_SEND` |
//! | [`CreateUploadToken`], [`UploadMedia`] | `upload_media` | `CHAT_UPLOAD_MEDIA` | none |
//! | [`Subscribe`] | `subscribe` | `EVENTS_REGISTER_SUBSCRIPTION` | one for each kind of event, see [`Subscription`] |
//! | [`GetUser`] | `get_user` | `USER_RETRIEVE` | `USER_ID`, `USER_PHONE`: each for its part of the answer |
//!
//! The API key gets its permissions in the Kenar panel, the access token its scopes from the user; a call needs both.
//!
//! Any HTTP client can send an operation; the crate's own adds retries, time limits and redaction:
//!
//! ```
//! use kenar::operation::SendBotMessage;
//! use kenar::request::{Hosts, Operation};
//! use kenar::{BotMessage, ConversationId};
//!
//! let conversation = ConversationId::new("5f8b0f6e-0000-4000-8000-000000000001");
//! let message = BotMessage::text("سلام");
//! let request = SendBotMessage { conversation: &conversation, message: &message }.request(&Hosts::default())?;
//! assert_eq!(request.method(), "POST");
//! // … add the API key, send, and give the answer to `response`.
//! # Ok::<(), kenar::Error>(())
//! ```

mod get_conversation;
mod get_user;
mod media;
mod send_bot_message;
mod send_message;
mod subscribe;
mod upload_media;

pub use get_conversation::{ConversationHistory, GetConversation};
pub use get_user::{GetUser, User};
pub use media::{InvalidMedia, Media, MediaKind, MediaSource};
pub use send_bot_message::{BotMessageSent, SendBotMessage, SendBotMessageToUser};
pub use send_message::{MessageSent, SendMessage};
pub use subscribe::{Subscribe, Subscription, SubscriptionEvent};
pub use upload_media::{CreateUploadToken, UploadMedia};
