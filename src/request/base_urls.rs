use std::fmt;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::metadata::is_parameter;
use super::{Host, InvalidRequest, Metadata, PathParameters};
use crate::model::{is_loopback, is_private, is_web};

/// The base URLs of the platform's three hosts.
///
/// They are overridden together, so that no client mixes Divar with a test server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrls {
    api: BaseUrl,
    oauth: BaseUrl,
    upload: BaseUrl,
}

/// A scheme, a host and a port: `https`, or `http` on loopback.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    origin: String,
    uri: Uri,
    loopback: bool,
    divars: bool,
}

/// The error for an invalid base URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBaseUrl {
    /// The text is not an absolute URL.
    #[error("not an absolute URL")]
    NotAUrl(#[source] url::ParseError),
    /// The URL is neither `https` nor `http` on loopback.
    #[error("must be https, or http on a loopback address")]
    NotSecure,
    /// The URL has more than a scheme, a host and a port.
    #[error("must contain only a scheme, a host and an optional port")]
    NotAnOrigin,
}

impl Default for BaseUrls {
    /// Divar's hosts.
    fn default() -> Self {
        let divar = |origin: &'static str| {
            let uri = Uri::from_static(origin);
            BaseUrl { origin: origin.to_owned(), uri, loopback: false, divars: true }
        };
        Self {
            api: divar("https://open-api.divar.ir"),
            oauth: divar("https://oauth.divar.ir"),
            upload: divar("https://chat.divar.ir"),
        }
    }
}

impl BaseUrls {
    /// One host for all three, such as a sandbox or your own gateway.
    ///
    /// # Errors
    ///
    /// [`InvalidBaseUrl`] if it is neither `https` nor `http` on loopback, or is not an origin.
    pub fn single(origin: &str) -> Result<Self, InvalidBaseUrl> {
        Self::new(origin, origin, origin)
    }

    pub(crate) fn all(base_url: BaseUrl) -> Self {
        Self { api: base_url.clone(), oauth: base_url.clone(), upload: base_url }
    }

    /// One host for all three, with plain `http` too, for a sandbox on your own network (`http://kenar:4040`).
    ///
    /// Over `http`, anyone on that network can read your keys and tokens.
    ///
    /// # Errors
    ///
    /// [`InvalidBaseUrl`] if it is neither `https` nor `http`, or is not an origin.
    pub fn insecure(origin: &str) -> Result<Self, InvalidBaseUrl> {
        let host = BaseUrl::parse(origin, is_web)?;
        Ok(Self::all(host))
    }

    /// Separate hosts for the REST API, OAuth and uploads.
    ///
    /// # Errors
    ///
    /// [`InvalidBaseUrl`] as for [`single`](Self::single).
    pub fn new(api: &str, oauth: &str, upload: &str) -> Result<Self, InvalidBaseUrl> {
        Ok(Self { api: api.parse()?, oauth: oauth.parse()?, upload: upload.parse()? })
    }

    /// The host of the REST API.
    #[must_use]
    pub fn api(&self) -> &BaseUrl {
        &self.api
    }

    /// The host of the consent page and the token endpoint.
    #[must_use]
    pub fn oauth(&self) -> &BaseUrl {
        &self.oauth
    }

    /// The host of media uploads.
    #[must_use]
    pub fn upload(&self) -> &BaseUrl {
        &self.upload
    }

    /// Returns `true` if all three are on loopback.
    #[must_use]
    pub fn are_loopback(&self) -> bool {
        self.api.loopback && self.oauth.loopback && self.upload.loopback
    }

    #[cfg(feature = "hyper")]
    pub(crate) fn use_https(&self) -> bool {
        [&self.api, &self.oauth, &self.upload].into_iter().any(|url| url.origin.starts_with("https:"))
    }

    /// The base URL of a host.
    #[must_use]
    pub fn of(&self, host: Host) -> &BaseUrl {
        match host {
            Host::Api => &self.api,
            Host::OAuth => &self.oauth,
            Host::Upload => &self.upload,
        }
    }

    pub(super) fn uri(&self, operation: &Metadata, parameters: PathParameters<'_>) -> Result<Uri, InvalidRequest> {
        let room = parameters.iter().map(|value| value.len() + 8).sum::<usize>();
        let mut path = String::with_capacity(operation.path().len() + room);
        let mut values = parameters.iter();
        for segment in operation.path().split('/').skip(1) {
            path.push('/');
            if !is_parameter(segment) {
                path.push_str(segment);
                continue;
            }
            let value = values.next().ok_or_else(|| InvalidRequest::new("missing path parameter"))?;
            if matches!(value, "" | "." | "..") {
                return Err(InvalidRequest::new(format!("invalid path parameter: {value:?}")));
            }
            path.extend(utf8_percent_encode(value, SEGMENT));
        }
        let mut parts = self.of(operation.host()).uri.clone().into_parts();
        parts.path_and_query = Some(path.try_into().map_err(InvalidRequest::new)?);
        Uri::from_parts(parts).map_err(InvalidRequest::new)
    }

    pub(crate) fn origin_of(&self, uri: &Uri) -> Option<&BaseUrl> {
        [&self.api, &self.oauth, &self.upload].into_iter().find(|base| base.is_origin_of(uri))
    }
}

/// The characters to encode in a path segment: all but RFC 3986's unreserved ones, since parameters are opaque.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl BaseUrl {
    /// The scheme, the host and the port.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    pub(crate) fn is_divars(&self) -> bool {
        self.divars
    }

    fn is_origin_of(&self, uri: &Uri) -> bool {
        uri.scheme() == self.uri.scheme() && uri.authority() == self.uri.authority()
    }
}

impl std::str::FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidBaseUrl> {
        Self::parse(text, is_private)
    }
}

impl BaseUrl {
    fn parse(text: &str, is_allowed: fn(&Url) -> bool) -> Result<Self, InvalidBaseUrl> {
        let url = Url::parse(text).map_err(InvalidBaseUrl::NotAUrl)?;
        if !is_allowed(&url) {
            return Err(InvalidBaseUrl::NotSecure);
        }
        let origin = url.origin().ascii_serialization();
        if url.as_str().strip_suffix('/') != Some(&origin) {
            return Err(InvalidBaseUrl::NotAnOrigin);
        }
        let uri = origin.parse().map_err(|_| InvalidBaseUrl::NotAnOrigin)?;
        let divars = url.domain().is_some_and(|domain| domain == "divar.ir" || domain.ends_with(".divar.ir"));
        Ok(Self { origin, uri, loopback: is_loopback(&url), divars })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

#[cfg(test)]
mod tests;
