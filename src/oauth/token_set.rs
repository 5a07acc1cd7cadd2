use std::time::Duration;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Scope;
use crate::model::Timestamp;
use crate::model::lenient::{self, FromScalar};
use crate::model::wire::{Written as _, wire};
use crate::secret::{AccessToken, RefreshToken};

wire! {
    /// What a user's permission turned into.
    ///
    /// # Refreshing
    ///
    /// An access token lives for an hour, a refresh token for 30 days. [`OAuthApp::refresh_request`](super::OAuthApp::refresh_request)
    /// makes a new pair of the old one. [`Permissions`] does it when it is due, and minds all of this:
    ///
    /// - **Both tokens change.** Store the new set as a whole, in one write, before you use it.
    /// - The old pair works for two more minutes, so calls under way are not cut off, and a refresh that failed can be
    ///   tried again within them.
    /// - **Refresh once at a time** per permission: have others wait for the one under way, and then read what it stored.
    /// - **Event subscriptions end with the access token they were made with.** Subscribe again after each refresh.
    ///
    /// # Storing
    ///
    /// It does not serialise by itself, so that no log and no answer of yours takes the tokens along by accident.
    /// [`expose_for_storage`](Self::expose_for_storage) gives what does.
    ///
    #[cfg_attr(feature = "tokio", doc = "[`Permissions`]: crate::tokens::Permissions")]
    #[cfg_attr(not(feature = "tokio"), doc = "[`Permissions`]: crate#features")]
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct TokenSet {
        /// What calls in the user's name are made with.
        pub access_token: AccessToken => AccessToken::expose_secret,
        /// What the next set is had for. `None` where [`Scope::offline_access`] was not granted.
        pub refresh_token: Option<RefreshToken> => RefreshToken::expose_secret,
        pub(super) expires_at: Option<Timestamp>,
        ;
        pub(super) lifetime: Option<Duration>,
        pub(super) scopes: Vec<Scope>,
    }
    read by StoredFields {
        expires_in: Option<u64>,
        scopes: Option<Vec<Scope>>,
    }
}

impl TokenSet {
    /// How long before expiry [`needs_refresh`](Self::needs_refresh) starts to return `true`; for a token that lives less
    /// than twice as long, half of its lifetime.
    pub const REFRESH_MARGIN: Duration = Duration::from_secs(60);

    /// When the access token expires, or a little earlier, but never later: its lifetime is counted from before it was
    /// asked for. `None` where the platform did not say; it documents an hour.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Whether the access token has expired. `false` where it is not known when it does.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Whether the access token has expired or does so within [`REFRESH_MARGIN`](Self::REFRESH_MARGIN), or half of its
    /// lifetime where that is less. `false` where it is not known when it does: there, refresh when a call is answered with an error that
    /// [`needs_new_permission`](crate::Error::needs_new_permission).
    #[must_use]
    pub fn needs_refresh(&self, now: Timestamp) -> bool {
        let margin = self.lifetime.map_or(Self::REFRESH_MARGIN, |lifetime| Self::REFRESH_MARGIN.min(lifetime / 2));
        self.is_expired(now.saturating_add(margin))
    }

    /// What was granted, which may be less than what was asked for. Empty where the platform did not say; it documents
    /// that it does.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// Whether exactly this scope was granted. A wider one, such as that of all conversations, is not taken for it.
    #[must_use]
    pub fn grants(&self, scope: &Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// The set in a form that serialises, tokens and all. Encrypt what you store.
    #[must_use]
    pub fn expose_for_storage(&self) -> StoredTokens {
        StoredTokens(self.clone())
    }
}

/// A [`TokenSet`] that serialises and deserialises with its tokens, for a store of yours; in JSON or any other format
/// that describes itself.
///
/// ```
/// # fn store(tokens: &kenar::oauth::TokenSet) -> Result<(), serde_json::Error> {
/// use kenar::oauth::StoredTokens;
///
/// let row = serde_json::to_string(&tokens.expose_for_storage())?;
/// let restored = serde_json::from_str::<StoredTokens>(&row)?.into_tokens();
/// assert_eq!(&restored, tokens);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTokens(TokenSet);

impl StoredTokens {
    /// The tokens, ready for use again.
    #[must_use]
    pub fn into_tokens(self) -> TokenSet {
        self.0
    }
}

impl Serialize for StoredTokens {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.write(&mut map)?;
        if let Some(lifetime) = self.0.lifetime {
            map.serialize_entry("expires_in", &lifetime.as_secs())?;
        }
        map.serialize_entry("scopes", &self.0.scopes)?;
        map.end()
    }
}

/// Reads key by key, so that an error never repeats a value.
impl<'de> Deserialize<'de> for StoredTokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut stored: StoredFields = lenient::object(deserializer)?;
        let lifetime = stored.expires_in.map(Duration::from_secs);
        let scopes = stored.scopes.take().unwrap_or_default();
        let tokens = stored.whole().ok_or_else(|| serde::de::Error::custom("no usable access_token"))?;
        Ok(Self(TokenSet { lifetime, scopes, ..tokens }))
    }
}

impl FromScalar for AccessToken {
    fn from_text(text: &str) -> Option<Self> {
        Self::new(text).ok()
    }
}

impl FromScalar for RefreshToken {
    fn from_text(text: &str) -> Option<Self> {
        Self::new(text).ok()
    }
}
