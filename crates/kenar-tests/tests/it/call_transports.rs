//! The transports over hyper and over reqwest, against a server that behaves well and badly on loopback.

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

/// What a call travels by.
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

    /// A client that makes one attempt.
    fn client(self, server: &Server) -> Client {
        patient().base_urls(server.base_urls()).transport(self.transport()).retry(Retry::never()).build().unwrap()
    }
}

/// Time enough for a slow machine.
fn patient() -> ClientBuilder {
    Client::builder(ApiKey::new(API_KEY).unwrap()).time_limit(std::time::Duration::from_secs(20))
}

async fn get_user(client: &Client) -> Result<kenar::operation::GetUserResponse, Error> {
    client.get_user(&access_token()).await
}

/// What one call makes of an answer of `bytes`, after which the server closes.
async fn answered(stack: Stack, bytes: &[u8]) -> Result<kenar::operation::GetUserResponse, Error> {
    let server = Server::start().await;
    let client = stack.client(&server);
    let (outcome, _) = tokio::join!(get_user(&client), server.respond_once(bytes));
    outcome
}

#[tokio::test]
async fn request_goes_out_as_it_is() {
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
            let error = answered(stack, redirect.as_bytes()).await.unwrap_err();
            assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Api, status));
        }
        assert!(elsewhere.stayed_untouched(), "the secrets went to where the redirect pointed");
    }
}

#[tokio::test]
async fn answer_is_bounded_whether_its_length_is_announced_or_not() {
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
            ("announced", json(&padded(LIMIT)), json(&padded(LIMIT + 1))),
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
async fn answer_that_announces_too_much_is_not_waited_for() {
    for stack in Stack::ALL {
        let server = Server::start().await;
        let client = stack.client(&server);
        let (outcome, _) = tokio::join!(get_user(&client), async {
            let mut connection = server.accept().await;
            connection.request().await.unwrap();
            connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n{").await;
            // The rest never comes; the client closes.
            assert!(connection.request().await.is_none());
        });
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::ResponseTooLarge);
    }
}

#[tokio::test]
async fn refused_connection_is_one_that_nothing_was_sent_on() {
    for stack in Stack::ALL {
        // Bound and not listening: nobody else can take the port in the meantime.
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
async fn connection_that_breaks_leaves_the_outcome_open() {
    for stack in Stack::ALL {
        for (when, bytes) in [
            ("before the answer", ""),
            ("in the first line", "HTTP/1.1 20"),
            ("in the headers", "HTTP/1.1 200 OK\r\nContent-Type: appl"),
            ("before the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
            ("in the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"),
            ("between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
            ("in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{}"),
            ("by something else than HTTP", "hello\r\n\r\n"),
        ] {
            let error = answered(stack, bytes.as_bytes()).await.expect_err(when);
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{when}: {error:?}");
            assert!(error.may_have_been_processed(), "{when}");
            assert!(std::error::Error::source(&error).is_some(), "{when}");
        }
    }
}

#[tokio::test]
async fn answer_in_pieces_becomes_one() {
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
async fn connection_serves_one_call_after_the_other() {
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
async fn send_on_a_kept_connection_that_breaks_is_not_repeated() {
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
            // The second one is received whole, and processed for all the client can know.
            connection.request().await.unwrap();
        });
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Interrupted, 1));
        assert!(error.may_have_been_processed());
        assert!(server.stayed_untouched(), "the message was sent again");
    }
}

#[tokio::test]
async fn calls_at_once_get_each_its_own_answer() {
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

/// The name of the environment variable by which the tests below tell the program they start, itself, what to do.
const ROLE: &str = "KENAR_TEST_HOST_BESIDE_PROXY";

/// Runs one of the tests below in a process of its own, whose environment names `proxy`. `Server`s answer meanwhile; what
/// they received is what comes back.
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
        tokio::spawn(answer_all(server, heads.clone()));
        heads
    });
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    received.map(|heads| std::mem::take(&mut *heads.lock().unwrap()))
}

async fn answer_all(server: Server, heads: Arc<Mutex<Vec<String>>>) {
    loop {
        let mut connection = server.accept().await;
        let received = connection.request().await.unwrap();
        heads.lock().unwrap().push(received.head.clone());
        // No proxy here leads anywhere.
        let is_tunnel = received.head.starts_with("CONNECT ");
        connection
            .write(if is_tunnel { b"HTTP/1.1 502 Bad Gateway\r\n\r\n".to_vec() } else { json("{}") }.as_slice())
            .await;
    }
}

/// A proxy that the environment names would see a local call in the clear, with its secrets.
#[tokio::test]
async fn proxies_of_the_environment_see_no_call_to_this_machine() {
    if let Ok(host) = std::env::var(ROLE) {
        let local = || BaseUrls::single(&host).unwrap();
        let mixed = BaseUrls::new(&host, "https://oauth.kenar.example", "https://chat.kenar.example").unwrap();
        let builder = || patient().retry(Retry::never());
        for client in [
            builder().base_urls(local()).build().unwrap(),
            builder().base_urls(mixed).build().unwrap(),
            builder().base_urls(local()).transport(HyperTransport::new().unwrap()).build().unwrap(),
            // This one does go there: the environment does name a proxy.
            builder().base_urls(local()).transport(ReqwestTransport::new().unwrap()).build().unwrap(),
        ] {
            get_user(&client).await.unwrap();
        }
        return;
    }
    let (server, proxy) = (Server::start().await, Server::start().await);
    let (host, at_proxy) = (format!("http://{}", server.address()), format!("http://{}", proxy.address()));
    let test = "proxies_of_the_environment_see_no_call_to_this_machine";
    let [at_server, at_proxy] = beside_a_proxy(test, &host, &at_proxy, [server, proxy]).await;
    assert_eq!((at_server.len(), at_proxy.len()), (3, 1), "{at_proxy:?}");
}

/// What is secured goes through the proxy, which learns where to and nothing else.
#[tokio::test]
async fn proxies_of_the_environment_are_asked_for_a_tunnel() {
    if let Ok(host) = std::env::var(ROLE) {
        let client = patient().base_urls(BaseUrls::single(&host).unwrap()).retry(Retry::never()).build().unwrap();
        let error = get_user(&client).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
        assert!(!error.may_have_been_processed());
        return;
    }
    let proxy = Server::start().await;
    let at_proxy = format!("http://user:placeholder@{}", proxy.address());
    let test = "proxies_of_the_environment_are_asked_for_a_tunnel";
    let [at_proxy] = beside_a_proxy(test, "https://api.kenar.example", &at_proxy, [proxy]).await;
    let [head] = at_proxy.as_slice() else { panic!("one connection: {at_proxy:?}") };
    assert!(head.starts_with("CONNECT api.kenar.example:443 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic"), "{head}");
    assert!(!head.contains(API_KEY) && !head.contains(ACCESS_TOKEN), "{head}");
}
