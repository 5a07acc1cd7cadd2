use super::*;

#[test]
fn base_url_is_an_origin_over_https_or_loopback() {
    for good in ["https://kenar.example", "https://kenar.example:8443/", "http://127.0.0.1:1", "http://[::1]:1"] {
        assert!(BaseUrls::single(good).is_ok(), "{good}");
    }
    for bad in [
        "kenar.example",
        "http://kenar.example",
        "https://kenar.example/base",
        "https://kenar.example/?a=b",
        "https://user@kenar.example",
        "https://kenar.example/#a",
        "ws://127.0.0.1:1",
        "",
    ] {
        assert!(BaseUrls::single(bad).is_err(), "{bad}");
    }
}

#[test]
fn insecure_accepts_plain_http() {
    for origin in ["http://kenar:4040", "http://10.0.0.7:4040", "https://kenar.example", "http://127.0.0.1:1"] {
        assert_eq!(BaseUrls::insecure(origin).unwrap().api().as_str(), origin);
    }
    assert!(BaseUrls::single("http://kenar:4040").is_err());
    assert!(!BaseUrls::insecure("http://kenar:4040").unwrap().are_loopback());
    for bad in ["ws://kenar:4040", "http://kenar:4040/v1", "http://user@kenar:4040", "kenar:4040", ""] {
        assert!(BaseUrls::insecure(bad).is_err(), "{bad}");
    }
}

#[test]
fn path_parameter_stays_one_segment() {
    let operation = Metadata::get("test", "/v1/{id}");
    let uri = |id| BaseUrls::default().uri(&operation, [id].into()).map(|uri| uri.to_string());
    for (id, encoded) in [
        ("a/../b?x=1 y", "a%2F..%2Fb%3Fx%3D1%20y"),
        ("Ab+/=", "Ab%2B%2F%3D"),
        ("%2e%2e", "%252e%252e"),
        ("شناسه", "%D8%B4%D9%86%D8%A7%D8%B3%D9%87"),
        ("5f8b0f6e-…", "5f8b0f6e-%E2%80%A6"),
    ] {
        assert_eq!(uri(id).unwrap(), format!("https://open-api.divar.ir/v1/{encoded}"));
        let path = format!("/v1/{encoded}");
        assert_eq!(operation.matches(&path).unwrap(), [id]);
    }
    for id in ["", ".", ".."] {
        assert!(uri(id).is_err(), "{id:?}");
    }
    assert!(BaseUrls::default().uri(&operation, PathParameters::default()).is_err());
}

#[test]
fn hosts_of_divar_are_known_by_their_domain() {
    let is_divars = |origin| BaseUrls::single(origin).unwrap().api().is_divars();
    for own in ["https://divar.ir", "https://open-api.divar.ir", "https://OAuth.Divar.IR:8443"] {
        assert!(is_divars(own), "{own}");
    }
    for other in ["https://notdivar.ir", "https://divar.ir.example", "https://kenar.example", "http://127.0.0.1:1"] {
        assert!(!is_divars(other), "{other}");
    }
    assert!([Host::Api, Host::OAuth, Host::Upload].iter().all(|host| BaseUrls::default().of(*host).is_divars()));
}

#[test]
fn uri_has_the_origin_of_one_base_url() {
    let base_urls = BaseUrls::new("https://api.example", "https://oauth.example", "http://127.0.0.1:1").unwrap();
    let origin_of = |uri: &str| base_urls.origin_of(&uri.parse().unwrap()).map(BaseUrl::as_str);
    assert_eq!(origin_of("https://API.example/v1"), Some("https://api.example"));
    assert_eq!(origin_of("http://127.0.0.1:1/v1"), Some("http://127.0.0.1:1"));
    for other in ["http://api.example/v1", "https://api.example:8443/v1", "https://user@api.example/v1", "/v1"] {
        assert_eq!(origin_of(other), None, "{other}");
    }
}
