//! Counts requests by operation and status in a layer around the transport, and prints them for Prometheus. With the crate
//! `metrics` or `opentelemetry`, `record` is one call of a counter.
//!
//! `cargo run -p kenar-examples --example metrics`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use kenar::operation::SendBotMessage;
use kenar::request::{Body, Context};
use kenar::transport::{HttpTransport, TransportError};
use kenar::{BotMessage, ChatApi as _, Client};
use kenar_sandbox::{Fault, Sandbox};

/// The counters, labelled only by operation and status.
#[derive(Debug, Default)]
struct Metrics(Mutex<BTreeMap<(&'static str, String), Requests>>);

#[derive(Debug, Default)]
struct Requests {
    count: u64,
    /// Retries.
    resent: u64,
    time: Duration,
}

impl Metrics {
    fn record(&self, context: Option<&Context>, status: String, time: Duration) {
        let operation = context.map_or("unknown", Context::operation);
        let mut metrics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = metrics.entry((operation, status)).or_default();
        requests.count += 1;
        requests.resent += u64::from(context.is_some_and(|context| context.attempt() > 1));
        requests.time += time;
    }

    /// The counters in the text format of Prometheus.
    fn render(&self) -> String {
        let metrics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        let mut counter = |name: &str, value: fn(&Requests) -> f64| {
            let _ = writeln!(text, "# TYPE {name} counter");
            for ((operation, status), requests) in &*metrics {
                let value = value(requests);
                let _ = writeln!(text, "{name}{{operation=\"{operation}\",status=\"{status}\"}} {value}");
            }
        };
        counter("kenar_requests_total", |requests| requests.count as f64);
        counter("kenar_requests_resent_total", |requests| requests.resent as f64);
        counter("kenar_request_seconds_total", |requests| requests.time.as_secs_f64());
        text
    }
}

/// Counts the requests of another transport.
#[derive(Debug)]
struct Counted<T> {
    inner: T,
    metrics: Arc<Metrics>,
}

#[async_trait]
impl<T: HttpTransport> HttpTransport for Counted<T> {
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Bytes>, TransportError> {
        let context = request.extensions().get::<Context>().cloned();
        let begun = Instant::now();
        let outcome = self.inner.send(request).await;
        let status = match &outcome {
            Ok(response) => response.status().as_str().to_owned(),
            Err(error) => error.kind().to_string(),
        };
        self.metrics.record(context.as_ref(), status, begun.elapsed());
        outcome
    }
}

async fn story() -> Result<String, Box<dyn std::error::Error>> {
    let sandbox = Sandbox::in_process().await;
    let app = sandbox.app("bot");
    let chat = sandbox.user("sara").chat_with_bot(&app);
    let metrics = Arc::new(Metrics::default());
    let client = Client::builder(app.api_key())
        .base_urls(sandbox.base_urls().clone())
        .transport(Counted { inner: sandbox.transport(), metrics: metrics.clone() })
        .build()?;

    client.send_bot_message(chat.id(), &BotMessage::text("سلام")).await?;
    // The client waits as asked, and retries.
    sandbox.inject(Fault::status(429)).on::<SendBotMessage>();
    client.send_bot_message(chat.id(), &BotMessage::text("دوباره سلام")).await?;
    Ok(metrics.render())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", story().await?);
    Ok(())
}

#[tokio::test]
async fn requests_are_counted_by_operation_and_status() {
    let text = story().await.unwrap();
    for line in [
        "kenar_requests_total{operation=\"bot.send_message\",status=\"200\"} 2",
        "kenar_requests_total{operation=\"bot.send_message\",status=\"429\"} 1",
        "kenar_requests_resent_total{operation=\"bot.send_message\",status=\"200\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}
