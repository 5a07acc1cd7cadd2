//! Promise: the sandbox parses bodies as protobuf's JSON, and notes irregularities in the journal.

use crate::support::{Ask, TestResult, grant};
use kenar::Scope;
use kenar_sandbox::{App, Chat, Sandbox, User};
use serde_json::{Value, json};

struct Scene {
    sandbox: Sandbox,
    app: App,
    sara: User,
    bot: Chat,
    chat: Chat,
    token: String,
}

async fn scene() -> Scene {
    let sandbox = Sandbox::in_process().await;
    let (app, sara) = (sandbox.app("app"), sandbox.user("sara"));
    let post = sandbox.add_post(&sara);
    let chat = post.conversation_with(&sandbox.user("ali"));
    let scopes = [Scope::conversation_send_message(chat.id()), Scope::post_conversations_read(post.token())];
    let token = grant(&sandbox, &app, &sara, scopes).await.access_token.expose_secret().to_owned();
    let bot = sara.chat_with_bot(&app);
    Scene { sandbox, app, sara, bot, chat, token }
}

impl Scene {
    fn paths(&self) -> [String; 3] {
        [
            format!("/v2/open-platform/conversations/{}/messages", self.chat.id()),
            format!("/v1/open-platform/chat/bot/conversations/{}/messages", self.bot.id()),
            "/v1/open-platform/events/subscriptions".to_owned(),
        ]
    }

    async fn post(&self, path: &str, body: impl Into<String>) -> (u16, Value) {
        Ask::new(&self.sandbox, "POST", path).key(&self.app).bearer(&self.token).body(body).json_response().await
    }

    async fn bot(&self, body: Value) -> (u16, Value) {
        self.post(&self.paths()[1], body.to_string()).await
    }

    fn notes(&self) -> Vec<String> {
        self.sandbox.journal().pop().unwrap().notes.iter().map(ToString::to_string).collect()
    }
}

fn button(rest: Value) -> Value {
    let mut button = json!({ "action": { "open_direct_link": "https://addon.example/" } });
    button.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    json!({ "text_message": "سلام", "buttons": { "rows": [{ "buttons": [button] }] } })
}

#[tokio::test]
async fn array_instead_of_object_is_refused() -> TestResult {
    let scene = scene().await;
    for path in scene.paths() {
        for body in [r#"["x",null,null]"#, r#"["x",null,null,null]"#, "[]", "\"x\"", "null", "1", "", " "] {
            let (status, response) = scene.post(&path, body).await;
            assert_eq!((status, &response["code"]), (400, &json!(3)), "{path} {body}: {response}");
            assert!(response["message"].as_str().unwrap().contains("expected an object"), "{response}");
        }
    }
    let link = json!(["https://addon.example/", null, null, null, null]);
    for (place, body) in [
        ("invalid type of buttons: expected an object, got an array", json!({ "text_message": "a", "buttons": [[]] })),
        (
            "invalid type of buttons.rows[0]: expected an object, got an array",
            json!({ "text_message": "a", "buttons": { "rows": [[[]]] } }),
        ),
        (
            "invalid type of buttons.rows[0].buttons[0].action: expected an object, got an array",
            button(json!({ "action": link })),
        ),
        (
            "invalid type of buttons.rows[0].buttons[0].caption: expected a string, got a number",
            button(json!({ "caption": 1 })),
        ),
        ("invalid type of text_message: expected a string, got an array", json!({ "text_message": ["a"] })),
    ] {
        let (status, response) = scene.bot(body).await;
        assert_eq!((status, response["message"].as_str()), (400, Some(place)), "{response}");
    }
    assert!(scene.bot.messages().is_empty());
    Ok(())
}

