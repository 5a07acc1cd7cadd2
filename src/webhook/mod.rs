//! Webhooks: Divar's requests to your add-on, verified and typed, and your replies.
//!
//! Divar calls three URLs that you enter in the Kenar [panel](crate::guide#panel), with the same
//! [identification key](crate::guide#identification-key):
//!
//! | When | Read with | Reply with |
//! |---|---|---|
//! | a user [opens the app](crate::guide::open_app), or presses a button that opens it | [`Verifier::open_app`] | [`OpenAppReply`] |
//! | an event occurs: a [message](crate::guide::chatbot), a payment, a [revocation](crate::guide#revocation) | [`Verifier::event`] | 200 |
//! | a user presses a [dynamic-action button](crate::guide::sending) | [`Verifier::dynamic_action`] | [`DynamicActionReply`] |
//!
//! The features `axum` and `actix` make these types extractors and responses; `tower` makes a service. In any other
//! framework, pass the headers and the body to the verifier:
//!
//! ```
//! use http::HeaderMap;
//! use kenar::webhook::{Event, Rejection, Verifier};
//!
//! fn receive(verifier: &Verifier, headers: &HeaderMap, body: &[u8]) -> Result<String, Rejection> {
//!     Ok(match verifier.event(headers, body)? {
//!         Event::ChatbotMessage(message) => format!("{}: {:?}", message.conversation.id, message.text()),
//!         // Respond 200 to every authentic event, also to unknown ones.
//!         _ => "ignored".to_owned(),
//!     })
//! }
//!
//! # let verifier = Verifier::new(kenar::secret::IdentificationKey::new("placeholder").unwrap());
//! assert_eq!(receive(&verifier, &HeaderMap::new(), b"{}").unwrap_err().status(), 401);
//! ```

mod builder;
mod data;
mod dynamic_action;
mod event;
mod open_app;
mod rejection;
mod respond;
mod return_url;
mod start_command;
mod verifier;

pub use data::DataError;
// rustdoc reads aliases only here.
#[doc(alias("get_dynamic_action", "dynamic action"))]
pub use dynamic_action::DynamicAction;
pub use dynamic_action::{DynamicActionBuilder, DynamicActionReply};
#[doc(alias("USER_ACCESS_REVOCATION", "revocation"))]
pub use event::AccessRevoked;
pub use event::{
    Event, EventKind, MessageEvent, PaymentTransaction, Post, PostUpdate, PostUpdateKind, TransactionKind,
    TransactionState, UndecodableEvent, UndecodableReason, UnknownEvent,
};
#[doc(alias = "API-Version")]
pub use open_app::ApiVersion;
#[doc(alias("session initialization", "open app"))]
pub use open_app::OpenApp;
pub use open_app::{OpenAppBuilder, OpenAppReply, Source};
pub use rejection::Rejection;
pub use return_url::COMPLETION_URL;
#[doc(alias("fallback url", "direct link"))]
pub use return_url::UntrustedDirectLink;
#[doc(alias = "start command")]
pub use start_command::StartCommand;
#[doc(alias = "touch point")]
pub use start_command::TouchPoint;
#[doc(alias = "Authorization")]
pub use verifier::Verifier;
pub use verifier::{ReceivedEvent, WebhookHeaders, is_documented_event_source};
