use bytes::Bytes;
use http::Response;

use super::parameters::{InvalidOAuthRequest, Parameters};
use super::token_response::TokenResponseFields;
use super::{OAuthApp, Scope, TokenResponse, TokenSet};
use crate::model::{AppSlug, Timestamp};
use crate::request::response::{self, UnexpectedResponse};
use crate::request::{Content, Credential, Host, InvalidRequest, Metadata, Operation};
use crate::secret::{AccessToken, AuthorizationCode, ClientSecret, RefreshToken};

impl OAuthApp {
    /// Makes tokens of a code. Send it soon, and once: a code works a single time.
    ///
    /// `now` is what the tokens' lifetime is counted from: [`Timestamp::now`], or what the clock of a test shows.
    #[must_use]
    pub fn exchange_request(&self, code: AuthorizationCode, now: Timestamp) -> ExchangeCode {
        ExchangeCode { asks: self.token_request(Grant::AuthorizationCode(code)), now }
    }

    /// Makes new tokens of old ones. [`TokenSet`] says what to mind.
    ///
    /// `now` is what the new tokens' lifetime is counted from: [`Timestamp::now`], or what the clock of a test shows.
    ///
    /// # Errors
    ///
    /// [`NoRefreshToken`], where there is none in the set.
    pub fn refresh_request(&self, tokens: &TokenSet, now: Timestamp) -> Result<RefreshTokens, NoRefreshToken> {
        let refresh_token = tokens.refresh_token.clone().ok_or(NoRefreshToken)?;
        let access_token = Some(tokens.access_token.clone());
        Ok(RefreshTokens {
            asks: self.token_request(Grant::RefreshToken { refresh_token, access_token }),
            scopes: tokens.scopes().to_vec(),
            now,
        })
    }

    /// As [`refresh_request`](Self::refresh_request), where nothing is left but the refresh token.
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

/// The set holds no refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no refresh token: ask for permission with the scope offline_access to have one")]
pub struct NoRefreshToken;

/// Makes tokens of a code: what [`OAuthApp::exchange_request`] returns.
#[derive(Clone, Debug)]
pub struct ExchangeCode {
    asks: TokenRequest,
    now: Timestamp,
}

/// The token endpoint.
const PATH: &str = "/oauth2/token";

impl Operation for ExchangeCode {
    type Response = TokenSet;

    // A code works once. The second time it is refused, and the tokens made of it may be revoked (RFC 6749,
    // section 4.1.2): so it is not idempotent.
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

/// Makes new tokens of old ones: what [`OAuthApp::refresh_request`] returns.
///
/// What the answer leaves out stays as it was (RFC 6749, section 6): the scopes, and the refresh token.
#[derive(Clone, Debug)]
pub struct RefreshTokens {
    asks: TokenRequest,
    scopes: Vec<Scope>,
    now: Timestamp,
}

impl Operation for RefreshTokens {
    type Response = TokenSet;

    // The platform lets the old pair work for two more minutes: so it is idempotent.
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

/// What the token endpoint is asked, as it travels: the *access token request* of RFC 6749, sections 4.1.3 and 6.
///
/// An app has [`OAuthApp::exchange_request`] and [`OAuthApp::refresh_request`]. A stand-in for the platform reads one with
/// [`parse`](Self::parse).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenRequest {
    /// The app that asks.
    pub client_id: AppSlug,
    /// How the app proves that it is the one.
    pub client_secret: ClientSecret,
    /// The one that permission was asked with.
    pub redirect_uri: String,
    /// What the tokens are had for.
    pub grant: Grant,
}

/// What tokens are had for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grant {
    /// A code, once.
    AuthorizationCode(AuthorizationCode),
    /// The refresh token of an earlier set.
    RefreshToken {
        /// The refresh token.
        refresh_token: RefreshToken,
        /// The access token that came with it, where it is known. The platform documents that it is sent, under the
        /// name `code`.
        access_token: Option<AccessToken>,
    },
}

impl TokenRequest {
    /// Reads a form. Parameters it does not know are passed over.
    ///
    /// # Errors
    ///
    /// [`InvalidOAuthRequest`], where a parameter is missing, repeated, or not what it should be.
    pub fn parse(form: &[u8]) -> Result<Self, InvalidOAuthRequest> {
        let parameters = Parameters::of_form(form);
        let grant = match &*parameters.required("grant_type")? {
            "authorization_code" => {
                Grant::AuthorizationCode(parameters.required_as("code", |code| AuthorizationCode::new(code))?)
            }
            "refresh_token" => Grant::RefreshToken {
                refresh_token: parameters.required_as("refresh_token", |token| RefreshToken::new(token))?,
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
            client_secret: parameters.required_as("client_secret", |secret| ClientSecret::new(secret))?,
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
        let fields = response::secret_json::<TokenResponseFields>(response)?;
        TokenResponse::try_from(fields).map_err(UnexpectedResponse::new)
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
