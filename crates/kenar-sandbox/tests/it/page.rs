//! Promise: the page acts like Divar, shows text as text, and accepts only its own requests.

use std::time::Duration;

use crate::support::{AddOn, Ask, REDIRECT, TestResult};
use http::StatusCode;
use kenar::model::{Action, ButtonGrid, ButtonRow};
use kenar::operation::{Media, MediaSource, Subscription};
use kenar::webhook::{DynamicActionReply, Event, PostUpdateKind, TransactionState};
use kenar::{BotMessage, Button, ChatApi as _};
use kenar_sandbox::{Sandbox, User};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn with_page() -> Sandbox {
    Sandbox::builder().chat_page(true).start().await.unwrap()
}

/// Performs an act, as the page's script does.
async fn act(sandbox: &Sandbox, act: &str, body: Value) -> Value {
    let ask = Ask::new(sandbox, "POST", &format!("/chat/act/{act}")).header("origin", sandbox.url()).json(body);
    let (status, outcome) = ask.json_response().await;
    assert_eq!(status, 200, "{act}: {outcome}");
    outcome
}

async fn get(sandbox: &Sandbox, path: &str) -> Value {
    let (status, response) = Ask::new(sandbox, "GET", path).json_response().await;
    assert_eq!(status, 200, "{path}");
    response
}

fn query(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

async fn messages(sandbox: &Sandbox, me: &User, chat: &str) -> Vec<Value> {
    let response = get(sandbox, &format!("/chat/messages?{}", query(&[("me", me.name()), ("chat", chat)]))).await;
    response["messages"].as_array().unwrap().clone()
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
async fn page_is_complete_with_a_strict_policy() -> TestResult {
    let sandbox = with_page().await;
    let response = Ask::new(&sandbox, "GET", "/chat/").send().await;
    let policies: Vec<_> = response.headers().get_all("content-security-policy").iter().collect();
    assert!(!policies.iter().any(|policy| policy.to_str().unwrap().contains("unsafe")), "{policies:?}");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "trusted-types 'none'",
    ] {
        assert!(policies.iter().any(|policy| policy.to_str().unwrap().contains(part)), "{part}: {policies:?}");
    }
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");

    let page = String::from_utf8(response.body().to_vec())?;
    for inline in ["<style", " style=", " onclick=", " onload=", "javascript:", "<script>"] {
        assert!(!page.contains(inline), "{inline}");
    }
    let mut names: Vec<String> = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        let linked = page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
        names.extend(linked.filter(|name| !name.starts_with('#')).map(str::to_owned));
    }
    let mut seen = 0;
    while let Some(name) = names.get(seen).cloned() {
        seen += 1;
        assert!(!name.contains("//"), "{name} is from elsewhere");
        let response = Ask::new(&sandbox, "GET", &format!("/chat/{name}")).send().await;
        assert_eq!(response.status(), 200, "{name}");
        let text = String::from_utf8(response.body().to_vec())?;
        for markup in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "@import"] {
            assert!(!text.contains(markup), "{name} has {markup}");
        }
        let imports = text.split("from \"./").skip(1).filter_map(|rest| rest.split('"').next());
        let new: Vec<_> = imports.filter(|name| !names.iter().any(|known| known == name)).map(str::to_owned).collect();
        names.extend(new);
    }
    assert!(seen > 10, "only {names:?}");
    Ok(())
}

