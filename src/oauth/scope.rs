use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::lenient::FromScalar;
use crate::model::{ConversationId, PostToken};
use crate::request::ScopeKind;

/// One thing a user can permit your app to do. Each scope must have been granted to the app in the Kenar
/// [panel](crate::guide#panel) first.
///
/// Some scopes are about one conversation or one post, and end in its id. The chat's have constructors that demand it;
/// without the id, the platform sends the user back with no permission and no explanation. For any other scope of the
/// platform's list there are [`named`](Self::named) and [`with_resource`](Self::with_resource).
///
/// ```
/// use kenar::Scope;
/// use kenar::model::ConversationId;
///
/// let conversation = ConversationId::new("5f8b0f6e-0000-4000-8000-000000000001");
/// assert_eq!(
///     Scope::conversation_send_message(&conversation).as_str(),
///     "CONVERSATION_SEND_MESSAGE.5f8b0f6e-0000-4000-8000-000000000001",
/// );
/// assert_eq!(Scope::offline_access().as_str(), "offline_access");
/// assert_eq!(Scope::with_resource("POST_EDIT", "QYabcdef")?.as_str(), "POST_EDIT.QYabcdef");
/// assert!(Scope::named("USER_ID USER_PHONE").is_err());
/// # Ok::<(), kenar::oauth::InvalidScope>(())
/// ```
///
/// A scope is always a *scope-token* of RFC 6749, section 3.3: never empty, and printable ASCII without space, `"` and
/// `\`. So a list of scopes can be joined by spaces, and no scope can smuggle in another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(String);

/// Why a text cannot be a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidScope {
    /// The name, or the id of the resource, is empty.
    #[error("a scope must not be empty, nor the id in it")]
    Empty,
    /// It holds a character that RFC 6749 does not allow in a scope.
    #[error("a scope must be printable ASCII without spaces, quotation marks and backslashes")]
    IllegalCharacter,
    /// The name holds a dot, which is where a resource's id begins.
    #[error("the name of a scope with a resource must not hold a dot")]
    DotInName,
}

/// What an id may not bring into a scope.
const ILLEGAL: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'\\');

/// Constructors that take an id cannot fail. Where the id holds a character that is illegal in a scope, which no id of
/// Divar's does, that character is percent-encoded; such a scope, like one of an empty id, names nothing, and the
/// platform refuses it.
impl Scope {
    /// Send messages into one conversation, to both of its sides.
    #[must_use]
    pub fn conversation_send_message(conversation: &ConversationId) -> Self {
        Self::about(ScopeKind::CONVERSATION_SEND_MESSAGE, conversation.as_str())
    }

    /// Read one conversation.
    #[must_use]
    pub fn conversation_read(conversation: &ConversationId) -> Self {
        Self::about(ScopeKind::CHAT_CONVERSATION_READ, conversation.as_str())
    }

    /// Receive the messages of all conversations about one post. Its owner can permit that.
    #[must_use]
    pub fn post_conversations_read(post: &PostToken) -> Self {
        Self::about(ScopeKind::CHAT_POST_CONVERSATIONS_READ, post.as_str())
    }

    /// Send messages into all conversations about one post. Its owner can permit that.
    #[must_use]
    pub fn post_conversations_message_send(post: &PostToken) -> Self {
        Self::about(ScopeKind::CHAT_POST_CONVERSATIONS_MESSAGE_SEND, post.as_str())
    }

    /// Receive the messages of all conversations about the user's posts.
    #[must_use]
    pub fn supplier_all_conversations_read() -> Self {
        Self::plain(ScopeKind::CHAT_SUPPLIER_ALL_CONVERSATIONS_READ)
    }

    /// Send messages into all conversations about the user's posts.
    #[must_use]
    pub fn supplier_all_conversations_message_send() -> Self {
        Self::plain(ScopeKind::CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND)
    }

    /// Write to the user as your app's chatbot, also where the user has not written first.
    #[must_use]
    pub fn chat_bot_user_message_send() -> Self {
        Self::plain(ScopeKind::CHAT_BOT_USER_MESSAGE_SEND)
    }

    /// Learn the user's id.
    #[must_use]
    pub fn user_id() -> Self {
        Self::plain(ScopeKind::USER_ID)
    }

    /// Learn the user's telephone number.
    #[must_use]
    pub fn user_phone() -> Self {
        Self::plain(ScopeKind::USER_PHONE)
    }

    /// List the user's posts, and receive their updates.
    #[must_use]
    pub fn user_posts_get() -> Self {
        Self::plain(ScopeKind::USER_POSTS_GET)
    }

    /// Be told when the user takes the permission back. The platform asks for [`user_id`](Self::user_id) beside it.
    #[must_use]
    pub fn notification_access_revocation() -> Self {
        Self::plain(ScopeKind::NOTIFICATION_ACCESS_REVOCATION)
    }

    /// Have a refresh token, and so use the permission for longer than an hour. In lower case on the wire, although the
    /// platform's list of scopes prints it in upper case.
    #[must_use]
    pub fn offline_access() -> Self {
        Self::plain(ScopeKind::OFFLINE_ACCESS)
    }

    /// OpenID Connect. In lower case on the wire, as [`offline_access`](Self::offline_access).
    #[must_use]
    pub fn openid() -> Self {
        Self::plain(ScopeKind::OPENID)
    }

    /// A scope by its name, whole as it travels. `OFFLINE_ACCESS` and `OPENID`, as the platform's list of scopes prints
    /// those two, become lower case, as its OAuth server knows them.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`], where it is empty or holds a character that no scope can hold.
    pub fn named(name: impl Into<String>) -> Result<Self, InvalidScope> {
        let name = name.into();
        if name.is_empty() {
            return Err(InvalidScope::Empty);
        }
        if !name.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~')) {
            return Err(InvalidScope::IllegalCharacter);
        }
        // Their names on the wire differ from those in the list by case alone.
        let lower_case = [ScopeKind::OFFLINE_ACCESS, ScopeKind::OPENID].into_iter();
        let listed = lower_case.filter(|kind| kind.name().to_ascii_uppercase() == name).map(Self::plain).next();
        Ok(listed.unwrap_or(Self(name)))
    }

    /// A scope about one resource, by its name and the resource's id.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`], where one of the two is empty or holds a character that no scope can hold, or the name holds a
    /// dot.
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

    /// The kind of scope, if this crate knows it.
    #[must_use]
    pub fn kind(&self) -> Option<ScopeKind> {
        ScopeKind::find(self.name())
    }

    /// The scope as it travels: its name, and after a dot the id of the resource where it is about one.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What comes before the first dot.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('.').map_or(&self.0, |(name, _)| name)
    }

    /// What comes after the first dot: the id of the conversation, the post or whatever else the scope is about.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.0.split_once('.').map(|(_, id)| id)
    }

    /// The scopes of a list separated by spaces.
    pub(super) fn list(text: &str) -> impl Iterator<Item = Result<Self, InvalidScope>> + '_ {
        text.split(' ').filter(|name| !name.is_empty()).map(Self::named)
    }

    /// The list, separated by spaces, of scopes.
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

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
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
