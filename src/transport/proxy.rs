//! The proxies that the environment names. Libraries ignore one that they cannot use, and then connect directly.

use std::env;
use std::ffi::OsString;

use http::Uri;

use super::TransportSetupError;

/// A proxy of the environment that cannot be used. Names the variable, and nothing of its value: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("{variable} names no proxy that can be used: it must be a URL whose scheme is one of {}", .schemes.join(", "))]
struct UnusableProxy {
    variable: &'static str,
    schemes: &'static [&'static str],
}

/// Checks the proxies that the environment names: the first variable of each group that is set is the one that counts,
/// and the last group counts where one before it is not set.
pub(super) fn check_environment(
    groups: &[[&'static str; 2]],
    schemes: &'static [&'static str],
) -> Result<(), TransportSetupError> {
    check(groups, schemes, |name| env::var_os(name)).map_err(TransportSetupError::new)
}

fn check(
    groups: &[[&'static str; 2]],
    schemes: &'static [&'static str],
    value: impl Fn(&str) -> Option<OsString>,
) -> Result<(), UnusableProxy> {
    // In CGI, a client sets HTTP_PROXY by a header `Proxy`, so nobody obeys the variables there.
    if value("REQUEST_METHOD").is_some() {
        return Ok(());
    }
    let set = groups.iter().filter_map(|group| {
        group.iter().find_map(|variable| Some((*variable, value(variable)?))).filter(|(_, value)| !value.is_empty())
    });
    for (variable, value) in set {
        if !value.to_str().is_some_and(|value| is_usable(value, schemes)) {
            return Err(UnusableProxy { variable, schemes });
        }
    }
    Ok(())
}

fn is_usable(value: &str, schemes: &[&str]) -> bool {
    // A host and a port without a scheme mean `http`.
    let Ok(uri) = value.parse::<Uri>() else { return false };
    uri.authority().is_some() && uri.scheme_str().is_none_or(|scheme| schemes.contains(&scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: &[[&str; 2]] = &[["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];
    const SCHEMES: &[&str] = &["http", "socks5", "socks5h"];

    fn checked(environment: &[(&str, &str)]) -> Result<(), String> {
        let value = |name: &str| {
            let found = environment.iter().find(|(own, _)| *own == name)?;
            Some(OsString::from(found.1))
        };
        check(GROUPS, SCHEMES, value).map_err(|error| error.to_string())
    }

    #[test]
    fn usable_proxies_are_accepted() {
        for proxy in ["http://127.0.0.1:3128", "proxy.example:3128", "socks5h://user:pass@proxy.example:1080", ""] {
            assert_eq!(checked(&[("HTTPS_PROXY", proxy)]), Ok(()), "{proxy}");
        }
        assert_eq!(checked(&[]), Ok(()));
        assert_eq!(checked(&[("HTTPS_PROXY", "ftp://proxy.example"), ("REQUEST_METHOD", "GET")]), Ok(()));
        assert_eq!(
            checked(&[("HTTPS_PROXY", "http://proxy.example"), ("https_proxy", "ftp://unread.example")]),
            Ok(())
        );
    }

    #[test]
    fn unusable_proxies_are_refused_by_name_only() {
        for proxy in [
            "ftp://user:placeholder@proxy.example",
            "https://user:placeholder@proxy.example",
            "socks4://user:placeholder@proxy.example",
            "http://user:place holder@proxy.example",
            "http://",
            "/placeholder",
        ] {
            for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
                let error = checked(&[(variable, proxy)]).expect_err(proxy);
                assert!(error.starts_with(variable), "{proxy}: {error}");
                assert!(!error.contains("holder") && !error.contains("user"), "{proxy}: {error}");
            }
        }
    }
}
