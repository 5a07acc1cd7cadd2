use std::time::Duration;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Scope;
use crate::model::Timestamp;
use crate::model::lenient::{self, FromScalar};
use crate::model::wire::{Written as _, wire};
use crate::secret::{AccessToken, RefreshToken};

wire! {
    /// The OAuth tokens that a user granted to your app.
    ///
    /// # Refreshing
    ///
    /// [`OAuthApp::refresh_request`](super::OAuthApp::refresh_request) gets a new pair; [`Permissions`] does so in time, by
    /// these rules:
    ///
    /// - **Both tokens change.** Store the new set in one write before you use it.
    /// - The old pair stays valid for two minutes. Calls in flight succeed, and a failed refresh can be retried.
    /// - **Only one refresh per permission at a time.** Other tasks wait for it and read the stored result.
    /// - [Subscribe](crate::operation::Subscribe) again after each refresh.
    ///
    /// # Storing
    ///
    /// A set does not serialise, so that tokens do not reach a log or a response by accident. Store
    /// [`expose_for_storage`](Self::expose_for_storage).
    ///
    #[cfg_attr(feature = "tokio", doc = "[`Permissions`]: crate::tokens::Permissions")]
    #[cfg_attr(not(feature = "tokio"), doc = "[`Permissions`]: crate#features")]
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct TokenSet {
        /// The credential of calls on the user's behalf.
        pub access_token: AccessToken => AccessToken::expose_secret,
        /// The token to exchange for the next set, or `None` without [`Scope::offline_access`].
        pub refresh_token: Option<RefreshToken> => RefreshToken::expose_secret,
        pub(super) expires_at: Option<Timestamp>,
        ;
        pub(super) lifetime: Option<Duration>,
        pub(super) scopes: Vec<Scope>,
    }
    read by pub(crate) StoredFields {
        expires_in: Option<u64>,
        scopes: Option<Vec<Scope>>,
    }
}

impl TokenSet {
    /// The time before expiry at which [`needs_refresh`](Self::needs_refresh) starts to return `true`.
    ///
    /// Half of the token's lifetime, if that is shorter.
    pub const REFRESH_MARGIN: Duration = Duration::from_secs(60);

    /// The expiry of the access token, or `None` if the platform did not state it.
    ///
    /// A little early, since the lifetime is counted from before the request. The platform documents an hour.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Returns `true` if the access token has expired, and `false` if its expiry is unknown.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Returns `true` if the access token expires within [`REFRESH_MARGIN`](Self::REFRESH_MARGIN).
    ///
    /// `false` if the expiry is unknown: then refresh after an error that
    /// [`needs_new_permission`](crate::Error::needs_new_permission).
    #[must_use]
    pub fn needs_refresh(&self, now: Timestamp) -> bool {
        self.is_expired(now.saturating_add(self.refresh_margin()))
    }

    pub(crate) fn refresh_margin(&self) -> Duration {
        self.lifetime.map_or(Self::REFRESH_MARGIN, |lifetime| Self::REFRESH_MARGIN.min(lifetime / 2))
    }

    /// The granted scopes, which may be fewer than requested.
    ///
    /// Empty if the platform did not state them, although it documents that it does.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// Returns `true` if exactly this scope was granted; a broader one does not count.
    #[must_use]
    pub fn grants(&self, scope: &Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// The set in a form that serialises with its tokens. Encrypt what you store.
    #[must_use]
    pub fn expose_for_storage(&self) -> StoredTokens {
        StoredTokens(self.clone())
    }
}

/// A [`TokenSet`] that serialises with its tokens, in JSON or another self-describing format.
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

/// Reads key by key, so that errors contain no values.
impl<'de> Deserialize<'de> for StoredTokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored: StoredFields = lenient::object(deserializer)?;
        stored.tokens().map(Self).ok_or_else(|| serde::de::Error::custom("no usable access_token"))
    }
}

impl StoredFields {
    /// `None` without an access token.
    pub(crate) fn tokens(mut self) -> Option<TokenSet> {
        let lifetime = self.expires_in.map(Duration::from_secs);
        let scopes = self.scopes.take().unwrap_or_default();
        Some(TokenSet { lifetime, scopes, ..self.whole()? })
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
