//! The answer to the request that opens your app.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::de::{Deserialize, Deserializer, IgnoredAny};
use serde::{Serialize, Serializer};

use super::ApiVersion;
use crate::model::AppUrl;
use crate::webhook::respond;

/// The page that Divar shall open. There is no answer without one: an answer that is not `{"url": …}` opens nothing.
///
/// ```
/// use kenar::model::AppUrl;
/// use kenar::webhook::OpenAppReply;
///
/// let base: AppUrl = "https://addon.example/kenar".parse()?;
/// let reply = OpenAppReply::to(base.join(["visits", "17"])).into_http_response();
/// assert_eq!(reply.body(), r#"{"url":"https://addon.example/kenar/visits/17"}"#);
/// # Ok::<(), kenar::model::InvalidAppUrl>(())
/// ```
///
/// Divar does not say how long the address may be; its own are at most 2048 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAppReply {
    url: AppUrl,
    version: ApiVersion,
}

impl OpenAppReply {
    /// Opens this page. [`OpenApp::reply`](super::OpenApp::reply) does the same in the form that the request's version
    /// is documented to want.
    #[must_use]
    pub fn to(url: AppUrl) -> Self {
        Self::new(url, ApiVersion::V2)
    }

    pub(super) fn new(url: AppUrl, version: ApiVersion) -> Self {
        Self { url, version }
    }

    /// The page.
    #[must_use]
    pub fn url(&self) -> &AppUrl {
        &self.url
    }

    /// The status of the response: 200.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    /// The body of the response: JSON.
    #[must_use]
    pub fn body(&self) -> Bytes {
        respond::json(self)
    }

    /// The HTTP response: 200 with JSON.
    #[must_use]
    pub fn into_http_response(self) -> Response<Bytes> {
        respond::ok(self.body())
    }
}

#[derive(Serialize)]
struct ReplyOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    url: &'a AppUrl,
}

#[derive(serde::Deserialize)]
struct ReplyIn {
    status: Option<IgnoredAny>,
    url: AppUrl,
}

/// Version 1 is documented with a status, which is a text, and a message.
impl Serialize for OpenAppReply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (status, message) = match self.version {
            ApiVersion::V1 => (Some("200"), Some("success")),
            ApiVersion::V2 => (None, None),
        };
        ReplyOut { status, message, url: &self.url }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for OpenAppReply {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ReplyIn { status, url } = ReplyIn::deserialize(deserializer)?;
        Ok(Self::new(url, if status.is_some() { ApiVersion::V1 } else { ApiVersion::V2 }))
    }
}
