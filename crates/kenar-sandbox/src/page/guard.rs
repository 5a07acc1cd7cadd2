//! Who may ask. The page is for a browser on this machine: a site elsewhere must neither read it nor drive it, also
//! not by a name of its own that leads to `127.0.0.1`.

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use crate::names::Names;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Decides by the names of the sandbox.
#[derive(Debug)]
pub(super) struct Guard(Names);

/// What is access for, by what could be done with it from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// A page, a style or a picture: nothing that another page could read, and nothing that acts.
    Document,
    /// What happens in the sandbox.
    Reading,
    /// Something that changes it.
    Acting,
    /// The response on the consent page, which tests send too, without a browser.
    Consent,
}

/// Why a request is not answered.
#[derive(Debug)]
pub(super) struct Forbidden {
    pub(super) status: StatusCode,
    pub(super) why: String,
}

impl Guard {
    pub(super) fn new(names: Names) -> Self {
        Self(names)
    }

    /// Whether a request comes from this machine's browser, and from a page of the sandbox's own where that matters.
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
            let why = "only the sandbox's own page may ask this".to_owned();
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
    fn only_the_own_origin_acts() {
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
    fn reading_is_for_the_own_page_and_for_hands() {
        let reads = |headers: &[(&'static str, &str)]| asks(Access::Reading, &Method::GET, headers);
        assert!(reads(&[HOST]) && reads(&[HOST, ("sec-fetch-site", "same-origin")]));
        assert!(reads(&[HOST, ("sec-fetch-site", "none")]));
        assert!(!reads(&[HOST, ("sec-fetch-site", "same-site")]), "an add-on on another port");
        assert!(!reads(&[HOST, ("origin", "http://127.0.0.1:8080")]));
    }

    #[test]
    fn permission_is_given_on_the_own_page_or_by_a_test() {
        let decides = |headers: &[(&'static str, &str)]| asks(Access::Consent, &Method::POST, headers);
        assert!(decides(&[HOST]) && decides(&[HOST, OWN]));
        assert!(!decides(&[HOST, ("origin", "http://evil.example")]) && !decides(&[HOST, ("origin", "null")]));
    }
}
