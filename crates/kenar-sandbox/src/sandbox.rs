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

/// A Kenar on your own machine. It stops when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    /// What answers the port, on each address that is listened on.
    servers: Vec<JoinHandle<()>>,
    queue: JoinHandle<()>,
    page: Option<Arc<ChatPage>>,
}

impl Sandbox {
    /// Starts one on a free port of `127.0.0.1`, on the tokio runtime of the caller.
    ///
    /// # Errors
    ///
    /// Where no port can be listened on.
    pub async fn start() -> std::io::Result<Self> {
        Self::builder().start().await
    }

    /// Starts one without a port: [`SandboxBuilder::in_process`].
    pub async fn in_process() -> Self {
        Self::builder().in_process().await
    }

    /// Begins the setup of one.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::default()
    }

    /// The base URLs of the API, the consent page, the token endpoint and the uploads.
    #[must_use]
    pub fn base_urls(&self) -> &BaseUrls {
        &self.shared.platform.base_urls
    }

    /// The time in the sandbox.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.platform.clock.now()
    }

    /// Moves its clock forward: tokens expire, and limits start again. The clients that it hands out use the same clock.
    ///
    /// The system's clock continues from there, that much ahead.
    pub fn advance(&self, by: Duration) {
        self.shared.platform.clock.advance(by);
    }

    /// A transport to the sandbox, for a client that you set up yourself.
    #[must_use]
    pub fn transport(&self) -> SandboxTransport {
        self.shared.transport.clone()
    }

    /// Its address, such as `http://127.0.0.1:4321`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.shared.platform.base_urls.api().as_str()
    }

    /// The address of the chat page, for a browser on this machine. `None` unless it was
    /// [asked for](SandboxBuilder::chat_page), and without a port.
    #[must_use]
    pub fn chat_page_url(&self) -> Option<String> {
        self.page.as_ref().map(|_| format!("{}{}", self.url(), page::PATH))
    }

    /// The app of this slug, as it is in the panel; made when it is first asked for.
    pub fn app(&self, slug: impl Into<AppSlug>) -> App {
        App::new(Arc::clone(&self.shared), slug.into())
    }

    /// A client of the sandbox's, for a test to which the app does not matter: that of the app `addon`. For another app,
    /// ask [`App::client`].
    #[must_use]
    pub fn client(&self) -> Client {
        self.app("addon").client()
    }

    /// The person of this name; made, with a telephone number, when they are first asked for.
    pub fn user(&self, name: impl Into<String>) -> User {
        User::new(Arc::clone(&self.shared), name.into())
    }

    /// Adds a post of this owner.
    pub fn add_post(&self, owner: &User) -> Post {
        Post::new(Arc::clone(&self.shared), owner.name())
    }

    /// The last ten thousand requests with their responses, first to last.
    #[must_use]
    pub fn journal(&self) -> Vec<Exchange> {
        self.shared.platform.look(|engine| engine.journal().exchanges().cloned().collect())
    }

    /// What was said in all conversations, and what went over the wire last, to be read.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.shared.platform.look(|engine| transcript::of(engine, None))
    }

    /// Answers a request as the server does, without a connection. Fuzzing drives the sandbox and its page by it.
    #[doc(hidden)]
    pub async fn respond(&self, request: http::Request<bytes::Bytes>) -> http::Response<bytes::Bytes> {
        server::respond_in_memory(Arc::clone(&self.shared), self.page.clone(), request).await
    }

    /// Makes the request of a webhook once more, as it went then and to where the panel says now, by its
    /// [number](Exchange::number) in the journal.
    ///
    /// # Errors
    ///
    /// Where the journal has no such webhook, or no longer the whole of it, or the add-on did not answer with a success.
    pub async fn redeliver(&self, number: u64) -> Result<(), SandboxError> {
        let delivery = self.shared.platform.look(|engine| engine.redelivery(number));
        let answer = self.shared.outbox.deliver(delivery.map_err(|why| self.shared.platform.error(why, None))?).await;
        self.shared.outbox.all_taken(vec![answer], &format!("#{number} was delivered again, but "), None)
    }

    /// What happened so far, to be kept. What faults did is left out.
    #[must_use]
    pub fn recording(&self) -> Recording {
        self.shared.platform.look(Recording::of)
    }

    /// Makes the people, the posts and the conversations of a recording, with all that was said in them, to go on from
    /// there. What is there already stays; the bytes of media, tokens and subscriptions are not in a recording.
    pub fn restore(&self, recording: &Recording) {
        self.shared.platform.change(|engine, _| engine.restore(recording.snapshot()));
    }

    /// Plays a recording against an add-on, and tells what it does otherwise: its answers to the webhooks, and its calls
    /// in their order. The webhooks are those of the app of the same slug, with the same bodies; their people,
    /// posts and conversations are made first, so that it suits a sandbox in which nothing has happened yet.
    ///
    /// What people did in the browser is not played: an add-on has no token by which it could write in a user's name,
    /// unless the test gives it one.
    ///
    /// # Errors
    ///
    /// Where a webhook was not answered at all.
    pub async fn replay(&self, recording: &Recording, app: &App) -> Result<Vec<Difference>, SandboxError> {
        replay(&self.shared, recording, app.slug()).await
    }

    /// Injects a fault: a [`Fault`] into a call, a [`WebhookFault`] into a webhook, an [`EventFault`] into an event.
    ///
    /// It triggers once by default. Of several for the same target, the one injected first triggers first.
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

    /// Waits until every event that is on its way to an add-on has been answered, or given up.
    pub async fn settled(&self) {
        self.shared.outbox.settled().await;
    }

    /// Stops it, and waits until the requests that it is answering are answered; no longer than the time limit.
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

/// A test that fails prints what happened.
impl Drop for Sandbox {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("\nwhat happened in the sandbox:\n\n{}", self.transcript());
        }
        self.shared.platform.stop();
        self.servers.iter().for_each(JoinHandle::abort);
        self.queue.abort();
        // They may hold what holds the sandbox.
        self.shared.add_ons.clear();
    }
}

impl SandboxBuilder {
    /// Starts it, on the tokio runtime of the caller.
    ///
    /// # Errors
    ///
    /// Where the port cannot be listened on.
    pub async fn start(self) -> std::io::Result<Sandbox> {
        let listeners = self.listeners().await?;
        let port = listeners.first().map(TcpListener::local_addr).transpose()?.map_or(self.port, |at| at.port());
        let own_address = self.listen_on.filter(|address| !address.is_unspecified());
        let address = SocketAddr::new(own_address.unwrap_or(Ipv4Addr::LOCALHOST.into()), port);
        let base_urls = BaseUrls::insecure(&format!("http://{address}")).map_err(std::io::Error::other)?;
        let mut asked_for = self.host_names.clone();
        asked_for.extend(own_address.map(|_| address.to_string()));
        let names = Names::on_port(port, &asked_for);
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

    /// Loopback is `127.0.0.1` and, where the machine has it, `[::1]`: to some clients `localhost` is only one of them.
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

    /// Starts it without a port, on the tokio runtime of the caller: it is reached by the clients that it
    /// [hands out](App::client), and by nothing else. With an add-on that is [in this process](App::set_handler), a test
    /// opens no socket at all.
    ///
    /// It is the same sandbox but for that; its address, of which no request leaves the process, is
    /// `https://kenar.invalid`.
    #[expect(clippy::expect_used, reason = "nothing from outside is in the address")]
    pub async fn in_process(self) -> Sandbox {
        let base_urls = BaseUrls::single(IN_PROCESS).expect("an https address");
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
