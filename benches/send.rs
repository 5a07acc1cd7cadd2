//! The client's cost of a send: building a message with nine buttons, sending it over loopback, reading the response.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kenar::model::ConversationId;
use kenar::request::BaseUrls;
use kenar::secret::{AccessToken, ApiKey};
use kenar::transport::{HttpTransport, HyperTransport, ReqwestTransport};
use kenar::{ChatApi as _, Client, ConversationMessage};
use serde_json::Value;
use support::message::{json_message, plain_message, plain_message_with_parsed_link, typed_message};
use support::plain;
use support::stub::Stub;
use support::{Contestant, Effort, cpu_time, measure, print_table, stay_on_one_core};
use tokio::runtime::Runtime;

const API_KEY: &str = "placeholder-api-key-of-a-usual-length-0123456789";
const TOKEN: &str = "placeholder-access-token-of-a-usual-length-0123456789-0123456789-0123456789-0123456789";
const CONVERSATION: &str = "5f8b0f6e-0000-4000-8000-000000000001";

fn main() {
    support::stub::serve_if_asked();
    if !std::env::args().any(|argument| argument == "--two-cores") {
        stay_on_one_core();
    }
    rustls::crypto::ring::default_provider().install_default().expect("nothing else has installed one");
    let stub = Stub::start(Duration::ZERO);
    let origin = stub.origin();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let written = serde_json::to_vec(&typed_message()).unwrap();
    let bodies = [serde_json::to_value(typed_message()), serde_json::to_value(plain_message()), Ok(json_message())];
    let [ours, derived, value] = bodies.map(Result::unwrap);
    assert!(ours == derived && ours == value, "all send the same");

    for in_flight in [1, 64] {
        let plain = || Plain::new(&origin, None);
        let limited = Plain::new(&origin, Some(Duration::from_millis(1500)));
        let times = measure(
            Effort::of_command_line(101, Duration::from_millis(10)),
            cpu_time,
            vec![
                contestant(&runtime, KENAR, in_flight, send_kenar, kenar(&origin)),
                contestant(&runtime, DERIVE, in_flight, send_derive, plain()),
                contestant(&runtime, "derive, with a time limit", in_flight, send_derive, limited),
                contestant(&runtime, "derive, with its link parsed", in_flight, send_derive_parsed, plain()),
                contestant(&runtime, "Value", in_flight, send_value, plain()),
                contestant(&runtime, "kenar over reqwest", in_flight, send_kenar, kenar_over_reqwest(&origin)),
                contestant(
                    &runtime,
                    "reqwest, nothing built or read",
                    in_flight,
                    send_prepared,
                    Prepared::new(&origin, &written),
                ),
                contestant(&runtime, KENAR_KEPT, in_flight, send_kept_kenar, kenar(&origin)),
                contestant(&runtime, DERIVE_KEPT, in_flight, send_kept_derive, plain()),
                contestant(
                    &runtime,
                    "kenar over reqwest, kept",
                    in_flight,
                    send_kept_kenar,
                    kenar_over_reqwest(&origin),
                ),
            ],
        );
        let (built, kept) = times.split_at(7);
        let title = format!("a send of {} bytes, {in_flight} in flight", written.len());
        print_table(&format!("{title}, a new message each time"), DERIVE, built, |_| String::new());
        print_table(&format!("{title}, the same message each time"), DERIVE_KEPT, kept, |_| String::new());
    }
}

const KENAR: &str = "kenar";
const DERIVE: &str = "derive";
const KENAR_KEPT: &str = "kenar, kept";
const DERIVE_KEPT: &str = "derive, kept";

/// A contestant that sends from `in_flight` tasks.
fn contestant<'a, S, F>(
    runtime: &'a Runtime,
    name: &'static str,
    in_flight: u64,
    send: impl Fn(Arc<S>) -> F + Copy + Send + 'static,
    sender: S,
) -> Contestant<'a>
where
    S: Send + Sync + 'static,
    F: Future<Output = ()> + Send,
{
    let sender = Arc::new(sender);
    Contestant::new(name, move |times| {
        let tasks: Vec<_> = (0..in_flight)
            .map(|task| {
                let sender = sender.clone();
                let times = times / in_flight + u64::from(task < times % in_flight);
                runtime.spawn(async move {
                    for _ in 0..times {
                        send(sender.clone()).await;
                    }
                })
            })
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.expect("no send fails");
            }
        });
    })
}

