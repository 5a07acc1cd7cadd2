use crate::model::open_enum::open_enum;

open_enum! {
    /// A permission of an API key, given to an app in the [panel](crate::guide#panel).
    ///
    /// Source: the operations' pages in Kenar's documentation. A call needs its permission and, where it acts for a
    /// user, the user's [scope](crate::Scope) as well.
    ApiKeyPermission {
        /// Sends messages in a post's conversation.
        ChatSendMessageOauth = "CHAT_SEND_MESSAGE_OAUTH",
        /// Sends messages as the chatbot.
        ChatBotSendMessage = "CHAT_BOT_SEND_MESSAGE",
        /// Reads a conversation.
        ChatReadConversation = "CHAT_READ_CONVERSATION",
        /// Uploads media.
        ChatUploadMedia = "CHAT_UPLOAD_MEDIA",
        /// Subscribes to events.
        EventsRegisterSubscription = "EVENTS_REGISTER_SUBSCRIPTION",
        /// Reads who a user is.
        UserRetrieve = "USER_RETRIEVE",
    }
}

impl ApiKeyPermission {
    /// The permissions that this crate's operations need.
    pub const ALL: &[Self] = &[
        Self::ChatSendMessageOauth,
        Self::ChatBotSendMessage,
        Self::ChatReadConversation,
        Self::ChatUploadMedia,
        Self::EventsRegisterSubscription,
        Self::UserRetrieve,
    ];
}