#[tokio::test]
async fn other_sites_cannot_read_or_act() -> TestResult {
    let sandbox = with_page().await;
    let chat = sandbox.add_post(&sandbox.user("sara")).conversation_with(&sandbox.user("ali"));
    let said = json!({ "me": "ali", "chat": chat.id(), "said": { "text": "سلام" } });
    let own = sandbox.url().to_owned();
    let other = own.replace("127.0.0.1", "evil.example");

    for path in ["/", "/chat/", "/chat/overview?me=ali", "/chat/live", "/chat/page.js", "/oauth2/auth", "/media/x"] {
        let status = status_by_host(&sandbox, other.strip_prefix("http://").unwrap(), path).await;
        assert_eq!(status, "421", "{path}");
    }
    let port = own.rsplit_once(':').unwrap().1;
    assert_eq!(status_by_host(&sandbox, &format!("localhost:{port}"), "/chat/overview?me=ali").await, "200");
    for path in ["/chat/overview?me=ali", "/chat/messages", "/chat/journal", "/chat/live"] {
        let status = Ask::new(&sandbox, "GET", path).header("sec-fetch-site", "cross-site").send().await.status();
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    let write = || Ask::new(&sandbox, "POST", "/chat/act/write").json(said.clone());
    assert_eq!(write().send().await.status(), StatusCode::FORBIDDEN, "without an origin");
    for origin in ["null", &other, "http://127.0.0.1:1"] {
        assert_eq!(write().header("origin", origin).send().await.status(), StatusCode::FORBIDDEN, "{origin}");
    }
    let address = format!("/chat/send?{}", query(&[("me", "ali"), ("chat", chat.id().as_str()), ("kind", "file")]));
    let send = Ask::new(&sandbox, "POST", &address).header("origin", &other).body("bytes");
    assert_eq!(send.send().await.status(), StatusCode::FORBIDDEN);
    assert_eq!(chat.messages().len(), 0, "{}", chat.transcript());

    assert_eq!(write().header("origin", &own).send().await.status(), StatusCode::OK);
    assert_eq!(chat.messages().len(), 1);
    Ok(())
}

#[tokio::test]
async fn other_sites_cannot_grant_permissions() -> TestResult {
    let sandbox = with_page().await;
    sandbox.user("sara");
    let app = sandbox.app("app");
    let (url, _) = app.oauth(REDIRECT)?.permission_url([kenar::Scope::user_id()]);
    let path = url.as_str().strip_prefix(sandbox.url()).unwrap();
    let allow = || Ask::new(&sandbox, "POST", path).form(&[("user", "sara"), ("decision", "allow")]);
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(allow().header("origin", origin).send().await.status(), StatusCode::FORBIDDEN, "{origin}");
    }
    assert_eq!(allow().header("origin", sandbox.url()).send().await.status(), StatusCode::SEE_OTHER);
    assert_eq!(allow().send().await.status(), StatusCode::SEE_OTHER, "a test, without a browser");

    let page = Ask::new(&sandbox, "GET", path).send().await;
    let policy = page.headers()["content-security-policy"].to_str()?;
    assert!(policy.contains("frame-ancestors 'self'") && policy.contains("script-src 'self'"), "{policy}");
    Ok(())
}

#[tokio::test]
async fn messages_stay_text() -> TestResult {
    let sandbox = with_page().await;
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("<i>ali</i>"));
    let chat = sandbox.add_post(&sara).conversation_with(&ali);
    let text = "<script>alert(1)</script> & \"سلام\"";
    act(&sandbox, "write", json!({ "me": ali.name(), "chat": chat.id(), "said": { "text": text } })).await;
    let path = format!("/chat/messages?{}", query(&[("me", sara.name()), ("chat", chat.id().as_str())]));
    let response = Ask::new(&sandbox, "GET", &path).send().await;
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let shown: Value = serde_json::from_slice(response.body())?;
    assert_eq!(shown["messages"][0]["message"]["text"], text);
    assert_eq!(shown["messages"][0]["person"], "<i>ali</i>");
    Ok(())
}

