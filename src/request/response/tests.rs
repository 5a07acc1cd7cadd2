use super::*;
use http::HeaderValue;

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for (value, wait) in [
        ("0", Some(Duration::ZERO)),
        ("17", Some(Duration::from_secs(17))),
        ("Tue, 14 Nov 2023 22:13:50 GMT", Some(Duration::from_secs(30))),
        ("Tue, 14 Nov 2023 22:13:10 GMT", Some(Duration::ZERO)),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("99999999999999999999999", None),
    ] {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(value))]);
        assert_eq!(retry_after_at(&headers, || Some(now)), wait, "{value:?}");
    }
}

#[test]
fn excerpt_of_invalid_utf8_is_bounded() {
    assert!(excerpt(&[0xff; 5000]).len() <= Error::MAX_EXCERPT_BYTES);
    assert_eq!(excerpt("سلام".as_bytes()), "سلام");
}
