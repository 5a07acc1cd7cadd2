use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::DataError;
use super::respond;
use crate::model::lenient::{self, ObjectSlot};

/// The reason why a webhook request is rejected; respond with [`status`](Self::status).
///
/// Its text is for your log, and contains nothing from a key or the header. It is a response in axum and an error in
/// actix-web. It serialises as the status and the reason, which it keeps from callers without a key:
/// `{"status":401,"error":"Unauthorized"}`.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// No `Authorization` header.
    #[error("missing Authorization header")]
    MissingKey,
    /// More than one `Authorization` header.
    #[error("repeated Authorization header")]
    RepeatedKey,
    /// The `Authorization` header is not ASCII.
    #[error("invalid Authorization header: not ASCII")]
    NonAsciiKey,
    /// The `Authorization` header is not an accepted key.
    #[error("wrong identification key in the Authorization header")]
    WrongKey,
    /// The body exceeds [`Verifier::max_body_bytes`](super::Verifier::max_body_bytes).
    #[error("body too large: more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The caller closed the connection, or your framework stopped reading.
    #[error("cannot read the body: {0}")]
    Unreadable(String),
    /// The body is not JSON. The text gives the position.
    #[error("invalid JSON: {0}")]
    NotJson(Arc<serde_json::Error>),
    /// The body is JSON but not an object.
    #[error("invalid body: JSON, but not an object")]
    NotAnObject,
    /// The button's data is missing or has another type; for `data()?` in a handler.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl Rejection {
    pub(super) fn not_json(error: serde_json::Error) -> Self {
        Self::NotJson(Arc::new(error))
    }

    /// Reads a body in place.
    pub(super) fn unless_object(body: &[u8], object: &mut dyn ObjectSlot) -> Result<(), Self> {
        if lenient::read(body, object).map_err(Self::not_json)? { Ok(()) } else { Err(Self::NotAnObject) }
    }

    /// The status: 401 for the key, 413 for the size, 400 otherwise.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::MissingKey | Self::RepeatedKey | Self::NonAsciiKey | Self::WrongKey => StatusCode::UNAUTHORIZED,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unreadable(_) | Self::NotJson(_) | Self::NotAnObject | Self::Data(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// The response body: the reason as plain text, or nothing with 401.
    #[must_use]
    pub fn body(&self) -> Bytes {
        if self.status() == StatusCode::UNAUTHORIZED { Bytes::new() } else { self.to_string().into() }
    }

    /// The HTTP response.
    #[must_use]
    pub fn into_http_response(self) -> Response<Bytes> {
        respond::text(self.status(), self.body())
    }
}

/// The status alone, for handlers that return one.
impl From<Rejection> for StatusCode {
    fn from(rejection: Rejection) -> Self {
        rejection.status()
    }
}

/// The status of a [`Rejection`].
impl From<DataError> for StatusCode {
    fn from(error: DataError) -> Self {
        Rejection::from(error).status()
    }
}

impl Serialize for Rejection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let status = self.status();
        let mut rejection = serializer.serialize_struct("Rejection", 2)?;
        rejection.serialize_field("status", &status.as_u16())?;
        if status == StatusCode::UNAUTHORIZED {
            rejection.serialize_field("error", "Unauthorized")?;
        } else {
            rejection.serialize_field("error", &self.to_string())?;
        }
        rejection.end()
    }
}
