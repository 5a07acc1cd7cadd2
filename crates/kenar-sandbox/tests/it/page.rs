//! Promise: the chat page acts like Divar.

use std::time::Duration;

use crate::support::{AddOn, Ask, TestResult};
use http::StatusCode;
use kenar::model::{Action, ButtonGrid, ButtonRow};
use kenar::operation::{Media, MediaSource, Subscription};
use kenar::webhook::{DynamicActionReply, Event, PostUpdateKind, TransactionState};
use kenar::{BotMessage, Button, ChatApi as _};
use kenar_sandbox::{Sandbox, User};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) async fn with_page() -> Sandbox {
    Sandbox::builder().chat_page(true).start().await.unwrap()
}

/// Performs an act, as the page's script does.
pub(crate) async fn act(sandbox: &Sandbox, act: &str, body: Value) -> Value {
    let ask = Ask::new(sandbox, "POST", &format!("/chat/act/{act}")).header("origin", sandbox.url()).json(body);
    let (status, outcome) = ask.json_response().await;
    assert_eq!(status, 200, "{act}: {outcome}");
    outcome
}

pub(crate) async fn get(sandbox: &Sandbox, path: &str) -> Value {
    let (status, response) = Ask::new(sandbox, "GET", path).json_response().await;
    assert_eq!(status, 200, "{path}");
    response
}

