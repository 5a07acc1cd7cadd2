//! Which call a request is.

use http::Method;
use percent_encoding::percent_decode_str;

use kenar::model::{ConversationId, UserId};
use kenar::operation::{
    CreateUploadToken, GetConversation, GetUser, MediaKind, SendBotMessage, SendBotMessageToUser, SendMessage,
    Subscribe,
};
use kenar::request::Operation as _;

use super::answer::Refusal;
use super::{retired, token};

/// One of the calls that the sandbox knows.
pub(super) enum Call {
    SendMessage(ConversationId),
    GetConversation(ConversationId),
    SendBotMessage(ConversationId),
    SendBotMessageToUser(UserId),
    CreateUploadToken,
    Subscribe,
    GetUser,
    ListScopes,
    ListPermissions,
    AskConsent,
    DecideConsent,
    Token,
}

impl Call {
    pub(super) fn name(&self, body: &[u8]) -> &'static str {
        match self {
            Self::SendMessage(_) => SendMessage::NAME,
            Self::GetConversation(_) => GetConversation::NAME,
            Self::SendBotMessage(_) => SendBotMessage::NAME,
            Self::SendBotMessageToUser(_) => SendBotMessageToUser::NAME,
            Self::CreateUploadToken => CreateUploadToken::NAME,
            Self::Subscribe => Subscribe::NAME,
            Self::GetUser => GetUser::NAME,
            Self::ListScopes => "assets.list_scopes",
            Self::ListPermissions => "assets.list_permissions",
            Self::AskConsent => "oauth.ask_consent",
            Self::DecideConsent => "oauth.decide_consent",
            Self::Token => token::operation(body),
        }
    }

    /// Whether it takes an API key. The OpenAPI file has none for the lists.
    pub(super) fn takes_api_key(&self) -> bool {
        let lists = matches!(self, Self::ListScopes | Self::ListPermissions);
        !lists && !matches!(self, Self::AskConsent | Self::DecideConsent | Self::Token)
    }

    pub(super) fn of(method: &Method, path: &str) -> Result<Self, Refusal> {
        let segments = segments(path).ok_or_else(|| Refusal::not_found("Not Found"))?;
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        let unknown = || retired::refusal(method, &segments).unwrap_or_else(|| Refusal::not_found("Not Found"));
        let (expected, call) = match *segments.as_slice() {
            ["v2", "open-platform", "conversations", id, "messages"] => (Method::POST, Self::SendMessage(id.into())),
            ["v1", "open-platform", "chat", "conversations", id] => (Method::GET, Self::GetConversation(id.into())),
            ["v1", "open-platform", "chat", "bot", "conversations", id, "messages"] => {
                (Method::POST, Self::SendBotMessage(id.into()))
            }
            ["v1", "open-platform", "chat", "bot", "users", id, "messages"] => {
                (Method::POST, Self::SendBotMessageToUser(id.into()))
            }
            ["experimental", "open-platform", "chat", "upload"] => (Method::POST, Self::CreateUploadToken),
            ["v1", "open-platform", "events", "subscriptions"] => (Method::POST, Self::Subscribe),
            ["v1", "open-platform", "users"] => (Method::GET, Self::GetUser),
            ["oauth2", "auth"] if method == Method::POST => (Method::POST, Self::DecideConsent),
            ["oauth2", "auth"] => (Method::GET, Self::AskConsent),
            ["oauth2", "token"] => (Method::POST, Self::Token),
            ["v1", "open-platform", "assets", "oauth-scope"] => (Method::GET, Self::ListScopes),
            ["v1", "open-platform", "assets", "permission"] => (Method::GET, Self::ListPermissions),
            _ => return Err(unknown()),
        };
        if *method == expected {
            Ok(call)
        } else {
            Err(retired::refusal(method, &segments).unwrap_or_else(Refusal::wrong_method))
        }
    }
}

/// The segments of a path, decoded one by one, so that an encoded slash stays in its segment.
fn segments(path: &str) -> Option<Vec<String>> {
    let decoded = path.strip_prefix('/')?.split('/').map(|segment| percent_decode_str(segment).decode_utf8());
    decoded.map(|segment| segment.ok().map(std::borrow::Cow::into_owned)).collect()
}

/// Which kind of medium a path is for, if it is for uploads.
pub(super) fn upload_kind(path: &str) -> Option<MediaKind> {
    let kind = path.strip_prefix("/upload/")?;
    MediaKind::ALL.iter().copied().find(|known| known.as_str() == kind)
}
