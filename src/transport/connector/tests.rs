use std::future::pending;
use std::io::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
#[cfg(target_os = "linux")]
use std::time::Instant;

use hyper_util::client::legacy::connect::dns::Name;

use super::*;

/// Resolves a few names at once and any other one never.
#[derive(Clone, Debug)]
pub(super) struct Resolver;

impl Resolver {
    pub(super) fn new() -> Self {
        Self
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let addresses: Vec<IpAddr> = match name.as_str() {
            "both-families.test" => vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()],
            "two-addresses.test" => vec![Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(127, 0, 0, 2).into()],
            _ => return Box::pin(pending()),
        };
        let addresses: Vec<_> = addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
        Box::pin(ready(Ok(addresses.into_iter())))
    }
}

async fn connect(limit: Duration, to: &str) -> Result<(), String> {
    let mut connector = Connector::new(limit, false).unwrap();
    connector.call(to.parse().unwrap()).await.map(drop).map_err(|error| error.to_string())
}

/// Without TLS, an `https` URL is refused before its name is looked up.
const URLS_THAT_HANG: &[&str] = if cfg!(any(feature = "rustls", feature = "native-tls")) {
    &["https://hangs.test", "http://hangs.test"]
} else {
    &["http://hangs.test"]
};

#[tokio::test(start_paused = true)]
async fn name_look_up_that_hangs_ends_with_the_limit() {
    for url in URLS_THAT_HANG {
        let begun = tokio::time::Instant::now();
        connect(Duration::from_secs(5), url).await.unwrap_err();
        assert_eq!(begun.elapsed(), Duration::from_secs(5), "{url}");
    }
}

// The API is called over `http` on the loopback interface only, where no name is looked up.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test(start_paused = true)]
async fn call_whose_name_look_up_hangs_was_not_sent() {
    use crate::client::Retry;
    use crate::error::ErrorKind;
    use crate::{BotMessage, ChatApi as _, Client};

    for limit in [200, 500, 1500, 5000].map(Duration::from_millis) {
        for retry in [Retry::default(), Retry::never()] {
            let client = Client::builder(crate::secret::ApiKey::new("placeholder").unwrap())
                .base_urls(crate::request::BaseUrls::single("https://hangs.test").unwrap())
                .transport(crate::transport::HyperTransport::builder().no_proxy().build().unwrap())
                .retry(retry)
                .time_limit(limit)
                .build()
                .unwrap();
            let conversation = crate::model::ConversationId::new("c-1");
            let error = client.send_bot_message(&conversation, &BotMessage::text("سلام")).await.unwrap_err();
            assert_eq!((error.kind(), error.may_have_been_processed()), (ErrorKind::Connect, false), "{error:?}");
        }
    }
}

/// A port on two addresses: one drops connections, since its queue is full, and the other accepts them.
#[cfg(target_os = "linux")]
struct HalfDead {
    port: u16,
    _black_hole: tokio::net::TcpListener,
    _server: tokio::net::TcpListener,
    _queue: Vec<std::net::TcpStream>,
}

#[cfg(target_os = "linux")]
impl HalfDead {
    fn new(black_hole: IpAddr, server: IpAddr) -> Self {
        use tokio::net::TcpSocket;

        let bind = |ip: IpAddr, port| {
            let socket = if ip.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.unwrap();
            socket.bind(SocketAddr::new(ip, port)).map(|()| socket)
        };
        // The same port must be free on both addresses.
        let (black_hole, server) = loop {
            let black_hole = bind(black_hole, 0).unwrap();
            let port = black_hole.local_addr().unwrap().port();
            if let Ok(server) = bind(server, port) {
                break (black_hole.listen(0).unwrap(), server.listen(64).unwrap());
            }
        };
        let address = black_hole.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50)) {
            queue.push(stream);
        }
        Self { port: address.port(), _black_hole: black_hole, _server: server, _queue: queue }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn dead_address_family_leaves_time_for_the_other() {
    let half_dead = HalfDead::new(Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into());
    let begun = Instant::now();
    connect(Duration::from_secs(5), &format!("http://both-families.test:{}", half_dead.port)).await.unwrap();
    // 250 ms, plus what a busy machine needs.
    assert!(begun.elapsed() < Duration::from_secs(2), "took {:?}", begun.elapsed());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn dead_address_leaves_time_for_the_next() {
    let half_dead = HalfDead::new(Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(127, 0, 0, 2).into());
    connect(Duration::from_secs(2), &format!("http://two-addresses.test:{}", half_dead.port)).await.unwrap();
}
