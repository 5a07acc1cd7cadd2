use std::time::Duration;

use http::StatusCode;

use crate::error::BoxError;

/// The settings of an [`Inbox`](super::Inbox).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxSettings {
    pub(super) concurrency: usize,
    pub(super) accept_timeout: Duration,
    pub(super) handler_timeout: Duration,
    pub(super) lease: Duration,
    pub(super) poll_interval: Duration,
    pub(super) max_attempts: u32,
    pub(super) first_delay: Duration,
    pub(super) max_delay: Duration,
    pub(super) remember: Duration,
    pub(super) content_window: Duration,
}

impl Default for InboxSettings {
    fn default() -> Self {
        Self {
            concurrency: 16,
            accept_timeout: Duration::from_secs(1),
            handler_timeout: Duration::from_secs(300),
            lease: Duration::from_secs(30),
            poll_interval: Duration::from_millis(500),
            max_attempts: 15,
            first_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(600),
            remember: Duration::from_secs(7 * 86_400),
            content_window: Duration::from_secs(60),
        }
    }
}

impl InboxSettings {
    /// Limits the events that this process handles at a time. Default: 16.
    #[must_use]
    pub fn concurrency(mut self, events: usize) -> Self {
        self.concurrency = events.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
        self
    }

    /// Limits the time that [`accept`](super::Inbox::accept) waits for the store. Default: 1 s.
    ///
    /// Divar [may suspend](crate::guide::errors#time) an add-on that responds slowly.
    #[must_use]
    pub fn accept_timeout(mut self, limit: Duration) -> Self {
        self.accept_timeout = limit;
        self
    }

    /// Limits one attempt of the handler, which is then aborted. Default: 5 minutes.
    #[must_use]
    pub fn handler_timeout(mut self, limit: Duration) -> Self {
        self.handler_timeout = limit;
        self
    }

    /// Sets the time after which another process takes over the events of one that died. Default: 30 s.
    ///
    /// A handler may take longer, because the lease is renewed each third of its duration. Choose a lease longer than
    /// any pause of the process or outage of the store; after a longer one, two processes may handle one event at a
    /// time.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_millis(10));
        self
    }

    /// Sets the interval at which events of other processes are looked for. Default: 0.5 s.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Limits the attempts before an event becomes a dead letter. Default: 15, about an hour.
    ///
    /// An attempt during which the process died counts, too.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Sets the delay after the first failure, and the longest one. Defaults: 1 s and 10 minutes.
    ///
    /// Each failure doubles the delay. Later events of the conversation wait meanwhile.
    #[must_use]
    pub fn retry_delay(mut self, first: Duration, longest: Duration) -> Self {
        self.first_delay = first.min(longest);
        self.max_delay = longest;
        self
    }

    /// Sets the time for which the message id of a handled event is kept, for deduplication. Default: 7 days.
    #[must_use]
    pub fn remember(mut self, duration: Duration) -> Self {
        self.remember = duration;
        self
    }

    /// Sets the time in which an identical event without a message id counts as a duplicate. Default: 1 minute.
    ///
    /// Revocations, post updates and payments have no id. A post that is retired, published and retired again causes
    /// two identical events, so choose a short time; a later duplicate is handled twice.
    #[must_use]
    pub fn content_window(mut self, duration: Duration) -> Self {
        self.content_window = duration;
        self
    }

    pub(super) fn delay_after(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first_delay.saturating_mul(factor).min(self.max_delay)
    }
}

/// The error for an event that the store did not confirm in time.
///
/// Respond with [`status`](Self::status); with the feature `axum` or `actix`, the error is a response itself. The event
/// may be lost, because Divar documents no redelivery. The error may contain the store library's message, never the
/// event.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Unavailable(Repr);

#[derive(Debug, thiserror::Error)]
enum Repr {
    #[error("timed out after {:.1} s: cannot store the event", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("cannot store the event")]
    Failed(#[source] BoxError),
}

impl Unavailable {
    pub(super) fn timed_out(limit: Duration) -> Self {
        Self(Repr::TimedOut(limit))
    }

    pub(super) fn failed(source: impl Into<BoxError>) -> Self {
        Self(Repr::Failed(source.into()))
    }

    /// 503.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

#[cfg(feature = "actix")]
impl actix_web::ResponseError for Unavailable {
    fn status_code(&self) -> actix_web::http::StatusCode {
        actix_web::http::StatusCode::SERVICE_UNAVAILABLE
    }

    /// The body is empty: the error may contain the store's message.
    fn error_response(&self) -> actix_web::HttpResponse {
        actix_web::HttpResponse::ServiceUnavailable().finish()
    }
}

#[cfg(feature = "axum")]
impl axum_core::response::IntoResponse for Unavailable {
    fn into_response(self) -> axum_core::response::Response {
        self.status().into_response()
    }
}

#[cfg(test)]
mod tests;
