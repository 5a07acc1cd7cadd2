//! Promise: the transports over hyper and reqwest handle correct and incorrect servers alike.

use std::process::Command;
use std::sync::{Arc, Mutex};

use kenar::client::{ClientBuilder, Retry};
use kenar::error::ErrorKind;
use kenar::model::{ConversationId, UserId};
use kenar::request::BaseUrls;
use kenar::secret::ApiKey;
use kenar::transport::{HttpTransport, HyperTransport, ReqwestTransport};
use kenar::{BotMessage, ChatApi as _, Client, ConversationMessage, Error};
use tokio::net::TcpSocket;

use kenar_tests::support::calls::{ACCESS_TOKEN, API_KEY, access_token};
use kenar_tests::support::loopback::{Server, json};

/// The HTTP stack of a call.
#[derive(Clone, Copy, Debug)]
enum Stack {
    Hyper,
    Reqwest,
}

impl Stack {
    const ALL: [Self; 2] = [Self::Hyper, Self::Reqwest];

    fn transport(self) -> Arc<dyn HttpTransport> {
        match self {
            Self::Hyper => Arc::new(HyperTransport::new().unwrap()),
            Self::Reqwest => Arc::new(ReqwestTransport::builder().no_proxy().build().unwrap()),
        }
    }

    fn bounded(self, limit: usize) -> Arc<dyn HttpTransport> {
        match self {
            Self::Hyper => Arc::new(HyperTransport::builder().max_response_bytes(limit).build().unwrap()),
            Self::Reqwest => {
                Arc::new(ReqwestTransport::builder().max_response_bytes(limit).no_proxy().build().unwrap())
            }
        }
    }

    /// A client with one attempt.
    fn client(self, server: &Server) -> Client {
        patient().base_urls(server.base_urls()).transport(self.transport()).retry(Retry::never()).build().unwrap()
    }
}

/// A builder with a timeout for slow machines.
fn patient() -> ClientBuilder {
    Client::builder(ApiKey::new(API_KEY).unwrap()).time_limit(std::time::Duration::from_secs(20))
}

async fn get_user(client: &Client) -> Result<kenar::operation::GetUserResponse, Error> {
    client.get_user(&access_token()).await
}

/// The outcome of a call whose server responds with `bytes` and closes the connection.
async fn respond_with(stack: Stack, bytes: &[u8]) -> Result<kenar::operation::GetUserResponse, Error> {
    let server = Server::start().await;
    let client = stack.client(&server);
    let (outcome, _) = tokio::join!(get_user(&client), server.respond_once(bytes));
    outcome
}

#[tokio::test]
async fn request_is_sent_unchanged() {
    for stack in Stack::ALL {
        let server = Server::start().await;
        let client = stack.client(&server);
        let message = ConversationMessage::text("سلام");
        let conversation = ConversationId::new("c/1=");
        let token = access_token();
        let send = client.send_message(&conversation, &message, &token);
        let (outcome, received) = tokio::join!(send, server.respond_once(json("{}")));
        outcome.unwrap();

        assert!(
            received.head.starts_with("POST /v2/open-platform/conversations/c%2F1%3D/messages HTTP/1.1\r\n"),
            "{}",
            received.head
        );
        let body = r#"{"type":"TEXT","message":"سلام"}"#;
        for (name, value) in [
            ("host", server.address().to_string()),
            ("x-api-key", API_KEY.to_owned()),
            ("authorization", format!("Bearer {ACCESS_TOKEN}")),
            ("content-type", "application/json".to_owned()),
            ("content-length", body.len().to_string()),
            ("accept", "application/json".to_owned()),
        ] {
            assert_eq!(received.headers(name), [value], "{name}");
        }
        assert_eq!(received.body, body.as_bytes());
    }
}

#[tokio::test]
async fn redirect_is_not_followed() {
    for stack in Stack::ALL {
        let elsewhere = Server::start().await;
        for status in [301, 302, 303, 307, 308] {
            let redirect = format!(
                "HTTP/1.1 {status} Moved\r\nLocation: http://{}/v1/open-platform/users\r\nContent-Length: 0\r\n\r\n",
                elsewhere.address()
            );
            let error = respond_with(stack, redirect.as_bytes()).await.unwrap_err();
            assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Api, status));
        }
        assert!(elsewhere.stayed_untouched(), "the redirect was followed");
    }
}

