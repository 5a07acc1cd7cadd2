use std::borrow::Borrow;
use std::fmt;

use super::parameters::{self, InvalidOAuthRequest, Parameters};
use super::{OAuthApp, OAuthState, Scope};
use crate::model::AppSlug;
use crate::request::{BaseUrls, Host, Metadata};

impl OAuthApp {
    /// Where to send the user to be asked for permission, and the state to check the answer with.
    ///
    /// Keep the state with the visit, and redirect the user to the URL. They come back to the redirect URI, with a query
    /// for [`callback`](Self::callback).
    ///
    /// # Panics
    ///
    /// Where the operating system gives no random bytes for the state, which the platforms that Rust's standard library
    /// runs on do not do in practice. To handle it all the same, make the state with [`OAuthState::random`] and the URL with
    /// [`permission_request`](Self::permission_request).
    #[expect(clippy::panic, reason = "nothing from outside leads here, and the way around it is documented")]
    pub fn permission_url<S: Borrow<Scope>>(
        &self,
        base_urls: &BaseUrls,
        scopes: impl IntoIterator<Item = S>,
    ) -> (PermissionUrl, OAuthState) {
        let state = OAuthState::random().unwrap_or_else(|error| panic!("{error}"));
        (self.permission_request(scopes, state.clone()).url(base_urls), state)
    }

    /// What the user is asked, with a state of your own.
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

/// The address of the consent page, with what is asked in its query. Send the user's browser there with a redirect.
///
/// It holds the [`OAuthState`], so `Debug` leaves the query out.
#[derive(Clone)]
pub struct PermissionUrl(String);

impl PermissionUrl {
    /// The address, for a `Location` header or a link.
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

/// What the consent page is asked: the *authorization request* of RFC 6749, section 4.1.1.
///
/// An app gets by with [`OAuthApp::permission_url`]. A stand-in for the platform reads one with
/// [`parse`](Self::parse).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PermissionRequest {
    /// The app that asks.
    pub client_id: AppSlug,
    /// Where the user is sent back to.
    pub redirect_uri: String,
    /// What the app asks for.
    pub scopes: Vec<Scope>,
    /// What the app wants to see again.
    pub state: OAuthState,
}

impl PermissionRequest {
    /// The declaration of the consent page, which browsers are sent to.
    pub const METADATA: Metadata = Metadata::get("oauth.ask_consent", "/oauth2/auth").on(Host::OAuth);

    /// Reads the query of the consent page, or the path or absolute URL that it is in. Unknown parameters are ignored.
    ///
    /// # Errors
    ///
    /// [`InvalidOAuthRequest`], where a parameter is missing, repeated, or not what it should be.
    pub fn parse(query: &str) -> Result<Self, InvalidOAuthRequest> {
        let parameters = Parameters::of_query(query);
        if parameters.required("response_type")? != "code" {
            return Err(InvalidOAuthRequest::Unusable("response_type"));
        }
        let scopes = parameters.optional("scope")?.unwrap_or_default();
        Ok(Self {
            client_id: AppSlug::new(parameters.required("client_id")?),
            redirect_uri: parameters.required("redirect_uri")?.into_owned(),
            scopes: Scope::list(&scopes)
                .collect::<Result<_, _>>()
                .map_err(|_| InvalidOAuthRequest::Unusable("scope"))?,
            state: parameters.required_as("state", |text| OAuthState::restore(text))?,
        })
    }

    /// The query of the consent page, without a question mark. Scopes are separated by `%20`.
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

    /// The address that asks it.
    #[must_use]
    pub fn url(&self, base_urls: &BaseUrls) -> PermissionUrl {
        PermissionUrl(format!("{}{}?{}", base_urls.oauth().as_str(), Self::METADATA.path(), self.to_query()))
    }
}
