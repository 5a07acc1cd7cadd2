//! The URL that returns a user to Divar.

use std::sync::LazyLock;

use url::{Host, Url};

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

#[cfg(test)]
mod tests;
