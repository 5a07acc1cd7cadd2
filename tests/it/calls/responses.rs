//! Promise: every documented, observed or plausible response of Divar is parsed or reported correctly.
//!
//! The responses are in `tests/fixtures/api` and `tests/fixtures/error`; the tables below have the expected results.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use kenar::client::Retry;
use kenar::error::{ApiError, ErrorKind, RpcCode};
use kenar::model::{ConversationId, ConversationKind, MediaToken, MessageKind, PostToken, SenderKind, Side, UserId};
use kenar::operation::{CreateUploadToken, GetConversationResponse, Media, MediaSource, SendMessage, Subscription};
use kenar::request::response::{self, UnexpectedResponse};
use kenar::request::{Credential, Metadata, Operation};
use kenar::secret::{AccessToken, ApiKey, UploadToken};
use kenar::transport::MockTransport;
use kenar::{BotMessage, ChatApi as _, Client, ConversationMessage, Error};
use serde::Deserialize;
use serde_json::json;

use crate::support::calls::{access_token, client};

const POST_CONVERSATION: &str = "5f8b0f6e-0000-4000-8000-000000000001";

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A client whose transport has one response.
fn responding(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Client {
    let mock = MockTransport::new();
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    mock.respond(response);
    client(mock)
}

/// An operation defined outside the crate, which returns the JSON of its response.
struct Custom<T>(std::marker::PhantomData<fn() -> T>);

impl<T: serde::de::DeserializeOwned + Send> Operation for Custom<T> {
    type Response = T;

    const METADATA: Metadata = Metadata::new(&Method::GET, "test.custom", "/v1/custom");

    fn credential(&self) -> Credential<'_> {
        Credential::ApiKey
    }

    fn read(&self, response: &Response<Bytes>) -> Result<T, UnexpectedResponse> {
        response::json(response)
    }
}

async fn custom<T: serde::de::DeserializeOwned + Send>(client: &Client) -> Result<T, Error> {
    client.execute(&Custom(std::marker::PhantomData)).await
}

async fn send(client: &Client) -> Result<kenar::operation::SendMessageResponse, Error> {
    client.send_message(&conversation(), &ConversationMessage::text("سلام"), &access_token()).await
}

async fn send_bot(client: &Client) -> Result<Option<String>, Error> {
    let sent = client.send_bot_message(&conversation(), &BotMessage::text("سلام")).await?;
    Ok(sent.conversation_id.map(String::from))
}

fn conversation() -> ConversationId {
    ConversationId::new(POST_CONVERSATION)
}

/// The outcome of every call of the crate, by name.
async fn every_call(client: impl Fn() -> Client) -> Vec<(&'static str, Result<(), Error>)> {
    let by = access_token();
    let media = Media::image("a.png", MediaSource::bytes("a")).unwrap();
    let token = UploadToken::new("upload-token-of-the-test").unwrap();
    let upload = kenar::operation::UploadMedia::new(&media, &token);
    vec![
        ("send_message", send(&client()).await.map(drop)),
        ("get_conversation", client().get_conversation(&conversation(), &by).await.map(drop)),
        ("send_bot_message", send_bot(&client()).await.map(drop)),
        (
            "send_bot_message_to_user",
            client().send_bot_message_to_user(&UserId::new("u"), &BotMessage::text("سلام"), &by).await.map(drop),
        ),
        ("create_upload_token", client().execute(&CreateUploadToken).await.map(drop)),
        ("upload", client().execute(&upload).await.map(drop)),
        ("subscribe", client().subscribe(&Subscription::to_messages_on_all_posts(), &by).await),
        ("get_user", client().get_user(&by).await.map(drop)),
    ]
}

/// `(id, sender, text, time in microseconds)` of each message.
type Row<'a> = (&'a str, Option<&'a Side>, Option<&'a SenderKind>, Option<&'a str>, i64);

fn rows(history: &GetConversationResponse) -> Vec<Row<'_>> {
    let messages = history.messages.iter();
    messages
        .map(|message| {
            (
                message.id.as_ref().unwrap().as_str(),
                message.sender.side.as_ref(),
                message.sender.kind.as_ref(),
                message.text(),
                message.sent_at.unwrap().unix_micros(),
            )
        })
        .collect()
}

