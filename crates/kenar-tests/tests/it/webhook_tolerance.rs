//! Promise: no request from Divar crashes an add-on. A request with dropped, null, retyped, repeated or additional keys is
//! still read, and no bytes cause a panic.

use http::HeaderMap;
use kenar::model::MessageContent;
use kenar::webhook::{DynamicAction, Event, OpenApp, StartCommand, UntrustedDirectLink};
use kenar_tests::same_cases;
use kenar_tests::support::webhook::{files, fixture};
use proptest::prelude::*;
use serde_json::Value;

/// Values of a wrong type, and unusual ones.
const ODD: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "1e300",
    "18446744073709551615",
    "99999999999999999999999999999999999999999999",
    r#""""#,
    r#""x""#,
    r#""\u0000\ud83d\ude9a""#,
    "[]",
    "[null,[1],{}]",
    "{}",
    r#"{"@type":"x","id":{},"type":[]}"#,
];

/// A change of the value of one key.
#[derive(Clone, Copy, Debug)]
enum Change {
    Drop,
    Replace(&'static str),
    PutBefore(&'static str),
    PutAfter(&'static str),
    RenameCase,
}

/// The keys that lead to a value, from the top.
type Path = Vec<String>;

/// The keys of an app's own data, of any form.
const OPAQUE: &[&str] = &["metadata", "meta_data", "extra_data", "provider_data", "data"];

fn paths(value: &Value) -> Vec<Path> {
    let Value::Object(entries) = value else { return Vec::new() };
    let mut all = Vec::new();
    for (key, value) in entries {
        all.push(vec![key.clone()]);
        all.extend(paths(value).into_iter().map(|path| [vec![key.clone()], path].concat()));
    }
    all
}

/// Writes JSON with an optional change, and optionally with unknown keys around the known ones.
fn write(value: &Value, change: Option<(&[String], Change)>, surround: bool) -> String {
    let Value::Object(entries) = value else { return value.to_string() };
    let mut parts = Vec::new();
    if surround {
        parts.push(r#""@type":"type.googleapis.com/placeholder","newer":{"id":[null,{"text":"no"}]}"#.to_owned());
    }
    for (key, value) in entries {
        let below = change.and_then(|(path, change)| {
            let (first, rest) = path.split_first()?;
            (first == key).then_some((rest, change))
        });
        let surround_below = surround && !OPAQUE.contains(&key.as_str());
        let part = |key: &str, value: &str| format!("{}:{value}", Value::from(key));
        let same = write(value, below, surround_below);
        match below {
            Some(([], Change::Drop)) => {}
            Some(([], Change::Replace(odd))) => parts.push(part(key, odd)),
            Some(([], Change::PutBefore(odd))) => parts.extend([part(key, odd), part(key, &same)]),
            Some(([], Change::PutAfter(odd))) => parts.extend([part(key, &same), part(key, odd)]),
            Some(([], Change::RenameCase)) => parts.push(part(&key.to_uppercase(), &same)),
            _ => parts.push(part(key, &same)),
        }
    }
    if surround {
        parts.push(r#""edited":false,"":0"#.to_owned());
    }
    format!("{{{}}}", parts.join(","))
}

fn changes() -> impl Iterator<Item = Change> {
    let odd = |change: fn(&'static str) -> Change| ODD.iter().map(move |odd| change(odd));
    [Change::Drop, Change::RenameCase]
        .into_iter()
        .chain(odd(Change::Replace))
        .chain(odd(Change::PutBefore))
        .chain(odd(Change::PutAfter))
}

/// Reads every changed form of every fixture of a folder.
fn check<T: PartialEq + std::fmt::Debug>(
    folder: &str,
    read: impl Fn(&[u8]) -> Result<T, String>,
    is_known: impl Fn(&T) -> bool,
) {
    let mut checked = 0;
    for file in files(folder) {
        let Ok(body @ Value::Object(_)) = serde_json::from_slice::<Value>(&fixture(folder, &file)) else { continue };
        let must =
            |text: &str| read(text.as_bytes()).unwrap_or_else(|error| panic!("{folder}/{file}: {error}\n{text}"));
        let original = must(&write(&body, None, false));
        let surrounded = must(&write(&body, None, true));
        if is_known(&original) {
            assert_eq!(surrounded, original, "{folder}/{file}, surrounded by unknown keys");
        }
        for path in paths(&body) {
            for change in changes() {
                must(&write(&body, Some((&path, change)), false));
                checked += 1;
            }
            let is_opaque =
                path.split_last().is_some_and(|(_, above)| above.iter().any(|key| OPAQUE.contains(&key.as_str())));
            if is_known(&original) && !is_opaque {
                for change in [Change::PutBefore("null"), Change::PutAfter("null")] {
                    let repeated = must(&write(&body, Some((&path, change)), false));
                    assert_eq!(repeated, original, "{folder}/{file}, {} repeated as null", path.join("."));
                }
            }
        }
    }
    assert!(checked > 1_000, "{folder}: only {checked} forms were tried");
}

fn read_event(body: &[u8]) -> Result<Event, String> {
    Event::from_unverified_body(body).map_err(|rejection| rejection.to_string())
}

fn read_open_app(body: &[u8]) -> Result<OpenApp, String> {
    OpenApp::from_unverified_body(&HeaderMap::new(), body).map_err(|rejection| rejection.to_string())
}

fn read_dynamic_action(body: &[u8]) -> Result<DynamicAction, String> {
    DynamicAction::from_unverified_body(body).map_err(|rejection| rejection.to_string())
}

#[test]
fn changed_event_is_still_read() {
    check("event", read_event, |event| match event {
        // Unknown events are kept, with the surrounding keys.
        Event::Unknown(_) | Event::Undecodable(_) => false,
        Event::NewMessage(event) | Event::ChatbotMessage(event) => !matches!(event.content, MessageContent::Unknown(_)),
        _ => true,
    });
}

#[test]
fn changed_open_app_is_still_read() {
    check("open_app", read_open_app, |_| true);
}

#[test]
fn changed_press_is_still_read() {
    check("dynamic_action", read_dynamic_action, |_| true);
}

/// JSON of the keys and words that Divar uses, in any order and of any type.
fn json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "",
        "NEW_MESSAGE",
        "NEW_CHATBOT_MESSAGE",
        "USER_ACCESS_REVOCATION",
        "POST_UPDATE",
        "PAYMENT_TRANSACTION",
        "new_message",
        "POST",
        "BOT",
        "HUMAN",
        "USER",
        "SELLER",
        "BUYER",
        "supply",
        "TEXT",
        "IMAGE",
        "FILE",
        "VOICE",
        "VIDEO",
        "LOCATION",
        "CONTACT",
        "STICKER",
        "CHAT",
        "POST_ADODN",
        "PUBLISH",
        "TRANSACTION_STATE_FAILED",
        "2",
        "1729429926140000",
        "2024-10-20T13:12:06.14+03:30",
        "https://divar.ir/x",
        "/start CHAT c-1",
        "35.7",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-200.0..200.0).prop_map(Value::from),
        word.prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "type",
        "id",
        "metadata",
        "meta_data",
        "new_message",
        "new_chatbot_message",
        "user_access_revocation",
        "post_update",
        "transaction",
        "payment_transaction",
        "conversation",
        "sender",
        "side",
        "post_token",
        "text",
        "message_text",
        "sent_at",
        "image_data",
        "file_data",
        "voice_data",
        "video_data",
        "location_data",
        "latitude",
        "longitude",
        "contact_data",
        "link",
        "name",
        "phone",
        "size_bytes",
        "user_id",
        "post",
        "token",
        "data",
        "state",
        "cost_rials",
        "created_at",
        "is_phone_hidden",
        "source",
        "touchpoint",
        "peer_id",
        "supplier",
        "Supplier",
        "demand",
        "user_side",
        "extra_data",
        "provider_data",
        "location",
        "callback_url",
        "return_url",
        "completion_url",
        "conversation_id",
        "@type",
        "newer",
    ]);
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            5 => prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn payload() -> impl Strategy<Value = Value> {
    ("[a-z]{1,4}", json(), json()).prop_map(|(id, inside, outside)| {
        // Complete often enough, so that not every event is undecodable.
        let mut payload = inside.as_object().cloned().unwrap_or_default();
        payload.insert("conversation".to_owned(), serde_json::json!({ "id": id, "type": outside["type"] }));
        let mut event = outside.as_object().cloned().unwrap_or_default();
        event.insert("new_message".to_owned(), payload.into());
        event.insert("type".to_owned(), "NEW_MESSAGE".into());
        event.into()
    })
}

proptest! {
    #![proptest_config(same_cases())]

    #[test]
    fn any_json_object_is_an_event_that_round_trips(body in prop_oneof![json(), payload()]) {
        let body = body.to_string();
        let event = read_event(body.as_bytes());
        prop_assert_eq!(event.is_ok(), body.starts_with('{'), "{}", body);
        if let Ok(event) = event {
            let written = serde_json::to_string(&event).unwrap();
            prop_assert_eq!(read_event(written.as_bytes()).unwrap(), event, "{} written as {}", body, written);
        }
    }

    #[test]
    fn any_json_object_is_an_open_app_and_a_press(body in json()) {
        let body = body.to_string();
        if let Ok(opened) = read_open_app(body.as_bytes()) {
            let written = serde_json::to_string(&opened).unwrap();
            let headers = opened.headers();
            let again = OpenApp::from_unverified_body(&headers, written.as_bytes()).unwrap();
            prop_assert_eq!(&again, &opened, "{} written as {}", body, written);
            let host = opened.return_url().host_str().unwrap().to_owned();
            prop_assert!(host == "divar.ir" || host.ends_with(".divar.ir"), "{}", host);

            let pressed = read_dynamic_action(body.as_bytes()).unwrap();
            let written = serde_json::to_string(&pressed).unwrap();
            prop_assert_eq!(read_dynamic_action(written.as_bytes()).unwrap(), pressed);
        } else {
            prop_assert!(!body.starts_with('{'), "{}", body);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (read_event(&bytes), read_open_app(&bytes), read_dynamic_action(&bytes));
        let text = String::from_utf8_lossy(&bytes);
        let _ = (UntrustedDirectLink::parse(&text).return_url(), StartCommand::parse(&text));
    }

    #[test]
    fn damaged_bodies_never_panic(
        at in any::<prop::sample::Index>(),
        file in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        for folder in ["event", "open_app", "dynamic_action"] {
            let files: Vec<_> = files(folder).into_iter().collect();
            let mut body = fixture(folder, file.get::<String>(&files));
            let at = at.index(body.len());
            if cut { body.truncate(at) } else { body[at] = byte }
            let _ = (read_event(&body), read_open_app(&body), read_dynamic_action(&body));
        }
    }
}
