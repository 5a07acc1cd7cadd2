use super::*;

#[test]
fn only_divar_urls_are_kept() {
    for (given, used) in [
        ("https://divar.ir/kenar?a=b#c", "https://divar.ir/kenar?a=b#c"),
        ("https://a.b.divar.ir", "https://a.b.divar.ir/"),
        ("HTTPS://DIVAR.IR:443/x", "https://divar.ir/x"),
        (" https:divar.ir\\x\n", "https://divar.ir/x"),
        ("https://%64ivar.ir/", "https://divar.ir/"),
        // Parsers disagree about the host of this one, but not about the host of the result.
        ("https://divar.ir\\@example.com:1/", "https://divar.ir/@example.com:1/"),
    ] {
        assert_eq!(safe(Some(given)).as_str(), used, "{given:?}");
    }
    for refused in [
        "",
        "divar.ir",
        "/completion",
        "//divar.ir/",
        "http://divar.ir/",
        "javascript:alert(1)//divar.ir",
        "https://divar.ir.",
        "https://divar.ir./",
        "https://.divar.ir/",
        "https://a..divar.ir/",
        "https://{a}.divar.ir/",
        "https://a\".divar.ir/",
        "https://divar.ir:8443/",
        "https://user@divar.ir/",
        "https://:password@divar.ir/",
        "https://divar.ir@example.com/",
        "https://example.com\\@divar.ir/",
        "https://example.com/.divar.ir",
        "https://example.com?.divar.ir",
        "https://example.com#.divar.ir",
        "https://divar.ir%2eexample.com/",
        "https://divar.ir\t.example.com/",
        "https://notdivar.ir/",
        "https://divar.ir.example.com/",
        "https://xn--divr-5na.ir/",
        "https://dіvar.ir/", // a Cyrillic і
        "https://127.0.0.1/",
        "https://[::1]/",
        "ftp://divar.ir/",
        "data:text/html,https://divar.ir/",
    ] {
        assert_eq!(safe(Some(refused)).as_str(), COMPLETION_URL, "{refused:?}");
    }
    assert_eq!(safe(None).as_str(), COMPLETION_URL);
}
