use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::parameters::{InvalidOAuthRequest, Parameters};
use super::{OAuthApp, Scope, TokenSet};
use crate::model::wire::{Written as _, open_enum, wire};
use crate::model::{AppSlug, RawJson, Timestamp, lenient};
use crate::request::response::{self, Excerpt, UnexpectedResponse};
use crate::request::{Content, Credential, Host, InvalidRequest, Metadata, Operation};
use crate::secret::{AccessToken, AuthorizationCode, ClientSecret, RefreshToken};

impl OAuthApp {
    /// The request that exchanges a code for tokens. Send it soon, and only once.
    ///
    /// The tokens' lifetime starts at `now`: [`Timestamp::now`], or the time of a test's clock.
    #[must_use]
    pub fn exchange_request(&self, code: AuthorizationCode, now: Timestamp) -> ExchangeCode {
        ExchangeCode { asks: self.token_request(Grant::AuthorizationCode(code)), now }
    }

    /// The request that refreshes tokens, by the rules of [`TokenSet`].
    ///
    /// The new tokens' lifetime starts at `now`: [`Timestamp::now`], or the time of a test's clock.
    ///
    /// # Errors
    ///
    /// [`NoRefreshToken`] if the set contains none.
    pub fn refresh_request(&self, tokens: &TokenSet, now: Timestamp) -> Result<RefreshTokens, NoRefreshToken> {
        let refresh_token = tokens.refresh_token.clone().ok_or(NoRefreshToken)?;
        let access_token = Some(tokens.access_token.clone());
        Ok(RefreshTokens {
            asks: self.token_request(Grant::RefreshToken { refresh_token, access_token }),
            scopes: tokens.scopes().to_vec(),
            now,
        })
    }

    /// The request that refreshes tokens, by the refresh token alone.
    #[must_use]
    pub fn refresh_request_with(&self, refresh_token: RefreshToken, now: Timestamp) -> RefreshTokens {
        let grant = Grant::RefreshToken { refresh_token, access_token: None };
        RefreshTokens { asks: self.token_request(grant), scopes: Vec::new(), now }
    }

    fn token_request(&self, grant: Grant) -> TokenRequest {
        TokenRequest {
            client_id: self.slug.clone(),
            client_secret: self.secret.clone(),
            redirect_uri: self.redirect_uri.clone(),
            grant,
        }
    }
}

/// The token set contains no refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no refresh token: ask for permission with the scope offline_access")]
pub struct NoRefreshToken;

/// Exchanges a code for tokens; made by [`OAuthApp::exchange_request`].
#[derive(Clone, Debug)]
pub struct ExchangeCode {
    asks: TokenRequest,
    now: Timestamp,
}

const PATH: &str = "/oauth2/token";

impl Operation for ExchangeCode {
    type Response = TokenSet;

    // Not idempotent: a second exchange fails, and may revoke the tokens of the first (RFC 6749, section 4.1.2).
    const METADATA: Metadata = Metadata::post("oauth.exchange_code", PATH).on(Host::OAuth).with_secret_response();

    fn credential(&self) -> Credential<'_> {
        Credential::None
    }

    fn content(&self) -> Result<Content, InvalidRequest> {
        Ok(self.asks.content())
    }

    fn read(&self, response: &Response<Bytes>) -> Result<TokenSet, UnexpectedResponse> {
        Ok(TokenRequest::read(response)?.into_tokens(self.now))
    }

    fn content_secrets(&self) -> Vec<&str> {
        self.asks.secrets()
    }
}

/// Refreshes tokens; made by [`OAuthApp::refresh_request`].
///
/// Scopes and a refresh token that the response omits stay as they were (RFC 6749, section 6).
#[derive(Clone, Debug)]
pub struct RefreshTokens {
    asks: TokenRequest,
    scopes: Vec<Scope>,
    now: Timestamp,
}

impl Operation for RefreshTokens {
    type Response = TokenSet;

    // Idempotent: the platform accepts the old pair for two more minutes.
    const METADATA: Metadata =
        Metadata::post("oauth.refresh_tokens", PATH).on(Host::OAuth).idempotent().with_secret_response();

    fn credential(&self) -> Credential<'_> {
        Credential::None
    }

    fn content(&self) -> Result<Content, InvalidRequest> {
        Ok(self.asks.content())
    }

    fn read(&self, response: &Response<Bytes>) -> Result<TokenSet, UnexpectedResponse> {
        let mut response = TokenRequest::read(response)?;
        if response.scopes.as_ref().is_none_or(Vec::is_empty) {
            response.scopes = Some(self.scopes.clone());
        }
        if let (None, Grant::RefreshToken { refresh_token, .. }) = (&response.refresh_token, &self.asks.grant) {
            response.refresh_token = Some(refresh_token.clone());
        }
        Ok(response.into_tokens(self.now))
    }

    fn content_secrets(&self) -> Vec<&str> {
        self.asks.secrets()
    }
}