#[tokio::test]
async fn response_is_bounded_with_and_without_a_length() {
    for stack in Stack::ALL {
        const LIMIT: usize = 1000;
        let bounded =
            |server: &Server| patient().base_urls(server.base_urls()).transport(stack.bounded(LIMIT)).build().unwrap();
        let padded = |length: usize| format!("{{{}}}", " ".repeat(length - 2));
        let chunked = |body: &str| {
            let chunks = body.as_bytes().chunks(100);
            let chunks: String =
                chunks.map(|chunk| format!("64\r\n{}\r\n", std::str::from_utf8(chunk).unwrap())).collect();
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n").into_bytes()
        };
        let until_closed = |body: &str| format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}").into_bytes();

        for (what, allowed, too_large) in [
            ("content-length", json(&padded(LIMIT)), json(&padded(LIMIT + 1))),
            ("chunked", chunked(&padded(LIMIT)), chunked(&padded(LIMIT + 100))),
            ("until closed", until_closed(&padded(LIMIT)), until_closed(&padded(LIMIT + 1))),
        ] {
            let server = Server::start().await;
            let client = bounded(&server);
            let (outcome, _) = tokio::join!(get_user(&client), server.respond_once(&allowed));
            assert!(outcome.is_ok(), "{what}: {outcome:?}");

            let server = Server::start().await;
            let client = bounded(&server);
            let (outcome, _) = tokio::join!(get_user(&client), server.respond_once(&too_large));
            let error = outcome.expect_err(what);
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::ResponseTooLarge, 1), "{what}");
            assert!(error.may_have_been_processed(), "{what}");
        }
    }
}

#[tokio::test]
async fn oversized_content_length_is_rejected_at_once() {
    for stack in Stack::ALL {
        let server = Server::start().await;
        let client = stack.client(&server);
        let (outcome, _) = tokio::join!(get_user(&client), async {
            let mut connection = server.accept().await;
            connection.request().await.unwrap();
            connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n{").await;
            // The client closes without waiting for the rest.
            assert!(connection.request().await.is_none());
        });
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::ResponseTooLarge);
    }
}

#[tokio::test]
async fn refused_connection_was_not_processed() {
    for stack in Stack::ALL {
        // Bound but not listening, so that no other process takes the port.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let base_urls = BaseUrls::single(&format!("http://{}", socket.local_addr().unwrap())).unwrap();
        let client = patient().base_urls(base_urls).transport(stack.transport()).build().unwrap();
        let error = client.send_bot_message(&ConversationId::new("c-1"), &BotMessage::text("سلام")).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3), "{error:?}");
        assert!(!error.may_have_been_processed());
    }
}

#[tokio::test]
async fn lost_connection_may_have_been_processed() {
    for stack in Stack::ALL {
        for (when, bytes) in [
            ("before the response", ""),
            ("in the first line", "HTTP/1.1 20"),
            ("in the headers", "HTTP/1.1 200 OK\r\nContent-Type: appl"),
            ("before the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
            ("in the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"),
            ("between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
            ("in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{}"),
            ("not HTTP", "hello\r\n\r\n"),
        ] {
            let error = respond_with(stack, bytes.as_bytes()).await.expect_err(when);
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{when}: {error:?}");
            assert!(error.may_have_been_processed(), "{when}");
            assert!(std::error::Error::source(&error).is_some(), "{when}");
        }
    }
}

#[tokio::test]
async fn response_in_chunks_is_joined() {
    for stack in Stack::ALL {
        let server = Server::start().await;
        let client = stack.client(&server);
        let (outcome, ()) = tokio::join!(get_user(&client), async {
            let mut connection = server.accept().await;
            connection.request().await.unwrap();
            connection.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
            for byte in br#"{"user_id":"user-1"}"# {
                connection.write(&[b"1\r\n", &[*byte][..], b"\r\n"].concat()).await;
                tokio::task::yield_now().await;
            }
            connection.write(b"0\r\n\r\n").await;
        });
        assert_eq!(outcome.unwrap().user_id, Some(UserId::new("user-1")));
    }
}

#[tokio::test]
async fn connection_is_reused() {
    for stack in Stack::ALL {
        let server = Server::start().await;
        let client = stack.client(&server);
        let calls = async {
            for _ in 0..3 {
                get_user(&client).await.unwrap();
            }
        };
        let one_connection = async {
            let mut connection = server.accept().await;
            for _ in 0..3 {
                connection.request().await.unwrap();
                connection.write(&json("{}")).await;
            }
        };
        tokio::join!(calls, one_connection);
        assert!(server.stayed_untouched(), "a second connection was made");
    }
}

#[tokio::test]
async fn send_on_a_lost_reused_connection_is_not_retried() {
    for stack in Stack::ALL {
        let server = Server::start().await;
        let client = patient().base_urls(server.base_urls()).transport(stack.transport()).build().unwrap();
        let conversation = ConversationId::new("c-1");
        let message = BotMessage::text("سلام");
        let calls = async {
            client.send_bot_message(&conversation, &message).await.unwrap();
            client.send_bot_message(&conversation, &message).await.unwrap_err()
        };
        let (error, ()) = tokio::join!(calls, async {
            let mut connection = server.accept().await;
            connection.request().await.unwrap();
            connection.write(&json("{}")).await;
            // The server receives the second request completely and then closes the connection.
            connection.request().await.unwrap();
        });
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Interrupted, 1));
        assert!(error.may_have_been_processed());
        assert!(server.stayed_untouched(), "the message was sent again");
    }
}

