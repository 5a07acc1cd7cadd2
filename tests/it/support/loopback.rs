//! A raw TCP server on loopback, for behaviour that HTTP libraries do not have.

use std::net::SocketAddr;
use std::time::Duration;

use kenar::Client;
use kenar::client::Retry;
use kenar::request::BaseUrls;
use kenar::secret::ApiKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub struct Server(TcpListener);

pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A raw request: its head and its body.
pub struct Received {
    pub head: String,
    pub body: Vec<u8>,
}

impl Received {
    /// The values of all headers with a name.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

impl Server {
    pub async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub fn base_urls(&self) -> BaseUrls {
        BaseUrls::single(&format!("http://{}", self.address())).unwrap()
    }

    /// A client with the default transport, one attempt, and a timeout for slow machines.
    pub fn client(&self) -> Client {
        Client::builder(ApiKey::new(super::calls::API_KEY).unwrap())
            .base_urls(self.base_urls())
            .retry(Retry::never())
            .time_limit(Duration::from_secs(20))
            .build()
            .unwrap()
    }

    pub async fn accept(&self) -> Connection {
        let (stream, _) = self.0.accept().await.unwrap();
        Connection { stream, read: Vec::new() }
    }

    /// Returns `true` if nobody has connected. Connections on loopback are queued at once.
    pub fn stayed_untouched(self) -> bool {
        let listener = self.0.into_std().unwrap();
        listener.set_nonblocking(true).unwrap();
        matches!(listener.accept(), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Accepts one connection, reads one request, responds with `bytes` and closes.
    pub async fn respond_once(&self, bytes: impl AsRef<[u8]>) -> Received {
        let mut connection = self.accept().await;
        let received = connection.request().await.expect("a request");
        connection.write(bytes.as_ref()).await;
        received
    }
}

impl Connection {
    /// The next request; `None` if the client closes the connection.
    pub async fn request(&mut self) -> Option<Received> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            if self.stream.read_buf(&mut self.read).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let mut received = Received { head, body: Vec::new() };
        assert!(received.headers("transfer-encoding").is_empty(), "body without a declared length: {}", received.head);
        let length = received.headers("content-length").first().map_or(0, |length| length.parse().unwrap());
        while self.read.len() < length {
            if self.stream.read_buf(&mut self.read).await.ok()? == 0 {
                return None;
            }
        }
        received.body = self.read.drain(..length).collect();
        Some(received)
    }

    /// Waits for the first byte of a request without consuming it.
    pub async fn peek(&self) {
        self.stream.peek(&mut [0]).await.unwrap();
    }

    /// Writes bytes; ignores a closed connection.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }
}

/// A JSON response.
pub fn json(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into()
}
