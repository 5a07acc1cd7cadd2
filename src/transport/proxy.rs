//! The proxies of the environment. Libraries ignore an invalid one and connect directly, so it is checked here.

use std::env;
use std::ffi::OsString;

use http::Uri;

use super::TransportSetupError;

/// The error for an invalid proxy. It omits the value, which may contain a password.
#[derive(Debug, thiserror::Error)]
#[error("{variable} names no proxy that can be used: it must be a URL whose scheme is one of {}", .schemes.join(", "))]
struct UnusableProxy {
    variable: &'static str,
    schemes: &'static [&'static str],
}

/// Checks the proxies of the environment. Of each group, the first variable that is set counts.
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
    // In CGI, the header `Proxy` of a request sets HTTP_PROXY, so libraries ignore the variables there.
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
    // Without a scheme, `http` is meant.
    let Ok(uri) = value.parse::<Uri>() else { return false };
    // `http` reads an invalid port as none.
    let is_address = uri.authority().is_some_and(|address| {
        let is_bare = address.as_str().trim_end_matches(':').ends_with(address.host());
        !address.host().is_empty() && (is_bare || address.port().is_some())
    });
    is_address && uri.scheme_str().is_none_or(|scheme| schemes.contains(&scheme))
}

#[cfg(test)]
mod tests;
