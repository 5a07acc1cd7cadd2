use std::borrow::Cow;

use bytes::Bytes;
use http::Response;

use crate::model::wire::{deserialize, serialize, setters, wire};
use crate::model::{BotMessage, ConversationId, UserId};
use crate::request::response::{self, UnexpectedResponse};
use crate::request::{
    ApiKeyPermission, Content, Credential, IncomingRequest, InvalidRequest, Metadata, Operation, ParseOperation,
    PathParameters, ScopeKind,
};
use crate::secret::AccessToken;

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
/// The response contains the conversation's id. Store it with the user's id: chatbot events name only the conversation,
/// so nothing else tells you later who wrote.
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
        content(&self.message)
    }

    fn read(&self, response: &Response<Bytes>) -> Result<SendBotMessageResponse, UnexpectedResponse> {
        response::json_or_empty(response)
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
        content(&self.message)
    }

    fn read(&self, response: &Response<Bytes>) -> Result<SendBotMessageResponse, UnexpectedResponse> {
        response::json_or_empty(response)
    }
}

impl ParseOperation for SendBotMessageToUser<'_> {
    fn parse(request: &IncomingRequest<'_>) -> Result<Self, InvalidRequest> {
        let message = Cow::Owned(message(request)?);
        let (user, by) = (request.path_parameter(0)?.into(), request.access_token()?);
        Ok(Self { user: Cow::Owned(user), message, by: Cow::Owned(by) })
    }
}

fn content(message: &BotMessage) -> Result<Content, InvalidRequest> {
    message.check().map_err(InvalidRequest::new)?;
    Content::json(message)
}

fn message(request: &IncomingRequest<'_>) -> Result<BotMessage, InvalidRequest> {
    let message: BotMessage = request.json()?;
    message.check().map_err(InvalidRequest::new)?;
    Ok(message)
}
