//! Promise: set-up of a transport reports a faulty environment, and only where it matters.
//!
//! The environment belongs to a process, so each test starts this program once more.

use std::process::Stdio;
use std::sync::Arc;

use kenar::client::{ClientBuilder, Retry};
use kenar::error::ErrorKind;
use kenar::request::BaseUrls;
use kenar::secret::ApiKey;
use kenar::transport::{HttpTransport, HyperTransport, ReqwestTransport};
use kenar::{BotMessage, ChatApi as _, Client};

use kenar_tests::support::calls::{API_KEY, access_token, conversation};
use kenar_tests::support::loopback::{Server, json};

/// Set in the process of a test's second half.
const SECOND: &str = "KENAR_TEST_SECOND_PROCESS";

const VARIABLES: [&str; 9] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUEST_METHOD",
];

/// Runs a test of this module in an environment, and gives what it printed.
async fn in_environment(test: &str, environment: &[(&str, &str)]) -> String {
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", &format!("transport_setup::{test}"), "--nocapture"]).env(SECOND, "1");
    for name in VARIABLES {
        child.env_remove(name);
    }
    let output = child.envs(environment.iter().copied()).stdin(Stdio::null()).output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{environment:?}: {out}{err}");
    out.into_owned()
}

fn is_second() -> bool {
    std::env::var_os(SECOND).is_some()
}

fn builder() -> ClientBuilder {
    Client::builder(ApiKey::new(API_KEY).unwrap()).time_limit(std::time::Duration::from_secs(20))
}

