//! The connections of [`HyperTransport`](super::HyperTransport): direct or through a proxy, then TLS, with a time limit.

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

/// Connections below TLS: direct, or through a proxy.
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
        // `https` addresses come here too, since TLS is above.
        direct.enforce_http(false);
        direct.set_nodelay(true);
        direct.set_keepalive(Some(KEEPALIVE));
        direct.set_happy_eyeballs_timeout(Some(FALLBACK_DELAY));
        // Divided among the addresses of a family, so that one that does not respond leaves time for the next.
        direct.set_connect_timeout(Some(limit));
        Ok(Self { direct, proxies: use_proxy.then(|| Arc::new(Matcher::from_env())) })
    }

    /// Only `https` uses a proxy: plain `http` is local, and a proxy could read it.
    fn proxy_to(&self, to: &Uri) -> Option<Intercept> {
        self.proxies.as_ref().filter(|_| to.scheme() == Some(&Scheme::HTTPS))?.intercept(to)
    }
}

/// The idle time before the operating system probes a connection (TCP keepalive).
const KEEPALIVE: Duration = Duration::from_secs(15);

/// The delay before the other address family is tried in parallel (RFC 8305, section 8).
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

/// Connects through a proxy. Its scheme was checked when the connector was built.
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
mod tests;
