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

/// Sets up a [`Client`].
///
/// ```
/// use std::time::Duration;
/// use kenar::Client;
/// use kenar::client::Retry;
/// use kenar::request::BaseUrls;
/// use kenar::secret::ApiKey;
///
/// # #[cfg(feature = "hyper")]
/// let client = Client::builder(ApiKey::new("placeholder")?)
///     .base_urls(BaseUrls::single("http://127.0.0.1:8080")?)
///     .time_limit(Duration::from_secs(5))
///     .retry(Retry::never())
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

/// Why a client could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientSetupError {
    /// No transport was given, and the crate was built without the feature `hyper`, which the features for TLS turn on.
    #[error("no transport: give one, or build with the feature `rustls`")]
    NoTransport,
    /// The crate's own transport could not be set up.
    #[error("the transport cannot be set up")]
    Transport(#[source] BoxError),
    /// The API key cannot be sent in a header.
    #[error("the API key cannot be sent in a header")]
    ApiKey,
    /// The API key is one of `kenar-sandbox`, and the base URL is Divar's own.
    #[error(
        "the API key is one of kenar-sandbox and unknown to Divar: set the sandbox's base URL, or the key from Kenar's panel"
    )]
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

    /// Takes the API key from the variable `KENAR_API_KEY`, and a sandbox to call in place of Divar from
    /// `KENAR_SANDBOX_URL`, if it is set.
    ///
    /// # Errors
    ///
    /// [`EnvError`], if a variable is not set or cannot be used.
    pub fn from_env() -> Result<Self, EnvError> {
        let builder = Self::new(env::required("KENAR_API_KEY")?);
        let sandbox = env::optional::<BaseUrl>("KENAR_SANDBOX_URL")?;
        Ok(match sandbox {
            Some(url) => builder.base_urls(BaseUrls::all(url)),
            None => builder,
        })
    }

    /// Sends to other hosts than Divar's: a sandbox, or a gateway of yours.
    pub fn base_urls(mut self, base_urls: BaseUrls) -> Self {
        self.base_urls = base_urls;
        self
    }

    /// Sends over another HTTP stack than hyper.
    pub fn transport(mut self, transport: impl HttpTransport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Waits by another timer than tokio's.
    ///
    /// Without the feature `tokio` and without a timer, a client cannot wait: it makes one attempt, with no time limit
    /// but the transport's own.
    pub fn timer(mut self, timer: impl Timer) -> Self {
        self.timer = Some(Arc::new(timer));
        self
    }

    /// Tells the time by another clock than the system's, as a test does: when the tokens of an
    /// [`OAuthClient`](super::OAuthClient) expire is counted by it.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// The time limit of a whole call, attempts and pauses together: by default 1.5 seconds, and
    /// [120 seconds](crate::request::Operation::time_limit) for an upload.
    ///
    /// A limit that you set holds for every call, uploads included. [`Client::with_time_limit`] gives a client with
    /// another one, for a single call or a part of the program.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// How often and when to try again.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// [`ClientSetupError`], if there is no transport; if TLS or the proxy of the environment cannot be set up and one
    /// of the base URLs is `https`; or if the API key is one of the sandbox and the base URLs are Divar's.
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
        Ok(Client(Arc::new(Inner {
            transport,
            timer: self.timer,
            clock: self.clock,
            base_urls: self.base_urls,
            api_key: self.api_key,
            api_key_header,
            user_agent: HeaderValue::from_static(concat!("kenar-rust/", env!("CARGO_PKG_VERSION"))),
            retry: self.retry,
            time_limit: self.time_limit,
        })))
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
