use std::fmt;
use std::sync::Arc;

use super::engine::world;
use super::kenar::Kenar;
use super::loopback::Loopback;
use super::{Permission, SandboxError};
use crate::client::{Client, OAuthClient};
use crate::model::{AppSlug, AppUrl};
use crate::oauth::OAuthApp;
use crate::secret::{ApiKey, IdentificationKey};
use crate::webhook::Verifier;

/// An app, as its owner sets it up in the Kenar panel: addresses, keys, and what they may do.
///
/// ```
/// # use kenar::AppUrl;
/// # use kenar::sandbox::Sandbox;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let addon: AppUrl = "http://127.0.0.1:4000".parse()?;
/// let kenar = Sandbox::start().await?;
/// let app = kenar.app("delivery");
/// app.open_app_at(addon.at(["open"])).events_at(addon.at(["events"])).dynamic_actions_at(addon.at(["pressed"]));
///
/// let (client, verifier) = (app.client()?, app.verifier()?);
/// let oauth = app.oauth(addon.at(["oauth"]).as_str())?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct App {
    kenar: Arc<Kenar>,
    slug: AppSlug,
}

impl App {
    pub(super) fn new(kenar: Arc<Kenar>, slug: AppSlug) -> Self {
        let app = Self { kenar, slug };
        app.panel(|_| ());
        app
    }

    /// Its slug, which is also its OAuth `client_id`.
    #[must_use]
    pub fn slug(&self) -> &AppSlug {
        &self.slug
    }

    /// Sets the address that is called when a user opens the app ("Session Initialization URL").
    pub fn open_app_at(&self, url: AppUrl) -> &Self {
        self.panel(|app| app.open_app_url = Some(url));
        self
    }

    /// Sets the address that events are sent to.
    pub fn events_at(&self, url: AppUrl) -> &Self {
        self.panel(|app| app.events_url = Some(url));
        self
    }

    /// Sets the address that is asked when a user presses a `get_dynamic_action` button.
    pub fn dynamic_actions_at(&self, url: AppUrl) -> &Self {
        self.panel(|app| app.dynamic_action_url = Some(url));
        self
    }

    /// Sets the identification key that webhooks show.
    pub fn identified_by(&self, key: IdentificationKey) -> &Self {
        self.panel(|app| app.identification_key = key);
        self
    }

    /// Registers a redirect URI, and gives the client of the app's OAuth flow with it.
    ///
    /// # Errors
    ///
    /// Where the redirect URI cannot be one.
    pub fn oauth(&self, redirect_uri: &str) -> Result<OAuthClient, SandboxError> {
        let secret = self.panel(|app| app.client_secret.clone()).ok_or_else(|| self.broken())?;
        let app = OAuthApp::new(self.slug.clone(), secret, redirect_uri)
            .map_err(|error| self.kenar.error(format!("{redirect_uri:?}: {error}"), None))?;
        self.panel(|app| app.redirect_uris.insert(redirect_uri.to_owned()));
        Ok(self.client()?.oauth(app))
    }

    /// A client of the sandbox's, with an API key that has every permission.
    ///
    /// # Errors
    ///
    /// Where it cannot be set up.
    pub fn client(&self) -> Result<Client, SandboxError> {
        self.client_with(self.api_key()?)
    }

    /// A client of the sandbox's, with a new API key that has only these permissions.
    ///
    /// # Errors
    ///
    /// Where it cannot be set up.
    pub fn client_with_only(&self, permissions: impl IntoIterator<Item = Permission>) -> Result<Client, SandboxError> {
        let permissions = permissions.into_iter().collect();
        let key = self.kenar.change(|engine, _| engine.world.api_key(&self.slug, permissions));
        self.client_with(key.ok_or_else(|| self.broken())?)
    }

    fn client_with(&self, key: ApiKey) -> Result<Client, SandboxError> {
        Client::builder(key)
            .hosts(self.kenar.hosts.clone())
            .transport(Loopback)
            .build()
            .map_err(|error| self.kenar.error(error.to_string(), None))
    }

    /// Its API key with every permission, for a client of your own.
    ///
    /// # Errors
    ///
    /// Never, short of a defect in the sandbox.
    pub fn api_key(&self) -> Result<ApiKey, SandboxError> {
        let key = self.panel(|app| app.api_keys.first().map(|(key, _)| key.clone())).flatten();
        key.ok_or_else(|| self.broken())
    }

    /// What checks the webhooks that the sandbox sends.
    ///
    /// # Errors
    ///
    /// Never, short of a defect in the sandbox.
    pub fn verifier(&self) -> Result<Verifier, SandboxError> {
        let key = self.panel(|app| app.identification_key.clone()).ok_or_else(|| self.broken())?;
        Ok(Verifier::new(key))
    }

    fn panel<T>(&self, set: impl FnOnce(&mut world::App) -> T) -> Option<T> {
        self.kenar.change(|engine, _| engine.world.app(&self.slug).map(set))
    }

    fn broken(&self) -> SandboxError {
        self.kenar.error(format!("the app {} is not set up", self.slug), None)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("App").field(&self.slug).finish()
    }
}
