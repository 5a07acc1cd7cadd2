//! An add-on for two people in a chat: one orders a delivery, the other confirms the time. Nothing needs to be set:
//!
//! - `cargo run --example delivery` plays the flow against a Kenar on this machine.
//! - `cargo run --example delivery -- --page` lets you play both people in the browser.
//!
//! With `KENAR_API_KEY` and the other variables set, the same add-on serves the real platform.

#[path = "../common/mod.rs"]
mod common;

mod addon;
mod notice;
mod order;
mod page;
mod random;
mod visits;

use std::time::Duration;

use axum::http::StatusCode;
use kenar::OAuthClient;
use kenar_sandbox::{App, Chat, Sandbox, User};

use addon::Settings;
use common::{Mode, Outcome, Site, check, sandbox_with_page, say, stay, title};

#[tokio::main]
async fn main() -> Outcome {
    match Mode::chosen().await? {
        Mode::Serve(site) => {
            let settings = settings(&site, site.oauth_of_divar()?);
            site.serve(addon::router(settings)).await
        }
        Mode::Page => let_try().await,
        Mode::Story => play().await,
    }
}

fn settings(site: &Site, oauth: OAuthClient) -> Settings {
    Settings {
        verifier: site.verifier.clone(),
        client: site.client.clone(),
        oauth,
        base: site.base.clone(),
        patience: Duration::from_secs(30 * 60),
    }
}

/// The app in the sandbox, served by the add-on.
async fn app_of(sandbox: &Sandbox) -> Outcome<App> {
    let app = sandbox.app("delivery");
    app.set_title("ارسال کالا");
    let site = Site::of_sandbox(&app).await?;
    let settings = settings(&site, app.oauth(site.redirect_uri().as_str())?);
    site.serve_aside(addon::router(settings));
    Ok(app)
}

/// A conversation about a post.
async fn chat_between(seller: &User, buyer: &User, sandbox: &Sandbox) -> Outcome<Chat> {
    let chat = sandbox.add_post(seller).conversation_with(buyer);
    buyer.write(&chat, "سلام، ارسال هم دارید؟").await?;
    seller.write(&chat, "بله، با افزونهٔ ارسال کالا").await?;
    Ok(chat)
}

/// Serves a chat page.
async fn let_try() -> Outcome {
    let sandbox = sandbox_with_page().await?;
    app_of(&sandbox).await?;
    chat_between(&sandbox.user("سارا"), &sandbox.user("علی"), &sandbox).await?;
    stay(sandbox, "Be علی, and open the add-on in the chat; then be سارا, and confirm the time.").await
}

/// Plays the flow against the sandbox, step by step.
async fn play() -> Outcome {
    let sandbox = Sandbox::start().await?;
    let app = app_of(&sandbox).await?;
    let (sara, ali) = (sandbox.user("Sara"), sandbox.user("Ali"));
    let chat = chat_between(&sara, &ali, &sandbox).await?;

    title("1. Ali opens the add-on in his chat with Sara, and sends the form without an address");
    let page = ali.open_app(&chat, &app).await?;
    say("opened", page.url());
    let page = page.post_form("", &[("day", "mon"), ("hours", "15-18")]).await?;
    check(page.status() == StatusCode::UNPROCESSABLE_ENTITY, "the form is shown again")?;
    check(page.text().contains("نشانی را بنویسید"), "with the missing field")?;

    title("2. He completes it, is asked for permission, and refuses");
    let form = [("day", "mon"), ("hours", "15-18"), ("address", "خیابان آزادی، پلاک ۱۷")];
    let refused = page.post_form("", &form).await?.deny().await?;
    check(refused.text().contains("تلاش دوباره"), "he can try again or go back")?;

    title("3. He tries again, and allows it");
    let consent = page.post_form("", &form).await?;
    let back = consent.allow().await?;
    check(back.has_returned(), "he is back in Divar")?;
    let ordered = chat.next_message().await?;
    say("message", ordered.text().unwrap_or_default().replace('\n', " / "));

    title("4. He goes back in his browser and sends the form again");
    let again = page.post_form("", &form).await?;
    check(again.status() == StatusCode::CONFLICT, "a second order is refused")?;

    title("5. Sara wants another time: a button opens the add-on for her");
    let other = sara.press(&ordered, "زمان دیگر").await?.page().ok_or("no page was opened")?;
    let back = other.post_form("", &[("day", "tue"), ("hours", "9-12")]).await?.allow().await?;
    check(back.has_returned(), "she is back in Divar")?;
    let proposed = chat.next_message().await?;
    say("message", proposed.text().unwrap_or_default().replace('\n', " / "));

    title("6. Ali confirms it");
    let outdated = sara.press(&ordered, "تأیید زمان").await?;
    say("Sara, on the old message", outdated.toast.unwrap_or_default());
    say("Ali, on the new one", ali.press(&proposed, "تأیید زمان").await?.toast.unwrap_or_default());
    let tracked = sara.press(&proposed, "پیگیری").await?.page().ok_or("no page was opened")?;
    check(tracked.text().contains("زمان تأیید شد"), "the tracking page shows it")?;

    title("7. Ali blocks Sara, who proposes another time");
    ali.block(&chat)?;
    let other = sara.press(&ordered, "زمان دیگر").await?.page().ok_or("no page was opened")?;
    let blocked = other.post_form("", &[("day", "fri"), ("hours", "9-12")]).await?.allow().await?;
    check(blocked.text().contains("پیام به طرف مقابل نمی‌رسد"), "she is told that the message does not reach him")?;
    let tracked = sara.visit(tracked.url().as_str()).await?;
    check(tracked.text().contains("زمان تأیید شد"), "the agreed time stays")?;

    title("The conversation");
    for message in chat.messages() {
        println!("   {message}");
    }
    sandbox.shutdown().await;
    println!("\nThe add-on is in examples/delivery/; begin with addon.rs. Copy it.");
    Ok(())
}