/// A request to the token endpoint (RFC 6749, sections 4.1.3 and 6).
///
/// For a stand-in for the platform; an app uses [`OAuthApp::exchange_request`] and [`OAuthApp::refresh_request`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenRequest {
    /// The app's slug.
    pub client_id: AppSlug,
    /// The client secret.
    pub client_secret: ClientSecret,
    /// The redirect URI of the permission request.
    pub redirect_uri: String,
    /// The grant.
    pub grant: Grant,
}

/// The grant to exchange for tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grant {
    /// An authorization code.
    AuthorizationCode(AuthorizationCode),
    /// A refresh token.
    RefreshToken {
        /// The refresh token.
        refresh_token: RefreshToken,
        /// The access token of the same set, if known. The platform documents it as the parameter `code`.
        access_token: Option<AccessToken>,
    },
}

impl TokenRequest {
    /// Reads a form. Unknown parameters are ignored.
    ///
    /// # Errors
    ///
    /// [`InvalidOAuthRequest`] if a parameter is missing, repeated or invalid.
    pub fn parse(form: &[u8]) -> Result<Self, InvalidOAuthRequest> {
        let parameters = Parameters::of_form(form);
        let grant = match &*parameters.required("grant_type")? {
            "authorization_code" => Grant::AuthorizationCode(parameters.required_as("code", AuthorizationCode::new)?),
            "refresh_token" => Grant::RefreshToken {
                refresh_token: parameters.required_as("refresh_token", RefreshToken::new)?,
                access_token: parameters
                    .optional("code")?
                    .map(AccessToken::new)
                    .transpose()
                    .map_err(|_| InvalidOAuthRequest::Unusable("code"))?,
            },
            _ => return Err(InvalidOAuthRequest::Unusable("grant_type")),
        };
        Ok(Self {
            client_id: AppSlug::new(parameters.required("client_id")?),
            client_secret: parameters.required_as("client_secret", ClientSecret::new)?,
            redirect_uri: parameters.required("redirect_uri")?.into_owned(),
            grant,
        })
    }

    fn content(&self) -> Content {
        let grant = match &self.grant {
            Grant::AuthorizationCode(code) => {
                [Some(("grant_type", "authorization_code")), Some(("code", code.expose_secret())), None]
            }
            Grant::RefreshToken { refresh_token, access_token } => [
                Some(("grant_type", "refresh_token")),
                Some(("refresh_token", refresh_token.expose_secret())),
                access_token.as_ref().map(|token| ("code", token.expose_secret())),
            ],
        };
        let app = [
            ("client_id", self.client_id.as_str()),
            ("client_secret", self.client_secret.expose_secret()),
            ("redirect_uri", &self.redirect_uri),
        ];
        Content::form(grant.into_iter().flatten().chain(app))
    }

    fn read(response: &Response<Bytes>) -> Result<TokenResponse, UnexpectedResponse> {
        let fields: TokenResponseFields = response::object(response, Excerpt::Withheld)?;
        fields.response().ok_or_else(|| UnexpectedResponse::new(NO_ACCESS_TOKEN))
    }

    fn secrets(&self) -> Vec<&str> {
        let mut secrets = vec![self.client_secret.expose_secret()];
        match &self.grant {
            Grant::AuthorizationCode(code) => secrets.push(code.expose_secret()),
            Grant::RefreshToken { refresh_token, access_token } => {
                secrets.push(refresh_token.expose_secret());
                secrets.extend(access_token.as_ref().map(AccessToken::expose_secret));
            }
        }
        secrets
    }
}

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
    read by TokenResponseFields {
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
        let fields: TokenResponseFields = lenient::object(deserializer)?;
        fields.response().ok_or_else(|| serde::de::Error::custom(NO_ACCESS_TOKEN))
    }
}

/// The token may be there, but not fit into a header.
const NO_ACCESS_TOKEN: &str = "no usable access_token in the response";

impl TokenResponseFields {
    fn response(self) -> Option<TokenResponse> {
        let scopes = self.scope.as_ref().and_then(granted);
        Some(TokenResponse { scopes, ..self.whole()? })
    }
}

/// The scopes of a string (RFC 6749) or of an array of strings. Invalid ones are ignored.
fn granted(scope: &RawJson) -> Option<Vec<Scope>> {
    let texts = match scope.parse().ok()? {
        Value::Array(texts) => texts,
        text @ Value::String(_) => vec![text],
        _ => return None,
    };
    let mut scopes = Vec::new();
    for text in texts.iter().filter_map(Value::as_str) {
        let _ = Scope::add_all(text, &mut scopes);
    }
    Some(scopes)
}
