use std::sync::LazyLock;

use url::{Host, Url};

use crate::model::{PostToken, query_of};

/// The URL that returns a user to Divar, after success or cancellation.
///
/// Divar finds the session itself. Every add-on must return its users.
pub const COMPLETION_URL: &str = "https://open-platform-redirect.divar.ir/completion";

#[expect(clippy::expect_used, reason = "a constant, and a test reads it")]
static COMPLETION: LazyLock<Url> = LazyLock::new(|| Url::parse(COMPLETION_URL).expect("the constant is a URL"));

/// The given URL if it is Divar's, or else [`COMPLETION_URL`]. It is serialised again, so that browsers read it as the
/// parser did.
pub(super) fn safe(given: Option<&str>) -> Url {
    given.and_then(|text| Url::parse(text).ok()).filter(is_divars).unwrap_or_else(|| COMPLETION.clone())
}

/// `https` on `divar.ir` or a subdomain, on the default port, without credentials. The parser has decoded the host and put
/// it into lower case, but accepts more characters than a host name has. Those are refused, and a dot at the end.
fn is_divars(url: &Url) -> bool {
    let Some(Host::Domain(host)) = url.host() else {
        return false;
    };
    let on_divar = host == "divar.ir" || host.ends_with(".divar.ir") && host.split('.').all(is_label);
    on_divar && url.scheme() == "https" && url.port().is_none() && url.username().is_empty() && url.password().is_none()
}

/// A label of a host name: letters, digits and hyphens (RFC 1123, section 2.1).
fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The query with which Divar's app opens the [panel](crate::guide#panel)'s "Fallback URL" directly.
///
/// **It is untrusted**: anyone can write such a link. Ask for permission (OAuth) before you show or do anything that is not
/// public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntrustedDirectLink {
    post_token: Option<PostToken>,
    return_url: Option<String>,
    parameters: Vec<(String, String)>,
}

impl UntrustedDirectLink {
    /// Reads a query, or the path or absolute URL that contains it. Invalid UTF-8 is replaced.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let mut link = Self { post_token: None, return_url: None, parameters: Vec::new() };
        for (name, value) in form_urlencoded::parse(query_of(query).as_bytes()) {
            match &*name {
                _ if value.is_empty() => {}
                "post_token" => link.post_token = link.post_token.or_else(|| Some(PostToken::new(value))),
                "completion_url" | "return_url" | "callback_url" => {
                    link.return_url = link.return_url.or_else(|| Some(value.into_owned()));
                }
                _ => link.parameters.push((name.into_owned(), value.into_owned())),
            }
        }
        link
    }

    /// The post.
    #[must_use]
    pub fn post_token(&self) -> Option<&PostToken> {
        self.post_token.as_ref()
    }

    /// The URL that returns the user to Divar; always safe, as in [`OpenApp::return_url`](super::OpenApp::return_url).
    #[must_use]
    pub fn return_url(&self) -> Url {
        safe(self.given_return_url())
    }

    /// The unchecked return URL in the query. Do not redirect to it.
    #[must_use]
    pub fn given_return_url(&self) -> Option<&str> {
        self.return_url.as_deref()
    }

    /// The first other parameter of this name, such as `city` or `category`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters().find_map(|(other, value)| (other == name).then_some(value))
    }

    /// All other parameters with a value, in order.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests;
