//! The client: sends operations over a transport, with retries, time limits and redaction.
//!
//! # Traces
//!
//! With the feature `tracing`, each call is a span named `call`, at the level `INFO`. Its fields follow
//! [OpenTelemetry's conventions for HTTP clients](https://opentelemetry.io/docs/specs/semconv/http/http-spans/):
//!
//! | field | value |
//! |---|---|
//! | `otel.name` | the method and the path's template, such as `GET /v1/open-platform/users` |
//! | `otel.kind` | `client` |
//! | `otel.status_code` | `ERROR`, if the call failed |
//! | `kenar.operation` | the operation's [name](crate::request::Metadata::name) |
//! | `http.request.method` | the method |
//! | `http.request.resend_count` | the attempts after the first, if there were any |
//! | `http.response.status_code` | the status of the last response |
//! | `url.scheme`, `server.address`, `server.port` | the parts of the base URL |
//! | `url.template` | the path, with `{parameter}` in place of each identifier |
//! | `error.type` | the status of an error response, or the kind of failure, such as `timeout` |
//!
//! Each attempt is an event within the span, and so is each pause, at the level `DEBUG`. No trace holds an identifier, a
//! secret or a body. `tracing-opentelemetry` exports all of it. For metrics, read
//! [`Context`](crate::request::Context) in a layer around the transport.

mod builder;
mod chat_api;
mod clock;
mod oauth_client;
mod retry;
mod timer;
mod trace;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};

#[cfg(feature = "hyper")]
use crate::env::EnvError;
use crate::error::{Error, ErrorKind};
use crate::model::Timestamp;
use crate::redact::Secrets;
use crate::request::{BaseUrls, Body, Credential, Operation, goes_to_divar};
use crate::secret::{ApiKey, is_of_sandbox};
use crate::transport::HttpTransport;

pub use builder::{ClientBuilder, ClientSetupError};
pub use chat_api::ChatApi;
pub(crate) use clock::Clock;
pub use oauth_client::OAuthClient;
pub use retry::Retry;
pub use timer::Timer;
#[cfg(feature = "tokio")]
pub use timer::TokioTimer;

/// A client of Kenar's API. Cheap to clone; the clones share their connections.
///
/// Its calls are the methods of [`ChatApi`], so that code can be written against `Arc<dyn ChatApi>` and given a double
/// or a wrapper; [`execute`](Self::execute) runs any other [`Operation`].
///
/// ```
/// use kenar::Client;
/// use kenar::secret::ApiKey;
///
/// # #[cfg(feature = "hyper")]
/// let client = Client::new(ApiKey::new("placeholder")?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Time and repetition
///
/// Divar may suspend an add-on whose 99th-percentile response time exceeds 2 seconds. So a call is limited to
/// 1.5 seconds, attempts and pauses included; see [`ClientBuilder::time_limit`].
///
/// | the call is made | [`time_limit`](ClientBuilder::time_limit) | `connect_timeout` of the transport |
/// |---|---|---|
/// | in a handler that must respond within 2 s | 1.5 s (the default) | 5 s (the default) |
/// | in a handler, as one of two calls | 0.75 s each | the default |
/// | in a background job | 10 to 30 s | the default |
/// | in a background job behind a poor line or a slow proxy | 60 s | 15 s |
/// | an upload | 120 s (its default) | the default |
///
/// An attempt never waits longer for a connection than three quarters of the call's remaining time, so that another
/// one can follow. With 1.5 s, that is enough for a new connection where a round trip takes up to 250 ms (a name
/// look-up, TCP, TLS 1.2 and the request take five), and for falling back from IPv6 to IPv4 up to 200 ms. With 10 s,
/// it is enough up to 1 s.
///
/// Messages carry no idempotency key, so a request that Divar may have processed is never resent:
///
/// | failure | read, refresh | send, subscribe, upload |
/// |---|---|---|
/// | no connection, or no request begun | again | again |
/// | 429 | again, after `Retry-After` or a pause | again, after `Retry-After` or a pause |
/// | 5xx | again, after `Retry-After` or a pause | reported |
/// | timed out, connection lost | again | reported; again if the body was still being sent |
/// | anything else | reported | reported |
///
/// A medium from a reader or a stream can be read only once, so its upload is not repeated at all; one from memory or from
/// a file is. [`Error::may_have_been_processed`] tells whether a failed call may have been processed.
///
/// # Several runtimes
///
/// A connection belongs to the tokio runtime that it was made on. Connections whose runtime was shut down are not used
/// again. While another runtime exists but does not run, such as a `current_thread` runtime outside `block_on`, its
/// idle connections look usable: a call that is given one ends as [`ErrorKind::Connect`] or connects again, and nothing
/// is sent twice. A runtime that is shut down during a call loses it ([`ErrorKind::Interrupted`]). So give each
/// runtime that comes and goes a client of its own.
///
/// # Dropping a call
///
/// A call that is dropped before it is ready stops where it is: what was sent may be processed all the same, and nobody
/// is told. Web frameworks drop a handler when the browser goes away. So run what must not be lost in a task of its own
/// (`tokio::spawn(…).await`): an exchange, whose code works once, a refresh, whose new tokens are the only ones
/// (`tokens::Permissions` does so itself), and a message that you keep account of.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    transport: Arc<dyn HttpTransport>,
    timer: Option<Arc<dyn Timer>>,
    clock: Clock,
    base_urls: BaseUrls,
    api_key: ApiKey,
    api_key_header: HeaderValue,
    user_agent: HeaderValue,
    retry: Retry,
    /// The limit that the caller set.
    time_limit: Option<Duration>,
}

