//! The SDK for the chat side of [Kenar](https://kenar.divar.dev), the add-on platform of Divar, Iran's classifieds
//! marketplace.
//!
//! A user opens your add-on from a chat; Divar asks it for a page; the user works there, grants permission and goes back;
//! your add-on writes into the chat. Or the user writes to your chatbot, and it answers. This crate has
//!
//! - the webhooks that Divar sends you, verified and typed: [`webhook`];
//! - the calls you make: the [`ChatApi`] trait, and [`Client`], which sends;
//! - permission and tokens, by OAuth: [`oauth`];
//! - a Kenar that runs on your own machine: [`sandbox`], behind a feature.
//!
//! ```no_run
//! use kenar::webhook::{Event, Verifier};
//! use kenar::{ApiKey, BotMessage, ChatApi as _, Client, IdentificationKey};
//!
//! # async fn handler(headers: http::HeaderMap, body: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::new(IdentificationKey::new(std::env::var("KENAR_IDENTIFICATION_KEY")?)?);
//! let client = Client::new(ApiKey::new(std::env::var("KENAR_API_KEY")?)?)?;
//!
//! match verifier.event(&headers, body)? {
//!     Event::ChatbotMessage(message) => {
//!         let answer = BotMessage::text(format!("گفتید: {}", message.text().unwrap_or("…")));
//!         client.send_bot_message(&message.conversation.id, &answer).await?;
//!     }
//!     _ => {} // everything authentic is worth a 200, also what is not known yet
//! }
//! # Ok(()) }
//! ```
//!
//! # Where things are
//!
//! | module | what is in it |
//! |---|---|
//! | [`model`] | identifiers, messages, buttons, actions, times: pure data |
//! | [`webhook`] | what arrives: opening the app, events, button presses, each verified |
//! | [`oauth`] | permission URLs, the callback, tokens |
//! | [`operation`] | each call of the API, without any I/O |
//! | [`request`] | the [`Operation`] trait, for calls that the crate lacks |
//! | [`transport`] | how requests travel; bring your own HTTP stack |
//! | [`sandbox`] | a Kenar on loopback, for tests and for trying things out |
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `rustls` | yes | HTTP by reqwest, TLS by rustls with ring and the system's certificates |
//! | `native-tls` | | HTTP by reqwest, TLS by the system's library |
//! | `rustls-no-provider` | | HTTP by reqwest, TLS by rustls with the provider that your program installs |
//! | `reqwest` | by `rustls` | the transport over reqwest, with no TLS of its own |
//! | `tokio` | by `reqwest` | pauses and time limits on tokio; media from files and async readers |
//! | `axum` | | webhook replies and rejections as axum responses |
//! | `tracing` | | each attempt of a call as an event, without what was sent or answered |
//! | `sandbox` | | a Kenar on your own machine |
//!
//! ## Which TLS
//!
//! rustls needs a library of cryptography, and the default here is [ring]. It is kept, by its author and with rustls's
//! maintainers standing by; it needs a C compiler and no more; and a program with it builds in little more than half of the time,
//! and is little more than half as large, as with aws-lc, which rustls and reqwest would choose
//! ([measured](https://docs.rs/crate/kenar/latest/source/benches/README.md)). What aws-lc has and ring has not is a build that is
//! validated for FIPS, and a key exchange that withstands quantum computers. For these, install it at the start of your program:
//!
//! ```toml
//! kenar = { version = "0.1", default-features = false, features = ["rustls-no-provider"] }
//! rustls = { version = "0.23", default-features = false, features = ["aws_lc_rs", "prefer-post-quantum"] }
//! ```
//!
//! ```ignore
//! rustls::crypto::aws_lc_rs::default_provider().install_default().expect("no other is installed");
//! ```
//!
//! `native-tls` is right where the system's library is the one that is patched and audited. Features add up: with `rustls` on
//! as well, ring it is.
//!
//! ## Fewer crates
//!
//! A fifth of all the crates are tables for host names in other scripts than Latin, by way of `url`. A program that meets no
//! such names does without them by a line in its own lock file, as [`idna_adapter`] says:
//! `cargo update -p idna_adapter --precise 1.0.0`.
//!
//! [ring]: https://docs.rs/ring
//! [`idna_adapter`]: https://docs.rs/crate/idna_adapter
//!
#![cfg_attr(feature = "sandbox", doc = "[`sandbox`]: crate::sandbox")]
#![cfg_attr(not(feature = "sandbox"), doc = "[`sandbox`]: #features")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// Nothing that arrives may panic; tests may.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod error;
pub mod model;
pub mod oauth;
pub mod operation;
mod redact;
pub mod request;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod secret;
pub mod transport;
pub mod webhook;

#[cfg(feature = "tokio")]
pub use client::TokioTimer;
pub use client::{ChatApi, Client, ClientBuilder, ClientSetupError, OAuthClient, Retry, Timer};
pub use error::{ApiError, Error, ErrorKind, OAuthError, RpcCode, RpcStatus};
pub use model::{
    Action, ActionData, AppSlug, AppUrl, BotMessage, Button, ButtonGrid, ButtonRow, ConversationId,
    ConversationMessage, Icon, MediaToken, Message, MessageContent, MessageId, PostToken, RawJson, Side, Timestamp,
    UserId,
};
pub use oauth::{Callback, OAuthApp, Scope, TokenSet};
pub use request::Operation;
pub use secret::{
    AccessToken, ApiKey, AuthorizationCode, ClientSecret, IdentificationKey, InvalidSecret, RefreshToken, UploadToken,
};
pub use webhook::{DynamicAction, DynamicActionReply, Event, OpenApp, OpenAppReply, Rejection, Verifier};

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
