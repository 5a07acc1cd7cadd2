//! Promise: every form of the open-app request is read, and the reply has the form of the request.

use http::{HeaderMap, HeaderValue};
use kenar::model::{AppUrl, Location, RawJson, Side};
use kenar::webhook::{ApiVersion, COMPLETION_URL, DataError, OpenApp, OpenAppReply, Rejection, Source};
use kenar_tests::same_cases;
use kenar_tests::support::webhook::{Summary, check_folder, files, fixture};
use proptest::prelude::*;

fn read(body: &[u8]) -> Result<OpenApp, Rejection> {
    OpenApp::from_unverified_body(&HeaderMap::new(), body)
}

fn summary(opened: &OpenApp) -> String {
    let given = opened.given_return_url();
    Summary::of(format!("{:?}", opened.version()))
        .with("source", opened.source().map(|source| format!("{source:?}")))
        .with("post", opened.post_token())
        .with("conversation", opened.conversation_id())
        .with("user", opened.user_id())
        .with("peer", opened.peer_id())
        .with("supplier", opened.supplier_id())
        .with("demand", opened.demand_id())
        .with("side", opened.user_side().map(|side| format!("{side:?}")))
        .with("extra", opened.data_json().map(compact))
        .with("location", opened.location().map(|place| format!("{:?}, {:?}", place.latitude, place.longitude)))
        .with("return", given.map(|_| opened.return_url()))
        .to_string()
}

fn compact(json: &RawJson) -> String {
    // Removes only the white space of the fixture: `3.0` stays `3.0`.
    json.get().split_whitespace().collect()
}

