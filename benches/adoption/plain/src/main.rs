//! Sends a message with two buttons, as one writes it with reqwest and serde.

use std::env::var;

use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct ConversationMessage<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
    receiver_buttons: Grid<'a>,
}

#[derive(Serialize)]
struct Grid<'a> {
    rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    buttons: Vec<Button<'a>>,
}

#[derive(Serialize)]
struct Button<'a> {
    action: Action<'a>,
    icon: Icon,
    caption: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Action<'a> {
    OpenDirectLink(&'a str),
    GetDynamicAction { data: Order<'a> },
}

#[derive(Serialize)]
struct Order<'a> {
    order: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Icon {
    Send,
    CheckCircle,
}

#[derive(Deserialize)]
struct Failure {
    code: i32,
    message: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    #[cfg(feature = "ring")]
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "another provider is installed")?;

    let confirm = Action::GetDynamicAction { data: Order { order: "17" } };
    let track = Action::OpenDirectLink("https://addon.example/orders/17");
    let message = ConversationMessage {
        kind: "TEXT",
        message: "سفارش ثبت شد.",
        receiver_buttons: Grid {
            rows: vec![Row {
                buttons: vec![
                    Button { action: confirm, icon: Icon::CheckCircle, caption: "تأیید" },
                    Button { action: track, icon: Icon::Send, caption: "پیگیری" },
                ],
            }],
        },
    };
    let conversation = var("CONVERSATION")?;
    let response = reqwest::Client::new()
        .post(format!("https://open-api.divar.ir/v2/open-platform/conversations/{conversation}/messages"))
        .header("X-API-Key", var("KENAR_API_KEY")?)
        .bearer_auth(var("KENAR_ACCESS_TOKEN")?)
        .json(&message)
        .send()
        .await?;
    if !response.status().is_success() {
        let failure: Failure = response.json().await?;
        return Err(format!("{}: {}", failure.code, failure.message).into());
    }
    Ok(())
}
