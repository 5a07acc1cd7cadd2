use std::borrow::Borrow;
use std::fmt;

use super::parameters::{self, InvalidOAuthRequest, Parameters};
use super::{OAuthApp, OAuthState, Scope};
use crate::model::AppSlug;
use crate::request::{BaseUrls, Host, Metadata};

impl OAuthApp {
    /// The URL of the consent page, and the state to check the callback with.
    ///
    /// Store the state in the user's session, and redirect the user to the URL. The user returns to the redirect URI with a
    /// query for [`callback`](Self::callback).
    ///
    /// # Panics
    ///
    /// If the operating system returns no random bytes, which does not happen in practice. To handle it, use
    /// [`OAuthState::random`] and [`permission_request`](Self::permission_request).
    #[doc(alias = "authorization url")]
    #[expect(clippy::panic, reason = "no input leads here, and the docs name an alternative")]
    pub fn permission_url<S: Borrow<Scope>>(
        &self,
        base_urls: &BaseUrls,
        scopes: impl IntoIterator<Item = S>,
    ) -> (PermissionUrl, OAuthState) {
        let state = OAuthState::random().unwrap_or_else(|error| panic!("{error}"));
        (self.permission_request(scopes, state.clone()).url(base_urls), state)
    }

    /// A permission request with your own state.
    #[must_use]
    pub fn permission_request<S: Borrow<Scope>>(
        &self,
        scopes: impl IntoIterator<Item = S>,
        state: OAuthState,
    ) -> PermissionRequest {
        PermissionRequest {
            client_id: self.slug.clone(),
            redirect_uri: self.redirect_uri.clone(),
            scopes: scopes.into_iter().map(|scope| scope.borrow().clone()).collect(),
            state,
        }
    }
}

/// The URL of the consent page, to redirect the user's browser to.
///
/// `Debug` redacts the query, since it contains the [`OAuthState`].
#[derive(Clone)]
pub struct PermissionUrl(String);

impl PermissionUrl {
    /// The URL, for a `Location` header or a link.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PermissionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PermissionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let page = self.0.split_once('?').map_or("", |(page, _)| page);
        write!(f, "PermissionUrl({page}?[redacted])")
    }
}

impl AsRef<str> for PermissionUrl {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<PermissionUrl> for String {
    fn from(url: PermissionUrl) -> Self {
        url.0
    }
}

/// An authorization request (RFC 6749, section 4.1.1), for a stand-in for the platform.
///
/// An app uses [`OAuthApp::permission_url`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PermissionRequest {
    /// The app's slug.
    pub client_id: AppSlug,
    /// The redirect URI.
    pub redirect_uri: String,
    /// The requested scopes.
    pub scopes: Vec<Scope>,
    /// The state.
    pub state: OAuthState,
}

impl PermissionRequest {
    /// The metadata of the consent page.
    pub const METADATA: Metadata = Metadata::get("oauth.ask_consent", "/oauth2/auth").on(Host::OAuth);

    /// Reads the query of the consent page, or the path or URL with it.
    ///
    /// Unknown parameters are ignored.
    ///
    /// # Errors
    ///
    /// [`InvalidOAuthRequest`] if a parameter is missing, repeated or invalid.
    pub fn parse(query: &str) -> Result<Self, InvalidOAuthRequest> {
        let parameters = Parameters::of_query(query);
        if parameters.required("response_type")? != "code" {
            return Err(InvalidOAuthRequest::Unusable("response_type"));
        }
        let mut scopes = Vec::new();
        let names = parameters.optional("scope")?.unwrap_or_default();
        Scope::add_all(&names, &mut scopes).map_err(|_| InvalidOAuthRequest::Unusable("scope"))?;
        Ok(Self {
            client_id: AppSlug::new(parameters.required("client_id")?),
            redirect_uri: parameters.required("redirect_uri")?.into_owned(),
            scopes,
            state: parameters.required_as("state", OAuthState::restore)?,
        })
    }

    /// The query of the consent page, without `?`. `%20` separates the scopes.
    #[must_use]
    pub fn to_query(&self) -> String {
        parameters::query(&[
            ("response_type", "code"),
            ("client_id", self.client_id.as_str()),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &Scope::join(&self.scopes)),
            ("state", self.state.expose_secret()),
        ])
    }

    /// The URL of the consent page.
    #[must_use]
    pub fn url(&self, base_urls: &BaseUrls) -> PermissionUrl {
        PermissionUrl(format!("{}{}?{}", base_urls.oauth().as_str(), Self::METADATA.path(), self.to_query()))
    }
}
