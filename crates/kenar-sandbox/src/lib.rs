//! A Kenar that runs on your own machine, for testing an add-on with no account, no ticket and no network.
//!
//! It is a real HTTP server on `127.0.0.1` that answers as the platform is documented to: the calls of the API with
//! their permissions, scopes and errors, the [consent page](https://docs.rs/kenar/latest/kenar/guide/index.html#consent-page) and the token endpoint, media
//! uploads. Its people are written by you: they write in the chat, press buttons, open your app and give permission,
//! and your add-on's webhooks are called as Divar would.
//!
//! ```
//! use kenar_sandbox::Sandbox;
//! use kenar::{BotMessage, ChatApi};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::start().await?;
//! let app = sandbox.app("delivery");
//! let chat = sandbox.user("sara").chat_with_bot(&app);
//!
//! app.client().send_bot_message(chat.id(), &BotMessage::text("سلام")).await?;
//!
//! assert_eq!(chat.next_message().await?.text(), Some("سلام"));
//! # Ok(()) }
//! ```
//!
//! Nothing here sleeps. What a person does has been answered by your add-on once it returns; what your add-on does by
//! itself is waited for ([`Chat::next_message`]), as long as a time limit. A failure prints what was said and what went
//! over the wire.
//!
//! [The guide](guide) teaches testing an add-on in ten minutes.
//!
//! # By hand
//!
//! With [`SandboxBuilder::chat_page`] it serves Divar's side as a chat client in the browser: be any of the people, write
//! and press, open an app in a frame, give permission, and read what goes over the wire beside it. There,
//! [faults](Sandbox::inject) are switched on and off, and the session is [saved](Recording) and
//! [played again](Sandbox::replay). The `sandbox` example starts one and prints what your add-on needs to find it; a test
//! can have the page too, to look at what it made.
//!
//! The frame of the page goes to this machine only. An add-on that sends its user to
//! [`COMPLETION_URL`](kenar::webhook::COMPLETION_URL) is kept from leaving by the browser, and the page takes that as the
//! way back to the chat.
//!
//! # What is a guess
//!
//! The platform documents one error of its API: status 412 with code 9, for a recipient who blocked. All other errors
//! of the API follow the [gRPC convention](https://grpc.io/docs/guides/status-codes/): 401 with code 16 for a key or
//! token that is not valid, 403 with 7 for a missing permission or scope, 404 with 5 for what does not exist, 400 with
//! 3 for a malformed request. The same goes for the upload host (413 for a file that is too large), for the life of an
//! upload token (ten minutes, one upload), for `invalid_scope` and `invalid_state` on the way back from the consent
//! page, and for a webhook's `user_side`, which a chatbot's conversation does without. Of the limits, their status
//! (429) is documented, and that there is one per minute and one per day; the body, `Retry-After` and where a day
//! begins are guesses. The [journal](Sandbox::journal) says so at each such answer.
//!
//! Identifiers, keys and tokens are random, or follow from a [seed](SandboxBuilder::seed); keys and tokens say that they
//! are the sandbox's.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
// Nothing that arrives may panic; tests may.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod app;
mod chats;
mod clock;
mod engine;
mod flood;
#[cfg(any(doc, doctest))]
#[doc = include_str!("guide.md")]
pub mod guide {}
mod inject;
mod listener;
mod loopback;
mod media;
mod names;
mod network;
mod page;
mod people;
mod platform;
mod recording;
mod replay;
mod server;
mod transcript;
mod visit;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::clock::{Clock, SandboxClock};
use self::engine::Engine;
use self::names::Names;
use self::network::Network;
use self::page::Page;
use self::platform::Platform;
use kenar::Client;
use kenar::model::{AppSlug, Timestamp};
use kenar::request::BaseUrls;

pub use app::App;
pub use chats::{Chat, Post, StartFrom};
pub use engine::Note;
pub use engine::dialect::{Dialect, TimeForm};
pub use engine::disturb::{EventFault, Webhook, WebhookFault};
pub use engine::faults::Fault;
pub use engine::journal::{Direction, Exchange};
pub use engine::world::{Author, ChatMessage};
pub use flood::LoadReport;
pub use inject::{FaultHandle, Injection};
pub use network::SandboxTransport;
pub use people::User;
pub use recording::{Recording, RecordingError};
pub use replay::Difference;
pub use visit::{Opened, Pressed, Visit};

