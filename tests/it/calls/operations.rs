//! Promise: each operation sends exactly the documented method, URL, headers, credentials and body.

use http::Method;
use kenar::error::ErrorKind;
use kenar::model::icon::Icon;
use kenar::model::{ButtonRow, ConversationId, MediaToken, PostToken, UserId};
use kenar::operation::{CreateUploadToken, Media, MediaSource, Subscription, SubscriptionEvent};
use kenar::request::BaseUrls;
use kenar::secret::ApiKey;
use kenar::transport::MockTransport;
use kenar::{BotMessage, Button, ChatApi as _, Client, ConversationMessage};
use serde_json::{Value, json};

use crate::support::calls::{
    self as support, ACCESS_TOKEN, API_KEY, access_token, all, client, conversation, only_request,
};

/// The credentials of a request.
#[derive(Clone, Copy)]
enum Credentials {
    Key,
    KeyAndToken,
}

/// Checks all parts of the only request.
#[track_caller]
fn assert_sent(mock: &MockTransport, method: Method, url: &str, credentials: Credentials, body: Option<Value>) {
    let request = only_request(mock);
    assert_eq!(request.method(), method);
    assert_eq!(request.uri().to_string(), url);

    let version = concat!("kenar-rust/", env!("CARGO_PKG_VERSION"));
    let mut headers = vec![("accept", "application/json"), ("user-agent", version), ("x-api-key", API_KEY)];
    let bearer = format!("Bearer {ACCESS_TOKEN}");
    if let Credentials::KeyAndToken = credentials {
        headers.push(("authorization", &bearer));
    }
    if body.is_some() {
        headers.push(("content-type", "application/json"));
    }
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(all(request.headers()), headers);
    for secret in ["x-api-key", "authorization"] {
        assert!(request.headers().get(secret).is_none_or(http::HeaderValue::is_sensitive), "{secret} is not sensitive");
    }

    match body {
        Some(body) => assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), body),
        None => assert_eq!(request.body(), "", "unexpected body"),
    }
}

fn responding(body: Value) -> (MockTransport, Client) {
    let mock = MockTransport::new();
    mock.respond_json(200, &body);
    (mock.clone(), client(mock))
}

fn url(text: &str) -> url::Url {
    text.parse().unwrap()
}

#[tokio::test]
async fn text_is_sent_unchanged() {
    let (mock, client) = responding(json!({}));
    client.send_message(&conversation(), &ConversationMessage::text("سلام \"🚚\"\n"), &access_token()).await.unwrap();
    assert_eq!(only_request(&mock).body(), "{\"type\":\"TEXT\",\"message\":\"سلام \\\"🚚\\\"\\n\"}");

    let (mock, client) = responding(json!({}));
    client.send_bot_message(&conversation(), &BotMessage::text("سلام")).await.unwrap();
    assert_eq!(only_request(&mock).body(), "{\"type\":\"TEXT\",\"text_message\":\"سلام\"}");
}

