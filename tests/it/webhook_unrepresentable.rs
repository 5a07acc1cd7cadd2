//! Promise: no webhook rejects valid JSON because of values that Rust cannot represent: lone surrogates, and numbers beyond
//! `f64`.

use http::{HeaderMap, header};
use kenar::secret::IdentificationKey;
use kenar::webhook::{Event, Rejection, UndecodableReason, Verifier};

fn verifier() -> (Verifier, HeaderMap) {
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, "placeholder".parse().unwrap())]);
    (Verifier::new(IdentificationKey::new("placeholder").unwrap()), headers)
}

/// The result of each webhook for a body.
fn webhooks(body: impl AsRef<[u8]>) -> [(&'static str, Result<String, Rejection>); 3] {
    let (verifier, headers) = verifier();
    let body = body.as_ref();
    [
        ("open_app", verifier.open_app(&headers, body).map(|opened| format!("{opened:?}"))),
        ("event", verifier.event(&headers, body).map(|event| format!("{event:?}"))),
        ("dynamic_action", verifier.dynamic_action(&headers, body).map(|pressed| format!("{pressed:?}"))),
    ]
}

#[test]
fn unrepresentable_json_objects_are_accepted() {
    for body in [
        r#"{"user_id":"\ud800"}"#,
        r#"{"user_id":1e400}"#,
        r#"{"user_id":-1e400}"#,
        r#"{"\ud800":"user_id"}"#,
        r#"{"\udfff\ud800":{"\ud800":["\ud800"]}}"#,
        r#"{"supplier":{"id":"\ud83d"},"extra_data":{"location":{"latitude":1e999}}}"#,
        r#"{"type":"\ud800"}"#,
        r#"{"type":"NEW_MESSAGE","new_message":{"conversation":{"id":"c","\ud800":1e999},"sent_at":1e999}}"#,
        "\u{feff}{\"user_id\":\"\\ud800\"}",
        "\u{feff} {}",
    ] {
        for (webhook, read) in webhooks(body) {
            assert!(read.is_ok(), "{webhook}: {body}: {read:?}");
        }
    }
}

#[test]
fn invalid_json_is_rejected() {
    for body in [
        r#"{"user_id":"\ud8"}"#,
        r#"{"user_id":"\ud800}"#,
        r#"{"user_id":1e}"#,
        r#"{"user_id":"\ud800"} {}"#,
        r#"{"\ud800"}"#,
        "\u{feff}\u{feff}{}",
        "{}\u{feff}",
    ] {
        for (webhook, read) in webhooks(body) {
            assert!(matches!(read, Err(Rejection::NotJson(_))), "{webhook}: {body}: {read:?}");
        }
    }
    for (webhook, read) in webhooks("1e999").into_iter().chain(webhooks(r#""\ud800""#)) {
        assert!(matches!(read, Err(Rejection::NotAnObject)), "{webhook}: {read:?}");
    }
}

#[test]
fn invalid_utf8_is_rejected_only_in_known_fields() {
    let known: [&[u8]; 5] = [
        b"{\"post_token\":\"\xff\",\"type\":\"\xd8\"}",
        b"{\"conversation_id\":\"c-\xe2\x82\",\"type\":\"\xff\"}",
        b"{\"post_token\xff\":\"QYabcdef\"}",
        b"{\"post_token\":\"ab\xff\\udc00\",\"type\":\"ab\xff\\udc00\"}",
        b"{\"post_token\":\"ab\\\xff\",\"type\":\"ab\\\xff\"}",
    ];
    for body in known {
        for (webhook, read) in webhooks(body) {
            assert!(matches!(read, Err(Rejection::NotJson(_))), "{webhook}: {body:?}: {read:?}");
        }
    }
    let unknown: [&[u8]; 2] =
        [b"{\"newer\":\"\xff\",\"post_token\":\"QYabcdef\"}", b"{\"newer\":[{\"a\":\"\xe2\x82\"}]}"];
    for body in unknown {
        for (webhook, read) in webhooks(body).into_iter().filter(|(webhook, _)| *webhook != "event") {
            assert!(read.is_ok(), "{webhook}: {body:?}: {read:?}");
        }
    }
}

#[test]
fn lone_surrogates_become_replacement_characters() {
    let (verifier, headers) = verifier();
    for (written, read) in [
        (r#""half \ud83d""#, "half \u{fffd}"),
        (r#""\ude00\ud83d and more""#, "\u{fffd} and more"),
        (r#""\ud83d\ude00 \ud83d \\ud83d""#, "😀 \u{fffd} \\ud83d"),
    ] {
        let body = format!(
            r#"{{"type":"NEW_MESSAGE","new_message":{{"conversation":{{"id":"c"}},"type":"TEXT","text":{written}}}}}"#
        );
        let Ok(Event::NewMessage(message)) = verifier.event(&headers, body.as_bytes()) else { panic!("{body}") };
        assert_eq!(message.text(), Some(read), "{written}");
        let opened = verifier.open_app(&headers, format!(r#"{{"user_id":{written}}}"#).as_bytes()).unwrap();
        assert_eq!(opened.user_id().unwrap().as_str(), read);
    }
}

#[test]
fn numbers_beyond_all_doubles_count_as_missing() {
    let (verifier, headers) = verifier();
    for number in ["1e400", "-1e400", "1e999999999999999999999"] {
        let body = format!(r#"{{"user_id":{number},"post_token":"a","user_side":"SUPPLY"}}"#);
        let pressed = verifier.dynamic_action(&headers, body.as_bytes()).unwrap();
        assert_eq!((pressed.user_id(), pressed.post_token().unwrap().as_str()), (None, "a"));

        let body = format!(r#"{{"type":"USER_ACCESS_REVOCATION","user_access_revocation":{{"user_id":{number}}}}}"#);
        let Ok(Event::Undecodable(event)) = verifier.event(&headers, body.as_bytes()) else { panic!("{body}") };
        assert_eq!((event.reason, event.raw.get()), (UndecodableReason::NoUserId, body.as_str()));
    }
}

#[test]
fn button_data_is_kept_unchanged() {
    let (verifier, headers) = verifier();
    let body = r#"{"user_id":"\ud800","extra_data":{ "a" : "\ud800", "b":1e400 }}"#;
    let pressed = verifier.dynamic_action(&headers, body.as_bytes()).unwrap();
    assert_eq!(pressed.data_json().unwrap().get(), r#"{ "a" : "\ud800", "b":1e400 }"#);
}