/// A Kenar on your own machine. It stops when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    platform: Arc<Platform>,
    /// What answers the port, on each address that is listened on.
    servers: Vec<JoinHandle<()>>,
    queue: JoinHandle<()>,
    page: Option<Arc<Page>>,
}

/// How a sandbox is set up, begun by [`Sandbox::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct SandboxBuilder {
    seed: Option<u64>,
    port: u16,
    listen_on: Option<IpAddr>,
    host_names: Vec<String>,
    add_on_hosts: Vec<String>,
    time_limit: Duration,
    clock: Clock,
    chat_page: bool,
}

/// What went wrong in a sandbox, with a transcript of what happened.
///
/// `Debug` prints the same as `Display`, so that a test that returns it prints it readably.
#[derive(Clone)]
pub struct SandboxError {
    what: String,
    transcript: String,
}

impl SandboxError {
    fn new(what: impl Into<String>, transcript: String) -> Self {
        Self { what: what.into(), transcript }
    }

    /// What was said, and what went over the wire.
    #[must_use]
    pub fn transcript(&self) -> &str {
        &self.transcript
    }
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n\n{}", self.what, self.transcript)
    }
}

impl fmt::Debug for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for SandboxError {}

impl SandboxBuilder {
    /// Sets the seed of all identifiers, keys and tokens, which are random by default.
    ///
    /// The same seed and the same course of events give the same ones, apart from the ids of messages, which hold the
    /// time. Keys that follow from a seed are known to whoever knows the seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the port; any free one by default.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the address to listen on, in place of loopback: `0.0.0.0` in a container, for instance.
    ///
    /// Whoever reaches that address can act as anyone in the sandbox. It still answers only to requests whose `Host` is
    /// a loopback name, this address or a [`host_name`](Self::host_name).
    pub fn listen_on(mut self, address: IpAddr) -> Self {
        self.listen_on = Some(address);
        self
    }

    /// Adds a name that it answers to beside the loopback names, such as that of a compose service.
    ///
    /// A name without a port stands for the port that the sandbox listens on. The links to media begin with the first.
    /// Your add-on reaches it with [`BaseUrls::insecure`].
    pub fn host_name(mut self, name: impl Into<String>) -> Self {
        self.host_names.push(name.into());
        self
    }

    /// Adds a host beyond loopback that it calls add-ons on, over plain `http`, such as a compose service.
    ///
    /// The addresses of the panel on such a host are made by [`AppUrl::insecure`](kenar::model::AppUrl::insecure).
    pub fn add_on_host(mut self, name: impl Into<String>) -> Self {
        self.add_on_hosts.push(name.into());
        self
    }

    /// How long anything is waited for: an answer of your add-on's, a message to appear. Five seconds unless said
    /// otherwise.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Has it go by a clock that stands still, first at 2025-01-01T00:00:00Z, and moves when it is
    /// [moved](Sandbox::advance).
    pub fn manual_clock(mut self) -> Self {
        self.clock = clock::still();
        self
    }

    /// Has it go by this clock, in place of the system's.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Whether it serves the chat page: Divar's side as a chat client in the browser, at
    /// [`Sandbox::chat_page_url`]. Not unless said so.
    ///
    /// It is for a browser on this machine. It answers only to the names `127.0.0.1` and `localhost`, and only its own
    /// pages can drive it.
    pub fn chat_page(mut self, served: bool) -> Self {
        self.chat_page = served;
        self
    }

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
        sandbox.page = has_chat_page.then(|| Arc::new(Page::new(Arc::clone(&sandbox.platform))));
        let router = server::router(Arc::clone(&sandbox.platform), sandbox.page.clone());
        for listener in listeners {
            let serving = listener::serve(listener, router.clone(), sandbox.platform.stopped());
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
        let base_urls = BaseUrls::single(network::IN_PROCESS).expect("an https address");
        let names = Names::only(network::IN_PROCESS.trim_start_matches("https://"));
        self.without_port(base_urls, names, network::IN_PROCESS.to_owned())
    }

