//! Why a request is not taken.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::DataError;
use super::respond;

/// Why a request is not taken, to be answered with [`status`](Self::status).
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
/// assert_eq!(rejection.into_http_response().status(), 401);
/// ```
#[derive(Debug, thiserror::Error)]
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
    #[error("the body has {bytes} bytes, and at most {limit} are accepted")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// The body is not JSON; the text says where it ceases to be.
    #[error("the body is not JSON: {0}")]
    NotJson(serde_json::Error),
    /// The body is JSON, but no object.
    #[error("the body is JSON, but not an object")]
    NotAnObject,
    /// The data that your app put into a button is missing or does not fit the type asked for, so that `extra()?` can
    /// stand in a handler.
    #[error(transparent)]
    ExtraData(#[from] DataError),
}

impl Rejection {
    /// What a body is read as, or why it is not.
    pub(super) fn unless_object<T>(read: Result<Option<T>, serde_json::Error>) -> Result<T, Self> {
        read.map_err(Self::NotJson)?.ok_or(Self::NotAnObject)
    }

    /// 401 where the key is missing or wrong, 413 where the body is too large, 400 otherwise.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::MissingKey | Self::RepeatedKey | Self::NonAsciiKey | Self::WrongKey => StatusCode::UNAUTHORIZED,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson(_) | Self::NotAnObject | Self::ExtraData(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer: an empty one to who shows no key, the reason as plain text to who does.
    #[must_use]
    pub fn into_http_response(self) -> Response<Bytes> {
        let status = self.status();
        if status == StatusCode::UNAUTHORIZED {
            return respond::empty(status);
        }
        respond::text(status, self.to_string())
    }
}
