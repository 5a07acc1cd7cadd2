use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// An identifier with any text: Divar may change its format.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text, as Divar sent it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self::new(text))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl super::lenient::FromScalar for $name {
            /// Divar's server may send an empty text for "none".
            fn from_text(text: &str) -> Option<Self> {
                (!text.is_empty()).then(|| Self(text.to_owned()))
            }
        }
    )*};
}

ids! {
    /// The id of a conversation, usually a UUID.
    ConversationId;

    /// The id of a message, usually a time-based UUID.
    MessageId;

    /// The token of a post, the last part of its address: `https://divar.ir/v/…/{post token}`.
    PostToken;

    /// The id of a user, stable for your app but different for other apps.
    ///
    /// It resembles Base64, so it may contain `/`, `+` and `=`. The crate percent-encodes it in paths.
    UserId;

    /// The token of an uploaded medium, to send it in a message.
    MediaToken;

    /// Your app's name in Divar's addresses, and its OAuth `client_id`.
    AppSlug;

    /// The id of a payment transaction.
    TransactionId;
}
