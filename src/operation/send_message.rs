use std::borrow::Cow;

use bytes::Bytes;
use http::Response;

use crate::model::wire::{deserialize, serialize, setters, wire};
use crate::model::{ConversationId, ConversationMessage};
use crate::request::response::{self, UnexpectedResponse};
use crate::request::{
    ApiKeyPermission, Content, Credential, IncomingRequest, InvalidRequest, Metadata, Operation, ParseOperation,
    PathParameters, ScopeKind,
};
use crate::secret::AccessToken;

/// Writes a message into a post's conversation, in the name of the user who granted the token.
///
/// Both sides see the text; each side sees its own buttons. Divar creates the conversation where there is none yet. The
/// message comes back as an event to subscribers, with a sender of kind
/// [`Bot`](crate::model::SenderKind::Bot) and the side of that user.
///
/// API-key permission: `CHAT_SEND_MESSAGE_OAUTH`. OAuth scope, any one of:
/// `CONVERSATION_SEND_MESSAGE.{conversation id}`, `CHAT_POST_CONVERSATIONS_MESSAGE_SEND.{post token}`,
/// `CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND`.
///
/// Where the recipient cannot be reached Divar answers 412:
/// [`Error::is_recipient_restricted`](crate::Error::is_recipient_restricted).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SendMessage<'a> {
    /// The conversation to write in.
    pub conversation: Cow<'a, ConversationId>,
    /// The message.
    pub message: Cow<'a, ConversationMessage>,
    /// The access token of the user in whose name it is sent.
    pub by: Cow<'a, AccessToken>,
}

impl<'a> SendMessage<'a> {
    /// A message into a conversation, in the name of the user who granted the token.
    #[must_use]
    pub fn new(conversation: &'a ConversationId, message: &'a ConversationMessage, by: &'a AccessToken) -> Self {
        Self { conversation: Cow::Borrowed(conversation), message: Cow::Borrowed(message), by: Cow::Borrowed(by) }
    }
}

wire! {
    /// What Divar says of a message that was sent. All of it may be missing: an empty answer is a success as well.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct SendMessageResponse {
        /// A status of its own, beside the HTTP status.
        pub status: Option<i32>,
        /// A word such as `success`.
        pub message: Option<String>,
    }
}

serialize! { SendMessageResponse }
deserialize! { SendMessageResponse }

setters! { SendMessageResponse {
    /// Sets the status beside the HTTP status.
    status: i32,
    /// Sets the word.
    message: impl Into<String>,
} }

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
        self.message.check().map_err(InvalidRequest::new)?;
        Content::json(&*self.message)
    }

    fn read(&self, response: &Response<Bytes>) -> Result<SendMessageResponse, UnexpectedResponse> {
        response::json_or_empty(response)
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
