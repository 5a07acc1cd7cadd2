use std::borrow::Cow;

use bytes::Bytes;
use http::Response;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::model::lenient::{self, Fields, ObjectSlot, Place, Slot};
use crate::model::wire::fields;
use crate::model::{Conversation, ConversationFields, ConversationId, Message, MessageFields};
use crate::request::response::{self, UnexpectedResponse};
use crate::request::{
    ApiKeyPermission, Credential, IncomingRequest, InvalidRequest, Metadata, Operation, ParseOperation, PathParameters,
    ScopeKind,
};
use crate::secret::AccessToken;

/// Reads a conversation's text messages, oldest first.
///
/// The messages reach up to the token's expiry. The platform has no paging.
///
/// API-key permission: `CHAT_READ_CONVERSATION`. OAuth scope: `CHAT_CONVERSATION_READ.{conversation id}`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GetConversation<'a> {
    /// The conversation to read.
    pub conversation: Cow<'a, ConversationId>,
    /// The access token of the user who granted the scope.
    pub by: Cow<'a, AccessToken>,
}

impl<'a> GetConversation<'a> {
    /// A conversation, read with this user's access token.
    #[must_use]
    pub fn new(conversation: &'a ConversationId, by: &'a AccessToken) -> Self {
        Self { conversation: Cow::Borrowed(conversation), by: Cow::Borrowed(by) }
    }
}

/// A conversation with its messages.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GetConversationResponse {
    /// The conversation.
    pub conversation: Conversation,
    /// Its messages, oldest first.
    pub messages: Vec<Message>,
}

impl GetConversationResponse {
    /// A response, for tests and for frameworks that wrap the client.
    #[must_use]
    pub fn new(conversation: Conversation, messages: Vec<Message>) -> Self {
        Self { conversation, messages }
    }
}

impl Operation for GetConversation<'_> {
    type Response = GetConversationResponse;

    const METADATA: Metadata =
        Metadata::get("conversation.get", "/v1/open-platform/chat/conversations/{conversation_id}")
            .with_permission(ApiKeyPermission::CHAT_READ_CONVERSATION)
            .for_user(&[ScopeKind::CHAT_CONVERSATION_READ]);

    fn credential(&self) -> Credential<'_> {
        Credential::User(&self.by)
    }

    fn path_parameters(&self) -> PathParameters<'_> {
        [self.conversation.as_str()].into()
    }

    fn read(&self, response: &Response<Bytes>) -> Result<GetConversationResponse, UnexpectedResponse> {
        let History(fields) = response::json(response)?;
        Ok(fields.history(&self.conversation))
    }
}

impl ParseOperation for GetConversation<'_> {
    fn parse(request: &IncomingRequest<'_>) -> Result<Self, InvalidRequest> {
        let (conversation, by) = (request.path_parameter(0)?.into(), request.access_token()?);
        Ok(Self { conversation: Cow::Owned(conversation), by: Cow::Owned(by) })
    }
}

fields! {
    struct HistoryFields {
        conversation: Option<ConversationFields>,
        messages: Messages,
    }
}

#[derive(Default)]
struct Messages {
    read: Vec<Message>,
    next: MessageFields,
}

impl Place for Messages {
    fn slot(&mut self) -> Slot<'_> {
        Slot::Objects(self)
    }
}

impl ObjectSlot for Messages {
    fn begin_list(&mut self) {
        self.read.clear();
    }

    fn begin(&mut self) -> &mut dyn Fields {
        self.next = MessageFields::default();
        &mut self.next
    }

    fn end(&mut self) {
        self.read.push(self.next.listed());
    }
}

impl HistoryFields {
    /// Fills in missing conversations of messages, and a missing id of the conversation itself.
    fn history(self, asked: &ConversationId) -> GetConversationResponse {
        let conversation = self.conversation.unwrap_or_default().or(asked);
        let mut messages = self.messages.read;
        for message in &mut messages {
            if message.conversation == Conversation::new("") {
                message.conversation.clone_from(&conversation);
            } else if message.conversation.id.as_str().is_empty() {
                message.conversation.id.clone_from(&conversation.id);
            }
        }
        GetConversationResponse { conversation, messages }
    }
}

struct History(HistoryFields);

impl<'de> Deserialize<'de> for History {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::object(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for GetConversationResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields: HistoryFields = lenient::object(deserializer)?;
        let id = fields.conversation.as_ref().and_then(|conversation| conversation.id.clone());
        let id = id.ok_or_else(|| D::Error::custom("a conversation needs an id"))?;
        Ok(fields.history(&id))
    }
}
