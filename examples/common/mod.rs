//! Set-up and output that the examples share. Your own program needs little of it.
#![allow(dead_code, reason = "each example uses what it needs")]

use std::env;
use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use axum::Router;
use kenar::client::ClientBuilder;
use kenar::model::AppUrl;
use kenar::oauth::OAuthApp;
use kenar::secret::ClientSecret;
use kenar::{Client, OAuthClient, Verifier};
use kenar_sandbox::{App, Sandbox};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The task of a program.
pub enum Mode {
    /// Serve the real platform, or the sandbox that `KENAR_SANDBOX_URL` names, because `KENAR_API_KEY` is set.
    Serve(Site),
    /// Serve a chat page for the browser, because of the argument `--page`.
    Page,
    /// Play the flow in the terminal.
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

/// A Kenar on this machine with a chat page for the browser.
pub async fn sandbox_with_page() -> Outcome<Sandbox> {
    let port = setting("KENAR_SANDBOX_PORT").unwrap_or("4040".to_owned());
    let starting = Sandbox::builder().port(port.parse()?).chat_page(true).start();
    Ok(starting.await.map_err(|error| format!("port {port}: {error}; KENAR_SANDBOX_PORT chooses another"))?)
}

/// Prints the URL of the chat page, and runs until Ctrl-C, or for `KENAR_SANDBOX_SECONDS`.
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

/// The address and the keys of an add-on, for Divar or for the sandbox.
pub struct Site {
    pub verifier: Verifier,
    pub client: Client,
    /// The address at which Divar and browsers reach the add-on.
    pub base: AppUrl,
    listener: TcpListener,
}

impl Site {
    /// Reads the environment, for the real platform or for a sandbox; `None` if `KENAR_API_KEY` is not set.
    pub async fn of_divar() -> Outcome<Option<Self>> {
        if env::var_os("KENAR_API_KEY").is_none() {
            return Ok(None);
        }
        let listen = setting("KENAR_LISTEN").unwrap_or("127.0.0.1:8080".to_owned());
        Ok(Some(Self {
            verifier: Verifier::from_env()?,
            client: ClientBuilder::from_env()?.build()?,
            base: setting("KENAR_ADDON_URL")?.parse().map_err(|why| format!("KENAR_ADDON_URL: {why}"))?,
            listener: TcpListener::bind(&listen).await.map_err(|why| format!("cannot listen on {listen}: {why}"))?,
        }))
    }

    /// Listens on this machine, and enters the addresses for the sandbox's app.
    pub async fn of_sandbox(app: &App) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base: AppUrl = format!("http://{}", listener.local_addr()?).parse()?;
        app.set_open_app_url(base.join(["kenar", "open"]));
        app.set_events_url(base.join(["kenar", "event"]));
        app.set_dynamic_action_url(base.join(["kenar", "action"]));
        Ok(Self { verifier: app.verifier(), client: app.client(), base, listener })
    }

    /// The app's OAuth flow, by the environment.
    pub fn oauth_of_divar(&self) -> Outcome<OAuthClient> {
        let secret = ClientSecret::new(setting("KENAR_CLIENT_SECRET")?)?;
        Ok(self.client.oauth(OAuthApp::new(setting("KENAR_APP_SLUG")?, secret, self.redirect_uri().as_str())?))
    }

    /// The page to which users return from the consent page.
    pub fn redirect_uri(&self) -> AppUrl {
        self.base.join(["oauth", "callback"])
    }

    /// Serves the add-on until the program ends.
    pub async fn serve(self, router: Router) -> Outcome {
        println!("listening on {}, for {}", self.listener.local_addr()?, self.base);
        Ok(axum::serve(self.listener, router).await?)
    }

    /// Serves the add-on in a task.
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
        return Err(format!("failed: {what}").into());
    }
    println!("   ✓ {what}");
    Ok(())
}
