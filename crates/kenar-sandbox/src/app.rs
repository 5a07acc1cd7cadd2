use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use crate::add_ons::Handler;
use crate::engine::{self, Setting, Window};
use crate::error::SandboxError;
use crate::shared::Shared;
use kenar::model::{AppSlug, AppUrl};
use kenar::oauth::{InvalidRedirectUri, OAuthApp};
use kenar::request::ApiKeyPermission;
use kenar::secret::{ApiKey, ClientSecret, IdentificationKey};
use kenar::webhook::{ApiVersion, PaymentTransaction, Verifier};
use kenar::{Client, OAuthClient};

/// An app with its settings in the Kenar [panel](https://docs.rs/kenar/latest/kenar/guide/index.html#panel).
///
/// ```
/// # use kenar::model::AppUrl;
/// # use kenar_sandbox::Sandbox;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let addon: AppUrl = "http://127.0.0.1:4000".parse()?;
/// let sandbox = Sandbox::start().await?;
/// let app = sandbox.app("delivery");
/// app.set_open_app_url(addon.join(["open"])).set_events_url(addon.join(["events"])).set_dynamic_action_url(addon.join(["pressed"]));
///
/// let (client, verifier) = (app.client(), app.verifier());
/// let oauth = app.oauth(addon.join(["oauth"]).as_str())?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
    slug: AppSlug,
}

impl App {
    pub(crate) fn new(shared: Arc<Shared>, slug: AppSlug) -> Self {
        let app = Self { shared, slug };
        app.read(|_| ());
        app
    }

    /// The slug, which is also the OAuth `client_id`.
    #[doc(alias = "client_id")]
    #[must_use]
    pub fn slug(&self) -> &AppSlug {
        &self.slug
    }

    /// Sets the name that users see, above messages and on the consent page. By default, the slug.
    pub fn set_title(&self, title: impl Into<String>) -> &Self {
        let title = title.into();
        self.set(Setting::Title(title));
        self
    }

    /// Sets the URL that is called when a user opens the app ("Session Initialization URL").
    #[doc(alias = "session initialization")]
    pub fn set_open_app_url(&self, url: AppUrl) -> &Self {
        self.set(Setting::OpenAppUrl(url));
        self
    }

    /// Sets the URL for events.
    pub fn set_events_url(&self, url: AppUrl) -> &Self {
        self.set(Setting::EventsUrl(url));
        self
    }

    /// Sets the URL that is called when a user presses a `get_dynamic_action` button.
    #[doc(alias = "get_dynamic_action")]
    pub fn set_dynamic_action_url(&self, url: AppUrl) -> &Self {
        self.set(Setting::DynamicActionUrl(url));
        self
    }

    /// Sets the page that touch points on a post open directly ("Fallback URL").
    pub fn set_fallback_url(&self, url: AppUrl) -> &Self {
        self.set(Setting::FallbackUrl(url));
        self
    }

    /// Sets the version of the open-app request; version 2 by default.
    #[doc(alias = "API-Version")]
    pub fn set_open_app_version(&self, version: ApiVersion) -> &Self {
        self.set(Setting::OpenAppVersion(version));
        self
    }

    /// Limits the app's API calls per minute. Further calls get status 429. Unlimited by default.
    ///
    /// Two details are guesses: minutes begin at full minutes of the clock, and calls that fail for other reasons count.
    #[doc(alias = "rate limit")]
    pub fn set_limit_per_minute(&self, calls: u32) -> &Self {
        self.limit(Window::Minute, Some(calls))
    }

    /// Limits the app's API calls per day in Tehran, like [`set_limit_per_minute`](Self::set_limit_per_minute).
    #[doc(alias = "quota")]
    pub fn set_limit_per_day(&self, calls: u32) -> &Self {
        self.limit(Window::Day, Some(calls))
    }

    /// Removes both limits.
    pub fn remove_limits(&self) -> &Self {
        self.limit(Window::Minute, None).limit(Window::Day, None)
    }

    fn limit(&self, window: Window, calls: Option<u32>) -> &Self {
        self.set(Setting::Limit(window, calls));
        self
    }

    /// Sends the event `PAYMENT_TRANSACTION`. A missing app or time is filled in.
    ///
    /// # Errors
    ///
    /// The app did not respond with a 2xx status.
    pub async fn send_payment_event(&self, payment: PaymentTransaction) -> Result<(), SandboxError> {
        let delivery = self.shared.platform.change(|engine, now| engine.payment_event(&self.slug, payment, now));
        let results = self.shared.outbox.deliver_all(delivery.into_iter().collect()).await;
        self.shared.outbox.all_taken(results, "event delivery failed: ", None)
    }

