//! Why a webhook request is refused, and how that is answered.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::DataError;
use super::respond;

/// The reason for refusing a webhook request, to be answered with [`status`](Self::status).
///
/// Its text is for your log. It holds nothing of a key and nothing of the header.
///
/// ```
/// use http::HeaderMap;
/// use kenar::secret::IdentificationKey;
/// use kenar::webhook::Verifier;
///
/// # let key = IdentificationKey::new("placeholder").unwrap();
/// let rejection = Verifier::new(key).event(&HeaderMap::new(), b"{}").unwrap_err();
/// assert_eq!(rejection.to_string(), "the Authorization header is missing");
/// assert_eq!((rejection.status().as_u16(), rejection.body().as_ref()), (401, &b""[..]));
/// assert_eq!(rejection.into_http_response().status(), 401);
/// ```
///
/// It is a response of axum with the feature `axum`, and an error of actix-web with the feature `actix`. It serialises as
/// an object of the status and of what the caller may know: `{"status":401,"error":"Unauthorized"}`.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// There is no `Authorization` header.
    #[error("the Authorization header is missing")]
    MissingKey,
    /// There is more than one `Authorization` header.
    #[error("there is more than one Authorization header")]
    RepeatedKey,
    /// The `Authorization` header cannot be a key.
    #[error("the Authorization header holds something other than ASCII")]
    NonAsciiKey,
    /// The `Authorization` header is none of the accepted keys.
    #[error("the Authorization header is not an accepted identification key")]
    WrongKey,
    /// The body is larger than [`Verifier::max_body_bytes`](super::Verifier::max_body_bytes).
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The largest size accepted, in bytes.
        limit: usize,
    },
    /// The body cannot be read to its end: the caller went away, or your framework stopped reading.
    #[error("the body cannot be read: {0}")]
    Unreadable(String),
    /// The body is not JSON; the text says where it ceases to be.
    #[error("the body is not JSON: {0}")]
    NotJson(Arc<serde_json::Error>),
    /// The body is JSON, but no object.
    #[error("the body is JSON, but not an object")]
    NotAnObject,
    /// The button's data is missing or does not fit the type asked for, so that `data()?` works in a handler.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl Rejection {
    pub(super) fn not_json(error: serde_json::Error) -> Self {
        Self::NotJson(Arc::new(error))
    }

    /// What a body is read as, or why it is not.
    pub(super) fn unless_object<T>(read: Result<Option<T>, serde_json::Error>) -> Result<T, Self> {
        read.map_err(Self::not_json)?.ok_or(Self::NotAnObject)
    }

    /// 401 where the key is missing or wrong, 413 where the body is too large, 400 otherwise.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::MissingKey | Self::RepeatedKey | Self::NonAsciiKey | Self::WrongKey => StatusCode::UNAUTHORIZED,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unreadable(_) | Self::NotJson(_) | Self::NotAnObject | Self::Data(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// The response body: empty for who shows no key, the reason as plain text for who does.
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

/// Its status, for handlers that report nothing else.
impl From<Rejection> for StatusCode {
    fn from(rejection: Rejection) -> Self {
        rejection.status()
    }
}

/// That of a [`Rejection`], for handlers that report nothing else.
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
