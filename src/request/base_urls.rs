use std::fmt;

use http::Uri;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::Url;

use super::metadata::is_parameter;
use super::{Host, InvalidRequest, Metadata, PathParameters};
use crate::model::{is_loopback, is_private, is_web};

/// The three hosts of the platform, overridden together: a client never sends to Divar with one and to a test server
/// with another.
///
/// ```
/// use kenar::request::BaseUrls;
///
/// assert_eq!(BaseUrls::default().api().as_str(), "https://open-api.divar.ir");
/// let local = BaseUrls::single("http://127.0.0.1:8080")?;
/// assert_eq!(local.oauth().as_str(), "http://127.0.0.1:8080");
/// assert!(BaseUrls::single("http://kenar.example").is_err());
/// # Ok::<(), kenar::request::InvalidBaseUrl>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrls {
    api: BaseUrl,
    oauth: BaseUrl,
    upload: BaseUrl,
}

/// A scheme, a host and a port: `https`, or `http` on a loopback address.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    origin: String,
    loopback: bool,
}

/// Why a text cannot be a host to send to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBaseUrl {
    /// It is no absolute URL.
    #[error("not an absolute URL")]
    NotAUrl(#[source] url::ParseError),
    /// It is neither `https` nor `http` on a loopback address.
    #[error("must be https, or http on a loopback address")]
    NotSecure,
    /// It holds more than a scheme, a host and a port.
    #[error("must be a scheme, a host and perhaps a port, and nothing more")]
    NotAnOrigin,
}

impl Default for BaseUrls {
    /// Divar's own.
    fn default() -> Self {
        let divar = |origin: &str| BaseUrl { origin: origin.to_owned(), loopback: false };
        Self {
            api: divar("https://open-api.divar.ir"),
            oauth: divar("https://oauth.divar.ir"),
            upload: divar("https://chat.divar.ir"),
        }
    }
}

impl BaseUrls {
    /// One host for all three, as a sandbox or a gateway of yours is.
    ///
    /// # Errors
    ///
    /// [`InvalidBaseUrl`], where it is not `https` and not `http` on a loopback address, or more than an origin.
    pub fn single(origin: &str) -> Result<Self, InvalidBaseUrl> {
        Self::new(origin, origin, origin)
    }

    pub(crate) fn all(base_url: BaseUrl) -> Self {
        Self { api: base_url.clone(), oauth: base_url.clone(), upload: base_url }
    }

    /// One host for all three, over plain `http` too: for a sandbox on a network of your own, such as
    /// `http://kenar:4040` in a compose file.
    ///
    /// Whoever can read that network reads your keys and tokens.
    ///
    /// # Errors
    ///
    /// [`InvalidBaseUrl`], where it is neither `https` nor `http`, or more than an origin.
    pub fn insecure(origin: &str) -> Result<Self, InvalidBaseUrl> {
        let host = BaseUrl::parse(origin, is_web)?;
        Ok(Self::all(host))
    }

    /// A host for the REST API, one for OAuth and one for uploads.
    ///
    /// # Errors
    ///
    /// [`InvalidBaseUrl`], where one is not `https` and not `http` on a loopback address, or more than an origin.
    pub fn new(api: &str, oauth: &str, upload: &str) -> Result<Self, InvalidBaseUrl> {
        Ok(Self { api: api.parse()?, oauth: oauth.parse()?, upload: upload.parse()? })
    }

    /// Where the REST API is.
    #[must_use]
    pub fn api(&self) -> &BaseUrl {
        &self.api
    }

    /// Where users give permission, and where codes are exchanged for tokens.
    #[must_use]
    pub fn oauth(&self) -> &BaseUrl {
        &self.oauth
    }

    /// Where media are uploaded.
    #[must_use]
    pub fn upload(&self) -> &BaseUrl {
        &self.upload
    }

    /// Whether all three are on this machine.
    #[must_use]
    pub fn are_loopback(&self) -> bool {
        self.api.loopback && self.oauth.loopback && self.upload.loopback
    }

    #[cfg(feature = "hyper")]
    pub(crate) fn use_https(&self) -> bool {
        [&self.api, &self.oauth, &self.upload].into_iter().any(|url| url.origin.starts_with("https:"))
    }

    /// The base URL of one of the hosts.
    #[must_use]
    pub fn of(&self, host: Host) -> &BaseUrl {
        match host {
            Host::Api => &self.api,
            Host::OAuth => &self.oauth,
            Host::Upload => &self.upload,
        }
    }

    /// The URI of an operation: each parameter of its path is filled in and percent-encoded.
    pub(super) fn uri(&self, operation: &Metadata, parameters: PathParameters<'_>) -> Result<Uri, InvalidRequest> {
        let base = &self.of(operation.host()).origin;
        let room = parameters.iter().map(|value| value.len() + 8).sum::<usize>();
        let mut address = String::with_capacity(base.len() + operation.path().len() + room);
        address.push_str(base);
        let mut values = parameters.iter();
        for segment in operation.path().split('/').skip(1) {
            address.push('/');
            if !is_parameter(segment) {
                address.push_str(segment);
                continue;
            }
            let value = values.next().ok_or_else(|| InvalidRequest::new("the path lacks a parameter"))?;
            if matches!(value, "" | "." | "..") {
                return Err(InvalidRequest::new(format!("an identifier must not be {value:?}: no path can hold it")));
            }
            address.extend(utf8_percent_encode(value, SEGMENT));
        }
        Uri::try_from(address).map_err(InvalidRequest::new)
    }

    /// Whether a request to `uri` would go to one of them.
    pub(crate) fn include(&self, uri: &Uri) -> bool {
        [&self.api, &self.oauth, &self.upload].into_iter().any(|host| host.is_host_of(uri))
    }
}

/// What is encoded in a path segment: everything but RFC 3986's unreserved characters. Scopes, ids and tokens are
/// opaque, so nothing in them may mean anything to the path.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'!')
    .add(b'"')
    .add(b'#')
    .add(b'$')
    .add(b'%')
    .add(b'&')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'*')
    .add(b'+')
    .add(b',')
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

impl BaseUrl {
    /// The scheme, the host and the port.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// Whether it is one of Divar's own.
    pub(crate) fn is_divars(&self) -> bool {
        self.as_str().parse().is_ok_and(|uri| goes_to_divar(&uri))
    }

    /// Whether a request to `uri` would go here.
    fn is_host_of(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return false;
        };
        let own_authority = self.origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
        own_authority.is_some_and(|own| own.eq_ignore_ascii_case(authority.as_str()))
    }
}

/// Whether a request to `uri` would go to Divar itself.
pub(crate) fn goes_to_divar(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    host == "divar.ir" || host.ends_with(".divar.ir")
}

impl std::str::FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidBaseUrl> {
        Self::parse(text, is_private)
    }
}

impl BaseUrl {
    fn parse(text: &str, is_allowed: impl FnOnce(&Url) -> bool) -> Result<Self, InvalidBaseUrl> {
        let url = Url::parse(text).map_err(InvalidBaseUrl::NotAUrl)?;
        if !is_allowed(&url) {
            return Err(InvalidBaseUrl::NotSecure);
        }
        let origin = url.origin().ascii_serialization();
        if url.as_str().strip_suffix('/') != Some(&origin) {
            return Err(InvalidBaseUrl::NotAnOrigin);
        }
        Ok(Self { origin, loopback: is_loopback(&url) })
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
