//! Data types: identifiers, messages, buttons, actions and timestamps.
//!
//! The guide has a [glossary](crate::guide#words) of the platform's terms, such as post and side.
//!
//! Incoming data is parsed leniently. Enumerations keep unknown names, a field of an unexpected type counts as missing, and
//! identifiers are `None` if Divar sends `null`, `""` or nothing. Outgoing data is strict: a grid larger than 3 × 3 buttons,
//! or a text with a medium, cannot be built.
//!
//! ```
//! use kenar::model::Message;
//!
//! let message: Message = serde_json::from_str(r#"{
//!     "id": null, "conversation": { "id": "c-1" }, "type": "IMAGE", "sent_at": "1729429926140000"
//! }"#)?;
//! assert_eq!(message.sent_at.unwrap().to_string(), "2024-10-20T13:12:06.140000Z");
//! # Ok::<(), serde_json::Error>(())
//! ```

mod action;
mod app_url;
mod button;
mod content;
pub mod icon;
mod id;
pub(crate) mod json;
pub(crate) mod lenient;
pub(crate) mod members;
mod message;
mod outgoing;
mod timestamp;
pub(crate) mod wire;

// rustdoc reads aliases only here.
#[doc(alias("extra_data", "provider_data"))]
pub use action::ButtonData;
pub use action::{Action, InvalidButtonData};
pub use app_url::{AppUrl, InvalidAppUrl};
pub use button::{Button, ButtonGrid, ButtonRow, InvalidButtons};
pub use content::{Contact, File, Image, Location, MessageContent, MessageKind, UnknownContent, Video, Voice};
#[doc(alias = "client_id")]
pub use id::AppSlug;
#[doc(alias("media token", "upload token"))]
pub use id::MediaToken;
#[doc(alias = "peer_id")]
pub use id::UserId;
pub use id::{ConversationId, MessageId, PostToken, TransactionId};
pub use json::RawJson;
#[doc(alias = "user_side")]
pub use message::Side;
pub use message::{Conversation, ConversationKind, Message, Sender, SenderKind};
pub use outgoing::{BotMessage, ConversationMessage, InvalidMessage, OutgoingContent};
pub use timestamp::{InvalidTimestamp, Timestamp};

pub(crate) use app_url::{is_loopback, is_private, is_web, query_of};
pub(crate) use content::LocationFields;
pub(crate) use message::{ConversationFields, MessageFields};