#[tokio::test]
async fn conversation_message_has_all_actions_and_icons() {
    let (mock, client) = responding(json!({ "status": 200, "message": "success" }));
    let post = PostToken::new("QYabcdef");
    let message = ConversationMessage::text("درخواست ثبت شد")
        .sender_buttons([
            ButtonRow::from([
                Button::open_link("پیگیری", url("https://addon.example/track/17?a=b")).icon(Icon::SEND),
                Button::server_link("تأیید", json!({ "order": "17" })),
                Button::dynamic_action("حرکت", json!({ "position": "3" })),
            ]),
            ButtonRow::from([Button::post_page("آگهی", &post)]),
        ])
        .receiver_buttons([[Button::post_manage_page("مدیریت", &post).icon(Icon::named("NEWER"))]]);

    let sent = client.send_message(&conversation(), &message, &access_token()).await.unwrap();

    assert_eq!((sent.status, sent.message.as_deref()), (Some(200), Some("success")));
    assert_sent(
        &mock,
        Method::POST,
        "https://open-api.divar.ir/v2/open-platform/conversations/c-1/messages",
        Credentials::KeyAndToken,
        Some(json!({
            "type": "TEXT",
            "message": "درخواست ثبت شد",
            "sender_buttons": { "rows": [
                { "buttons": [
                    {
                        "action": { "open_direct_link": "https://addon.example/track/17?a=b" },
                        "icon": "SEND", "caption": "پیگیری",
                    },
                    { "action": { "open_server_link": { "data": { "order": "17" } } }, "caption": "تأیید" },
                    { "action": { "get_dynamic_action": { "data": { "position": "3" } } }, "caption": "حرکت" },
                ] },
                { "buttons": [{ "action": { "open_post_page": { "post_token": "QYabcdef" } }, "caption": "آگهی" }] },
            ] },
            "receiver_buttons": { "rows": [{ "buttons": [{
                "action": { "open_post_manage_page": { "post_token": "QYabcdef" } },
                "icon": "NEWER", "caption": "مدیریت",
            }] }] },
        })),
    );
}

