//! Retired paths of the platform, with their successors.
//!
//! Most public add-ons still call one of them, so the error names the current path.

use http::Method;

use kenar::oauth::{ExchangeCode, PermissionRequest};
use kenar::operation::{GetConversation, GetUser, SendBotMessage, SendBotMessageToUser, SendMessage, Subscribe};
use kenar::request::{Metadata, Operation as _};

use super::api_error::ApiError;

/// A retired operation.
struct Retired {
    operation: Metadata,
    /// The date until which it was documented.
    until: &'static str,
    successor: Successor,
}

#[derive(Clone, Copy)]
enum Successor {
    SendMessage,
    SendBotMessage,
    SendBotMessageToUser,
    GetConversation,
    GetUser,
    Subscribe,
    Consent,
    Token,
    Nothing,
}

impl Successor {
    fn request(self) -> Option<String> {
        Some(match self {
            Self::SendMessage => SendMessage::METADATA.to_string(),
            Self::SendBotMessage => SendBotMessage::METADATA.to_string(),
            Self::SendBotMessageToUser => SendBotMessageToUser::METADATA.to_string(),
            Self::GetConversation => GetConversation::METADATA.to_string(),
            Self::GetUser => GetUser::METADATA.to_string(),
            Self::Subscribe => Subscribe::METADATA.to_string(),
            Self::Consent => PermissionRequest::METADATA.to_string(),
            Self::Token => format!("{} with a form body", ExchangeCode::METADATA),
            Self::Nothing => return None,
        })
    }

    fn topic(self) -> &'static str {
        match self {
            Self::SendMessage => "sending a message",
            Self::SendBotMessage | Self::SendBotMessageToUser => "chatbots",
            Self::GetConversation => "reading a conversation",
            Self::GetUser => "users",
            Self::Subscribe | Self::Nothing => "events",
            Self::Consent | Self::Token => "OAuth",
        }
    }
}

const ALL: &[Retired] = &[
    retired(&Method::POST, "/v2/open-platform/chat/conversation", "2024-10", Successor::SendMessage),
    retired(&Method::POST, "/v1/open-platform/bot/send-message", "2024-01", Successor::SendBotMessageToUser),
    retired(&Method::GET, "/v1/open-platform/chat/conversation-messages", "2024-05", Successor::GetConversation),
    retired(&Method::POST, "/v1/open-platform/notify/chat/post-conversations", "2024", Successor::Subscribe),
    retired(
        &Method::POST,
        "/v2/open-platform/chatbot-conversations/{id}/messages",
        "2024-12",
        Successor::SendBotMessage,
    ),
    retired(
        &Method::POST,
        "/expermiental/open-platform/chatbot-conversations/{id}/messages",
        "2024-12",
        Successor::SendBotMessage,
    ),
    retired(
        &Method::POST,
        "/experimental/open-platform/chatbot-conversations/{id}/messages",
        "2025-02",
        Successor::SendBotMessage,
    ),
    retired(
        &Method::POST,
        "/experimental/open-platform/chat/bot/conversations/{id}/messages",
        "2025-06",
        Successor::SendBotMessage,
    ),
    retired(
        &Method::POST,
        "/experimental/open-platform/chat/bot/users/{id}/messages",
        "2025-06",
        Successor::SendBotMessageToUser,
    ),
    retired(&Method::POST, GetUser::METADATA.path(), "2026-02", Successor::GetUser),
    retired(&Method::POST, "/experimental/open-platform/events/send", "2025-12", Successor::Nothing),
    retired(&Method::POST, "/v1/open-platform/oauth/access_token", "2024", Successor::Token),
    retired(&Method::POST, "/v1/open-platform/oauth/url_encoded_access_token", "2024", Successor::Token),
    retired(&Method::GET, "/oauth", "2024-05", Successor::Consent),
    retired(&Method::GET, "/auth", "2025-05", Successor::Consent),
];

const fn retired(method: &'static Method, path: &'static str, until: &'static str, successor: Successor) -> Retired {
    Retired { operation: Metadata::new(method, "retired", path), until, successor }
}

/// The error for a retired operation, which names its successor.
pub(super) fn error(method: &Method, path: &str) -> Option<ApiError> {
    let mut known = ALL.iter().filter(|retired| retired.operation.method() == method);
    let Retired { operation, until, successor } = known.find(|retired| retired.operation.matches(path).is_some())?;
    let retired = format!("retired operation {operation} (documented until {until})");
    let message = match successor.request() {
        Some(request) => format!("{retired}: call {request} instead"),
        None => format!("{retired}: it has no successor"),
    };
    Some(ApiError::not_found(message).see(successor.topic()))
}
