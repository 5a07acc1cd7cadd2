//! Uploads a file as a stream, and sends it.
//!
//! `cargo run --example media_upload [FILE.mp4]`; without a file, it sends two megabytes of filler.

use kenar::operation::{Media, MediaSource};
use kenar::{BotMessage, ChatApi as _};
use kenar_sandbox::Sandbox;
use tokio::io::AsyncReadExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("delivery");
    let client = app.client();
    let chat = sandbox.user("sara").chat_with_bot(&app);

    // The format and the size are checked here, before anything is sent.
    let media = match std::env::args().nth(1) {
        // The file is never in memory as a whole.
        Some(path) => Media::video(&path, MediaSource::file(&path).await?)?,
        None => Media::video("unboxing.mp4", MediaSource::reader(2_000_000, tokio::io::repeat(7).take(2_000_000)))?,
    };
    println!("uploading {} bytes of {}", media.length(), media.content_type());

    let token = client.upload_media(media).await?;
    client.send_bot_message(chat.id(), &BotMessage::media(token)).await?;

    println!("{:#?}", chat.next_message().await?.message.content);
    Ok(())
}
