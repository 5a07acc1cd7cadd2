//! Promise: a request without the key is rejected before its body is read, and the key appears in no text or response.

use crate::support::webhook::fixture;
use http::{HeaderMap, HeaderValue, header};
use kenar::secret::IdentificationKey;
use kenar::webhook::{
    ApiVersion, DynamicAction, DynamicActionReply, OpenApp, OpenAppReply, Rejection, Verifier, WebhookHeaders,
    is_documented_event_source,
};

const KEY: &str = "placeholder-current";
const PREVIOUS: &str = "placeholder-previous";

fn key(text: &str) -> IdentificationKey {
    IdentificationKey::new(text).unwrap()
}

fn showing(values: &[&[u8]]) -> HeaderMap {
    values.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_bytes(value).unwrap())).collect()
}

#[test]
fn key_must_match_exactly_and_occur_once() {
    let verifier = Verifier::new(key(KEY)).also_accept(key(PREVIOUS)).also_accept(key("x"));
    for shown in [KEY, PREVIOUS, "x"] {
        assert!(verifier.verify(&showing(&[shown.as_bytes()])).is_ok(), "{shown}");
    }

    let k = KEY.as_bytes();
    for (values, expected) in [
        (&[][..], "MissingKey"),
        (&[k, k], "RepeatedKey"),
        (&[k, b"other"], "RepeatedKey"),
        (&[b"other", k], "RepeatedKey"),
        (&["کلید".as_bytes()], "NonAsciiKey"),
        (&[b"placeholder-current\xff"], "NonAsciiKey"),
        (&[b""], "WrongKey"),
        (&[b"other"], "WrongKey"),
        (&[b"placeholder-curren"], "WrongKey"),
        (&[b"placeholder-currentt"], "WrongKey"),
        (&[b"Placeholder-current"], "WrongKey"),
        (&[b"placeholder-current,placeholder-current"], "WrongKey"),
        (&[b"Bearer placeholder-current"], "WrongKey"),
    ] {
        let rejection = verifier.verify(&showing(values)).unwrap_err();
        assert_eq!(format!("{rejection:?}"), expected, "{values:?}");
        assert_eq!(rejection.status(), 401, "{values:?}");
    }
}

#[test]
fn entry_points_check_key_then_size_then_json() {
    let verifier = Verifier::new(key(KEY)).max_body_bytes(10);
    let authentic = showing(&[KEY.as_bytes()]);
    type EntryPoint = fn(&Verifier, &HeaderMap, &[u8]) -> Option<Rejection>;
    let entry_points: [(&str, EntryPoint); 3] = [
        ("open_app", |verifier, headers, body| verifier.open_app(headers, body).err()),
        ("event", |verifier, headers, body| verifier.event(headers, body).err()),
        ("dynamic_action", |verifier, headers, body| verifier.dynamic_action(headers, body).err()),
    ];
    for (name, enter) in entry_points {
        let status = |headers: &HeaderMap, body: &[u8]| {
            enter(&verifier, headers, body).map(|rejection| rejection.status().as_u16())
        };
        assert_eq!(status(&HeaderMap::new(), b"not JSON, and too large"), Some(401), "{name}");
        assert_eq!(status(&authentic, b"not JSON, and too large"), Some(413), "{name}");
        assert_eq!(status(&authentic, b"not JSON"), Some(400), "{name}");
        assert_eq!(status(&authentic, b"[]"), Some(400), "{name}");
        assert_eq!(status(&authentic, b""), Some(400), "{name}");
        assert_eq!(status(&authentic, b"{}        "), None, "{name}, exactly at the limit");
    }
}

#[test]
fn default_body_limit_is_one_mebibyte() {
    let verifier = Verifier::new(key(KEY));
    let authentic = showing(&[KEY.as_bytes()]);
    let mut body = b"{}".to_vec();
    body.resize(1024 * 1024, b' ');
    assert!(verifier.event(&authentic, &body).is_ok());
    body.push(b' ');
    let rejection = verifier.event(&authentic, &body).unwrap_err();
    assert!(matches!(rejection, Rejection::TooLarge { limit: 1_048_576 }), "{rejection:?}");
}