#[tokio::test]
async fn medium_is_sent_as_its_token() {
    let (mock, client) = responding(json!({}));
    let message = ConversationMessage::media(MediaToken::new("medium"))
        .receiver_buttons([[Button::server_link("باز کن", json!({}))]]);
    client.send_message(&conversation(), &message, &access_token()).await.unwrap();
    assert_sent(
        &mock,
        Method::POST,
        "https://open-api.divar.ir/v2/open-platform/conversations/c-1/messages",
        Credentials::KeyAndToken,
        Some(json!({
            "media_token": "medium",
            "receiver_buttons": { "rows": [{ "buttons": [
                { "action": { "open_server_link": { "data": {} } }, "caption": "باز کن" },
            ] }] },
        })),
    );

    let (mock, client) = responding(json!({}));
    client.send_bot_message(&conversation(), &BotMessage::media(MediaToken::new("medium"))).await.unwrap();
    assert_eq!(only_request(&mock).body(), r#"{"media_token":"medium"}"#);
}

#[tokio::test]
async fn bot_message_to_conversation_has_only_the_api_key() {
    let (mock, client) = responding(json!({ "conversation_id": "c-1" }));
    let message = BotMessage::text("نوبت شماست").buttons([[Button::dynamic_action("۱", json!({ "position": "1" }))]]);

    let sent = client.send_bot_message(&conversation(), &message).await.unwrap();

    assert_eq!(sent.conversation_id, Some(conversation()));
    assert_sent(
        &mock,
        Method::POST,
        "https://open-api.divar.ir/v1/open-platform/chat/bot/conversations/c-1/messages",
        Credentials::Key,
        Some(json!({
            "type": "TEXT",
            "text_message": "نوبت شماست",
            "buttons": { "rows": [{ "buttons": [
                { "action": { "get_dynamic_action": { "data": { "position": "1" } } }, "caption": "۱" },
            ] }] },
        })),
    );
}

#[tokio::test]
async fn bot_message_to_user_has_the_access_token() {
    let (mock, client) = responding(json!({ "conversation_id": "c-2" }));
    let user = UserId::new("Ab+/cd==");

    let sent = client.send_bot_message_to_user(&user, &BotMessage::text("سلام"), &access_token()).await.unwrap();

    assert_eq!(sent.conversation_id, Some(ConversationId::new("c-2")));
    assert_sent(
        &mock,
        Method::POST,
        "https://open-api.divar.ir/v1/open-platform/chat/bot/users/Ab%2B%2Fcd%3D%3D/messages",
        Credentials::KeyAndToken,
        Some(json!({ "type": "TEXT", "text_message": "سلام" })),
    );
}

#[tokio::test]
async fn reads_have_no_body() {
    let (mock, client) = responding(json!({}));
    client.get_conversation(&conversation(), &access_token()).await.unwrap();
    assert_sent(
        &mock,
        Method::GET,
        "https://open-api.divar.ir/v1/open-platform/chat/conversations/c-1",
        Credentials::KeyAndToken,
        None,
    );

    let (mock, client) = responding(json!({}));
    client.get_user(&access_token()).await.unwrap();
    assert_sent(&mock, Method::GET, "https://open-api.divar.ir/v1/open-platform/users", Credentials::KeyAndToken, None);
}

#[tokio::test]
async fn each_subscription_has_its_event_and_resource() {
    let post = PostToken::new("QYabcdef");
    for (subscription, body) in [
        (
            Subscription::to_messages_on(&post),
            json!({ "event_type": "NEW_MESSAGE_ON_POST", "event_resource_id": "QYabcdef" }),
        ),
        (Subscription::to_messages_on_all_posts(), json!({ "event_type": "NEW_MESSAGE_ON_POST" })),
        (
            Subscription::to_updates_of(&post).metadata(json!({ "shop": "17" })),
            json!({ "event_type": "POST_UPDATE", "event_resource_id": "QYabcdef", "metadata": { "shop": "17" } }),
        ),
        (Subscription::to_updates_of_all_posts(), json!({ "event_type": "POST_UPDATE", "event_resource_id": "" })),
        (Subscription::to(SubscriptionEvent::from_name("POST_VISITED"), None), json!({ "event_type": "POST_VISITED" })),
    ] {
        let (mock, client) = responding(json!({}));
        client.subscribe(&subscription, &access_token()).await.unwrap();
        assert_sent(
            &mock,
            Method::POST,
            "https://open-api.divar.ir/v1/open-platform/events/subscriptions",
            Credentials::KeyAndToken,
            Some(body),
        );
    }
}

#[tokio::test]
async fn upload_token_request_has_an_empty_object() {
    let (mock, client) = responding(json!({ "token": "upload-token-of-the-test" }));
    client.execute(&CreateUploadToken).await.unwrap();
    assert_sent(
        &mock,
        Method::POST,
        "https://open-api.divar.ir/experimental/open-platform/chat/upload",
        Credentials::Key,
        Some(json!({})),
    );
}

#[tokio::test]
async fn upload_has_only_the_upload_token() {
    let mock = MockTransport::new();
    mock.respond_json(200, &json!({ "token": "upload-token-of-the-test" }));
    mock.respond_json(200, &json!({ "id": "medium", "status": "ok" }));
    let media = Media::voice("voice.m4a", MediaSource::bytes("voice")).unwrap();

    let token = client(mock.clone()).upload_media(media).await.unwrap();

    assert_eq!(token, MediaToken::new("medium"));
    let requests = mock.requests();
    assert_eq!(requests.len(), 2, "one request for the token, one for the upload");
    let upload = &requests[1];
    assert_eq!(
        (upload.method(), upload.uri().to_string()),
        (&Method::POST, "https://chat.divar.ir/upload/voice".into())
    );
    let mut headers = all(upload.headers());
    let content_type = headers.remove("content-type").unwrap();
    assert!(content_type.starts_with("multipart/form-data; boundary="), "{content_type}");
    let expected = [
        ("accept", "*/*"),
        ("authorization", "Bearer upload-token-of-the-test"),
        ("user-agent", concat!("kenar-rust/", env!("CARGO_PKG_VERSION"))),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert!(upload.headers()["authorization"].is_sensitive());
}

#[tokio::test]
async fn identifier_stays_one_path_segment() {
    for (id, encoded) in [
        ("a/b", "a%2Fb"),
        ("a+b=", "a%2Bb%3D"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("a b", "a%20b"),
        ("a?b#c", "a%3Fb%23c"),
        ("../../v1", "..%2F..%2Fv1"),
        ("...", "..."),
        ("a\\b", "a%5Cb"),
        ("a\r\nb", "a%0D%0Ab"),
        ("گفتگو", "%DA%AF%D9%81%D8%AA%DA%AF%D9%88"),
        ("A-z_0.9~", "A-z_0.9~"),
    ] {
        let mock = MockTransport::new();
        (0..4).for_each(|_| mock.respond_json(200, &json!({})));
        let client = client(mock.clone());
        let (conversation, user, by) = (ConversationId::new(id), UserId::new(id), access_token());
        client.send_message(&conversation, &ConversationMessage::text("سلام"), &by).await.unwrap();
        client.get_conversation(&conversation, &by).await.unwrap();
        client.send_bot_message(&conversation, &BotMessage::text("سلام")).await.unwrap();
        client.send_bot_message_to_user(&user, &BotMessage::text("سلام"), &by).await.unwrap();

        let addresses: Vec<_> = mock.requests().iter().map(|request| request.uri().to_string()).collect();
        assert_eq!(
            addresses,
            [
                format!("https://open-api.divar.ir/v2/open-platform/conversations/{encoded}/messages"),
                format!("https://open-api.divar.ir/v1/open-platform/chat/conversations/{encoded}"),
                format!("https://open-api.divar.ir/v1/open-platform/chat/bot/conversations/{encoded}/messages"),
                format!("https://open-api.divar.ir/v1/open-platform/chat/bot/users/{encoded}/messages"),
            ],
            "{id:?}"
        );
    }
}

#[tokio::test]
async fn invalid_request_is_not_sent() {
    let mock = MockTransport::new();
    let client = client(mock.clone());
    let (text, by) = (ConversationMessage::text("سلام"), access_token());
    let good = conversation();
    let not_an_object = ConversationMessage::text("سلام").sender_buttons([[Button::server_link("باز کن", "a text")]]);
    let bot_not_an_object = BotMessage::text("سلام").buttons([[Button::dynamic_action("باز کن", [1, 2])]]);
    let subscription = Subscription::to_messages_on_all_posts().metadata(17);

    let mut errors = Vec::new();
    for id in ["", ".", ".."] {
        let id = ConversationId::new(id);
        errors.push(client.send_message(&id, &text, &by).await.unwrap_err());
        errors.push(client.get_conversation(&id, &by).await.unwrap_err());
        errors.push(client.send_bot_message(&id, &BotMessage::text("سلام")).await.unwrap_err());
    }
    errors.push(client.send_message(&good, &ConversationMessage::text(""), &by).await.unwrap_err());
    errors.push(client.send_message(&good, &ConversationMessage::media(""), &by).await.unwrap_err());
    errors.push(client.send_message(&good, &not_an_object, &by).await.unwrap_err());
    errors.push(client.send_bot_message(&good, &BotMessage::text("")).await.unwrap_err());
    errors.push(client.send_bot_message(&good, &bot_not_an_object).await.unwrap_err());
    errors.push(client.subscribe(&subscription, &by).await.unwrap_err());

    for error in errors {
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
        assert_eq!(error.attempts(), 0, "{error}");
        assert!(!error.may_have_been_processed(), "{error}");
        assert!(std::error::Error::source(&error).is_some(), "no source: {error}");
    }
    assert!(mock.requests().is_empty(), "something was sent");
}

#[tokio::test]
async fn base_urls_replace_all_hosts() {
    let mock = MockTransport::new();
    mock.respond_json(200, &json!({ "token": "upload-token-of-the-test" }));
    mock.respond_json(200, &json!({ "id": "medium" }));
    mock.respond_json(200, &json!({}));
    let client = Client::builder(ApiKey::new(API_KEY).unwrap())
        .transport(mock.clone())
        .base_urls(BaseUrls::single("http://127.0.0.1:8080").unwrap())
        .build()
        .unwrap();

    client.upload_media(Media::video("v.mp4", MediaSource::bytes("video")).unwrap()).await.unwrap();
    client.get_user(&support::access_token()).await.unwrap();

    for request in mock.requests() {
        assert_eq!(request.uri().authority().unwrap(), "127.0.0.1:8080", "{}", request.uri());
    }
}
