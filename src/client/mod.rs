//! A client that sends operations over a transport, with retries, time limits and redaction.
//!
//! # Traces
//!
//! With the feature `tracing`, each call is a span named `call`, at the level `INFO`. Its fields follow
//! [OpenTelemetry's conventions for HTTP clients](https://opentelemetry.io/docs/specs/semconv/http/http-spans/):
//!
//! | field | value |
//! |---|---|
//! | `otel.name`, `otel.kind` | the method and the path's template; `client` |
//! | `otel.status_code`, `error.type` | if the call failed: `ERROR`, and the response's status or the failure, such as `timeout` |
//! | `kenar.operation` | the operation's [name](crate::request::Metadata::name) |
//! | `http.request.method`, `http.request.resend_count` | the method; the attempts after the first |
//! | `http.response.status_code` | the status of the last response |
//! | `url.scheme`, `server.address`, `server.port` | the parts of the base URL |
//! | `url.template` | the path, with `{parameter}` in place of each identifier |
//!
//! Each attempt is an event within the span, and so is each pause, at the level `DEBUG`. No trace holds an identifier,
//! a secret or a body. `tracing-opentelemetry` exports all of it. For metrics, read
//! [`Context`](crate::request::Context) in a layer around the transport.

mod builder;
mod chat_api;
mod oauth_client;
mod retry;
mod timer;
mod trace;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, header};

#[cfg(feature = "hyper")]
use crate::env::EnvError;
use crate::error::{Attempts, Error, ErrorKind};
use crate::model::Timestamp;
use crate::redact::Secrets;
use crate::request::{BaseUrls, Body, Credential, Operation, Untyped};
use crate::secret::{ApiKey, is_of_sandbox};
use crate::transport::HttpTransport;
use trace::CallSpan;

pub use builder::{ClientBuilder, ClientSetupError};
pub use chat_api::ChatApi;
pub use oauth_client::OAuthClient;
pub use retry::Retry;
pub(crate) use timer::Clock;
pub use timer::Timer;
#[cfg(feature = "tokio")]
pub use timer::TokioTimer;

/// A client of Kenar's API. Cheap to clone; the clones share their connections.
///
/// Its calls are the methods of the trait [`ChatApi`]. [`execute`](Self::execute) sends any other [`Operation`].
///
/// # Time limits and retries
///
/// The default limit of 1.5 seconds leaves a handler [time to respond](crate::guide::errors#time).
///
/// | the call is made | [`time_limit`](ClientBuilder::time_limit) | `connect_timeout` of the transport |
/// |---|---|---|
/// | in a handler that must respond within 2 s | 1.5 s (the default) | 5 s (the default) |
/// | in a handler, as one of two calls | 0.75 s each | the default |
/// | in a background job | 10 to 30 s | the default |
/// | in a background job over a poor line or a slow proxy | 60 s | 15 s |
/// | an upload | 120 s (its default) | the default |
///
/// An attempt waits for a connection for at most three quarters of the call's remaining time, so that another one can
/// follow. A limit of 1.5 s is enough for a new connection with round trips of up to 250 ms, or 200 ms with a fallback
/// from IPv6 to IPv4; one of 10 s, up to 1 s.
///
/// Messages carry no idempotency key, so a request that Divar may have processed is never resent:
///
/// | failure | read, refresh | send, subscribe, upload |
/// |---|---|---|
/// | cannot connect, or no request begun | retried | retried |
/// | 429 | retried after `Retry-After` or a pause | retried after `Retry-After` or a pause |
/// | 5xx | retried after `Retry-After` or a pause | reported |
/// | timed out, connection lost | retried | reported; retried if the body was still being sent |
/// | anything else | reported | reported |
///
/// An upload from a reader or a stream is never retried, because it can be read only once.
/// [`Error::may_have_been_processed`] tells whether Divar may have processed a failed call.
///
/// # Several runtimes
///
/// A connection belongs to the tokio runtime that made it: give each short-lived runtime its own client. A call that gets
/// an idle connection of a runtime that does not run (`current_thread` outside `block_on`) fails with
/// [`ErrorKind::Connect`] or connects again. A call whose runtime is shut down fails with [`ErrorKind::Interrupted`].
///
/// # Cancellation
///
/// Dropping a call's future cancels it, but Divar may still process what was sent. Web frameworks drop a handler when
/// the browser disconnects. Run what must not be lost in its own task (`tokio::spawn(…).await`): a code exchange, since
/// the code works once; a refresh, unless `tokens::Permissions` does it; a message that you keep a record of.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    /// Set by the caller.
    time_limit: Option<Duration>,
}

struct Inner {
    transport: Arc<dyn HttpTransport>,
    timer: Option<Arc<dyn Timer>>,
    clock: Clock,
    base_urls: BaseUrls,
    api_key: ApiKey,
    api_key_header: HeaderValue,
    user_agent: HeaderValue,
    retry: Retry,
}

/// The default of operations without their own time limit.
const TIME_LIMIT: Duration = Duration::from_millis(1500);

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

