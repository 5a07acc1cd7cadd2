//! Promise: the chat page injects faults, and saves and replays sessions.

use std::time::Duration;

use crate::page::{act, get, messages, posts, with_page};
use crate::support::{AddOn, Ask, TestResult};
use http::StatusCode;
use kenar::model::{ButtonGrid, ButtonRow};
use kenar::webhook::DynamicActionReply;
use kenar::{BotMessage, Button, ChatApi as _};
use kenar_sandbox::Sandbox;
use serde_json::{Value, json};

pub(crate) async fn active(sandbox: &Sandbox) -> Vec<Value> {
    get(sandbox, "/chat/overview?me=ali").await["faults"].as_array().unwrap().clone()
}

#[tokio::test]
async fn fault_is_limited_or_active_until_switched_off() -> TestResult {
    let sandbox = with_page().await;
    let app = sandbox.app("app");
    let addon = AddOn::of(&app).await;
    let ali = sandbox.user("ali");
    let chat = ali.chat_with_bot(&app);
    let send = async || app.client().send_bot_message(chat.id(), &BotMessage::text("سلام")).await;
    assert_eq!(active(&sandbox).await, [] as [Value; 0]);

    let broken = json!({ "at": "bot.send_message", "fault": { "status": 503 }, "times": 2 });
    assert_eq!(act(&sandbox, "fault-on", broken).await, json!({}));
    let wrong_key = json!({ "at": "webhook.open_app", "fault": "wrong_key", "times": null });
    assert_eq!(act(&sandbox, "fault-on", wrong_key).await, json!({}));
    let shown = active(&sandbox).await;
    assert_eq!(
        shown,
        [
            json!({ "id": 1, "at": "bot.send_message", "fault": "status", "told": "503", "left": 2, "strikes": 0 }),
            json!({ "id": 2, "at": "webhook.open_app", "fault": "wrong_key", "told": null, "left": null, "strikes": 0 }),
        ]
    );

    assert!(send().await.is_err());
    assert_eq!((&active(&sandbox).await[0]["left"], &active(&sandbox).await[0]["strikes"]), (&json!(1), &json!(1)));
    assert!(send().await.is_err());
    assert_eq!(active(&sandbox).await.len(), 1, "it triggered twice and is gone");
    send().await?;

    let open = json!({ "me": "ali", "chat": chat.id(), "app": "app" });
    for _ in 0..2 {
        let outcome = act(&sandbox, "open", open.clone()).await;
        assert!(outcome["error"].is_string(), "{outcome}");
    }
    assert_eq!(active(&sandbox).await[0]["strikes"], 2);
    assert_eq!(act(&sandbox, "fault-off", json!({ "id": 2 })).await, json!({}));
    assert_eq!(act(&sandbox, "fault-off", json!({ "id": 2 })).await, json!({}), "already off");
    assert_eq!(active(&sandbox).await, [] as [Value; 0]);
    assert_eq!(act(&sandbox, "open", open).await, json!({ "url": addon.url.join(["page"]) }));
    Ok(())
}

#[tokio::test]
async fn every_offered_fault_can_be_switched_on() {
    let sandbox = with_page().await;
    let choices = get(&sandbox, "/chat/faults").await;
    let names = |of: &str| choices[of].as_array().unwrap().clone();
    let (calls, mut webhooks, dialects) = (names("calls"), names("webhooks"), names("dialects"));
    assert_eq!(webhooks.pop(), Some(json!("fallback_url")));
    assert!(calls.len() > 8 && webhooks.len() == 3 && dialects.len() > 20, "{choices}");
    let of_both = || dialects.iter().map(|name| json!({ "dialect": name })).chain([json!({ "delay": 0 })]);
    let of_calls = ["html", "no_response", "response_lost", "cut_off"].map(Value::from).into_iter();
    let of_calls: Vec<_> = of_calls
        .chain([json!({ "status": 200 }), json!({ "bare_status": 599 }), json!({ "slow": 1 })])
        .chain(of_both())
        .collect();
    let of_webhooks = ["lost", "duplicate", "wrong_key", "no_key", "garbled"].map(Value::from).into_iter();
    let of_webhooks: Vec<_> = of_webhooks.chain(of_both()).collect();
    let of_fallback_url: Vec<_> = dialects.iter().map(|name| json!({ "dialect": name })).collect();

    let mut on = 0;
    for (ats, faults) in [(calls, of_calls), (webhooks, of_webhooks), (vec![json!("fallback_url")], of_fallback_url)] {
        for (at, fault) in ats.iter().flat_map(|at| faults.iter().map(move |fault| (at, fault))) {
            assert_eq!(act(&sandbox, "fault-on", json!({ "at": at, "fault": fault, "times": 1 })).await, json!({}));
            on += 1;
            let shown = active(&sandbox).await.pop().unwrap();
            let kind = fault.as_str().unwrap_or_else(|| fault.as_object().unwrap().keys().next().unwrap());
            assert_eq!((&shown["at"], &shown["fault"], &shown["id"]), (at, &json!(kind), &json!(on)));
            act(&sandbox, "fault-off", json!({ "id": on })).await;
        }
    }
    for fault in ["out_of_order", "unknown_kind"] {
        act(&sandbox, "fault-on", json!({ "at": "webhook.event", "fault": fault })).await;
        assert_eq!(active(&sandbox).await.last().unwrap()["fault"], fault);
    }
}

