//! Responses of the `http` crate.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

/// The content type of a reply.
pub(crate) const JSON: &str = "application/json";

/// The content type of an error.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// A value as JSON. Callers pass only values that can be written.
pub(super) fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).map(Bytes::from).unwrap_or_default()
}

/// 200 with JSON.
pub(super) fn ok(json: Bytes) -> Response<Bytes> {
    let mut response = Response::new(json);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// A status with plain text; without a content type if the text is empty.
pub(super) fn text(status: StatusCode, text: Bytes) -> Response<Bytes> {
    let is_empty = text.is_empty();
    let mut response = Response::new(text);
    *response.status_mut() = status;
    if !is_empty {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(TEXT));
    }
    response
}
