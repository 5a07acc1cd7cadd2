use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::{Host, Url};

/// The address of a page of your add-on: `https`, or `http` on loopback.
///
/// Parse the base address once and build the pages' addresses from it. These cannot fail or leave the base's host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppUrl(Url);

/// The error for an address that an add-on cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAppUrl {
    /// The text is not an absolute URL.
    #[error("not an absolute URL")]
    NotAUrl(#[source] url::ParseError),
    /// The address is neither `https` nor `http` on loopback.
    #[error("must be https, or http on a loopback address")]
    NotSecure,
    /// The address contains a user name or a password.
    #[error("must not contain a user name or password")]
    HasCredentials,
}

impl AppUrl {
    /// An address with `https` or plain `http`, for a sandbox on your own network (`http://addon:8000`).
    ///
    /// # Errors
    ///
    /// [`InvalidAppUrl`] for another scheme, a user name or a password.
    pub fn insecure(text: &str) -> Result<Self, InvalidAppUrl> {
        Self::allowed(Url::parse(text).map_err(InvalidAppUrl::NotAUrl)?, is_web)
    }

    fn allowed(url: Url, is_allowed: impl FnOnce(&Url) -> bool) -> Result<Self, InvalidAppUrl> {
        if !is_allowed(&url) {
            Err(InvalidAppUrl::NotSecure)
        } else if !url.username().is_empty() || url.password().is_some() {
            Err(InvalidAppUrl::HasCredentials)
        } else {
            Ok(Self(url))
        }
    }

    /// Appends path segments, percent-encoded.
    ///
    /// The segments `.` and `..` are skipped, so the result stays below the base. Tabs, line breaks, and the base's query
    /// and fragment are removed.
    #[must_use]
    pub fn join<S: AsRef<str>>(&self, segments: impl IntoIterator<Item = S>) -> Self {
        let mut url = self.0.clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        Self(url)
    }

    /// Appends a query parameter.
    #[must_use]
    pub fn with_query(&self, name: &str, value: &str) -> Self {
        let mut url = self.0.clone();
        url.query_pairs_mut().append_pair(name, value);
        Self(url)
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The address as a URL.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

/// Returns `true` for `https`, and for `http` on loopback.
pub(crate) fn is_private(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(url),
        _ => false,
    }
}

/// Returns `true` for `https` and `http`.
pub(crate) fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "https" | "http") && url.host().is_some()
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl TryFrom<Url> for AppUrl {
    type Error = InvalidAppUrl;

    fn try_from(url: Url) -> Result<Self, InvalidAppUrl> {
        Self::allowed(url, is_private)
    }
}

impl FromStr for AppUrl {
    type Err = InvalidAppUrl;

    fn from_str(text: &str) -> Result<Self, InvalidAppUrl> {
        Url::parse(text).map_err(InvalidAppUrl::NotAUrl)?.try_into()
    }
}

impl AsRef<str> for AppUrl {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<AppUrl> for Url {
    fn from(url: AppUrl) -> Self {
        url.0
    }
}

impl fmt::Display for AppUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AppUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppUrl({self})")
    }
}

impl Serialize for AppUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AppUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The query string in a query, a path or an absolute URL, without a leading question mark or a fragment.
///
/// A text is a path or a URL if its first name ends with a question mark or contains a slash.
pub(crate) fn query_of(text: &str) -> &str {
    let (text, _) = text.split_once('#').unwrap_or((text, ""));
    let first_name = text.split(['=', '&', '?']).next().unwrap_or(text);
    match text.split_once('?') {
        Some((before, query)) if before == first_name || first_name.contains('/') => query,
        None if first_name.contains('/') => "",
        _ => text,
    }
}

#[cfg(test)]
mod tests;
