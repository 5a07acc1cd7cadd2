//! How [`HyperTransport`](super::HyperTransport) makes connections: straight or through a proxy, then TLS, in a time.

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

use super::TransportSetupError;
use crate::error::BoxError;

#[cfg(any(feature = "rustls", all(feature = "rustls-no-provider", not(feature = "native-tls"))))]
type Secured = hyper_rustls::HttpsConnector<Route>;
#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
type Secured = hyper_tls::HttpsConnector<Route>;
#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
type Secured = Route;

const HAS_TLS: bool = cfg!(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"));

/// Makes a whole connection within a time.
#[derive(Clone)]
pub(super) struct Connector {
    secured: Secured,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(limit: Duration, use_proxy: bool) -> Result<Self, TransportSetupError> {
        Ok(Self { secured: secured(Route::new(use_proxy))?, limit })
    }
}

#[cfg(any(feature = "rustls", all(feature = "rustls-no-provider", not(feature = "native-tls"))))]
fn secured(route: Route) -> Result<Secured, TransportSetupError> {
    let builder = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(super::tls::config()?);
    Ok(builder.https_or_http().enable_http1().wrap_connector(route))
}

#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
fn secured(route: Route) -> Result<Secured, TransportSetupError> {
    let tls = native_tls::TlsConnector::new().map_err(TransportSetupError::new)?;
    Ok(hyper_tls::HttpsConnector::from((route, tls.into())))
}

#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
#[expect(clippy::unnecessary_wraps, reason = "the others may fail")]
fn secured(route: Route) -> Result<Secured, TransportSetupError> {
    Ok(route)
}

impl Service<Uri> for Connector {
    type Response = <Secured as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        if !HAS_TLS && to.scheme() == Some(&Scheme::HTTPS) {
            let why = "built without TLS: turn on the feature rustls, rustls-no-provider or native-tls of kenar";
            return Box::pin(ready(Err(why.into())));
        }
        let limit = self.limit;
        let connecting = self.secured.call(to);
        Box::pin(async move { tokio::time::timeout(limit, connecting).await.map_err(|_| "connecting took too long")? })
    }
}

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// A connection without TLS: to the host itself, or through a proxy to it.
#[derive(Clone)]
pub(super) struct Route {
    direct: HttpConnector,
    proxies: Option<Arc<Matcher>>,
}

impl Route {
    fn new(use_proxy: bool) -> Self {
        let mut direct = HttpConnector::new();
        // Addresses of `https` come here as well, since TLS is made elsewhere.
        direct.enforce_http(false);
        direct.set_nodelay(true);
        direct.set_keepalive(Some(KEEPALIVE));
        Self { direct, proxies: use_proxy.then(|| Arc::new(Matcher::from_env())) }
    }

    /// Only what is secured goes through a proxy: the rest is local, and would be read there.
    fn proxy_to(&self, to: &Uri) -> Option<Intercept> {
        self.proxies.as_ref().filter(|_| to.scheme() == Some(&Scheme::HTTPS))?.intercept(to)
    }
}

/// After how long of silence the operating system asks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

impl Service<Uri> for Route {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let mut direct = self.direct.clone();
        match self.proxy_to(&to) {
            None => Box::pin(async move { direct.call(to).await.map_err(Into::into) }),
            Some(proxy) => Box::pin(through(proxy, direct, to)),
        }
    }
}

async fn through(proxy: Intercept, direct: HttpConnector, to: Uri) -> Result<TokioIo<TcpStream>, BoxError> {
    let at = proxy.uri().clone();
    match at.scheme_str() {
        Some("http") => {
            let tunnel = Tunnel::new(at, direct);
            let mut tunnel = match proxy.basic_auth() {
                Some(auth) => tunnel.with_auth(auth.clone()),
                None => tunnel,
            };
            Ok(tunnel.call(to).await?)
        }
        Some(scheme @ ("socks5" | "socks5h")) => {
            let socks = SocksV5::new(at.clone(), direct).local_dns(scheme == "socks5");
            let mut socks = match proxy.raw_auth() {
                Some((user, password)) => socks.with_auth(user.to_owned(), password.to_owned()),
                None => socks,
            };
            Ok(socks.call(to).await?)
        }
        _ => Err("the proxy that the environment names is neither an http nor a socks5 one".into()),
    }
}
