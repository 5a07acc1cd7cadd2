//! Calls to Divar without I/O: [`Operation`], its [`Metadata`], and its requests and [`response`]s.
//!
//! [`operation`](crate::operation) has the chat API, and [`oauth`](crate::oauth) has OAuth. For another endpoint, implement
//! the trait and call [`Client::execute`](crate::Client::execute), with the same errors, retries, timeouts, redaction and
//! traces.
//!
//! ```
//! use bytes::Bytes;
//! use kenar::model::UserId;
//! use kenar::request::response::{self, UnexpectedResponse};
//! use kenar::request::{ApiKeyPermission, Content, Credential, InvalidRequest, Metadata, Operation};
//!
//! /// Finds a user of your app by phone number.
//! struct GetUserIdByPhone { phone: String }
//!
//! #[derive(serde::Deserialize)]
//! struct Found { user_id: UserId }
//!
//! impl Operation for GetUserIdByPhone {
//!     type Response = UserId;
//!
//!     const METADATA: Metadata = Metadata::post("user.get_id_by_phone", "/v1/open-platform/get-user-id-by-phone")
//!         .with_permission(ApiKeyPermission::named("GET_USER_ID_BY_PHONE"))
//!         .idempotent();
//!
//!     fn credential(&self) -> Credential<'_> {
//!         Credential::ApiKey
//!     }
//!
//!     fn content(&self) -> Result<Content, InvalidRequest> {
//!         Content::json(&serde_json::json!({ "phone": self.phone }))
//!     }
//!
//!     fn read(&self, response: &http::Response<Bytes>) -> Result<UserId, UnexpectedResponse> {
//!         response::json::<Found>(response).map(|found| found.user_id)
//!     }
//! }
//! ```

mod base_urls;
mod body;
mod context;
mod metadata;
mod operation;
mod permission;
pub mod response;

use crate::secret::{AccessToken, UploadToken};

// rustdoc reads aliases only here.
#[doc(alias("base url", "endpoint"))]
pub use base_urls::BaseUrls;
pub use base_urls::{BaseUrl, InvalidBaseUrl};
pub use body::{Body, Content, InvalidRequest};
pub use context::Context;
pub(crate) use context::Sent;
pub use metadata::{Authentication, Host, Metadata};
pub(crate) use operation::Untyped;
pub use operation::{IncomingRequest, Operation, ParseOperation, PathParameters};
pub use permission::{ApiKeyPermission, Resource, ScopeKind, UnknownPermission};

/// The credentials sent with a request.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Credential<'a> {
    /// No header. The token endpoint expects its secrets in the body.
    None,
    /// Only `X-API-Key`.
    ApiKey,
    /// `X-API-Key`, and a user's access token as `Authorization: Bearer`.
    User(&'a AccessToken),
    /// An upload token as `Authorization: Bearer`, without an API key.
    Upload(&'a UploadToken),
}

impl<'a> Credential<'a> {
    pub(crate) fn secret(self) -> Option<&'a str> {
        match self {
            Self::User(token) => Some(token.expose_secret()),
            Self::Upload(token) => Some(token.expose_secret()),
            Self::None | Self::ApiKey => None,
        }
    }
}