    /// Serves the add-on by a function in this process, and returns its base URL. The test opens no socket.
    ///
    /// The function receives every request below that URL, in the form in which a server receives it.
    ///
    /// ```
    /// # use kenar_sandbox::Sandbox;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use kenar::webhook::Event;
    ///
    /// let sandbox = Sandbox::in_process().await;
    /// let app = sandbox.app("bot");
    /// let verifier = app.verifier();
    /// let addon = app.set_handler(move |request| {
    ///     let event = verifier.event(request.headers(), request.body());
    ///     async move {
    ///         match event {
    ///             Ok(Event::ChatbotMessage(_)) => http::Response::default(),
    ///             Ok(event) => panic!("{event:?}"),
    ///             Err(rejection) => rejection.into_http_response(),
    ///         }
    ///     }
    /// });
    /// app.set_events_url(addon.join(["events"]));
    ///
    /// let sara = sandbox.user("sara");
    /// sara.write(&sara.chat_with_bot(&app), "سلام").await?;
    /// # Ok(()) }
    /// ```
    pub fn set_handler<F>(&self, handler: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static) -> AppUrl
    where
        F: Future<Output = Response<Bytes>> + Send + 'static,
    {
        self.shared.add_ons.add(Handler::new(handler))
    }

    /// Sets the identification key that webhooks carry. By default, the sandbox generates one.
    pub fn set_identification_key(&self, key: IdentificationKey) -> &Self {
        self.set(Setting::IdentificationKey(key));
        self
    }

    /// Sets the API key. By default, the sandbox generates one.
    #[doc(alias = "X-API-Key")]
    pub fn set_api_key(&self, key: ApiKey) -> &Self {
        self.set(Setting::ApiKey(key));
        self
    }

    /// Sets the permissions of the API key; every permission by default.
    ///
    /// [`client_with_only`](Self::client_with_only) creates a further key instead.
    pub fn set_api_key_permissions(&self, permissions: impl IntoIterator<Item = ApiKeyPermission>) -> &Self {
        self.set(Setting::ApiKeyPermissions(permissions.into_iter().collect()));
        self
    }

    /// Sets the OAuth client secret. By default, the sandbox generates one.
    pub fn set_client_secret(&self, secret: ClientSecret) -> &Self {
        self.set(Setting::ClientSecret(secret));
        self
    }

    /// Registers a redirect URI and returns an OAuth client for it.
    ///
    /// # Errors
    ///
    /// The redirect URI is invalid.
    pub fn oauth(&self, redirect_uri: &str) -> Result<OAuthClient, InvalidRedirectUri> {
        let app = OAuthApp::new(self.slug.clone(), self.client_secret(), redirect_uri)?;
        self.set(Setting::RedirectUri(redirect_uri.to_owned()));
        Ok(self.client().oauth(app))
    }

    /// A client with the app's API key.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_of(self.api_key())
    }

    /// A client with a new API key that has only these permissions.
    #[must_use]
    pub fn client_with_only(&self, permissions: impl IntoIterator<Item = ApiKeyPermission>) -> Client {
        let permissions = permissions.into_iter().collect();
        self.client_of(self.shared.platform.change(|engine, _| engine.create_api_key(&self.slug, permissions)))
    }

    #[expect(clippy::expect_used, reason = "the transport is set, and the sandbox generated the key")]
    fn client_of(&self, key: ApiKey) -> Client {
        let clock = self.shared.platform.clock.clone();
        let client = Client::builder(key).base_urls(self.shared.platform.base_urls.clone()).clock(move || clock.now());
        client
            .transport(self.shared.transport.clone())
            .build()
            .expect("a client with a transport and a key of printable ASCII")
    }

    /// The API key, for your own client.
    #[doc(alias = "X-API-Key")]
    #[must_use]
    pub fn api_key(&self) -> ApiKey {
        self.read(|app| app.api_key.clone())
    }

    /// The OAuth client secret, for your own OAuth client.
    #[must_use]
    pub fn client_secret(&self) -> ClientSecret {
        self.read(|app| app.client_secret.clone())
    }

    /// The identification key that webhooks carry.
    #[must_use]
    pub fn identification_key(&self) -> IdentificationKey {
        self.read(|app| app.identification_key.clone())
    }

    /// The verifier of the sandbox's webhooks to this app.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier::new(self.identification_key())
    }

    fn set(&self, setting: Setting) {
        self.shared.platform.change(|engine, _| engine.set(&self.slug, setting));
    }

    fn read<T>(&self, read: impl FnOnce(&engine::App) -> T) -> T {
        self.shared.platform.change(|engine, _| read(engine.create_app(&self.slug)))
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("App").field(&self.slug).finish()
    }
}
