//! Access control of the chat page.
//!
//! The page is for a browser on this machine. Other web sites must neither read nor control it, even with a host name that
//! resolves to `127.0.0.1`.

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use crate::names::Names;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The access rules, based on the sandbox's host names.
#[derive(Debug)]
pub(super) struct Guard(Names);

/// The kind of a request, by the harm that another site could do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// A page, style or image, which another site can neither read nor use to act.
    Document,
    /// The sandbox's data.
    Reading,
    /// A change in the sandbox.
    Acting,
    /// A decision on the consent page, which tests also send without a browser.
    Consent,
}

/// The error of a forbidden request.
#[derive(Debug)]
pub(super) struct Forbidden {
    pub(super) status: StatusCode,
    pub(super) why: String,
}

impl Guard {
    pub(super) fn new(names: Names) -> Self {
        Self(names)
    }

    /// Checks that a request comes from the sandbox's own page, if its kind requires that.
    pub(super) fn check(&self, access: Access, method: &Method, headers: &HeaderMap) -> Result<(), Forbidden> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let own_origin = |origin: &str| origin.strip_prefix("http://").is_some_and(|host| self.0.include(host));
        let allowed = match (access, text(header::ORIGIN)) {
            (Access::Document, _) => true,
            (Access::Acting, None) => false,
            (Access::Consent, Some(origin)) if method != Method::GET => own_origin(origin),
            (Access::Consent, _) => true,
            (_, Some(origin)) => own_origin(origin),
            (Access::Reading, None) => true,
        };
        let site = text(SEC_FETCH_SITE);
        let near = match access {
            Access::Document | Access::Consent => true,
            Access::Reading => site.is_none_or(|site| matches!(site, "same-origin" | "none")),
            Access::Acting => site.is_none_or(|site| site == "same-origin"),
        };
        if allowed && near {
            Ok(())
        } else {
            let why = "cross-origin request: send the header `Origin` with the sandbox's own URL".to_owned();
            Err(Forbidden { status: StatusCode::FORBIDDEN, why })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(access: Access, method: &Method, headers: &[(&'static str, &str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        Guard::new(Names::on_port(4040, &[])).check(access, method, &HeaderMap::from_iter(headers)).is_ok()
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:4040");
    const OWN: (&str, &str) = ("origin", "http://127.0.0.1:4040");

    #[test]
    fn only_own_origin_acts() {
        let acts = |headers: &[(&'static str, &str)]| asks(Access::Acting, &Method::POST, headers);
        assert!(acts(&[HOST, OWN]));
        assert!(acts(&[HOST, ("origin", "http://localhost:4040"), ("sec-fetch-site", "same-origin")]));
        assert!(!acts(&[HOST]));
        for origin in ["null", "http://127.0.0.1:8080", "https://127.0.0.1:4040", "http://evil.example", ""] {
            assert!(!acts(&[HOST, ("origin", origin)]), "{origin}");
        }
        for site in ["same-site", "cross-site", "none", ""] {
            assert!(!acts(&[HOST, OWN, ("sec-fetch-site", site)]), "{site}");
        }
    }

    #[test]
    fn only_own_page_or_no_site_reads() {
        let reads = |headers: &[(&'static str, &str)]| asks(Access::Reading, &Method::GET, headers);
        assert!(reads(&[HOST]) && reads(&[HOST, ("sec-fetch-site", "same-origin")]));
        assert!(reads(&[HOST, ("sec-fetch-site", "none")]));
        assert!(!reads(&[HOST, ("sec-fetch-site", "same-site")]), "an add-on on another port");
        assert!(!reads(&[HOST, ("origin", "http://127.0.0.1:8080")]));
    }

    #[test]
    fn consent_comes_from_own_page_or_no_browser() {
        let decides = |headers: &[(&'static str, &str)]| asks(Access::Consent, &Method::POST, headers);
        assert!(decides(&[HOST]) && decides(&[HOST, OWN]));
        assert!(!decides(&[HOST, ("origin", "http://evil.example")]) && !decides(&[HOST, ("origin", "null")]));
    }
}
