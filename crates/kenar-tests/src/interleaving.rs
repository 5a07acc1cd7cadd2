//! A loopback server that responds late, in pieces or in part, resets connections, stalls, and stops listening for moments.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// A pseudorandom number for a seed: splitmix64, by Steele, Lea and Flood.
pub fn random(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The bytes to send for a request, and the fate of its connection.
pub struct Reply {
    /// A whole response, or the part of one that arrives.
    pub text: String,
    pub after: Duration,
    pub in_pieces: bool,
    pub then: Then,
}

pub enum Then {
    /// Keeps the connection for another request.
    GoOn,
    /// Resets the connection, so that its end is not orderly.
    BreakOff,
    /// Sends nothing more, and waits until the client closes.
    FallSilent,
}

/// A response with its content length, as it is sent.
pub fn response(status: &str, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{more}\r\n{body}", body.len())
}

/// A port that is bound and not listened on.
pub fn bound() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket
}

/// Sends what `reply` returns for the body of each request. After every 40th connection, it refuses connections for up to
/// 8 ms.
pub async fn listen<R>(address: SocketAddr, first: TcpListener, reply: R)
where
    R: Fn(&[u8]) -> Reply + Clone + Send + 'static,
{
    let mut connections = JoinSet::new();
    let mut listener = first;
    for number in 1_u64.. {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve(stream, reply.clone()));
        if number % 40 == 0 {
            drop(listener);
            tokio::time::sleep(Duration::from_millis(random(number) % 8)).await;
            listener = loop {
                match TcpListener::bind(address).await {
                    Ok(listener) => break listener,
                    Err(_) => tokio::task::yield_now().await,
                }
            };
        }
    }
}

/// Serves one connection until either side ends it.
async fn serve(mut stream: TcpStream, reply: impl Fn(&[u8]) -> Reply) {
    let _ = stream.set_nodelay(true);
    let mut received = Vec::new();
    while let Some(body) = receive(&mut stream, &mut received).await {
        if send(&mut stream, reply(&body)).await.is_none() {
            reset(stream);
            return;
        }
    }
}

#[allow(deprecated, reason = "its replacement is newer than the oldest tokio that this crate builds with")]
fn reset(stream: TcpStream) {
    let _ = stream.set_linger(Some(Duration::ZERO));
}

/// The body of the next request, or `None` if the client closed.
async fn receive(stream: &mut TcpStream, received: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some((head, whole)) = measure(received).filter(|(_, whole)| received.len() >= *whole) {
            return Some(received.drain(..whole).skip(head).collect());
        }
        if stream.read_buf(received).await.ok()? == 0 {
            return None;
        }
    }
}

/// The lengths of the head and of the whole request, or `None` before the head is complete.
fn measure(received: &[u8]) -> Option<(usize, usize)> {
    let head = received.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&received[..head]).expect("headers are ASCII").to_ascii_lowercase();
    let length: usize = text.split("content-length: ").nth(1)?.lines().next()?.parse().expect("a length");
    Some((head, head + length))
}

/// Sends a reply. Returns `None` if the connection is to be reset.
async fn send(stream: &mut TcpStream, reply: Reply) -> Option<()> {
    if !reply.after.is_zero() {
        tokio::time::sleep(reply.after).await;
    }
    let pieces = if reply.in_pieces { reply.text.len().div_ceil(5) } else { reply.text.len().max(1) };
    for piece in reply.text.as_bytes().chunks(pieces) {
        stream.write_all(piece).await.ok()?;
        tokio::task::yield_now().await;
    }
    match reply.then {
        Then::GoOn => Some(()),
        Then::BreakOff => None,
        Then::FallSilent => {
            while stream.read(&mut [0; 1024]).await.ok()? > 0 {}
            None
        }
    }
}
