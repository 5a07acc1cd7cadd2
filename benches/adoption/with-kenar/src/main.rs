//! Sends the message of `plain`.

use std::env::var;

use kenar::{Button, ChatApi as _, Client, ConversationMessage};
use kenar::model::{AppUrl, ConversationId};
use kenar::model::icon::Icon;
use kenar::secret::{AccessToken, ApiKey};

#[derive(serde::Serialize)]
struct Order<'a> {
    order: &'a str,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    #[cfg(feature = "aws-lc")]
    rustls::crypto::aws_lc_rs::default_provider().install_default().map_err(|_| "another provider is installed")?;

    let page: AppUrl = "https://addon.example".parse()?;
    let message = ConversationMessage::text("سفارش ثبت شد.").receiver_buttons([[
        Button::dynamic_action("تأیید", Order { order: "17" }).icon(Icon::CHECK_CIRCLE),
        Button::open_link("پیگیری", page.join(["orders", "17"])).icon(Icon::SEND),
    ]]);
    let conversation = ConversationId::new(var("CONVERSATION")?);
    let by = AccessToken::new(var("KENAR_ACCESS_TOKEN")?)?;
    Client::new(ApiKey::new(var("KENAR_API_KEY")?)?)?.send_message(&conversation, &message, &by).await?;
    Ok(())
}