#[tokio::test]
async fn concurrent_calls_get_their_own_responses() {
    for stack in Stack::ALL {
        let server = Server::start().await;
        let client = stack.client(&server);
        let mut calls = tokio::task::JoinSet::new();
        for number in 0..20 {
            let client = client.clone();
            calls.spawn(async move {
                let user = UserId::new(format!("user-{number}"));
                let sent = client.send_bot_message_to_user(&user, &BotMessage::text("سلام"), &access_token()).await;
                assert_eq!(sent.unwrap().conversation_id, Some(ConversationId::new(user.as_str())));
            });
        }
        let serve = async {
            loop {
                let mut connection = server.accept().await;
                tokio::spawn(async move {
                    while let Some(received) = connection.request().await {
                        let user = received.head.split('/').find(|part| part.starts_with("user-")).unwrap().to_owned();
                        connection.write(&json(&format!("{{\"conversation_id\":\"{user}\"}}"))).await;
                    }
                });
            }
        };
        tokio::select! {
            () = serve => {}
            () = async { while let Some(call) = calls.join_next().await { call.unwrap() } } => {}
        }
    }
}

/// The environment variable with the host to call, for the process that the tests below start.
const ROLE: &str = "KENAR_TEST_HOST_BESIDE_PROXY";

/// Runs one of the tests below in its own process with `proxy` in the environment, and returns the requests that each
/// server received.
async fn beside_a_proxy<const N: usize>(test: &str, host: &str, proxy: &str, servers: [Server; N]) -> [Vec<String>; N] {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", &format!("call_transports::{test}")])
        .env(ROLE, host)
        .envs(["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"].map(|name| (name, proxy)))
        .env("NO_PROXY", "beside.kenar.example")
        .env_remove("no_proxy")
        .env_remove("REQUEST_METHOD");
    let received = servers.map(|server| {
        let heads = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(respond_to_all(server, heads.clone()));
        heads
    });
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    received.map(|heads| std::mem::take(&mut *heads.lock().unwrap()))
}

async fn respond_to_all(server: Server, heads: Arc<Mutex<Vec<String>>>) {
    loop {
        let mut connection = server.accept().await;
        let received = connection.request().await.unwrap();
        heads.lock().unwrap().push(received.head.clone());
        // These proxies open no tunnel.
        let is_tunnel = received.head.starts_with("CONNECT ");
        connection
            .write(if is_tunnel { b"HTTP/1.1 502 Bad Gateway\r\n\r\n".to_vec() } else { json("{}") }.as_slice())
            .await;
    }
}

/// A proxy would receive local calls unencrypted, with their secrets.
#[tokio::test]
async fn environment_proxies_are_not_used_for_loopback() {
    if let Ok(host) = std::env::var(ROLE) {
        let local = || BaseUrls::single(&host).unwrap();
        let mixed = BaseUrls::new(&host, "https://oauth.kenar.example", "https://chat.kenar.example").unwrap();
        let builder = || patient().retry(Retry::never());
        for client in [
            builder().base_urls(local()).build().unwrap(),
            builder().base_urls(mixed).build().unwrap(),
            builder().base_urls(local()).transport(HyperTransport::new().unwrap()).build().unwrap(),
            // reqwest's own settings do use the proxy, which shows that the environment has one.
            builder().base_urls(local()).transport(ReqwestTransport::new().unwrap()).build().unwrap(),
        ] {
            get_user(&client).await.unwrap();
        }
        return;
    }
    let (server, proxy) = (Server::start().await, Server::start().await);
    let (host, at_proxy) = (format!("http://{}", server.address()), format!("http://{}", proxy.address()));
    let test = "environment_proxies_are_not_used_for_loopback";
    let [at_server, at_proxy] = beside_a_proxy(test, &host, &at_proxy, [server, proxy]).await;
    assert_eq!((at_server.len(), at_proxy.len()), (3, 1), "{at_proxy:?}");
}

/// Calls over `https` use the proxy, which learns only the host.
#[tokio::test]
async fn environment_proxies_are_used_by_tunnel_for_https() {
    if let Ok(host) = std::env::var(ROLE) {
        let client = patient().base_urls(BaseUrls::single(&host).unwrap()).retry(Retry::never()).build().unwrap();
        let error = get_user(&client).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
        assert!(!error.may_have_been_processed());
        return;
    }
    let proxy = Server::start().await;
    let at_proxy = format!("http://user:placeholder@{}", proxy.address());
    let test = "environment_proxies_are_used_by_tunnel_for_https";
    let [at_proxy] = beside_a_proxy(test, "https://api.kenar.example", &at_proxy, [proxy]).await;
    let [head] = at_proxy.as_slice() else { panic!("one connection: {at_proxy:?}") };
    assert!(head.starts_with("CONNECT api.kenar.example:443 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic"), "{head}");
    assert!(!head.contains(API_KEY) && !head.contains(ACCESS_TOKEN), "{head}");
}
