//! The settings of a sandbox, in the form of the TOML file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kenar::model::AppUrl;
use kenar::request::ApiKeyPermission;
use kenar::secret::{ApiKey, ClientSecret, IdentificationKey};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::value::{AddOnUrl, Host, OpenAppVersion, RedirectUri, Seconds, list, one, optional};

/// All settings. A missing one gets its default when the sandbox starts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    #[serde(deserialize_with = "optional")]
    pub(crate) port: Option<u16>,
    #[serde(deserialize_with = "optional")]
    pub(crate) listen: Option<IpAddr>,
    #[serde(deserialize_with = "list")]
    pub(crate) host_names: Vec<Host>,
    /// Add-on hosts beyond loopback, called over plain `http`.
    #[serde(deserialize_with = "list")]
    pub(crate) addon_hosts: Vec<Host>,
    #[serde(deserialize_with = "optional")]
    pub(crate) seed: Option<u64>,
    #[serde(deserialize_with = "optional")]
    pub(crate) time_limit: Option<Seconds>,
    #[serde(deserialize_with = "one")]
    pub(crate) manual_clock: bool,
    #[serde(deserialize_with = "optional")]
    pub(crate) chat_page: Option<bool>,
    #[serde(deserialize_with = "optional")]
    pub(crate) restore: Option<PathBuf>,
    #[serde(deserialize_with = "optional")]
    pub(crate) save: Option<PathBuf>,
    #[serde(deserialize_with = "one")]
    pub(crate) json: bool,
    pub(crate) apps: Vec<AppSettings>,
    pub(crate) people: Vec<PersonSettings>,
    pub(crate) posts: Vec<PostSettings>,
}

/// An app, as its owner sets it up in the Kenar panel.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppSettings {
    #[serde(deserialize_with = "one")]
    pub(crate) slug: String,
    #[serde(default, deserialize_with = "optional")]
    pub(crate) title: Option<String>,
    /// The base of the URLs that are not set.
    #[serde(default, deserialize_with = "optional")]
    pub(crate) addon_url: Option<AddOnUrl>,
    #[serde(default, deserialize_with = "optional")]
    pub(crate) open_app_url: Option<AddOnUrl>,
    #[serde(default, deserialize_with = "optional")]
    pub(crate) open_app_version: Option<OpenAppVersion>,
    #[serde(default, deserialize_with = "optional")]
    pub(crate) events_url: Option<AddOnUrl>,
    #[serde(default, deserialize_with = "optional")]
    pub(crate) dynamic_action_url: Option<AddOnUrl>,
    #[serde(default, deserialize_with = "optional")]
    pub(crate) fallback_url: Option<AddOnUrl>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) redirect_uris: Vec<RedirectUri>,
    #[serde(default, deserialize_with = "secret")]
    pub(crate) api_key: Option<ApiKey>,
    /// The permissions of the API key; every permission if it is not set.
    #[serde(default, deserialize_with = "permissions")]
    pub(crate) api_key_permissions: Option<Vec<ApiKeyPermission>>,
    #[serde(default, deserialize_with = "secret")]
    pub(crate) client_secret: Option<ClientSecret>,
    #[serde(default, deserialize_with = "secret")]
    pub(crate) identification_key: Option<IdentificationKey>,
    #[serde(default, deserialize_with = "optional")]
    pub(crate) limit_per_minute: Option<u32>,
    #[serde(default, deserialize_with = "optional")]
    pub(crate) limit_per_day: Option<u32>,
}

/// A person on Divar.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonSettings {
    #[serde(deserialize_with = "one")]
    pub(crate) name: String,
    /// The person's user ids, by app slug.
    #[serde(default)]
    pub(crate) ids: BTreeMap<String, String>,
}

/// A conversation about a post.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConversationSettings {
    #[serde(deserialize_with = "one")]
    pub(crate) with: String,
    pub(crate) id: Option<String>,
}

/// A post with its conversations.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostSettings {
    #[serde(deserialize_with = "one")]
    pub(crate) owner: String,
    #[serde(default, deserialize_with = "optional")]
    pub(crate) title: Option<String>,
    pub(crate) token: Option<String>,
    #[serde(default)]
    pub(crate) conversations: Vec<ConversationSettings>,
}

impl Settings {
    /// Reads a TOML file. Errors name the line but never quote it, since it may hold a key.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let place = path.display();
        let text = std::fs::read_to_string(path).map_err(|why| format!("cannot read {place}: {why}"))?;
        let settings: Self = toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count().saturating_add(1);
            let key = key_before(before).map(|key| format!("{key}: ")).unwrap_or_default();
            format!("{place}, line {line}: {key}{}", error.message())
        })?;
        Ok(settings)
    }

    /// Checks what a single setting cannot: hosts, owners and slugs against each other.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut slugs = BTreeSet::new();
        if let Some(app) = self.apps.iter().find(|app| !slugs.insert(&app.slug)) {
            return Err(format!("repeated app: `{}`", app.slug));
        }
        for (key, AddOnUrl(url)) in self.apps.iter().flat_map(AppSettings::addresses) {
            let host = url.as_url().host_str().unwrap_or_default();
            if url.as_str().parse::<AppUrl>().is_err() && !self.addon_hosts.iter().any(|known| known.0 == host) {
                return Err(format!(
                    "invalid {key} {url}: must be https, or http on a loopback address; `--addon-host {host}` allows this host"
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
    /// The URLs that the sandbox calls or opens in a browser, by their keys.
    fn addresses(&self) -> impl Iterator<Item = (&'static str, &AddOnUrl)> {
        let urls = [
            ("addon_url", &self.addon_url),
            ("open_app_url", &self.open_app_url),
            ("events_url", &self.events_url),
            ("dynamic_action_url", &self.dynamic_action_url),
            ("fallback_url", &self.fallback_url),
        ];
        urls.into_iter().filter_map(|(key, url)| Some((key, url.as_ref()?)))
    }
}

/// The key of the value after this beginning of a TOML file; `None` if no value follows.
fn key_before(text: &str) -> Option<&str> {
    let (keys, between) = text.rsplit_once('=')?;
    let between = between.trim_start_matches([' ', '\t']);
    let is_in_list = between.starts_with('[') && !between.contains(']');
    let key =
        keys.trim_end().rsplit(|symbol: char| !(symbol.is_ascii_alphanumeric() || "_-".contains(symbol))).next()?;
    ((between.is_empty() || is_in_list) && !key.is_empty()).then_some(key)
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