impl Client {
    /// Creates a client over hyper with the default settings.
    ///
    /// # Errors
    ///
    /// If the HTTP stack cannot be set up.
    #[cfg(feature = "hyper")]
    pub fn new(api_key: ApiKey) -> Result<Self, ClientSetupError> {
        Self::builder(api_key).build()
    }

    /// Creates a client from the [environment](crate::env): `KENAR_API_KEY` and, if it is set, `KENAR_SANDBOX_URL`.
    ///
    /// # Errors
    ///
    /// [`EnvError`] if a variable is missing or invalid, or the HTTP stack cannot be set up.
    #[doc(alias = "KENAR_API_KEY")]
    #[cfg(feature = "hyper")]
    pub fn from_env() -> Result<Self, EnvError> {
        ClientBuilder::from_env()?.build().map_err(|error| EnvError::Setup(error.into()))
    }

    /// Returns a builder for other settings.
    #[doc(alias = "X-API-Key")]
    pub fn builder(api_key: ApiKey) -> ClientBuilder {
        ClientBuilder::new(api_key)
    }

    /// Sends an operation: one of the crate's, or your own for an endpoint that the crate lacks.
    ///
    /// # Errors
    ///
    /// The failure of the last attempt that was safe to make.
    pub async fn execute<O: Operation>(&self, operation: &O) -> Result<O::Response, Error> {
        let (response, attempts, span) = self.send(operation).await?;
        operation.response(response).map_err(|error| self.failed(error.with_attempts(attempts), operation, &span))
    }

    /// Makes the attempts. Compiled once for all types of operations.
    async fn send(&self, operation: &dyn Untyped) -> Result<(Response<Bytes>, Attempts, CallSpan), Error> {
        let metadata = operation.metadata();
        let call = retry::Call {
            operation: metadata.name(),
            idempotent: metadata.is_idempotent(),
            time_limit: self.time_limit.or_else(|| operation.time_limit()).unwrap_or(TIME_LIMIT),
            request: &|| self.request(operation),
        };
        let span = CallSpan::new(metadata, self.inner.base_urls.of(metadata.host()));
        let attempts = retry::run(&*self.inner.transport, self.inner.timer.as_deref(), &self.inner.retry, call);
        match span.around(attempts).await {
            Ok((response, attempts)) => {
                span.responded(response.status(), attempts);
                Ok((response, attempts, span))
            }
            Err(error) => Err(self.failed(error, operation, &span)),
        }
    }

    /// Returns a client with another time limit, uploads included, over the same connections.
    ///
    /// If a handler makes several calls, give each the handler's remaining time.
    #[must_use]
    pub fn with_time_limit(&self, limit: Duration) -> Self {
        Self { inner: Arc::clone(&self.inner), time_limit: Some(limit) }
    }

    fn instant(&self) -> Option<Instant> {
        self.inner.timer.as_deref().map(Timer::now)
    }

    fn with_limit_since(&self, begun: Option<Instant>) -> Self {
        match (self.time_limit, self.instant(), begun) {
            (Some(limit), Some(now), Some(begun)) => {
                self.with_time_limit(limit.saturating_sub(now.saturating_duration_since(begun)))
            }
            _ => self.clone(),
        }
    }

    /// The base URLs of its requests.
    #[must_use]
    pub fn base_urls(&self) -> &BaseUrls {
        &self.inner.base_urls
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn timer(&self) -> Option<&dyn Timer> {
        self.inner.timer.as_deref()
    }

    fn request(&self, operation: &dyn Untyped) -> Result<Request<Body>, Error> {
        let invalid = |why: &'static str| Error::new(ErrorKind::InvalidRequest, operation.metadata().name(), why);
        let mut request = operation.request(&self.inner.base_urls)?;
        let Some(base_url) = self.inner.base_urls.origin_of(request.uri()) else {
            return Err(invalid("the URL is not below one of the client's base URLs, so no secret is sent to it"));
        };
        if base_url.is_divars() && self.secrets(operation).into_iter().any(is_of_sandbox) {
            return Err(invalid("a key or token of kenar-sandbox cannot be used at Divar: set the sandbox's base URL"));
        }
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, self.inner.user_agent.clone());
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        let credential = operation.credential();
        if matches!(credential, Credential::ApiKey | Credential::User(_)) {
            headers.insert(API_KEY, self.inner.api_key_header.clone());
        }
        if let Some(token) = credential.secret() {
            let value = bearer_header(token).map_err(|_| invalid("the token cannot be sent in a header"))?;
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// The secrets that only the host of the request may see.
    fn secrets<'a>(&'a self, operation: &'a dyn Untyped) -> Vec<&'a str> {
        let mut secrets = operation.content_secrets();
        secrets.push(self.inner.api_key.expose_secret());
        secrets.extend(operation.credential().secret());
        secrets
    }

    fn failed(&self, error: Error, operation: &dyn Untyped, span: &CallSpan) -> Error {
        let error = error.without(&Secrets::new(self.secrets(operation))).of(operation.metadata().about());
        span.failed(&error);
        error
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
            .field("hosts", &self.inner.base_urls)
            .field("retry", &self.inner.retry)
            .field("time_limit", &self.time_limit)
            .field("transport", &self.inner.transport)
            .field("timer", &self.inner.timer)
            .finish()
    }
}
