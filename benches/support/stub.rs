//! A minimal server: it reads whole requests from kept connections, and sends the same response to each.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A stub in its own process, so that this process's processor time is the client's alone.
pub struct Stub {
    process: Child,
    pub port: u16,
}

impl Stub {
    /// Starts this program again as a stub, which responds `delay` after each request. Its `main` must call
    /// [`serve_if_asked`] first.
    pub fn start(delay: Duration) -> Self {
        let program = std::env::current_exe().expect("a program knows its path");
        let mut process = Command::new(program)
            .args(["--stub", &delay.as_millis().to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the stub starts");
        let mut port = [0; 2];
        process.stdout.take().unwrap().read_exact(&mut port).expect("the stub prints its port");
        Self { process, port: u16::from_be_bytes(port) }
    }

    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves until it is killed, if this process was started as a stub.
pub fn serve_if_asked() {
    let Some(delay) = super::argument("--stub").and_then(|millis| millis.parse().ok()) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(Duration::from_millis(delay)));
}

async fn serve(delay: Duration) {
    let listener = TcpListener::from_std(listener()).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut stdout = std::io::stdout();
    stdout.write_all(&port.to_be_bytes()).and_then(|()| stdout.flush()).unwrap();
    while let Ok((connection, _)) = listener.accept().await {
        tokio::spawn(respond_to_all(connection, delay));
    }
}

/// A listener with a queue for 10,000 connections at once.
fn listener() -> std::net::TcpListener {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.listen(16_384).unwrap().into_std().unwrap()
}

/// The response to a send, to a request for an upload token and to an upload.
const RESPONSE: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 34\r\n\r\n\
    {\"message\":\"success\",\"id\":\"media\"}";

async fn respond_to_all(mut connection: TcpStream, delay: Duration) {
    connection.set_nodelay(true).unwrap();
    // Small, for 10,000 connections at once; an upload gets a larger one.
    let mut buffer = vec![0; 4 * 1024];
    let mut filled = 0;
    loop {
        match connection.read(&mut buffer[filled..]).await {
            Ok(0) | Err(_) => return,
            Ok(count) => filled += count,
        }
        let Some(head) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let length = content_length(&buffer[..head]);
        let mut left = (head + 4 + length).saturating_sub(filled);
        if left > buffer.len() {
            buffer.resize(64 * 1024, 0);
        }
        while left > 0 {
            match connection.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(count) => left -= count,
            }
        }
        filled = 0;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if connection.write_all(RESPONSE.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    String::from_utf8_lossy(head)
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        })
        .unwrap_or(0)
}
