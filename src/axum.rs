//! Webhooks as extractors of axum 0.8, and replies as responses.
//!
//! A handler takes [`OpenApp`], [`Event`], [`ReceivedEvent`] or [`DynamicAction`] as its last argument. The extractor
//! verifies the key, reads the body up to [`Verifier::max_body_bytes`] (not axum's `DefaultBodyLimit`), and rejects a request
//! as [`Rejection`] describes.
//!
//! The [`Verifier`] comes from the router's state, which is a `Verifier` or implements `FromRef` for it.
//!
//! ```
//! use axum::{Router, routing::post};
//! use kenar::axum::AppState;
//! use kenar::{DynamicAction, Event, OpenApp};
//! use kenar::webhook::{DynamicActionReply, OpenAppReply, Rejection};
//!
//! async fn open_app(opened: OpenApp) -> OpenAppReply {
//!     opened.reply("https://addon.example/order".parse().unwrap())
//! }
//!
//! async fn event(event: Event) {
//!     println!("{:?}", event.kind()); // responds 200
//! }
//!
//! async fn pressed(pressed: DynamicAction) -> Result<DynamicActionReply, Rejection> {
//!     let order: String = pressed.data()?; // responds 400 if the data is not a string
//!     Ok(DynamicActionReply::toast(order))
//! }
//!
//! let routes: Router<AppState> =
//!     Router::new().route("/open", post(open_app)).route("/event", post(event)).route("/action", post(pressed));
//! ```
//!
//! [`CallbackQuery`] extracts the query of the OAuth callback, for [`OAuthClient::callback`](crate::OAuthClient::callback).
//! A [`CallbackError`] responds 400.

use std::convert::Infallible;

use axum_core::body::Body;
use axum_core::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::client::Client;
#[cfg(feature = "hyper")]
use crate::env::EnvError;
use crate::oauth::{CallbackError, CallbackQuery};
use crate::webhook::{
    DynamicAction, DynamicActionReply, Event, OpenApp, OpenAppReply, ReceivedEvent, Rejection, Verifier,
};

/// A router state with a client and a verifier.
#[derive(Clone, Debug)]
pub struct AppState {
    /// The client, for `State<Client>`.
    pub client: Client,
    /// The verifier, for the webhook extractors.
    pub verifier: Verifier,
}

/// The [`AppState`] from [environment variables](crate::env).
///
/// # Errors
///
/// [`EnvError`] if a variable is missing or invalid, or the client cannot be set up.
#[cfg(feature = "hyper")]
pub fn state_from_env() -> Result<AppState, EnvError> {
    Ok(AppState { client: Client::from_env()?, verifier: Verifier::from_env()? })
}

impl FromRef<AppState> for Client {
    fn from_ref(state: &AppState) -> Self {
        state.client.clone()
    }
}

impl FromRef<AppState> for Verifier {
    fn from_ref(state: &AppState) -> Self {
        state.verifier.clone()
    }
}

macro_rules! extractors {
    ($($webhook:ident, $read:expr;)*) => {$(
        impl<S> FromRequest<S> for $webhook
        where
            S: Send + Sync,
            Verifier: FromRef<S>,
        {
            type Rejection = Rejection;

            async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
                let (parts, body) = request.into_parts();
                let headers = (&parts.headers).into();
                let body = Verifier::from_ref(state).receive(headers, body).await?;
                $read(headers, body)
            }
        }
    )*};
}

extractors! {
    OpenApp, |headers, body: bytes::Bytes| OpenApp::from_unverified_body(headers, &body);
    Event, |_, body: bytes::Bytes| Event::from_unverified_body(&body);
    ReceivedEvent, |_, body| ReceivedEvent::from_unverified_body(body);
    DynamicAction, |_, body: bytes::Bytes| DynamicAction::from_unverified_body(&body);
}

impl<S: Send + Sync> FromRequestParts<S> for CallbackQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::new(parts.uri.query().unwrap_or_default()))
    }
}

macro_rules! responses {
    ($($response:ident)*) => {$(
        impl IntoResponse for $response {
            fn into_response(self) -> Response {
                self.into_http_response().map(Body::from)
            }
        }
    )*};
}

responses!(OpenAppReply DynamicActionReply Rejection);

impl IntoResponse for CallbackError {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.to_string()).into_response()
    }
}