const TABLE: &[(&str, &str)] = &[
    ("empty_object.json", "V2"),
    (
        "v1_callback_url_evil.json",
        "V1; post QYabcdef; user user-2; peer user-1; supplier user-1; demand user-2; side Demand; return https://open-platform-redirect.divar.ir/completion",
    ),
    (
        "v1_callback_url_with_session.json",
        "V1; post QYabcdef; user user-2; peer user-1; supplier user-1; demand user-2; side Demand; return https://open-platform-redirect.divar.ir/completion?session=session-1",
    ),
    (
        "v1_capital_supplier.json",
        "V1; post QYabcdef; user user-2; peer user-1; supplier user-1; demand user-2; side Demand; return https://open-platform-redirect.divar.ir/completion",
    ),
    (
        "v1_extra_data_earliest_form.json",
        r#"V1; post QYabcdef; user user-2; peer user-1; supplier user-1; demand user-2; side Demand; extra {"order":"order-7","state":"paid"}; return https://open-platform-redirect.divar.ir/completion"#,
    ),
    (
        "v1_full_location_numbers.json",
        r#"V1; post QYabcdef; conversation 5f8b0f6e-0000-4000-8000-000000000001; user user-2; peer user-1; supplier user-1; demand user-2; side Demand; extra {"order":"order-7","step":"confirm"}; location 35.6892, 51.389; return https://open-platform-redirect.divar.ir/completion"#,
    ),
    (
        "v1_full_location_strings.json",
        r#"V1; post QYabcdef; conversation 5f8b0f6e-0000-4000-8000-000000000001; user user-2; peer user-1; supplier user-1; demand user-2; side Demand; extra {"order":"order-7","step":"confirm"}; location 35.6892, 51.389; return https://open-platform-redirect.divar.ir/completion"#,
    ),
    (
        "v1_location_15_decimals.json",
        "V1; post QYabcdef; user user-2; peer user-1; supplier user-1; demand user-2; side Demand; location 35.75758743286133, 51.40999221801758; return https://open-platform-redirect.divar.ir/completion",
    ),
    (
        "v1_location_garbage.json",
        r#"V1; post QYabcdef; user user-2; peer user-1; supplier user-1; demand user-2; side Demand; extra {"order":"order-7","step":"confirm"}; return https://open-platform-redirect.divar.ir/completion"#,
    ),
    (
        "v1_location_only.json",
        "V1; post QYabcdef; user user-2; peer user-1; supplier user-1; demand user-2; side Demand; location 35.6892, 51.389; return https://open-platform-redirect.divar.ir/completion",
    ),
    (
        "v1_minimal.json",
        "V1; post post_token; user demand_id; peer supplier_id; supplier supplier_id; demand demand_id; side Demand; return https://open-platform-redirect.divar.ir/completion",
    ),
    ("v1_nulls.json", "V2; post QYabcdef; user user-2"),
    (
        "v1_provider_data_only.json",
        r#"V1; post QYabcdef; user user-2; peer user-1; supplier user-1; demand user-2; side Demand; extra {"order":"order-7","step":"confirm"}; return https://open-platform-redirect.divar.ir/completion"#,
    ),
    (
        "v1_user_is_demand.json",
        "V1; post QYabcdef; user user-2; peer user-1; supplier user-1; demand user-2; side Demand; return https://open-platform-redirect.divar.ir/completion",
    ),
    (
        "v1_user_is_neither.json",
        "V1; post QYabcdef; user user-3; peer user-1; supplier user-1; demand user-2; return https://open-platform-redirect.divar.ir/completion",
    ),
    (
        "v1_user_is_supplier.json",
        "V1; post QYabcdef; user user-1; peer user-2; supplier user-1; demand user-2; side Supply; return https://open-platform-redirect.divar.ir/completion",
    ),
    ("v2_empty_ids.json", "V2; source PostAddon; side Supply"),
    (
        "v2_extra_data_not_only_wrapper_keys.json",
        r#"V2; source ChatMessageAction; post QYabcdef; extra {"provider_data":"mine","order":"order-7"}"#,
    ),
    ("v2_extra_data_string.json", r#"V2; source ChatMessageAction; post QYabcdef; extra "order-7""#),
    (
        "v2_extra_keys_and_type.json",
        r#"V2; source Chat; post QYabcdef; conversation 5f8b0f6e-0000-4000-8000-000000000001; side Supply; extra {"order":"order-7"}"#,
    ),
    (
        "v2_management_extra_data.json",
        r#"V2; source Chat; post QYabcdef; conversation 5f8b0f6e-0000-4000-8000-000000000001; side Supply; extra {"order":"order-7"}"#,
    ),
    (
        "v2_management_provider_data.json",
        r#"V2; source ChatMessageAction; post QYabcdef; conversation 5f8b0f6e-0000-4000-8000-000000000001; side Demand; extra {"order":"order-7"}"#,
    ),
    ("v2_nested_provider_data.json", r#"V2; source ChatMessageAction; post QYabcdef; extra {"order":"order-7"}"#),
    (
        "v2_no_url.json",
        "V2; source Chat; post QYabcdef; conversation 5f8b0f6e-0000-4000-8000-000000000001; user user-1; side Supply",
    ),
    (
        "v2_null_beside_used_key.json",
        r#"V2; source Chat; post QYabcdef; side Supply; extra {"order":"order-7"}; return https://open-platform-redirect.divar.ir/completion?session=session-4"#,
    ),
    ("v2_nulls.json", "V2"),
    (
        "v2_open_server_link_user_id.json",
        r#"V2; source ChatMessageAction; post QYabcdef; conversation 5f8b0f6e-0000-4000-8000-000000000001; user user-1/placeholder+id=; side Supply; extra {"order":"order-7"}"#,
    ),
    (
        "v2_return_url.json",
        r#"V2; source Chat; post QYabcdef; conversation 5f8b0f6e-0000-4000-8000-000000000001; side Demand; extra {"order":"order-7"}; return https://open-platform-redirect.divar.ir/completion?session=session-3"#,
    ),
    (
        "v2_return_url_evil_backslash.json",
        "V2; source Chat; post QYabcdef; side Supply; return https://open-platform-redirect.divar.ir/completion",
    ),
    (
        "v2_return_url_evil_http.json",
        "V2; source Chat; post QYabcdef; side Supply; return https://open-platform-redirect.divar.ir/completion",
    ),
    (
        "v2_return_url_evil_lookalike_prefix.json",
        "V2; source Chat; post QYabcdef; side Supply; return https://open-platform-redirect.divar.ir/completion",
    ),
    (
        "v2_return_url_evil_lookalike_suffix.json",
        "V2; source Chat; post QYabcdef; side Supply; return https://open-platform-redirect.divar.ir/completion",
    ),
    (
        "v2_return_url_evil_other_host.json",
        "V2; source Chat; post QYabcdef; side Supply; return https://open-platform-redirect.divar.ir/completion",
    ),
    (
        "v2_return_url_evil_relative.json",
        "V2; source Chat; post QYabcdef; side Supply; return https://open-platform-redirect.divar.ir/completion",
    ),
    (
        "v2_return_url_evil_userinfo.json",
        "V2; source Chat; post QYabcdef; side Supply; return https://open-platform-redirect.divar.ir/completion",
    ),
    ("v2_return_url_other_divar_host.json", "V2; source Chat; post QYabcdef; return https://divar.ir/kenar/done"),
    (
        "v2_return_url_upper_case_host.json",
        "V2; source Chat; post QYabcdef; return https://open-platform-redirect.divar.ir/completion",
    ),
    ("v2_source_typo.json", "V2; source PostAddon; post QYabcdef; side Demand"),
    ("v2_source_unknown.json", r#"V2; source Unknown("SEARCH_RESULT"); post QYabcdef; side Demand"#),
    (
        "v2_touchpoint_instead_of_source.json",
        "V2; source Chat; post QYabcdef; conversation 5f8b0f6e-0000-4000-8000-000000000001; side Supply",
    ),
    (
        "v2_touchpoints_completion_url.json",
        r#"V2; source Chat; post QYabcdef; conversation 5f8b0f6e-0000-4000-8000-000000000001; side Supply; extra {"order":"order-7"}; return https://open-platform-redirect.divar.ir/completion?session=session-2"#,
    ),
    (
        "v2_touchpoints_demand.json",
        "V2; source PostAddon; post QYabcdef; side Demand; return https://open-platform-redirect.divar.ir/completion",
    ),
    ("v2_unquoted_key.txt", "400 Bad Request: invalid JSON: key must be a string at line 4 column 3"),
    ("v2_user_side_lower_case.json", "V2; source Chat; post QYabcdef; side Supply"),
    ("v2_user_side_seller_word.json", "V2; source Chat; post QYabcdef; side Supply"),
    ("v2_user_side_unknown.json", r#"V2; source Chat; post QYabcdef; side Unknown("MEDIATOR")"#),
];

#[test]
fn every_fixture_matches_its_row() {
    check_folder("open_app", TABLE, |body| match read(body) {
        Ok(opened) => summary(&opened),
        Err(rejection) => format!("{}: {rejection}", rejection.status()),
    });
}

#[test]
fn read_values_round_trip() {
    for file in files("open_app") {
        let Ok(opened) = read(&fixture("open_app", &file)) else { continue };
        let body = serde_json::to_vec(&opened).unwrap();
        let again = OpenApp::from_unverified_body(&opened.headers(), &body).unwrap();
        assert_eq!(again, opened, "{file}, written as {}", String::from_utf8_lossy(&body));
        assert_eq!(serde_json::from_slice::<OpenApp>(&body).unwrap(), opened, "{file}, without headers");
    }
}

#[test]
fn unsafe_return_url_is_available_unchecked() {
    let opened = read(&fixture("open_app", "v2_return_url_evil_userinfo.json")).unwrap();
    assert_eq!(opened.given_return_url(), Some("https://divar.ir@example.com/"));
    assert_eq!(opened.return_url().as_str(), COMPLETION_URL);
}

#[test]
fn version_header_overrides_the_keys() {
    let v1_keys: &[u8] = br#"{ "peer_id": "user-1" }"#;
    for (name, value, body, version) in [
        ("api-version", "2", v1_keys, ApiVersion::V2),
        ("API_VERSION", "2", v1_keys, ApiVersion::V2),
        ("API-Version", " 2 ", v1_keys, ApiVersion::V2),
        ("api-version", "1", b"{}", ApiVersion::V1),
        ("api-version", "3", v1_keys, ApiVersion::V1),
        ("api-version", "", b"{}", ApiVersion::V2),
        ("x-version", "2", v1_keys, ApiVersion::V1),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(name.parse::<http::HeaderName>().unwrap(), HeaderValue::from_static(value));
        let opened = OpenApp::from_unverified_body(&headers, body).unwrap();
        assert_eq!(opened.version(), version, "{name}: {value}");
    }
}

#[test]
fn reply_has_the_form_of_the_requests_version() {
    let page: AppUrl = "https://addon.example/visits/17".parse().unwrap();
    let v1 = OpenApp::builder().version(ApiVersion::V1).build().reply(page.clone());
    let v2 = OpenApp::builder().build().reply(page.clone());
    assert_eq!(v2, OpenAppReply::to(page.clone()));
    for (reply, body) in [
        (v1, r#"{"status":"200","message":"success","url":"https://addon.example/visits/17"}"#),
        (v2, r#"{"url":"https://addon.example/visits/17"}"#),
    ] {
        assert_eq!(serde_json::from_str::<OpenAppReply>(body).unwrap(), reply);
        assert_eq!(reply.url(), &page);
        let response = reply.into_http_response();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.body(), body);
    }
    assert!(serde_json::from_str::<OpenAppReply>(r#"{"status":"ok"}"#).is_err());
}

#[test]
fn extra_data_is_typed_or_explains_the_mismatch() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Order {
        items: Vec<u8>,
    }
    let with = |json: &str| OpenApp::builder().data(serde_json::from_str(json).unwrap()).build();

    assert_eq!(with(r#"{"items":[1,2]}"#).data::<Order>().unwrap(), Order { items: vec![1, 2] });
    assert_eq!(with(r#"{"items":[]}"#).data::<Option<Order>>().unwrap(), Some(Order { items: vec![] }));

    let none = OpenApp::builder().build();
    assert!(matches!(none.data::<Order>(), Err(DataError::Missing)));
    assert_eq!(none.data::<Option<Order>>().unwrap(), None);
    assert_eq!(with("null"), none);

    let error = with(r#"{"items":[1,"two"]}"#).data::<Order>().unwrap_err();
    assert!(matches!(&error, DataError::Mismatch { path, .. } if path == "items[1]"), "{error:?}");
    assert!(error.to_string().contains("items[1]"), "{error}");
    assert_eq!(Rejection::from(error).status(), 400);
}

#[test]
fn single_location_in_version_2_may_be_app_data() {
    let body: &[u8] = br#"{ "source": "CHAT", "extra_data": { "location": { "latitude": 1, "longitude": "2" } } }"#;
    let opened = read(body).unwrap();
    assert_eq!(opened.location(), Some(Location { latitude: 1.0, longitude: 2.0 }));
    assert_eq!(opened.data_json().map(compact).as_deref(), Some(r#"{"location":{"latitude":1,"longitude":"2"}}"#));

    let shelf = read(br#"{ "source": "CHAT", "extra_data": { "location": "shelf 3" } }"#).unwrap();
    assert_eq!(shelf.location(), None);
    assert_eq!(shelf.data::<serde_json::Value>().unwrap()["location"], "shelf 3");
}

fn sides() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Supply), Just(Side::Demand), "[A-Z]{9,12}".prop_map(|name| Side::from_name(&name))]
}

fn extras() -> impl Strategy<Value = RawJson> {
    let json = prop_oneof![
        Just(r#"{}"#.to_owned()),
        Just(r#"{"provider_data":null}"#.to_owned()),
        Just(r#"{"provider_data":{"a":1},"location":{"latitude":1}}"#.to_owned()),
        Just(r#"{"location":{"latitude":1.5,"longitude":2.5}}"#.to_owned()),
        Just(r#"{"location":"shelf 3"}"#.to_owned()),
        Just(r#"[1,2.0,"3"]"#.to_owned()),
        "[ -~]{0,8}".prop_map(|text| serde_json::json!({ "key": text }).to_string()),
        "\\PC{0,8}".prop_map(|text| serde_json::json!(text).to_string()),
    ];
    json.prop_map(|json| serde_json::from_str(&json).unwrap())
}

prop_compose! {
    fn requests()(
        version in prop_oneof![Just(ApiVersion::V1), Just(ApiVersion::V2)],
        source in proptest::option::of("[A-Z_]{1,10}".prop_map(|name| Source::from_name(&name))),
        ids in proptest::collection::vec(proptest::option::of("\\PC{1,20}"), 6),
        side in proptest::option::of(sides()),
        extra in proptest::option::of(extras()),
        location in proptest::option::of((-90.0..90.0, -180.0..180.0)),
        return_url in proptest::option::of("\\PC{1,20}"),
    ) -> OpenApp {
        let mut builder = OpenApp::builder().version(version);
        if let Some(source) = source { builder = builder.source(source); }
        if let Some(id) = &ids[0] { builder = builder.post_token(id.as_str()); }
        if let Some(id) = &ids[1] { builder = builder.conversation_id(id.as_str()); }
        if let Some(id) = &ids[2] { builder = builder.user_id(id.as_str()); }
        if let Some(id) = &ids[3] { builder = builder.peer_id(id.as_str()); }
        if let Some(id) = &ids[4] { builder = builder.supplier_id(id.as_str()); }
        if let Some(id) = &ids[5] { builder = builder.demand_id(id.as_str()); }
        if let Some(side) = side { builder = builder.user_side(side); }
        if let Some(extra) = extra { builder = builder.data(extra); }
        if let Some((latitude, longitude)) = location { builder = builder.location(Location { latitude, longitude }); }
        if let Some(url) = return_url { builder = builder.return_url(url); }
        builder.build()
    }
}

proptest! {
    #![proptest_config(same_cases())]

    #[test]
    fn built_requests_round_trip(opened in requests()) {
        let body = serde_json::to_vec(&opened).unwrap();
        let arrived = OpenApp::from_unverified_body(&opened.headers(), &body).unwrap();
        prop_assert_eq!(arrived, opened);
    }
}