#[test]
fn bearer_scheme_is_ignored_only_by_option() {
    for (configured, shown, strictly) in [
        ("abc", "abc", true),
        ("abc", "Bearer abc", false),
        ("Bearer abc", "abc", false),
        ("Bearer abc", "Bearer abc", true),
        ("Bearer abc", "bearer  abc", false),
    ] {
        let headers = showing(&[shown.as_bytes()]);
        let strict = Verifier::new(key(configured));
        assert_eq!(strict.verify(&headers).is_ok(), strictly, "strictly, {shown:?} for {configured:?}");
        let tolerant = strict.ignore_bearer_scheme();
        assert!(tolerant.verify(&headers).is_ok(), "tolerantly, {shown:?} for {configured:?}");
        for wrong in ["", "Bearer", "Bearer ", "Bearer abd", "Basic abc", "Bearerabc", "BearerBearer abc"] {
            assert!(tolerant.verify(&showing(&[wrong.as_bytes()])).is_err(), "{wrong:?} for {configured:?}");
        }
    }
}

#[test]
fn keys_never_appear_in_texts_or_responses() {
    let shown = "placeholder-guess";
    let verifier = Verifier::new(key(KEY)).also_accept(key(PREVIOUS)).max_body_bytes(64);
    let guess = showing(&[shown.as_bytes()]);
    let authentic = showing(&[KEY.as_bytes()]);
    let repeated = showing(&[KEY.as_bytes(), shown.as_bytes()]);
    let non_ascii = showing(&[b"placeholder-guess\xff"]);

    let mut texts = vec![format!("{verifier:?}"), format!("{:#?}", verifier.clone().ignore_bearer_scheme())];
    for (headers, body) in [
        (&HeaderMap::new(), &b"{}"[..]),
        (&guess, b"{}"),
        (&repeated, b"{}"),
        (&non_ascii, b"{}"),
        (&authentic, &[b' '; 65]),
        (&authentic, b"{ placeholder-current"),
        (&authentic, b"\"placeholder-current\""),
    ] {
        let rejection = verifier.event(headers, body).unwrap_err();
        texts.push(format!("{rejection} {rejection:?} {rejection:#?}"));
        let response = rejection.into_http_response();
        if response.status() == 401 {
            assert!(response.body().is_empty(), "a 401 must have no body: {response:?}");
        } else {
            assert!(!response.body().is_empty(), "a caller with the key must get the reason: {response:?}");
        }
        texts.push(format!("{response:?}"));
    }
    let opened = verifier.open_app(&authentic, b"{}").unwrap();
    texts.push(format!("{opened:?} {:?}", opened.headers()));
    for text in texts {
        assert!(!text.contains("placeholder"), "{text}");
    }
}

#[test]
fn headers_of_any_framework_are_read_alike() {
    let verifier = Verifier::new(key(KEY));
    let bytes = KEY.as_bytes();
    assert!(verifier.event(KEY, b"{}").is_ok());
    assert!(verifier.event(Some(KEY), b"{}").is_ok());
    assert!(verifier.event(bytes, b"{}").is_ok());
    assert!(verifier.open_app(Some(bytes), b"{}").is_ok());
    assert!(verifier.dynamic_action(&HeaderValue::from_static(KEY), b"{}").is_ok());
    assert!(verifier.received_event(WebhookHeaders::new([KEY]), "{}").is_ok());

    let status = |headers: WebhookHeaders<'_>| verifier.event(headers, b"{}").map_err(|why| format!("{why:?}"));
    for (headers, refused) in [
        (WebhookHeaders::from(None::<&str>), "MissingKey"),
        (WebhookHeaders::new::<str>([]), "MissingKey"),
        (WebhookHeaders::from(""), "WrongKey"),
        (WebhookHeaders::from(&b"\xff"[..]), "NonAsciiKey"),
        (WebhookHeaders::new([KEY, KEY]), "RepeatedKey"),
        (WebhookHeaders::new([KEY, "", "other"]), "RepeatedKey"),
        (WebhookHeaders::new(&[KEY.to_owned(), KEY.to_owned()]), "RepeatedKey"),
    ] {
        assert_eq!(status(headers).unwrap_err(), refused, "{headers:?}");
        assert!(!format!("{headers:?}").contains("placeholder"), "{headers:?}");
    }
    assert!(!format!("{:?}", WebhookHeaders::from(KEY)).contains("placeholder"));
}

