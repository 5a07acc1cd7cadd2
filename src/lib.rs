//! The SDK for the chat side of [Kenar](https://kenar.divar.dev), the platform for add-ons of Divar, Iran's classifieds
//! marketplace.
//!
//! An [add-on](guide#add-on) is a web server of yours that Divar's users meet in their chats. A user opens it from a
//! [conversation](guide#conversation) about a [post](guide#post), a classified ad; works on its pages; permits it to
//! act; and goes back. It writes into the conversation, with buttons for both sides. Or the user writes to its
//! [chatbot](guide#chatbot), and it answers. This crate has
//!
//! - the [webhooks](guide#webhook) that Divar sends you, verified and typed: [`webhook`];
//! - the calls you make: the [`ChatApi`] trait, and [`Client`], which sends;
//! - permission and tokens, by OAuth: [`oauth`]; and [`Permissions`], which keeps them good;
//! - a Kenar that runs on your own machine: the crate [`kenar-sandbox`].
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
//! **1. Be opened from a chat.** Divar asks your add-on for a page, and shows the
//! [key](guide#identification-key) that you chose in Kenar's [panel](guide#panel). The extractor checks it, and reads
//! what the user has opened; you answer with the page.
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
//! // Who is not Divar has got 401 before.
//! async fn open_app(State(add_on): State<AddOn>, opened: OpenApp) -> OpenAppReply {
//!     opened.reply(add_on.base.join(["order"]))
//! }
//! # // [end]
//! # let _: axum::Router<AddOn> = axum::Router::new().route("/open", axum::routing::post(open_app));
//! ```
//!
//! **2. Ask for permission.** Send the user to Divar's [consent page](guide#consent-page), and keep the
//! [state](guide#state). The user comes back with a code, which becomes an [access token](guide#access-token).
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
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # let sandbox = kenar_sandbox::Sandbox::in_process().await;
//! # let (app, ali) = (sandbox.app("delivery"), sandbox.user("ali"));
//! # let chat = sandbox.add_post(&sandbox.user("sara")).conversation_with(&ali);
//! # let oauth = app.oauth("https://addon.example/oauth").unwrap();
//! # let (url, state) = ask(&oauth, chat.id());
//! # let back = ali.visit(url.as_str()).await.unwrap().allow().await.unwrap();
//! # assert!(permitted(&oauth, back.url().query().unwrap(), &state).await.unwrap().is_some());
//! # });
//! ```
//!
//! **3. Write into the chat**, with a button for the user who permitted it, and one for the other side.
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
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # use kenar::Scope;
//! # use kenar::oauth::Callback;
//! # use kenar_sandbox::Sandbox;
//! # let sandbox = Sandbox::in_process().await;
//! # let (app, ali) = (sandbox.app("delivery"), sandbox.user("ali"));
//! # let chat = sandbox.add_post(&sandbox.user("sara")).conversation_with(&ali);
//! # let oauth = app.oauth("https://addon.example/oauth").unwrap();
//! # let (url, state) = oauth.permission_url([Scope::conversation_send_message(chat.id())]);
//! # let back = ali.visit(url.as_str()).await.unwrap().allow().await.unwrap();
//! # let Callback::Granted(code) = oauth.callback(back.url().query().unwrap(), &state).unwrap() else { panic!() };
//! # let tokens = oauth.exchange(code).await.unwrap();
//! # let tracking = "https://addon.example/orders/17".parse().unwrap();
//! # announce(&app.client(), chat.id(), &tokens.access_token, tracking).await.unwrap();
//! # assert!(chat.next_message().await.unwrap().text().is_some());
//! # });
//! ```
//!
//! **4. Test it**, with no account and no network. The sandbox is Divar: its people open your add-on, permit, write and
//! press; it checks keys, permissions and scopes.
//!
//! ```
//! # use kenar_sandbox::Sandbox;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::in_process().await;
//! let app = sandbox.app("delivery");
//! // Your add-on: here a function, or else the address of your server.
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
//! Outside of tests, the keys come from the panel, once, where the program starts:
//!
//! ```no_run
//! # use kenar::{Client, Verifier};
//! # use kenar::oauth::OAuthApp;
//! # use kenar::secret::ClientSecret;
//! # use std::env::var;
//! # #[cfg(not(feature = "hyper"))] fn main() {}
//! # #[cfg(feature = "hyper")] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (verifier, client) = (Verifier::from_env()?, Client::from_env()?);
//! let secret = ClientSecret::new(var("KENAR_CLIENT_SECRET")?)?;
//! let app = OAuthApp::new("delivery", secret, "https://addon.example/oauth")?;
//! let oauth = client.oauth(app);
//! # Ok(()) }
//! ```
//!
//! `cargo run --example quickstart` plays all of it, told step by step; its add-on is there to be copied.
//!
//! # Where to go on
//!
//! The [guide] has a page for each flow, [what to set in the panel](guide#in-the-panel), and
//! [each word explained](guide#words).
//!
//! | you want to | guide | reference |
//! |---|---|---|
//! | be opened from a chat, and bring the user back | [`open_app`](guide::open_app) | [`webhook`] |
//! | act in a user's name | [`permission`](guide::permission) | [`oauth`] |
//! | write into a chat, with buttons | [`sending`](guide::sending) | [`model`] |
//! | be a chatbot, and hear what happens | [`chatbot`](guide::chatbot) | [`Event`] |
//! | send a picture, a document, a voice recording, a video | [`media`](guide::media) | [`operation::Media`] |
//! | lose no event when the process dies | [`crash`] | [`inbox`] |
//! | keep the limits of the app | | [`quota`] |
//! | know what to do about a failure | [`errors`](guide::errors) | [`Error`] |
//! | test all of it | [`testing`] | [`kenar-sandbox`] |
//! | call what the crate lacks | | [`request`] |
//! | use another HTTP stack | | [`transport`] |
//!
//! # Operations
//!
//! What the platform offers to the chat side of an app, and the method of [`ChatApi`], [`OAuthClient`] or [`Client`]
//! that calls it. The [API key](guide#api-key) gets its permissions in the panel, the access token its
//! [scopes](guide#scope) from the user; where both are listed, a call needs both.
//!
//! | the platform's operation | method | permission of the API key | scope, any one of |
//! |---|---|---|---|
//! | [send a message in a conversation](operation::SendMessage) | [`send_message`](ChatApi::send_message) | `CHAT_SEND_MESSAGE_OAUTH` | [for the conversation](Scope::conversation_send_message), [for a post](Scope::post_conversations_message_send), [for all of a seller's](Scope::supplier_all_conversations_message_send) |
//! | [read a conversation](operation::GetConversation) | [`get_conversation`](ChatApi::get_conversation) | `CHAT_READ_CONVERSATION` | [for the conversation](Scope::conversation_read) |
//! | [answer in a chatbot's conversation](operation::SendBotMessage) | [`send_bot_message`](ChatApi::send_bot_message) | `CHAT_BOT_SEND_MESSAGE` | none |
//! | [write to a user as the chatbot](operation::SendBotMessageToUser) | [`send_bot_message_to_user`](ChatApi::send_bot_message_to_user) | `CHAT_BOT_SEND_MESSAGE` | [the user's](Scope::chat_bot_user_message_send) |
//! | [get an upload token](operation::CreateUploadToken), [upload a file](operation::UploadMedia) | [`upload_media`](ChatApi::upload_media) | `CHAT_UPLOAD_MEDIA` | none |
//! | [subscribe to events](operation::Subscribe) | [`subscribe`](ChatApi::subscribe) | `EVENTS_REGISTER_SUBSCRIPTION` | [one for each kind](operation::Subscription) |
//! | [read the user](operation::GetUser) | [`get_user`](ChatApi::get_user) | `USER_RETRIEVE` | [for the id](Scope::user_id), [for the number](Scope::user_phone) |
//! | [ask for permission](oauth::PermissionRequest) | [`permission_url`](OAuthClient::permission_url), [`callback`](OAuthClient::callback) | none | none |
//! | [exchange the code](oauth::ExchangeCode) | [`exchange`](OAuthClient::exchange) | none | none |
//! | [refresh the tokens](oauth::RefreshTokens) | [`refresh`](OAuthClient::refresh) | none | none |
//! | any other call | [`execute`](Client::execute), with an [`Operation`](request::Operation) of yours | | |
//!
//! What the platform calls on an app is in [`webhook`].
//!
//! # Features
//!
//! What needs a feature says so beside its name.
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `rustls` | yes | HTTP by hyper, TLS by rustls with ring and the system's certificates |
//! | `rustls-no-provider` | | HTTP by hyper, TLS by rustls with the provider that your program installs, such as aws-lc |
//! | `native-tls` | | HTTP by hyper, TLS by the system's library |
//! | `hyper` | by the three above | the transport over hyper, with no TLS of its own |
//! | `reqwest` | | a transport over reqwest: over a client of your own, or with the TLS chosen above |
//! | `tokio` | by `hyper` | pauses and time limits on tokio; permissions kept good; media from files and async readers |
//! | `axum` | | webhooks as extractors of axum 0.8, replies and rejections as its responses |
//! | `actix` | | the same for actix-web 4 |
//! | `tower` | | all three webhooks as one `tower::Service` to mount |
//! | `test-util` | | a recording fake of [`ChatApi`] in `testing`, and the suites that a store of yours passes |
//! | `tracing` | | a [span per call](client#traces), by the conventions of OpenTelemetry, and an event per attempt |
//!
//! ## Which TLS
//!
//! rustls needs a library of cryptography, and the default here is [ring]. It is kept, by its author and with rustls's
//! maintainers standing by; it needs a C compiler and no more; and a program with it builds in three quarters of the time, and
//! is two thirds as large, as with aws-lc, which rustls and reqwest would choose
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
//! ## WebAssembly
//!
//! With `default-features = false` the crate builds for `wasm32-unknown-unknown`. Random numbers come from the crate
//! `getrandom`, which needs its feature `js` there:
//!
//! ```toml
//! kenar = { version = "0.1", default-features = false }
//! getrandom = { version = "0.2", features = ["js"] }
//! ```
//!
//! The target has no clock: [`Timestamp::now`](model::Timestamp::now) panics, so give a client its
//! [`clock`](client::ClientBuilder::clock), and a client makes one attempt, with the time limit of its transport.
//!
//! ## Fewer crates
//!
//! A quarter of all the crates are tables for host names in other scripts than Latin, by way of `url`. A program that meets no
//! such names does without them by a line in its own lock file, as [`idna_adapter`] says:
//! `cargo update -p idna_adapter --precise 1.0.0`.
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
// Nothing that arrives may panic; tests may.
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
// Documentation only: it is compiled for documentation and for its examples, and for no one who uses the crate.
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
#[cfg(feature = "test-util")]
pub mod testing;
#[cfg(feature = "tokio")]
pub mod tokens;
#[cfg(feature = "tower")]
pub mod tower;
pub mod transport;
pub mod webhook;

// The everyday names. Everything else has one path, in its module.
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
