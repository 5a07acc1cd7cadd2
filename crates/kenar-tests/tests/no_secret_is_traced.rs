//! Promise: no secret is traced. The test searches everything that any crate gives to `tracing` or `log`, at every level, while
//! every call succeeds and fails in every way, over real and failing transports.

use std::collections::BTreeSet;
use std::fmt::{Debug, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::Request as Received;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use kenar::Client;
use kenar::client::Retry;
use kenar::error::ErrorKind;
use kenar::request::{BaseUrls, Body};
use kenar::transport::{HttpTransport, HyperTransport, ReqwestTransport, TransportError, TransportErrorKind};
use kenar::webhook::Verifier;
use kenar_tests::secrecy::{Pieces, Secrets, block_on, every_call, permissions, same_cases, secrets, well};
use proptest::proptest;
use proptest::test_runner::Config;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// All traced and logged lines, each once.
static TRACED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// A subscriber and logger for every target and level.
struct Everything;

/// A visitor that writes the fields of a span or an event.
struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {field}={value}").unwrap();
    }
}

fn keep(what: &Metadata<'_>, record: impl FnOnce(&mut Fields<'_>)) {
    let mut line = format!("{} {} {}:", what.level(), what.target(), what.name());
    record(&mut Fields(&mut line));
    TRACED.lock().unwrap().insert(line);
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        static SPANS: AtomicUsize = AtomicUsize::new(1);
        keep(span.metadata(), |fields| span.record(fields));
        Id::from_u64(SPANS.fetch_add(1, Ordering::Relaxed) as u64)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = String::new();
        values.record(&mut Fields(&mut line));
        TRACED.lock().unwrap().insert(line);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        keep(event.metadata(), |fields| event.record(fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl log::Log for Everything {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        TRACED.lock().unwrap().insert(format!("{} {}: {}", record.level(), record.target(), record.args()));
    }

    fn flush(&self) {}
}

/// Starts to collect everything.
fn listen() {
    tracing::subscriber::set_global_default(Everything).expect("the only subscriber");
    log::set_boxed_logger(Box::new(Everything)).expect("the only logger");
    log::set_max_level(log::LevelFilter::Trace);
}

/// A server that responds with this status: with `body` on success, with an echo of the request otherwise.
async fn serve(status: u16, body: String) -> SocketAddr {
    let respond = move |request: Received| async move {
        let (parts, sent) = request.into_parts();
        let sent = axum::body::to_bytes(sent, usize::MAX).await.unwrap();
        let headers: Vec<_> = parts.headers.values().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let echo = format!("{} {} {}", parts.uri, headers.join(" "), String::from_utf8_lossy(&sent));
        let mut response = Response::new(if status == 200 { body } else { echo });
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response.headers_mut().insert("retry-after", 0.into());
        response
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, Router::new().fallback(respond)).await });
    address
}

/// A server that closes each connection when a request begins.
async fn broken() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let _ = connection.read(&mut [0]).await;
        }
    });
    address
}

/// A transport that fails with an error which contains every secret.
#[derive(Debug)]
struct Talkative(TransportErrorKind, String);

#[async_trait]
impl HttpTransport for Talkative {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        // An unread body counts as not sent.
        request.into_body().collect().await.unwrap();
        Err(TransportError::with_source(self.0, self.1.clone()))
    }
}

fn client(secrets: &Secrets, base_urls: &str, transport: impl HttpTransport) -> Client {
    Client::builder(secrets.api_key.clone())
        .base_urls(BaseUrls::single(base_urls).unwrap())
        .transport(transport)
        .retry(Retry::default().first_pause(Duration::from_millis(1)))
        .build()
        .unwrap()
}

/// Makes every call, and expects this error of each.
async fn fail(client: &Client, secrets: &Secrets, kind: ErrorKind) {
    for outcome in every_call(client, secrets).await {
        assert_eq!(outcome.unwrap_err().kind(), kind);
    }
}

/// Makes every call over a real transport, to servers that succeed, fail and disconnect.
async fn over(transport: Arc<dyn HttpTransport>, secrets: &Secrets) {
    let body = well(secrets).to_string();
    let to = |scheme: &str, address: SocketAddr| client(secrets, &format!("{scheme}://{address}"), transport.clone());
    let succeeds = to("http", serve(200, body.clone()).await);
    every_call(&succeeds, secrets).await.into_iter().for_each(Result::unwrap);
    for status in [400, 401, 403, 429, 500] {
        fail(&to("http", serve(status, String::new()).await), secrets, ErrorKind::Api).await;
    }
    let page = format!("<html>{body}</html>");
    fail(&to("http", serve(200, page).await), secrets, ErrorKind::UnexpectedResponse).await;

    let broken = broken().await;
    fail(&to("http", broken), secrets, ErrorKind::Interrupted).await;
    fail(&to("https", broken), secrets, ErrorKind::Connect).await;
}

async fn everything(secrets: &Secrets) {
    over(Arc::new(HyperTransport::new().unwrap()), secrets).await;
    over(Arc::new(ReqwestTransport::builder().no_proxy().build().unwrap()), secrets).await;
    for (kind, known_as) in [
        (TransportErrorKind::Connect, ErrorKind::Connect),
        (TransportErrorKind::Timeout, ErrorKind::Timeout),
        (TransportErrorKind::Interrupted, ErrorKind::Interrupted),
        (TransportErrorKind::Other, ErrorKind::Transport),
    ] {
        let transport = Talkative(kind, secrets.all().join(" "));
        fail(&client(secrets, "http://127.0.0.1:1", transport), secrets, known_as).await;
    }
    permissions(secrets).await;

    let verifier = Verifier::new(secrets.identification_key.clone());
    for shown in [&secrets.identification_key.expose_secret(), &secrets.access_token.expose_secret()] {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(shown).unwrap())]);
        let _ = verifier.event(&headers, shown.as_bytes());
        let _ = verifier.open_app(&headers, shown.as_bytes());
        let _ = verifier.dynamic_action(&headers, shown.as_bytes());
    }
}

#[test]
fn traces_and_logs_hold_no_secret() {
    listen();
    let all = same_cases();
    // Each case makes more than a hundred calls.
    let some = Config { cases: all.cases / 4, ..all };
    proptest!(some, |(secrets in secrets())| {
        TRACED.lock().unwrap().clear();
        tracing::trace!(target: "elsewhere", "in a trace");
        log::trace!(target: "elsewhere", "in the log");
        block_on(everything(&secrets));
        let traced = TRACED.lock().unwrap().iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        // Otherwise the search proves nothing.
        for what in [
            "DEBUG kenar::",
            "operation=conversation.send_message",
            "operation=oauth.refresh_tokens",
            "message=response received",
            "message=attempt failed",
            "message=waiting before the next attempt",
            "TRACE elsewhere event",
            "TRACE elsewhere: in the log",
        ] {
            assert!(traced.contains(what), "{what} is not traced: {traced}");
        }
        Pieces::of(secrets.all()).assert_not_in(&traced);
    });
}
