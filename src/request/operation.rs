use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use serde::de::DeserializeOwned;

use super::{BaseUrls, Body, Content, Credential, InvalidRequest, Metadata, response};
use crate::error::Error;
use crate::model::json;
use crate::redact::Secrets;
use crate::secret::AccessToken;

/// A call to Divar without I/O: its request and the parsing of its response.
///
/// Implementations provide the [`METADATA`](Self::METADATA) and the parts that vary between calls. Clients use
/// [`request`](Self::request) and [`response`](Self::response); do not override these.
pub trait Operation: Send + Sync {
    /// The data of a success response.
    type Response: Send;

    /// The declaration.
    const METADATA: Metadata;

    /// The credentials, which the client adds as headers.
    fn credential(&self) -> Credential<'_>;

    /// The path parameters in order.
    fn path_parameters(&self) -> PathParameters<'_> {
        PathParameters::default()
    }

    /// The content of the request, empty by default.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] if the content is invalid.
    fn content(&self) -> Result<Content, InvalidRequest> {
        Ok(Content::none())
    }

    /// Parses a success response, usually with [`response::json`].
    ///
    /// # Errors
    ///
    /// [`UnexpectedResponse`](response::UnexpectedResponse) if it cannot be parsed.
    fn read(&self, response: &Response<Bytes>) -> Result<Self::Response, response::UnexpectedResponse>;

    /// Secrets in the content, to redact in errors in addition to the [`credential`](Self::credential).
    fn content_secrets(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The timeout of the whole call, instead of the client's default: an upload may need minutes.
    fn time_limit(&self) -> Option<Duration> {
        None
    }

    /// Builds the request without credentials.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::error::ErrorKind::InvalidRequest) if a parameter or the content is invalid;
    /// [`RequestBody`](crate::error::ErrorKind::RequestBody) if a body cannot be read.
    fn request(&self, base_urls: &BaseUrls) -> Result<Request<Body>, Error> {
        request(&Self::METADATA, base_urls, self.path_parameters(), &|| self.content())
    }

    /// Parses a response.
    ///
    /// # Errors
    ///
    /// [`Api`](crate::error::ErrorKind::Api) for a status other than 2xx;
    /// [`UnexpectedResponse`](crate::error::ErrorKind::UnexpectedResponse) for a success that cannot be parsed. The error
    /// contains no secret of the request.
    fn response(&self, response: Response<Bytes>) -> Result<Self::Response, Error> {
        response::success(&Self::METADATA, &response)
            .and_then(|()| self.read(&response).map_err(|error| error.into_error(&Self::METADATA, response.status())))
            .map_err(|error| without_secrets(error, self.content_secrets(), self.credential()))
    }
}

fn request(
    operation: &Metadata,
    base_urls: &BaseUrls,
    parameters: PathParameters<'_>,
    content: &dyn Fn() -> Result<Content, InvalidRequest>,
) -> Result<Request<Body>, Error> {
    let invalid = |error: InvalidRequest| error.into_error(operation);
    let uri = base_urls.uri(operation, parameters).map_err(invalid)?;
    let content = content().map_err(invalid)?;
    let mut request = Request::new(content.body);
    *request.method_mut() = operation.method().clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = content.headers;
    Ok(request)
}

fn without_secrets<'a>(error: Error, mut secrets: Vec<&'a str>, credential: Credential<'a>) -> Error {
    secrets.extend(credential.secret());
    error.without(&Secrets::new(secrets))
}

/// An [`Operation`] without the type of its response, for code that is compiled once.
pub(crate) trait Untyped: Send + Sync {
    fn metadata(&self) -> &'static Metadata;
    fn credential(&self) -> Credential<'_>;
    fn content_secrets(&self) -> Vec<&str>;
    fn time_limit(&self) -> Option<Duration>;
    fn request(&self, base_urls: &BaseUrls) -> Result<Request<Body>, Error>;
}

impl<O: Operation> Untyped for O {
    fn metadata(&self) -> &'static Metadata {
        &Self::METADATA
    }

    fn credential(&self) -> Credential<'_> {
        Operation::credential(self)
    }

    fn content_secrets(&self) -> Vec<&str> {
        Operation::content_secrets(self)
    }

    fn time_limit(&self) -> Option<Duration> {
        Operation::time_limit(self)
    }

    fn request(&self, base_urls: &BaseUrls) -> Result<Request<Body>, Error> {
        Operation::request(self, base_urls)
    }
}

/// The path parameters in order, at most four.
#[derive(Clone, Copy, Debug, Default)]
pub struct PathParameters<'a> {
    values: [Option<&'a str>; 4],
}

impl<'a> PathParameters<'a> {
    /// The values in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> {
        self.values.into_iter().flatten()
    }
}

impl<'a, const N: usize> From<[&'a str; N]> for PathParameters<'a> {
    fn from(values: [&'a str; N]) -> Self {
        const { assert!(N <= 4, "a path has at most four parameters") };
        let mut values = values.into_iter();
        Self { values: std::array::from_fn(|_| values.next()) }
    }
}

/// A request for an operation, as received by a test server.
#[derive(Clone, Debug)]
pub struct IncomingRequest<'a> {
    path_parameters: Vec<Cow<'a, str>>,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

/// An operation that can be parsed from a request.
pub trait ParseOperation: Operation + Sized {
    /// Parses a request.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] if the request does not match this operation.
    fn parse(request: &IncomingRequest<'_>) -> Result<Self, InvalidRequest>;
}

impl<'a> IncomingRequest<'a> {
    /// A request, if its method and path match the operation.
    #[must_use]
    pub fn of(
        operation: &Metadata,
        method: &http::Method,
        path: &'a str,
        headers: &'a HeaderMap,
        body: &'a [u8],
    ) -> Option<Self> {
        let path_parameters = operation.matches(path).filter(|_| method == operation.method())?;
        Some(Self { path_parameters, headers, body })
    }

    /// The same request with another body.
    #[must_use]
    pub fn with_body<'b>(&'b self, body: &'b [u8]) -> IncomingRequest<'b> {
        IncomingRequest { path_parameters: self.path_parameters.clone(), headers: self.headers, body }
    }

    /// A decoded path parameter, by index.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] if the path has fewer parameters.
    pub fn path_parameter(&self, index: usize) -> Result<&str, InvalidRequest> {
        let value = self.path_parameters.get(index);
        value.map(|value| &**value).ok_or_else(|| InvalidRequest::new("missing path parameter"))
    }

    /// The user's access token.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] if the header is missing or malformed.
    pub fn access_token(&self) -> Result<AccessToken, InvalidRequest> {
        AccessToken::new(self.bearer_token()?).map_err(InvalidRequest::new)
    }

    /// The token in `Authorization: Bearer` (RFC 6750, section 2.1).
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] if the header is missing or malformed.
    pub fn bearer_token(&self) -> Result<&'a str, InvalidRequest> {
        let missing = || InvalidRequest::new("missing Authorization header");
        let value = self.headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
        let token = value.to_str().ok().and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token)
        });
        token.ok_or_else(|| InvalidRequest::new("invalid Authorization header: expected a Bearer token"))
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The body, parsed as JSON.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] if the body is not the expected JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, InvalidRequest> {
        json::from_utf8(self.body).map_err(InvalidRequest::new)
    }
}
