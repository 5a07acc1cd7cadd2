//! The SDK for the chat side of [Kenar](https://kenar.divar.dev), the add-on platform of Divar, Iran's classifieds
//! marketplace.
//!
//! A user opens your add-on from a chat; Divar asks it for a page; the user works there, grants permission and goes back;
//! your add-on writes into the chat. Or the user writes to your chatbot, and it answers. This crate has
//!
//! - the webhooks that Divar sends you, verified and typed: [`webhook`];
//! - the calls you make: the [`ChatApi`] trait, and [`Client`], which sends;
//! - permission and tokens, by OAuth: [`oauth`]; and [`SharedTokens`], which keeps them good;
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
//! | `tokio` | by `reqwest` | pauses and time limits on tokio; shared tokens; media from files and async readers |
//! | `axum` | | webhook replies and rejections as axum responses |
//! | `tracing` | | each attempt of a call as an event, without what was sent or answered |
//! | `sandbox` | | a Kenar on your own machine |
//!
#![cfg_attr(feature = "sandbox", doc = "[`sandbox`]: crate::sandbox")]
#![cfg_attr(not(feature = "sandbox"), doc = "[`sandbox`]: #features")]
#![cfg_attr(not(feature = "tokio"), doc = "[`SharedTokens`]: #features")]
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

pub use client::{ChatApi, Client, ClientBuilder, ClientSetupError, OAuthClient, Retry, Timer};
#[cfg(feature = "tokio")]
pub use client::{SharedTokens, TokenStore, TokensError, TokioTimer};
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
