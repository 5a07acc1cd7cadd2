use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use super::{BaseUrls, Body, Content, Credential, InvalidRequest, Metadata, response};
use crate::error::Error;
use crate::redact::Secrets;

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
        let invalid = |error: InvalidRequest| error.into_error(&Self::METADATA);
        let uri = base_urls.uri(&Self::METADATA, self.path_parameters()).map_err(invalid)?;
        let content = self.content().map_err(invalid)?;
        let mut request = Request::new(content.body);
        *request.method_mut() = Self::METADATA.method().clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = content.headers;
        Ok(request)
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
            .map_err(|error| {
                let mut secrets = self.content_secrets();
                secrets.extend(self.credential().secret());
                error.without(&Secrets::new(secrets))
            })
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
