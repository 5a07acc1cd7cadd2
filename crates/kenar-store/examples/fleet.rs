//! Two processes of one add-on with one Redis. One is killed midway, and every message gets its reply, in order.
//!
//! `cargo run -p kenar-store --example fleet --features redis`
//!
//! It runs offline, against the sandbox. It starts `redis-server`, or uses the server that `KENAR_REDIS_URL` names.

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::routing::post;
use kenar::inbox::{Inbox, InboxSettings, Unavailable};
use kenar::model::AppUrl;
use kenar::webhook::ReceivedEvent;
use kenar::{BotMessage, ChatApi as _, Client, Event, Verifier};
use kenar_sandbox::{App, Sandbox};
use kenar_store::Redis;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const USERS: usize = 5;
const MESSAGES: usize = 6;

#[derive(Clone, FromRef)]
struct AddOn {
    verifier: Verifier,
    inbox: Inbox,
}

/// One process of the add-on. It serves until its standard input is closed.
async fn process() -> Outcome {
    let client = Client::from_env()?;
    let store = Redis::connect(&std::env::var("KENAR_REDIS_URL")?).await?;
    // Short, so that the other process takes over within seconds.
    let settings = InboxSettings::default().lease(Duration::from_secs(2)).poll_interval(Duration::from_millis(100));
    let inbox = Inbox::with_settings(store, settings, move |event: Event| reply(client.clone(), event));
    let add_on = AddOn { verifier: Verifier::from_env()?, inbox: inbox.clone() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let routes = Router::new().route("/event", post(event)).with_state(add_on);
    let (close, closed) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().lines().count();
        close.send(())
    });
    axum::serve(listener, routes).with_graceful_shutdown(async move { closed.await.unwrap_or_default() }).await?;
    inbox.drain().await;
    Ok(())
}

async fn event(State(inbox): State<Inbox>, event: ReceivedEvent) -> Result<(), Unavailable> {
    inbox.accept(&event).await
}

/// Replies after a while, as a slow handler does.
async fn reply(client: Client, event: Event) -> Result<(), kenar::Error> {
    if let Event::ChatbotMessage(message) = event {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let text = format!("پاسخ {}", message.text().unwrap_or_default());
        client.send_bot_message(&message.conversation.id, &BotMessage::text(text)).await?;
    }
    Ok(())
}

/// A process that is killed when it is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts this program as a process of the add-on, and returns its URL.
fn start_process(app: &App, sandbox: &Sandbox, redis: &str) -> Outcome<(Killed, AppUrl)> {
    let mut process = Command::new(std::env::current_exe()?)
        .arg("process")
        .env("KENAR_API_KEY", app.api_key().expose_secret())
        .env("KENAR_IDENTIFICATION_KEY", app.identification_key().expose_secret())
        .env("KENAR_SANDBOX_URL", sandbox.url())
        .env("KENAR_REDIS_URL", redis)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = process.stdout.take().ok_or("the process has an output")?;
    let process = Killed(process);
    let mut url = String::new();
    BufReader::new(output).read_line(&mut url)?;
    Ok((process, url.trim_end().parse::<AppUrl>()?.join(["event"])))
}

/// Starts a Redis that syncs each write to the disk, on a free port.
fn start_redis(directory: &std::path::Path) -> Outcome<(Killed, String)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let server = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "always"])
        .current_dir(directory)
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("redis-server: {error}; install it, or set KENAR_REDIS_URL"))?;
    let server = Killed(server);
    for _ in 0..500 {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok((server, format!("redis://127.0.0.1:{port}")));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err("redis-server does not start".into())
}

#[tokio::main]
async fn main() -> Outcome {
    if std::env::args().nth(1).as_deref() == Some("process") {
        return process().await;
    }
    let directory = tempfile::tempdir()?;
    let (_server, redis) = match std::env::var("KENAR_REDIS_URL") {
        Ok(url) => (None, url),
        Err(_) => start_redis(directory.path()).map(|(server, url)| (Some(server), url))?,
    };
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("fleet");
    println!("1. Two processes of one add-on start, with one Redis");
    let (first, first_url) = start_process(&app, &sandbox, &redis)?;
    let (mut second, second_url) = start_process(&app, &sandbox, &redis)?;

    println!("2. {USERS} people write to its chatbot; Divar's events go to the first process");
    app.set_events_url(first_url);
    let users: Vec<_> = (1..=USERS).map(|number| sandbox.user(format!("user {number}"))).collect();
    let chats: Vec<_> = users.iter().map(|user| user.chat_with_bot(&app)).collect();
    let mut first = Some(first);
    for message in 1..=MESSAGES {
        if message > MESSAGES / 2 && first.take().is_some() {
            println!("3. The first process is killed; the events go to the second one");
            app.set_events_url(second_url.clone());
        }
        for (user, chat) in users.iter().zip(&chats) {
            user.write(chat, message.to_string()).await?;
        }
    }

    println!("4. The second process replies to the messages that the first one left");
    for chat in &chats {
        let mut replied = 0;
        while replied < MESSAGES {
            let reply = chat.next_message().await?;
            let number: usize = reply.text().and_then(|text| text.rsplit(' ').next()).unwrap_or_default().parse()?;
            // The message that was being handled when the process died may get two replies.
            if number != replied && number != replied + 1 {
                return Err(format!("{number} comes after {replied}").into());
            }
            replied = number;
        }
    }
    println!("   all {} messages have their replies, in order in every conversation", USERS * MESSAGES);

    println!("5. The second process drains and ends");
    drop(second.0.stdin.take());
    if !second.0.wait()?.success() {
        return Err("the second process failed".into());
    }
    sandbox.shutdown().await;
    println!("\nNothing was lost.");
    Ok(())
}
