mod urls;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use url::Url;

use super::{HttpTransport, TransportError, TransportErrorKind, TransportSetupError, response};
use crate::request::Body;
use urls::Urls;

#[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
pub use own::ReqwestTransportBuilder;

/// An [`HttpTransport`] over [reqwest](https://docs.rs/reqwest) 0.13, for tokio.
///
/// It follows no redirects and limits the size of responses. It costs more than `HyperTransport`, and supports a
/// [client of your own](Self::from_client), the proxies of the operating system's settings, and the features of reqwest
/// that your program enables, such as `http2` or `hickory-dns`.
///
/// A proxy reads plain `http`, so call `no_proxy` for a sandbox or a gateway on this machine.
///
/// Endless informational responses (1xx) can delay the time limit of a call on a `current_thread` runtime, because reqwest
/// reads them all. `HyperTransport` does not.
#[derive(Clone)]
pub struct ReqwestTransport {
    clients: Clients,
    urls: Arc<Urls>,
    max_response_bytes: usize,
}

#[derive(Clone)]
enum Clients {
    Given(reqwest::Client),
    #[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
    Own(Arc<own::Clients>),
}

impl ReqwestTransport {
    /// Creates a transport over your client, with its proxies, certificates, DNS and protocols.
    ///
    /// The client must not follow redirects, since reqwest would send your API key to their targets. Build it with
    /// [`redirect(Policy::none())`](reqwest::ClientBuilder::redirect). Its retry policy has no effect, because reqwest
    /// cannot copy the bodies that it is given. Its timeouts apply in addition to those of the [`Client`](crate::Client).
    ///
    /// # Errors
    ///
    /// [`TransportSetupError`] if the client may follow redirects.
    pub fn from_client(client: reqwest::Client) -> Result<Self, TransportSetupError> {
        if !follows_no_redirects(&client) {
            return Err(TransportSetupError::new(FollowsRedirects));
        }
        Ok(Self {
            clients: Clients::Given(client),
            urls: Arc::default(),
            max_response_bytes: super::MAX_RESPONSE_BYTES,
        })
    }

    /// Sets the maximum size of a response in bytes; 16 MiB by default.
    #[must_use]
    pub fn with_max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    #[cfg_attr(
        not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")),
        expect(unused_variables, reason = "one client for all")
    )]
    fn client(&self, url: &Url) -> Result<&reqwest::Client, TransportError> {
        match &self.clients {
            Clients::Given(client) => Ok(client),
            #[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
            Clients::Own(clients) => clients.client(url),
        }
    }
}

impl ReqwestTransport {
    /// Every body is sent as a stream, even an empty one: reqwest reads a stream once it is connected and cannot repeat it.
    fn reqwest_request(&self, request: Request<Body>) -> Result<reqwest::Request, TransportError> {
        let (parts, body) = request.into_parts();
        let url = self
            .urls
            .url(&parts.uri)
            .map_err(|error| TransportError::with_source(TransportErrorKind::Other, error).unsent())?;
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.version_mut() = parts.version;
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        Ok(request)
    }
}

/// Hides the client, whose default headers may contain secrets.
impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransport").field("max_response_bytes", &self.max_response_bytes).finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the reqwest client may follow redirects: build it with `.redirect(reqwest::redirect::Policy::none())`")]
struct FollowsRedirects;

/// reqwest shows the redirect policy only in `Debug`. An unknown policy is refused.
fn follows_no_redirects(client: &reqwest::Client) -> bool {
    format!("{client:?}").contains(r#"redirect_policy: "Policy(None)""#)
}

#[async_trait]
impl HttpTransport for ReqwestTransport {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        super::promise_to_read_the_body_late(&request);
        // The request is moved inside a block, so that the future has no room for it.
        let response = {
            let request = self.reqwest_request(request)?;
            self.client(request.url())?.execute(request)
        };
        let response = response.await.map_err(transport_error)?;
        let (parts, body) = Response::<reqwest::Body>::from(response).into_parts();
        Ok(Response::from_parts(parts, response::read(body, self.max_response_bytes).await?))
    }
}

fn transport_error(error: reqwest::Error) -> TransportError {
    let kind = if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else if error.is_request() || error.is_body() || error.is_decode() {
        TransportErrorKind::Interrupted
    } else {
        TransportErrorKind::Other
    };
    TransportError::with_source(kind, error.without_url())
}

/// Clients with this crate's TLS, which do not panic without a TLS provider.
#[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
mod own {
    use std::sync::{Arc, OnceLock};

    use url::Url;

    use super::super::hyper::{Settings, builder};
    use super::super::{TransportError, TransportErrorKind, TransportSetupError, proxy, tls};
    use super::ReqwestTransport;

    /// A client for `http`, and one for `https` when it is first needed: only the second needs certificates.
    pub(super) struct Clients {
        settings: Settings,
        http: reqwest::Client,
        https: OnceLock<reqwest::Client>,
    }

    impl Clients {
        pub(super) fn client(&self, url: &Url) -> Result<&reqwest::Client, TransportError> {
            if url.scheme() != "https" {
                return Ok(&self.http);
            }
            match self.https.get() {
                Some(client) => Ok(client),
                None => {
                    let client = self
                        .settings
                        .reqwest_client_for_https()
                        .map_err(|error| TransportError::with_source(TransportErrorKind::Other, error).unsent())?;
                    Ok(self.https.get_or_init(|| client))
                }
            }
        }
    }

    impl Settings {
        fn reqwest_client(&self, tls: impl std::any::Any) -> Result<reqwest::Client, TransportSetupError> {
            let mut builder = reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                // kenar's client decides what may be sent again.
                .retry(reqwest::retry::never())
                .connect_timeout(self.connect_timeout)
                .pool_idle_timeout(super::super::IDLE_TIMEOUT)
                .tls_backend_preconfigured(tls);
            if !self.use_proxy {
                builder = builder.no_proxy();
            }
            builder.build().map_err(TransportSetupError::new)
        }

        fn reqwest_client_for_https(&self) -> Result<reqwest::Client, TransportSetupError> {
            let config = tls::Tls::default();
            self.reqwest_client(tls::for_reqwest(config.config()?))
        }

        fn reqwest_client_for_http(&self) -> Result<reqwest::Client, TransportSetupError> {
            self.reqwest_client(tls::without_roots().map_err(TransportSetupError::new)?)
        }
    }

    builder!(ReqwestTransportBuilder of ReqwestTransport);

    impl ReqwestTransportBuilder {
        /// Builds the transport.
        ///
        /// Certificates are loaded on the first request over `https`. If that fails, the request fails and is not sent.
        ///
        /// # Errors
        ///
        /// [`TransportSetupError`] if a proxy of the environment is invalid or no TLS provider is installed.
        pub fn build(self) -> Result<ReqwestTransport, TransportSetupError> {
            if self.0.use_proxy {
                let groups = [["HTTPS_PROXY", "https_proxy"], ["HTTP_PROXY", "http_proxy"], ["ALL_PROXY", "all_proxy"]];
                proxy::check_environment(&groups, &["http", "https", "socks4", "socks4a", "socks5", "socks5h"])?;
            }
            let http = self.0.reqwest_client_for_http()?;
            let max_response_bytes = self.0.max_response_bytes;
            let clients = Arc::new(Clients { settings: self.0, http, https: OnceLock::new() });
            Ok(ReqwestTransport { clients: super::Clients::Own(clients), urls: Arc::default(), max_response_bytes })
        }
    }
}
