//! What the examples share besides their add-ons: where these are served, and telling what happens.
//!
//! Your own program needs little of it: it has one place, and its own way to be configured.
#![allow(dead_code, reason = "each example uses what it needs")]

use std::env;
use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use axum::Router;
use kenar::model::AppUrl;
use kenar::oauth::OAuthApp;
use kenar::request::BaseUrls;
use kenar::secret::{ApiKey, ClientSecret, IdentificationKey};
use kenar::webhook::Verifier;
use kenar::{Client, OAuthClient};
use kenar_sandbox::{App, Sandbox};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What a program is to do.
pub enum Mode {
    /// Serve the real platform, or the sandbox that `KENAR_SANDBOX_URL` names: `KENAR_API_KEY` is set.
    Serve(Site),
    /// Let you try it in the browser, as an argument `--page` says.
    Page,
    /// Tell a story in the terminal.
    Story,
}

impl Mode {
    pub async fn chosen() -> Outcome<Self> {
        match Site::of_divar().await? {
            Some(site) => Ok(Self::Serve(site)),
            None if env::args().any(|argument| argument == "--page") => Ok(Self::Page),
            None => Ok(Self::Story),
        }
    }
}

/// A Kenar on this machine with Divar's side of it as a chat in the browser.
pub async fn sandbox_with_page() -> Outcome<Sandbox> {
    let port = setting("KENAR_SANDBOX_PORT").unwrap_or("4040".to_owned());
    let starting = Sandbox::builder().port(port.parse()?).chat_page(true).start();
    Ok(starting.await.map_err(|error| format!("port {port}: {error}; KENAR_SANDBOX_PORT chooses another"))?)
}

/// Says where the chat page is, and goes on until Ctrl-C, or for `KENAR_SANDBOX_SECONDS`.
pub async fn stay(sandbox: Sandbox, what_to_do: &str) -> Outcome {
    println!("Open the chat page in a browser:\n\n   {}\n", sandbox.chat_page_url().unwrap_or_default());
    println!("{what_to_do} Ctrl-C ends it.");
    match setting("KENAR_SANDBOX_SECONDS") {
        Ok(seconds) => tokio::time::sleep(Duration::from_secs(seconds.parse()?)).await,
        Err(_) => std::future::pending().await,
    }
    sandbox.shutdown().await;
    Ok(())
}

/// Where an add-on is served, and what it needs to speak with Divar: the real one, or the sandbox's.
pub struct Site {
    pub verifier: Verifier,
    pub client: Client,
    /// Where Divar and users' browsers find the add-on.
    pub base: AppUrl,
    listener: TcpListener,
}

impl Site {
    /// On the real platform, or on a sandbox that `KENAR_SANDBOX_URL` names, as the environment says; `None` where
    /// `KENAR_API_KEY` is not set.
    pub async fn of_divar() -> Outcome<Option<Self>> {
        let Ok(key) = env::var("KENAR_API_KEY") else { return Ok(None) };
        let client = Client::builder(ApiKey::new(key)?);
        let client = match env::var("KENAR_SANDBOX_URL") {
            Ok(sandbox) => client.base_urls(BaseUrls::single(&sandbox)?),
            Err(_) => client,
        };
        let listen = setting("KENAR_LISTEN").unwrap_or("127.0.0.1:8080".to_owned());
        Ok(Some(Self {
            verifier: Verifier::new(IdentificationKey::new(setting("KENAR_IDENTIFICATION_KEY")?)?),
            client: client.build()?,
            base: setting("KENAR_ADDON_URL")?.parse()?,
            listener: TcpListener::bind(listen).await?,
        }))
    }

    /// On this machine, for an app of the sandbox's, whose panel learns the addresses.
    pub async fn of_sandbox(app: &App) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base: AppUrl = format!("http://{}", listener.local_addr()?).parse()?;
        app.set_open_app_url(base.join(["kenar", "open"]));
        app.set_events_url(base.join(["kenar", "event"]));
        app.set_dynamic_action_url(base.join(["kenar", "action"]));
        Ok(Self { verifier: app.verifier(), client: app.client(), base, listener })
    }

    /// The app's OAuth flow on the real platform.
    pub fn oauth_of_divar(&self) -> Outcome<OAuthClient> {
        let secret = ClientSecret::new(setting("KENAR_CLIENT_SECRET")?)?;
        Ok(self.client.oauth(OAuthApp::new(setting("KENAR_APP_SLUG")?, secret, self.redirect_uri().as_str())?))
    }

    /// Where the consent page sends users back to.
    pub fn redirect_uri(&self) -> AppUrl {
        self.base.join(["oauth", "callback"])
    }

    /// Serves it for as long as the program runs.
    pub async fn serve(self, router: Router) -> Outcome {
        println!("listening on {}, for {}", self.listener.local_addr()?, self.base);
        Ok(axum::serve(self.listener, router).await?)
    }

    /// Serves it while the program goes on.
    pub fn serve_aside(self, router: Router) -> JoinHandle<std::io::Result<()>> {
        tokio::spawn(async { axum::serve(self.listener, router).await })
    }
}

fn setting(name: &str) -> Outcome<String> {
    Ok(env::var(name).map_err(|_| format!("{name} is not set"))?)
}

pub fn title(text: &str) {
    println!("\n{text}");
}

pub fn say(what: &str, value: impl Display) {
    println!("   {what}: {value}");
}

pub fn check(holds: bool, what: &str) -> Outcome {
    if !holds {
        return Err(format!("it does not hold that {what}").into());
    }
    println!("   ✓ {what}");
    Ok(())
}
