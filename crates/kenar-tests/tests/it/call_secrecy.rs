//! Promise: errors and `Debug` contain no secrets, whatever a server or an HTTP stack echoes.

use std::collections::HashSet;
use std::error::Error as _;
use std::fmt::Write as _;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kenar::client::Retry;
use kenar::error::ApiError;
use kenar::model::ConversationId;
use kenar::operation::{CreateUploadToken, GetUser, Media, MediaSource, UploadMedia};
use kenar::request::response::{self, UnexpectedResponse};
use kenar::request::{Body, Content, Credential, Host, InvalidRequest, Metadata, Operation};
use kenar::secret::{AccessToken, ApiKey, UploadToken};
use kenar::transport::{HttpTransport, MockTransport, TransportError, TransportErrorKind};
use kenar::{BotMessage, ChatApi as _, Client, ConversationMessage, Error};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::json;

/// Secrets for one round.
struct Secrets {
    api_key: String,
    access_token: String,
    upload_token: String,
    in_body: String,
}

impl Secrets {
    /// Random secrets that match `pattern`, equal in each run.
    fn rounds(pattern: &str, count: usize) -> Vec<Self> {
        let mut runner = TestRunner::deterministic();
        let strategy = proptest::string::string_regex(pattern).unwrap();
        let mut secret = || strategy.new_tree(&mut runner).unwrap().current();
        (0..count)
            .map(|_| Self { api_key: secret(), access_token: secret(), upload_token: secret(), in_body: secret() })
            .collect()
    }

    fn all(&self) -> [&str; 4] {
        [&self.api_key, &self.access_token, &self.upload_token, &self.in_body]
    }

    /// Fails if `text` contains nine successive characters of a secret.
    #[track_caller]
    fn assert_not_in(&self, text: &str, context: &str) {
        let parts: HashSet<&[u8]> = self.all().into_iter().flat_map(|secret| secret.as_bytes().windows(9)).collect();
        if let Some(part) = text.as_bytes().windows(9).find(|part| parts.contains(part)) {
            panic!("{context}: {:?} is in {text}", String::from_utf8_lossy(part));
        }
    }
}

type Outcome = Result<Response<Bytes>, TransportError>;

/// A response that contains a secret.
type Shape = fn(&str) -> Outcome;

/// A transport with a fixed outcome.
struct Echo(Box<dyn Fn() -> Outcome + Send + Sync>);

impl std::fmt::Debug for Echo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Echo")
    }
}

#[async_trait]
impl HttpTransport for Echo {
    async fn send(&self, _: Request<Body>) -> Outcome {
        (self.0)()
    }
}

fn respond(status: u16, body: impl Into<Bytes>) -> Outcome {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}

/// An operation defined outside the crate, with a secret in its body, and a strict response.
struct Exchange<'a>(&'a str);

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchanged {
    #[serde(rename = "lifetime")]
    _lifetime: u32,
}

impl Operation for Exchange<'_> {
    type Response = Exchanged;
    const METADATA: Metadata = Metadata::post("test.exchange", "/oauth2/token").on(Host::OAuth);

    fn credential(&self) -> Credential<'_> {
        Credential::None
    }

    fn content(&self) -> Result<Content, InvalidRequest> {
        Ok(Content::form([("refresh_token", self.0)]))
    }

    fn read(&self, response: &Response<Bytes>) -> Result<Exchanged, UnexpectedResponse> {
        response::json(response)
    }

    fn content_secrets(&self) -> Vec<&str> {
        vec![self.0]
    }
}

/// All texts of an error.
fn texts_of(error: &Error) -> String {
    let mut texts = format!("{error}\n{error:?}\n{error:#?}\n{}\n{:?}\n", error.body_excerpt(), error.api_error());
    match error.api_error() {
        Some(ApiError::Rpc(status)) => {
            write!(texts, "{}\n{}\n", status.message, serde_json::to_string(&status.details).unwrap()).unwrap();
        }
        Some(ApiError::OAuth(error)) => write!(texts, "{}\n{:?}\n", error.error, error.description).unwrap(),
        _ => {}
    }
    let mut source = error.source();
    while let Some(error) = source {
        write!(texts, "{error}\n{error:?}\n{error:#?}\n").unwrap();
        source = error.source();
    }
    texts
}

