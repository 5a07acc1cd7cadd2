use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use kenar::Client;
use kenar::model::{AppSlug, Timestamp};
use kenar::request::BaseUrls;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::builder::SandboxBuilder;
use crate::chats::Post;
use crate::clock::SandboxClock;
use crate::engine::{Engine, Exchange};
#[cfg(doc)]
use crate::engine::{EventFault, Fault, WebhookFault};
use crate::error::SandboxError;
use crate::inject::Injection;
use crate::loopback::Loopback;
use crate::names::Names;
use crate::page::{self, ChatPage};
use crate::people::User;
use crate::platform::Platform;
use crate::recording::Recording;
use crate::replay::{Difference, replay};
use crate::shared::Shared;
use crate::transport::{IN_PROCESS, SandboxTransport};
use crate::{listener, server, transcript};

/// A local sandbox of Kenar. Dropping it stops it.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    /// One server for each address that it listens on.
    servers: Vec<JoinHandle<()>>,
    queue: JoinHandle<()>,
    page: Option<Arc<ChatPage>>,
}

impl Sandbox {
    /// Starts a sandbox on a free port of `127.0.0.1`, on the caller's tokio runtime.
    ///
    /// # Errors
    ///
    /// It cannot listen on a port.
    pub async fn start() -> std::io::Result<Self> {
        Self::builder().start().await
    }

    /// Starts a sandbox without a port: [`SandboxBuilder::in_process`].
    pub async fn in_process() -> Self {
        Self::builder().in_process().await
    }

    /// A builder with the default settings.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::default()
    }

    /// The base URLs of the API, OAuth and uploads.
    #[must_use]
    pub fn base_urls(&self) -> &BaseUrls {
        &self.shared.platform.base_urls
    }

    /// The current time of the sandbox's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.platform.clock.now()
    }

    /// Moves the clock of the sandbox and its clients forward: tokens expire, limits reset.
    ///
    /// A clock that is not manual continues from the new time.
    pub fn advance(&self, by: Duration) {
        self.shared.platform.clock.advance(by);
    }

    /// A transport to the sandbox, for your own client.
    #[must_use]
    pub fn transport(&self) -> SandboxTransport {
        self.shared.transport.clone()
    }

    /// The sandbox's base URL, such as `http://127.0.0.1:4321`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.shared.platform.base_urls.api().as_str()
    }

    /// The URL of the chat page, if it is [enabled](SandboxBuilder::chat_page) and the sandbox has a port.
    #[must_use]
    pub fn chat_page_url(&self) -> Option<String> {
        self.page.as_ref().map(|_| format!("{}{}", self.url(), page::PATH))
    }

    /// The app with this slug, created on first use.
    pub fn app(&self, slug: impl Into<AppSlug>) -> App {
        App::new(Arc::clone(&self.shared), slug.into())
    }

    /// The client of the app `addon`, for tests in which the app does not matter.
    ///
    /// For another app, use [`App::client`].
    #[must_use]
    pub fn client(&self) -> Client {
        self.app("addon").client()
    }

    /// The person with this name, created with a phone number on first use.
    pub fn user(&self, name: impl Into<String>) -> User {
        User::new(Arc::clone(&self.shared), name.into())
    }

    /// Adds a post for this owner.
    pub fn add_post(&self, owner: &User) -> Post {
        Post::new(Arc::clone(&self.shared), owner.name())
    }

    /// The last 10,000 requests with their responses, oldest first.
    #[must_use]
    pub fn journal(&self) -> Vec<Exchange> {
        self.shared.platform.look(|engine| engine.journal().exchanges().cloned().collect())
    }

    /// A readable text of all conversations and the last requests.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.shared.platform.look(|engine| transcript::of(engine, None))
    }

    /// Responds to a request as the server does, without a connection. For fuzzing.
    #[doc(hidden)]
    pub async fn respond(&self, request: http::Request<bytes::Bytes>) -> http::Response<bytes::Bytes> {
        server::respond_in_memory(Arc::clone(&self.shared), self.page.clone(), request).await
    }

    /// Sends a webhook again, by its [number](Exchange::number), to the current URL.
    ///
    /// # Errors
    ///
    /// The journal has no such webhook or not its whole body, or the add-on did not respond with a 2xx status.
    pub async fn redeliver(&self, number: u64) -> Result<(), SandboxError> {
        let delivery = self.shared.platform.look(|engine| engine.redelivery(number));
        let result = self.shared.outbox.deliver(delivery.map_err(|why| self.shared.platform.error(why, None))?).await;
        self.shared.outbox.all_taken(vec![result], &format!("redelivery of #{number} failed: "), None)
    }

    /// A recording of the session so far, without the effects of faults.
    #[must_use]
    pub fn recording(&self) -> Recording {
        self.shared.platform.look(Recording::of)
    }

    /// Adds the people, posts and conversations of a recording, to continue its session.
    ///
    /// Existing ones stay. A recording contains no tokens, subscriptions or media files.
    pub fn restore(&self, recording: &Recording) {
        self.shared.platform.change(|engine, _| engine.restore(recording.snapshot()));
    }

    /// Replays a recording against an add-on, and returns the differences in its responses and calls.
    ///
    /// It sends the recorded webhooks of the app with the same slug. Before, it adds the recording's people, posts and
    /// conversations, so use it in a new sandbox.
    ///
    /// Actions in the browser are not replayed: without a token from the test, the add-on cannot send in a user's name.
    ///
    /// # Errors
    ///
    /// A webhook got no response.
    pub async fn replay(&self, recording: &Recording, app: &App) -> Result<Vec<Difference>, SandboxError> {
        replay(&self.shared, recording, app.slug()).await
    }

    /// Injects a fault into a call ([`Fault`]), a webhook ([`WebhookFault`]) or an event ([`EventFault`]).
    ///
    /// It triggers once by default. Faults for the same target trigger in the order of injection.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use kenar_sandbox::Sandbox;
    /// use kenar::operation::SendBotMessage;
    /// use kenar_sandbox::{EventFault, Fault, Webhook, WebhookFault};
    /// # use kenar::{BotMessage, ChatApi as _};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = Sandbox::in_process().await;
    /// # let app = sandbox.app("bot");
    /// # let chat = sandbox.user("sara").chat_with_bot(&app);
    /// let broken = sandbox.inject(Fault::status(503)).times(2).on::<SendBotMessage>();
    /// sandbox.inject(WebhookFault::WrongKey).on_webhook(Webhook::OpenApp);
    /// sandbox.inject(EventFault::OutOfOrder).on_events();
    ///
    /// assert!(app.client().send_bot_message(chat.id(), &BotMessage::text("سلام")).await.is_err());
    /// assert_eq!(broken.times_triggered(), 1);
    /// # Ok(()) }
    /// ```
    pub fn inject<F>(&self, fault: F) -> Injection<'_, F> {
        Injection::new(&self.shared, fault)
    }

    /// Waits until every pending event has got a response or has failed.
    pub async fn settled(&self) {
        self.shared.outbox.settled().await;
    }

    /// Stops the sandbox gracefully: waits for responses in progress, up to the timeout.
    pub async fn shutdown(mut self) {
        self.shared.platform.stop();
        let serving = std::mem::take(&mut self.servers);
        let ended = async {
            for server in serving {
                let _ = server.await;
            }
        };
        let _ = tokio::time::timeout(self.shared.platform.time_limit, ended).await;
    }
}

