//! A Kenar that runs on your own machine, for testing an add-on with no account, no ticket and no network.
//!
//! It is a real HTTP server on `127.0.0.1` that answers as the platform is documented to: the calls of the API with
//! their permissions, scopes and errors, the [consent page](https://docs.rs/kenar/latest/kenar/guide/index.html#consent-page) and the token endpoint, media
//! uploads. Its people are written by you: they write in the chat, press buttons, open your app and give permission,
//! and your add-on's webhooks are called as Divar would.
//!
//! ```
//! use kenar_sandbox::Sandbox;
//! use kenar::{BotMessage, ChatApi};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::start().await?;
//! let app = sandbox.app("delivery");
//! let chat = sandbox.user("sara").chat_with_bot(&app);
//!
//! app.client().send_bot_message(chat.id(), &BotMessage::text("سلام")).await?;
//!
//! assert_eq!(chat.next_message().await?.text(), Some("سلام"));
//! # Ok(()) }
//! ```
//!
//! Nothing here sleeps. What a person does has been answered by your add-on once it returns; what your add-on does by
//! itself is waited for ([`Chat::next_message`]), as long as a time limit. A failure prints what was said and what went
//! over the wire.
//!
//! [The guide](guide) teaches testing an add-on in ten minutes.
//!
//! # By hand
//!
//! With [`SandboxBuilder::chat_page`] it serves Divar's side as a chat client in the browser: be any of the people, write
//! and press, open an app in a frame, give permission, and read what goes over the wire beside it. There,
//! [faults](Sandbox::inject) are switched on and off, and the session is [saved](Recording) and
//! [played again](Sandbox::replay). The `sandbox` example starts one and prints what your add-on needs to find it; a test
//! can have the page too, to look at what it made.
//!
//! The frame of the page goes to this machine only. An add-on that sends its user to
//! [`COMPLETION_URL`](kenar::webhook::COMPLETION_URL) is kept from leaving by the browser, and the page takes that as the
//! way back to the chat.
//!
//! # What is a guess
//!
//! The platform documents one error of its API: status 412 with code 9, for a recipient who blocked. All other errors
//! of the API follow the [gRPC convention](https://grpc.io/docs/guides/status-codes/): 401 with code 16 for a key or
//! token that is not valid, 403 with 7 for a missing permission or scope, 404 with 5 for what does not exist, 400 with
//! 3 for a malformed request. The same goes for the upload host (413 for a file that is too large), for the life of an
//! upload token (ten minutes, one upload), for `invalid_scope` and `invalid_state` on the way back from the consent
//! page, and for a webhook's `user_side`, which a chatbot's conversation does without. Of the limits, their status
//! (429) is documented, and that there is one per minute and one per day; the body, `Retry-After` and where a day
//! begins are guesses. The [journal](Sandbox::journal) says so at each such response.
//!
//! Identifiers, keys and tokens are random, or follow from a [seed](SandboxBuilder::seed); keys and tokens say that they
//! are the sandbox's.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
// Nothing that arrives may panic; tests may.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod add_ons;
mod app;
mod builder;
mod chats;
mod clock;
mod engine;
mod error;
mod flood;
#[cfg(any(doc, doctest))]
#[doc = include_str!("guide.md")]
pub mod guide {}
mod inject;
mod listener;
mod loopback;
mod media;
mod names;
mod outbox;
mod page;
mod people;
mod platform;
mod queue;
mod recording;
mod replay;
mod router;
mod sandbox;
mod server;
mod shared;
mod transcript;
mod transport;
mod visit;

pub use app::App;
pub use builder::SandboxBuilder;
pub use chats::{Chat, Post, StartFrom};
pub use engine::{
    Author, ChatMessage, Dialect, Direction, EventFault, Exchange, Fault, Note, TimeForm, Webhook, WebhookFault,
};
pub use error::SandboxError;
pub use flood::LoadReport;
pub use inject::{FaultHandle, Injection};
pub use people::User;
pub use recording::{Recording, RecordingError};
pub use replay::Difference;
pub use sandbox::Sandbox;
pub use transport::SandboxTransport;
pub use visit::{Opened, Pressed, Visit};
