//! Client-side rate limiting for Kenar's limits, shared by all processes of an app.
//!
//! Kenar limits an app's calls per minute and per day; the panel shows the limits. A [`Quota`] wraps the client's
//! transport and counts the calls in a [`QuotaStore`] that all processes share:
//!
//! ```
//! use std::num::NonZeroU32;
//! use kenar::quota::{MemoryQuota, Quota, QuotaLimits};
//!
//! # fn f(api_key: kenar::secret::ApiKey, transport: impl kenar::transport::HttpTransport) {
//! let limits = QuotaLimits::new(NonZeroU32::new(300), NonZeroU32::new(50_000));
//! // In a fleet `kenar_store::Redis`, on one machine `kenar_store::Sqlite`.
//! let quota = Quota::new(MemoryQuota::new(), limits);
//! let client = kenar::Client::builder(api_key).transport(quota.limit(transport)).build();
//! # }
//! ```
//!
//! - A request over a limit waits, if half of the call's remaining time is enough.
//! - Otherwise nothing is sent, and the call fails as if Divar had responded 429:
//!   [`is_rate_limited`](crate::Error::is_rate_limited) is `true`, and [`retry_after`](crate::Error::retry_after) is
//!   the time to wait.
//! - After a 429 from Divar, no process sends until `Retry-After` has passed. Without that header, the pause is a
//!   second and doubles with each further 429, up to a minute.
//! - Each attempt counts. Requests without the API key (to the token endpoint, and of media files) do not.
//! - If the store fails, requests are sent, because Divar enforces its limits anyway.

mod store;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};

use crate::error::StoreError;
use crate::request::{Body, Context, response};
use crate::shared::{self, Work};
use crate::transport::{HttpTransport, TransportError};

pub use store::{MemoryQuota, QuotaLimits, QuotaState, QuotaStore, Reservation};

/// A rate limiter of an app's calls. Cheap to clone. See the [module](self).
#[doc(alias("rate limit", "throttle"))]
#[derive(Clone)]
pub struct Quota(Arc<Inner>);

struct Inner {
    store: Box<dyn QuotaStore>,
    limits: QuotaLimits,
    name: String,
    /// The number of 429 responses in a row.
    refusals: AtomicU32,
}

impl Quota {
    /// Creates a quota named `app`.
    #[must_use]
    pub fn new(store: impl QuotaStore, limits: QuotaLimits) -> Self {
        Self::with_name("app", store, limits)
    }

    /// Creates a quota with another name, for a store that several apps share.
    #[must_use]
    pub fn with_name(name: impl Into<String>, store: impl QuotaStore, limits: QuotaLimits) -> Self {
        Self(Arc::new(Inner { store: Box::new(store), limits, name: name.into(), refusals: AtomicU32::new(0) }))
    }

    /// Wraps a transport, whose requests are then counted and limited.
    #[must_use]
    pub fn limit<T: HttpTransport>(&self, transport: T) -> QuotaTransport<T> {
        QuotaTransport::new(self.clone(), transport)
    }

    /// Reserves a request. `Err` is the time until one is possible.
    async fn reserve(&self, max_wait: Duration) -> Result<Duration, Duration> {
        let Inner { store, limits, name, .. } = &*self.0;
        match bounded(store.reserve(name, limits, max_wait)).await {
            Ok(Reservation::Granted(wait)) => Ok(wait),
            Ok(Reservation::Refused(wait)) => Err(wait),
            Err(error) => {
                store_failed("reserve", &*error);
                Ok(Duration::ZERO)
            }
        }
    }

    async fn learn(&self, status: StatusCode, retry_after: Option<Duration>) {
        let Inner { store, name, refusals, .. } = &*self.0;
        if status != StatusCode::TOO_MANY_REQUESTS {
            refusals.store(0, Ordering::Relaxed);
            return;
        }
        let before = refusals.fetch_add(1, Ordering::Relaxed);
        let pause = retry_after.unwrap_or_else(|| (FIRST_PAUSE * (1 << before.min(6))).min(LONGEST_PAUSE));
        if let Err(error) = bounded(store.pause(name, pause)).await {
            store_failed("pause", &*error);
        }
    }
}

fn bounded<T>(call: Work<'_, Result<T, StoreError>>) -> impl Future<Output = Result<T, StoreError>> {
    shared::bounded("quota", call, Box::pin(tokio::time::sleep(STORE_TIMEOUT)), STORE_TIMEOUT)
}

/// The time that a request waits for the store before it is sent anyway.
const STORE_TIMEOUT: Duration = Duration::from_millis(250);
/// The pauses after a 429 without `Retry-After`.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(feature = "tracing")]
fn store_failed(call: &'static str, error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(call, error, "quota store failed");
}

#[cfg(not(feature = "tracing"))]
fn store_failed(_: &'static str, _: &(dyn std::error::Error + 'static)) {}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { store, limits, name, .. } = &*self.0;
        f.debug_struct("Quota")
            .field("name", name)
            .field("limits", limits)
            .field("store", store)
            .finish_non_exhaustive()
    }
}

fn refusal(wait: Duration) -> Response<Bytes> {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let message = format!("rate limited for {seconds} s by the app's own quota: the request was not sent");
    let body = format!(r#"{{"code":8,"message":"{message}","details":[]}}"#);
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, seconds.into());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A transport that keeps a [`Quota`]. Created by [`Quota::limit`].
#[derive(Clone, Debug)]
pub struct QuotaTransport<T> {
    quota: Quota,
    inner: T,
}

/// The header that only calls of the API have, not those of the token endpoint and the upload host.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

impl<T> QuotaTransport<T> {
    pub(super) fn new(quota: Quota, inner: T) -> Self {
        Self { quota, inner }
    }
}

#[async_trait]
impl<T: HttpTransport> HttpTransport for QuotaTransport<T> {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        if !request.headers().contains_key(API_KEY) {
            return self.inner.send(request).await;
        }
        match self.quota.reserve(max_wait(&request)).await {
            Ok(wait) if wait.is_zero() => {}
            Ok(wait) => tokio::time::sleep(wait).await,
            Err(wait) => return Ok(refusal(wait)),
        }
        let response = self.inner.send(request).await?;
        self.quota.learn(response.status(), response::retry_after(response.headers())).await;
        Ok(response)
    }
}

/// Half of the call's remaining time; zero if that is not known.
fn max_wait(request: &Request<Body>) -> Duration {
    let deadline = request.extensions().get::<Context>().and_then(Context::deadline);
    let now = tokio::time::Instant::now().into_std();
    deadline.map_or(Duration::ZERO, |deadline| deadline.saturating_duration_since(now) / 2)
}
