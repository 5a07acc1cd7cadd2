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
    for proxy in [
        "http://127.0.0.1:3128",
        "proxy.example:3128",
        "socks5h://user:pass@proxy.example:1080",
        "http://[::1]:3128",
        "",
    ] {
        assert_eq!(checked(&[("HTTPS_PROXY", proxy)]), Ok(()), "{proxy}");
    }
    assert_eq!(checked(&[]), Ok(()));
    assert_eq!(checked(&[("HTTPS_PROXY", "ftp://proxy.example"), ("REQUEST_METHOD", "GET")]), Ok(()));
    assert_eq!(checked(&[("HTTPS_PROXY", "http://proxy.example"), ("https_proxy", "ftp://unread.example")]), Ok(()));
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
        "http://user:placeholder@proxy.example:99999",
        "http://user:placeholder@proxy.example:31x",
        "http://user:placeholder@:3128",
    ] {
        for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            let error = checked(&[(variable, proxy)]).expect_err(proxy);
            assert!(error.starts_with(variable), "{proxy}: {error}");
            assert!(!error.contains("holder") && !error.contains("user"), "{proxy}: {error}");
        }
    }
}