/// Everything that an error says, with its sources.
fn said(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test]
async fn unusable_proxy_is_refused_by_its_variable() {
    if is_second() {
        for error in [
            said(&HyperTransport::new().unwrap_err()),
            said(&ReqwestTransport::new().unwrap_err()),
            said(&builder().build().unwrap_err()),
        ] {
            println!("refused: {error}");
        }
        // Nobody asks a proxy about this machine, and who does without one need not care.
        assert!(builder().base_urls(BaseUrls::single("http://127.0.0.1:1").unwrap()).build().is_ok());
        assert!(HyperTransport::builder().no_proxy().build().is_ok());
        assert!(ReqwestTransport::builder().no_proxy().build().is_ok());
        return;
    }
    let test = "unusable_proxy_is_refused_by_its_variable";
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        for proxy in ["ftp://user:placeholder@proxy.example", "http://user:place holder@proxy.example", "http://"] {
            let printed = in_environment(test, &[(variable, proxy)]).await;
            let refused: Vec<_> = printed.lines().filter_map(|line| line.split_once("refused: ")).collect();
            assert_eq!(refused.len(), 3, "{printed}");
            for (_, error) in refused {
                assert!(error.contains(&format!("{variable} names no proxy")), "{error}");
                assert!(!error.contains("holder") && !error.contains("proxy.example"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn https_proxy_is_refused_before_anything_is_tried() {
    if is_second() {
        println!("refused: {}", said(&HyperTransport::new().unwrap_err()));
        // reqwest can.
        assert!(ReqwestTransport::new().is_ok());
        return;
    }
    let test = "https_proxy_is_refused_before_anything_is_tried";
    let printed = in_environment(test, &[("HTTPS_PROXY", "https://user:placeholder@proxy.example")]).await;
    assert!(
        printed.contains("refused: ") && printed.contains("HTTPS_PROXY") && printed.contains("socks5h"),
        "{printed}"
    );
    assert!(!printed.contains("placeholder"), "{printed}");
}

#[cfg(all(target_os = "linux", feature = "rustls"))]
#[tokio::test]
async fn without_certificates_local_calls_work_and_others_say_why() {
    if is_second() {
        let server = Server::start().await;
        let local = || builder().base_urls(server.base_urls());
        let by = access_token();
        for client in [
            local().build().unwrap(),
            local().transport(HyperTransport::new().unwrap()).build().unwrap(),
            local().transport(ReqwestTransport::new().unwrap()).build().unwrap(),
        ] {
            let (outcome, _) = tokio::join!(client.get_user(&by), server.respond_once(json("{}")));
            outcome.unwrap();
        }

        let error = said(&builder().build().unwrap_err());
        assert!(error.contains("ca-certificates"), "{error}");

        let transports: [Arc<dyn HttpTransport>; 2] =
            [Arc::new(HyperTransport::new().unwrap()), Arc::new(ReqwestTransport::new().unwrap())];
        for transport in transports {
            let client = builder()
                .base_urls(BaseUrls::single(&format!("https://{}", server.address())).unwrap())
                .transport(transport)
                .build()
                .unwrap();
            let error = client.send_bot_message(&conversation(), &BotMessage::text("سلام")).await.unwrap_err();
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Transport, 1), "{error:?}");
            assert!(!error.may_have_been_processed(), "{error:?}");
            assert!(said(&error).contains("ca-certificates"), "{}", said(&error));
        }
        return;
    }
    let nowhere = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    in_environment("without_certificates_local_calls_work_and_others_say_why", &nowhere).await;
}

fn own_reqwest() -> reqwest::ClientBuilder {
    // What a program does that builds reqwest without a provider of its own.
    #[cfg(feature = "rustls")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}

#[tokio::test]
async fn reqwest_client_that_may_follow_redirects_is_refused() {
    use reqwest::redirect::Policy;
    let mut spoof = http::HeaderMap::new();
    spoof.insert("x-spoof", http::HeaderValue::from_static(r#"redirect_policy: "Policy(None)""#));
    for client in [
        own_reqwest(),
        own_reqwest().redirect(Policy::limited(1)),
        own_reqwest().redirect(Policy::custom(|attempt| attempt.stop())),
        own_reqwest().default_headers(spoof),
    ] {
        let error = said(&ReqwestTransport::from_client(client.build().unwrap()).unwrap_err());
        assert!(error.contains("redirect(reqwest::redirect::Policy::none())"), "{error}");
    }
    ReqwestTransport::from_client(own_reqwest().redirect(Policy::none()).build().unwrap()).unwrap();
}

#[tokio::test]
async fn reqwest_client_repeats_nothing_by_its_own_policy() {
    let server = Server::start().await;
    let retry = reqwest::retry::for_host("127.0.0.1")
        .max_retries_per_request(3)
        .no_budget()
        .classify_fn(|outcome| outcome.retryable());
    let own = own_reqwest().redirect(reqwest::redirect::Policy::none()).retry(retry).build().unwrap();
    let client = builder()
        .base_urls(server.base_urls())
        .transport(ReqwestTransport::from_client(own).unwrap())
        .retry(Retry::never())
        .build()
        .unwrap();
    for body in ["message", "none"] {
        let call = async {
            match body {
                "message" => client.send_bot_message(&conversation(), &BotMessage::text("سلام")).await.map(drop),
                _ => client.get_user(&access_token()).await.map(drop),
            }
        };
        let unavailable = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let (outcome, _) = tokio::join!(call, server.respond_once(unavailable));
        assert_eq!(outcome.unwrap_err().status().unwrap(), 503, "{body}");
    }
    assert!(server.stayed_untouched(), "a request was repeated");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A server on a thread of its own that answers every request, and keeps every connection.
fn serve_on_a_thread() -> BaseUrls {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let server = Server::start().await;
            tell.send(server.base_urls()).unwrap();
            loop {
                let mut connection = server.accept().await;
                tokio::spawn(async move {
                    while connection.request().await.is_some() {
                        connection.write(&json("{}")).await;
                    }
                });
            }
        });
    });
    told.recv().unwrap()
}

#[test]
fn one_client_serves_several_runtimes() {
    let base_urls = serve_on_a_thread();
    let transports: [Arc<dyn HttpTransport>; 2] = [
        Arc::new(HyperTransport::builder().no_proxy().build().unwrap()),
        Arc::new(ReqwestTransport::builder().no_proxy().build().unwrap()),
    ];
    for transport in transports {
        let client = Client::builder(ApiKey::new(API_KEY).unwrap())
            .base_urls(base_urls.clone())
            .transport(transport)
            .time_limit(std::time::Duration::from_secs(2))
            .build()
            .unwrap();
        let send = || async { client.send_bot_message(&conversation(), &BotMessage::text("سلام")).await };
        // Each runtime is gone when the next one begins.
        for _ in 0..20 {
            runtime().block_on(send()).unwrap();
        }
        // This one exists and does not run: its idle connection looks usable, and nothing is ever sent on it.
        let asleep = runtime();
        asleep.block_on(send()).unwrap();
        let outcome = runtime().block_on(async {
            let never = client.with_time_limit(std::time::Duration::from_millis(300));
            never.send_bot_message(&conversation(), &BotMessage::text("سلام")).await
        });
        if let Err(error) = outcome {
            assert_eq!((error.kind(), error.may_have_been_processed()), (ErrorKind::Connect, false), "{error:?}");
        }
        asleep.block_on(send()).unwrap();
        runtime().block_on(send()).unwrap();
    }
}
