use std::time::Duration;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Scope, TokenSet};
use crate::model::lenient;
use crate::model::open_enum::open_enum;
use crate::model::wire::{Written as _, wire};
use crate::model::{RawJson, Timestamp};
use crate::secret::{AccessToken, RefreshToken};

open_enum! {
    /// How an access token is shown.
    TokenType {
        /// As `Authorization: Bearer`, the only way the platform documents.
        Bearer = "bearer",
    }
}

wire! {
    /// What the token endpoint answers, as it travels. An app has it as a [`TokenSet`].
    ///
    /// It serialises with its tokens, for a stand-in for the platform.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct TokenResponse {
        /// The access token.
        pub access_token: AccessToken => AccessToken::expose_secret,
        /// How it is shown.
        pub token_type: Option<TokenType>,
        /// How many seconds it lives; the platform documents 3600.
        pub expires_in: Option<u64>,
        /// The refresh token, where [`Scope::offline_access`] was granted.
        pub refresh_token: Option<RefreshToken> => RefreshToken::expose_secret,
        ;
        /// What was granted.
        pub scopes: Option<Vec<Scope>>,
    }
    read by pub(super) TokenResponseFields {
        scope: Option<RawJson>,
    }
}

impl TokenResponse {
    /// A bearer token that lives for an hour, alone.
    #[must_use]
    pub fn new(access_token: AccessToken) -> Self {
        Self {
            access_token,
            token_type: Some(TokenType::Bearer),
            expires_in: Some(3600),
            refresh_token: None,
            scopes: None,
        }
    }

    /// The tokens, their lifetime counted from `asked_at`. A lifetime of 0 is one that the platform did not state.
    #[must_use]
    pub fn into_tokens(self, asked_at: Timestamp) -> TokenSet {
        // A number that is not set is 0 in protobuf. A token that never lives would be refreshed at each ask.
        let lifetime = self.expires_in.filter(|seconds| *seconds > 0).map(Duration::from_secs);
        TokenSet {
            access_token: self.access_token,
            refresh_token: self.refresh_token,
            expires_at: lifetime.map(|lifetime| asked_at.saturating_add(lifetime)),
            lifetime,
            scopes: self.scopes.unwrap_or_default(),
        }
    }
}

impl Serialize for TokenResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.write(&mut map)?;
        if let Some(scopes) = &self.scopes {
            map.serialize_entry("scope", &Scope::join(scopes))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for TokenResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TokenResponseFields::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}

/// The answer is JSON, and holds no access token that a header could carry.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer holds no usable access_token")]
pub(super) struct NoAccessToken;

impl TryFrom<TokenResponseFields> for TokenResponse {
    type Error = NoAccessToken;

    fn try_from(fields: TokenResponseFields) -> Result<Self, NoAccessToken> {
        let scopes = fields.scope.as_ref().and_then(granted);
        Ok(Self { scopes, ..fields.whole().ok_or(NoAccessToken)? })
    }
}

impl<'de> Deserialize<'de> for TokenResponseFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::object(deserializer)
    }
}

/// The scopes of one text, as RFC 6749 has it, or of an array of texts. What cannot be a scope is passed over.
fn granted(scope: &RawJson) -> Option<Vec<Scope>> {
    let texts = match scope.parse().ok()? {
        Value::String(text) => vec![text],
        Value::Array(elements) => {
            elements.into_iter().filter_map(|element| element.as_str().map(str::to_owned)).collect()
        }
        _ => return None,
    };
    Some(texts.iter().flat_map(|text| Scope::list(text)).flatten().collect())
}
