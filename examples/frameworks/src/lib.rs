//! What the example of each web framework shares: the add-on's handlers, and the visit that tries them.
//!
//! The add-on shows a page when it is opened from a chat and answers what its chatbot is told. A program of this package
//! serves the two with one framework, and [`Scene::play`] plays Divar's side in the sandbox.

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

/// Answers what the chatbot is told, after Divar has had its 200.
pub fn heard(client: &Client, event: Event) {
    let client = client.clone();
    if let Event::ChatbotMessage(message) = event {
        tokio::spawn(async move {
            let answer = BotMessage::text("سلام!");
            if let Err(error) = client.send_bot_message(&message.conversation.id, &answer).await {
                eprintln!("not answered: {error}");
            }
        });
    }
}

/// A sandbox, an app in it, and the address where the add-on is to be served.
#[derive(Debug)]
pub struct Scene {
    sandbox: Sandbox,
    app: App,
    port: u16,
}

impl Scene {
    /// Starts a sandbox, with the add-on's addresses in its panel.
    pub async fn start() -> Outcome<Self> {
        let sandbox = Sandbox::start().await?;
        let app = sandbox.app("delivery");
        // A framework that opens its port by itself is told a free one.
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

    /// Opens the add-on and writes to its chatbot, as a user does; a caller without the key is turned away.
    pub async fn play(self) -> Outcome {
        self.is_served().await?;
        let (sara, ali) = (self.sandbox.user("sara"), self.sandbox.user("ali"));
        let chat = self.sandbox.add_post(&sara).conversation_with(&ali);
        let page = ali.open_app(&chat, &self.app).await;
        // The page is not of this machine, so the sandbox does not fetch it: its address is all that is asked for.
        let shown = page.map_or_else(|error| error.to_string(), |page| page.url().to_string());
        if !shown.contains("https://addon.example/hello") {
            return Err(format!("opening the add-on showed {shown}").into());
        }

        let bot = ali.chat_with_bot(&self.app);
        ali.write(&bot, "hello").await?;
        if bot.next_message().await?.text() != Some("سلام!") {
            return Err("the chatbot answered something else".into());
        }

        for (key, status) in [("a guess", 401), (self.app.identification_key().expose_secret(), 400)] {
            let answered = self.post("not JSON", key).await?;
            if answered != status {
                return Err(format!("{answered} in place of {status}").into());
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
        Err("nothing is served".into())
    }

    /// Posts a body as Divar would, and gives the status of the response.
    async fn post(&self, body: &'static str, key: &str) -> Outcome<u16> {
        use kenar::transport::{HttpTransport as _, HyperTransport};
        let request = http::Request::post(format!("http://127.0.0.1:{}/event", self.port))
            .header("authorization", key)
            .body(bytes::Bytes::from_static(body.as_bytes()).into())?;
        Ok(HyperTransport::builder().no_proxy().build()?.send(request).await?.status().as_u16())
    }
}
