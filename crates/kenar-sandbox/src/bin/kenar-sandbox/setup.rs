//! Starts a sandbox from the settings.

use std::error::Error;
use std::io;
use std::path::Path;

use kenar::model::AppUrl;
use kenar::webhook::ApiVersion;
use kenar_sandbox::{App, Recording, Sandbox, SandboxError};
use serde_json::Value;

use super::settings::{AppSettings, ConversationSettings, PersonSettings, PostSettings, Settings};
use super::value::{AddOnUrl, Host, OpenAppVersion, RedirectUri};

/// The default port.
const PORT: u16 = 4040;

/// The default slug of an app.
pub(crate) const SLUG: &str = "my-addon";

/// The default base URL of an add-on.
const ADDON_URL: &str = "http://127.0.0.1:8080";

/// A running sandbox and its apps.
pub(crate) struct Started {
    pub(crate) sandbox: Sandbox,
    /// The sandbox's URL as add-ons reach it.
    pub(crate) url: String,
    pub(crate) apps: Vec<StartedApp>,
    pub(crate) is_saved: bool,
}

/// An app with its effective URLs. Keys are present only if the sandbox generated them.
#[derive(serde::Serialize)]
pub(crate) struct StartedApp {
    pub(crate) slug: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identification_key: Option<String>,
    pub(crate) open_app_url: Option<AddOnUrl>,
    pub(crate) events_url: Option<AddOnUrl>,
    pub(crate) dynamic_action_url: Option<AddOnUrl>,
    pub(crate) fallback_url: Option<AddOnUrl>,
    pub(crate) redirect_uris: Vec<RedirectUri>,
}

pub(crate) async fn start(mut settings: Settings) -> Result<Started, Box<dyn Error>> {
    if settings.apps.is_empty() {
        settings.with_app(SLUG, |app| app.title = Some("افزونهٔ شما".to_owned()));
    }
    let session = settings.restore.as_ref().map(|path| {
        let restored = restored(path, &settings.apps);
        restored.map_err(|why| format!("cannot restore {}: {why}", path.display()))
    });
    let session = session.transpose()?;
    let sandbox = listen(&settings).await?;
    let mut apps = Vec::new();
    for app in settings.apps {
        apps.push(enter(&sandbox, app)?);
    }
    for PersonSettings { name, ids } in &settings.people {
        let person = sandbox.user(name);
        for (slug, id) in ids {
            person.set_id_for(&sandbox.app(slug.as_str()), id.as_str()).map_err(message)?;
        }
    }
    for post in &settings.posts {
        add(&sandbox, post).map_err(message)?;
    }
    if let Some(session) = &session {
        sandbox.restore(session);
    } else if settings.people.is_empty() && settings.posts.is_empty() {
        add_samples(&sandbox, &apps);
    }
    let url = match settings.host_names.first() {
        None => sandbox.url().to_owned(),
        Some(Host(name)) if name.contains(':') => format!("http://{name}"),
        Some(Host(name)) => {
            let (_, port) = sandbox.url().rsplit_once(':').unwrap_or_default();
            format!("http://{name}:{port}")
        }
    };
    Ok(Started { sandbox, url, apps, is_saved: settings.save.is_some() })
}

/// Reads a session, whose chatbots must be among the apps.
fn restored(path: &Path, apps: &[AppSettings]) -> Result<Recording, String> {
    let session = Recording::load(path).map_err(|why| {
        let cause = why.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{why}{cause}")
    })?;
    let json = serde_json::to_value(&session).map_err(|why| why.to_string())?;
    for (id, conversation) in json.get("conversations").and_then(Value::as_object).into_iter().flatten() {
        let slug = conversation.pointer("/parties/app").and_then(Value::as_str);
        if let Some(slug) = slug.filter(|slug| apps.iter().all(|app| app.slug != *slug)) {
            return Err(format!("conversation {id} is with the app `{slug}`, which is not set up: add `--app {slug}`"));
        }
    }
    Ok(session)
}

/// The message alone: the transcript of a sandbox that never ran helps nobody.
fn message(error: SandboxError) -> String {
    error.message().to_owned()
}

/// Adds a post, with its conversations.
fn add(sandbox: &Sandbox, settings: &PostSettings) -> Result<(), SandboxError> {
    let mut post = sandbox.add_post(&sandbox.user(&settings.owner));
    if let Some(token) = &settings.token {
        post = post.with_token(token.as_str())?;
    }
    if let Some(title) = &settings.title {
        post.set_title(title);
    }
    for ConversationSettings { with, id } in &settings.conversations {
        // Creates the conversation as a side effect.
        let chat = post.conversation_with(&sandbox.user(with));
        if let Some(id) = id {
            chat.with_id(id.as_str())?;
        }
    }
    Ok(())
}