#[tokio::test]
async fn error_names_no_type_of_this_crate() -> TestResult {
    let scene = scene().await;
    for path in scene.paths() {
        for body in [
            json!([]),
            json!({}),
            json!({ "message": "a", "text_message": "a", "media_token": "b" }),
            json!({ "message": "a", "sender_buttons": { "rows": [{}] }, "buttons": { "rows": [{}] }, "text_message": "a" }),
            json!({ "message": "a", "sender_buttons": 1, "buttons": 1, "text_message": "a", "event_type": 1 }),
            button(json!({ "action": {} })),
            button(json!({ "action": { "open_server_link": { "data": 1 } } })),
        ] {
            let (_, response) = scene.post(&path, body.to_string()).await;
            let message = response["message"].as_str().unwrap_or_default();
            for name in ["In`", "In,", "BotMessage", "ConversationMessage", "Button", "Action", "struct", "line 1"] {
                assert!(!message.contains(name), "{name}: {message}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn empty_string_and_null_mean_unset() -> TestResult {
    let scene = scene().await;
    let [conversation, bot, subscriptions] = scene.paths();
    for (path, body) in [
        (
            &conversation,
            json!({ "message": "سلام", "media_token": "", "sender_buttons": null, "receiver_buttons": null }),
        ),
        (&conversation, json!({ "type": "TEXT", "message": "سلام", "media_token": null })),
        (&bot, json!({ "text_message": "سلام", "media_token": "", "buttons": null, "conversation_id": "" })),
        (&subscriptions, json!({ "event_type": "NEW_MESSAGE_ON_POST", "event_resource_id": "", "metadata": null })),
    ] {
        let (status, response) = scene.post(path, body.to_string()).await;
        // A subscription to all posts needs a scope that was not granted.
        let expected = if path == &subscriptions { 403 } else { 200 };
        assert_eq!(status, expected, "{body}: {response}");
    }
    let action =
        json!({ "open_direct_link": "https://addon.example/", "open_server_link": null, "open_post_page": null });
    assert_eq!(scene.bot(button(json!({ "action": action, "icon": "", "icon_name": null }))).await.0, 200);
    let neither = scene.bot(json!({ "text_message": "", "media_token": "" })).await;
    assert_eq!(neither.0, 400, "{neither:?}");
    Ok(())
}

#[tokio::test]
async fn button_without_caption_is_accepted() -> TestResult {
    let scene = scene().await;
    for rest in [json!({}), json!({ "caption": "" }), json!({ "caption": null })] {
        let (status, response) = scene.bot(button(rest)).await;
        assert_eq!(status, 200, "{response}");
        let message = scene.bot.next_message().await?;
        let caption = message.sender_buttons.as_ref().and_then(|grid| grid.buttons().next()).unwrap().caption.clone();
        assert_eq!(caption, "");
        scene.sara.press(&message, "").await?;
    }
    Ok(())
}

#[tokio::test]
async fn deprecated_icon_name_is_accepted_with_a_note() -> TestResult {
    let scene = scene().await;
    for (rest, shown, noted) in [
        (json!({ "icon_name": "SEND" }), Some("SEND"), "icon_name: use icon"),
        (json!({ "icon_name": "CALL", "icon": "SEND" }), Some("SEND"), "icon_name: ignored, since icon is set"),
        (json!({ "icon_name": "CALL", "icon": "" }), Some("CALL"), "icon_name: use icon"),
        (json!({ "icon": "SEND" }), Some("SEND"), ""),
        (json!({ "icon_name": "" }), None, ""),
    ] {
        assert_eq!(scene.bot(button(rest.clone())).await.0, 200);
        let message = scene.bot.next_message().await?;
        let button = message.sender_buttons.as_ref().and_then(|grid| grid.buttons().next()).unwrap();
        assert_eq!(button.icon.as_ref().map(kenar::model::icon::Icon::name), shown, "{rest}");
        let notes = scene.notes();
        assert_eq!(notes.is_empty(), noted.is_empty(), "{rest}: {notes:?}");
        assert!(notes.iter().all(|note| note.contains(noted)), "{rest}: {notes:?}");
    }
    Ok(())
}

#[tokio::test]
async fn unknown_icons_and_fields_are_noted() -> TestResult {
    let scene = scene().await;
    assert_eq!(scene.bot(button(json!({ "icon": "None" }))).await.0, 200);
    assert_eq!(scene.notes(), ["unknown icon \"None\" in buttons.rows[0].buttons[0].icon"]);
    assert_eq!(scene.bot(json!({ "text_message": "سلام", "butons": {} })).await.0, 200);
    assert_eq!(scene.notes(), ["unknown field \"butons\" in the body: ignored"]);
    Ok(())
}

#[tokio::test]
async fn button_data_comes_back_unchanged() -> TestResult {
    let scene = scene().await;
    let data = r#"{"z":1.0,"a":12345678901234567890,"nested":{"":"","null":null}}"#;
    let action = format!(r#"{{"get_dynamic_action":{{"data":{data}}}}}"#);
    let body = format!(r#"{{"text_message":"a","buttons":{{"rows":[{{"buttons":[{{"action":{action}}}]}}]}}}}"#);
    assert_eq!(scene.post(&scene.paths()[1], body).await.0, 200);
    let message = scene.bot.next_message().await?;
    let button = serde_json::to_string(message.sender_buttons.as_ref().unwrap())?;
    assert!(button.contains(data), "{button}");
    Ok(())
}

#[tokio::test]
async fn array_is_not_the_reply_of_an_add_on() -> TestResult {
    let Scene { sandbox: _sandbox, app, sara, chat, .. } = scene().await;
    app.set_open_app_url(
        app.set_handler(|_| async { http::Response::new(r#"[null,"http://127.0.0.1:1/page"]"#.into()) }),
    );
    let why = sara.open_app(&chat, &app).await.err().ok_or("the array was accepted")?;
    assert_eq!(why.message(), "invalid response from the add-on: expected an object, got an array");
    Ok(())
}

#[tokio::test]
async fn content_length_beyond_the_limit_is_refused_at_once() -> TestResult {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let sandbox = Sandbox::builder().chat_page(true).start().await?;
    let app = sandbox.app("app");
    let token = app.client().execute(&kenar::operation::CreateUploadToken).await?;
    let host = sandbox.url().strip_prefix("http://").ok_or("https")?;
    for (path, headers) in [
        ("/oauth2/token", ""),
        ("/v2/open-platform/conversations/a/messages", ""),
        ("/oauth2/auth", "origin: http://{host}\r\n"),
        ("/upload/image", "authorization: Bearer {token}\r\n"),
        ("/upload/video", "authorization: Bearer {token}\r\nexpect: 100-continue\r\n"),
        ("/chat/send", "origin: http://{host}\r\n"),
        ("/chat/session", "origin: http://{host}\r\n"),
        ("/chat/act/new-person", "origin: http://{host}\r\n"),
    ] {
        let mut connection = tokio::net::TcpStream::connect(host).await?;
        let headers = headers.replace("{host}", host).replace("{token}", token.expose_secret());
        let request = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: 999999999999\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut start = [0; 12];
        let read = tokio::time::timeout(std::time::Duration::from_secs(3), connection.read_exact(&mut start)).await;
        read.map_err(|_| format!("{path}: no response"))??;
        assert_eq!(std::str::from_utf8(&start)?, "HTTP/1.1 413", "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn client_that_still_sends_a_large_body_gets_the_response() -> TestResult {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let sandbox = Sandbox::start().await?;
    let host = sandbox.url().strip_prefix("http://").ok_or("https")?;
    let mut connection = tokio::net::TcpStream::connect(host).await?;
    let body = vec![b'a'; 8 << 20];
    let head = format!("POST /oauth2/token HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n", body.len());
    connection.write_all(head.as_bytes()).await?;
    // A reset connection would fail here, or lose the response.
    connection.write_all(&body).await?;
    let mut start = [0; 12];
    connection.read_exact(&mut start).await?;
    assert_eq!(&start, b"HTTP/1.1 413");
    Ok(())
}
