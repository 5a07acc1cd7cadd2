//! A server on loopback that answers late, in pieces and by halves, breaks off, falls silent, and now and then does not
//! listen, as it is told.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// The generator of Steele, Lea and LoadReport (splitmix64), as a function.
pub fn random(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What is done with a request that was received.
pub struct Reply {
    /// What is written, a part of an answer where no more is to arrive.
    pub text: String,
    pub after: Duration,
    pub in_pieces: bool,
    pub then: Then,
}

pub enum Then {
    /// The connection is good for another request.
    GoOn,
    /// Closed with a reset, so that it is no orderly end.
    BreakOff,
    /// Kept open until the caller has had enough.
    FallSilent,
}

/// An answer as it is written.
pub fn response(status: &str, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{more}\r\n{body}", body.len())
}

/// A port that is taken, and not listened on.
pub fn bound() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket
}

/// Answers with what `reply` makes of the bodies of requests. Every now and then nobody listens for a while: a connection
/// is refused then.
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

/// Serves one connection, until it is broken off.
async fn serve(mut stream: TcpStream, reply: impl Fn(&[u8]) -> Reply) {
    let _ = stream.set_nodelay(true);
    let mut received = Vec::new();
    while let Some(body) = receive(&mut stream, &mut received).await {
        if answer(&mut stream, reply(&body)).await.is_none() {
            reset(stream);
            return;
        }
    }
}

/// Closes a connection as one that broke, so that it is no orderly end.
#[allow(deprecated, reason = "what replaces it is newer than the oldest tokio that this crate builds with")]
fn reset(stream: TcpStream) {
    let _ = stream.set_linger(Some(Duration::ZERO));
}

/// The body of the next request; none where the client has gone.
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

/// How long the head is, and the whole request; none while the head is not whole.
fn measure(received: &[u8]) -> Option<(usize, usize)> {
    let head = received.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&received[..head]).expect("headers are ASCII").to_ascii_lowercase();
    let length: usize = text.split("content-length: ").nth(1)?.lines().next()?.parse().expect("a length");
    Some((head, head + length))
}

/// `None` where the connection is to be broken off.
async fn answer(stream: &mut TcpStream, reply: Reply) -> Option<()> {
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
