use std::borrow::Cow;

use bytes::Bytes;
use http::Response;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::model::lenient::{self, Fields, ObjectSlot, Place, Slot};
use crate::model::wire::{fields, serialize, setters, wire};
use crate::model::{Conversation, ConversationFields, ConversationId, Message, MessageFields, UserId};
use crate::request::response::{self, Excerpt, UnexpectedResponse};
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
        response::object::<HistoryFields>(response, Excerpt::Kept).map(|fields| fields.history(&self.conversation))
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

impl<'de> Deserialize<'de> for GetConversationResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields: HistoryFields = lenient::object(deserializer)?;
        let id = fields.conversation.as_ref().and_then(|conversation| conversation.id.clone());
        let id = id.ok_or_else(|| D::Error::custom("a conversation needs an id"))?;
        Ok(fields.history(&id))
    }
}

/// Reads the id and the phone number of the user who granted the token.
///
/// API-key permission: `USER_RETRIEVE`. OAuth scopes: `USER_ID` for the id, `USER_PHONE` for the number. The response
/// contains only what was granted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GetUser<'a> {
    /// The access token of the user.
    pub by: Cow<'a, AccessToken>,
}

impl<'a> GetUser<'a> {
    /// The user who granted the token.
    #[must_use]
    pub fn new(by: &'a AccessToken) -> Self {
        Self { by: Cow::Borrowed(by) }
    }
}

wire! {
    /// The user who granted an access token.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct GetUserResponse {
        /// The user's id for your app, with the scope `USER_ID`.
        pub user_id: Option<UserId>,
        /// The phone number, with the scope `USER_PHONE`. The documented example is local: `09…`. Divar's policy is to
        /// store it only if necessary.
        pub phone_number: Option<String>,
    }
}

serialize! { GetUserResponse }

setters! { GetUserResponse { user_id: impl Into<UserId>, phone_number: impl Into<String> } }

impl Operation for GetUser<'_> {
    type Response = GetUserResponse;

    const METADATA: Metadata = Metadata::get("user.get", "/v1/open-platform/users")
        .with_permission(ApiKeyPermission::USER_RETRIEVE)
        .for_user(&[ScopeKind::USER_ID, ScopeKind::USER_PHONE]);

    fn credential(&self) -> Credential<'_> {
        Credential::User(&self.by)
    }

    fn read(&self, response: &Response<Bytes>) -> Result<GetUserResponse, UnexpectedResponse> {
        response::object(response, Excerpt::Kept).map(UserFields::user)
    }
}

impl ParseOperation for GetUser<'_> {
    fn parse(request: &IncomingRequest<'_>) -> Result<Self, InvalidRequest> {
        Ok(Self { by: Cow::Owned(request.access_token()?) })
    }
}

fields! {
    struct UserFields {
        /// Deprecated; older responses contain only this key.
        phone_numbers: Option<Vec<String>>,
        .. user: GetUserResponse,
    }
}

impl UserFields {
    fn user(self) -> GetUserResponse {
        let mut numbers = self.phone_numbers.unwrap_or_default();
        numbers.retain(|number| !number.is_empty());
        let number = self.user.phone_number.filter(|number| !number.is_empty());
        GetUserResponse { phone_number: number.or_else(|| numbers.into_iter().next()), ..self.user }
    }
}

impl<'de> Deserialize<'de> for GetUserResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::object(deserializer).map(UserFields::user)
    }
}