/// Makes calls with each kind of credential, which must all fail with errors that contain none of their secrets.
async fn assert_redacted(
    secrets: &Secrets,
    context: &str,
    secret_to_outcome: impl Fn(&str) -> Outcome + Clone + Send + Sync + 'static,
) {
    let client = |secret: &str| {
        let (secret, outcome) = (secret.to_owned(), secret_to_outcome.clone());
        Client::builder(ApiKey::new(&*secrets.api_key).unwrap())
            .transport(Echo(Box::new(move || outcome(&secret))))
            .retry(Retry::never())
            .build()
            .unwrap()
    };
    let by = AccessToken::new(&*secrets.access_token).unwrap();
    let upload_token = UploadToken::new(&*secrets.upload_token).unwrap();
    let media = Media::image("a.png", MediaSource::bytes("a")).unwrap();
    let to = ConversationId::new("c-1");

    let mut errors = Vec::new();
    for secret in [&secrets.api_key, &secrets.access_token] {
        errors.push(client(secret).execute(&GetUser::new(&by)).await.err());
        errors.push(client(secret).send_message(&to, &ConversationMessage::text("سلام"), &by).await.err());
    }
    errors.push(client(&secrets.api_key).send_bot_message(&to, &BotMessage::text("سلام")).await.err());
    errors.push(client(&secrets.api_key).execute(&CreateUploadToken).await.err());
    for secret in [&secrets.api_key, &secrets.upload_token] {
        errors.push(client(secret).execute(&UploadMedia::new(&media, &upload_token)).await.err());
    }
    for secret in [&secrets.api_key, &secrets.in_body] {
        errors.push(client(secret).execute(&Exchange(&secrets.in_body)).await.err());
    }
    for error in errors {
        let error = error.unwrap_or_else(|| panic!("{context}: success"));
        secrets.assert_not_in(&texts_of(&error), context);
    }
}

const TOKENS: &str = "[A-Za-z0-9+/_.-]{30,80}={0,2}";
/// All characters that a header may contain.
const ANY: &str = "[!-~]{12,60}";

#[tokio::test]
async fn echoed_secret_is_redacted() {
    for secrets in Secrets::rounds(TOKENS, 8).into_iter().chain(Secrets::rounds(ANY, 12)) {
        let shapes: [(&str, Shape); 9] = [
            ("rpc message", |secret| {
                respond(401, json!({ "code": 16, "message": format!("the key '{secret}' is bad") }).to_string())
            }),
            ("rpc details", |secret| {
                let details = json!([{ "@type": "a", "deep": [{ "er": secret }], secret: 1 }]);
                respond(400, json!({ "code": 3, "message": "bad", "details": details }).to_string())
            }),
            ("OAuth", |secret| {
                respond(400, json!({ "error": secret, "error_description": format!("not {secret}") }).to_string())
            }),
            ("error of unknown form", |secret| respond(500, json!({ "error": { "text": secret } }).to_string())),
            ("page", |secret| respond(502, format!("<html>{secret} {secret}</html>"))),
            ("page instead of a response", |secret| respond(200, format!("<html>{secret}{secret}</html>"))),
            ("text instead of an object", |secret| respond(200, json!(secret).to_string())),
            ("truncated object", |secret| respond(200, format!("{{\"id\":{}", json!(secret)))),
            ("list", |secret| respond(200, json!([secret]).to_string())),
        ];
        for (context, shape) in shapes {
            assert_redacted(&secrets, context, shape).await;
        }
    }
}

#[tokio::test]
async fn encoded_secret_is_redacted() {
    for secrets in Secrets::rounds(TOKENS, 16) {
        assert_redacted(&secrets, "percent-encoded", |secret| {
            let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            respond(404, format!("no page /?token={encoded}"))
        })
        .await;
        assert_redacted(&secrets, "HTML", |secret| {
            respond(404, secret.replace('+', "&#43;").replace('=', "&#61;").replace('/', "&#47;"))
        })
        .await;
        assert_redacted(&secrets, "JSON with escaped slashes", |secret| {
            respond(500, json!([secret]).to_string().replace('/', "\\/"))
        })
        .await;
    }
}

#[tokio::test]
async fn truncated_secret_is_redacted() {
    let secrets = Secrets::rounds("[A-Za-z0-9]{60}", 1).remove(0);
    for before in (Error::MAX_EXCERPT_BYTES - 61..Error::MAX_EXCERPT_BYTES).step_by(5) {
        for status in [200, 500] {
            assert_redacted(&secrets, "truncated", move |secret| {
                respond(status, format!("{}{secret}", "-".repeat(before)))
            })
            .await;
        }
        let long = move |secret: &str| format!("{}{secret} and more", "-".repeat(before));
        assert_redacted(&secrets, "a long rpc message", move |secret| {
            respond(401, json!({ "code": 16, "message": long(secret) }).to_string())
        })
        .await;
        assert_redacted(&secrets, "a long OAuth error", move |secret| {
            respond(400, json!({ "error": "invalid_grant", "error_description": long(secret) }).to_string())
        })
        .await;
    }
}

