use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;

use super::{Body, Metadata};
use crate::error::{BoxError, Error, ErrorKind};

/// The content of a request: a body, and the headers that describe it (RFC 9110, section 6.4).
#[derive(Debug, Default)]
pub struct Content {
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// The request cannot be built: an identifier that no path can hold, an empty text.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidRequest {
    reason: BoxError,
    kind: ErrorKind,
}

/// Room for a message with all the buttons that it can have.
const USUAL_JSON_BYTES: usize = 2048;

impl Content {
    /// No content.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// A body of any media type.
    #[must_use]
    pub fn new(content_type: HeaderValue, body: impl Into<Body>) -> Self {
        // With the headers that the client and the HTTP stack add, there are seven of them: more than a new map holds.
        Self { headers: HeaderMap::with_capacity(8), body: body.into() }.with_header(header::CONTENT_TYPE, content_type)
    }

    /// A value as JSON.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`], where the value cannot be written as JSON.
    pub fn json(value: &(impl Serialize + ?Sized)) -> Result<Self, InvalidRequest> {
        let mut json = Vec::with_capacity(USUAL_JSON_BYTES);
        serde_json::to_writer(&mut json, value).map_err(InvalidRequest::new)?;
        Ok(Self::new(HeaderValue::from_static("application/json"), json))
    }

    /// Names and values as a form.
    #[must_use]
    pub fn form<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self::new(HeaderValue::from_static("application/x-www-form-urlencoded"), form)
    }

    /// Adds a header, in place of one of the same name.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl InvalidRequest {
    /// An error with a reason.
    pub fn new(reason: impl Into<BoxError>) -> Self {
        Self { reason: reason.into(), kind: ErrorKind::InvalidRequest }
    }

    /// The body cannot be read on this side: [`ErrorKind::RequestBody`].
    pub fn unreadable_body(reason: impl Into<BoxError>) -> Self {
        Self { reason: reason.into(), kind: ErrorKind::RequestBody }
    }

    pub(super) fn into_error(self, operation: &Metadata) -> Error {
        Error::new(self.kind, operation.name(), self.reason).of(operation.about())
    }
}