    fn without_port(self, base_urls: BaseUrls, names: Names, origin: String) -> Sandbox {
        let engine = Engine::new(self.seed, origin);
        let network = Network::with_hosts(self.add_on_hosts);
        let clock = SandboxClock::new(self.clock);
        let (platform, queued) = Platform::new(engine, clock, base_urls, names, network, self.time_limit);
        let platform = Arc::new(platform);
        let queue = tokio::spawn({
            let platform = Arc::clone(&platform);
            async move { platform.run_queue(queued).await }
        });
        Sandbox { platform, servers: Vec::new(), queue, page: None }
    }
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
        SandboxBuilder {
            seed: None,
            port: 0,
            listen_on: None,
            host_names: Vec::new(),
            add_on_hosts: Vec::new(),
            time_limit: Duration::from_secs(5),
            clock: Clock::default(),
            chat_page: false,
        }
    }

    /// Where it is: the API, the consent page, the token endpoint and the uploads.
    #[must_use]
    pub fn base_urls(&self) -> &BaseUrls {
        &self.platform.base_urls
    }

    /// What the time is there.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.platform.clock.now()
    }

    /// Moves its clock on: tokens expire, limits begin anew. The clients that it hands out go by the same clock.
    ///
    /// A clock that goes by itself goes on from there, that much ahead.
    pub fn advance(&self, by: Duration) {
        self.platform.clock.advance(by);
    }

    /// What reaches it, for a client that you set up yourself.
    #[must_use]
    pub fn transport(&self) -> SandboxTransport {
        SandboxTransport(Arc::clone(&self.platform))
    }

    /// Its address, such as `http://127.0.0.1:4321`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.platform.base_urls.api().as_str()
    }

    /// Where the chat page is, to be opened in a browser on this machine; none unless it was
    /// [asked for](SandboxBuilder::chat_page), and none without a port.
    #[must_use]
    pub fn chat_page_url(&self) -> Option<String> {
        self.page.as_ref().map(|_| format!("{}{}", self.url(), page::PATH))
    }

    /// The app of this slug, as it is in the panel; made when it is first asked for.
    pub fn app(&self, slug: impl Into<AppSlug>) -> App {
        App::new(Arc::clone(&self.platform), slug.into())
    }

    /// A client of the sandbox's, for a test to which the app does not matter: that of the app `addon`. For another app,
    /// ask [`App::client`].
    #[must_use]
    pub fn client(&self) -> Client {
        self.app("addon").client()
    }

    /// The person of this name; made, with a telephone number, when they are first asked for.
    pub fn user(&self, name: impl Into<String>) -> User {
        User::new(Arc::clone(&self.platform), name.into())
    }

    /// A new post of this owner's.
    pub fn add_post(&self, owner: &User) -> Post {
        Post::new(Arc::clone(&self.platform), owner)
    }

    /// What went over the wire, first to last: the last ten thousand requests with their answers.
    #[must_use]
    pub fn journal(&self) -> Vec<Exchange> {
        self.platform.look(|engine| engine.journal.exchanges().cloned().collect())
    }

    /// What was said in all conversations, and what went over the wire last, to be read.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.platform.look(|engine| transcript::of(engine, None))
    }

    /// Answers a request as the server does, without a connection: what fuzzing drives the sandbox and its page by.
    #[doc(hidden)]
    pub async fn answer(&self, request: http::Request<bytes::Bytes>) -> http::Response<bytes::Bytes> {
        server::respond_in_memory(Arc::clone(&self.platform), self.page.clone(), request).await
    }

    /// Makes the request of a webhook once more, as it went then and to where the panel says now, by its
    /// [number](Exchange::number) in the journal.
    ///
    /// # Errors
    ///
    /// Where the journal has no such webhook, or no longer the whole of it, or the add-on did not answer with a success.
    pub async fn redeliver(&self, number: u64) -> Result<(), SandboxError> {
        let delivery = self.platform.look(|engine| engine.redelivery(number));
        let answer = self.platform.deliver(delivery.map_err(|why| self.platform.error(why, None))?).await;
        self.platform.all_well(vec![answer], &format!("#{number} was delivered again, but "), None)
    }

    /// Waits until every event that is on its way to an add-on has been answered, or given up.
    pub async fn settled(&self) {
        self.platform.settled().await;
    }

    /// Stops it, and waits until the requests that it is answering are answered; no longer than the time limit.
    pub async fn shutdown(mut self) {
        self.platform.stop();
        let serving = std::mem::take(&mut self.servers);
        let ended = async {
            for server in serving {
                let _ = server.await;
            }
        };
        let _ = tokio::time::timeout(self.platform.time_limit, ended).await;
    }
}

/// A test that fails prints what happened.
impl Drop for Sandbox {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("\nwhat happened in the sandbox:\n\n{}", self.transcript());
        }
        self.platform.stop();
        self.servers.iter().for_each(JoinHandle::abort);
        self.queue.abort();
        // They may hold what holds the sandbox.
        self.platform.network.clear();
    }
}
