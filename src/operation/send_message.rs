use bytes::Bytes;
use http::{Request, Response};
use serde::de::MapAccess;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, ErrorKind};
use crate::model::lenient::{self, Entry, FromObject};
use crate::model::{ConversationId, ConversationMessage};
use crate::request::{self, BaseUrls, Body, Credential, Operation, response};
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
/// [`Error::is_recipient_restricted`].
#[derive(Clone, Copy, Debug)]
pub struct SendMessage<'a> {
    /// Where to write.
    pub conversation: &'a ConversationId,
    /// What to write.
    pub message: &'a ConversationMessage,
    /// In whose name.
    pub by: &'a AccessToken,
}

/// What Divar says of a message that was sent. All of it may be missing: an empty answer is a success as well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SendMessageResponse {
    /// A status of its own, beside the HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<i32>,
    /// A word such as `success`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Operation for SendMessage<'_> {
    type Response = SendMessageResponse;

    const NAME: &'static str = "conversation.send_message";
    const IDEMPOTENT: bool = false;

    fn credential(&self) -> Credential<'_> {
        Credential::User(self.by)
    }

    fn request(&self, base_urls: &BaseUrls) -> Result<Request<Body>, Error> {
        self.message.check().map_err(|why| Error::new(ErrorKind::InvalidRequest, Self::NAME, why))?;
        let path = ["v2", "open-platform", "conversations", self.conversation.as_str(), "messages"];
        request::post_json(Self::NAME, base_urls.api().uri(Self::NAME, &path)?, self.message)
    }

    fn response(&self, response: Response<Bytes>) -> Result<SendMessageResponse, Error> {
        response::json_or_empty(Self::NAME, &response).map_err(|error| error.by_user().addressed())
    }
}

impl FromObject for SendMessageResponse {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "status" => entry.scalar(&mut self.status),
            "message" => entry.scalar(&mut self.message),
            _ => entry.skip(),
        }
    }
}

impl<'de> Deserialize<'de> for SendMessageResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::object(deserializer)
    }
}
