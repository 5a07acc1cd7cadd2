//! Promise: presses and direct links are read in every form, and the reply to a press has Divar's form.

use crate::support::webhook::{Summary, check_folder, files, fixture};
use kenar::model::{Action, InvalidButtonData, PostToken, RawJson, Side};
use kenar::webhook::{
    COMPLETION_URL, DataError, DynamicAction, DynamicActionReply, Rejection, TouchPoint, UntrustedDirectLink,
};
use serde_json::json;

fn read(body: &[u8]) -> Result<DynamicAction, Rejection> {
    DynamicAction::from_unverified_body(body)
}

#[test]
fn every_press_fixture_matches_its_row() {
    const IN_CHAT: &str = "post QYabcdef; conversation 5f8b0f6e-0000-4000-8000-000000000001; user user-1";
    let at = |touch_point: &str, rest: &str| format!("press; at {touch_point}; {IN_CHAT}; {rest}");
    let position_3 = r#"extra {"position":"3"}"#;
    let supply = |extra: &str| at("Chat", &format!("side Supply; {extra}"));
    let table = [
        ("documented.json", supply(position_3)),
        ("extra_data_missing.json", at("Chat", "side Supply")),
        ("nulls.json", format!("press; at Chat; {position_3}")),
        ("position_double.json", supply(r#"extra {"position":3.0}"#)),
        ("position_number.json", supply(r#"extra {"position":3}"#)),
        ("source_instead_of_touchpoint.json", supply(position_3)),
        ("touchpoint_unknown.json", at(r#"Unknown("MY_DIVAR_PAGE")"#, &format!("side Supply; {position_3}"))),
        ("unknown_keys.json", supply(position_3)),
        ("unquoted_key.txt", "400 Bad Request: invalid JSON: key must be a string at line 3 column 3".to_owned()),
        ("user_side_unknown.json", at("Chat", &format!(r#"side Unknown("MEDIATOR"); {position_3}"#))),
    ];
    let table: Vec<_> = table.iter().map(|(file, expected)| (*file, expected.as_str())).collect();
    check_folder("dynamic_action", &table, |body| match read(body) {
        Ok(pressed) => Summary::of("press")
            .with("at", pressed.touch_point().map(|touch_point| format!("{touch_point:?}")))
            .with("post", pressed.post_token())
            .with("conversation", pressed.conversation_id())
            .with("user", pressed.user_id())
            .with("side", pressed.user_side().map(|side| format!("{side:?}")))
            .with("extra", pressed.data_json().map(|json| json.get().split_whitespace().collect::<String>()))
            .to_string(),
        Err(rejection) => format!("{}: {rejection}", rejection.status()),
    });
}

#[test]
fn press_round_trips() {
    for file in files("dynamic_action") {
        let Ok(pressed) = read(&fixture("dynamic_action", &file)) else { continue };
        let json = serde_json::to_string(&pressed).unwrap();
        assert_eq!(read(json.as_bytes()).unwrap(), pressed, "{file}, written as {json}");
        assert_eq!(serde_json::from_str::<DynamicAction>(&json).unwrap(), pressed, "{file}, by serde");
    }
    let built = DynamicAction::builder()
        .touch_point(TouchPoint::Chat)
        .post_token("QYabcdef")
        .conversation_id("5f8b0f6e-0000-4000-8000-000000000001")
        .user_id("user-1")
        .user_side(Side::Supply)
        .data(RawJson::of(&json!({ "position": "3" })).unwrap())
        .build();
    let documented: serde_json::Value = serde_json::from_slice(&fixture("dynamic_action", "documented.json")).unwrap();
    assert_eq!(serde_json::to_value(&built).unwrap(), documented);
}

#[test]
fn button_data_is_typed_or_explains_the_mismatch() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Move {
        position: f64,
    }
    for file in ["position_number.json", "position_double.json"] {
        assert_eq!(read(&fixture("dynamic_action", file)).unwrap().data::<Move>().unwrap().position, 3.0, "{file}");
    }
    let none = read(&fixture("dynamic_action", "extra_data_missing.json")).unwrap();
    assert!(matches!(none.data::<Move>(), Err(DataError::Missing)));
    assert_eq!(none.data::<Option<Move>>().unwrap(), None);
    let text = read(&fixture("dynamic_action", "documented.json")).unwrap();
    assert!(matches!(text.data::<Move>(), Err(DataError::Mismatch { path, .. }) if path == "position"));
}

#[test]
fn reply_contains_its_parts_and_no_nulls() {
    let post = PostToken::new("QYabcdef");
    let page: url::Url = "https://addon.example/".parse().unwrap();
    for (reply, body) in [
        (DynamicActionReply::empty(), r#"{}"#),
        (DynamicActionReply::toast("نوبت شماست"), r#"{"text_message":"نوبت شماست"}"#),
        (
            DynamicActionReply::open(Action::open_link(page)),
            r#"{"action":{"open_direct_link":"https://addon.example/"}}"#,
        ),
        (
            DynamicActionReply::toast("a").with_action(Action::server_link(json!({ "b": "c" }))),
            r#"{"action":{"open_server_link":{"data":{"b":"c"}}},"text_message":"a"}"#,
        ),
        (
            DynamicActionReply::open(Action::post_page(&post)).with_toast("a"),
            r#"{"action":{"open_post_page":{"post_token":"QYabcdef"}},"text_message":"a"}"#,
        ),
    ] {
        assert_eq!(serde_json::from_str::<DynamicActionReply>(body).unwrap(), reply);
        let response = reply.into_http_response();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.body(), body);
    }
    let nulls = r#"{"action":null,"text_message":null,"newer":1}"#;
    assert_eq!(serde_json::from_str::<DynamicActionReply>(nulls).unwrap(), DynamicActionReply::empty());
}

#[test]
fn reply_with_non_object_data_responds_500() {
    let reply = DynamicActionReply::open(Action::dynamic_action("no object"));
    assert_eq!(reply.check(), Err(InvalidButtonData::NotAnObject));
    let response = reply.into_http_response();
    assert_eq!(response.status(), 500);
    assert_eq!(response.body(), InvalidButtonData::NotAnObject.to_string().as_bytes());
}

#[test]
fn every_direct_link_fixture_matches_its_row() {
    const POST: &str = "link; post QYabcdef";
    let default = |first: &str| format!("{first}; return {COMPLETION_URL}");
    let table = [
        ("broken_percent_encoding.txt", default(&format!("{POST}; city \u{fffd}%ZZ%"))),
        ("completion_url.txt", default(POST)),
        ("empty.txt", default("link")),
        ("evil_http.txt", default(POST)),
        ("evil_lookalike.txt", default(POST)),
        ("evil_return_url.txt", default(POST)),
        ("form_of_2023.txt", default(&format!("{POST}; app_slug app-slug; category category-slug; city city-slug"))),
        ("no_post_token.txt", default("link")),
        ("persian_values.txt", default(&format!("{POST}; city تهران; category خودرو سواری"))),
        ("return_url.txt", format!("{POST}; return {COMPLETION_URL}?session=session-2")),
    ];
    let table: Vec<_> = table.iter().map(|(file, expected)| (*file, expected.as_str())).collect();
    check_folder("direct_link", &table, |query| {
        let link = UntrustedDirectLink::parse(std::str::from_utf8(query).unwrap());
        link.parameters()
            .fold(Summary::of("link").with("post", link.post_token()), |summary, (name, value)| {
                summary.with(name, Some(value))
            })
            .with("return", Some(link.return_url()))
            .to_string()
    });
}

#[test]
fn direct_link_is_read_from_a_path_or_a_url() {
    let query = "post_token=QYabcdef&return_url=https://divar.ir/a?b=c&city=tehran";
    let link = UntrustedDirectLink::parse(query);
    assert_eq!(link.given_return_url(), Some("https://divar.ir/a?b=c"));
    for text in ["?{}", "/page?{}", "/?{}#top", "https://addon.example/page?{}", "//addon.example/x=y?{}#?z"] {
        assert_eq!(UntrustedDirectLink::parse(&text.replace("{}", query)), link, "{text}");
    }
    assert_eq!(UntrustedDirectLink::parse("/page/post_token=QYabcdef"), UntrustedDirectLink::parse(""));
}

#[test]
fn direct_link_takes_the_first_value() {
    let link =
        UntrustedDirectLink::parse("?post_token=&post_token=a&post_token=b&x=&x=1&x=2&callback_url=c&return_url=d");
    assert_eq!(link.post_token(), Some(&PostToken::new("a")));
    assert_eq!(link.parameter("x"), Some("1"));
    assert_eq!(link.parameter("y"), None);
    assert_eq!(link.given_return_url(), Some("c"));
}
