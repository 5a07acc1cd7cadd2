//! Responses of the page, and what all of them have.

use std::borrow::Cow;

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::chat_page::PATH;

/// The policies of the page. Nothing from elsewhere, no script or style within the document, no text that becomes
/// markup; frames go to this machine, and nobody frames the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'; \
    frame-src 'self' http://127.0.0.1:* http://localhost:*";

/// Like that for frames, and the way back to Divar besides. Where a frame that is refused violates both, it did not go
/// there: not every browser tells a page where a redirect led.
const WIDER_POLICY: &str =
    "frame-src 'self' http://127.0.0.1:* http://localhost:* https://open-platform-redirect.divar.ir";

/// Why a request cannot be done, which the page would not have sent.
#[derive(Debug)]
pub(super) struct BadRequest(pub(super) String);

impl<T: Into<String>> From<T> for BadRequest {
    fn from(why: T) -> Self {
        Self(why.into())
    }
}

/// A field of a query.
pub(super) fn query<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(query.as_bytes()).find_map(|(key, value)| (key == name).then_some(value))
}

pub(super) fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub(super) fn json(value: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(body) => reply(StatusCode::OK, "application/json", body),
        Err(error) => reply(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string()),
    }
}

pub(super) fn not_found() -> Response<Body> {
    reply(StatusCode::NOT_FOUND, "text/plain", "there is nothing here")
}

pub(super) fn bad_request(BadRequest(why): BadRequest) -> Response<Body> {
    reply(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", why)
}

pub(super) fn too_large(most: usize) -> Response<Body> {
    reply(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", format!("more than {most} bytes"))
}

pub(super) fn redirect(origin: &str) -> Response<Body> {
    let mut response = reply(StatusCode::TEMPORARY_REDIRECT, "text/plain", "");
    if let Ok(to) = HeaderValue::try_from(format!("{origin}{PATH}")) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

/// The headers that every answer has.
pub(crate) fn secured(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(WIDER_POLICY));
        headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // `no-referrer` would make forms of the consent page come from nowhere.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