pub(crate) fn query(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

pub(crate) async fn messages(sandbox: &Sandbox, me: &User, chat: &str) -> Vec<Value> {
    let response = get(sandbox, &format!("/chat/messages?{}", query(&[("me", me.name()), ("chat", chat)]))).await;
    response["messages"].as_array().unwrap().clone()
}

/// The status and body of any `POST` with any origin.
pub(crate) async fn posts(
    sandbox: &Sandbox,
    path: &str,
    origin: &str,
    body: impl Into<String>,
) -> (StatusCode, String) {
    let ask = Ask::new(sandbox, "POST", path).header("origin", origin).header("content-type", "application/json");
    let response = ask.body(body).send().await;
    (response.status(), String::from_utf8_lossy(response.body()).into_owned())
}

#[tokio::test]
async fn page_is_off_by_default() -> TestResult {
    let sandbox = Sandbox::start().await?;
    assert_eq!(sandbox.chat_page_url(), None);
    for path in ["/", "/chat/", "/chat/overview", "/chat/page.js"] {
        assert_eq!(Ask::new(&sandbox, "GET", path).send().await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let sandbox = with_page().await;
    assert_eq!(sandbox.chat_page_url(), Some(format!("{}/chat/", sandbox.url())));
    assert_eq!(Ask::new(&sandbox, "GET", "/").send().await.headers()["location"], sandbox.chat_page_url().unwrap());
    Ok(())
}

#[tokio::test]
async fn buttons_are_pressed_by_position() -> TestResult {
    let sandbox = with_page().await;
    let app = sandbox.app("app");
    let addon = AddOn::of(&app).await;
    let ali = sandbox.user("ali");
    let chat = ali.chat_with_bot(&app);
    let post = sandbox.add_post(&sandbox.user("sara")).token().clone();
    // Captions need not be unique, for example on the empty squares of a game.
    let grid = ButtonGrid::from([
        ButtonRow::from([
            Button::dynamic_action("·", json!({ "at": "0" })),
            Button::dynamic_action("·", json!({ "at": "1" })),
        ]),
        ButtonRow::from([Button::server_link("باز", json!({ "a": "b" })), Button::post_manage_page("آگهی", &post)]),
        ButtonRow::from([
            Button::open_link("لینک", url::Url::parse("https://addon.example/")?),
            Button::open_link("نه", url::Url::parse("javascript:alert(1)")?),
        ]),
    ]);
    app.client().send_bot_message(chat.id(), &BotMessage::text("؟").buttons(grid)).await?;
    let shown = messages(&sandbox, &ali, chat.id().as_str()).await;
    assert_eq!(shown[0]["app_title"], "app");
    assert_eq!(shown[0]["buttons"][2][0]["href"], "https://addon.example/");
    assert_eq!(shown[0]["buttons"][2][1]["href"], Value::Null, "not a page");
    let message = &shown[0]["message"]["id"];
    let at = |row: usize, column: usize| json!({ "me": "ali", "chat": chat.id(), "message": message, "row": row, "column": column });

    addon.replies(DynamicActionReply::toast("دیده شد").with_action(Action::post_page(&post)));
    let outcome = act(&sandbox, "press", at(0, 1)).await;
    assert_eq!(addon.seen().last().unwrap()["extra_data"], json!({ "at": "1" }));
    assert_eq!(outcome, json!({ "toast": "دیده شد", "post": post }));

    let outcome = act(&sandbox, "press", at(1, 0)).await;
    assert_eq!(outcome, json!({ "url": addon.url.join(["page"]) }));
    assert_eq!(addon.seen().last().unwrap()["source"], "CHAT_MESSAGE_ACTION");
    assert_eq!(act(&sandbox, "press", at(1, 1)).await, json!({ "post": post, "manage": true }));
    for (row, column) in [(2, 1), (0, 2), (9, 0)] {
        assert!(act(&sandbox, "press", at(row, column)).await["error"].is_string(), "{row} {column}");
    }
    addon.responds_with(StatusCode::INTERNAL_SERVER_ERROR);
    let outcome = act(&sandbox, "press", at(0, 0)).await;
    assert!(outcome["error"].as_str().is_some_and(|why| why.contains("500")), "{outcome}");
    Ok(())
}

#[tokio::test]
async fn app_and_chatbot_start_from_a_conversation() -> TestResult {
    let sandbox = with_page().await;
    let app = sandbox.app("app");
    app.set_title("افزونه");
    let addon = AddOn::of(&app).await;
    let ali = sandbox.user("ali");
    let chat = sandbox.add_post(&sandbox.user("sara")).conversation_with(&ali);
    let opened = act(&sandbox, "open", json!({ "me": "ali", "chat": chat.id(), "app": "app" })).await;
    assert_eq!(opened, json!({ "url": addon.url.join(["page"]) }));
    assert_eq!(addon.seen()[0]["user_side"], "DEMAND");

    let started = act(&sandbox, "start-bot", json!({ "me": "ali", "chat": chat.id(), "app": "app" })).await;
    sandbox.settled().await;
    assert_eq!(started["chat"], json!(ali.chat_with_bot(&app).id()));
    assert_eq!(addon.seen()[1]["new_chatbot_message"]["text"], format!("/start CHAT {}", chat.id()));
    assert_eq!(get(&sandbox, "/chat/overview?me=ali").await["apps"][0]["title"], "افزونه");
    Ok(())
}

#[tokio::test]
async fn page_creates_people_posts_and_conversations() -> TestResult {
    let sandbox = with_page().await;
    for name in ["سارا", "ali"] {
        assert_eq!(act(&sandbox, "new-person", json!({ "name": name })).await, json!({}));
    }
    for name in ["", "  ", &"n".repeat(41)] {
        assert!(act(&sandbox, "new-person", json!({ "name": name })).await["error"].is_string(), "{name:?}");
    }
    let post = act(&sandbox, "new-post", json!({ "name": "سارا" })).await["post"].clone();
    let chat = act(&sandbox, "ask-about", json!({ "me": "ali", "post": post })).await["chat"].clone();
    assert!(act(&sandbox, "ask-about", json!({ "me": "سارا", "post": post })).await["error"].is_string());
    let block = |blocks| json!({ "me": "سارا", "chat": chat, "blocks": blocks });
    act(&sandbox, "block", block(true)).await;
    let write = json!({ "me": "ali", "chat": chat, "said": { "location": { "latitude": 35.7, "longitude": 51.4 } } });
    assert!(act(&sandbox, "write", write.clone()).await["error"].is_string());
    act(&sandbox, "block", block(false)).await;
    assert_eq!(act(&sandbox, "write", write).await, json!({}));
    let nowhere = json!({ "me": "ali", "chat": chat, "said": { "location": { "latitude": 91, "longitude": 0 } } });
    assert!(act(&sandbox, "write", nowhere).await["error"].is_string());
    let shown = messages(&sandbox, &sandbox.user("سارا"), chat.as_str().unwrap()).await;
    assert_eq!(shown[0]["message"]["location_data"]["latitude"], 35.7);
    Ok(())
}

#[tokio::test]
async fn acts_send_post_and_payment_events() -> TestResult {
    let sandbox = with_page().await;
    let app = sandbox.app("app");
    let addon = AddOn::of(&app).await;
    let sara = sandbox.user("sara");
    let post = sandbox.add_post(&sara);
    let tokens = crate::support::grant(&sandbox, &app, &sara, [kenar::Scope::user_posts_get()]).await;
    app.client().subscribe(&Subscription::to_updates_of(post.token()), &tokens.access_token).await?;

    let update = json!({ "post": post.token(), "kind": "RETIRE" });
    assert_eq!(act(&sandbox, "update-post", update).await, json!({}));
    let payment = json!({ "app": "app", "id": "t-1", "state": "TRANSACTION_STATE_COMPLETED", "cost_rials": 100_000 });
    assert_eq!(act(&sandbox, "send-payment-event", payment).await, json!({}));
    sandbox.settled().await;
    let events = addon.events();
    let [Event::PostUpdate(update), Event::PaymentTransaction(payment)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&update.kind, &update.post.token), (&Some(PostUpdateKind::Retire), &Some(post.token().clone())));
    assert_eq!((&payment.state, payment.cost_rials), (&Some(TransactionState::Completed), Some(100_000)));
    assert_eq!(payment.app_slug.as_ref(), Some(app.slug()));

    let elsewhere = json!({ "post": "elsewhere", "kind": "RETIRE" });
    assert_eq!(act(&sandbox, "update-post", elsewhere).await, json!({ "error": "post not found: elsewhere" }));
    let nobody = json!({ "app": "nobody", "id": "t-1", "state": "TRANSACTION_STATE_FAILED" });
    assert_eq!(act(&sandbox, "send-payment-event", nobody).await, json!({ "error": "app not found: nobody" }));
    Ok(())
}

#[tokio::test]
async fn journal_masks_secrets_and_redelivers_events() -> TestResult {
    let sandbox = with_page().await;
    let app = sandbox.app("app");
    let addon = AddOn::of(&app).await;
    let ali = sandbox.user("ali");
    crate::support::grant(&sandbox, &app, &ali, [kenar::Scope::user_id(), kenar::Scope::offline_access()]).await;
    app.client().upload_media(Media::image("a.png", MediaSource::bytes("png"))?).await?;
    ali.write(&ali.chat_with_bot(&app), "سلام").await?;

    let lines = get(&sandbox, "/chat/journal").await;
    let operations: Vec<_> = lines.as_array().unwrap().iter().map(|line| line["operation"].as_str().unwrap()).collect();
    for operation in ["oauth.exchange_code", "media.create_upload_token", "webhook.event"] {
        assert!(operations.contains(&operation), "{operations:?}");
    }
    let text = lines.to_string();
    let secrets = sandbox.transcript();
    for secret in secrets.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-') {
        let is_secret = secret.starts_with("sandbox-") || secret.starts_with("c2FuZGJveC");
        assert!(!is_secret || !text.contains(secret), "{secret} is shown");
    }
    assert!(secrets.contains("sandbox-access-token"), "the test has no secret to look for: {secrets}");

    let event = lines.as_array().unwrap().iter().find(|line| line["operation"] == "webhook.event").unwrap();
    assert!(event["curl"].as_str().unwrap().contains("-H \"authorization: $KENAR_IDENTIFICATION_KEY\""), "{event}");
    let seen = addon.seen();
    assert_eq!(act(&sandbox, "redeliver", json!({ "number": event["number"] })).await, json!({}));
    sandbox.settled().await;
    assert_eq!(addon.seen(), [seen.clone(), seen].concat());
    for number in [0, 9999] {
        assert!(act(&sandbox, "redeliver", json!({ "number": number })).await["error"].is_string());
    }
    let after = get(&sandbox, &format!("/chat/journal?after={}", event["number"])).await;
    assert_eq!(after.as_array().unwrap().len(), 1, "only later exchanges");
    Ok(())
}

/// A stream of server-sent events.
struct Live(TcpStream, String);

impl Live {
    async fn open(sandbox: &Sandbox) -> Self {
        let host = sandbox.url().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).await.unwrap();
        let request = format!("GET /chat/live HTTP/1.1\r\nhost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(stream, String::new())
    }

    /// Reads until there were this many events. Returns `false` at the end of the stream.
    async fn read_to(&mut self, events: usize) -> bool {
        while self.1.matches("data: ").count() < events {
            let mut buffer = [0; 4096];
            let read = tokio::time::timeout(Duration::from_secs(5), self.0.read(&mut buffer)).await;
            match read.unwrap_or_else(|_| panic!("timed out before event {events}: {:?}", self.1)).unwrap() {
                0 => return false,
                length => self.1.push_str(&String::from_utf8_lossy(&buffer[..length])),
            }
        }
        true
    }
}

#[tokio::test]
async fn live_stream_reports_changes_until_the_end() -> TestResult {
    let sandbox = with_page().await;
    let ali = sandbox.user("ali");
    let chat = sandbox.add_post(&sandbox.user("sara")).conversation_with(&ali);
    let mut live = Live::open(&sandbox).await;
    assert!(live.read_to(1).await, "the first event is immediate");
    assert!(live.1.contains("content-type: text/event-stream"), "{:?}", live.1);

    ali.write(&chat, "سلام").await?;
    assert!(live.read_to(2).await, "the message");
    sandbox.shutdown().await;
    assert!(!live.read_to(99).await, "the stream ends");
    Ok(())
}

#[tokio::test]
async fn array_is_not_the_body_of_an_act() {
    let sandbox = with_page().await;
    let own = sandbox.url().to_owned();
    for (act, body) in [("new-person", r#"["reza"]"#), ("advance", "[5]"), ("write", "[]"), ("fault-on", "[]")] {
        let (status, why) = posts(&sandbox, &format!("/chat/act/{act}"), &own, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{act}: {why}");
        assert_eq!(why, "invalid body: expected an object, got an array", "{act}");
    }
}

#[tokio::test]
async fn words_exist_in_both_languages_and_are_spelt_well() -> TestResult {
    let sandbox = with_page().await;
    let script = Ask::new(&sandbox, "GET", "/chat/words.js").send().await.into_body();
    let script = String::from_utf8(script.to_vec())?;
    let (words_alone, _) = script.split_once("\n};").ok_or("no end of the words")?;
    let (persian, english) = words_alone.split_once("\n  en: {").ok_or("no English words")?;
    let words = |text: &str| -> Vec<(String, String)> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("    ")?.strip_suffix("\","));
        lines.filter_map(|line| line.split_once(": \"")).map(|(key, word)| (key.to_owned(), word.to_owned())).collect()
    };
    let (persian, english) = (words(persian), words(english));
    assert!(persian.len() > 150, "{}", persian.len());
    let placeholders = |word: &str| -> Vec<String> {
        word.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.to_owned()).collect()
    };
    let of = |words: &[(String, String)]| -> Vec<_> {
        words.iter().map(|(key, word)| (key.clone(), placeholders(word))).collect()
    };
    assert_eq!(of(&persian), of(&english));

    let is_persian = |letter: char| ('\u{621}'..='\u{6d3}').contains(&letter) && letter.is_alphabetic();
    for (key, word) in persian.iter().filter(|(key, _)| key != "language") {
        assert!(!word.contains(['ي', 'ك', 'ة', '٤', '٥', '٦']), "Arabic letters in {key}: {word}");
        let apart = word.split_whitespace().find(|part| ["می", "نمی", "ها", "های", "هایی", "ای", "ام"].contains(part));
        assert_eq!(apart, None, "a half-space is missing in {key}: {word}");
        let letters: Vec<_> = word.chars().collect();
        for pair in letters.windows(2) {
            let latin = is_persian(pair[0]) && [',', ';', '?'].contains(&pair[1]);
            assert!(!latin && pair != [' ', ' '] && pair != [' ', '،'], "punctuation of {key}: {word}");
        }
    }
    Ok(())
}
