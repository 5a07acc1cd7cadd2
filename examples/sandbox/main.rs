//! A Kenar on this machine, with Divar's side of it as a chat in the browser:
//!
//! `cargo run --example sandbox`
//!
//! It prints the page's address, and the environment in which to start an add-on. Until there is one, a small add-on of
//! its own answers.
//!
//! | variable | meaning | unless set |
//! |---|---|---|
//! | `KENAR_SANDBOX_PORT` | the port on `127.0.0.1` | 4040 |
//! | `KENAR_SANDBOX_SECONDS` | how long it runs | until Ctrl-C |
//! | `KENAR_APP_SLUG` | the slug of your app | `my-addon` |
//! | `KENAR_BASE_URL` | where your add-on is; the sandbox's own stays away then | `http://127.0.0.1:8080` |
//! | `KENAR_OPEN_APP_URL` | the address called to open the app | `/kenar/open` there |
//! | `KENAR_EVENTS_URL` | the address that events go to | `/kenar/event` there |
//! | `KENAR_DYNAMIC_ACTION_URL` | the address asked when a button is pressed | `/kenar/action` there |
//! | `KENAR_REDIRECT_URI` | where users come back to from the consent page | `/oauth/callback` there |

#[path = "../common/mod.rs"]
mod common;
mod demo;

use std::env;
use std::time::Duration;

use kenar::model::AppUrl;
use kenar_sandbox::{App, Sandbox};

use common::Outcome;

#[tokio::main]
async fn main() -> Outcome {
    let port = setting("KENAR_SANDBOX_PORT", "4040").parse()?;
    let sandbox = Sandbox::builder()
        .port(port)
        .chat_page(true)
        .time_limit(Duration::from_secs(10))
        .start()
        .await
        .map_err(|error| format!("port {port}: {error}; KENAR_SANDBOX_PORT chooses another"))?;

    let app = sandbox.app(setting("KENAR_APP_SLUG", "my-addon"));
    let base: AppUrl = setting("KENAR_BASE_URL", "http://127.0.0.1:8080").parse()?;
    enter_addresses(&app, &base)?;
    let bot = if env::var_os("KENAR_BASE_URL").is_some() {
        app.clone()
    } else {
        let demo = sandbox.app("demo");
        demo::serve(&demo).await?;
        demo
    };
    fill(&sandbox, &bot).await;
    tell(&sandbox, &app, &base);

    match env::var("KENAR_SANDBOX_SECONDS") {
        Ok(seconds) => tokio::time::sleep(Duration::from_secs(seconds.parse()?)).await,
        Err(_) => std::future::pending().await,
    }
    sandbox.shutdown().await;
    Ok(())
}

fn setting(name: &str, otherwise: &str) -> String {
    env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}

/// What the owner of an app enters in the Kenar panel.
fn enter_addresses(app: &App, base: &AppUrl) -> Outcome {
    let address = |name, path: [&str; 2]| setting(name, base.join(path).as_str()).parse::<AppUrl>();
    app.set_title("افزونهٔ شما")
        .set_open_app_url(address("KENAR_OPEN_APP_URL", ["kenar", "open"])?)
        .set_events_url(address("KENAR_EVENTS_URL", ["kenar", "event"])?)
        .set_dynamic_action_url(address("KENAR_DYNAMIC_ACTION_URL", ["kenar", "action"])?);
    app.oauth(&setting("KENAR_REDIRECT_URI", base.join(["oauth", "callback"]).as_str()))?;
    Ok(())
}

/// Two people, a post that one of them asks about, and a chatbot.
async fn fill(sandbox: &Sandbox, bot: &App) {
    let (sara, ali) = (sandbox.user("سارا"), sandbox.user("علی"));
    let chat = sandbox.add_post(&sara).conversation_with(&ali);
    for (person, text) in [
        (&ali, "سلام، دوچرخه هنوز هست؟"),
        (&sara, "سلام، بله. سالم است و تازه سرویس شده."),
        (&ali, "ارسال هم دارید؟"),
        (&sara, "بله، از دکمهٔ «افزونه‌ها» بالای همین صفحه."),
    ] {
        if let Err(error) = person.write(&chat, text).await {
            eprintln!("{error}");
        }
    }
    // Asking for a conversation begins it.
    let _ = [&sara, &ali].map(|person| person.chat_with_bot(bot));
}

fn tell(sandbox: &Sandbox, app: &App, base: &AppUrl) {
    println!("A Kenar on this machine. Open its chat page in a browser:\n");
    println!("  {}\n", sandbox.chat_page_url().unwrap_or_default());
    println!("Start your add-on with this, in another terminal; the quickstart example reads it too:\n");
    println!("  export KENAR_HOSTS={}", sandbox.url());
    println!("  export KENAR_APP_SLUG={}", app.slug());
    println!("  export KENAR_API_KEY={}", app.api_key().expose_secret());
    println!("  export KENAR_CLIENT_SECRET={}", app.client_secret().expose_secret());
    println!("  export KENAR_IDENTIFICATION_KEY={}", app.identification_key().expose_secret());
    println!("  export KENAR_BASE_URL={base}\n");
    println!("It is looked for at {base}. Ctrl-C stops the sandbox, and all that was said is forgotten.");
}
