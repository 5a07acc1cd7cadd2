//! Promise: an operation defined outside the crate has all features of the crate's own.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Response;
use kenar::Client;
use kenar::error::ErrorKind;
use kenar::model::{ConversationId, UserId};
use kenar::request::response::{self, UnexpectedResponse};
use kenar::request::{ApiKeyPermission, Content, Credential, InvalidRequest, Metadata, Operation, PathParameters};
use kenar::secret::AccessToken;
use kenar::transport::{MockTransport, TransportErrorKind};
use serde_json::json;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata as TraceMetadata, Subscriber};

use kenar_tests::support::calls::{access_token, client};

/// A fictitious operation on a conversation.
struct Nudge<'a> {
    conversation: &'a ConversationId,
    secret: &'a str,
    by: &'a AccessToken,
}

#[derive(Debug, serde::Deserialize)]
struct Nudged {
    user_id: UserId,
}

const NUDGE: Metadata = Metadata::post("outside.nudge", "/v1/open-platform/outside/{conversation_id}/nudge")
    .with_permission(ApiKeyPermission::named("OUTSIDE_NUDGE"))
    .for_user(&[])
    .to_recipient();

impl Operation for Nudge<'_> {
    type Response = Nudged;

    const METADATA: Metadata = NUDGE;

    fn credential(&self) -> Credential<'_> {
        Credential::User(self.by)
    }

    fn path_parameters(&self) -> PathParameters<'_> {
        [self.conversation.as_str()].into()
    }

    fn content(&self) -> Result<Content, InvalidRequest> {
        Content::json(&json!({ "secret": self.secret }))
    }

    fn read(&self, response: &Response<Bytes>) -> Result<Nudged, UnexpectedResponse> {
        response::json(response)
    }

    fn content_secrets(&self) -> Vec<&str> {
        vec![self.secret]
    }
}

/// Like [`Nudge`], but idempotent.
struct Look<'a>(Nudge<'a>);

impl Operation for Look<'_> {
    type Response = Nudged;

    const METADATA: Metadata = NUDGE.idempotent();

    fn credential(&self) -> Credential<'_> {
        self.0.credential()
    }

    fn path_parameters(&self) -> PathParameters<'_> {
        self.0.path_parameters()
    }

    fn read(&self, response: &Response<Bytes>) -> Result<Nudged, UnexpectedResponse> {
        self.0.read(response)
    }
}

const SECRET: &str = "a-secret-of-the-content";

struct Scene {
    mock: MockTransport,
    client: Client,
    conversation: ConversationId,
    by: AccessToken,
}

impl Scene {
    fn new() -> Self {
        let mock = MockTransport::new();
        Self { client: client(mock.clone()), mock, conversation: ConversationId::new("c/1"), by: access_token() }
    }

    fn nudge(&self) -> Nudge<'_> {
        Nudge { conversation: &self.conversation, secret: SECRET, by: &self.by }
    }
}

#[tokio::test]
async fn outside_operation_is_sent_as_declared() {
    let scene = Scene::new();
    scene.mock.respond_json(200, &json!({ "user_id": "u-1" }));
    let nudged = scene.client.execute(&scene.nudge()).await.unwrap();
    assert_eq!(nudged.user_id, UserId::new("u-1"));
    let request = &scene.mock.requests()[0];
    assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/v1/open-platform/outside/c%2F1/nudge"));
    assert!(request.headers().contains_key("x-api-key"));
    assert_eq!(request.headers()["authorization"], format!("Bearer {}", scene.by.expose_secret()));
}

#[tokio::test]
async fn outside_operation_reports_a_restriction() {
    let scene = Scene::new();
    scene.mock.respond_json(412, &json!({ "code": 9, "message": "restricted" }));
    let error = scene.client.execute(&scene.nudge()).await.unwrap_err();
    assert!(error.is_recipient_restricted());
    assert_eq!(error.operation(), "outside.nudge");
}

#[tokio::test]
async fn outside_operation_reports_a_missing_permission() {
    for status in [401, 403] {
        let scene = Scene::new();
        scene.mock.respond_json(status, &json!({}));
        assert!(scene.client.execute(&scene.nudge()).await.unwrap_err().needs_new_permission(), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn outside_operation_is_retried_when_rate_limited() {
    let scene = Scene::new();
    scene.mock.respond_json(429, &json!({ "code": 8, "message": "slow down" }));
    scene.mock.respond_json(200, &json!({ "user_id": "u-1" }));
    scene.client.execute(&scene.nudge()).await.unwrap();
    assert_eq!(scene.mock.requests().len(), 2);

    for _ in 0..3 {
        scene.mock.respond_json(429, &json!({}));
    }
    let error = scene.client.execute(&scene.nudge()).await.unwrap_err();
    assert!(error.is_rate_limited());
    assert_eq!(error.attempts(), 3);
}

#[tokio::test(start_paused = true)]
async fn outside_operation_is_retried_only_if_idempotent() {
    let scene = Scene::new();
    scene.mock.fail(TransportErrorKind::Interrupted);
    let error = scene.client.execute(&scene.nudge()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Interrupted, 1));
    assert!(error.may_have_been_processed());

    scene.mock.fail(TransportErrorKind::Interrupted);
    scene.mock.respond_json(200, &json!({ "user_id": "u-1" }));
    scene.client.execute(&Look(scene.nudge())).await.unwrap();
}

#[tokio::test]
async fn outside_operation_is_redacted() {
    let scene = Scene::new();
    let message = format!("{SECRET} and {} are wrong", scene.by.expose_secret());
    scene.mock.respond_json(400, &json!({ "code": 3, "message": message }));
    let error = scene.client.execute(&scene.nudge()).await.unwrap_err();
    let printed = format!("{error} {error:?}");
    assert!(printed.contains("are wrong"), "{printed}");
    assert!(!printed.contains(SECRET) && !printed.contains(scene.by.expose_secret()), "{printed}");
}

#[tokio::test]
async fn outside_operation_is_traced() {
    let scene = Scene::new();
    scene.mock.respond_json(200, &json!({ "user_id": "u-1" }));
    let lines = Lines::default();
    let guard = tracing::subscriber::set_default(lines.clone());
    scene.client.execute(&scene.nudge()).await.unwrap();
    drop(guard);
    let lines = lines.0.lock().unwrap().join("\n");
    assert!(lines.contains("outside.nudge"), "{lines}");
}

/// A subscriber that records the fields of spans and events as text.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

impl Lines {
    fn keep(&self, record: impl FnOnce(&mut Fields)) {
        let mut fields = Fields(String::new());
        record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &TraceMetadata<'_>) -> bool {
        metadata.target().starts_with("kenar")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.keep(|fields| span.record(fields));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.keep(|fields| values.record(fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.keep(|fields| event.record(fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
