use std::borrow::Cow;

use bytes::Bytes;
use http::Response;

use crate::model::members::{self, Members};
use crate::model::wire::{deserialize, serialize, setters, wire};
use crate::model::{BotMessage, ConversationId, ConversationMessage, InvalidMessage, UserId};
use crate::request::response::{self, UnexpectedResponse};
use crate::request::{
    ApiKeyPermission, Content, Credential, IncomingRequest, InvalidRequest, Metadata, Operation, ParseOperation,
    PathParameters, ScopeKind,
};
use crate::secret::AccessToken;

/// Sends a message into a post's conversation on behalf of a user.
///
/// Both sides see the text; each side sees its own buttons. Divar creates a missing conversation. Subscribers receive the
/// message as an event, with the sender kind [`Bot`](crate::model::SenderKind::Bot) and that user's side.
///
/// API-key permission: `CHAT_SEND_MESSAGE_OAUTH`. OAuth scope, any one of:
/// `CONVERSATION_SEND_MESSAGE.{conversation id}`, `CHAT_POST_CONVERSATIONS_MESSAGE_SEND.{post token}`,
/// `CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND`.
///
/// Divar responds with 412 if the recipient is restricted, for example because one user blocked the other:
/// [`Error::is_recipient_restricted`](crate::Error::is_recipient_restricted).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SendMessage<'a> {
    /// The conversation.
    pub conversation: Cow<'a, ConversationId>,
    /// The message.
    pub message: Cow<'a, ConversationMessage>,
    /// The access token of the user on whose behalf it is sent.
    pub by: Cow<'a, AccessToken>,
}

impl<'a> SendMessage<'a> {
    /// A message into a conversation, on behalf of the user who granted the token.
    #[must_use]
    pub fn new(conversation: &'a ConversationId, message: &'a ConversationMessage, by: &'a AccessToken) -> Self {
        Self { conversation: Cow::Borrowed(conversation), message: Cow::Borrowed(message), by: Cow::Borrowed(by) }
    }
}

wire! {
    /// Divar's response to a sent message. Every field may be missing: an empty 2xx response is a success.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct SendMessageResponse {
        /// A status code in the body, apart from the HTTP status.
        pub status: Option<i32>,
        /// A status text, such as `success`.
        pub message: Option<String>,
    }
}

serialize! { SendMessageResponse }
deserialize! { SendMessageResponse }

setters! { SendMessageResponse { status: i32, message: impl Into<String> } }

impl Operation for SendMessage<'_> {
    type Response = SendMessageResponse;

    const METADATA: Metadata =
        Metadata::post("conversation.send_message", "/v2/open-platform/conversations/{conversation_id}/messages")
            .with_permission(ApiKeyPermission::CHAT_SEND_MESSAGE_OAUTH)
            .for_user(&[
                ScopeKind::CONVERSATION_SEND_MESSAGE,
                ScopeKind::CHAT_POST_CONVERSATIONS_MESSAGE_SEND,
                ScopeKind::CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND,
            ])
            .to_recipient();

    fn credential(&self) -> Credential<'_> {
        Credential::User(&self.by)
    }

    fn path_parameters(&self) -> PathParameters<'_> {
        [self.conversation.as_str()].into()
    }

    fn content(&self) -> Result<Content, InvalidRequest> {
        content(&*self.message, self.message.check())
    }

    fn read(&self, response: &Response<Bytes>) -> Result<SendMessageResponse, UnexpectedResponse> {
        response::object_or_empty(response)
    }
}

impl ParseOperation for SendMessage<'_> {
    fn parse(request: &IncomingRequest<'_>) -> Result<Self, InvalidRequest> {
        let message: ConversationMessage = request.json()?;
        message.check().map_err(InvalidRequest::new)?;
        Ok(Self {
            conversation: Cow::Owned(request.path_parameter(0)?.into()),
            message: Cow::Owned(message),
            by: Cow::Owned(request.access_token()?),
        })
    }
}

/// Sends a chatbot message into a conversation between a user and your chatbot.
///
/// API-key permission: `CHAT_BOT_SEND_MESSAGE`. OAuth scope: none.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SendBotMessage<'a> {
    /// The conversation.
    pub conversation: Cow<'a, ConversationId>,
    /// The message.
    pub message: Cow<'a, BotMessage>,
}

impl<'a> SendBotMessage<'a> {
    /// A message into a conversation of your chatbot.
    #[must_use]
    pub fn new(conversation: &'a ConversationId, message: &'a BotMessage) -> Self {
        Self { conversation: Cow::Borrowed(conversation), message: Cow::Borrowed(message) }
    }
}

