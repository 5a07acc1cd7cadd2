use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response, Uri};
use url::Url;

use super::{HttpTransport, TransportError, TransportErrorKind};
use crate::error::BoxError;
use crate::request::{Body, Host, Hosts};

/// An [`HttpTransport`] over [reqwest](https://docs.rs/reqwest): connections are kept and shared, redirects are not
/// followed, answers are bounded. It runs on tokio.
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    client: reqwest::Client,
    max_response_bytes: usize,
    origins: Vec<(Host, Url)>,
}

/// Sets up a [`ReqwestTransport`].
#[derive(Debug)]
#[must_use]
pub struct ReqwestTransportBuilder {
    max_response_bytes: usize,
    connect_timeout: Duration,
    use_proxy: bool,
    hosts: Hosts,
}

/// The HTTP stack could not be set up, for want of a TLS provider or of the system's certificates.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP stack cannot be set up")]
pub struct TransportSetupError(#[source] BoxError);

impl ReqwestTransport {
    /// What an answer may measure unless said otherwise: 16 MiB, about 40,000 messages of a conversation.
    pub const DEFAULT_MAX_RESPONSE_BYTES: usize = 16 << 20;

    /// A transport with the usual settings.
    ///
    /// # Errors
    ///
    /// Where TLS cannot be set up.
    pub fn new() -> Result<Self, TransportSetupError> {
        Self::builder().build()
    }

    /// Sets one up.
    pub fn builder() -> ReqwestTransportBuilder {
        ReqwestTransportBuilder {
            max_response_bytes: Self::DEFAULT_MAX_RESPONSE_BYTES,
            connect_timeout: Duration::from_millis(500),
            use_proxy: true,
            hosts: Hosts::default(),
        }
    }

    fn request(&self, request: Request<Body>) -> Result<reqwest::Request, TransportError> {
        let (parts, body) = request.into_parts();
        let url =
            self.url(&parts.uri).map_err(|error| TransportError::with_source(TransportErrorKind::Other, error))?;
        let mut request = reqwest::Request::new(parts.method, url);
        *request.version_mut() = parts.version;
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(into_reqwest_body(body));
        Ok(request)
    }

    /// The address as reqwest wants it. Most of the work is in the scheme and the host, which are few.
    fn url(&self, uri: &Uri) -> Result<Url, url::ParseError> {
        let Some((_, origin)) = self.origins.iter().find(|(host, _)| host.is_host_of(uri)) else {
            return Url::parse(&uri.to_string());
        };
        let mut url = origin.clone();
        url.set_path(uri.path());
        if uri.query().is_some() {
            url.set_query(uri.query());
        }
        Ok(url)
    }
}

impl ReqwestTransportBuilder {
    /// How large an answer may be, in bytes.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    /// How long making a connection may take: half a second unless said otherwise. A failure to connect is one that
    /// any call can be tried again after, so a short time here is worth more than a long one.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Does without the proxies that the environment names (`HTTPS_PROXY` and its like).
    pub fn no_proxy(mut self) -> Self {
        self.use_proxy = false;
        self
    }

    /// The hosts that it will mostly send to: Divar's own unless said otherwise.
    pub(crate) fn hosts(mut self, hosts: &Hosts) -> Self {
        self.hosts = hosts.clone();
        self
    }

    /// The transport.
    ///
    /// # Errors
    ///
    /// Where TLS cannot be set up.
    pub fn build(self) -> Result<ReqwestTransport, TransportSetupError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // What may be sent again is for the client to decide.
            .retry(reqwest::retry::never())
            .connect_timeout(self.connect_timeout)
            // A connection that the server is about to close is one that a send may be lost on.
            .pool_idle_timeout(Duration::from_secs(20));
        if !self.use_proxy {
            builder = builder.no_proxy();
        }
        #[cfg(feature = "rustls")]
        {
            builder = builder.tls_backend_preconfigured(tls().map_err(|error| TransportSetupError(error.into()))?);
        }
        #[cfg(all(feature = "rustls-no-provider", not(feature = "rustls"), not(feature = "native-tls")))]
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(TransportSetupError("no rustls provider is installed: install one at the start".into()));
        }
        let client = builder.build().map_err(|error| TransportSetupError(error.into()))?;
        let origins =
            self.hosts.all().filter_map(|host| Some((host.clone(), Url::parse(host.as_str()).ok()?))).collect();
        Ok(ReqwestTransport { client, max_response_bytes: self.max_response_bytes, origins })
    }
}

/// TLS by ring, with the certificates that the operating system trusts.
#[cfg(feature = "rustls")]
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    use std::sync::Arc;

    use rustls_platform_verifier::BuilderVerifierExt as _;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth())
}

#[async_trait]
impl HttpTransport for ReqwestTransport {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        let mut response = self.client.execute(self.request(request)?).await.map_err(transport_error)?;
        let mut answer = Response::new(read(&mut response, self.max_response_bytes).await?);
        *answer.status_mut() = response.status();
        *answer.version_mut() = response.version();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

fn into_reqwest_body(body: Body) -> reqwest::Body {
    match body.as_bytes() {
        Some(bytes) => bytes.clone().into(),
        None => reqwest::Body::wrap(body),
    }
}

/// Reads a whole body, without a copy where it comes in one piece.
async fn read(response: &mut reqwest::Response, limit: usize) -> Result<Bytes, TransportError> {
    let too_large = || TransportError::new(TransportErrorKind::ResponseTooLarge);
    // A length that is announced need not be waited for.
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut whole = Bytes::new();
    let mut pieces = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(transport_error)? {
        if piece.len() > limit.saturating_sub(whole.len() + pieces.len()) {
            return Err(too_large());
        }
        if whole.is_empty() && pieces.is_empty() {
            whole = piece;
        } else {
            pieces.extend_from_slice(&std::mem::take(&mut whole));
            pieces.extend_from_slice(&piece);
        }
    }
    Ok(if pieces.is_empty() { whole } else { pieces.freeze() })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_parsing_it_whole_gives() {
        let transport =
            ReqwestTransport::builder().hosts(&Hosts::at("http://127.0.0.1:8080").unwrap()).build().unwrap();
        for address in [
            "http://127.0.0.1:8080",
            "http://127.0.0.1:8080/",
            "http://127.0.0.1:8080/v2/conversations/a%2F..%2Fb%3Fx%20y/messages",
            "http://127.0.0.1:8080/a/../b/./c//d",
            "http://127.0.0.1:8080//a?b=c&d=%20#",
            "http://127.0.0.1:8080/?",
            "http://127.0.0.1:8080/a'b|c\"d?e'f|g",
            "http://127.0.0.1:8081/another/port",
            "https://127.0.0.1:8080/another/scheme",
            "http://user@127.0.0.1:8080/as/a/user",
            "https://open-api.divar.ir/v1?a=b",
        ] {
            let Ok(uri) = address.parse::<Uri>() else { continue };
            assert_eq!(transport.url(&uri), Url::parse(&uri.to_string()), "{address}");
        }
    }
}
