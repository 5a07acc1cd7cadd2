//! Paths that the platform has retired, each with its successor.
//!
//! Most public add-ons still call one of them, so the error names what to call today.

use http::Method;

use super::answer::Refusal;

/// A path that the platform once served. `*` stands for any one segment.
struct Retired {
    method: Method,
    path: &'static str,
    /// Until when it was documented.
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
    fn request(self) -> Option<&'static str> {
        Some(match self {
            Self::SendMessage => "POST /v2/open-platform/conversations/{conversation_id}/messages",
            Self::SendBotMessage => "POST /v1/open-platform/chat/bot/conversations/{conversation_id}/messages",
            Self::SendBotMessageToUser => "POST /v1/open-platform/chat/bot/users/{user_id}/messages",
            Self::GetConversation => "GET /v1/open-platform/chat/conversations/{conversation_id}",
            Self::GetUser => "GET /v1/open-platform/users",
            Self::Subscribe => "POST /v1/open-platform/events/subscriptions",
            Self::Consent => "GET /oauth2/auth",
            Self::Token => "POST /oauth2/token, with a form",
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
    retired(Method::POST, "/v2/open-platform/chat/conversation", "2024-10", Successor::SendMessage),
    retired(Method::POST, "/v1/open-platform/bot/send-message", "2024-01", Successor::SendBotMessageToUser),
    retired(Method::GET, "/v1/open-platform/chat/conversation-messages", "2024-05", Successor::GetConversation),
    retired(Method::POST, "/v1/open-platform/notify/chat/post-conversations", "2024", Successor::Subscribe),
    retired(Method::POST, "/v2/open-platform/chatbot-conversations/*/messages", "2024-12", Successor::SendBotMessage),
    retired(
        Method::POST,
        "/expermiental/open-platform/chatbot-conversations/*/messages",
        "2024-12",
        Successor::SendBotMessage,
    ),
    retired(
        Method::POST,
        "/experimental/open-platform/chatbot-conversations/*/messages",
        "2025-02",
        Successor::SendBotMessage,
    ),
    retired(
        Method::POST,
        "/experimental/open-platform/chat/bot/conversations/*/messages",
        "2025-06",
        Successor::SendBotMessage,
    ),
    retired(
        Method::POST,
        "/experimental/open-platform/chat/bot/users/*/messages",
        "2025-06",
        Successor::SendBotMessageToUser,
    ),
    retired(Method::POST, "/v1/open-platform/users", "2026-02", Successor::GetUser),
    retired(Method::POST, "/experimental/open-platform/events/send", "2025-12", Successor::Nothing),
    retired(Method::POST, "/v1/open-platform/oauth/access_token", "2024", Successor::Token),
    retired(Method::POST, "/v1/open-platform/oauth/url_encoded_access_token", "2024", Successor::Token),
    retired(Method::GET, "/oauth", "2024-05", Successor::Consent),
    retired(Method::GET, "/auth", "2025-05", Successor::Consent),
];

const fn retired(method: Method, path: &'static str, until: &'static str, successor: Successor) -> Retired {
    Retired { method, path, until, successor }
}

/// The refusal that names the successor of a retired path, if the path is one.
pub(super) fn refusal(method: &Method, segments: &[&str]) -> Option<Refusal> {
    let of_path = |retired: &&Retired| {
        let mut pattern = retired.path.split('/').skip(1);
        let matches = segments.iter().all(|segment| pattern.next().is_some_and(|part| part == "*" || part == *segment));
        matches && pattern.next().is_none()
    };
    let mut known = ALL.iter().filter(of_path);
    let retired = known.find(|retired| retired.method == *method)?;
    let until = format!("{} {} is retired, and was documented until {}", retired.method, retired.path, retired.until);
    let what = match retired.successor.request() {
        Some(request) => format!("{until}: call {request}"),
        None => format!("{until}: it has no successor"),
    };
    Some(Refusal::not_found(what).see(retired.successor.topic()))
}
