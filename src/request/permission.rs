use std::fmt;
use std::str::FromStr;

/// A permission of an API key, granted in the [panel](crate::guide#panel).
///
/// A call for a user also requires the user's [scope](crate::Scope). Source: the operations' pages in Kenar's documentation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiKeyPermission(&'static str);

/// The error for a name that is not in [`ApiKeyPermission::ALL`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown API-key permission: {0:?}")]
pub struct UnknownPermission(String);

macro_rules! permissions {
    ($($name:ident: $doc:literal,)*) => {
        impl ApiKeyPermission {
            $(#[doc = $doc] pub const $name: Self = Self(stringify!($name));)*

            /// The documented permissions of chat operations.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

permissions! {
    CHAT_SEND_MESSAGE_OAUTH: "Sends messages in a post's conversation.",
    CHAT_BOT_SEND_MESSAGE: "Sends messages as the chatbot.",
    CHAT_READ_CONVERSATION: "Reads a conversation.",
    CHAT_UPLOAD_MEDIA: "Uploads media.",
    EVENTS_REGISTER_SUBSCRIPTION: "Subscribes to events.",
    USER_RETRIEVE: "Reads a user's id and phone number.",
}

impl ApiKeyPermission {
    /// A permission unknown to this crate.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self(name)
    }

    /// The name in the panel.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.0
    }
}

impl FromStr for ApiKeyPermission {
    type Err = UnknownPermission;

    fn from_str(name: &str) -> Result<Self, UnknownPermission> {
        let known = Self::ALL.iter().copied().find(|permission| permission.0 == name);
        known.ok_or_else(|| UnknownPermission(name.to_owned()))
    }
}

impl fmt::Display for ApiKeyPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for ApiKeyPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
