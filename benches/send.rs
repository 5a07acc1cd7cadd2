//! What a send costs the client: a message with nine buttons, built anew, sent over loopback, its answer read.

mod support;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::{Client as HyperClient, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use kenar::request::{Body, Hosts};
use kenar::transport::{HttpTransport, TransportError, TransportErrorKind};
use kenar::{AccessToken, ApiKey, Button, ChatApi as _, Client, ConversationId, ConversationMessage, Icon, PostToken};
use serde_json::{Value, json};
use support::plain::{self, Action, Grid, Order, Row};
use support::stub::Stub;
use support::{Contestant, Effort, cpu_time, measure, print_table, stay_on_one_core};
use tokio::runtime::Runtime;

const API_KEY: &str = "placeholder-api-key-of-a-usual-length-0123456789";
const TOKEN: &str = "placeholder-access-token-of-a-usual-length-0123456789-0123456789-0123456789-0123456789";
const CONVERSATION: &str = "5f8b0f6e-0000-4000-8000-000000000001";
const POST: &str = "QYabcdef";
const TRACKING: &str = "https://addon.example/orders/17/tracking?from=chat";
const TEXT: &str = "درخواست ارسال ثبت شد. پیک تا ساعت ۱۸ می‌رسد.";
const STEPS: [&str; 6] = ["confirm", "later", "cancel", "details", "address", "help"];

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
        let contestants = vec![
            contestant(&runtime, "kenar", in_flight, send_kenar, kenar(&origin)),
            contestant(&runtime, "derive", in_flight, send_derive, Plain::new(&origin, None)),
            contestant(
                &runtime,
                "derive, with a time limit",
                in_flight,
                send_derive,
                Plain::new(&origin, Some(Duration::from_millis(1500))),
            ),
            contestant(&runtime, "Value", in_flight, send_value, Plain::new(&origin, None)),
            contestant(&runtime, "reqwest, all prepared", in_flight, send_prepared, Prepared::new(&origin, &written)),
            contestant(&runtime, "kenar over hyper-util", in_flight, send_kenar, kenar_over_hyper(&origin)),
        ];
        let times = measure(Effort::of_command_line(101, Duration::from_millis(10)), cpu_time, contestants);
        print_table(&format!("one send, {} bytes, {in_flight} in flight", written.len()), "derive", &times, |_| {
            String::new()
        });
    }
}

/// Sends so many times, by `in_flight` tasks.
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
}

fn kenar(origin: &str) -> Kenar {
    let client = Client::builder(ApiKey::new(API_KEY).unwrap()).hosts(Hosts::at(origin).unwrap()).build().unwrap();
    Kenar { client, token: AccessToken::new(TOKEN).unwrap() }
}

fn typed_message() -> ConversationMessage {
    let order = |step: &str| Order { order: "order-17".to_owned(), step: step.to_owned() };
    let post = PostToken::new(POST);
    let link = url::Url::parse(TRACKING).unwrap();
    ConversationMessage::text(TEXT).receiver_buttons([
        [
            Button::dynamic_action("تأیید", order(STEPS[0])).icon(Icon::CHECK_CIRCLE),
            Button::dynamic_action("بعداً", order(STEPS[1])).icon(Icon::CHECK_CIRCLE),
            Button::dynamic_action("لغو", order(STEPS[2])).icon(Icon::CHECK_CIRCLE),
        ],
        [
            Button::server_link("جزئیات", order(STEPS[3])).icon(Icon::PLACE),
            Button::server_link("نشانی", order(STEPS[4])).icon(Icon::PLACE),
            Button::server_link("راهنما", order(STEPS[5])).icon(Icon::PLACE),
        ],
        [
            Button::open_link("پیگیری", link).icon(Icon::SEND),
            Button::post_page("آگهی", &post).icon(Icon::SEND),
            Button::post_manage_page("مدیریت", &post).icon(Icon::SEND),
        ],
    ])
}

async fn send_kenar(kenar: Arc<Kenar>) {
    let conversation = ConversationId::new(CONVERSATION);
    let sent = kenar.client.send_message(&conversation, &typed_message(), &kenar.token).await.unwrap();
    assert_eq!(sent.message.as_deref(), Some("success"));
}

struct Plain {
    client: reqwest::Client,
    origin: String,
}

impl Plain {
    fn new(origin: &str, timeout: Option<Duration>) -> Self {
        let mut client = reqwest::Client::builder();
        if let Some(timeout) = timeout {
            client = client.timeout(timeout);
        }
        Self { client: client.build().unwrap(), origin: origin.to_owned() }
    }

    fn request(&self) -> reqwest::RequestBuilder {
        self.client
            .post(format!("{}/v2/open-platform/conversations/{CONVERSATION}/messages", self.origin))
            .header("X-API-Key", API_KEY)
            .bearer_auth(TOKEN)
    }
}

