use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;

use super::{Body, Metadata};
use crate::error::{BoxError, Error, ErrorKind};

/// The content of a request: a body and its headers (RFC 9110, section 6.4).
#[derive(Debug, Default)]
pub struct Content {
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// The error for a request that cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidRequest {
    reason: BoxError,
    kind: ErrorKind,
}

/// The size of a message with all its buttons.
const USUAL_JSON_BYTES: usize = 2048;

impl Content {
    /// No content.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// A body with its media type.
    #[must_use]
    pub fn new(content_type: HeaderValue, body: impl Into<Body>) -> Self {
        // The client and the HTTP stack add headers, for a total of seven.
        Self { headers: HeaderMap::with_capacity(8), body: body.into() }.with_header(header::CONTENT_TYPE, content_type)
    }

    /// A value as JSON.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] if the value cannot be serialised.
    pub fn json(value: &(impl Serialize + ?Sized)) -> Result<Self, InvalidRequest> {
        let mut json = Vec::with_capacity(USUAL_JSON_BYTES);
        serde_json::to_writer(&mut json, value).map_err(InvalidRequest::new)?;
        Ok(Self::new(HeaderValue::from_static("application/json"), json))
    }

    /// Names and values as a URL-encoded form.
    #[must_use]
    pub fn form<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self::new(HeaderValue::from_static("application/x-www-form-urlencoded"), form)
    }

    /// Sets a header.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl InvalidRequest {
    /// An error with this reason: [`ErrorKind::InvalidRequest`].
    pub fn new(reason: impl Into<BoxError>) -> Self {
        Self { reason: reason.into(), kind: ErrorKind::InvalidRequest }
    }

    /// An error reading the body: [`ErrorKind::RequestBody`].
    pub fn unreadable_body(reason: impl Into<BoxError>) -> Self {
        Self { reason: reason.into(), kind: ErrorKind::RequestBody }
    }

    pub(super) fn into_error(self, operation: &Metadata) -> Error {
        Error::new(self.kind, operation.name(), self.reason).of(operation.about())
    }
}
