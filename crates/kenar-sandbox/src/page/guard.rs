//! Who may ask. The page is for a browser on this machine: a site elsewhere must neither read it nor drive it, also
//! not by a name of its own that leads to `127.0.0.1`.

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use crate::names::Names;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Decides by the names of the sandbox.
#[derive(Debug)]
pub(super) struct Guard(Names);

/// What is asked for, by what could be done with it from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A page, a style or a picture: nothing that another page could read, and nothing that acts.
    Document,
    /// What happens in the sandbox.
    Reading,
    /// Something that changes it.
    Acting,
    /// The answer on the consent page, which tests send too, without a browser.
    Consent,
}

/// Why a request is not answered.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) why: String,
}

impl Guard {
    pub(super) fn new(names: Names) -> Self {
        Self(names)
    }

    /// Whether a request comes from this machine's browser, and from a page of the sandbox's own where that matters.
    pub(super) fn check(&self, asked: Asked, method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let own_origin = |origin: &str| origin.strip_prefix("http://").is_some_and(|host| self.0.include(host));
        let allowed = match (asked, text(header::ORIGIN)) {
            (Asked::Document, _) => true,
            (Asked::Acting, None) => false,
            (Asked::Consent, Some(origin)) if method != Method::GET => own_origin(origin),
            (Asked::Consent, _) => true,
            (_, Some(origin)) => own_origin(origin),
            (Asked::Reading, None) => true,
        };
        let site = text(SEC_FETCH_SITE);
        let near = match asked {
            Asked::Document | Asked::Consent => true,
            Asked::Reading => site.is_none_or(|site| matches!(site, "same-origin" | "none")),
            Asked::Acting => site.is_none_or(|site| site == "same-origin"),
        };
        if allowed && near {
            Ok(())
        } else {
            let why = "only the sandbox's own page may ask this".to_owned();
            Err(Refused { status: StatusCode::FORBIDDEN, why })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(asked: Asked, method: &Method, headers: &[(&'static str, &str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        Guard::new(Names::on_port(4040, &[])).check(asked, method, &HeaderMap::from_iter(headers)).is_ok()
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:4040");
    const OWN: (&str, &str) = ("origin", "http://127.0.0.1:4040");

    #[test]
    fn only_the_own_origin_acts() {
        let acts = |headers: &[(&'static str, &str)]| asks(Asked::Acting, &Method::POST, headers);
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
        let reads = |headers: &[(&'static str, &str)]| asks(Asked::Reading, &Method::GET, headers);
        assert!(reads(&[HOST]) && reads(&[HOST, ("sec-fetch-site", "same-origin")]));
        assert!(reads(&[HOST, ("sec-fetch-site", "none")]));
        assert!(!reads(&[HOST, ("sec-fetch-site", "same-site")]), "an add-on on another port");
        assert!(!reads(&[HOST, ("origin", "http://127.0.0.1:8080")]));
    }

    #[test]
    fn permission_is_given_on_the_own_page_or_by_a_test() {
        let decides = |headers: &[(&'static str, &str)]| asks(Asked::Consent, &Method::POST, headers);
        assert!(decides(&[HOST]) && decides(&[HOST, OWN]));
        assert!(!decides(&[HOST, ("origin", "http://evil.example")]) && !decides(&[HOST, ("origin", "null")]));
    }
}
