use bytes::Bytes;
use http::{Response, StatusCode};
use serde::de::{Deserialize, Deserializer, IgnoredAny};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::ApiVersion;
use crate::model::AppUrl;
use crate::webhook::respond;

/// The page for Divar to open.
///
/// The maximum length of the URL is not documented; Divar limits its own URLs to 2048 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAppReply {
    url: AppUrl,
    version: ApiVersion,
}

impl OpenAppReply {
    /// Opens this page, in the form of version 2. Prefer [`OpenApp::reply`](super::OpenApp::reply).
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

/// Version 1 is documented with a status, which is a string, and a message.
impl Serialize for OpenAppReply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.version == ApiVersion::V1 {
            map.serialize_entry("status", "200")?;
            map.serialize_entry("message", "success")?;
        }
        map.serialize_entry("url", &self.url)?;
        map.end()
    }
}

/// Read strictly, so that a test learns why its URL is invalid.
#[derive(serde::Deserialize)]
struct ReplyFields {
    status: Option<IgnoredAny>,
    url: AppUrl,
}

impl<'de> Deserialize<'de> for OpenAppReply {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ReplyFields { status, url } = ReplyFields::deserialize(deserializer)?;
        Ok(Self::new(url, if status.is_some() { ApiVersion::V1 } else { ApiVersion::V2 }))
    }
}
