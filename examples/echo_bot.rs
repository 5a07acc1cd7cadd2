//! A chatbot that echoes its users, tried against the sandbox.
//!
//! `cargo run --example echo_bot`

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use kenar::axum::AppState;
use kenar::model::{AppUrl, MessageContent};
use kenar::webhook::MessageEvent;
use kenar::{BotMessage, Button, ChatApi as _, Client, Error, Event};
use kenar_sandbox::Sandbox;
use tokio::net::TcpListener;

async fn event(State(client): State<Client>, event: Event) {
    if let Event::ChatbotMessage(message) = event {
        // In a task, so that Divar gets its 200 first.
        tokio::spawn(async move {
            if let Err(error) = reply(&client, &message).await {
                eprintln!("no reply was sent: {error}");
            }
        });
    }
}

async fn reply(client: &Client, message: &MessageEvent) -> Result<(), Error> {
    let said = match &message.content {
        MessageContent::Text(text) => format!("گفتید: {text}"),
        MessageContent::Image(_) => "عکس قشنگی است!".to_owned(),
        _ => "این را نمی‌فهمم، ولی دریافت شد.".to_owned(),
    };
    let reply = match message.start_command() {
        None => BotMessage::text(said),
        Some(start) => match start.post_token() {
            None => BotMessage::text("خوش آمدید!"),
            Some(post) => BotMessage::text("خوش آمدید!").buttons([[Button::post_page("آگهی شما", &post)]]),
        },
    };
    client.send_bot_message(&message.conversation.id, &reply).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("echo");

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base: AppUrl = format!("http://{}", listener.local_addr()?).parse()?;
    app.set_events_url(base.join(["event"]));
    let bot = AppState { verifier: app.verifier(), client: app.client() };
    tokio::spawn(async { axum::serve(listener, Router::new().route("/event", post(event)).with_state(bot)).await });

    let sara = sandbox.user("sara");
    let chat = sara.chat_with_bot(&app);
    sara.write(&chat, "/start MY_POST QYabcdef").await?;
    chat.next_message().await?;
    sara.write(&chat, "سلام").await?;
    let reply = chat.next_message().await?;
    println!("{}", chat.transcript());

    if reply.text() == Some("گفتید: سلام") { Ok(()) } else { Err("the bot replied something else".into()) }
}
