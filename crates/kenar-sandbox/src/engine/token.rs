//! The token endpoint.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use kenar::model::Timestamp;
use kenar::oauth::{ExchangeCode, Grant as Shown, InvalidOAuthRequest, RefreshTokens, TokenRequest, TokenResponse};
use kenar::request::Operation as _;
use kenar::secret::{AccessToken, RefreshToken};

use super::grants::{ACCESS_TOKEN_LIFE, Grant};
use super::reply::{Reply, json};
use super::state::Engine;

/// An error of RFC 6749, section 5.2.
#[derive(Serialize)]
struct TokenError {
    #[serde(skip)]
    status: StatusCode,
    error: &'static str,
    error_description: String,
}

impl TokenError {
    fn new(error: &'static str, why: impl Into<String>) -> Self {
        let status = if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        Self { status, error, error_description: why.into() }
    }
}

impl From<InvalidOAuthRequest> for TokenError {
    fn from(why: InvalidOAuthRequest) -> Self {
        use InvalidOAuthRequest::{Missing, Unusable};
        let error = match why {
            // The platform's known error for an exchange without a redirect URI.
            Missing("redirect_uri") | Unusable("code" | "refresh_token") => "invalid_grant",
            Missing("client_id" | "client_secret") | Unusable("client_secret") => "invalid_client",
            Unusable("grant_type") => "unsupported_grant_type",
            _ => "invalid_request",
        };
        Self::new(error, why.to_string())
    }
}

impl Engine {
    /// `POST /oauth2/token`.
    pub(super) fn token(&mut self, headers: &HeaderMap, form: &[u8], now: Timestamp) -> Reply {
        let mut done = match self.tokens(headers, form, now) {
            Ok(response) => Reply::ok(&response),
            Err(error) => Reply::new(json(error.status, &error)),
        };
        done.response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        done
    }

    fn tokens(&mut self, headers: &HeaderMap, form: &[u8], now: Timestamp) -> Result<TokenResponse, TokenError> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let why = format!("invalid Content-Type {content_type:?}: expected application/x-www-form-urlencoded");
            return Err(TokenError::new("invalid_request", why));
        }
        if headers.contains_key(header::AUTHORIZATION) {
            let why = "unexpected Authorization header: send client_id and client_secret in the body";
            return Err(TokenError::new("invalid_client", why));
        }
        let request = TokenRequest::parse(form)?;
        let app = self.world.apps.get(&request.client_id);
        if app.is_none_or(|app| app.client_secret != request.client_secret) {
            return Err(TokenError::new("invalid_client", "unknown client_id, or wrong client_secret"));
        }
        let grant = match &request.grant {
            Shown::AuthorizationCode(code) => {
                self.grants.take_code(code.expose_secret(), &request.client_id, &request.redirect_uri, now)
            }
            Shown::RefreshToken { refresh_token, .. } => {
                self.grants.retire(refresh_token.expose_secret(), &request.client_id, now)
            }
            _ => return Err(TokenError::new("unsupported_grant_type", "unsupported grant_type")),
        };
        let grant = grant.map_err(|why| TokenError::new("invalid_grant", why))?;
        Ok(self.give_tokens(&grant, now))
    }

    fn give_tokens(&mut self, grant: &Grant, now: Timestamp) -> TokenResponse {
        let access_token: AccessToken = self.world.ids.secret("access-token");
        let refresh_token = grant.is_offline().then(|| self.world.ids.secret::<RefreshToken>("refresh-token"));
        self.grants.add_tokens(&access_token, refresh_token.as_ref(), grant, now);
        let mut response = TokenResponse::new(access_token);
        response.expires_in = Some(ACCESS_TOKEN_LIFE.as_secs());
        response.refresh_token = refresh_token;
        response.scopes = Some(grant.scopes.clone());
        response
    }
}

/// The operation of a token request, by its grant type.
pub(super) fn operation(form: &[u8]) -> &'static str {
    let kind = form_urlencoded::parse(form).find_map(|(name, value)| (name == "grant_type").then_some(value));
    match kind.as_deref() {
        Some("authorization_code") => ExchangeCode::METADATA.name(),
        Some("refresh_token") => RefreshTokens::METADATA.name(),
        _ => "oauth.token",
    }
}

/// The form without its client secret, which may be a real one.
pub(super) fn without_secret(form: &[u8]) -> String {
    if form.trim_ascii_start().starts_with(b"{") {
        return "(redacted: JSON instead of a form)".to_owned();
    }
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(form) {
        kept.append_pair(&name, if name == "client_secret" { "[redacted]" } else { &value });
    }
    kept.finish()
}
