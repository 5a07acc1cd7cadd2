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
    /// The type of an access token.
    TokenType {
        /// Sent as `Authorization: Bearer`; the only documented type.
        Bearer = "bearer",
    }
}

wire! {
    /// The token endpoint's response, for a stand-in for the platform. It serialises with its tokens.
    ///
    /// An app uses [`TokenSet`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct TokenResponse {
        /// The access token.
        pub access_token: AccessToken => AccessToken::expose_secret,
        /// The type.
        pub token_type: Option<TokenType>,
        /// The lifetime in seconds; the platform documents 3600.
        pub expires_in: Option<u64>,
        /// The refresh token, if [`Scope::offline_access`] was granted.
        pub refresh_token: Option<RefreshToken> => RefreshToken::expose_secret,
        ;
        /// The granted scopes.
        pub scopes: Option<Vec<Scope>>,
    }
    read by pub(super) TokenResponseFields {
        scope: Option<RawJson>,
    }
}

impl TokenResponse {
    /// A bearer token that is valid for an hour, without a refresh token.
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

    /// The tokens; their lifetime starts at `asked_at`. A lifetime of 0 counts as not stated.
    #[must_use]
    pub fn into_tokens(self, asked_at: Timestamp) -> TokenSet {
        // An unset number is 0 in protobuf. A lifetime of 0 would cause a refresh before every call.
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

/// The response is JSON without an access token that fits into a header.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no usable access_token in the response")]
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

/// The scopes of a string (RFC 6749) or of an array of strings. Invalid ones are ignored.
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
