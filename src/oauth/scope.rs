use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize};

use crate::model::lenient::FromScalar;
use crate::model::{ConversationId, PostToken};
use crate::request::ScopeKind;

/// An OAuth scope: one permission that a user can grant to your app.
///
/// The app must first be granted the scope in the Kenar [panel](crate::guide#panel). Some scopes end in the id of one
/// conversation or post; without it, the platform redirects the user back with no permission and no explanation. Every chat
/// scope has a constructor; for others use [`named`](Self::named) and [`with_resource`](Self::with_resource).
///
/// A scope is always a *scope-token* of RFC 6749, section 3.3: printable ASCII, not empty, without space, `"` and `\`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Scope(String);

/// The reason why a scope is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidScope {
    /// The name or the resource's id is empty.
    #[error("invalid scope: the name or the id is empty")]
    Empty,
    /// It contains a character that RFC 6749 forbids.
    #[error("invalid scope: must be printable ASCII without spaces, quotation marks and backslashes")]
    IllegalCharacter,
    /// The name contains a dot, which separates it from the resource's id.
    #[error("invalid scope: the name contains a dot")]
    DotInName,
}

const ILLEGAL: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'\\');

/// The constructors that take an id cannot fail. They percent-encode characters that a scope forbids, which Divar's ids do
/// not contain; the platform refuses such a scope, and one with an empty id.
impl Scope {
    /// Permission to send messages into one conversation.
    #[must_use]
    pub fn conversation_send_message(conversation: &ConversationId) -> Self {
        Self::about(ScopeKind::CONVERSATION_SEND_MESSAGE, conversation.as_str())
    }

    /// Permission to read one conversation.
    #[must_use]
    pub fn conversation_read(conversation: &ConversationId) -> Self {
        Self::about(ScopeKind::CHAT_CONVERSATION_READ, conversation.as_str())
    }

    /// Permission to receive the messages of all conversations about one post. Only its owner can grant this.
    #[must_use]
    pub fn post_conversations_read(post: &PostToken) -> Self {
        Self::about(ScopeKind::CHAT_POST_CONVERSATIONS_READ, post.as_str())
    }

    /// Permission to send messages into all conversations about one post. Only its owner can grant this.
    #[must_use]
    pub fn post_conversations_message_send(post: &PostToken) -> Self {
        Self::about(ScopeKind::CHAT_POST_CONVERSATIONS_MESSAGE_SEND, post.as_str())
    }

    /// Permission to receive the messages of all conversations about the user's posts.
    #[must_use]
    pub fn supplier_all_conversations_read() -> Self {
        Self::plain(ScopeKind::CHAT_SUPPLIER_ALL_CONVERSATIONS_READ)
    }

    /// Permission to send messages into all conversations about the user's posts.
    #[must_use]
    pub fn supplier_all_conversations_message_send() -> Self {
        Self::plain(ScopeKind::CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND)
    }

    /// Permission to send chatbot messages to the user, who need not have written first.
    #[must_use]
    pub fn chat_bot_user_message_send() -> Self {
        Self::plain(ScopeKind::CHAT_BOT_USER_MESSAGE_SEND)
    }

    /// Permission to read the user's id.
    #[must_use]
    pub fn user_id() -> Self {
        Self::plain(ScopeKind::USER_ID)
    }

    /// Permission to read the user's phone number.
    #[must_use]
    pub fn user_phone() -> Self {
        Self::plain(ScopeKind::USER_PHONE)
    }

    /// Permission to list the user's posts and to receive their updates.
    #[must_use]
    pub fn user_posts_get() -> Self {
        Self::plain(ScopeKind::USER_POSTS_GET)
    }

    /// Permission to receive an event when the user revokes access. The platform also requires [`user_id`](Self::user_id).
    #[must_use]
    pub fn notification_access_revocation() -> Self {
        Self::plain(ScopeKind::NOTIFICATION_ACCESS_REVOCATION)
    }

    /// Permission to get a refresh token, for access of more than an hour.
    ///
    /// Lower case on the wire, although the platform's list of scopes prints it in upper case.
    #[doc(alias = "refresh token")]
    #[must_use]
    pub fn offline_access() -> Self {
        Self::plain(ScopeKind::OFFLINE_ACCESS)
    }

    /// OpenID Connect. Lower case on the wire, like [`offline_access`](Self::offline_access).
    #[must_use]
    pub fn openid() -> Self {
        Self::plain(ScopeKind::OPENID)
    }

    /// A scope by its full text, with the id if it has one.
    ///
    /// `OFFLINE_ACCESS` and `OPENID`, as the platform's list prints them, become lower case, as its OAuth server expects.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] if the text is empty or contains a forbidden character.
    pub fn named(name: impl Into<String>) -> Result<Self, InvalidScope> {
        Self::checked(name.into())
    }

    fn checked(name: String) -> Result<Self, InvalidScope> {
        if name.is_empty() {
            return Err(InvalidScope::Empty);
        }
        if !name.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~')) {
            return Err(InvalidScope::IllegalCharacter);
        }
        let lower_case = [ScopeKind::OFFLINE_ACCESS, ScopeKind::OPENID].into_iter();
        let listed = lower_case.filter(|kind| kind.name().to_ascii_uppercase() == name).map(Self::plain).next();
        Ok(listed.unwrap_or(Self(name)))
    }

    /// A scope by its name and the id of a resource.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] if either is empty or contains a forbidden character, or the name contains a dot.
    pub fn with_resource(name: &str, id: &str) -> Result<Self, InvalidScope> {
        if name.is_empty() || id.is_empty() {
            Err(InvalidScope::Empty)
        } else if name.contains('.') {
            Err(InvalidScope::DotInName)
        } else {
            Self::named(format!("{name}.{id}"))
        }
    }

    fn plain(kind: ScopeKind) -> Self {
        Self(kind.name().to_owned())
    }

    fn about(kind: ScopeKind, id: &str) -> Self {
        Self(format!("{kind}.{}", utf8_percent_encode(id, ILLEGAL)))
    }

    /// The kind of scope, if the crate knows it.
    #[must_use]
    pub fn kind(&self) -> Option<ScopeKind> {
        ScopeKind::find(self.name())
    }

    /// The scope as it is sent: `NAME` or `NAME.id`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name: the part before the first dot.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('.').map_or(&self.0, |(name, _)| name)
    }

    /// The id of the conversation, post or other resource: the part after the first dot.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.0.split_once('.').map(|(_, id)| id)
    }

    /// Adds the valid scopes of a text; an error for one that is invalid.
    pub(super) fn add_all(text: &str, scopes: &mut Vec<Self>) -> Result<(), InvalidScope> {
        let mut outcome = Ok(());
        for name in text.split(' ').filter(|name| !name.is_empty()) {
            match Self::named(name) {
                Ok(scope) => scopes.push(scope),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    pub(super) fn join(scopes: &[Self]) -> String {
        scopes.iter().map(Self::as_str).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({self})")
    }
}

impl AsRef<str> for Scope {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// As [`Scope::named`].
impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        Self::named(text)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::named(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl FromScalar for Scope {
    fn from_text(text: &str) -> Option<Self> {
        Self::named(text).ok()
    }
}
