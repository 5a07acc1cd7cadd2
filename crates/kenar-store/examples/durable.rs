//! An add-on that is killed and restarted without loss: its tokens and events are in an SQLite file.
//!
//! `cargo run -p kenar-store --example durable`
//!
//! It runs offline, against the sandbox, with nothing to set up.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::routing::post;
use kenar::inbox::{Inbox, InboxSettings, Unavailable};
use kenar::model::{AppUrl, Side};
use kenar::operation::SendBotMessage;
use kenar::tokens::{PermissionKey, Permissions};
use kenar::webhook::ReceivedEvent;
use kenar::{BotMessage, ChatApi as _, Client, ConversationMessage, Event, OAuthClient, Scope, Verifier};
use kenar_sandbox::{Fault, Sandbox};
use kenar_store::Sqlite;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// The add-on. Its permissions and events are in the store.
#[derive(Clone, FromRef)]
struct AddOn {
    verifier: Verifier,
    client: Client,
    inbox: Inbox,
    permissions: Permissions,
}

impl AddOn {
    async fn open(path: &Path, verifier: Verifier, client: Client, oauth: &OAuthClient) -> Outcome<Self> {
        let store = Sqlite::open(path).await?;
        let permissions = oauth.permissions(store.clone());
        let settings = InboxSettings::default().lease(Duration::from_secs(5));
        let inbox = Inbox::with_settings(store, settings, {
            let client = client.clone();
            move |event: Event| reply(client.clone(), event)
        });
        Ok(Self { verifier, client, inbox, permissions })
    }

    fn router(self) -> Router {
        Router::new().route("/event", post(event)).with_state(self)
    }
}

/// Stores an event. Then Divar gets its 200.
async fn event(State(inbox): State<Inbox>, event: ReceivedEvent) -> Result<(), Unavailable> {
    inbox.accept(&event).await
}

/// Handles an event. If this fails or the process dies, it is called again with the same event.
async fn reply(client: Client, event: Event) -> Result<(), kenar::Error> {
    if let Event::ChatbotMessage(message) = event {
        let text = format!("سفارش «{}» در راه است.", message.text().unwrap_or_default());
        client.send_bot_message(&message.conversation.id, &BotMessage::text(text)).await?;
    }
    Ok(())
}

/// A running add-on, in its own runtime, which can be killed without `drain`.
struct Process {
    runtime: Runtime,
    add_on: AddOn,
    url: AppUrl,
}

impl Process {
    async fn start(path: &Path, verifier: Verifier, client: Client, oauth: &OAuthClient) -> Outcome<Self> {
        let runtime = Runtime::new()?;
        let (path, oauth) = (path.to_owned(), oauth.clone());
        let (add_on, url) = runtime
            .spawn(async move {
                let add_on = AddOn::open(&path, verifier, client, &oauth).await?;
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                let url: AppUrl = format!("http://{}", listener.local_addr()?).parse()?;
                tokio::spawn(axum::serve(listener, add_on.clone().router()).into_future());
                Ok::<_, Box<dyn Error + Send + Sync>>((add_on, url))
            })
            .await??;
        Ok(Self { runtime, add_on, url })
    }

    fn kill(self) {
        self.runtime.shutdown_background();
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("addon.db");
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("delivery");
    let oauth = app.oauth("https://addon.example/oauth")?;
    let start = || Process::start(&path, app.verifier(), app.client(), &oauth);

    println!("1. The add-on starts, with {}", path.display());
    let first = start().await?;
    app.set_events_url(first.url.join(["event"]));

    println!("2. Ali permits it to write in his conversation with Sara");
    let (sara, ali) = (sandbox.user("Sara"), sandbox.user("Ali"));
    let chat = sandbox.add_post(&sara).conversation_with(&ali);
    let key = PermissionKey::in_conversation(chat.id(), &Side::Demand);
    let (consent, state) = oauth.permission_url([Scope::conversation_send_message(chat.id()), Scope::offline_access()]);
    let back = ali.visit(consent.as_str()).await?.allow().await?;
    let query = back.url().query().unwrap_or_default();
    let tokens = oauth.exchange(oauth.callback(query, &state)?.granted()?).await?;
    first.add_on.permissions.grant(&key, tokens).await?;

    println!("3. Sara writes to its chatbot, which cannot reply: Divar returns 503");
    let outage = sandbox.inject(Fault::status(503)).always().on::<SendBotMessage>();
    let bot = sara.chat_with_bot(&app);
    sara.write(&bot, "17").await?;
    while outage.times_triggered() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    println!("4. The add-on is killed");
    first.kill();
    outage.remove();

    println!("5. It starts again, and Sara gets her reply");
    let second = start().await?;
    app.set_events_url(second.url.join(["event"]));
    println!("   {}", bot.next_message().await?);

    println!("6. It still has Ali's permission");
    let by = second.add_on.permissions.access_token(&key).await?;
    let message = ConversationMessage::text("سفارش شما رسید 📦");
    second.add_on.client.send_message(chat.id(), &message, &by).await?;
    println!("   {}", chat.next_message().await?);

    println!("7. It shuts down, with nothing left to do");
    second.add_on.inbox.drain().await;
    let counts = second.add_on.inbox.counts().await?;
    second.add_on.permissions.settle().await;
    second.kill();
    sandbox.shutdown().await;
    if counts.pending + counts.dead_letters > 0 {
        return Err(format!("something is left: {counts:?}").into());
    }
    println!("\nNothing was lost. The add-on is the first half of crates/kenar-store/examples/durable.rs: copy it.");
    Ok(())
}