/// Of a call without a limit of its own.
const TIME_LIMIT: Duration = Duration::from_millis(1500);

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

impl Client {
    /// A client of the platform, over hyper, with the usual settings.
    ///
    /// # Errors
    ///
    /// Where the HTTP stack cannot be set up.
    #[cfg(feature = "hyper")]
    pub fn new(api_key: ApiKey) -> Result<Self, ClientSetupError> {
        Self::builder(api_key).build()
    }

    /// A client as the [environment](crate::env) describes it: by `KENAR_API_KEY`, and `KENAR_SANDBOX_URL` if it is set.
    ///
    /// # Errors
    ///
    /// [`EnvError`], if a variable is not set or cannot be used, or the HTTP stack cannot be set up.
    #[cfg(feature = "hyper")]
    pub fn from_env() -> Result<Self, EnvError> {
        ClientBuilder::from_env()?.build().map_err(|error| EnvError::Setup(error.into()))
    }

    /// Sets a client up.
    pub fn builder(api_key: ApiKey) -> ClientBuilder {
        ClientBuilder::new(api_key)
    }

    /// Runs an operation: one of the crate's, or one of yours for an endpoint that the crate lacks.
    ///
    /// # Errors
    ///
    /// Whatever went wrong, after the attempts that were safe to make.
    pub async fn execute<O: Operation>(&self, operation: &O) -> Result<O::Response, Error> {
        let credential = operation.credential();
        let call = retry::Call {
            operation: O::METADATA.name(),
            idempotent: O::METADATA.is_idempotent(),
            time_limit: self.0.time_limit.or_else(|| operation.time_limit()).unwrap_or(TIME_LIMIT),
            request: &|| self.request(operation, credential),
        };
        let span = trace::CallSpan::new(&O::METADATA, self.0.base_urls.of(O::METADATA.host()));
        let attempts = retry::run(&*self.0.transport, self.0.timer.as_deref(), &self.0.retry, call);
        let outcome = match span.around(attempts).await {
            Ok((response, attempts)) => {
                span.responded(response.status(), attempts);
                operation.response(response).map_err(|error| error.with_attempts(attempts))
            }
            Err(error) => Err(error),
        };
        outcome.map_err(|error| self.redacted(error, operation, credential)).inspect_err(|error| span.failed(error))
    }

    /// The same client with another time limit, over the same connections. It holds for uploads as well.
    ///
    /// Where a handler makes several calls, give each what is left of the handler's time.
    #[must_use]
    pub fn with_time_limit(&self, limit: Duration) -> Self {
        let mut inner = Inner::clone(&self.0);
        inner.time_limit = Some(limit);
        Self(Arc::new(inner))
    }

    fn instant(&self) -> Option<Instant> {
        self.0.timer.as_deref().map(Timer::now)
    }

    /// A client with what is left of this one's time limit, where it has one.
    fn with_limit_since(&self, begun: Option<Instant>) -> Self {
        match (self.0.time_limit, self.instant(), begun) {
            (Some(limit), Some(now), Some(begun)) => {
                self.with_time_limit(limit.saturating_sub(now.saturating_duration_since(begun)))
            }
            _ => self.clone(),
        }
    }

    /// Where its calls go.
    #[must_use]
    pub fn base_urls(&self) -> &BaseUrls {
        &self.0.base_urls
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn timer(&self) -> Option<&dyn Timer> {
        self.0.timer.as_deref()
    }

    fn request<O: Operation>(&self, operation: &O, credential: Credential<'_>) -> Result<Request<Body>, Error> {
        let invalid = |why: &'static str| Error::new(ErrorKind::InvalidRequest, O::METADATA.name(), why);
        let mut request = operation.request(&self.0.base_urls)?;
        if !self.0.base_urls.include(request.uri()) {
            return Err(invalid("the request would take a secret to a host that is not one of the client's"));
        }
        if goes_to_divar(request.uri()) && self.secrets(operation, credential).into_iter().any(is_of_sandbox) {
            return Err(invalid("a key or token of kenar-sandbox is unknown to Divar: set the sandbox's base URL"));
        }
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, self.0.user_agent.clone());
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        if matches!(credential, Credential::ApiKey | Credential::User(_)) {
            headers.insert(API_KEY, self.0.api_key_header.clone());
        }
        if let Some(token) = credential.secret() {
            let value = bearer_header(token).map_err(|_| invalid("the token cannot be sent in a header"))?;
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// What a call may tell nobody but the host that it goes to.
    fn secrets<'a, O: Operation>(&'a self, operation: &'a O, credential: Credential<'a>) -> Vec<&'a str> {
        let mut secrets = operation.content_secrets();
        secrets.push(self.0.api_key.expose_secret());
        secrets.extend(credential.secret());
        secrets
    }

    fn redacted<O: Operation>(&self, error: Error, operation: &O, credential: Credential<'_>) -> Error {
        error.without(&Secrets::new(self.secrets(operation, credential))).of(O::METADATA.about())
    }
}

fn bearer_header(token: &str) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_maybe_shared(Bytes::from(["Bearer ", token].concat()))?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("hosts", &self.0.base_urls)
            .field("retry", &self.0.retry)
            .field("time_limit", &self.0.time_limit)
            .field("transport", &self.0.transport)
            .field("timer", &self.0.timer)
            .finish()
    }
}
