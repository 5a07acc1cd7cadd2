//! The whole flow of an add-on, end to end over HTTP, against a Kenar on this machine. Nothing needs to be set:
//!
//! `cargo run --example quickstart`
//!
//! With `KENAR_API_KEY` and its like set, the same add-on serves the real platform; the README says how.

mod addon;
mod visits;

use std::env;
use std::error::Error;

use axum::http::{Request, StatusCode};
use kenar::request::{Body, Hosts};
use kenar::sandbox::Sandbox;
use kenar::transport::{HttpTransport as _, ReqwestTransport};
use kenar::webhook::Verifier;
use kenar::{ApiKey, AppUrl, Client, ClientSecret, IdentificationKey, OAuthApp};
use tokio::net::TcpListener;

use addon::Settings;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    match env::var("KENAR_API_KEY") {
        Ok(key) => serve(ApiKey::new(key)?).await,
        Err(_) => play().await,
    }
}

/// Serves the real platform; or the sandbox example, where `KENAR_HOSTS` names it.
async fn serve(key: ApiKey) -> Result<(), Box<dyn Error>> {
    let setting = |name: &str| env::var(name).map_err(|_| format!("{name} is not set"));
    let base: AppUrl = setting("KENAR_BASE_URL")?.parse()?;
    let client = match env::var("KENAR_HOSTS") {
        Ok(sandbox) => Client::builder(key).hosts(Hosts::at(&sandbox)?).build()?,
        Err(_) => Client::new(key)?,
    };
    let app = OAuthApp::new(
        setting("KENAR_APP_SLUG")?,
        ClientSecret::new(setting("KENAR_CLIENT_SECRET")?)?,
        base.at(["oauth", "callback"]).as_str(),
    )?;
    let settings = Settings {
        verifier: Verifier::new(IdentificationKey::new(setting("KENAR_IDENTIFICATION_KEY")?)?),
        oauth: client.oauth(app),
        client,
        base,
    };
    let listener = TcpListener::bind(setting("KENAR_LISTEN").unwrap_or("127.0.0.1:8080".to_owned())).await?;
    println!("serving Divar on {}", listener.local_addr()?);
    Ok(axum::serve(listener, addon::router(settings)).await?)
}

/// Plays the flow against the sandbox, and tells it.
async fn play() -> Result<(), Box<dyn Error>> {
    title("A Kenar on this machine, and a delivery add-on");
    let kenar = Sandbox::start().await?;
    let app = kenar.app("delivery");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base: AppUrl = format!("http://{}", listener.local_addr()?).parse()?;
    app.open_app_at(base.at(["kenar", "open"]));
    app.events_at(base.at(["kenar", "event"]));
    app.dynamic_actions_at(base.at(["kenar", "action"]));
    let settings = Settings {
        verifier: app.verifier(),
        client: app.client(),
        oauth: app.oauth(base.at(["oauth", "callback"]).as_str())?,
        base: base.clone(),
    };
    tokio::spawn(async { axum::serve(listener, addon::router(settings)).await });
    say("sandbox", kenar.url());
    say("add-on", &base);

    let (sara, ali) = (kenar.user("Sara"), kenar.user("Ali"));
    let chat = kenar.post(&sara).conversation_with(&ali);
    ali.write(&chat, "سلام، ارسال هم دارید؟").await?;
    sara.write(&chat, "بله، با افزونه").await?;

    title("1. Ali opens the add-on in his chat with Sara");
    let page = ali.open_app(&chat, &app).await?;
    check(page.status() == StatusCode::OK, "the add-on checked Divar's key and answered with its page")?;
    say("opened", page.url());

    title("2. He orders a delivery, and is asked for permission");
    let consent = page.post_form("", &[]).await?;
    check(consent.asks_permission(), "the add-on sent him to the consent page")?;

    title("3. He allows it; the add-on exchanges the code and writes into the chat");
    let back = consent.allow().await?;
    check(back.has_returned(), "the add-on brought him back to Divar")?;
    let message = chat.next_message().await?;
    check(message.text() == Some("درخواست ارسال ثبت شد 🚚"), "its message is in the conversation, with buttons")?;

    title("4. Sara presses the button under it");
    let pressed = sara.press(&message, "تأیید زمان").await?;
    check(pressed.toast.is_some(), "the add-on answered the press")?;
    say("toast", pressed.toast.as_deref().unwrap_or_default());

    title("5. Sara writes to the add-on's chatbot");
    let bot = sara.chat_with_bot(&app);
    sara.write(&bot, "17").await?;
    let answer = bot.next_message().await?;
    check(answer.text() == Some("سفارش «17» در راه است."), "the chatbot answered")?;

    title("6. Someone else sends a forged request");
    let forged = Request::post(base.at(["kenar", "open"]).as_str())
        .header("authorization", "a guess")
        .body(Body::from(r#"{"source":"CHAT"}"#.to_owned()))?;
    let answer = ReqwestTransport::builder().no_proxy().build()?.send(forged).await?;
    check(answer.status() == StatusCode::UNAUTHORIZED, "the add-on refused it, and did not say why")?;

    title("What was said");
    for chat in [&chat, &bot] {
        for message in chat.messages() {
            println!("   {message}");
        }
        println!();
    }
    title("What went over the wire");
    for exchange in kenar.journal() {
        println!("   {}", exchange.headline());
    }
    kenar.shutdown().await;
    println!("\nAll six steps went as they should. The add-on is in examples/quickstart/addon.rs: copy it.");
    Ok(())
}

fn title(text: &str) {
    println!("\n{text}");
}

fn say(what: &str, value: impl std::fmt::Display) {
    println!("   {what}: {value}");
}

fn check(holds: bool, what: &str) -> Result<(), Box<dyn Error>> {
    if !holds {
        return Err(format!("it does not hold that {what}").into());
    }
    println!("   ✓ {what}");
    Ok(())
}
