//! What one call to Divar is, before anyone sends it: the [`Operation`] trait, where it goes ([`BaseUrls`]), what it shows
//! ([`Credential`]), what it carries ([`Body`]) and how its answer is read ([`response`]).
//!
//! The operations of the chat API are in [`operation`](crate::operation) and those of OAuth in
//! [`oauth`](crate::oauth); for an endpoint that is in neither, implement the trait and hand the operation to
//! [`Client::execute`](crate::Client::execute), with its retries, bounds and redaction.
//!
//! ```
//! use bytes::Bytes;
//! use kenar::Error;
//! use kenar::model::UserId;
//! use kenar::request::{self, BaseUrls, Body, Credential, Operation, response};
//!
//! /// Finds a user of your app's by telephone number.
//! struct GetUserIdByPhone { phone: String }
//!
//! #[derive(serde::Deserialize)]
//! struct Found { user_id: UserId }
//!
//! impl Operation for GetUserIdByPhone {
//!     type Response = UserId;
//!     const NAME: &'static str = "user.get_id_by_phone";
//!     const IDEMPOTENT: bool = true;
//!
//!     fn credential(&self) -> Credential<'_> {
//!         Credential::ApiKey
//!     }
//!
//!     fn request(&self, hosts: &BaseUrls) -> Result<http::Request<Body>, Error> {
//!         let url = hosts.api().uri(Self::NAME, &["v1", "open-platform", "get-user-id-by-phone"])?;
//!         request::post_json(Self::NAME, url, &serde_json::json!({ "phone": self.phone }))
//!     }
//!
//!     fn response(&self, response: http::Response<Bytes>) -> Result<UserId, Error> {
//!         response::json::<Found>(Self::NAME, &response).map(|found| found.user_id)
//!     }
//! }
//! ```

mod base_urls;
mod body;
mod context;
mod permission;
pub mod response;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use serde::Serialize;

use crate::error::{Error, ErrorKind};
use crate::secret::{AccessToken, UploadToken};

pub(crate) use base_urls::goes_to_divar;
pub use base_urls::{BaseUrl, BaseUrls, InvalidBaseUrl};
pub use body::Body;
pub use context::Context;
pub(crate) use context::Sent;
pub use permission::ApiKeyPermission;

/// One call to Divar, without any I/O: what to send, and what the answer means.
pub trait Operation: Send + Sync {
    /// What a successful answer holds.
    type Response: Send;

    /// The name in errors and traces, such as `conversation.send_message`.
    const NAME: &'static str;

    /// Whether doing it twice is the same as doing it once. Only then is it repeated after a failure that Divar may
    /// have processed.
    const IDEMPOTENT: bool;

    /// What the call shows for itself. The client adds the headers.
    fn credential(&self) -> Credential<'_>;

    /// The request, without credentials.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidRequest`], where what was given cannot be sent.
    fn request(&self, base_urls: &BaseUrls) -> Result<http::Request<Body>, Error>;

    /// What an answer means: [`response::json`] and its siblings do most of it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Api`] for an error of Divar's, and
    /// [`ErrorKind::UnexpectedResponse`] for a success that cannot be understood.
    fn response(&self, response: http::Response<Bytes>) -> Result<Self::Response, Error>;

    /// Secrets in the request's body, which the client takes out of an error's texts. Those of
    /// [`credential`](Self::credential) are taken out anyway.
    fn body_secrets(&self) -> Vec<&str> {
        Vec::new()
    }

    /// How long the call may take in all, where that is more than a client's usual time: what carries megabytes needs
    /// minutes.
    fn time_limit(&self) -> Option<Duration> {
        None
    }
}

/// What a call shows for itself.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Credential<'a> {
    /// Nothing in the headers: the token endpoint takes its secrets in the body.
    None,
    /// `X-API-Key` alone.
    ApiKey,
    /// `X-API-Key`, and a user's access token as `Authorization: Bearer`.
    User(&'a AccessToken),
    /// An upload token as `Authorization: Bearer`, and no API key: the upload host is not the API.
    Upload(&'a UploadToken),
}

/// A `GET` without a body.
#[must_use]
pub fn get(uri: Uri) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri;
    request
}

/// A `POST` of a value as JSON.
///
/// # Errors
///
/// [`ErrorKind::InvalidRequest`], where the value cannot be written as JSON.
pub fn post_json(operation: &'static str, uri: Uri, value: &(impl Serialize + ?Sized)) -> Result<Request<Body>, Error> {
    let mut json = Vec::with_capacity(USUAL_JSON_BYTES);
    serde_json::to_writer(&mut json, value).map_err(|error| Error::new(ErrorKind::InvalidRequest, operation, error))?;
    Ok(post(uri, HeaderValue::from_static("application/json"), json.into()))
}

/// Room for a message with all the buttons that it can have.
const USUAL_JSON_BYTES: usize = 2048;

/// A `POST` of names and values as a form.
#[must_use]
pub fn post_form<'a>(uri: Uri, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Request<Body> {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    post(uri, HeaderValue::from_static("application/x-www-form-urlencoded"), form.into())
}

/// A `POST` of anything.
#[must_use]
pub fn post(uri: Uri, content_type: HeaderValue, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    request.headers_mut().insert(header::CONTENT_TYPE, content_type);
    request
}
