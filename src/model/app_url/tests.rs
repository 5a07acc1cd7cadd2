use super::*;

#[test]
fn only_https_and_loopback_are_accepted() {
    for good in ["https://addon.example/", "http://localhost:3000/", "http://[::1]:1/", "http://127.8.9.1/"] {
        assert!(good.parse::<AppUrl>().is_ok(), "{good}");
    }
    for bad in [
        "addon.example",
        "/path",
        "http://addon.example/",
        "http://localhost.example/",
        "http://10.0.0.1/",
        "javascript:alert(1)",
        "https://user@addon.example/",
        "ftp://addon.example/",
        "file:///etc/hosts",
    ] {
        assert!(bad.parse::<AppUrl>().is_err(), "{bad}");
    }
}

#[test]
fn insecure_accepts_plain_http() {
    assert!(AppUrl::insecure("http://addon:8000/events").is_ok() && AppUrl::insecure("http://10.0.0.1/").is_ok());
    for bad in ["http://user@addon:8000/", "ftp://addon/", "javascript:alert(1)", "addon:8000", "/path"] {
        assert!(AppUrl::insecure(bad).is_err(), "{bad}");
    }
}

#[test]
fn segments_stay_below_the_base() {
    let base: AppUrl = "https://addon.example/kenar/?a=b#c".parse().unwrap();
    assert_eq!(base.join(["..", "/x", "y?z"]).as_str(), "https://addon.example/kenar/%2Fx/y%3Fz");
}

#[test]
fn query_is_found_in_paths_and_urls() {
    for text in [
        "a=b&c=d?e/f",
        "?a=b&c=d?e/f",
        "/?a=b&c=d?e/f",
        "/x=y&z?a=b&c=d?e/f",
        "oauth?a=b&c=d?e/f",
        "x/y=z?a=b&c=d?e/f",
        "http://127.0.0.1:1/oauth?a=b&c=d?e/f",
        "https://addon.example?a=b&c=d?e/f#_=_",
        "//addon.example/x=y?a=b&c=d?e/f#?g=h",
        "a=b&c=d?e/f#",
    ] {
        assert_eq!(query_of(text), "a=b&c=d?e/f", "{text}");
    }
    for text in ["", "?", "#", "/", "/oauth", "https://addon.example/a=b", "/oauth?#a=b"] {
        assert_eq!(query_of(text), "", "{text}");
    }
    for query in ["a", "a&b", "=", "a=/?b", "?a"] {
        assert_eq!(query_of(&format!("?{query}")), query);
    }
}
