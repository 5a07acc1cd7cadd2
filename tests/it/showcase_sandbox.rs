//! The demo add-on of `examples/sandbox`: its Persian texts keep numbers and code in order.

#[path = "../../examples/sandbox/demo.rs"]
mod demo;

use crate::common::{self, Outcome};
use kenar::model::Location;
use kenar_sandbox::Sandbox;

#[tokio::test]
async fn numbers_and_code_in_persian_text_are_isolated() -> Outcome {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("demo");
    demo::serve(&app).await?;
    let sara = sandbox.user("sara");
    let chat = sara.chat_with_bot(&app);

    // Without the isolates, the page shows the longitude first and the plus sign last.
    sara.send_location(&chat, Location { latitude: 35.69973, longitude: -51.338 }).await?;
    let reply = chat.next_message().await?;
    assert_eq!(reply.text(), Some("جایی که فرستادید: \u{2066}35.69973, -51.338\u{2069}"));
    sara.write(&chat, "دکمه").await?;
    let pressed = sara.press(&chat.next_message().await?, "تأیید زمان").await?;
    assert_eq!(pressed.toast.as_deref(), Some("افزونه پاسخ داد: \u{2066}{\"order\":\"17\"}\u{2069}"));
    sara.send_contact(&chat, "", "+98 912 000 0000").await?;
    let reply = chat.next_message().await?;
    assert_eq!(reply.text(), Some("با \u{2068}+98 912 000 0000\u{2069} تماس می‌گیرم."));
    Ok(())
}
