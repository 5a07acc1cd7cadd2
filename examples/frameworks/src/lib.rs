//! The handlers that all frameworks share, and the test that plays Divar's side.
//!
//! The add-on shows a page when it is opened from a chat, and its chatbot replies. Each program of this package serves both
//! with one framework, and [`Scene::play`] tests it in the sandbox.

use std::error::Error;
use std::net::TcpListener;

use kenar::model::AppUrl;
use kenar::webhook::OpenAppReply;
use kenar::{BotMessage, ChatApi as _, Client, Event, OpenApp, Verifier};
use kenar_sandbox::{App, Sandbox};

/// The error of a program.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// The page to show when the add-on is opened.
pub fn opened(opened: &OpenApp) -> OpenAppReply {
    opened.reply("https://addon.example/hello".parse::<AppUrl>().expect("a valid address"))
}

/// Replies as the chatbot, after the response to Divar.
pub fn heard(client: &Client, event: Event) {
    let client = client.clone();
    if let Event::ChatbotMessage(message) = event {
        tokio::spawn(async move {
            let reply = BotMessage::text("سلام!");
            if let Err(error) = client.send_bot_message(&message.conversation.id, &reply).await {
                eprintln!("no reply was sent: {error}");
            }
        });
    }
}

/// A sandbox, its app, and the port for the add-on.
#[derive(Debug)]
pub struct Scene {
    sandbox: Sandbox,
    app: App,
    port: u16,
}

impl Scene {
    /// Starts a sandbox, and enters the add-on's addresses.
    pub async fn start() -> Outcome<Self> {
        let sandbox = Sandbox::start().await?;
        let app = sandbox.app("delivery");
        // Some frameworks open the port themselves, so this chooses a free one.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let base: AppUrl = format!("http://127.0.0.1:{port}").parse()?;
        app.set_open_app_url(base.join(["open"]));
        app.set_events_url(base.join(["event"]));
        Ok(Self { sandbox, app, port })
    }

    /// The port to serve the add-on at.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The verifier of the app's webhooks.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        self.app.verifier()
    }

    /// The client of the app's calls.
    #[must_use]
    pub fn client(&self) -> Client {
        self.app.client()
    }

    /// Opens the add-on and writes to its chatbot as a user, then sends requests that must be rejected.
    pub async fn play(self) -> Outcome {
        self.is_served().await?;
        let (sara, ali) = (self.sandbox.user("sara"), self.sandbox.user("ali"));
        let chat = self.sandbox.add_post(&sara).conversation_with(&ali);
        let page = ali.open_app(&chat, &self.app).await;
        // The page is not on this machine, so the sandbox does not fetch it, and only its URL is checked.
        let shown = page.map_or_else(|error| error.to_string(), |page| page.url().to_string());
        if !shown.contains("https://addon.example/hello") {
            return Err(format!("opening the add-on showed {shown}").into());
        }

        let bot = ali.chat_with_bot(&self.app);
        ali.write(&bot, "hello").await?;
        if bot.next_message().await?.text() != Some("سلام!") {
            return Err("the chatbot replied something else".into());
        }

        for (key, status) in [("a guess", 401), (self.app.identification_key().expose_secret(), 400)] {
            let found = self.post("not JSON", key).await?;
            if found != status {
                return Err(format!("status {found} instead of {status}").into());
            }
        }
        println!("{}", self.sandbox.transcript());
        Ok(())
    }

    /// Waits until the framework listens.
    async fn is_served(&self) -> Outcome {
        for _ in 0..400 {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        Err("the framework does not listen".into())
    }

    /// Posts a body to the URL for events, and returns the status.
    async fn post(&self, body: &'static str, key: &str) -> Outcome<u16> {
        use kenar::transport::{HttpTransport as _, HyperTransport};
        let request = http::Request::post(format!("http://127.0.0.1:{}/event", self.port))
            .header("authorization", key)
            .body(bytes::Bytes::from_static(body.as_bytes()).into())?;
        Ok(HyperTransport::builder().no_proxy().build()?.send(request).await?.status().as_u16())
    }
}
