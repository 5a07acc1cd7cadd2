//! Promise: each call has a span with OpenTelemetry's fields for HTTP clients, without identifiers.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Debug, Display};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use kenar::request::BaseUrls;
use kenar::secret::ApiKey;
use kenar::transport::{MockTransport, TransportErrorKind};
use kenar::{ChatApi as _, Client, ConversationMessage, Error};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use kenar_tests::support::calls::{API_KEY, access_token, conversation};

type Fields = BTreeMap<&'static str, String>;

/// A subscriber that records spans, and events with their span.
#[derive(Clone, Default)]
struct Traces(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    spans: HashMap<u64, (String, Fields)>,
    entered: Vec<u64>,
    events: Vec<(Option<u64>, Fields)>,
}

struct Visitor<'a>(&'a mut Fields);

impl Visitor<'_> {
    fn put(&mut self, field: &Field, value: impl Display) {
        self.0.insert(field.name(), value.to_string());
    }
}

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
}

impl Subscriber for Traces {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("kenar::client")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut fields = Fields::new();
        span.record(&mut Visitor(&mut fields));
        let name = format!("{} {}", span.metadata().level(), span.metadata().name());
        self.0.lock().unwrap().spans.insert(id, (name, fields));
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut state = self.0.lock().unwrap();
        values.record(&mut Visitor(&mut state.spans.get_mut(&span.into_u64()).unwrap().1));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Visitor(&mut fields));
        let mut state = self.0.lock().unwrap();
        let span = state.entered.last().copied();
        state.events.push((span, fields));
    }

    fn enter(&self, span: &Id) {
        self.0.lock().unwrap().entered.push(span.into_u64());
    }

    fn exit(&self, _: &Id) {
        self.0.lock().unwrap().entered.pop();
    }
}

/// Sends one message, and returns the outcome, the call's span and its events.
async fn send_over(mock: MockTransport) -> (Result<(), Error>, Fields, Vec<Fields>) {
    let traces = Traces::default();
    let base_urls = BaseUrls::single("http://[::1]:4040").unwrap();
    let client = Client::builder(ApiKey::new(API_KEY).unwrap()).base_urls(base_urls).transport(mock).build().unwrap();
    let outcome = {
        let _guard = tracing::subscriber::set_default(traces.clone());
        client.send_message(&conversation(), &ConversationMessage::text("a"), &access_token()).await.map(drop)
    };
    let state = std::mem::take(&mut *traces.0.lock().unwrap());
    let [(id, (name, span))] = <[_; 1]>::try_from(Vec::from_iter(state.spans)).unwrap();
    assert_eq!(name, "INFO call");
    let events = state.events.into_iter().map(|(within, fields)| {
        assert_eq!(within, Some(id), "{fields:?}");
        fields
    });
    (outcome, span, events.collect())
}

fn of(fields: &[(&'static str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

const BEFORE: &[(&str, &str)] = &[
    ("http.request.method", "POST"),
    ("kenar.operation", "conversation.send_message"),
    ("otel.kind", "client"),
    ("otel.name", "POST /v2/open-platform/conversations/{conversation_id}/messages"),
    ("server.address", "::1"),
    ("server.port", "4040"),
    ("url.scheme", "http"),
    ("url.template", "/v2/open-platform/conversations/{conversation_id}/messages"),
];

#[tokio::test(start_paused = true)]
async fn span_has_opentelemetry_fields_and_no_id() {
    let mock = MockTransport::new();
    mock.respond_json(429, &json!({}));
    mock.respond_json(200, &json!({}));
    let (outcome, span, events) = send_over(mock).await;
    outcome.unwrap();
    let after = [("http.request.resend_count", "1"), ("http.response.status_code", "200")];
    assert_eq!(span, of(&[BEFORE, &after].concat()));

    let attempts: Vec<_> =
        events.iter().filter_map(|event| Some((event.get("attempt")?, event.get("status")?))).collect();
    assert_eq!(attempts, [(&"1".to_owned(), &"429".to_owned()), (&"2".to_owned(), &"200".to_owned())]);
    assert_eq!(events.len(), 3, "two attempts and the pause between them: {events:?}");
}

#[tokio::test(start_paused = true)]
async fn span_of_error_response_has_its_status() {
    let mock = MockTransport::new();
    mock.respond_json(412, &json!({ "code": 9 }));
    let (outcome, span, _) = send_over(mock).await;
    assert!(outcome.unwrap_err().is_recipient_restricted());
    let after = [("error.type", "412"), ("http.response.status_code", "412"), ("otel.status_code", "ERROR")];
    assert_eq!(span, of(&[BEFORE, &after].concat()));
}

#[tokio::test(start_paused = true)]
async fn span_without_response_has_kind_of_failure() {
    let mock = MockTransport::new();
    mock.fail(TransportErrorKind::Timeout);
    let (outcome, span, _) = send_over(mock).await;
    outcome.unwrap_err();
    assert_eq!(span, of(&[BEFORE, &[("error.type", "timeout"), ("otel.status_code", "ERROR")]].concat()));
}