#[test]
fn api_version_is_read_with_a_bare_key() {
    let verifier = Verifier::new(key(KEY));
    for (value, version) in [
        (None, ApiVersion::V2),
        (Some("1"), ApiVersion::V1),
        (Some(" 1 "), ApiVersion::V1),
        (Some("2"), ApiVersion::V2),
        (Some("3"), ApiVersion::V2),
        (Some(""), ApiVersion::V2),
    ] {
        let headers = WebhookHeaders::new([KEY]).with_api_version(value);
        let opened = verifier.open_app(headers, br#"{"post_token":"QYabcdef"}"#).unwrap();
        assert_eq!(opened.version(), version, "{value:?}");
    }
}

#[test]
fn replies_and_rejections_can_be_read_by_reference() {
    let page: kenar::model::AppUrl = "https://addon.example/".parse().unwrap();
    let verifier = Verifier::new(key(KEY)).max_body_bytes(10);
    let rejections = [
        verifier.event(None::<&str>, b"").unwrap_err(),
        verifier.event("other", b"").unwrap_err(),
        verifier.event(KEY, b"not JSON").unwrap_err(),
        verifier.event(KEY, b"[]").unwrap_err(),
        verifier.event(KEY, &[b' '; 11]).unwrap_err(),
        DynamicAction::builder().build().data::<u8>().unwrap_err().into(),
    ];
    for rejection in rejections {
        let (status, body, text) = (rejection.status(), rejection.body(), rejection.to_string());
        let json = serde_json::to_value(&rejection).unwrap();
        assert_eq!(json["status"], status.as_u16());
        assert_eq!(json["error"], if status == 401 { "Unauthorized" } else { &text });
        assert_eq!(body, if status == 401 { "" } else { &text });
        let response = rejection.clone().into_http_response();
        assert_eq!((response.status(), response.body()), (status, &body));
        assert_eq!(response.headers().contains_key("content-type"), status != 401);
        assert_eq!(http::StatusCode::from(rejection), status);
    }
    let opens = OpenAppReply::to(page);
    assert_eq!((opens.status(), opens.body()), (http::StatusCode::OK, opens.clone().into_http_response().into_body()));
    let replies = [
        (DynamicActionReply::toast("باشد"), 200),
        (DynamicActionReply::open(kenar::model::Action::dynamic_action(7)), 500),
    ];
    for (reply, status) in replies {
        let response = reply.clone().into_http_response();
        assert_eq!((response.status(), reply.status()), (reply.status(), status.try_into().unwrap()));
        assert_eq!(response.body(), &reply.body());
    }
}

#[test]
fn verified_and_unverified_reading_agree() {
    let verifier = Verifier::new(key(KEY));
    let mut headers = showing(&[KEY.as_bytes()]);
    headers.insert("api-version", HeaderValue::from_static("2"));
    let body = fixture("open_app", "v1_minimal.json");
    let opened = verifier.open_app(&headers, &body).unwrap();
    assert_eq!(opened, OpenApp::from_unverified_body(&headers, &body).unwrap());
}

#[test]
fn documented_event_sources_are_recognised() {
    for (address, documented) in [
        ("78.111.6.40", false),
        ("78.111.6.41", true),
        ("78.111.6.42", true),
        ("78.111.6.43", true),
        ("78.111.6.44", false),
        ("31.214.250.127", false),
        ("31.214.250.128", true),
        ("31.214.250.159", true),
        ("31.214.250.160", false),
        ("::ffff:78.111.6.41", true),
        ("::ffff:78.111.6.44", false),
        ("::78.111.6.41", false),
        ("::1", false),
        ("127.0.0.1", false),
    ] {
        assert_eq!(is_documented_event_source(address.parse().unwrap()), documented, "{address}");
    }
}

#[tokio::test]
async fn replies_and_rejections_are_axum_responses() {
    use axum::response::IntoResponse;
    use kenar::model::Action;
    use kenar::webhook::{DynamicActionReply, OpenAppReply};

    async fn parts(response: impl IntoResponse) -> (u16, String, String) {
        let response = response.into_response();
        let kind = response.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap()).to_owned();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }
    let json = "application/json".to_owned();

    let page = "https://addon.example/".parse().unwrap();
    assert_eq!(
        parts(OpenAppReply::to(page)).await,
        (200, json.clone(), r#"{"url":"https://addon.example/"}"#.to_owned())
    );
    assert_eq!(parts(DynamicActionReply::empty()).await, (200, json, "{}".to_owned()));
    assert_eq!(parts(Rejection::WrongKey).await, (401, String::new(), String::new()));
    assert_eq!(parts(Rejection::NotAnObject).await.0, 400);

    let (status, _, why) = parts(DynamicActionReply::open(Action::dynamic_action(7))).await;
    assert_eq!(status, 500);
    assert!(why.contains("JSON object"), "{why}");
}