fn plain_message() -> plain::ConversationMessage {
    let order = |step: &str| Order { order: "order-17".to_owned(), step: step.to_owned() };
    let button = |caption: &str, icon, action| plain::Button { action, icon, caption: caption.to_owned() };
    let post_token = || POST.to_owned();
    plain::ConversationMessage {
        kind: "TEXT",
        message: TEXT.to_owned(),
        receiver_buttons: Grid {
            rows: vec![
                Row {
                    buttons: vec![
                        button("تأیید", plain::Icon::CheckCircle, Action::GetDynamicAction { data: order(STEPS[0]) }),
                        button("بعداً", plain::Icon::CheckCircle, Action::GetDynamicAction { data: order(STEPS[1]) }),
                        button("لغو", plain::Icon::CheckCircle, Action::GetDynamicAction { data: order(STEPS[2]) }),
                    ],
                },
                Row {
                    buttons: vec![
                        button("جزئیات", plain::Icon::Place, Action::OpenServerLink { data: order(STEPS[3]) }),
                        button("نشانی", plain::Icon::Place, Action::OpenServerLink { data: order(STEPS[4]) }),
                        button("راهنما", plain::Icon::Place, Action::OpenServerLink { data: order(STEPS[5]) }),
                    ],
                },
                Row {
                    buttons: vec![
                        button("پیگیری", plain::Icon::Send, Action::OpenDirectLink(TRACKING.to_owned())),
                        button("آگهی", plain::Icon::Send, Action::OpenPostPage { post_token: post_token() }),
                        button("مدیریت", plain::Icon::Send, Action::OpenPostManagePage { post_token: post_token() }),
                    ],
                },
            ],
        },
    }
}

async fn send_derive(plain: Arc<Plain>) {
    let response = plain.request().json(&plain_message()).send().await.unwrap();
    let sent: plain::Sent = response.error_for_status().unwrap().json().await.unwrap();
    assert_eq!((sent.status, sent.message.as_deref()), (Some(200), Some("success")));
}

fn json_message() -> Value {
    let order = |step: &str| json!({ "order": "order-17", "step": step });
    let dynamic = |caption: &str, step| {
        json!({
            "action": { "get_dynamic_action": { "data": order(step) } }, "icon": "CHECK_CIRCLE", "caption": caption,
        })
    };
    let server = |caption: &str, step| json!({ "action": { "open_server_link": { "data": order(step) } }, "icon": "PLACE", "caption": caption });
    json!({
        "type": "TEXT",
        "message": TEXT,
        "receiver_buttons": { "rows": [
            { "buttons": [dynamic("تأیید", STEPS[0]), dynamic("بعداً", STEPS[1]), dynamic("لغو", STEPS[2])] },
            { "buttons": [server("جزئیات", STEPS[3]), server("نشانی", STEPS[4]), server("راهنما", STEPS[5])] },
            { "buttons": [
                { "action": { "open_direct_link": TRACKING }, "icon": "SEND", "caption": "پیگیری" },
                { "action": { "open_post_page": { "post_token": POST } }, "icon": "SEND", "caption": "آگهی" },
                { "action": { "open_post_manage_page": { "post_token": POST } }, "icon": "SEND", "caption": "مدیریت" },
            ] },
        ] },
    })
}

async fn send_value(plain: Arc<Plain>) {
    let response = plain.request().json(&json_message()).send().await.unwrap();
    let sent: Value = response.error_for_status().unwrap().json().await.unwrap();
    assert_eq!(sent["message"], "success");
}

/// What is left of a send where nothing is built, written or read: what reqwest itself costs.
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

/// The same client over another HTTP stack, without the layers that reqwest has above hyper.
#[derive(Debug)]
struct HyperTransport(HyperClient<HttpConnector, Body>);

fn kenar_over_hyper(origin: &str) -> Kenar {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let transport = HyperTransport(HyperClient::builder(TokioExecutor::new()).build(connector));
    let client = Client::builder(ApiKey::new(API_KEY).unwrap())
        .hosts(Hosts::at(origin).unwrap())
        .transport(transport)
        .build()
        .unwrap();
    Kenar { client, token: AccessToken::new(TOKEN).unwrap() }
}

#[async_trait]
impl HttpTransport for HyperTransport {
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Bytes>, TransportError> {
        let interrupted = |error| TransportError::with_source(TransportErrorKind::Interrupted, error);
        let (parts, body) = self.0.request(request).await.map_err(|error| interrupted(error.into()))?.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|error| interrupted(Box::<dyn std::error::Error + Send + Sync>::from(error)))?;
        Ok(http::Response::from_parts(parts, body.to_bytes()))
    }
}
