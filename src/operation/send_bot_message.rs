use bytes::Bytes;
use http::{Request, Response};
use serde::de::MapAccess;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, ErrorKind};
use crate::model::lenient::{self, Entry, FromObject};
use crate::model::{BotMessage, ConversationId, UserId};
use crate::request::{self, BaseUrls, Body, Credential, Operation, response};
use crate::secret::AccessToken;

/// Writes a message of your chatbot into one of its conversations: the answer to a message that arrived from there.
///
/// API-key permission: `CHAT_BOT_SEND_MESSAGE`. OAuth scope: none.
#[derive(Clone, Copy, Debug)]
pub struct SendBotMessage<'a> {
    /// Where to write: a conversation between a user and your chatbot.
    pub conversation: &'a ConversationId,
    /// What to write.
    pub message: &'a BotMessage,
}

/// Writes a message of your chatbot to a user, also to one who has not written to it yet.
///
/// The answer holds the id of the conversation. Keep it with the user's: a chatbot's events name the conversation and
/// not the user, so this is the only way to know later who writes.
///
/// API-key permission: `CHAT_BOT_SEND_MESSAGE`. OAuth scope: `CHAT_BOT_USER_MESSAGE_SEND`, granted by that user.
#[derive(Clone, Copy, Debug)]
pub struct SendBotMessageToUser<'a> {
    /// To whom: the user who granted the token.
    pub user: &'a UserId,
    /// What to write.
    pub message: &'a BotMessage,
    /// By whose permission.
    pub by: &'a AccessToken,
}

/// What Divar says of a chatbot's message that was sent. An empty answer is a success as well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SendBotMessageResponse {
    /// Where it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
}

impl Operation for SendBotMessage<'_> {
    type Response = SendBotMessageResponse;

    const NAME: &'static str = "bot.send_message";
    const IDEMPOTENT: bool = false;

    fn credential(&self) -> Credential<'_> {
        Credential::ApiKey
    }

    fn request(&self, base_urls: &BaseUrls) -> Result<Request<Body>, Error> {
        post(Self::NAME, base_urls, "conversations", self.conversation.as_str(), self.message)
    }

    fn response(&self, response: Response<Bytes>) -> Result<SendBotMessageResponse, Error> {
        response::json_or_empty(Self::NAME, &response).map_err(Error::addressed)
    }
}

impl Operation for SendBotMessageToUser<'_> {
    type Response = SendBotMessageResponse;

    const NAME: &'static str = "bot.send_message_to_user";
    const IDEMPOTENT: bool = false;

    fn credential(&self) -> Credential<'_> {
        Credential::User(self.by)
    }

    fn request(&self, base_urls: &BaseUrls) -> Result<Request<Body>, Error> {
        post(Self::NAME, base_urls, "users", self.user.as_str(), self.message)
    }

    fn response(&self, response: Response<Bytes>) -> Result<SendBotMessageResponse, Error> {
        response::json_or_empty(Self::NAME, &response).map_err(|error| error.by_user().addressed())
    }
}

fn post(
    operation: &'static str,
    base_urls: &BaseUrls,
    to: &str,
    id: &str,
    message: &BotMessage,
) -> Result<Request<Body>, Error> {
    message.check().map_err(|why| Error::new(ErrorKind::InvalidRequest, operation, why))?;
    let path = ["v1", "open-platform", "chat", "bot", to, id, "messages"];
    request::post_json(operation, base_urls.api().uri(operation, &path)?, message)
}

impl FromObject for SendBotMessageResponse {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "conversation_id" => entry.scalar(&mut self.conversation_id),
            _ => entry.skip(),
        }
    }
}

impl<'de> Deserialize<'de> for SendBotMessageResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::object(deserializer)
    }
}
