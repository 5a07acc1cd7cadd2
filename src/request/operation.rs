use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use super::{BaseUrls, Body, Content, Credential, InvalidRequest, Metadata, response};
use crate::error::Error;
use crate::redact::Secrets;

/// One call to Divar, without any I/O: what to send, and how to read the response.
///
/// An implementation declares its [`METADATA`](Self::METADATA) and says what varies from call to call. The rest is
/// derived: [`request`](Self::request) and [`response`](Self::response) are for whoever sends it, and are not meant to be
/// overridden.
pub trait Operation: Send + Sync {
    /// What a successful response holds.
    type Response: Send;

    /// The declaration: name, method, path, credential, permissions.
    const METADATA: Metadata;

    /// The credentials sent with the request. The client adds the headers.
    fn credential(&self) -> Credential<'_>;

    /// The values of the path's parameters, in their order.
    fn path_parameters(&self) -> PathParameters<'_> {
        PathParameters::default()
    }

    /// The content of the request; none by default.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`], where what was given cannot be sent.
    fn content(&self) -> Result<Content, InvalidRequest> {
        Ok(Content::none())
    }

    /// Reads a success: [`response::json`] and its siblings do most of it. An error response does not come here.
    ///
    /// # Errors
    ///
    /// [`UnexpectedResponse`](response::UnexpectedResponse), where the success cannot be understood.
    fn read(&self, response: &Response<Bytes>) -> Result<Self::Response, response::UnexpectedResponse>;

    /// Secrets in the request's content, which the client takes out of an error's texts. Those of
    /// [`credential`](Self::credential) are taken out anyway.
    fn content_secrets(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The time limit for the whole call, where the client's default does not fit: an upload of megabytes needs minutes.
    fn time_limit(&self) -> Option<Duration> {
        None
    }

    /// The request, without credentials.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidRequest`](crate::error::ErrorKind::InvalidRequest), where what was given cannot be sent, and
    /// [`ErrorKind::RequestBody`](crate::error::ErrorKind::RequestBody), where a body
    /// cannot be read.
    fn request(&self, base_urls: &BaseUrls) -> Result<Request<Body>, Error> {
        let invalid = |why: InvalidRequest| why.into_error(&Self::METADATA);
        let uri = base_urls.uri(&Self::METADATA, self.path_parameters()).map_err(invalid)?;
        let content = self.content().map_err(invalid)?;
        let mut request = Request::new(content.body);
        *request.method_mut() = Self::METADATA.method().clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = content.headers;
        Ok(request)
    }

    /// The meaning of a response.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Api`](crate::error::ErrorKind::Api) for a status other than 2xx, and
    /// [`ErrorKind::UnexpectedResponse`](crate::error::ErrorKind::UnexpectedResponse) for a success that cannot be
    /// understood. It repeats no secret of the request.
    fn response(&self, response: Response<Bytes>) -> Result<Self::Response, Error> {
        response::success(&Self::METADATA, &response)
            .and_then(|()| self.read(&response).map_err(|why| why.into_error(&Self::METADATA, response.status())))
            .map_err(|error| {
                let mut secrets = self.content_secrets();
                secrets.extend(self.credential().secret());
                error.without(&Secrets::new(secrets))
            })
    }
}

/// The values of a path's parameters, in their order: at most four.
#[derive(Clone, Copy, Debug, Default)]
pub struct PathParameters<'a> {
    values: [Option<&'a str>; 4],
}

impl<'a> PathParameters<'a> {
    /// The values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> {
        self.values.into_iter().flatten()
    }
}

macro_rules! from_arrays {
    ($($length:literal: [$($name:ident),*],)*) => {$(
        impl<'a> From<[&'a str; $length]> for PathParameters<'a> {
            fn from([$($name),*]: [&'a str; $length]) -> Self {
                let mut values = [$(Some($name)),*].into_iter();
                Self { values: std::array::from_fn(|_| values.next().flatten()) }
            }
        }
    )*};
}

from_arrays! {
    1: [a],
    2: [a, b],
    3: [a, b, c],
    4: [a, b, c, d],
}
