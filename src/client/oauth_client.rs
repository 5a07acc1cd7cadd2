use std::borrow::Borrow;

use super::Client;
use crate::error::{Error, ErrorKind};
use crate::oauth::{Callback, CallbackError, OAuthApp, OAuthState, PermissionUrl, RefreshTokens, Scope, TokenSet};
use crate::request::Operation as _;
use crate::secret::AuthorizationCode;

/// Your app's OAuth flow: an [`OAuthApp`] with a [`Client`]. Created by [`Client::oauth`].
///
/// The guide shows [the flow](crate::guide::permission#asking).
#[derive(Clone, Debug)]
pub struct OAuthClient {
    app: OAuthApp,
    pub(super) client: Client,
}

impl Client {
    /// Returns the OAuth flow of an app over this client's connections, hosts and time limits.
    #[must_use]
    pub fn oauth(&self, app: OAuthApp) -> OAuthClient {
        OAuthClient { app, client: self.clone() }
    }
}

impl OAuthClient {
    /// Returns the URL of the consent page, and the state to check the callback with.
    ///
    /// See [`OAuthApp::permission_url`].
    #[doc(alias = "authorize")]
    pub fn permission_url<S: Borrow<Scope>>(&self, scopes: impl IntoIterator<Item = S>) -> (PermissionUrl, OAuthState) {
        self.app.permission_url(self.client.base_urls(), scopes)
    }

    /// Returns the URL of the consent page with your own state, such as one that the user's visit already has.
    ///
    /// A form that is submitted twice then leads to one callback.
    #[must_use]
    pub fn permission_url_with_state<S: Borrow<Scope>>(
        &self,
        scopes: impl IntoIterator<Item = S>,
        state: OAuthState,
    ) -> PermissionUrl {
        self.app.permission_request(scopes, state).url(self.client.base_urls())
    }

    /// Reads the callback's query or URL: [`OAuthApp::callback`].
    ///
    /// # Errors
    ///
    /// [`CallbackError`] if the query is forged or malformed.
    pub fn callback(&self, query: impl AsRef<str>, state: &OAuthState) -> Result<Callback, CallbackError> {
        self.app.callback(query, state)
    }

    /// Exchanges an authorization code, which works once, for tokens.
    ///
    /// Run it [in its own task](Client#cancellation), so that the tokens are not lost.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid_grant`] if the code was used, is too old, or was requested with another redirect URI.
    pub async fn exchange(&self, code: AuthorizationCode) -> Result<TokenSet, Error> {
        self.client.execute(&self.app.exchange_request(code, self.client.now())).await
    }

    /// Exchanges the refresh token for new tokens; see [`TokenSet`].
    ///
    /// A failed refresh is safe to repeat within two minutes, and is retried within the time limit. Run it in its own
    /// task too. `permissions` (feature `tokio`) does all of this.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid_grant`] if the refresh token is too old, replaced or revoked; [`ErrorKind::InvalidRequest`]
    /// if the set has none.
    pub async fn refresh(&self, tokens: &TokenSet) -> Result<TokenSet, Error> {
        let refresh = self
            .app
            .refresh_request(tokens, self.client.now())
            .map_err(|why| Error::new(ErrorKind::InvalidRequest, RefreshTokens::METADATA.name(), why))?;
        self.client.execute(&refresh).await
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn with_time_limit(&self, limit: std::time::Duration) -> Self {
        Self { app: self.app.clone(), client: self.client.with_time_limit(limit) }
    }

    /// The app.
    #[must_use]
    pub fn app(&self) -> &OAuthApp {
        &self.app
    }
}
