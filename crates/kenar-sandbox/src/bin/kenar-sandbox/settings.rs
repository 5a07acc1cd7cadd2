//! The settings of a sandbox, in the form of the TOML file.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kenar::model::{AppUrl, InvalidAppUrl};
use kenar::request::ApiKeyPermission;
use kenar::secret::{ApiKey, ClientSecret, IdentificationKey};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// All settings. A missing one gets its default when the sandbox starts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) port: Option<u16>,
    pub(crate) listen: Option<IpAddr>,
    pub(crate) host_names: Vec<String>,
    /// Add-on hosts beyond loopback, called over plain `http`.
    pub(crate) addon_hosts: Vec<String>,
    pub(crate) seed: Option<u64>,
    pub(crate) time_limit: Option<Seconds>,
    pub(crate) manual_clock: bool,
    pub(crate) chat_page: Option<bool>,
    pub(crate) restore: Option<PathBuf>,
    pub(crate) save: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) apps: Vec<AppSettings>,
    pub(crate) people: Vec<PersonSettings>,
    pub(crate) posts: Vec<PostSettings>,
}

/// An app, as its owner sets it up in the Kenar panel.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppSettings {
    pub(crate) slug: String,
    pub(crate) title: Option<String>,
    /// The base of the URLs that are not set.
    pub(crate) addon_url: Option<AddOnUrl>,
    pub(crate) open_app_url: Option<AddOnUrl>,
    pub(crate) open_app_version: Option<OpenAppVersion>,
    pub(crate) events_url: Option<AddOnUrl>,
    pub(crate) dynamic_action_url: Option<AddOnUrl>,
    pub(crate) fallback_url: Option<AddOnUrl>,
    #[serde(default)]
    pub(crate) redirect_uris: Vec<String>,
    #[serde(default, deserialize_with = "secret")]
    pub(crate) api_key: Option<ApiKey>,
    /// The permissions of the API key; every permission if it is not set.
    #[serde(default, deserialize_with = "permissions")]
    pub(crate) api_key_permissions: Option<Vec<ApiKeyPermission>>,
    #[serde(default, deserialize_with = "secret")]
    pub(crate) client_secret: Option<ClientSecret>,
    #[serde(default, deserialize_with = "secret")]
    pub(crate) identification_key: Option<IdentificationKey>,
    pub(crate) limit_per_minute: Option<u32>,
    pub(crate) limit_per_day: Option<u32>,
}

/// A person on Divar.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonSettings {
    pub(crate) name: String,
    /// The person's user ids, by app slug.
    #[serde(default)]
    pub(crate) ids: BTreeMap<String, String>,
}

/// A conversation about a post.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConversationSettings {
    pub(crate) with: String,
    pub(crate) id: Option<String>,
}

/// A post with its conversations.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostSettings {
    pub(crate) owner: String,
    pub(crate) title: Option<String>,
    pub(crate) token: Option<String>,
    #[serde(default)]
    pub(crate) conversations: Vec<ConversationSettings>,
}

/// A URL of an add-on. [`Settings::check`] checks its host when all settings are known.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct AddOnUrl(pub(crate) AppUrl);

/// The version of the open-app request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub(crate) enum OpenAppVersion {
    V1,
    V2,
}

/// A positive number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Seconds(pub(crate) std::time::Duration);

impl Settings {
    /// Reads a TOML file. Errors name the line but never quote it, since it may hold a key.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let place = path.display();
        let text = std::fs::read_to_string(path).map_err(|why| format!("cannot read {place}: {why}"))?;
        let settings: Self = toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count().saturating_add(1);
            format!("{place}, line {line}: {}", error.message())
        })?;
        Ok(settings)
    }

    /// Checks what a single setting cannot: hosts, owners and slugs against each other.
    pub(crate) fn check(&self) -> Result<(), String> {
        for AddOnUrl(url) in self.apps.iter().flat_map(AppSettings::addresses) {
            let host = url.as_url().host_str().unwrap_or_default();
            if url.as_str().parse::<AppUrl>().is_err() && !self.addon_hosts.iter().any(|known| known == host) {
                return Err(format!(
                    "{url}: must be https, or http on a loopback address; `--addon-host {host}` allows this host"
                ));
            }
        }
        if let Some(post) = self.posts.iter().find(|post| post.conversations.iter().any(|chat| chat.with == post.owner))
        {
            return Err(format!("invalid conversation: {} owns the post", post.owner));
        }
        for slug in self.people.iter().flat_map(|person| person.ids.keys()) {
            if !self.apps.iter().any(|app| app.slug == *slug) {
                return Err(format!("unknown app in a person's ids: `{slug}`"));
            }
        }
        Ok(())
    }

    /// Changes the settings of the app with this slug, which is added on first use.
    pub(crate) fn with_app<T>(&mut self, slug: &str, set: impl FnOnce(&mut AppSettings) -> T) -> T {
        if let Some(app) = self.apps.iter_mut().find(|app| app.slug == slug) {
            return set(app);
        }
        let mut app = AppSettings { slug: slug.to_owned(), ..AppSettings::default() };
        let outcome = set(&mut app);
        self.apps.push(app);
        outcome
    }
}

impl AppSettings {
    /// The URLs that the sandbox calls or opens in a browser.
    fn addresses(&self) -> impl Iterator<Item = &AddOnUrl> {
        let webhooks = [&self.open_app_url, &self.events_url, &self.dynamic_action_url];
        webhooks.into_iter().chain([&self.addon_url, &self.fallback_url]).flatten()
    }
}

impl FromStr for AddOnUrl {
    type Err = InvalidAppUrl;

    fn from_str(text: &str) -> Result<Self, InvalidAppUrl> {
        AppUrl::insecure(text).map(Self)
    }
}

impl<'de> Deserialize<'de> for AddOnUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl TryFrom<u8> for OpenAppVersion {
    type Error = &'static str;

    fn try_from(version: u8) -> Result<Self, &'static str> {
        match version {
            1 => Ok(Self::V1),
            2 => Ok(Self::V2),
            _ => Err("the version must be 1 or 2"),
        }
    }
}

impl TryFrom<f64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, &'static str> {
        match std::time::Duration::try_from_secs_f64(seconds) {
            Ok(duration) if !duration.is_zero() => Ok(Self(duration)),
            _ => Err("the timeout must be a positive number of seconds"),
        }
    }
}

/// Reads a secret. Errors never quote its text.
fn secret<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(deserializer: D) -> Result<Option<T>, D::Error> {
    match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) => text.parse().map(Some).map_err(D::Error::custom),
        _ => Err(D::Error::custom("a key must be a string")),
    }
}

fn permissions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<ApiKeyPermission>>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    names.iter().map(|name| permission(name)).collect::<Result<_, _>>().map(Some).map_err(D::Error::custom)
}

/// A permission by its name in the panel. The error lists the known ones.
pub(crate) fn permission(name: &str) -> Result<ApiKeyPermission, String> {
    name.parse().map_err(|why| {
        let known: Vec<_> = ApiKeyPermission::ALL.iter().map(ApiKeyPermission::as_str).collect();
        format!("{why}; known permissions: {}", known.join(", "))
    })
}