/// Checks the result of the success response in `file`. A file without an arm fails the test.
async fn check_success(file: &str, body: Bytes) {
    let json = || responding(200, "application/json", body.clone());
    let by = access_token();
    match file {
        "send_message_ok.json" | "send_message_status_string.json" => {
            let sent = send(&json()).await.unwrap();
            assert_eq!((sent.status, sent.message.as_deref()), (Some(200), Some("success")), "{file}");
        }
        "send_message_empty_object.json" => {
            let sent = send(&json()).await.unwrap();
            assert_eq!((sent.status, sent.message), (None, None), "{file}");
        }
        "send_empty_body.txt" => {
            assert!(body.is_empty(), "{file}");
            for status in [200, 202, 204] {
                for (call, outcome) in every_call(|| responding(status, "application/json", "")).await {
                    let is_success = call.starts_with("send_") || call == "subscribe";
                    assert_eq!(outcome.is_ok(), is_success, "{call}: {status} with an empty body: {outcome:?}");
                }
            }
        }
        "send_bot_message_ok.json" => {
            let id = send_bot(&json()).await.unwrap();
            assert_eq!(id.as_deref(), Some("5f8b0f6e-0000-4000-8000-0000000000b0"), "{file}");
        }
        "send_bot_message_empty_object.json" | "send_bot_message_empty_id.json" => {
            assert_eq!(send_bot(&json()).await.unwrap(), None, "{file}");
        }
        "get_conversation.json" => {
            let history = json().get_conversation(&conversation(), &by).await.unwrap();
            assert_conversation(&history, file);
            assert_eq!(
                rows(&history),
                [
                    ("message-1", Some(&Side::Demand), Some(&SenderKind::Human), Some("text 1"), 1_752_662_502_648_410),
                    ("message-2", Some(&Side::Supply), Some(&SenderKind::Bot), Some("text 2"), 1_752_662_520_000_000),
                    ("message-3", Some(&Side::Demand), Some(&SenderKind::Human), Some("text 3"), 1_752_662_580_500_000),
                    ("message-4", Some(&Side::Demand), Some(&SenderKind::Human), None, 1_752_662_640_000_000),
                ]
            );
            for message in &history.messages {
                assert_eq!(message.conversation, history.conversation, "{:?}", message.id);
            }
            let kinds: Vec<_> = history.messages.iter().map(|message| message.content.kind().unwrap()).collect();
            let text = || MessageKind::Text;
            assert_eq!(kinds, [text(), text(), text(), MessageKind::Unknown("STICKER".into())]);
        }
        "get_conversation_messages_null.json" | "get_conversation_messages_missing.json" => {
            let history = json().get_conversation(&conversation(), &by).await.unwrap();
            assert_conversation(&history, file);
            assert!(history.messages.is_empty(), "{file}");
        }
        "get_user.json" | "get_user_specification_all.json" => {
            let user = json().get_user(&by).await.unwrap();
            assert_eq!(user.phone_number.as_deref(), Some("09990000000"), "{file}");
            assert_eq!(user.user_id, Some(UserId::new("user-1")), "{file}");
        }
        "get_user_phone_numbers.json" | "get_user_phone_number_null.json" => {
            let user = json().get_user(&by).await.unwrap();
            assert_eq!((user.phone_number.as_deref(), user.user_id), (Some("09990000000"), None), "{file}");
        }
        "get_user_empty_object.json" => {
            let user = json().get_user(&by).await.unwrap();
            assert_eq!((user.phone_number, user.user_id), (None, None), "{file}");
        }
        "user_id_by_phone.json" => {
            #[derive(Deserialize)]
            struct Found {
                user_id: UserId,
            }
            assert_eq!(custom::<Found>(&json()).await.unwrap().user_id, UserId::new("user-2"), "{file}");
        }
        "oauth_scopes.json" => {
            let scopes: serde_json::Value = custom(&json()).await.unwrap();
            let slugs: Vec<_> = scopes["scopes"].as_array().unwrap().iter().map(|scope| &scope["slug"]).collect();
            assert_eq!(slugs, ["USER_PHONE", "OFFLINE_ACCESS"], "{file}");
        }
        "subscription.json" => json().subscribe(&Subscription::to_messages_on_all_posts(), &by).await.unwrap(),
        "upload_token.json" => {
            let token = json().execute(&CreateUploadToken).await.unwrap();
            assert_eq!(token.expose_secret(), "upload-token-placeholder", "{file}");
            assert!(!format!("{token:?}").contains("upload-token-placeholder"), "{token:?}");
        }
        "media_uploaded.json" | "media_uploaded_without_status.json" => {
            let mock = MockTransport::new();
            mock.respond_json(200, &json!({ "token": "upload-token-of-the-test" }));
            mock.respond(Response::new(body.clone()));
            let media = Media::image("a.png", MediaSource::bytes("a")).unwrap();
            let token = client(mock).upload_media(media).await.unwrap();
            assert_eq!(token, MediaToken::new("media-token-placeholder"), "{file}");
        }
        "html_page.html" => {
            for (call, outcome) in every_call(|| responding(200, "text/html", body.clone())).await {
                let error = outcome.expect_err(call);
                assert_eq!(error.kind(), ErrorKind::UnexpectedResponse, "{call}");
                assert_eq!(error.status(), Some(StatusCode::OK), "{call}");
                assert!(error.api_error().is_none(), "{call}");
                assert!(error.may_have_been_processed(), "{call}");
                assert_eq!(error.attempts(), 1, "{call}");
                // A page instead of an upload token could contain the token.
                let excerpt = if call == "create_upload_token" { "" } else { std::str::from_utf8(&body).unwrap() };
                assert_eq!(error.body_excerpt(), excerpt, "{call}");
            }
        }
        _ => panic!("tests/fixtures/api/{file} has no test"),
    }
}

