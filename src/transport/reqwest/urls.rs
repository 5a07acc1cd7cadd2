use std::sync::OnceLock;

use http::Uri;
use http::uri::{Authority, Scheme};
use url::{ParseError, Url};

/// Converts URIs into URLs, and parses each origin once: most of a URL's parsing is its host.
#[derive(Default)]
pub(super) struct Urls {
    // The platform has three hosts.
    origins: [OnceLock<Origin>; 3],
}

struct Origin {
    scheme: Scheme,
    authority: Authority,
    url: Url,
}

impl Urls {
    pub(super) fn url(&self, uri: &Uri) -> Result<Url, ParseError> {
        for known in &self.origins {
            match known.get() {
                Some(origin) if origin.is_of(uri) => return Ok(origin.with_path_of(uri)),
                Some(_) => {}
                None => {
                    let url = Url::parse(&uri.to_string())?;
                    if let Some(origin) = Origin::new(uri, &url) {
                        // Another thread may have been faster.
                        let _ = known.set(origin);
                    }
                    return Ok(url);
                }
            }
        }
        Url::parse(&uri.to_string())
    }
}

impl Origin {
    fn new(uri: &Uri, url: &Url) -> Option<Self> {
        Some(Self { scheme: uri.scheme()?.clone(), authority: uri.authority()?.clone(), url: url.clone() })
    }

    fn is_of(&self, uri: &Uri) -> bool {
        uri.scheme() == Some(&self.scheme) && uri.authority() == Some(&self.authority)
    }

    fn with_path_of(&self, uri: &Uri) -> Url {
        let mut url = self.url.clone();
        url.set_query(uri.query());
        url.set_path(uri.path());
        url
    }
}

#[cfg(test)]
mod tests;
