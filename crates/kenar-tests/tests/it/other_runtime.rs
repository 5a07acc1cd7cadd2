//! Promise: the client works without tokio. These tests run it on async-io, with their own timer and transport.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::time::Duration;

use async_io::Async;
use async_trait::async_trait;
use bytes::Bytes;
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use kenar::client::Timer;
use kenar::error::ErrorKind;
use kenar::request::{BaseUrls, Body};
use kenar::secret::ApiKey;
use kenar::transport::{HttpTransport, TransportError, TransportErrorKind};
use kenar::{BotMessage, ChatApi as _, Client};

use kenar_tests::support::calls::{API_KEY, conversation};

#[derive(Debug)]
struct AsyncIoTimer;

impl Timer for AsyncIoTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            async_io::Timer::after(duration).await;
        })
    }
}

/// HTTP/1.1 with one connection per request.
#[derive(Debug)]
struct AsyncIoTransport(SocketAddr);

#[async_trait]
impl HttpTransport for AsyncIoTransport {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        let failed = |kind| move |error: std::io::Error| TransportError::with_source(kind, error);
        let mut stream = Async::<TcpStream>::connect(self.0).await.map_err(failed(TransportErrorKind::Connect))?;
        let (parts, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|error| TransportError::with_source(TransportErrorKind::RequestBody, error))?;
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", parts.method, parts.uri.path(), self.0);
        for (name, value) in &parts.headers {
            head += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
        head += &format!("content-length: {}\r\n\r\n", body.len());
        let lost = failed(TransportErrorKind::Interrupted);
        stream.write_all(&[head.as_bytes(), &body].concat()).await.map_err(lost)?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.map_err(lost)?;

        let (head, body) = text.split_once("\r\n\r\n").ok_or(TransportError::new(TransportErrorKind::Interrupted))?;
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let mut response = Response::new(Bytes::from(body.to_owned()));
        *response.status_mut() = status.unwrap_or(StatusCode::BAD_GATEWAY);
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            response.headers_mut().insert(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        }
        Ok(response)
    }
}

/// A server that sends one response on each connection, and returns the requests when joined.
fn serve(responses: &'static [&str]) -> (SocketAddr, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        responses
            .iter()
            .map(|response| {
                let (mut connection, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"}") {
                    let mut some = [0; 1024];
                    let length = connection.read(&mut some).unwrap();
                    assert_ne!(length, 0, "the request is not complete");
                    request.extend_from_slice(&some[..length]);
                }
                if response.is_empty() {
                    // No response: the client closes the connection.
                    let _ = connection.read(&mut [0]);
                }
                connection.write_all(response.as_bytes()).unwrap_or_default();
                String::from_utf8(request).unwrap()
            })
            .collect()
    });
    (address, server)
}

fn client(address: SocketAddr) -> Client {
    Client::builder(ApiKey::new(API_KEY).unwrap())
        .base_urls(BaseUrls::single(&format!("http://{address}")).unwrap())
        .transport(AsyncIoTransport(address))
        .timer(AsyncIoTimer)
        .time_limit(Duration::from_millis(300))
        .build()
        .unwrap()
}

#[test]
fn client_without_tokio_sends_and_retries() {
    let (address, server) = serve(&[
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n{\"conversation_id\":\"c-1\"}",
    ]);
    let client = client(address).with_time_limit(Duration::from_secs(30));
    let sent = async_io::block_on(client.send_bot_message(&conversation(), &BotMessage::text("a"))).unwrap();
    assert_eq!(sent.conversation_id, Some(conversation()));
    let requests = server.join().unwrap();
    assert_eq!(requests[0], requests[1]);
    assert!(requests[0].starts_with("POST /v1/open-platform/chat/bot/conversations/c-1/messages "), "{}", requests[0]);
}

#[test]
fn time_limit_uses_the_given_timer() {
    let (address, server) = serve(&[""]);
    let client = client(address);
    let error = async_io::block_on(client.send_bot_message(&conversation(), &BotMessage::text("a"))).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 1));
    assert!(error.may_have_been_processed());
    server.join().unwrap();
}
