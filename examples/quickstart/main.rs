//! The whole flow of an add-on over HTTP, against a Kenar on this machine. Nothing needs to be set:
//! `cargo run --example quickstart`. With `KENAR_API_KEY` and the other variables set, it serves the real platform.

mod addon;

use std::env;

use addon::AddOn;
use kenar::{Client, Verifier, model::AppUrl, oauth::OAuthApp};
use kenar_sandbox::Sandbox;
use tokio::net::TcpListener;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    if env::var_os("KENAR_API_KEY").is_some() { serve().await } else { play().await }
}

/// Serves the real platform, or the sandbox that `KENAR_SANDBOX_URL` names.
async fn serve() -> Outcome {
    let set = |name| env::var(name).map_err(|_| format!("{name} is not set"));
    let (client, verifier) = (Client::from_env()?, Verifier::from_env()?);
    let base: AppUrl = set("KENAR_ADDON_URL")?.parse().map_err(|why| format!("KENAR_ADDON_URL: {why}"))?;
    let (secret, redirect_uri) = (set("KENAR_CLIENT_SECRET")?.parse()?, base.join(["oauth", "callback"]));
    let oauth = client.oauth(OAuthApp::new(set("KENAR_APP_SLUG")?, secret, redirect_uri.as_str())?);
    let listen = set("KENAR_LISTEN").unwrap_or("127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(&listen).await.map_err(|why| format!("cannot listen on {listen}: {why}"))?;
    println!("listening on {}, for {base}", listener.local_addr()?);
    let add_on = AddOn { client, verifier, oauth, base, visits: Default::default() };
    Ok(axum::serve(listener, addon::router(add_on)).await?)
}

/// Plays the flow in the sandbox, step by step.
async fn play() -> Outcome {
    let sandbox = Sandbox::start().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base: AppUrl = format!("http://{}", listener.local_addr()?).parse()?;
    let app = sandbox.app("delivery");
    app.set_open_app_url(base.join(["kenar", "open"]))
        .set_events_url(base.join(["kenar", "event"]))
        .set_dynamic_action_url(base.join(["kenar", "action"]));
    println!("A Kenar on this machine: {}\nA delivery add-on: {base}", sandbox.url());
    let (client, verifier) = (app.client(), app.verifier());
    let oauth = app.oauth(base.join(["oauth", "callback"]).as_str())?;
    let add_on = AddOn { client, verifier, oauth, base, visits: Default::default() };
    tokio::spawn(async { axum::serve(listener, addon::router(add_on)).await });

    let (sara, ali) = (sandbox.user("Sara"), sandbox.user("Ali"));
    let chat = sandbox.add_post(&sara).conversation_with(&ali);
    ali.write(&chat, "سلام، ارسال هم دارید؟").await?;

    println!("\n1. Ali opens the add-on in his chat with Sara");
    let page = ali.open_app(&chat, &app).await?;
    check(page.status().is_success(), "the add-on checked Divar's key and replied with its page")?;

    println!("\n2. He orders a delivery and is asked for permission");
    let consent = page.post_form("", &[]).await?;
    check(consent.asks_permission(), "the add-on sent him to the consent page")?;

    println!("\n3. He allows it; the add-on exchanges the code and writes into the chat");
    check(consent.allow().await?.has_returned(), "the add-on brought him back to Divar")?;
    let message = chat.next_message().await?;
    check(message.text() == Some("درخواست ارسال ثبت شد 🚚"), "its message is in the conversation, with buttons")?;

    println!("\n4. Sara presses the button under it");
    let pressed = sara.press(&message, "تأیید زمان").await?;
    check(pressed.toast.as_deref() == Some("زمان سفارش 17 تأیید شد"), "the add-on replied with a toast")?;

    println!("\n5. Sara writes to the add-on's chatbot");
    let bot = sara.chat_with_bot(&app);
    sara.write(&bot, "17").await?;
    check(bot.next_message().await?.text() == Some("سفارش «17» در راه است."), "the chatbot replied")?;

    println!("\n6. Someone who does not know Divar's key sends a request");
    app.set_identification_key("another-key".parse()?);
    check(ali.open_app(&chat, &app).await.is_err(), "the add-on refused it")?;

    println!("\nThe two conversations and the requests");
    chat.messages().iter().chain(&bot.messages()).for_each(|message| println!("   {message}"));
    sandbox.journal().iter().for_each(|exchange| println!("   {}", exchange.headline()));
    sandbox.shutdown().await;
    println!("\nAll six steps passed. The add-on is in examples/quickstart/addon.rs: copy it.");
    Ok(())
}

fn check(holds: bool, what: &str) -> Outcome {
    println!("   {} {what}", if holds { "✓" } else { "✗" });
    if holds { Ok(()) } else { Err(format!("failed: {what}").into()) }
}
