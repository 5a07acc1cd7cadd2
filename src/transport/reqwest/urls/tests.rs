use super::*;

const ORIGINS: [&str; 5] = [
    "http://127.0.0.1:4040",
    "https://open-api.divar.ir",
    "https://KENAR.example:443",
    "http://[::1]:4040",
    "https://user:placeholder@kenar.example",
];

const PATHS: [&str; 7] =
    ["", "/", "/v1/users/a%2Fb", "/v1/../users/./c", "/v1/%2e%2e/c?a=b&c=%20", "/?", "/v1//c'\"{}|?q=/../?"];

#[test]
fn url_is_parsed_alike_for_each_origin_and_path() {
    let urls = Urls::default();
    // Each origin is met twice, and there are more origins than are kept.
    for _ in 0..2 {
        for origin in ORIGINS {
            for path in PATHS {
                let text = format!("{origin}{path}");
                let Ok(uri) = text.parse::<Uri>() else { continue };
                assert_eq!(urls.url(&uri).unwrap(), Url::parse(&uri.to_string()).unwrap(), "{text}");
            }
        }
    }
}

#[test]
fn uri_without_a_host_is_refused() {
    assert!(Urls::default().url(&Uri::from_static("/v1/users")).is_err());
}
