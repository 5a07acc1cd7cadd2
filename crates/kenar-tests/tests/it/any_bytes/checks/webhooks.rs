//! Checks of webhook requests and direct links.

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};
use kenar::secret::IdentificationKey;
use kenar::webhook::{
    DataError, DynamicAction, Event, MessageEvent, OpenApp, Rejection, StartCommand, UntrustedDirectLink, Verifier,
};
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::input;

pub fn open_app(data: &[u8]) {
    let (head, body) = input::head_and_body(data);
    let headers = input::headers(input::lines(head));
    let Some(opened) = object(body, OpenApp::from_unverified_body(&headers, body)) else { return };
    assert_is_of_divar(&opened.return_url());
    assert!(opened.user_side().is_none_or(|side| !side.as_str().is_empty()), "an empty side");
    assert_data_is_kept(opened.data::<Value>(), opened.data_json().map(|json| json.get()));
    let _ = format!("{opened:?}");

    let written = serde_json::to_string(&opened).expect("a parsed value can be serialised");
    let again = OpenApp::from_unverified_body(&opened.headers(), written.as_bytes()).expect("the JSON can be parsed");
    assert_eq!(again, opened, "from {written}");
}

pub fn event(data: &[u8]) {
    let event = Event::from_unverified_body(data);
    let Some(event) = object(data, event) else { return };
    let _ = (format!("{event:?}"), event.kind());
    if let Event::NewMessage(event) | Event::ChatbotMessage(event) = &event {
        assert_message_is_readable(event);
    }

    let written = serde_json::to_string(&event).expect("a parsed value can be serialised");
    let again = Event::from_unverified_body(written.as_bytes()).expect("the JSON can be parsed");
    assert_eq!(again, event, "from {written}");
    let by_serde: Event = serde_json::from_str(&written).expect("serde parses the JSON");
    assert_eq!(by_serde, event, "from {written}");
}

fn assert_message_is_readable(event: &MessageEvent) {
    assert!(event.text().is_none_or(|text| !text.is_empty()), "an empty text");
    if let Some(start) = event.start_command() {
        assert_eq!(StartCommand::parse(&start.to_string()).as_ref(), Some(&start));
    }
    let _ = (event.is_from_bot(), event.content.kind());
}

pub fn dynamic_action(data: &[u8]) {
    let Some(pressed) = object(data, DynamicAction::from_unverified_body(data)) else { return };
    assert_data_is_kept(pressed.data::<Value>(), pressed.data_json().map(|json| json.get()));
    let _ = format!("{pressed:?}");
    let written = serde_json::to_string(&pressed).expect("a parsed value can be serialised");
    let again = DynamicAction::from_unverified_body(written.as_bytes()).expect("the JSON can be parsed");
    assert_eq!(again, pressed, "from {written}");
}

/// The parsed value; `None` if the body is not a JSON object and was rejected with 400. JSON's grammar decides, even for
/// values that `serde_json` rejects.
fn object<T: std::fmt::Debug>(body: &[u8], read: Result<T, Rejection>) -> Option<T> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let by_serde = serde_json::from_slice::<&RawValue>(body).map(RawValue::get);
    match read {
        Ok(value) => {
            assert!(!by_serde.is_ok_and(|json| !json.starts_with('{')), "parsed without an object: {value:?}");
            Some(value)
        }
        Err(rejection) => {
            assert!(!by_serde.is_ok_and(|json| json.starts_with('{')), "an object was rejected: {rejection:?}");
            assert!(matches!(rejection, Rejection::NotJson(_) | Rejection::NotAnObject), "{rejection:?}");
            assert_eq!(rejection.into_http_response().status(), 400);
            None
        }
    }
}

fn assert_data_is_kept(extra: Result<Value, DataError>, json: Option<&str>) {
    match (extra, json) {
        (Ok(value), Some(json)) => assert_eq!(value, serde_json::from_str::<Value>(json).unwrap()),
        (Ok(value), None) => assert!(value.is_null()),
        // Valid JSON that `serde_json` rejects.
        (Err(DataError::Mismatch { .. }), Some(json)) => assert!(serde_json::from_str::<Value>(json).is_err()),
        (Err(error), json) => panic!("{error}: {json:?}"),
    }
}

