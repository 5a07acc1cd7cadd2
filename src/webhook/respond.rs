use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

pub(super) fn ok(json: Bytes) -> Response<Bytes> {
    let mut response = Response::new(json);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A status with plain text; without a content type if the text is empty.
pub(super) fn text(status: StatusCode, text: Bytes) -> Response<Bytes> {
    let is_empty = text.is_empty();
    let mut response = Response::new(text);
    *response.status_mut() = status;
    if !is_empty {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    response
}
