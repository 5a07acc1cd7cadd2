//! A local sandbox of Kenar, Divar's add-on platform, for tests without account or network.
//!
//! It is an HTTP server on `127.0.0.1` that implements the documented platform: the API with its permissions, scopes and
//! errors, the [consent page](https://docs.rs/kenar/latest/kenar/guide/index.html#consent-page), the token endpoint and
//! media uploads. Your test scripts the people: they send messages, press buttons, open your app and grant permissions,
//! and the sandbox calls your webhooks as Divar would.
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
//! Tests need no sleeps. An action of a person returns when your add-on has responded to its webhooks.
//! [`Chat::next_message`] waits for what your add-on does later, up to the sandbox's timeout. Errors contain the
//! conversation and the last requests.
//!
//! [The guide](guide) explains how to test an add-on.
//!
//! # Chat page
//!
//! [`SandboxBuilder::chat_page`] adds a chat client in the browser that shows Divar's side: act as any person, send
//! messages, press buttons, open an app in a frame, grant permissions, and inspect every request. The page also
//! [injects faults](Sandbox::inject), and saves and [replays](Sandbox::replay) sessions. The program `kenar-sandbox` and
//! the `sandbox` example serve it; a test can serve it to inspect its own state.
//!
//! The frame loads pages from this machine only. When an add-on redirects its user to
//! [`COMPLETION_URL`](kenar::webhook::COMPLETION_URL), the browser blocks that navigation, and the page returns to the
//! chat.
//!
//! # Guessed behaviour
//!
//! The platform documents one error of its API: status 412 with code 9, for a recipient who blocked the conversation. The
//! sandbox guesses the following, and the [journal](Sandbox::journal) marks each such response:
//!
//! - The other API errors follow the [gRPC convention](https://grpc.io/docs/guides/status-codes/): 401 with code 16 for an
//!   invalid key or token, 403 with 7 for a missing permission or scope, 404 with 5 for a missing resource, 400 with 3
//!   for a malformed request. The upload host does the same, with 413 for a file that is too large.
//! - An upload token is valid for ten minutes and one upload.
//! - The consent page redirects with `invalid_scope` and `invalid_state`.
//! - Webhooks from a chatbot's conversation have no `user_side`.
//! - Rate limits: status 429, a limit per minute and a quota per day are documented. The body, `Retry-After` and the start
//!   of a day are guesses.
//!
//! Identifiers, keys and tokens are random, or derived from a [seed](SandboxBuilder::seed). Keys and tokens contain the
//! word `sandbox`.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
// Input must never cause a panic.
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
pub mod fake;
mod file;
mod flood;
#[cfg(any(doc, doctest))]
#[doc = include_str!("guide.md")]
pub mod guide {}
mod inject;
mod limited;
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