#[tokio::test]
async fn secret_of_an_outside_operation_is_redacted() {
    for secrets in Secrets::rounds(TOKENS, 16) {
        let token = UploadToken::new(&*secrets.upload_token).unwrap();
        let media = Media::image("a.png", MediaSource::bytes("a")).unwrap();
        let mock = MockTransport::new();
        let client = Client::builder(ApiKey::new(&*secrets.api_key).unwrap()).transport(mock.clone()).build().unwrap();

        mock.respond_json(200, &json!({ "id": "medium", "status": secrets.upload_token }));
        let error = client.execute(&UploadMedia::new(&media, &token)).await.unwrap_err();
        secrets.assert_not_in(&texts_of(&error), "the status of an upload");

        for body in [json!({ "lifetime": secrets.in_body }), json!({ secrets.in_body.as_str(): 1 })] {
            mock.respond_json(200, &body);
            let error = client.execute(&Exchange(&secrets.in_body)).await.unwrap_err();
            assert!(error.source().unwrap().to_string().contains("[redacted]"), "{error:?}");
            secrets.assert_not_in(&texts_of(&error), "an error of serde");
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the stack failed")]
struct StackError(#[source] std::io::Error);

#[tokio::test]
async fn secret_in_a_transport_error_is_redacted() {
    for secrets in Secrets::rounds(TOKENS, 8) {
        for kind in [TransportErrorKind::Connect, TransportErrorKind::Interrupted, TransportErrorKind::Other] {
            assert_redacted(&secrets, "transport", move |secret| {
                let quoted = std::io::Error::other(format!("cannot send x-secret: {secret}"));
                Err(TransportError::with_source(kind, StackError(quoted)))
            })
            .await;
        }
    }
}

#[tokio::test]
async fn source_without_a_secret_keeps_its_type() {
    let mock = Echo(Box::new(|| {
        Err(TransportError::with_source(TransportErrorKind::Other, StackError(std::io::Error::other("no route"))))
    }));
    let error = kenar_tests::support::calls::client(mock)
        .get_user(&kenar_tests::support::calls::access_token())
        .await
        .unwrap_err();
    let transport = error.source().unwrap().downcast_ref::<TransportError>().expect("the transport's own error");
    assert!(transport.source().unwrap().is::<StackError>());
}

#[tokio::test]
async fn debug_contains_no_secret() {
    let secrets = Secrets::rounds("[A-Za-z0-9]{40}", 1).remove(0);
    let mock = MockTransport::new();
    mock.respond_json(200, &json!({ "token": secrets.upload_token }));
    mock.respond_json(200, &json!({ "id": "medium" }));
    mock.respond_json(200, &json!({}));
    let builder = Client::builder(ApiKey::new(&*secrets.api_key).unwrap()).transport(mock.clone());
    secrets.assert_not_in(&format!("{builder:?} {builder:#?}"), "builder");
    let client = builder.build().unwrap();
    let media = Media::image("a.png", MediaSource::bytes("a")).unwrap();
    let by = AccessToken::new(&*secrets.access_token).unwrap();
    client.upload_media(media).await.unwrap();
    client.get_user(&by).await.unwrap();

    secrets.assert_not_in(&format!("{client:?} {client:#?}"), "client");
    secrets.assert_not_in(&format!("{mock:?} {mock:#?}"), "mock");
    // Header values are marked as sensitive, so `Debug` redacts them.
    let requests = mock.requests();
    assert_eq!(requests[2].headers()["x-api-key"], *secrets.api_key);
    secrets.assert_not_in(&format!("{requests:?} {requests:#?}"), "requests");

    let upload_token = UploadToken::new(&*secrets.upload_token).unwrap();
    let media = Media::image("a.png", MediaSource::bytes(secrets.in_body.clone())).unwrap();
    let upload = UploadMedia::new(&media, &upload_token);
    let body: Body = secrets.in_body.clone().into();
    let texts = format!("{:?} {upload:?} {media:?} {body:?} {:?}", GetUser::new(&by), upload.credential());
    secrets.assert_not_in(&texts, "operations and bodies");

    let over_reqwest = Client::new(ApiKey::new(&*secrets.api_key).unwrap()).unwrap();
    secrets.assert_not_in(&format!("{over_reqwest:?} {over_reqwest:#?}"), "client over reqwest");
}