pub fn direct_link(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    let link = UntrustedDirectLink::parse(query);
    assert_is_of_divar(&link.return_url());
    assert!(link.post_token().is_none_or(|post| !post.as_str().is_empty()), "an empty post token");
    for (name, value) in link.parameters() {
        assert!(!value.is_empty(), "{name:?} has no value");
        assert!(link.parameter(name).is_some());
    }
    let bare = input::query_of(query);
    for text in [format!("?{bare}"), format!("/page?{bare}"), format!("https://addon.example/a=b?{bare}#c")] {
        assert_eq!(UntrustedDirectLink::parse(&text), link, "{text}");
    }
}

/// Checks that every URL parser, including a browser's, finds a host of Divar.
fn assert_is_of_divar(url: &Url) {
    let text = url.as_str();
    assert_eq!(url.scheme(), "https", "{text}");
    assert_eq!((url.username(), url.password(), url.port()), ("", None, None), "{text}");
    let host = url.host_str().expect("a URL with a host");
    assert!(host == "divar.ir" || host.ends_with(".divar.ir"), "{text}");
    let in_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    assert!(host.bytes().all(in_name), "{text}");
    assert!(host.split('.').all(|label| !label.is_empty()), "{text}");
    assert!(text.starts_with(&format!("https://{host}/")), "{text}");
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
    assert_eq!(Url::parse(text).as_ref(), Ok(url), "{text}");
}

/// Lines: the key, an optional previous key, an optional `bearer`, and values of the `Authorization` header.
pub fn header_check(data: &[u8]) {
    let mut lines = input::lines(data);
    let mut key = || std::str::from_utf8(lines.next()?).ok().and_then(|line| IdentificationKey::new(line).ok());
    let (Some(first), previous) = (key(), key()) else { return };
    let ignore_scheme = lines.next() == Some(b"bearer");
    let values: Vec<HeaderValue> = lines.filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();

    let mut keys = vec![first.expose_secret().to_owned()];
    let mut verifier = Verifier::new(first);
    if let Some(previous) = previous {
        keys.push(previous.expose_secret().to_owned());
        verifier = verifier.also_accept(previous);
    }
    if ignore_scheme {
        verifier = verifier.ignore_bearer_scheme();
    }
    let headers: HeaderMap = values.iter().map(|value| (AUTHORIZATION, value.clone())).collect();
    let comparable = |value: &[u8]| if ignore_scheme { without_scheme(value) } else { value.to_vec() };

    let expected = match values.as_slice() {
        [] => Some("missing Authorization header"),
        [value] if !value.as_bytes().is_ascii() => Some("invalid Authorization header: not ASCII"),
        [value] => {
            let value = comparable(value.as_bytes());
            let accepted = keys.iter().any(|key| comparable(key.as_bytes()) == value);
            (!accepted).then_some("wrong identification key in the Authorization header")
        }
        _ => Some("repeated Authorization header"),
    };
    let verified = verifier.verify(&headers).map_err(|rejection| {
        assert_eq!(rejection.status(), 401);
        rejection.to_string()
    });
    // The texts are constants, so they contain no key.
    assert_eq!(verified.as_ref().err().map(String::as_str), expected);

    let keys = vec!["IdentificationKey([redacted])"; keys.len()].join(", ");
    let rest = format!("max_body_bytes: 1048576, ignore_bearer_scheme: {ignore_scheme}");
    assert_eq!(format!("{verifier:?}"), format!("Verifier {{ keys: [{keys}], {rest} }}"));

    // All three webhooks verify alike.
    assert_eq!(verifier.event(&headers, b"{}").is_ok(), expected.is_none());
    assert_eq!(verifier.open_app(&headers, b"{}").is_ok(), expected.is_none());
    assert_eq!(verifier.dynamic_action(&headers, b"{}").is_ok(), expected.is_none());
}

fn without_scheme(value: &[u8]) -> Vec<u8> {
    if value.len() < 7 || !value[..7].eq_ignore_ascii_case(b"bearer ") {
        return value.to_vec();
    }
    value[7..].iter().copied().skip_while(u8::is_ascii_whitespace).collect()
}
