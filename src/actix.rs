//! Webhooks as extractors of actix-web 4, and replies as responses.
//!
//! A handler takes [`OpenApp`], [`Event`], [`ReceivedEvent`] or [`DynamicAction`] as an argument. The extractor verifies the
//! key, reads the body up to [`Verifier::max_body_bytes`], and rejects a request as [`Rejection`] describes.
//!
//! The [`Verifier`] comes from `App::app_data`, as a `web::Data<Verifier>` or directly.
//!
//! ```
//! use actix_web::{App, web};
//! use kenar::webhook::{DynamicActionReply, OpenAppReply, Rejection};
//! use kenar::{DynamicAction, Event, OpenApp, Verifier};
//!
//! async fn open_app(opened: OpenApp) -> OpenAppReply {
//!     opened.reply("https://addon.example/order".parse().unwrap())
//! }
//!
//! async fn event(event: Event) -> &'static str {
//!     println!("{:?}", event.kind());
//!     "" // responds 200
//! }
//!
//! async fn pressed(pressed: DynamicAction) -> Result<DynamicActionReply, Rejection> {
//!     let order: String = pressed.data()?; // responds 400 if the data is not a string
//!     Ok(DynamicActionReply::toast(order))
//! }
//!
//! # fn add(verifier: Verifier) {
//! let app = App::new()
//!     .app_data(web::Data::new(verifier))
//!     .route("/open", web::post().to(open_app))
//!     .route("/event", web::post().to(event))
//!     .route("/action", web::post().to(pressed));
//! # }
//! ```
//!
//! [`CallbackQuery`] extracts the query of the OAuth callback, for [`OAuthClient::callback`](crate::OAuthClient::callback).
//! A [`CallbackError`] responds 400.

use std::future::{Future, Ready, ready};
use std::pin::Pin;

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::error::ErrorInternalServerError;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderValue};
use actix_web::web::{self, Data};
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, Responder, ResponseError};
use bytes::Bytes;

use crate::oauth::{CallbackError, CallbackQuery};
use crate::webhook::{
    DynamicAction, DynamicActionReply, Event, OpenApp, OpenAppReply, ReceivedEvent, Rejection, Verifier, WebhookHeaders,
};

impl<'a> From<&'a HeaderMap> for WebhookHeaders<'a> {
    fn from(headers: &'a HeaderMap) -> Self {
        let version = headers.get("api-version").or_else(|| headers.get("api_version"));
        Self::new(headers.get_all(AUTHORIZATION).map(HeaderValue::as_bytes))
            .with_api_version(version.map(HeaderValue::as_bytes))
    }
}

/// Verifies the key, then reads the body.
async fn receive(request: &HttpRequest, mut payload: Payload) -> Result<Bytes, Error> {
    let shared = request.app_data::<Data<Verifier>>().map(|verifier| &***verifier);
    let verifier = shared
        .or_else(|| request.app_data())
        .ok_or_else(|| ErrorInternalServerError("no kenar::Verifier in the app data: pass one to `App::app_data`"))?;
    verifier.verify(request.headers())?;
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > verifier.body_limit()) {
        return Err(verifier.too_large().into());
    }
    let payload = web::Payload::from_request(request, &mut payload).await?;
    match payload.to_bytes_limited(verifier.body_limit()).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(Rejection::Unreadable(error.to_string()).into()),
        Err(_) => Err(verifier.too_large().into()),
    }
}

macro_rules! extractors {
    ($($webhook:ident, $read:expr;)*) => {$(
        impl FromRequest for $webhook {
            type Error = Error;
            type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

            fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
                let (request, payload) = (request.clone(), payload.take());
                Box::pin(async move {
                    let body = receive(&request, payload).await?;
                    Ok($read(request.headers(), body)?)
                })
            }
        }
    )*};
}

extractors! {
    OpenApp, |headers: &HeaderMap, body: Bytes| OpenApp::from_unverified_body(headers, &body);
    Event, |_: &HeaderMap, body: Bytes| Event::from_unverified_body(&body);
    ReceivedEvent, |_: &HeaderMap, body: Bytes| ReceivedEvent::from_unverified_body(body);
    DynamicAction, |_: &HeaderMap, body: Bytes| DynamicAction::from_unverified_body(&body);
}

impl FromRequest for CallbackQuery {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::new(request.query_string())))
    }
}

/// Converts a response, since actix-web uses an older `http`.
fn response(response: http::Response<Bytes>) -> HttpResponse {
    let (parts, body) = response.into_parts();
    let mut response = HttpResponse::build(status(parts.status));
    if let Some(content_type) = parts.headers.get(http::header::CONTENT_TYPE) {
        response.content_type(content_type.as_bytes());
    }
    response.body(body)
}

fn status(status: http::StatusCode) -> StatusCode {
    StatusCode::from_u16(status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

macro_rules! responders {
    ($($reply:ident)*) => {$(
        impl Responder for $reply {
            type Body = BoxBody;

            fn respond_to(self, _: &HttpRequest) -> HttpResponse {
                response(self.into_http_response())
            }
        }
    )*};
}

responders!(OpenAppReply DynamicActionReply);

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        status(self.status())
    }

    fn error_response(&self) -> HttpResponse {
        response(self.clone().into_http_response())
    }
}

impl ResponseError for CallbackError {
    fn status_code(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}