struct Kenar {
    client: Client,
    token: AccessToken,
    kept: ConversationMessage,
}

fn kenar(origin: &str) -> Kenar {
    over(HyperTransport::new().unwrap(), origin)
}

fn kenar_over_reqwest(origin: &str) -> Kenar {
    over(ReqwestTransport::builder().no_proxy().build().unwrap(), origin)
}

fn over(transport: impl HttpTransport, origin: &str) -> Kenar {
    let builder = Client::builder(ApiKey::new(API_KEY).unwrap()).base_urls(BaseUrls::single(origin).unwrap());
    let client = builder.transport(transport).build().unwrap();
    Kenar { client, token: AccessToken::new(TOKEN).unwrap(), kept: typed_message() }
}

impl Kenar {
    async fn send(&self, message: &ConversationMessage) {
        let conversation = ConversationId::new(CONVERSATION);
        let sent = self.client.send_message(&conversation, message, &self.token).await.unwrap();
        assert_eq!(sent.message.as_deref(), Some("success"));
    }
}

async fn send_kenar(kenar: Arc<Kenar>) {
    kenar.send(&typed_message()).await;
}

async fn send_kept_kenar(kenar: Arc<Kenar>) {
    kenar.send(&kenar.kept).await;
}

struct Plain {
    client: reqwest::Client,
    origin: String,
    kept: plain::ConversationMessage,
}

impl Plain {
    fn new(origin: &str, timeout: Option<Duration>) -> Self {
        let mut client = reqwest::Client::builder();
        if let Some(timeout) = timeout {
            client = client.timeout(timeout);
        }
        Self { client: client.build().unwrap(), origin: origin.to_owned(), kept: plain_message() }
    }

    fn request(&self) -> reqwest::RequestBuilder {
        self.client
            .post(format!("{}/v2/open-platform/conversations/{CONVERSATION}/messages", self.origin))
            .header("X-API-Key", API_KEY)
            .bearer_auth(TOKEN)
    }

    async fn send(&self, message: &plain::ConversationMessage) {
        let response = self.request().json(message).send().await.unwrap();
        let sent: plain::Sent = response.error_for_status().unwrap().json().await.unwrap();
        assert_eq!(sent.message.as_deref(), Some("success"));
    }
}

async fn send_derive(plain: Arc<Plain>) {
    plain.send(&plain_message()).await;
}

async fn send_derive_parsed(plain: Arc<Plain>) {
    plain.send(&plain_message_with_parsed_link()).await;
}

async fn send_kept_derive(plain: Arc<Plain>) {
    plain.send(&plain.kept).await;
}

async fn send_value(plain: Arc<Plain>) {
    let response = plain.request().json(&json_message()).send().await.unwrap();
    let sent: Value = response.error_for_status().unwrap().json().await.unwrap();
    assert_eq!(sent["message"], "success");
}

/// A send with nothing built, written or read: the cost of reqwest itself.
struct Prepared {
    client: reqwest::Client,
    url: reqwest::Url,
    headers: http::HeaderMap,
    body: Bytes,
}

impl Prepared {
    fn new(origin: &str, body: &[u8]) -> Self {
        let plain = Plain::new(origin, None);
        let request = plain.request().header("content-type", "application/json").build().unwrap();
        Self {
            client: plain.client,
            url: request.url().clone(),
            headers: request.headers().clone(),
            body: Bytes::copy_from_slice(body),
        }
    }
}

async fn send_prepared(prepared: Arc<Prepared>) {
    let mut request = reqwest::Request::new(reqwest::Method::POST, prepared.url.clone());
    *request.headers_mut() = prepared.headers.clone();
    *request.body_mut() = Some(prepared.body.clone().into());
    let response = prepared.client.execute(request).await.unwrap();
    assert!(response.status().is_success());
    assert!(!response.bytes().await.unwrap().is_empty());
}
