//! HTTP responses of the chat page.

use std::borrow::Cow;

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::chat_page::PATH;

/// The content security policy: own files only, nothing inline, frames on loopback only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'; \
    frame-src 'self' http://127.0.0.1:* http://localhost:*";

/// A policy that also allows a frame to load `COMPLETION_URL`.
///
/// Not every browser tells a page where a redirect led. A blocked frame that violates only `POLICY` was on its way back to
/// Divar; one that violates both was not.
const WIDER_POLICY: &str =
    "frame-src 'self' http://127.0.0.1:* http://localhost:* https://open-platform-redirect.divar.ir";

/// The error of a malformed request, which the page itself never sends.
#[derive(Debug)]
pub(super) struct BadRequest(pub(super) String);

impl<T: Into<String>> From<T> for BadRequest {
    fn from(why: T) -> Self {
        Self(why.into())
    }
}

/// A parameter of a query.
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
    reply(StatusCode::NOT_FOUND, "text/plain", "not found")
}

pub(super) fn bad_request(BadRequest(why): BadRequest) -> Response<Body> {
    reply(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", why)
}

pub(super) fn too_large(most: usize) -> Response<Body> {
    reply(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", format!("the body is too large: at most {most} bytes"))
}

pub(super) fn redirect(origin: &str) -> Response<Body> {
    let mut response = reply(StatusCode::TEMPORARY_REDIRECT, "text/plain", "");
    if let Ok(to) = HeaderValue::try_from(format!("{origin}{PATH}")) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

/// Adds the security headers of every response.
pub(crate) fn secured(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(WIDER_POLICY));
        headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With `no-referrer`, forms of the consent page would have the origin `null`.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
