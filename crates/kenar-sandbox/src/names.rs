//! The host names of a sandbox.
//!
//! A web site can resolve its own host name to `127.0.0.1` (DNS rebinding) to read and control local servers. The `Host`
//! header reveals that: it has the name under which the page was loaded.

use std::fmt;

use http::Uri;
use http::header::{self, HeaderMap};

/// The accepted authorities (`host:port`) of a sandbox.
#[derive(Clone, Debug)]
pub(crate) struct Names(Vec<String>);

impl Names {
    /// The loopback names on a port, and further allowed names.
    pub(crate) fn on_port(port: u16, allowed: &[String]) -> Self {
        let loopback = ["127.0.0.1", "localhost", "[::1]"].map(str::to_owned);
        let mut names = Vec::new();
        for name in loopback.iter().chain(allowed) {
            // A name may have another port, such as the published one of a container.
            if has_port(name) {
                names.push(name.clone());
                continue;
            }
            names.push(format!("{name}:{port}"));
            if port == 80 {
                names.push(name.clone());
            }
        }
        Self(names)
    }

    /// The single name of a sandbox without a port.
    pub(crate) fn only(authority: &str) -> Self {
        Self(vec![authority.to_owned()])
    }

    /// Returns `true` if the authority is one of the names.
    pub(crate) fn include(&self, authority: &str) -> bool {
        self.0.iter().any(|own| own.eq_ignore_ascii_case(authority))
    }

    /// Returns `true` if the request's only `Host` and any host in its target are accepted.
    pub(crate) fn are_addressed(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        host.to_str().is_ok_and(|host| self.include(host))
            && uri.authority().is_none_or(|authority| self.include(authority.as_str()))
    }
}

fn has_port(name: &str) -> bool {
    name.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) && !name.ends_with(']')
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_are_included() {
        let names = Names::on_port(4040, &["kenar".to_owned(), "published.example:5050".to_owned()]);
        for own in
            ["127.0.0.1:4040", "localhost:4040", "LocalHost:4040", "[::1]:4040", "kenar:4040", "published.example:5050"]
        {
            assert!(names.include(own), "{own}");
        }
        for other in [
            "kenar",
            "kenar:1",
            "127.0.0.1",
            "127.0.0.1:1",
            "published.example:4040",
            "localhost.evil.example:4040",
            "evil.example:4040",
            "",
        ] {
            assert!(!names.include(other), "{other}");
        }
        assert!(Names::on_port(80, &[]).include("localhost") && Names::on_port(80, &[]).include("localhost:80"));
    }

    #[test]
    fn target_and_single_host_must_both_be_own() {
        let names = Names::on_port(4040, &[]);
        let addressed = |uri: &'static str, hosts: &[&'static str]| {
            let hosts = hosts.iter().map(|host| (header::HOST, http::HeaderValue::from_static(host)));
            let mut headers = HeaderMap::new();
            for (name, host) in hosts {
                headers.append(name, host);
            }
            names.are_addressed(&Uri::from_static(uri), &headers)
        };
        assert!(addressed("/", &["127.0.0.1:4040"]) && addressed("http://localhost:4040/", &["127.0.0.1:4040"]));
        for (uri, hosts) in [
            ("/", &[][..]),
            ("/", &["evil.example"]),
            ("/", &["127.0.0.1:4040", "127.0.0.1:4040"]),
            ("/", &["127.0.0.1:4040", "evil.example"]),
            ("http://evil.example/", &["127.0.0.1:4040"]),
            ("http://127.0.0.1:4040/", &["evil.example"]),
        ] {
            assert!(!addressed(uri, hosts), "{uri} {hosts:?}");
        }
    }
}
