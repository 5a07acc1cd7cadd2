//! How [`HyperTransport`](super::HyperTransport) makes connections: directly or through a proxy, then TLS, within a limit.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::paced::Paced;
use super::{TransportSetupError, proxy};
use crate::error::BoxError;

#[cfg(any(feature = "rustls", all(feature = "rustls-no-provider", not(feature = "native-tls"))))]
use hyper_rustls::MaybeHttpsStream;
#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
use hyper_tls::MaybeHttpsStream;

#[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
type Stream = MaybeHttpsStream<TokioIo<Paced>>;
#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
type Stream = TokioIo<Paced>;

#[cfg(not(test))]
type Resolver = hyper_util::client::legacy::connect::dns::GaiResolver;
#[cfg(test)]
type Resolver = tests::Resolver;

/// Makes a whole connection within a limit.
#[derive(Clone)]
pub(super) struct Connector {
    route: Route,
    secured: Secured,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(limit: Duration, use_proxy: bool) -> Result<Self, TransportSetupError> {
        Ok(Self { route: Route::new(limit, use_proxy)?, secured: Default::default(), limit })
    }

    /// Sets TLS up before it is needed.
    pub(super) fn set_up_tls(&self) -> Result<(), TransportSetupError> {
        self.secured.set_up()
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Connecting<Stream>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.secured.connect(&self.route, to);
        let limit = self.limit;
        Box::pin(async move {
            tokio::time::timeout(limit, connecting).await.map_err(|_| format!("timed out after {limit:?}"))?
        })
    }
}

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Connections with TLS where the address asks for it.
#[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
#[derive(Clone, Default)]
struct Secured(Arc<super::tls::Tls>);

#[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
impl Secured {
    fn set_up(&self) -> Result<(), TransportSetupError> {
        self.0.config().map(drop)
    }

    fn connect(&self, route: &Route, to: Uri) -> Connecting<Stream> {
        let mut route = route.clone();
        if to.scheme() != Some(&Scheme::HTTPS) {
            return Box::pin(async move { Ok(MaybeHttpsStream::Http(route.call(to).await?)) });
        }
        match self.0.config() {
            Ok(config) => Box::pin(super::tls::over(route, config).call(to)),
            Err(error) => Box::pin(ready(Err(error.into()))),
        }
    }
}

#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
#[derive(Clone, Default)]
struct Secured;

#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
impl Secured {
    fn set_up(&self) -> Result<(), TransportSetupError> {
        let why = "built without TLS: turn on the feature rustls, rustls-no-provider or native-tls of kenar";
        Err(TransportSetupError::new(why))
    }

    fn connect(&self, route: &Route, to: Uri) -> Connecting<Stream> {
        if to.scheme() == Some(&Scheme::HTTPS) {
            return Box::pin(ready(self.set_up().map_err(Into::into).and_then(|()| Err("no TLS".into()))));
        }
        route.clone().call(to)
    }
}

/// A connection without TLS: to the host itself, or through a proxy to it.
#[derive(Clone)]
pub(super) struct Route {
    direct: HttpConnector<Resolver>,
    proxies: Option<Arc<Matcher>>,
}

impl Route {
    fn new(limit: Duration, use_proxy: bool) -> Result<Self, TransportSetupError> {
        if use_proxy {
            let groups = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];
            proxy::check_environment(&groups, &["http", "socks5", "socks5h"])?;
        }
        let mut direct = HttpConnector::new_with_resolver(Resolver::new());
        // Addresses of `https` come here as well, since TLS is made elsewhere.
        direct.enforce_http(false);
        direct.set_nodelay(true);
        direct.set_keepalive(Some(KEEPALIVE));
        direct.set_happy_eyeballs_timeout(Some(FALLBACK_DELAY));
        // It is shared among the addresses of a family, so that one that does not respond leaves time for the next.
        direct.set_connect_timeout(Some(limit));
        Ok(Self { direct, proxies: use_proxy.then(|| Arc::new(Matcher::from_env())) })
    }

    /// Only what is secured goes through a proxy: the rest is local, and would be read there.
    fn proxy_to(&self, to: &Uri) -> Option<Intercept> {
        self.proxies.as_ref().filter(|_| to.scheme() == Some(&Scheme::HTTPS))?.intercept(to)
    }
}

/// After how long of silence the operating system asks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How long the preferred address family has before the other one is tried beside it (RFC 8305, section 8).
const FALLBACK_DELAY: Duration = Duration::from_millis(250);

impl Service<Uri> for Route {
    type Response = TokioIo<Paced>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let mut direct = self.direct.clone();
        match self.proxy_to(&to) {
            None => Box::pin(async move { Ok(paced(direct.call(to).await?)) }),
            Some(proxy) => Box::pin(through(proxy, direct, to)),
        }
    }
}

fn paced(stream: TokioIo<TcpStream>) -> TokioIo<Paced> {
    TokioIo::new(Paced::new(stream.into_inner()))
}

/// A connection through a proxy. The scheme was checked when the connector was made.
async fn through(proxy: Intercept, direct: HttpConnector<Resolver>, to: Uri) -> Result<TokioIo<Paced>, BoxError> {
    let at = proxy.uri().clone();
    if let Some(scheme @ ("socks5" | "socks5h")) = at.scheme_str() {
        let local_dns = scheme == "socks5";
        let socks = SocksV5::new(at, direct).local_dns(local_dns);
        let mut socks = match proxy.raw_auth() {
            Some((user, password)) => socks.with_auth(user.to_owned(), password.to_owned()),
            None => socks,
        };
        return Ok(paced(socks.call(to).await?));
    }
    let tunnel = Tunnel::new(at, direct);
    let mut tunnel = match proxy.basic_auth() {
        Some(auth) => tunnel.with_auth(auth.clone()),
        None => tunnel,
    };
    Ok(paced(tunnel.call(to).await?))
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::io::Error;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
    #[cfg(target_os = "linux")]
    use std::time::Instant;

    use hyper_util::client::legacy::connect::dns::Name;

    use super::*;

    /// Knows the addresses of some names, and takes for ever over any other.
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

    /// A port at which one address swallows connections, since its queue is full, and another one takes them.
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
            // The same port has to be free at both addresses.
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
        // 250 ms, and what a busy machine takes.
        assert!(begun.elapsed() < Duration::from_secs(2), "took {:?}", begun.elapsed());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn dead_address_leaves_time_for_the_next() {
        let half_dead = HalfDead::new(Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(127, 0, 0, 2).into());
        connect(Duration::from_secs(2), &format!("http://two-addresses.test:{}", half_dead.port)).await.unwrap();
    }
}
