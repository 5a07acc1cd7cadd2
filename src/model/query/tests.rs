use super::query_of;

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