#[track_caller]
fn assert_conversation(history: &GetConversationResponse, file: &str) {
    assert_eq!(history.conversation.id, conversation(), "{file}");
    assert_eq!(history.conversation.kind, Some(ConversationKind::Post), "{file}");
    assert_eq!(history.conversation.post_token, Some(PostToken::new("QYabcdef")), "{file}");
}

#[tokio::test]
async fn each_success_fixture_is_parsed() {
    let mut files = 0;
    for entry in std::fs::read_dir(folder("api")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        check_success(&name, std::fs::read(entry.path()).unwrap().into()).await;
        files += 1;
    }
    assert!(files >= 21, "only {files} files in tests/fixtures/api");
}

#[tokio::test]
async fn message_without_conversation_gets_the_requested_one() {
    for (body, kind) in [
        (r#"{"messages":[{"type":"TEXT"},{"conversation":null},{"conversation":{"id":""}}]}"#, None),
        (r#"{"conversation":{"type":"POST"},"messages":[{"type":"TEXT"}]}"#, Some(ConversationKind::Post)),
        (r#"{"conversation":null,"messages":[{"conversation":{}}]}"#, None),
    ] {
        let client = responding(200, "application/json", body);
        let history = client.get_conversation(&conversation(), &access_token()).await.unwrap();
        assert_eq!((&history.conversation.id, &history.conversation.kind), (&conversation(), &kind), "{body}");
        assert!(!history.messages.is_empty(), "{body}");
        for message in history.messages {
            assert_eq!(message.conversation, history.conversation, "{body}");
        }
    }
}

/// The expected form of an error response.
enum Form {
    Rpc(Option<RpcCode>, &'static str),
    OAuth(&'static str, Option<&'static str>),
    /// Neither; the error has an excerpt of the body.
    Raw,
}

const RESTRICTED: &str = "message delivery failed due to recipient's restriction";

/// File, status, content type, expected form.
const ERRORS: &[(&str, u16, &str, Form)] = {
    use Form::{OAuth, Raw, Rpc};
    const JSON: &str = "application/json";
    const NINE: Option<RpcCode> = Some(RpcCode::FAILED_PRECONDITION);
    &[
        ("412_recipient_restricted.json", 412, JSON, Rpc(NINE, RESTRICTED)),
        ("412_code_absent.json", 412, JSON, Rpc(None, RESTRICTED)),
        ("412_code_string.json", 412, JSON, Rpc(NINE, RESTRICTED)),
        ("412_code_name.json", 412, JSON, Rpc(NINE, RESTRICTED)),
        ("400_details.json", 400, JSON, Rpc(Some(RpcCode::INVALID_ARGUMENT), "invalid argument placeholder")),
        ("400_code_9.json", 400, JSON, Rpc(NINE, "failed precondition placeholder")),
        ("401_unauthenticated.json", 401, JSON, Rpc(Some(RpcCode::UNAUTHENTICATED), "unauthenticated placeholder")),
        (
            "403_permission_denied.json",
            403,
            JSON,
            Rpc(Some(RpcCode::PERMISSION_DENIED), "permission denied placeholder"),
        ),
        ("429_rate_limited.json", 429, JSON, Rpc(Some(RpcCode::RESOURCE_EXHAUSTED), "rate limit placeholder")),
        ("429_unknown_shape.json", 429, JSON, Raw),
        ("500_empty_object.json", 500, JSON, Raw),
        ("400_rpc_with_error_key.json", 400, JSON, Rpc(Some(RpcCode::INVALID_ARGUMENT), "placeholder")),
        ("oauth_invalid_grant.json", 400, JSON, OAuth("invalid_grant", Some("grant placeholder"))),
        ("oauth_hydra_extras.json", 400, JSON, OAuth("invalid_grant", Some("grant placeholder"))),
        ("oauth_error_only.json", 500, JSON, OAuth("server_error", None)),
        ("error_is_object.json", 400, JSON, Raw),
        ("json_string.json", 500, JSON, Raw),
        ("plain_text.txt", 502, "text/plain", Raw),
        ("empty_body.txt", 500, "text/plain", Raw),
        ("html_page.html", 502, "text/html", Raw),
    ]
};

#[test]
fn each_error_file_has_a_row() {
    let files: BTreeSet<_> = std::fs::read_dir(folder("error"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let rows: BTreeSet<_> = ERRORS.iter().map(|row| row.0.to_owned()).collect();
    assert_eq!(rows, files);
}

/// A client with one response that makes one attempt.
fn failing(status: u16, content_type: &'static str, body: &Bytes) -> Client {
    let mock = MockTransport::new();
    let mut response = Response::new(body.clone());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    mock.respond(response);
    let key = ApiKey::new(crate::support::calls::API_KEY).unwrap();
    Client::builder(key).transport(mock).retry(Retry::never()).build().unwrap()
}

#[tokio::test]
async fn each_error_fixture_is_parsed_for_every_call() {
    for (file, status, content_type, form) in ERRORS {
        let body = Bytes::from(std::fs::read(folder("error").join(file)).unwrap());
        for (call, outcome) in every_call(|| failing(*status, content_type, &body)).await {
            let context = format!("{call}: {file}");
            let error = outcome.expect_err(&context);
            assert_eq!(error.kind(), ErrorKind::Api, "{context}");
            assert_eq!(error.status().unwrap(), *status, "{context}");
            assert_eq!(error.attempts(), 1, "{context}");
            assert_eq!(error.retry_after(), None, "{context}");
            assert_eq!(error.may_have_been_processed(), *status >= 500, "{context}");
            assert!(error.to_string().contains(&status.to_string()), "{context}: {error}");

            let excerpt = match (error.api_error().unwrap(), form) {
                (ApiError::Rpc(rpc), Form::Rpc(code, message)) => {
                    assert_eq!((rpc.code, rpc.message.as_str()), (*code, *message), "{context}");
                    assert!(error.to_string().contains(message), "{context}: {error}");
                    ""
                }
                (ApiError::OAuth(oauth), Form::OAuth(code, description)) => {
                    assert_eq!(
                        (oauth.error.as_str(), oauth.description.as_deref()),
                        (*code, *description),
                        "{context}"
                    );
                    ""
                }
                (ApiError::Other, Form::Raw) => std::str::from_utf8(&body).unwrap(),
                (other, _) => panic!("{context}: parsed as {other:?}"),
            };
            assert_eq!(error.body_excerpt(), excerpt, "{context}");
            assert_eq!(error.rpc_code(), if let Form::Rpc(code, _) = form { *code } else { None }, "{context}");
        }
    }
}

#[tokio::test]
async fn predicates_follow_status_and_code() {
    for (file, status, content_type, _) in ERRORS {
        let body = Bytes::from(std::fs::read(folder("error").join(file)).unwrap());
        let error = send(&failing(*status, content_type, &body)).await.unwrap_err();
        let by_key = send_bot(&failing(*status, content_type, &body)).await.unwrap_err();

        let is_grant = file.starts_with("oauth_invalid_grant") || file.starts_with("oauth_hydra");
        assert_eq!(error.is_recipient_restricted(), file.starts_with("412_") || *file == "400_code_9.json", "{file}");
        assert_eq!(error.is_rate_limited(), *status == 429, "{file}");
        assert_eq!(error.is_invalid_grant(), is_grant, "{file}");
        assert_eq!(error.needs_new_permission(), [401, 403].contains(status) || is_grant, "{file}");
        assert_eq!(by_key.needs_new_permission(), is_grant, "{file}: sent without an access token");
    }
}

#[tokio::test]
async fn details_are_kept_unchanged() {
    let body = std::fs::read(folder("error").join("400_details.json")).unwrap().into();
    let error = send(&failing(400, "application/json", &body)).await.unwrap_err();
    let Some(ApiError::Rpc(status)) = error.api_error() else { panic!("{error:?}") };
    assert_eq!(
        status.details,
        [json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "field_violations": [{ "field": "message", "description": "placeholder" }],
        })]
    );
}

#[tokio::test]
async fn redirect_is_an_error() {
    for status in [301, 302, 303, 307, 308] {
        for (call, outcome) in every_call(|| failing(status, "text/plain", &Bytes::new())).await {
            let error = outcome.expect_err(call);
            assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Api, status), "{call}");
            assert_eq!(error.may_have_been_processed(), status == 303, "{call}: {status}");
        }
    }
}

#[tokio::test]
async fn ambiguous_code_may_have_been_processed_at_any_status() {
    for (code, open) in [(1, true), (2, true), (3, false), (4, true), (7, false), (9, false), (10, true), (13, true)] {
        let body = json!({ "code": code, "message": "placeholder" }).to_string().into();
        let error = send(&failing(409, "application/json", &body)).await.unwrap_err();
        assert_eq!(error.may_have_been_processed(), open, "code {code}");
    }
}

#[tokio::test]
async fn only_a_message_has_a_recipient() {
    let body = json!({ "code": 9, "message": "placeholder" }).to_string().into();
    for (call, outcome) in every_call(|| failing(400, "application/json", &body)).await {
        let sends = call.contains("send");
        assert_eq!(outcome.expect_err(call).is_recipient_restricted(), sends, "{call}");
    }
}

#[test]
fn operation_without_a_client_reports_the_same_error() {
    let (conversation, message) = (ConversationId::new("c-1"), ConversationMessage::text("placeholder"));
    let by = AccessToken::new("placeholder").unwrap();
    let operation = SendMessage::new(&conversation, &message, &by);
    let error = |status: u16, code: i32| {
        let body = json!({ "code": code, "message": "placeholder" }).to_string().into();
        operation.response(http::Response::builder().status(status).body(body).unwrap()).unwrap_err()
    };
    assert!(error(401, 16).needs_new_permission());
    assert!(error(412, 9).is_recipient_restricted());
}

#[tokio::test]
async fn retry_after_is_parsed_from_seconds_or_date() {
    let after = |value: &str| {
        let mock = MockTransport::new();
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        mock.respond(response);
        client(mock)
    };
    assert_eq!(send(&after("17")).await.unwrap_err().retry_after(), Some(Duration::from_secs(17)));

    let in_an_hour = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
    let wait = send(&after(&in_an_hour)).await.unwrap_err().retry_after().unwrap();
    assert!(wait <= Duration::from_secs(3600) && wait > Duration::from_secs(3500), "{wait:?}");

    let never = after("18446744073709551615");
    assert_eq!(send(&never).await.unwrap_err().retry_after(), Some(Duration::from_secs(u64::MAX)));
}

#[tokio::test]
async fn unexpected_response_contains_the_json_path() {
    #[derive(Debug, Deserialize)]
    struct Asked {
        #[serde(rename = "list")]
        _list: Vec<u8>,
    }
    let error = custom::<Asked>(&responding(200, "application/json", r#"{"list":[1,"two"]}"#)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("list[1]"), "{source}");
    assert_eq!(error.body_excerpt(), "", "messages do not belong in a log");
}

#[tokio::test]
async fn json_of_another_type_is_not_a_success() {
    for body in ["[]", "\"text\"", "17", "null", "true", "{\"a\":", "\u{feff}[]", "\u{feff}\u{feff}", "{} {}"] {
        for (call, outcome) in every_call(|| responding(200, "application/json", body)).await {
            // A subscription's response may be any JSON, and a send's may be empty.
            if call != "subscribe" && !(body == "null" && call.starts_with("send_")) {
                let error = outcome.expect_err(&format!("{call} accepted {body}"));
                assert_eq!(error.kind(), ErrorKind::UnexpectedResponse, "{call}: {body}");
            }
        }
    }
}

#[tokio::test]
async fn empty_response_is_a_success_if_no_data_is_needed() {
    for body in ["", " \r\n", "null", " null\n", "\u{feff}", "\u{feff}null", "\u{feff}{}", "{}", "{\"\\ud800\":1e400}"]
    {
        for status in [200, 201, 204] {
            for (call, outcome) in every_call(|| responding(status, "application/json", body)).await {
                if call == "subscribe" || call.starts_with("send_") {
                    assert!(outcome.is_ok(), "{call}: {status} {body:?}: {outcome:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn byte_order_mark_is_ignored() {
    let user = responding(200, "application/json", "\u{feff}{\"phone_numbers\":[\"09990000000\"]}");
    assert_eq!(user.get_user(&access_token()).await.unwrap().phone_number.as_deref(), Some("09990000000"));

    let error =
        send(&responding(412, "application/json", "\u{feff}{\"code\":9,\"message\":\"blocked\"}")).await.unwrap_err();
    assert_eq!(error.rpc_code(), Some(RpcCode::FAILED_PRECONDITION));

    // Messages do not belong in a log.
    let error =
        custom::<Vec<u8>>(&responding(200, "application/json", "\u{feff}{\"text\":\"private\"}")).await.unwrap_err();
    assert_eq!(error.body_excerpt(), "");
}

#[tokio::test]
async fn unrepresentable_values_are_ignored() {
    let body = r#"{"phone_numbers":["0999\ud800"],"user_id":1e400,"\udfff":"\ud800"}"#;
    let user = responding(200, "application/json", body).get_user(&access_token()).await.unwrap();
    assert_eq!((user.phone_number.as_deref(), user.user_id), (Some("0999\u{fffd}"), None));

    #[derive(Debug, Deserialize)]
    struct Own {
        number: Option<f64>,
        list: Vec<String>,
    }
    let own =
        custom::<Own>(&responding(200, "application/json", r#"{"number":-1e400,"list":["\udc00a"]}"#)).await.unwrap();
    assert_eq!((own.number, own.list), (None, vec!["\u{fffd}a".to_owned()]));

    // The tolerant parser limits its recursion too.
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let error = custom::<serde_json::Value>(&responding(200, "application/json", deep)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
}

#[tokio::test]
async fn failed_or_incomplete_upload_is_an_error() {
    let upload = |body: &'static str| async move {
        let mock = MockTransport::new();
        mock.respond_json(200, &json!({ "token": "upload-token-of-the-test" }));
        mock.respond(Response::new(body.into()));
        client(mock).upload_media(Media::image("a.png", MediaSource::bytes("a")).unwrap()).await
    };
    for body in [r#"{"id":"medium","status":"error"}"#, r#"{"status":"ok"}"#, r#"{"id":"","status":"ok"}"#, "{}"] {
        let error = upload(body).await.expect_err(body);
        assert_eq!((error.kind(), error.operation()), (ErrorKind::UnexpectedResponse, "media.upload"), "{body}");
    }
    assert_eq!(upload(r#"{"id":"medium","status":"OK"}"#).await.unwrap(), MediaToken::new("medium"));
}

#[tokio::test]
async fn body_excerpt_is_bounded() {
    for body in ["<p>".repeat(100_000), "سلام".repeat(100_000), ["-", &"سلام".repeat(100_000)].concat()] {
        for status in [200, 500] {
            let error = send(&failing(status, "text/html", &body.clone().into())).await.unwrap_err();
            let excerpt = error.body_excerpt();
            assert!(excerpt.len() <= Error::MAX_EXCERPT_BYTES, "{}", excerpt.len());
            assert!(excerpt.len() > Error::MAX_EXCERPT_BYTES - 8, "{}", excerpt.len());
            assert!(body.starts_with(excerpt), "a character was cut in two: {:?}", excerpt.chars().last());
        }
    }
}

#[test]
fn missing_retry_after_is_none() {
    assert_eq!(response::retry_after(&HeaderMap::new()), None);
}
