//! The whole flow of an add-on, end to end over HTTP, against a Kenar on this machine. Nothing needs to be set:
//!
//! `cargo run --example quickstart`
//!
//! With `KENAR_API_KEY` and its like set, the same add-on serves the real platform; the README says how.

#[path = "../common/mod.rs"]
mod common;

mod addon;
mod visits;

use axum::http::{Request, StatusCode};
use kenar::OAuthClient;
use kenar::request::Body;
use kenar::transport::{HttpTransport as _, HyperTransport};
use kenar_sandbox::Sandbox;

use addon::Settings;
use common::{Outcome, Site, check, say, title};

#[tokio::main]
async fn main() -> Outcome {
    match Site::of_divar().await? {
        Some(site) => {
            let settings = settings(&site, site.oauth_of_divar()?);
            site.serve(addon::router(settings)).await
        }
        None => play().await,
    }
}

fn settings(site: &Site, oauth: OAuthClient) -> Settings {
    Settings { verifier: site.verifier.clone(), client: site.client.clone(), oauth, base: site.base.clone() }
}

/// Plays the flow against the sandbox, and tells it.
async fn play() -> Outcome {
    title("A Kenar on this machine, and a delivery add-on");
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("delivery");
    let site = Site::of_sandbox(&app).await?;
    let base = site.base.clone();
    let settings = settings(&site, app.oauth(site.redirect_uri().as_str())?);
    site.serve_aside(addon::router(settings));
    say("sandbox", sandbox.url());
    say("add-on", &base);

    let (sara, ali) = (sandbox.user("Sara"), sandbox.user("Ali"));
    let chat = sandbox.add_post(&sara).conversation_with(&ali);
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
    let forged = Request::post(base.join(["kenar", "open"]).as_str())
        .header("authorization", "a guess")
        .body(Body::from(r#"{"source":"CHAT"}"#.to_owned()))?;
    let answer = HyperTransport::new()?.send(forged).await?;
    check(answer.status() == StatusCode::UNAUTHORIZED, "the add-on refused it, and did not say why")?;

    title("What was said");
    for chat in [&chat, &bot] {
        for message in chat.messages() {
            println!("   {message}");
        }
        println!();
    }
    title("What went over the wire");
    for exchange in sandbox.journal() {
        println!("   {}", exchange.headline());
    }
    sandbox.shutdown().await;
    println!("\nAll six steps went as they should. The add-on is in examples/quickstart/addon.rs: copy it.");
    Ok(())
}
