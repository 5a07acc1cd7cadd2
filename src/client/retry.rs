use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::Timer;
use crate::error::{Error, ErrorKind};
use crate::request::{Body, answer};
use crate::transport::{HttpTransport, TransportError, TransportErrorKind};

/// How often and when a call is tried again, where that is safe.
///
/// The pause before an attempt is `Retry-After`, where Divar sent one, else one that doubles from attempt to attempt and
/// is cut by up to half at random, so that clients that failed together do not come back together. An attempt that
/// would begin after the time limit is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    pub(super) max_attempts: u32,
    pub(super) first_pause: Duration,
    pub(super) attempt_limit: Duration,
    pub(super) time_limit: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            first_pause: Duration::from_millis(100),
            attempt_limit: Duration::from_secs(1),
            time_limit: Duration::from_millis(1500),
        }
    }
}

impl Retry {
    /// One attempt, whatever happens.
    #[must_use]
    pub fn never() -> Self {
        Self::default().max_attempts(1)
    }

    /// How many attempts a call has at most: 3 unless said otherwise; 0 counts as 1.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// The pause before the second attempt: 100 ms unless said otherwise.
    #[must_use]
    pub fn first_pause(mut self, pause: Duration) -> Self {
        self.first_pause = pause;
        self
    }

    /// How long one attempt of a call that can be repeated may take: a second unless said otherwise. One that cannot
    /// be repeated has all the time there is: cutting it off would only leave its outcome unknown.
    #[must_use]
    pub fn attempt_limit(mut self, limit: Duration) -> Self {
        self.attempt_limit = limit;
        self
    }

    /// The pause before the attempt after number `attempt`, cut at random by up to half.
    fn pause(&self, attempt: u32) -> Duration {
        let doubled = self.first_pause.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
        let mut random = [0; 2];
        // Without randomness the pause is the whole one.
        let cut = getrandom::fill(&mut random).map_or(0, |()| u32::from(u16::from_be_bytes(random)));
        doubled.saturating_sub((doubled / 2 / (1 << 16)).saturating_mul(cut))
    }
}

/// One call, as the loop below sees it.
pub(super) struct Call<'a> {
    pub(super) operation: &'static str,
    pub(super) idempotent: bool,
    pub(super) time_limit: Option<Duration>,
    /// Builds the request, anew for each attempt. Fails the second time where a stream has been read.
    pub(super) request: &'a (dyn Fn() -> Result<Request<Body>, Error> + Sync),
}

/// Makes the attempts that are safe to make. Gives Divar's last answer, whatever its status, and the number of attempts.
pub(super) async fn run(
    transport: &dyn HttpTransport,
    timer: Option<&dyn Timer>,
    retry: &Retry,
    call: Call<'_>,
) -> Result<(Response<Bytes>, u32), Error> {
    let time_limit = call.time_limit.unwrap_or(retry.time_limit).max(retry.time_limit);
    let begun = timer.map(Timer::now);
    let left = || match (timer, begun) {
        (Some(timer), Some(begun)) => time_limit.saturating_sub(timer.now().saturating_duration_since(begun)),
        _ => Duration::MAX,
    };
    let mut request = (call.request)()?;
    let mut attempt = 1;
    loop {
        let limit = if call.idempotent { left().min(retry.attempt_limit) } else { left() };
        let outcome = within(timer, limit, transport.send(request)).await;
        let pause = match &outcome {
            Ok(response) => pause_after_answer(response, call.idempotent),
            Err(error) => pause_after_failure(error.kind(), call.idempotent),
        };
        let next = match (pause, timer) {
            (Some(asked), Some(timer)) if attempt < retry.max_attempts => {
                let pause = asked.unwrap_or_else(|| retry.pause(attempt));
                // A stream that was read cannot be built again: what happened to it stands.
                if pause < left() { (call.request)().ok().map(|request| (timer, pause, request)) } else { None }
            }
            _ => None,
        };
        let Some((timer, pause, next)) = next else {
            return match outcome {
                Ok(response) => Ok((response, attempt)),
                Err(error) => Err(failure(call.operation, error).with_attempts(attempt)),
            };
        };
        timer.sleep(pause).await;
        request = next;
        attempt += 1;
    }
}

/// `None` where the answer stands; else the pause before the next attempt, where Divar asked for one.
fn pause_after_answer(response: &Response<Bytes>, idempotent: bool) -> Option<Option<Duration>> {
    let again = match response.status() {
        StatusCode::TOO_MANY_REQUESTS => true,
        status => status.is_server_error() && idempotent,
    };
    again.then(|| answer::retry_after(response.headers()))
}

fn pause_after_failure(kind: TransportErrorKind, idempotent: bool) -> Option<Option<Duration>> {
    let again = match kind {
        TransportErrorKind::Connect => true,
        TransportErrorKind::Timeout | TransportErrorKind::Interrupted => idempotent,
        TransportErrorKind::ResponseTooLarge | TransportErrorKind::Other => false,
    };
    again.then_some(None)
}

fn failure(operation: &'static str, error: TransportError) -> Error {
    let kind = match error.kind() {
        TransportErrorKind::Connect => ErrorKind::Connect,
        TransportErrorKind::Timeout => ErrorKind::Timeout,
        TransportErrorKind::Interrupted => ErrorKind::Interrupted,
        TransportErrorKind::ResponseTooLarge => ErrorKind::ResponseTooLarge,
        TransportErrorKind::Other => ErrorKind::Transport,
    };
    Error::new(kind, operation, error)
}

/// What `work` gives, or a time-out once `limit` has passed.
async fn within<T>(
    timer: Option<&dyn Timer>,
    limit: Duration,
    work: impl Future<Output = Result<T, TransportError>>,
) -> Result<T, TransportError> {
    let Some(timer) = timer else {
        return work.await;
    };
    let mut work = pin!(work);
    let mut alarm = timer.sleep(limit);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(outcome),
        Poll::Pending => alarm.as_mut().poll(context).map(|()| Err(TransportError::new(TransportErrorKind::Timeout))),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_are_cut_by_half_at_most() {
        let retry = Retry::default().first_pause(Duration::from_millis(100));
        for (attempt, whole) in [(1, 100), (2, 200), (3, 400), (u32::MAX, u64::MAX)] {
            let whole = Duration::from_millis(whole);
            let pause = retry.pause(attempt);
            assert!(pause <= whole && (attempt == u32::MAX || pause >= whole / 2), "{attempt}: {pause:?}");
        }
    }
}