/// Sends a chatbot message to a user.
///
/// The user need not have written to the chatbot before.
///
/// Store the response's conversation id with the user's id: chatbot events name only the conversation.
///
/// API-key permission: `CHAT_BOT_SEND_MESSAGE`. OAuth scope: `CHAT_BOT_USER_MESSAGE_SEND`, granted by that user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SendBotMessageToUser<'a> {
    /// The recipient, who granted the token.
    pub user: Cow<'a, UserId>,
    /// The message.
    pub message: Cow<'a, BotMessage>,
    /// The recipient's access token.
    pub by: Cow<'a, AccessToken>,
}

impl<'a> SendBotMessageToUser<'a> {
    /// A chatbot message to the user who granted the token.
    #[must_use]
    pub fn new(user: &'a UserId, message: &'a BotMessage, by: &'a AccessToken) -> Self {
        Self { user: Cow::Borrowed(user), message: Cow::Borrowed(message), by: Cow::Borrowed(by) }
    }
}

wire! {
    /// Divar's response to a sent chatbot message. An empty 2xx response is a success.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct SendBotMessageResponse {
        /// The conversation that contains the message.
        pub conversation_id: Option<ConversationId>,
    }
}

serialize! { SendBotMessageResponse }
deserialize! { SendBotMessageResponse }

setters! { SendBotMessageResponse { conversation_id: impl Into<ConversationId> } }

impl Operation for SendBotMessage<'_> {
    type Response = SendBotMessageResponse;

    const METADATA: Metadata =
        Metadata::post("bot.send_message", "/v1/open-platform/chat/bot/conversations/{conversation_id}/messages")
            .with_permission(ApiKeyPermission::CHAT_BOT_SEND_MESSAGE)
            .to_recipient();

    fn credential(&self) -> Credential<'_> {
        Credential::ApiKey
    }

    fn path_parameters(&self) -> PathParameters<'_> {
        [self.conversation.as_str()].into()
    }

    fn content(&self) -> Result<Content, InvalidRequest> {
        content(&*self.message, self.message.check())
    }

    fn read(&self, response: &Response<Bytes>) -> Result<SendBotMessageResponse, UnexpectedResponse> {
        response::object_or_empty(response)
    }
}

impl ParseOperation for SendBotMessage<'_> {
    fn parse(request: &IncomingRequest<'_>) -> Result<Self, InvalidRequest> {
        let message = Cow::Owned(message(request)?);
        Ok(Self { conversation: Cow::Owned(request.path_parameter(0)?.into()), message })
    }
}

impl Operation for SendBotMessageToUser<'_> {
    type Response = SendBotMessageResponse;

    const METADATA: Metadata =
        Metadata::post("bot.send_message_to_user", "/v1/open-platform/chat/bot/users/{user_id}/messages")
            .with_permission(ApiKeyPermission::CHAT_BOT_SEND_MESSAGE)
            .for_user(&[ScopeKind::CHAT_BOT_USER_MESSAGE_SEND])
            .to_recipient();

    fn credential(&self) -> Credential<'_> {
        Credential::User(&self.by)
    }

    fn path_parameters(&self) -> PathParameters<'_> {
        [self.user.as_str()].into()
    }

    fn content(&self) -> Result<Content, InvalidRequest> {
        content(&*self.message, self.message.check())
    }

    fn read(&self, response: &Response<Bytes>) -> Result<SendBotMessageResponse, UnexpectedResponse> {
        response::object_or_empty(response)
    }
}

impl ParseOperation for SendBotMessageToUser<'_> {
    fn parse(request: &IncomingRequest<'_>) -> Result<Self, InvalidRequest> {
        let message = Cow::Owned(message(request)?);
        let (user, by) = (request.path_parameter(0)?.into(), request.access_token()?);
        Ok(Self { user: Cow::Owned(user), message, by: Cow::Owned(by) })
    }
}

/// The size of a message with all its buttons.
const USUAL_JSON_BYTES: usize = 2048;

fn content(message: &impl Members, check: Result<(), InvalidMessage>) -> Result<Content, InvalidRequest> {
    check.map_err(InvalidRequest::new)?;
    members::json_text(message, USUAL_JSON_BYTES).map(Content::of_json).map_err(InvalidRequest::new)
}

fn message(request: &IncomingRequest<'_>) -> Result<BotMessage, InvalidRequest> {
    let message: BotMessage = request.json()?;
    message.check().map_err(InvalidRequest::new)?;
    Ok(message)
}
