//! Checks of short texts.

use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use jiff::civil::DateTime;
use kenar::model::Timestamp;
use kenar::request::response;
use kenar::webhook::{StartCommand, TouchPoint};

pub fn start_command(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let words: Vec<&str> = text.split_whitespace().collect();
    let Some(start) = StartCommand::parse(text) else {
        assert!(words.len() < 2 || words[0] != "/start", "a command was not parsed: {text:?}");
        return;
    };
    assert_eq!(words[0], "/start");
    assert!(start.touch_point.as_str().eq_ignore_ascii_case(words[1]), "{start:?}");
    assert_eq!(start.argument.as_deref(), words.get(2).copied());
    let argument = start.argument.as_deref();
    let of_chat = argument.filter(|_| start.touch_point == TouchPoint::Chat);
    assert_eq!(start.conversation_id().as_ref().map(|id| id.as_str()), of_chat);
    let of_post = argument.filter(|_| matches!(start.touch_point, TouchPoint::MyPost | TouchPoint::DemandPost));
    assert_eq!(start.post_token().as_ref().map(|post| post.as_str()), of_post);
    assert_eq!(StartCommand::parse(&start.to_string()), Some(start));
}

pub fn timestamp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let by_jiff = text.parse::<jiff::Timestamp>().ok();
    if let Ok(read) = text.parse::<Timestamp>() {
        assert_round_trip(read);
        // A leap second is the next second here, and the previous one in jiff.
        let is_leap = text.get(17..19) == Some("60");
        if let Some(by_jiff) = by_jiff.filter(|_| !is_leap) {
            let micros = by_jiff.as_nanosecond().div_euclid(1000);
            assert_eq!(i128::from(read.unix_micros()), micros, "{text:?}");
        }
    }
    for json in [text.to_owned(), serde_json::Value::from(text).to_string()] {
        if let Ok(read) = serde_json::from_str::<Timestamp>(&json) {
            assert_round_trip(read);
        }
    }
}

fn assert_round_trip(at: Timestamp) {
    let text = at.to_string();
    assert_eq!(text.parse(), Ok(at), "{text}");
    // A civil date and time: jiff's instants end 26 hours before the year 9999.
    let (civil, zone) = text.split_at(text.len() - 1);
    let by_jiff: DateTime = civil.parse().expect("RFC 3339");
    let micros = by_jiff.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).as_micros();
    assert_eq!((micros, zone), (at.unix_micros().into(), "Z"), "{text}");
    assert_eq!(serde_json::to_string(&at).and_then(|json| serde_json::from_str::<Timestamp>(&json)).ok(), Some(at));
    assert_eq!(Timestamp::from_unix_micros(at.unix_micros()), Some(at));
    assert_eq!(Timestamp::from(SystemTime::from(at)), at);
    assert_eq!(at.saturating_since(at), Duration::ZERO);
    assert!(at.saturating_add(Duration::MAX) >= at);
}

pub fn retry_after(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let wait = response::retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]));
    let text = std::str::from_utf8(data).ok().filter(|text| text.is_ascii()).unwrap_or_default().trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        assert_eq!(wait, text.parse().ok().map(Duration::from_secs), "{text:?}");
    } else if let Some(wait) = wait {
        // A date up to the year 9999, or a number with a sign.
        assert!(text.starts_with('+') || wait < Duration::from_secs(300_000_000_000), "{text:?}");
    }
}
