//! An SDK for the chat side of [Kenar](https://kenar.divar.dev), Divar's add-on platform.
//!
//! An [add-on](guide#add-on) is a web server that you run for users of Divar, Iran's classifieds marketplace. A user opens
//! it from a [conversation](guide#conversation) about a [post](guide#post) (a classified ad), uses its pages, grants it
//! permission and returns to the chat. The add-on sends messages to the conversation, with buttons for both sides. Its
//! [chatbot](guide#chatbot) replies to users who write to it. This crate contains
//!
//! - [`webhook`]: verified and typed [webhooks](guide#webhook) from Divar;
//! - [`ChatApi`]: the calls to Divar, and [`Client`], which sends them;
//! - [`oauth`]: permissions and tokens, and [`Permissions`], which stores and refreshes them.
//!
//! [`kenar-sandbox`] runs a local copy of Kenar for development and tests.
//!
//! # In five minutes
//!
//! ```toml
//! [dependencies]
//! kenar = { version = "0.1", features = ["axum"] }
//! axum = "0.8" # or any other framework
//! serde_json = "1"
//! tokio = { version = "1", features = ["full"] }
//!
//! [dev-dependencies]
//! kenar-sandbox = "0.1"
//! ```
//!
//! **1. Open from a chat.** Divar asks your add-on for a page. The request carries the
//! [key](guide#identification-key) that you chose in Kenar's [panel](guide#panel). The extractor verifies the key and
//! parses the request; your reply is the page's address.
//!
//! ```
//! # use axum::extract::{FromRef, State};
//! # use kenar::{Client, OAuthClient, OpenApp, Verifier};
//! # use kenar::model::AppUrl;
//! # use kenar::webhook::OpenAppReply;
//! #[derive(Clone)]
//! struct AddOn { verifier: Verifier, client: Client, oauth: OAuthClient, base: AppUrl }
//!
//! impl FromRef<AddOn> for Verifier {
//!     fn from_ref(add_on: &AddOn) -> Self { add_on.verifier.clone() }
//! }
//!
//! # // [webhook]
//! // Requests without Divar's key were rejected with 401.
//! async fn open_app(State(add_on): State<AddOn>, opened: OpenApp) -> OpenAppReply {
//!     opened.reply(add_on.base.join(["order"]))
//! }
//! # // [end]
//! # let _: axum::Router<AddOn> = axum::Router::new().route("/open", axum::routing::post(open_app));
//! ```
//!
//! **2. Ask for permission.** Redirect the user to Divar's [consent page](guide#consent-page) and store the
//! [state](guide#state). The user returns with a code. Exchange it for an [access token](guide#access-token).
//!
//! ```
//! # use kenar::{OAuthClient, Scope};
//! # use kenar::model::ConversationId;
//! # use kenar::oauth::{Callback, OAuthState, PermissionUrl};
//! # use kenar::secret::AccessToken;
//! fn ask(oauth: &OAuthClient, conversation: &ConversationId) -> (PermissionUrl, OAuthState) {
//! # // [permission]
//!     oauth.permission_url([Scope::conversation_send_message(conversation)])
//! # // [end]
//! }
//!
//! async fn permitted(
//!     oauth: &OAuthClient, query: &str, state: &OAuthState,
//! ) -> Result<Option<AccessToken>, Box<dyn std::error::Error>> {
//!     match oauth.callback(query, state)? {
//!         Callback::Granted(code) => Ok(Some(oauth.exchange(code).await?.access_token)),
//!         Callback::Denied(_) => Ok(None),
//!     }
//! }
//! ```
//!
//! **3. Send a message**, with a button for the user who granted permission and one for the other side.
//!
//! ```
//! # use kenar::{Button, ChatApi as _, Client, ConversationMessage, Error};
//! # use kenar::model::{AppUrl, ConversationId};
//! # use kenar::model::icon::Icon;
//! # use kenar::secret::AccessToken;
//! # async fn announce(
//! #     client: &Client, conversation: &ConversationId, token: &AccessToken, tracking: AppUrl,
//! # ) -> Result<(), Error> {
//! # use serde_json::json;
//! # // [send]
//! let message = ConversationMessage::text("درخواست ارسال ثبت شد 🚚")
//!     .sender_buttons([[Button::open_link("پیگیری سفارش", tracking).icon(Icon::SEND)]])
//!     .receiver_buttons([[Button::dynamic_action("تأیید زمان", json!({ "order": "17" }))]]);
//! match client.send_message(conversation, &message, token).await {
//!     Err(error) if error.is_recipient_restricted() => {} // one side blocked the other
//!     result => drop(result?),
//! }
//! # // [end]
//! # Ok(()) }
//! ```
//!
//! **4. Test it** without an account or a network. The sandbox plays Divar and its users. It checks keys, permissions and
//! scopes.
//!
//! ```
//! # use kenar_sandbox::Sandbox;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::in_process().await;
//! let app = sandbox.app("delivery");
//! // Your add-on: a function here, or the address of your server.
//! # let (verifier, base) = (app.verifier(), "https://addon.example".parse::<kenar::model::AppUrl>()?);
//! let add_on = app.set_handler(move |request| {
//!     let opened = verifier.open_app(request.headers(), request.body());
//!     let page = base.join(["order"]);
//!     async move { opened.unwrap().reply(page).into_http_response() }
//! });
//! app.set_open_app_url(add_on.join(["open"]));
//!
//! let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
//! let chat = sandbox.add_post(&sara).conversation_with(&ali);
//! let page = ali.open_app(&chat, &app).await?;
//! assert_eq!(page.url().path(), "/order");
//! # Ok(()) }
//! ```
//!
//! In production, `Verifier::from_env` and `Client::from_env` read the panel's keys from the [environment](mod@env), and
//! `client.oauth(OAuthApp::new(slug, client_secret, redirect_uri)?)` adds OAuth.
//!
//! `cargo run --example quickstart` runs the whole flow and prints each step. Copy its add-on to start your own.
//!
//! # Guide and reference
//!
//! The [guide] has a page for each flow, the [settings of the panel](guide#in-the-panel) and a [glossary](guide#words).
//!
//! | task | guide | reference |
//! |---|---|---|
//! | open from a chat, and return the user to it | [`open_app`](guide::open_app) | [`webhook`] |
//! | act for a user | [`permission`](guide::permission) | [`oauth`] |
//! | send messages with buttons | [`sending`](guide::sending) | [`model`] |
//! | run a chatbot, and receive events | [`chatbot`](guide::chatbot) | [`Event`] |
//! | send pictures and other files | [`media`](guide::media) | [`operation::Media`] |
//! | lose no event when the process dies | [`crash`] | [`inbox`] |
//! | stay within the app's quota | | [`quota`] |
//! | handle errors | [`errors`](guide::errors) | [`Error`] |
//! | try it on the real platform | [`test_app`](guide::test_app) | |
//! | port a Python add-on | [`from_python`](guide::from_python) | |
//! | test an add-on | [`testing`] | [`kenar-sandbox`] |
//! | call an endpoint that the crate lacks | | [`request`] |
//! | use another HTTP stack | | [`transport`] |
//!
//! # Operations
//!
//! The platform's operations, and the methods of [`ChatApi`], [`OAuthClient`] and [`Client`] that call them. You grant the
//! [API key](guide#api-key) its permissions in the panel; users grant access tokens their [scopes](guide#scope). A call
//! needs both where both are listed. [`webhook`] has the requests that Divar sends to you.
//!
//! | operation | method | permission of the API key | scope (any one) |
//! |---|---|---|---|
//! | [send a message in a conversation](operation::SendMessage) | [`send_message`](ChatApi::send_message) | `CHAT_SEND_MESSAGE_OAUTH` | [one conversation](Scope::conversation_send_message), [one post](Scope::post_conversations_message_send), [all of a seller's posts](Scope::supplier_all_conversations_message_send) |
//! | [read a conversation](operation::GetConversation) | [`get_conversation`](ChatApi::get_conversation) | `CHAT_READ_CONVERSATION` | [one conversation](Scope::conversation_read) |
//! | [send a message in a chatbot's conversation](operation::SendBotMessage) | [`send_bot_message`](ChatApi::send_bot_message) | `CHAT_BOT_SEND_MESSAGE` | none |
//! | [send a message to a user as the chatbot](operation::SendBotMessageToUser) | [`send_bot_message_to_user`](ChatApi::send_bot_message_to_user) | `CHAT_BOT_SEND_MESSAGE` | [one user](Scope::chat_bot_user_message_send) |
//! | [get an upload token](operation::CreateUploadToken), [upload a file](operation::UploadMedia) | [`upload_media`](ChatApi::upload_media) | `CHAT_UPLOAD_MEDIA` | none |
//! | [subscribe to events](operation::Subscribe) | [`subscribe`](ChatApi::subscribe) | `EVENTS_REGISTER_SUBSCRIPTION` | [one for each kind](operation::Subscription) |
//! | [read a user](operation::GetUser) | [`get_user`](ChatApi::get_user) | `USER_RETRIEVE` | [the id](Scope::user_id), [the phone number](Scope::user_phone) |
//! | [ask for permission](oauth::PermissionRequest) | [`permission_url`](OAuthClient::permission_url), [`callback`](OAuthClient::callback) | none | none |
//! | [exchange the code](oauth::ExchangeCode) | [`exchange`](OAuthClient::exchange) | none | none |
//! | [refresh the tokens](oauth::RefreshTokens) | [`refresh`](OAuthClient::refresh) | none | none |
//! | any other endpoint | [`execute`](Client::execute), with your own [`Operation`](request::Operation) | | |
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `rustls` | yes | HTTP by hyper; TLS by rustls with ring and the system's certificates |
//! | `rustls-no-provider` | | HTTP by hyper; TLS by rustls with the provider that your program installs, such as aws-lc |
//! | `native-tls` | | HTTP by hyper; TLS by the system's library |
//! | `hyper` | by the three above | a transport over hyper, without TLS |
//! | `reqwest` | | a transport over reqwest: with your own client, or with the TLS chosen above |
//! | `tokio` | by `hyper` | timeouts and pauses on tokio; stored permissions; media from files and async readers |
//! | `axum` | | webhooks as axum 0.8 extractors, replies and rejections as responses |
//! | `actix` | | the same for actix-web 4 |
//! | `tower` | | all three webhooks as one `tower::Service` |
//! | `tracing` | | a [span per call](client#traces) by OpenTelemetry's conventions, and an event per attempt |
//!
//! ## Which TLS
//!
//! rustls's cryptography is by [ring], which needs only a C compiler. A program builds in three quarters of the time and is
//! two thirds as large as with aws-lc, the default of rustls and reqwest. Only aws-lc has a FIPS-validated build and a
//! post-quantum key exchange. To use it, install it when your program starts:
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
//! Choose `native-tls` if your organisation audits the system's library. If `rustls` is enabled too, it is used.
//!
//! ## WebAssembly
//!
//! With `default-features = false`, the crate builds for `wasm32-unknown-unknown`. Add `getrandom` 0.2 with its feature
//! `js`, or `custom` outside JavaScript. Without a system clock, [`Timestamp::now`](model::Timestamp::now) panics: give
//! each client a [`clock`](client::ClientBuilder::clock). A call makes one attempt, with the transport's timeout.
//!
//! ## Fewer crates
//!
//! A quarter of all dependencies are Unicode tables for host names. If yours are ASCII,
//! `cargo update -p idna_adapter --precise 1.0.0` removes them, as [`idna_adapter`] explains.
//!
//! [`kenar-sandbox`]: https://docs.rs/kenar-sandbox
//! [`testing`]: https://docs.rs/kenar-sandbox/latest/kenar_sandbox/guide/index.html
//! [ring]: https://docs.rs/ring
//! [`idna_adapter`]: https://docs.rs/crate/idna_adapter
//!
#![cfg_attr(feature = "tokio", doc = "[`Permissions`]: crate::tokens::Permissions")]
#![cfg_attr(not(feature = "tokio"), doc = "[`Permissions`]: #features")]
#![cfg_attr(feature = "tokio", doc = "[`crash`]: guide::crash")]
#![cfg_attr(not(feature = "tokio"), doc = "[`crash`]: #features\n[`inbox`]: #features\n[`quota`]: #features")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// Input must never cause a panic; tests may panic.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "axum")]
pub mod axum;
pub mod client;
pub mod env;
pub mod error;
// Documentation only: compiled for rustdoc and its examples.
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(feature = "tokio")]
pub mod inbox;
pub mod model;
pub mod oauth;
pub mod operation;
#[cfg(feature = "tokio")]
pub mod quota;
mod redact;
pub mod request;
pub mod secret;
mod shared;
#[cfg(feature = "tokio")]
pub mod tokens;
#[cfg(feature = "tower")]
pub mod tower;
pub mod transport;
pub mod webhook;

// The most used names. Everything else has one path, in its module.
#[doc(no_inline)]
pub use self::{
    client::{ChatApi, Client, OAuthClient},
    error::Error,
    model::{BotMessage, Button, ConversationMessage},
    oauth::Scope,
    webhook::{DynamicAction, Event, OpenApp, Verifier},
};

/// The README's example, compiled.
#[cfg(all(doctest, feature = "hyper", feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
