//! Where a user goes back to Divar.

use std::sync::LazyLock;

use url::{Host, Url};

/// Where to send a user who is done, or who gives up, unless Divar gave an address of its own: Divar finds the session
/// itself. Bringing the user back is an obligation of every add-on.
pub const COMPLETION_URL: &str = "https://open-platform-redirect.divar.ir/completion";

#[expect(clippy::expect_used, reason = "a constant, and a test reads it")]
static COMPLETION: LazyLock<Url> = LazyLock::new(|| Url::parse(COMPLETION_URL).expect("the constant is a URL"));

/// The given address where it is one of Divar's, else the fixed one. It is given on as the parser understood it, never
/// as the text it was, so that no browser understands it otherwise.
pub(super) fn safe(given: Option<&str>) -> Url {
    given.and_then(|text| Url::parse(text).ok()).filter(is_divars).unwrap_or_else(|| COMPLETION.clone())
}

/// `https` on `divar.ir` or below it, on the default port, without a user name or a password. The parser has put the
/// host into lower case and decoded it. It lets more characters into one than a host name has; those, and a dot at its
/// end, which DNS takes for the same, are refused.
fn is_divars(url: &Url) -> bool {
    let Some(Host::Domain(host)) = url.host() else {
        return false;
    };
    let on_divar = host == "divar.ir" || host.ends_with(".divar.ir") && host.split('.').all(is_label);
    on_divar && url.scheme() == "https" && url.port().is_none() && url.username().is_empty() && url.password().is_none()
}

/// Whether it is a label of a host name: letters, digits and hyphens (RFC 1123, section 2.1).
fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_divar_are_given_on() {
        for (given, used) in [
            ("https://divar.ir/kenar?a=b#c", "https://divar.ir/kenar?a=b#c"),
            ("https://a.b.divar.ir", "https://a.b.divar.ir/"),
            ("HTTPS://DIVAR.IR:443/x", "https://divar.ir/x"),
            (" https:divar.ir\\x\n", "https://divar.ir/x"),
            ("https://%64ivar.ir/", "https://divar.ir/"),
            // Two parsers may read two hosts in this one; what is given on has a single reading.
            ("https://divar.ir\\@example.com:1/", "https://divar.ir/@example.com:1/"),
        ] {
            assert_eq!(safe(Some(given)).as_str(), used, "{given:?}");
        }
        for refused in [
            "",
            "divar.ir",
            "/completion",
            "//divar.ir/",
            "http://divar.ir/",
            "javascript:alert(1)//divar.ir",
            "https://divar.ir.",
            "https://divar.ir./",
            "https://.divar.ir/",
            "https://a..divar.ir/",
            "https://{a}.divar.ir/",
            "https://a\".divar.ir/",
            "https://divar.ir:8443/",
            "https://user@divar.ir/",
            "https://:password@divar.ir/",
            "https://divar.ir@example.com/",
            "https://example.com\\@divar.ir/",
            "https://example.com/.divar.ir",
            "https://example.com?.divar.ir",
            "https://example.com#.divar.ir",
            "https://divar.ir%2eexample.com/",
            "https://divar.ir\t.example.com/",
            "https://notdivar.ir/",
            "https://divar.ir.example.com/",
            "https://xn--divr-5na.ir/",
            "https://dіvar.ir/", // a Cyrillic і
            "https://127.0.0.1/",
            "https://[::1]/",
            "ftp://divar.ir/",
            "data:text/html,https://divar.ir/",
        ] {
            assert_eq!(safe(Some(refused)).as_str(), COMPLETION_URL, "{refused:?}");
        }
        assert_eq!(safe(None).as_str(), COMPLETION_URL);
    }
}