#[tokio::test]
async fn invalid_fault_or_session_is_a_bad_request() {
    let sandbox = with_page().await;
    let own = sandbox.url().to_owned();
    for bad in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "at": "webhook.event" }),
        json!({ "at": "webhook.event", "fault": "explode" }),
        json!({ "at": "webhook.event", "fault": { "status": 500 } }),
        json!({ "at": "webhook.event", "fault": "html" }),
        json!({ "at": "webhook.open_app", "fault": "out_of_order" }),
        json!({ "at": "bot.send_message", "fault": "lost" }),
        json!({ "at": "fallback_url", "fault": "lost" }),
        json!({ "at": "webhook.event", "fault": "response_lost" }),
        json!({ "at": "nothing.at_all", "fault": "html" }),
        json!({ "at": "any_call", "fault": "html", "times": 0 }),
        json!({ "at": "any_call", "fault": "html", "times": -1 }),
        json!({ "at": "any_call", "fault": { "delay": 60_001 } }),
        json!({ "at": "any_call", "fault": { "delay": -1 } }),
        json!({ "at": "any_call", "fault": { "delay": u64::MAX } }),
        json!({ "at": "any_call", "fault": { "dialect": "Klingon" } }),
        json!({ "at": "any_call", "fault": { "status": 100 } }),
        json!({ "at": "any_call", "fault": { "status": 600 } }),
        json!({ "at": "any_call", "fault": { "bare_status": 70_000 } }),
    ] {
        let (status, why) = posts(&sandbox, "/chat/act/fault-on", &own, bad.to_string()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}: {why}");
        assert!(!why.is_empty(), "{bad}");
    }
    for bad in ["", "{", "null", r#"{"id":-1}"#, r#"{"id":"1"}"#] {
        assert_eq!(posts(&sandbox, "/chat/act/fault-off", &own, bad).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
    for bad in ["", "{", "null", "{}", r#"{"version":1}"#, r#"{"version":999}"#, r#"{"version":1,"steps":[null]}"#] {
        let (status, why) = posts(&sandbox, "/chat/session", &own, bad).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}: {why}");
        assert!(why.contains("recording"), "{bad}: {why}");
    }
    assert_eq!(active(&sandbox).await, [] as [Value; 0]);
}

#[tokio::test]
async fn session_is_saved_and_replayed() -> TestResult {
    let sandbox = with_page().await;
    let app = sandbox.app("app");
    let addon = AddOn::of(&app).await;
    addon.replies(DynamicActionReply::toast("بله"));
    let ali = sandbox.user("ali");
    let chat = ali.chat_with_bot(&app);
    ali.write(&chat, "سلام").await?;
    let grid = ButtonGrid::from([ButtonRow::from([Button::dynamic_action("·", json!({}))])]);
    app.client().send_bot_message(chat.id(), &BotMessage::text("؟").buttons(grid)).await?;
    let message = messages(&sandbox, &ali, chat.id().as_str()).await[1]["message"]["id"].clone();
    let press = json!({ "me": "ali", "chat": chat.id(), "message": message, "row": 0, "column": 0 });
    act(&sandbox, "press", press).await;

    let response = Ask::new(&sandbox, "GET", "/chat/session").send().await;
    assert!(response.headers()["content-disposition"].to_str()?.starts_with("attachment"));
    let saved = String::from_utf8(response.body().to_vec())?;
    let mut webhooks_only: Value = serde_json::from_str(&saved)?;
    webhooks_only["steps"].as_array_mut().unwrap().retain(|step| step["kind"] == "webhook");
    let play = async |session: &str| {
        let (status, outcome) = posts(&sandbox, "/chat/session", sandbox.url(), session).await;
        assert_eq!(status, 200, "{outcome}");
        serde_json::from_str::<Value>(&outcome).unwrap()["apps"].clone()
    };

    let seen = addon.seen().len();
    let same = json!([{ "app": "app", "webhooks": 2, "calls": 0, "differences": [], "error": null }]);
    assert_eq!(play(&webhooks_only.to_string()).await, same);
    assert_eq!(addon.seen().len(), seen + 2, "the webhooks were sent again");

    addon.replies(DynamicActionReply::toast("نه"));
    let other = play(&webhooks_only.to_string()).await;
    assert_eq!(other[0]["differences"][0]["what"], "the response to webhook.dynamic_action");
    assert_eq!(other[0]["differences"][0]["expected"]["body"], json!({ "text_message": "بله" }));
    assert_eq!(other[0]["differences"][0]["found"]["body"], json!({ "text_message": "نه" }));

    // The app does not exist in this sandbox.
    let unknown = [r#""app":"#, r#""chatbot":"#].iter().fold(webhooks_only.to_string(), |session, key| {
        session.replace(&format!(r#"{key}"app""#), &format!(r#"{key}"nobody""#))
    });
    let unknown = play(&unknown).await;
    assert_eq!(unknown[0]["error"], "app not found: nobody");
    assert_eq!(play(&get(&with_page().await, "/chat/session").await.to_string()).await, json!([]));
    Ok(())
}

#[tokio::test]
async fn missing_call_is_a_difference() -> TestResult {
    let sandbox = Sandbox::builder().chat_page(true).time_limit(Duration::from_millis(200)).start().await?;
    let app = sandbox.app("app");
    let _addon = AddOn::of(&app).await;
    let chat = sandbox.user("ali").chat_with_bot(&app);
    app.client().send_bot_message(chat.id(), &BotMessage::text("سلام")).await?;
    let session = get(&sandbox, "/chat/session").await.to_string();
    let (status, outcome) = posts(&sandbox, "/chat/session", sandbox.url(), session).await;
    let outcome: Value = serde_json::from_str(&outcome)?;
    assert_eq!((status.as_u16(), &outcome["apps"][0]["calls"]), (200, &json!(1)));
    assert_eq!(outcome["apps"][0]["differences"][0]["what"], "the call bot.send_message");
    assert_eq!(outcome["apps"][0]["differences"][0]["found"], Value::Null);
    Ok(())
}
