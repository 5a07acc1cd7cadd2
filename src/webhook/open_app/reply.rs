use bytes::Bytes;
use http::{Response, StatusCode};
use serde::de::{Deserialize, Deserializer, IgnoredAny};

use super::ApiVersion;
use crate::model::AppUrl;
use crate::model::members::{self, Members, Object};
use crate::model::wire::serialize;
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
        // Texts can always be written.
        members::json_text(self, 256).unwrap_or_default().into()
    }

    /// The HTTP response: 200 with JSON.
    #[must_use]
    pub fn into_http_response(self) -> Response<Bytes> {
        respond::ok(self.body())
    }
}

/// Version 1 is documented with a status, which is a string, and a message.
impl Members for OpenAppReply {
    fn members<O: Object>(&self, object: &mut O) -> Result<(), O::Error> {
        if self.version == ApiVersion::V1 {
            object.text("status", "200")?;
            object.text("message", "success")?;
        }
        object.text("url", self.url.as_str())
    }
}

serialize! { OpenAppReply }

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
