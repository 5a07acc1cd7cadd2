//! A sandbox with its chat page and a demo add-on:
//!
//! `cargo run --example sandbox`
//!
//! For your own add-on, in any language, run the program instead: `cargo run -p kenar-sandbox`, or
//! `cargo install kenar-sandbox` outside this repository.

#[path = "../common/mod.rs"]
mod common;
mod demo;

use common::{Outcome, sandbox_with_page, stay};

#[tokio::main]
async fn main() -> Outcome {
    let sandbox = sandbox_with_page().await?;
    let app = sandbox.app("demo");
    demo::serve(&app).await?;

    // An add-on that is not running, to show the error on the page.
    sandbox.app("absent").set_title("افزونهٔ خاموش").set_open_app_url("http://127.0.0.1:9/kenar/open".parse()?);

    let (sara, ali) = (sandbox.user("سارا"), sandbox.user("علی"));
    let chat = sandbox.add_post(&sara).set_title("دوچرخهٔ شهری").conversation_with(&ali);
    ali.write(&chat, "سلام، دوچرخه هنوز هست؟").await?;
    sara.write(&chat, "سلام، بله. سالم است و تازه سرویس شده.").await?;
    ali.write(&chat, "ارسال هم دارید؟").await?;
    sara.write(&chat, "بله، از دکمهٔ «افزونه‌ها» بالای همین صفحه.").await?;
    // Creates the conversation as a side effect.
    let _ = [&sara, &ali].map(|person| person.chat_with_bot(&app));

    stay(sandbox, "Write to the chatbot, or open the add-on in the conversation.").await
}