#[tokio::test]
async fn people_see_only_their_own_conversations() -> TestResult {
    let sandbox = with_page().await;
    let [sara, ali, reza] = ["sara", "ali", "reza"].map(|name| sandbox.user(name));
    let chat = sandbox.add_post(&sara).conversation_with(&ali);
    ali.write(&chat, "سلام").await?;
    for (who, side) in [(&sara, "SUPPLY"), (&ali, "DEMAND")] {
        let overview = get(&sandbox, &format!("/chat/overview?me={}", who.name())).await;
        assert_eq!(overview["chats"][0]["side"], side, "{overview}");
        assert_eq!(overview["chats"][0]["last"]["mine"], who.name() == "ali");
    }
    let overview = get(&sandbox, "/chat/overview?me=reza").await;
    assert_eq!(overview["chats"], json!([]));
    let path = format!("/chat/messages?{}", query(&[("me", reza.name()), ("chat", chat.id().as_str())]));
    assert_eq!(Ask::new(&sandbox, "GET", &path).send().await.status(), StatusCode::NOT_FOUND);
    let outcome = act(&sandbox, "write", json!({ "me": "reza", "chat": chat.id(), "said": { "text": "من؟" } })).await;
    assert!(outcome["error"].as_str().is_some_and(|why| why.contains("reza")), "{outcome}");
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
async fn media_are_shown_but_active_content_is_not() -> TestResult {
    let sandbox = with_page().await;
    let app = sandbox.app("app");
    let ali = sandbox.user("ali");
    let chat = ali.chat_with_bot(&app);
    let send = async |kind: &str, name: &str, content_type: &str| {
        let fields = [("me", "ali"), ("chat", chat.id().as_str()), ("kind", kind), ("name", name)];
        let ask = Ask::new(&sandbox, "POST", &format!("/chat/send?{}", query(&fields)));
        ask.header("origin", sandbox.url())
            .header("content-type", content_type)
            .body("0123456789")
            .json_response()
            .await
            .1
    };
    for refused in [("image", "x.svg", "image/svg+xml"), ("image", "x.html", "text/html"), ("voice", "x", "text/html")]
    {
        assert!(send(refused.0, refused.1, refused.2).await["error"].is_string(), "{refused:?}");
    }
    assert_eq!(send("image", "عکس.png", "image/png").await, json!({}));
    assert_eq!(send("voice", "v.webm", "audio/webm;codecs=opus").await, json!({}));
    assert_eq!(send("file", "x.html", "text/html").await, json!({}));
    let photo = Media::image("photo.png", MediaSource::bytes("0123456789"))?;
    let token = app.client().upload_media(photo).await?;
    app.client().send_bot_message(chat.id(), &BotMessage::media(token)).await?;

    let shown = messages(&sandbox, &ali, chat.id().as_str()).await;
    for (place, data, content_type, disposition) in [
        (0, "image_data", "image/png", "inline"),
        (1, "voice_data", "audio/webm", "inline"),
        (2, "file_data", "application/octet-stream", "attachment"),
        (3, "image_data", "image/png", "inline"),
    ] {
        let link = shown[place]["message"][data]["link"].as_str().unwrap().strip_prefix(sandbox.url()).unwrap();
        let response = Ask::new(&sandbox, "GET", link).send().await;
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!((header("content-type"), &response.body()[..]), (content_type.to_owned(), &b"0123456789"[..]));
        assert!(header("content-disposition").starts_with(disposition), "{link}");
        assert!(header("content-security-policy").contains("sandbox"), "{link}");
        let part = Ask::new(&sandbox, "GET", link).header("range", "bytes=2-4").send().await;
        assert_eq!((part.status().as_u16(), &part.body()[..]), (206, &b"234"[..]));
    }
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

/// The status of a request with another `Host`, which the transports cannot send.
async fn status_by_host(sandbox: &Sandbox, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(sandbox.url().strip_prefix("http://").unwrap()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    String::from_utf8_lossy(&response).split(' ').nth(1).unwrap().to_owned()
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

/// The status and body of any `POST` with any origin.
async fn posts(sandbox: &Sandbox, path: &str, origin: &str, body: impl Into<String>) -> (StatusCode, String) {
    let ask = Ask::new(sandbox, "POST", path).header("origin", origin).header("content-type", "application/json");
    let response = ask.body(body).send().await;
    (response.status(), String::from_utf8_lossy(response.body()).into_owned())
}

async fn active(sandbox: &Sandbox) -> Vec<Value> {
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
async fn other_sites_cannot_use_faults_or_sessions() {
    let sandbox = with_page().await;
    let session = get(&sandbox, "/chat/session").await.to_string();
    let fault = json!({ "at": "any_call", "fault": "html" }).to_string();
    for origin in ["null", "http://evil.example", "http://127.0.0.1:1"] {
        for (path, body) in
            [("/chat/act/fault-on", &*fault), ("/chat/act/fault-off", r#"{"id":1}"#), ("/chat/session", &*session)]
        {
            assert_eq!(posts(&sandbox, path, origin, body).await.0, StatusCode::FORBIDDEN, "{path} {origin}");
        }
        for path in ["/chat/session", "/chat/faults"] {
            let status = Ask::new(&sandbox, "GET", path).header("origin", origin).send().await.status();
            assert_eq!(status, StatusCode::FORBIDDEN, "{path} {origin}");
        }
    }
    for path in ["/chat/session", "/chat/faults"] {
        let status = Ask::new(&sandbox, "GET", path).header("sec-fetch-site", "cross-site").send().await.status();
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(status_by_host(&sandbox, "evil.example", path).await, "421", "{path}");
    }
    assert_eq!(Ask::new(&sandbox, "POST", "/chat/session").body(session).send().await.status(), StatusCode::FORBIDDEN);
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
