//! Webhooks as extractors of axum 0.8, and replies as its responses.
//!
//! A handler takes [`OpenApp`], [`Event`], [`ReceivedEvent`] or [`DynamicAction`] as its last argument. The key is checked
//! before the body is read, and the body is read no further than [`Verifier::max_body_bytes`] allows, whatever axum's
//! `DefaultBodyLimit` says. Who is not Divar gets 401; a body that is too large, 413; one that is not a JSON object, 400.
//!
//! The [`Verifier`] comes from the router's state: the state is one, or implements `FromRef` for it, which axum derives.
//!
//! ```
//! use axum::{Router, extract::State, routing::{get, post}};
//! use kenar::{DynamicAction, Event, OAuthClient, OpenApp};
//! use kenar::axum::AppState;
//! use kenar::model::AppUrl;
//! use kenar::oauth::CallbackQuery;
//! use kenar::webhook::{DynamicActionReply, OpenAppReply, Rejection};
//!
//! async fn open_app(opened: OpenApp) -> OpenAppReply {
//!     let page: AppUrl = "https://addon.example/order".parse().unwrap();
//!     opened.reply(page)
//! }
//!
//! async fn event(event: Event) {
//!     println!("{:?}", event.kind()); // everything authentic is answered 200
//! }
//!
//! async fn pressed(pressed: DynamicAction) -> Result<DynamicActionReply, Rejection> {
//!     let order: String = pressed.data()?; // answers 400 if the data does not fit
//!     Ok(DynamicActionReply::toast(order))
//! }
//!
//! let routes: Router<AppState> =
//!     Router::new().route("/open", post(open_app)).route("/event", post(event)).route("/action", post(pressed));
//! ```
//!
//! The query of the OAuth callback comes as a [`CallbackQuery`]. It is checked against the state that you kept with the
//! visit, in a cookie or a session:
//!
//! ```
//! use axum::{Extension, http::StatusCode};
//! use kenar::OAuthClient;
//! use kenar::oauth::{CallbackError, CallbackQuery, OAuthState};
//!
//! async fn callback(
//!     Extension(oauth): Extension<OAuthClient>, Extension(state): Extension<OAuthState>, query: CallbackQuery,
//! ) -> Result<StatusCode, CallbackError> {
//!     match oauth.callback(&query, &state)?.granted() { // an error answers 400
//!         Ok(code) => drop(tokio::spawn(async move { oauth.exchange(code).await })),
//!         Err(denial) => println!("{denial}"),
//!     }
//!     Ok(StatusCode::OK)
//! }
//! # let _: axum::routing::MethodRouter = axum::routing::get(callback);
//! ```

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

/// A state for routers that need nothing but a client and a verifier.
#[derive(Clone, Debug)]
pub struct AppState {
    /// The client, extracted by `State<Client>`.
    pub client: Client,
    /// The verifier, for the extractors of webhooks.
    pub verifier: Verifier,
}

/// The [`AppState`] that the [environment](crate::env) describes.
///
/// # Errors
///
/// [`EnvError`], if a variable is not set or cannot be used, or the client cannot be set up.
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

impl IntoResponse for OpenAppReply {
    fn into_response(self) -> Response {
        self.into_http_response().map(Body::from)
    }
}

impl IntoResponse for DynamicActionReply {
    fn into_response(self) -> Response {
        self.into_http_response().map(Body::from)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.into_http_response().map(Body::from)
    }
}

impl IntoResponse for CallbackError {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.to_string()).into_response()
    }
}
