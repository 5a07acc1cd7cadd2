//! The settings of an app in the panel.

use kenar::model::{AppSlug, AppUrl};
use kenar::request::ApiKeyPermission;
use kenar::secret::{ApiKey, ClientSecret, IdentificationKey};
use kenar::webhook::ApiVersion;

use super::limits::Window;
use super::state::Engine;
use super::world::App;

/// One setting of an app.
#[derive(Debug)]
pub(crate) enum Setting {
    Title(String),
    OpenAppUrl(AppUrl),
    EventsUrl(AppUrl),
    DynamicActionUrl(AppUrl),
    FallbackUrl(AppUrl),
    OpenAppVersion(ApiVersion),
    RedirectUri(String),
    ApiKey(ApiKey),
    ApiKeyPermissions(Vec<ApiKeyPermission>),
    ClientSecret(ClientSecret),
    IdentificationKey(IdentificationKey),
    /// The limit of calls in a window; `None` is unlimited.
    Limit(Window, Option<u32>),
}

impl Engine {
    /// The app with this slug, created on first use.
    pub(crate) fn create_app(&mut self, slug: &AppSlug) -> &App {
        self.world.app(slug)
    }

    /// Changes a setting of an app.
    pub(crate) fn set(&mut self, slug: &AppSlug, setting: Setting) {
        let app = self.world.app(slug);
        match setting {
            Setting::Title(title) => app.title = Some(title),
            Setting::OpenAppUrl(url) => app.open_app_url = Some(url),
            Setting::EventsUrl(url) => app.events_url = Some(url),
            Setting::DynamicActionUrl(url) => app.dynamic_action_url = Some(url),
            Setting::FallbackUrl(url) => app.fallback_url = Some(url),
            Setting::OpenAppVersion(version) => app.open_app_version = version,
            Setting::RedirectUri(uri) => drop(app.redirect_uris.insert(uri)),
            Setting::ApiKey(key) => app.api_key = key,
            Setting::ApiKeyPermissions(permissions) => app.api_key_permissions = permissions,
            Setting::ClientSecret(secret) => app.client_secret = secret,
            Setting::IdentificationKey(key) => app.identification_key = key,
            Setting::Limit(window, calls) => self.limits.set(slug, window, calls),
        }
    }

    /// Creates a further API key of an app, with these permissions.
    pub(crate) fn create_api_key(&mut self, slug: &AppSlug, permissions: Vec<ApiKeyPermission>) -> ApiKey {
        self.world.api_key(slug, permissions)
    }
}
