//! Promise: a request that never left is reported as not sent, whatever ended the call: its limit, an attempt's, a proxy.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use kenar::client::Retry;
use kenar::error::ErrorKind;
use kenar::model::ConversationId;
use kenar::request::BaseUrls;
use kenar::secret::ApiKey;
use kenar::transport::{HttpTransport, HyperTransport, ReqwestTransport};
use kenar::{BotMessage, ChatApi as _, Client, Error};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use kenar_tests::support::calls::{API_KEY, access_token};

const LIMITS: [u64; 4] = [200, 500, 1500, 5000];

fn transports() -> [(&'static str, Arc<dyn HttpTransport>); 2] {
    [
        ("hyper", Arc::new(HyperTransport::builder().no_proxy().build().unwrap())),
        ("reqwest", Arc::new(ReqwestTransport::builder().no_proxy().build().unwrap())),
    ]
}

/// A call that may be repeated, or one that may not.
#[derive(Clone, Copy, Debug)]
enum Call {
    Read,
    Send,
}

async fn call(client: &Client, call: Call) -> Result<(), Error> {
    match call {
        Call::Read => client.get_user(&access_token()).await.map(drop),
        Call::Send => client.send_bot_message(&ConversationId::new("c-1"), &BotMessage::text("سلام")).await.map(drop),
    }
}

/// Calls what never answers before a request can be begun, at each limit, with repetition and without.
async fn expect_unsent(name: &'static str, transport: Arc<dyn HttpTransport>, base_url: &str) {
    let mut calls = JoinSet::new();
    for limit in LIMITS.map(Duration::from_millis) {
        for retry in [Retry::default(), Retry::never()] {
            for kind in [Call::Read, Call::Send] {
                let builder = Client::builder(ApiKey::new(API_KEY).unwrap())
                    .base_urls(BaseUrls::single(base_url).unwrap())
                    .transport(transport.clone())
                    .time_limit(limit)
                    .retry(retry.clone());
                let client = builder.build().unwrap();
                calls.spawn(async move {
                    let begun = Instant::now();
                    let error = call(&client, kind).await.expect_err("nothing answers");
                    let context = format!("{name}, {kind:?} within {limit:?}: {error}, {error:?}");
                    assert_eq!(error.kind(), ErrorKind::Connect, "{context}");
                    assert!(!error.may_have_been_processed(), "{context}");
                    assert!(begun.elapsed() < limit + Duration::from_millis(500), "{context}");
                });
            }
        }
    }
    calls.join_all().await;
}

/// Accepts connections, reads nothing and says nothing: the operating system does so by itself.
async fn black_hole() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn black_hole_is_reported_as_not_sent() {
    let (_listener, url) = black_hole().await;
    let [(hyper, over_hyper), (reqwest, over_reqwest)] = transports();
    tokio::join!(expect_unsent(hyper, over_hyper, &url), expect_unsent(reqwest, over_reqwest, &url));
}

/// A proxy that never finishes its response to `CONNECT`.
async fn dribbling_proxy() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut byte = [0];
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.is_ok_and(|read| read > 0) {
                    head.extend(byte);
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ").await;
                while stream.write_all(b".").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
    });
    address
}

/// Set where this program is the client behind a proxy of its environment.
const BEHIND_PROXY: &str = "KENAR_TEST_BEHIND_SLOW_PROXY";

#[tokio::test]
async fn slow_proxy_is_reported_as_not_sent() {
    if std::env::var_os(BEHIND_PROXY).is_some() {
        let hyper = Arc::new(HyperTransport::new().unwrap());
        let reqwest = Arc::new(ReqwestTransport::new().unwrap());
        tokio::join!(
            expect_unsent("hyper", hyper, "https://kenar.example"),
            expect_unsent("reqwest", reqwest, "https://kenar.example")
        );
        return;
    }
    let proxy = dribbling_proxy().await;
    let mut client = tokio::process::Command::new(std::env::current_exe().unwrap());
    client.args(["--exact", "sent_or_not::slow_proxy_is_reported_as_not_sent"]).env(BEHIND_PROXY, "1");
    for name in ["https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        client.env_remove(name);
    }
    let output = client.env("HTTPS_PROXY", format!("http://{proxy}")).stdin(Stdio::null()).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// A resolver that never resolves.
#[derive(Clone, Copy, Debug)]
struct Hangs;

impl reqwest::dns::Resolve for Hangs {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(std::future::pending())
    }
}

/// The same over hyper is a unit test of its connector.
#[tokio::test(start_paused = true)]
async fn name_look_up_that_hangs_is_reported_as_not_sent() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().dns_resolver(Hangs);
    let transport = ReqwestTransport::from_client(client.build().unwrap()).unwrap();
    expect_unsent("reqwest", Arc::new(transport), "https://kenar.example").await;
}
