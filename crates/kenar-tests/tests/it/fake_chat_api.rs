//! Promise: the fake of `ChatApi` records each call, and fails exactly as a client does.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use kenar::client::Retry;
use kenar::error::ErrorKind;
use kenar::model::UserId;
use kenar::operation::*;
use kenar::secret::ApiKey;
use kenar::transport::{MockTransport, TransportErrorKind};
use kenar::{BotMessage, ChatApi, Client, ConversationMessage, Error};
use kenar_sandbox::fake::{Call, Failure, FakeChatApi};
use serde_json::json;

use kenar_tests::support::calls::{API_KEY, access_token, conversation};

async fn send(api: &dyn ChatApi) -> Result<(), Error> {
    api.send_message(&conversation(), &ConversationMessage::text("a"), &access_token()).await.map(drop)
}

/// All properties of an error.
fn told(error: &Error) -> impl PartialEq + std::fmt::Debug {
    let flags = [
        error.may_have_been_processed(),
        error.is_recipient_restricted(),
        error.needs_new_permission(),
        error.is_rate_limited(),
    ];
    (error.to_string(), format!("{error:?}"), flags)
}

/// A transport with one error response.
fn responding(status: u16, code: i32, message: &str) -> MockTransport {
    let mock = MockTransport::new();
    mock.respond_json(status, &json!({ "code": code, "message": message, "details": [] }));
    mock
}

fn failing(kind: TransportErrorKind) -> MockTransport {
    let mock = MockTransport::new();
    mock.fail(kind);
    mock
}

#[tokio::test]
async fn fake_fails_as_a_client_does() {
    let restricted = "message delivery failed due to recipient's restriction";
    let limited = MockTransport::new();
    let mut response = Response::new(Bytes::from(r#"{ "code": 8, "message": "too many requests" }"#));
    *response.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert("retry-after", 2.into());
    limited.respond(response);
    let page = Response::new(Bytes::from("<!doctype html>"));
    let page_failure = Failure::response(page.clone());

    let mut processed = Vec::new();
    for (failure, transport) in [
        (Failure::recipient_restricted(), responding(412, 9, restricted)),
        (Failure::unauthenticated(), responding(401, 16, "unauthenticated")),
        (Failure::permission_denied(), responding(403, 7, "permission denied")),
        (Failure::rate_limited(Duration::from_millis(1500)), limited),
        (Failure::unavailable(), responding(503, 14, "unavailable")),
        (Failure::timed_out(), failing(TransportErrorKind::Timeout)),
        (Failure::connection_lost(), failing(TransportErrorKind::Interrupted)),
        (Failure::cannot_connect(), failing(TransportErrorKind::Connect)),
    ] {
        let builder = Client::builder(ApiKey::new(API_KEY).unwrap()).transport(transport).retry(Retry::never());
        let of_client = send(&builder.build().unwrap()).await.unwrap_err();
        let fake = FakeChatApi::new();
        fake.fail_next::<SendMessage>(failure.clone());
        let of_fake = send(&fake).await.unwrap_err();
        assert_eq!(told(&of_fake), told(&of_client));
        assert_eq!(told(&failure.error::<SendMessage>()), told(&of_client));
        processed.push(of_fake.may_have_been_processed());
        send(&fake).await.unwrap();
    }
    assert_eq!(processed, [false, false, false, false, true, true, true, false]);
    assert_eq!(page_failure.error::<GetUser>().kind(), ErrorKind::UnexpectedResponse);
}

#[tokio::test]
async fn fake_records_every_call() {
    let fake = FakeChatApi::new();
    let api: &dyn ChatApi = &fake;
    let (to, user, by, bot) = (conversation(), UserId::new("u-1"), access_token(), BotMessage::text("b"));
    let subscription = Subscription::to_messages_on_all_posts();
    send(api).await.unwrap();
    assert_eq!(api.get_conversation(&to, &by).await.unwrap().conversation.id, to);
    api.send_bot_message(&to, &bot).await.unwrap();
    api.send_bot_message_to_user(&user, &bot, &by).await.unwrap();
    let media = Media::image("a.png", MediaSource::bytes("a")).unwrap();
    assert_eq!(api.upload_media(media).await.unwrap().as_str(), "media-1");
    api.subscribe(&subscription, &by).await.unwrap();
    assert_eq!(api.get_user(&by).await.unwrap(), GetUserResponse::default());

    let calls = fake.take_calls();
    let [
        Call::SendMessage { to: sent_to, message: sent, by: sent_by, .. },
        Call::GetConversation { conversation: read, by: read_by, .. },
        Call::SendBotMessage { to: said_to, message: said, .. },
        Call::SendBotMessageToUser { to: told_to, message: told, by: told_by, .. },
        Call::UploadMedia { media: uploaded, .. },
        Call::Subscribe { to: subscribed, by: subscribed_by, .. },
        Call::GetUser { by: asked_by, .. },
    ] = &calls[..]
    else {
        panic!("{calls:?}")
    };
    assert_eq!((sent_to, sent, read), (&to, &ConversationMessage::text("a"), &to));
    assert_eq!((said_to, said, told_to, told), (&to, &bot, &user, &bot));
    assert_eq!((uploaded.file_name(), subscribed), ("a.png", &subscription));
    for by_user in [sent_by, read_by, told_by, subscribed_by, asked_by] {
        assert_eq!(by_user.expose_secret(), by.expose_secret());
    }
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn fake_returns_queued_responses_in_order() {
    let fake = FakeChatApi::new();
    fake.respond_json::<GetUser>(json!({ "user_id": "u-1" }));
    fake.fail_next::<GetUser>(Failure::unavailable());
    // Calls of other operations do not consume them.
    send(&fake).await.unwrap();
    assert_eq!(fake.get_user(&access_token()).await.unwrap().user_id, Some(UserId::new("u-1")));
    assert_eq!(fake.get_user(&access_token()).await.unwrap_err().operation(), "user.get");
}

#[tokio::test]
async fn fake_rejects_an_invalid_message() {
    let fake = FakeChatApi::new();
    let empty = ConversationMessage::text("");
    let error = fake.send_message(&conversation(), &empty, &access_token()).await.unwrap_err();
    assert_eq!((error.kind(), fake.calls().len()), (ErrorKind::InvalidRequest, 1));
}

#[tokio::test]
async fn either_step_of_a_fake_upload_can_fail() {
    let fake = FakeChatApi::new();
    fake.fail_next::<UploadMedia>(Failure::connection_lost());
    fake.fail_next::<CreateUploadToken>(Failure::permission_denied());
    let media = || Media::image("a.png", MediaSource::bytes("a")).unwrap();
    assert_eq!(fake.upload_media(media()).await.unwrap_err().operation(), "media.create_upload_token");
    assert_eq!(fake.upload_media(media()).await.unwrap_err().operation(), "media.upload");
    fake.upload_media(media()).await.unwrap();
}
