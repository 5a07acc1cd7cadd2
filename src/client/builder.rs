use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::{Client, Clock, Inner, Retry, Timer};
use crate::env::{self, EnvError};
use crate::error::BoxError;
use crate::model::Timestamp;
use crate::request::{BaseUrl, BaseUrls};
use crate::secret::{ApiKey, is_of_sandbox};
use crate::transport::HttpTransport;

/// A builder of a [`Client`].
///
/// ```
/// use std::time::Duration;
/// use kenar::Client;
/// use kenar::request::BaseUrls;
/// use kenar::secret::ApiKey;
///
/// # #[cfg(feature = "hyper")]
/// let client = Client::builder(ApiKey::new("placeholder")?)
///     .base_urls(BaseUrls::single("http://127.0.0.1:8080")?)
///     .time_limit(Duration::from_secs(5))
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct ClientBuilder {
    api_key: ApiKey,
    base_urls: BaseUrls,
    transport: Option<Arc<dyn HttpTransport>>,
    timer: Option<Arc<dyn Timer>>,
    clock: Clock,
    retry: Retry,
    time_limit: Option<Duration>,
}

/// The error for a client that cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientSetupError {
    /// No transport was set, and the feature `hyper`, which the TLS features enable, is off.
    #[error("no transport: set one, or enable the feature `rustls`")]
    NoTransport,
    /// The default transport cannot be set up.
    #[error("cannot set up the transport")]
    Transport(#[source] BoxError),
    /// The API key cannot be sent in a header.
    #[error("invalid API key: it cannot be sent in a header")]
    ApiKey,
    /// The API key is from `kenar-sandbox`, and the base URL is Divar's.
    #[error("invalid API key: it is kenar-sandbox's; set the sandbox's base URL, or use a key from Kenar's panel")]
    SandboxKey,
}

impl ClientBuilder {
    pub(super) fn new(api_key: ApiKey) -> Self {
        Self {
            api_key,
            base_urls: BaseUrls::default(),
            transport: None,
            timer: default_timer(),
            clock: Clock::default(),
            retry: Retry::default(),
            time_limit: None,
        }
    }

    /// Reads the API key from `KENAR_API_KEY` and, if it is set, the base URL of a sandbox from `KENAR_SANDBOX_URL`.
    ///
    /// # Errors
    ///
    /// [`EnvError`] if a variable is missing or invalid.
    pub fn from_env() -> Result<Self, EnvError> {
        let builder = Self::new(env::required("KENAR_API_KEY")?);
        let sandbox = env::optional::<BaseUrl>("KENAR_SANDBOX_URL")?;
        Ok(match sandbox {
            Some(url) => builder.base_urls(BaseUrls::all(url)),
            None => builder,
        })
    }

    /// Sets other base URLs than Divar's: those of a sandbox or your gateway.
    pub fn base_urls(mut self, base_urls: BaseUrls) -> Self {
        self.base_urls = base_urls;
        self
    }

    /// Sets another transport than the default one over hyper.
    pub fn transport(mut self, transport: impl HttpTransport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Sets another timer than tokio's.
    ///
    /// Without a timer and without the feature `tokio`, a client makes one attempt and has no time limit but the
    /// transport's.
    pub fn timer(mut self, timer: impl Timer) -> Self {
        self.timer = Some(Arc::new(timer));
        self
    }

    /// Sets another clock than the system's, for tests. The expiry of tokens is counted by it.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Limits a whole call, with its attempts and pauses: 1.5 seconds by default, and
    /// [120 seconds](crate::request::Operation::time_limit) for an upload.
    ///
    /// A limit that you set applies to every call, uploads included. [`Client::with_time_limit`] sets another for a
    /// single call.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Sets the retries.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Creates the client.
    ///
    /// # Errors
    ///
    /// [`ClientSetupError`] for each of its reasons. TLS and the environment's proxy are set up only if one of the base
    /// URLs is `https`.
    pub fn build(self) -> Result<Client, ClientSetupError> {
        if self.base_urls.api().is_divars() && is_of_sandbox(self.api_key.expose_secret()) {
            return Err(ClientSetupError::SandboxKey);
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => default_transport(&self.base_urls)?,
        };
        let mut api_key_header =
            HeaderValue::from_str(self.api_key.expose_secret()).map_err(|_| ClientSetupError::ApiKey)?;
        api_key_header.set_sensitive(true);
        let inner = Inner {
            transport,
            timer: self.timer,
            clock: self.clock,
            base_urls: self.base_urls,
            api_key: self.api_key,
            api_key_header,
            user_agent: HeaderValue::from_static(concat!("kenar-rust/", env!("CARGO_PKG_VERSION"))),
            retry: self.retry,
        };
        Ok(Client { inner: Arc::new(inner), time_limit: self.time_limit })
    }
}

#[cfg(feature = "tokio")]
fn default_timer() -> Option<Arc<dyn Timer>> {
    Some(Arc::new(super::TokioTimer))
}

#[cfg(not(feature = "tokio"))]
fn default_timer() -> Option<Arc<dyn Timer>> {
    None
}

#[cfg(feature = "hyper")]
fn default_transport(base_urls: &BaseUrls) -> Result<Arc<dyn HttpTransport>, ClientSetupError> {
    let transport = crate::transport::HyperTransport::builder().build_for(base_urls);
    Ok(Arc::new(transport.map_err(|error| ClientSetupError::Transport(error.into()))?))
}

#[cfg(not(feature = "hyper"))]
fn default_transport(_: &BaseUrls) -> Result<Arc<dyn HttpTransport>, ClientSetupError> {
    Err(ClientSetupError::NoTransport)
}
