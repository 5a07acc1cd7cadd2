//! The headers of a webhook, independent of the web framework.

use std::fmt;

use http::{HeaderMap, HeaderName, header};

use super::ApiVersion;

/// The headers that the verifier reads: `Authorization` and `API-Version`.
///
/// A [`HeaderMap`] and a single value of `Authorization` convert into it; otherwise use [`new`](Self::new). Two
/// `Authorization` headers are rejected, since a proxy and your framework may trust different ones. So pass every value,
/// not only the first.
///
/// `API-Version` determines the form of an [`OpenApp`](super::OpenApp) and its reply. Without it, the keys of the body do.
#[derive(Clone, Copy)]
pub struct WebhookHeaders<'a> {
    authorization: Authorization<'a>,
    version: Option<ApiVersion>,
}

#[derive(Clone, Copy)]
pub(super) enum Authorization<'a> {
    Missing,
    Once(&'a [u8]),
    Repeated,
}

const API_VERSION_UNDERSCORE: HeaderName = HeaderName::from_static("api_version");

impl<'a> WebhookHeaders<'a> {
    /// The values of all `Authorization` headers.
    #[must_use]
    pub fn new<V: AsRef<[u8]> + ?Sized + 'a>(authorization: impl IntoIterator<Item = &'a V>) -> Self {
        let mut values = authorization.into_iter();
        let authorization = match (values.next(), values.next()) {
            (None, _) => Authorization::Missing,
            (Some(value), None) => Authorization::Once(value.as_ref()),
            (Some(_), Some(_)) => Authorization::Repeated,
        };
        Self { authorization, version: None }
    }

    /// Sets the `API-Version` header, which some of the platform's documents spell `API_VERSION`.
    #[must_use]
    pub fn with_api_version<V: AsRef<[u8]> + ?Sized>(mut self, value: Option<&V>) -> Self {
        self.version = value.and_then(|value| ApiVersion::of_header(value.as_ref()));
        self
    }

    pub(super) fn authorization(self) -> Authorization<'a> {
        self.authorization
    }

    pub(super) fn version(self) -> Option<ApiVersion> {
        self.version
    }
}

impl<'a> From<&'a HeaderMap> for WebhookHeaders<'a> {
    fn from(headers: &'a HeaderMap) -> Self {
        let version = headers.get(super::open_app::API_VERSION).or_else(|| headers.get(API_VERSION_UNDERSCORE));
        Self::new(headers.get_all(header::AUTHORIZATION)).with_api_version(version)
    }
}

macro_rules! from_values {
    ($($value:ty)*) => {$(
        /// The only `Authorization` value.
        impl<'a> From<&'a $value> for WebhookHeaders<'a> {
            fn from(value: &'a $value) -> Self {
                Self::new([value])
            }
        }

        /// The only `Authorization` value, if any.
        impl<'a> From<Option<&'a $value>> for WebhookHeaders<'a> {
            fn from(value: Option<&'a $value>) -> Self {
                Self::new(value)
            }
        }
    )*};
}

from_values!(str [u8] http::HeaderValue);

/// Redacts the key.
impl fmt::Debug for WebhookHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authorization = match self.authorization {
            Authorization::Missing => "missing",
            Authorization::Once(_) => "[redacted]",
            Authorization::Repeated => "repeated",
        };
        f.debug_struct("WebhookHeaders")
            .field("authorization", &format_args!("{authorization}"))
            .field("version", &self.version)
            .finish()
    }
}
