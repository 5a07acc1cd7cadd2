use std::fmt;
use std::sync::Arc;

use crate::model::{ConversationId, Side, UserId};

/// The key of one permission: who granted it, and for what.
///
/// A second [grant](super::Permissions::grant) under a key replaces the first with all its scopes, because Divar
/// documents no way to add a scope to existing tokens. So a key must name everything that the scopes name:
///
/// | scopes | key |
/// |---|---|
/// | of one conversation, such as [`Scope::conversation_send_message`](crate::Scope::conversation_send_message) | [`in_conversation`](Self::in_conversation) |
/// | of a user's whole account, such as [`Scope::user_id`](crate::Scope::user_id) | [`of_user`](Self::of_user) |
/// | anything else | [`new`](Self::new) |
///
/// Keys are stored unencrypted, even if the tokens are encrypted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PermissionKey(Arc<str>);

impl PermissionKey {
    /// Creates a key from any text.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Creates the key of a permission for a user's whole account.
    #[must_use]
    pub fn of_user(user: &UserId) -> Self {
        Self(format!("user:{}", user.as_str()).into())
    }

    /// Creates the key of a permission for one conversation, granted by the user on one side.
    #[must_use]
    pub fn in_conversation(conversation: &ConversationId, granted_by: &Side) -> Self {
        Self(format!("conversation:{}:{granted_by}", conversation.as_str()).into())
    }

    /// The text of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for PermissionKey {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for PermissionKey {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for PermissionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PermissionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PermissionKey({:?})", self.0)
    }
}
