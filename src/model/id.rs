//! Identifiers: opaque texts, each of a type of its own, so that a [`MessageId`] is never sent where a
//! [`ConversationId`] belongs.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is: identifiers are opaque, and their shape is Divar's to change.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text, as Divar wrote it.
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
            /// An empty identifier is how Divar's server may write "none".
            fn from_text(text: &str) -> Option<Self> {
                (!text.is_empty()).then(|| Self(text.to_owned()))
            }
        }
    )*};
}

ids! {
    /// A conversation: between the two sides of a post, or between a user and a chatbot. A UUID in practice.
    ConversationId;

    /// A message. A time-based UUID in practice; Divar delivers an event at least once, so deduplicate by it.
    MessageId;

    /// A post (a classified ad): the last part of its address, `https://divar.ir/v/…/{post token}`.
    PostToken;

    /// A user, as your app knows them: the same for each visit to your app, another for any other app. Base64-like,
    /// so it may hold `/`, `+` and `=`; it is percent-encoded wherever the crate puts it into a path.
    UserId;

    /// A medium that has been uploaded, ready to be sent in a message.
    MediaToken;

    /// Your app's name in Divar's addresses; the OAuth `client_id`.
    AppSlug;

    /// A payment transaction.
    TransactionId;
}
