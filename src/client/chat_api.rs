use async_trait::async_trait;

use super::Client;
use crate::error::Error;
use crate::model::{BotMessage, ConversationId, ConversationMessage, MediaToken, UserId};
use crate::operation::{
    CreateUploadToken, GetConversation, GetConversationResponse, GetUser, GetUserResponse, Media, SendBotMessage,
    SendBotMessageResponse, SendBotMessageToUser, SendMessage, SendMessageResponse, Subscribe, Subscription,
    UploadMedia,
};
use crate::secret::AccessToken;
use crate::shared::shared;

shared! {
    /// Kenar's chat API. [`Client`] implements it; your tests and wrappers can, too.
    ///
    /// Hold it as `Arc<dyn ChatApi>`. Its methods are `async fn`, which rustdoc shows as boxed futures. Each is one
    /// [operation](crate::operation), whose page states its permission and scope.
    ///
    /// For tests, `kenar_sandbox::fake` has a recording fake that fails as Divar does.
    ///
    /// Methods added in later versions will have a default body, so that your implementation still compiles.
    pub trait ChatApi: Debug + Send + Sync {
        /// Sends a message into a post's conversation for the user who granted the token: [`SendMessage`].
        async fn send_message(
            &self,
            to: &ConversationId,
            message: &ConversationMessage,
            by: &AccessToken,
        ) -> Result<SendMessageResponse, Error>;

        /// Returns a conversation's text messages: [`GetConversation`].
        async fn get_conversation(
            &self,
            conversation: &ConversationId,
            by: &AccessToken,
        ) -> Result<GetConversationResponse, Error>;

        /// Sends a message of your chatbot into one of its conversations: [`SendBotMessage`].
        async fn send_bot_message(
            &self,
            to: &ConversationId,
            message: &BotMessage,
        ) -> Result<SendBotMessageResponse, Error>;

        /// Sends a message of your chatbot to the user who granted the token: [`SendBotMessageToUser`].
        async fn send_bot_message_to_user(
            &self,
            to: &UserId,
            message: &BotMessage,
            by: &AccessToken,
        ) -> Result<SendBotMessageResponse, Error>;

        /// Uploads a medium to send in messages: [`CreateUploadToken`], then [`UploadMedia`].
        ///
        /// A time limit set on the client applies to both together.
        async fn upload_media(&self, media: Media) -> Result<MediaToken, Error>;

        /// Subscribes your add-on to events of a user's posts: [`Subscribe`].
        async fn subscribe(&self, to: &Subscription, by: &AccessToken) -> Result<(), Error>;

        /// Returns the user who granted a token: [`GetUser`].
        async fn get_user(&self, by: &AccessToken) -> Result<GetUserResponse, Error>;
    }
}

#[async_trait]
impl ChatApi for Client {
    async fn send_message(
        &self,
        to: &ConversationId,
        message: &ConversationMessage,
        by: &AccessToken,
    ) -> Result<SendMessageResponse, Error> {
        self.execute(&SendMessage::new(to, message, by)).await
    }

    async fn get_conversation(
        &self,
        conversation: &ConversationId,
        by: &AccessToken,
    ) -> Result<GetConversationResponse, Error> {
        self.execute(&GetConversation::new(conversation, by)).await
    }

    async fn send_bot_message(
        &self,
        to: &ConversationId,
        message: &BotMessage,
    ) -> Result<SendBotMessageResponse, Error> {
        self.execute(&SendBotMessage::new(to, message)).await
    }

    async fn send_bot_message_to_user(
        &self,
        to: &UserId,
        message: &BotMessage,
        by: &AccessToken,
    ) -> Result<SendBotMessageResponse, Error> {
        self.execute(&SendBotMessageToUser::new(to, message, by)).await
    }

    async fn upload_media(&self, media: Media) -> Result<MediaToken, Error> {
        let begun = self.instant();
        let token = self.execute(&CreateUploadToken).await?;
        self.with_limit_since(begun).execute(&UploadMedia::new(&media, &token)).await
    }

    async fn subscribe(&self, to: &Subscription, by: &AccessToken) -> Result<(), Error> {
        self.execute(&Subscribe::new(to, by)).await
    }

    async fn get_user(&self, by: &AccessToken) -> Result<GetUserResponse, Error> {
        self.execute(&GetUser::new(by)).await
    }
}