async fn listen(settings: &Settings) -> Result<Sandbox, String> {
    let port = settings.port.unwrap_or(PORT);
    let mut builder = Sandbox::builder().port(port).chat_page(settings.chat_page.unwrap_or(true));
    if let Some(seed) = settings.seed {
        builder = builder.seed(seed);
    }
    if let Some(limit) = settings.time_limit {
        builder = builder.time_limit(limit.0);
    }
    if settings.manual_clock {
        builder = builder.manual_clock();
    }
    if let Some(address) = settings.listen {
        builder = builder.listen_on(address);
    }
    builder = settings.host_names.iter().fold(builder, |builder, name| builder.host_name(&name.0));
    builder = settings.addon_hosts.iter().fold(builder, |builder, name| builder.add_on_host(&name.0));
    builder.start().await.map_err(|why| match (why.kind(), settings.listen) {
        (io::ErrorKind::AddrNotAvailable, Some(address)) => {
            format!("cannot listen on {address}: {why}; --listen takes an address of this machine")
        }
        _ => format!("cannot listen on port {port}: {why}; choose another with --port"),
    })
}

/// Sets up an app, as its owner does in the panel.
fn enter(sandbox: &Sandbox, mut settings: AppSettings) -> Result<StartedApp, Box<dyn Error>> {
    let app = sandbox.app(settings.slug.as_str());
    settings.complete()?;
    if let Some(title) = settings.title {
        app.set_title(title);
    }
    let set = |url: &Option<AddOnUrl>, set: fn(&App, AppUrl) -> &App| {
        if let Some(AddOnUrl(url)) = url {
            set(&app, url.clone());
        }
    };
    set(&settings.open_app_url, App::set_open_app_url);
    set(&settings.events_url, App::set_events_url);
    set(&settings.dynamic_action_url, App::set_dynamic_action_url);
    set(&settings.fallback_url, App::set_fallback_url);
    if let Some(version) = settings.open_app_version {
        app.set_open_app_version(match version {
            OpenAppVersion::V1 => ApiVersion::V1,
            OpenAppVersion::V2 => ApiVersion::V2,
        });
    }
    for RedirectUri(uri) in &settings.redirect_uris {
        app.oauth(uri).map_err(|why| format!("invalid redirect URI {uri}: {why}"))?;
    }
    if let Some(calls) = settings.limit_per_minute {
        app.set_limit_per_minute(calls);
    }
    if let Some(calls) = settings.limit_per_day {
        app.set_limit_per_day(calls);
    }
    let started = StartedApp {
        slug: settings.slug,
        api_key: settings.api_key.is_none().then(|| app.api_key().expose_secret().to_owned()),
        client_secret: settings.client_secret.is_none().then(|| app.client_secret().expose_secret().to_owned()),
        identification_key: (settings.identification_key.is_none())
            .then(|| app.identification_key().expose_secret().to_owned()),
        open_app_url: settings.open_app_url,
        events_url: settings.events_url,
        dynamic_action_url: settings.dynamic_action_url,
        fallback_url: settings.fallback_url,
        redirect_uris: settings.redirect_uris,
    };
    if let Some(key) = settings.api_key {
        app.set_api_key(key);
    }
    if let Some(permissions) = settings.api_key_permissions {
        app.set_api_key_permissions(permissions);
    }
    if let Some(secret) = settings.client_secret {
        app.set_client_secret(secret);
    }
    if let Some(key) = settings.identification_key {
        app.set_identification_key(key);
    }
    Ok(started)
}

impl AppSettings {
    /// Fills in missing URLs below `addon_url`, which itself defaults only if no URL is set.
    fn complete(&mut self) -> Result<(), Box<dyn Error>> {
        let urls = [&self.open_app_url, &self.events_url, &self.dynamic_action_url, &self.fallback_url];
        let is_bare = urls.into_iter().all(Option::is_none) && self.redirect_uris.is_empty();
        if is_bare && self.addon_url.is_none() {
            self.addon_url = Some(AddOnUrl(ADDON_URL.parse()?));
        }
        let Some(AddOnUrl(base)) = &self.addon_url else { return Ok(()) };
        let below = |url: &mut Option<AddOnUrl>, path: &str| {
            url.get_or_insert_with(|| AddOnUrl(base.join(path.split('/'))));
        };
        below(&mut self.open_app_url, "kenar/open");
        below(&mut self.events_url, "kenar/event");
        below(&mut self.dynamic_action_url, "kenar/action");
        if self.redirect_uris.is_empty() {
            let mut url = base.join(["oauth", "callback"]).as_url().clone();
            // A browser opens it, and cannot resolve the host names of a Compose file. `set_host` cannot fail here.
            if AppUrl::try_from(url.clone()).is_err() {
                let _ = url.set_host(Some("localhost"));
            }
            self.redirect_uris.push(RedirectUri(url.to_string()));
        }
        Ok(())
    }
}

/// Adds sample data: two people, a post, its conversation, and their chats with every chatbot.
fn add_samples(sandbox: &Sandbox, apps: &[StartedApp]) {
    let (sara, ali) = (sandbox.user("سارا"), sandbox.user("علی"));
    let _ = sandbox.add_post(&sara).set_title("دوچرخهٔ شهری").conversation_with(&ali);
    for app in apps {
        let app = sandbox.app(app.slug.as_str());
        let _ = [&sara, &ali].map(|person| person.chat_with_bot(&app));
    }
}