/// Prints the transcript if the test panics.
impl Drop for Sandbox {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("\ntranscript of the sandbox:\n\n{}", self.transcript());
        }
        self.shared.platform.stop();
        self.servers.iter().for_each(JoinHandle::abort);
        self.queue.abort();
        // Breaks the cycle: a handler may own a clone of a handle to this sandbox.
        self.shared.add_ons.clear();
    }
}

impl SandboxBuilder {
    /// Starts the sandbox on the caller's tokio runtime.
    ///
    /// # Errors
    ///
    /// It cannot listen on the port.
    pub async fn start(self) -> std::io::Result<Sandbox> {
        let listeners = self.listeners().await?;
        let port = listeners.first().map(TcpListener::local_addr).transpose()?.map_or(self.port, |at| at.port());
        let own_address = self.listen_on.filter(|address| !address.is_unspecified());
        let address = SocketAddr::new(own_address.unwrap_or(Ipv4Addr::LOCALHOST.into()), port);
        let base_urls = BaseUrls::insecure(&format!("http://{address}")).map_err(std::io::Error::other)?;
        let mut allowed = self.host_names.clone();
        allowed.extend(own_address.map(|_| address.to_string()));
        let names = Names::on_port(port, &allowed);
        let origin = match self.host_names.first() {
            Some(name) if names.include(name) => format!("http://{name}"),
            Some(name) => format!("http://{name}:{port}"),
            None => base_urls.api().as_str().to_owned(),
        };
        let has_chat_page = self.chat_page;
        let mut sandbox = self.without_port(base_urls, names, origin);
        sandbox.page = has_chat_page.then(|| Arc::new(ChatPage::new(Arc::clone(&sandbox.shared))));
        let router = server::router(Arc::clone(&sandbox.shared), sandbox.page.clone());
        for listener in listeners {
            let serving = listener::serve(listener, router.clone(), sandbox.shared.platform.stopped());
            sandbox.servers.push(tokio::spawn(serving));
        }
        Ok(sandbox)
    }

    /// The listeners on the set address, or on `127.0.0.1` and, if available, `[::1]`.
    ///
    /// Some clients resolve `localhost` to only one of the two.
    async fn listeners(&self) -> std::io::Result<Vec<TcpListener>> {
        let address = self.listen_on.unwrap_or(Ipv4Addr::LOCALHOST.into());
        let first = TcpListener::bind(SocketAddr::new(address, self.port)).await?;
        let port = first.local_addr()?.port();
        let mut listeners = vec![first];
        if self.listen_on.is_none() {
            listeners.extend(TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await);
        }
        Ok(listeners)
    }

    /// Starts the sandbox without a port, on the caller's tokio runtime.
    ///
    /// Only its own [clients](App::client) reach it. With an add-on [in this process](App::set_handler), the test opens no
    /// socket. Its base URL is `https://kenar.invalid`.
    #[expect(clippy::expect_used, reason = "the URL is a constant")]
    pub async fn in_process(self) -> Sandbox {
        let base_urls = BaseUrls::single(IN_PROCESS).expect("an https URL");
        let names = Names::only(IN_PROCESS.trim_start_matches("https://"));
        self.without_port(base_urls, names, IN_PROCESS.to_owned())
    }

    fn without_port(self, base_urls: BaseUrls, names: Names, origin: String) -> Sandbox {
        let engine = Engine::new(self.seed, origin);
        let clock = SandboxClock::new(self.clock);
        let platform = Platform::new(engine, clock, base_urls, names, self.time_limit);
        let (shared, queued) = Shared::new(platform, Loopback::with_hosts(self.add_on_hosts));
        let shared = Arc::new(shared);
        let queue = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { shared.outbox.run(queued).await }
        });
        Sandbox { shared, servers: Vec::new(), queue, page: None }
    }
}
