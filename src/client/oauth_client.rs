use std::borrow::Borrow;

use super::Client;
use crate::error::{Error, ErrorKind};
use crate::oauth::{Callback, CallbackError, OAuthApp, OAuthState, PermissionUrl, RefreshTokens, Scope, TokenSet};
use crate::request::Operation as _;
use crate::secret::AuthorizationCode;

/// The whole OAuth flow of your app: an [`OAuthApp`], and a [`Client`] that sends. Made by [`Client::oauth`].
///
/// ```no_run
/// # use kenar::{OAuthClient, Scope};
/// # use kenar::model::ConversationId;
/// # use kenar::oauth::{Callback, OAuthState};
/// # fn keep_with_the_visit(_: OAuthState) {} fn redirect(_: &str) {} fn store(_: kenar::oauth::StoredTokens) {}
/// # async fn flow(oauth: OAuthClient, conversation: ConversationId, query: &str, state: OAuthState) -> Result<(), Box<dyn std::error::Error>> {
/// let (url, state_to_keep) =
///     oauth.permission_url([Scope::conversation_send_message(&conversation), Scope::offline_access()]);
/// keep_with_the_visit(state_to_keep);
/// redirect(url.as_str());
///
/// // … and when the user is back at the redirect URI:
/// if let Callback::Granted(code) = oauth.callback(query, &state)? {
///     let tokens = oauth.exchange(code).await?;
///     assert!(tokens.grants(&Scope::conversation_send_message(&conversation)));
///     store(tokens.expose_for_storage()); // or grant them to `permissions`, which keeps them good
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct OAuthClient {
    app: OAuthApp,
    pub(super) client: Client,
}

impl Client {
    /// The OAuth flow of an app, over this client's connections, hosts and time limits.
    #[must_use]
    pub fn oauth(&self, app: OAuthApp) -> OAuthClient {
        OAuthClient { app, client: self.clone() }
    }
}

impl OAuthClient {
    /// Where to send the user to be asked for permission, and the state to check the answer with:
    /// [`OAuthApp::permission_url`] for the client's hosts.
    pub fn permission_url<S: Borrow<Scope>>(&self, scopes: impl IntoIterator<Item = S>) -> (PermissionUrl, OAuthState) {
        self.app.permission_url(self.client.base_urls(), scopes)
    }

    /// Where to send the user with a state of your own, such as the one that the visit has already: a form that is sent
    /// twice then leads to one answer.
    #[must_use]
    pub fn permission_url_with_state<S: Borrow<Scope>>(
        &self,
        scopes: impl IntoIterator<Item = S>,
        state: OAuthState,
    ) -> PermissionUrl {
        self.app.permission_request(scopes, state).url(self.client.base_urls())
    }

    /// Reads the query with which a user came back, or the URL that it is in: [`OAuthApp::callback`].
    ///
    /// # Errors
    ///
    /// [`CallbackError`], where the query cannot be believed or used.
    pub fn callback(&self, query: impl AsRef<str>, state: &OAuthState) -> Result<Callback, CallbackError> {
        self.app.callback(query, state)
    }

    /// Makes tokens of a code, which works once. Run it in a task of its own: a handler that is dropped in the middle
    /// leaves the code used up and the tokens lost.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid_grant`] where the code is used up, too old, or was asked for with another redirect URI.
    pub async fn exchange(&self, code: AuthorizationCode) -> Result<TokenSet, Error> {
        self.client.execute(&self.app.exchange_request(code, self.client.now())).await
    }

    /// Makes new tokens of old ones; [`TokenSet`] says what to mind. A refresh that fails is safe to try again within
    /// two minutes, and is tried again by itself where the time allows. Run it in a task of its own: a handler that is
    /// dropped in the middle loses the new tokens. With the feature `tokio`, `permissions` does all of this for you.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid_grant`] where the refresh token is too old, replaced or taken back;
    /// [`ErrorKind::InvalidRequest`] where there is none in the set.
    pub async fn refresh(&self, tokens: &TokenSet) -> Result<TokenSet, Error> {
        let refresh = self
            .app
            .refresh_request(tokens, self.client.now())
            .map_err(|why| Error::new(ErrorKind::InvalidRequest, RefreshTokens::METADATA.name(), why))?;
        self.client.execute(&refresh).await
    }

    /// The client that sends.
    #[cfg(feature = "tokio")]
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The same flow with another time limit for each call.
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
