use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::{Timer, trace};
use crate::error::{Attempts, Error, ErrorKind};
use crate::request::{Body, Context, response};
use crate::transport::{HttpTransport, TransportError, TransportErrorKind};

/// The number and timing of the attempts of a call that is [safe to retry](super::Client#time-limits-and-retries).
///
/// The pause before an attempt is Divar's `Retry-After`, or else doubles with each attempt and is shortened by up to
/// half at random. An attempt is not made if it would have less than 150 ms, or less than an eighth of a shorter time
/// limit.
///
/// The last attempt may wait for its connection for all the remaining time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    max_attempts: u32,
    first_pause: Duration,
    attempt_limit: Option<Duration>,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 3, first_pause: Duration::from_millis(100), attempt_limit: None }
    }
}

impl Retry {
    /// One attempt.
    #[must_use]
    pub fn never() -> Self {
        Self::default().max_attempts(1)
    }

    /// Limits the attempts of a call: 3 by default; 0 counts as 1.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Sets the pause before the second attempt: 100 ms by default.
    #[must_use]
    pub fn first_pause(mut self, pause: Duration) -> Self {
        self.first_pause = pause;
        self
    }

    /// Limits one attempt of a call that is safe to retry.
    ///
    /// The default is two thirds of the call's limit, or all the remaining time for an attempt that takes more than a
    /// third to connect. Other calls have no such limit, because ending an attempt would leave its outcome unknown.
    #[must_use]
    pub fn attempt_limit(mut self, limit: Duration) -> Self {
        self.attempt_limit = Some(limit);
        self
    }

    fn pause(&self, attempt: u32) -> Duration {
        let doubled = self.longest_pause(attempt);
        let mut random = [0; 2];
        // Without randomness, the pause is not shortened.
        let cut = getrandom::getrandom(&mut random).map_or(0, |()| u32::from(u16::from_be_bytes(random)));
        doubled.saturating_sub((doubled / 2 / (1 << 16)).saturating_mul(cut))
    }

    fn longest_pause(&self, attempt: u32) -> Duration {
        self.first_pause.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)))
    }
}

/// The least remaining time for an attempt after the first, unless the time limit itself is short.
const MIN_ATTEMPT: Duration = Duration::from_millis(150);

pub(super) struct Call<'a> {
    pub(super) operation: &'static str,
    pub(super) idempotent: bool,
    pub(super) time_limit: Duration,
    /// Builds the request of each attempt. Fails the second time if its body was a stream.
    pub(super) request: &'a (dyn Fn() -> Result<Request<Body>, Error> + Sync),
}

type Outcome = Result<Response<Bytes>, TransportError>;

/// Makes the attempts that are safe. Returns the last response, whatever its status.
pub(super) async fn run(
    transport: &dyn HttpTransport,
    timer: Option<&dyn Timer>,
    retry: &Retry,
    call: Call<'_>,
) -> Result<(Response<Bytes>, Attempts), Error> {
    let run = Run { transport, timer, retry, call, begun: timer.map(Timer::now) };
    let none = Attempts { count: 0, processed_before: false };
    let first = {
        let request = (run.call.request)().map_err(|error| error.with_attempts(none))?;
        run.attempt(request, 1)
    };
    let outcome = first.await;
    let (outcome, attempts) = match pause_after(&outcome, run.call.idempotent) {
        None => (outcome, Attempts { count: 1, processed_before: false }),
        // Boxed, because few calls get here and each would reserve the space.
        Some(_) => Box::pin(run.repeat(outcome)).await,
    };
    match outcome {
        Ok(response) => Ok((response, attempts)),
        Err(error) => Err(failure(run.call.operation, error).with_attempts(attempts)),
    }
}

struct Run<'a> {
    transport: &'a dyn HttpTransport,
    timer: Option<&'a dyn Timer>,
    retry: &'a Retry,
    call: Call<'a>,
    begun: Option<Instant>,
}

impl Run<'_> {
    /// An attempt. The future does not hold the request, which the transport has by then.
    fn attempt(&self, mut request: Request<Body>, number: u32) -> impl Future<Output = Outcome> + Send {
        let limits = self.limits(number);
        let deadline = self.begun.and_then(|begun| begun.checked_add(self.call.time_limit));
        let context = Context::new(self.call.operation, number, deadline, self.call.idempotent);
        request.body_mut().track(context.clone());
        request.extensions_mut().insert(context.clone());
        let sending = self.transport.send(request);
        async move {
            let outcome = within(self.timer, limits, &context, sending).await;
            let outcome = outcome.map_err(|error| error.informed(&context));
            trace::attempt(self.call.operation, number, &outcome);
            outcome
        }
    }

    async fn repeat(&self, mut outcome: Outcome) -> (Outcome, Attempts) {
        let mut attempts = Attempts { count: 1, processed_before: false };
        while let Some(next) = self.next_request(&outcome, attempts.count).await {
            attempts.count += 1;
            attempts.processed_before |= may_have_been_processed(&outcome);
            outcome = self.attempt(next, attempts.count).await;
        }
        (outcome, attempts)
    }

    /// Pauses and returns the next request; `None` if the outcome is final.
    async fn next_request(&self, outcome: &Outcome, attempts: u32) -> Option<Request<Body>> {
        let timer = self.timer?;
        let asked = pause_after(outcome, self.call.idempotent)?;
        if attempts >= self.retry.max_attempts {
            return None;
        }
        let pause = asked.unwrap_or_else(|| self.retry.pause(attempts));
        // A stream that was read cannot be sent again, so its outcome is final.
        let next = (self.call.request)().ok()?;
        if !self.is_enough(self.left().saturating_sub(pause)) {
            return None;
        }
        trace::pause(self.call.operation, pause);
        timer.sleep(pause).await;
        // Timers oversleep.
        self.is_enough(self.left()).then_some(next)
    }

    fn left(&self) -> Duration {
        match (self.timer, self.begun) {
            (Some(timer), Some(begun)) => {
                self.call.time_limit.saturating_sub(timer.now().saturating_duration_since(begun))
            }
            _ => Duration::MAX,
        }
    }

    fn limits(&self, attempt: u32) -> Limits {
        let left = self.left();
        let after_connecting = left / 4;
        let may_repeat = attempt < self.retry.max_attempts
            && self.is_enough(after_connecting.saturating_sub(self.retry.longest_pause(attempt)));
        let connect = if may_repeat { left.saturating_sub(after_connecting) } else { left };
        match self.retry.attempt_limit {
            _ if !self.call.idempotent => Limits { look: connect, connect, attempt: left, left },
            Some(limit) => {
                let (connect, attempt) = (connect.min(limit), left.min(limit));
                Limits { look: connect, connect, attempt, left: attempt }
            }
            None => {
                let third = self.call.time_limit / 3;
                let attempt = left.min(self.call.time_limit.saturating_sub(third));
                Limits { look: connect.min(third), connect, attempt, left }
            }
        }
    }

    /// Too short an attempt would only turn a known outcome into an unknown one.
    fn is_enough(&self, left: Duration) -> bool {
        left >= (self.call.time_limit / 8).min(MIN_ATTEMPT) && !left.is_zero()
    }
}

/// `None` if the outcome is final; otherwise the pause that Divar asked for, if any.
fn pause_after(outcome: &Outcome, idempotent: bool) -> Option<Option<Duration>> {
    use TransportErrorKind::{Connect, Interrupted, Other, RequestBody, ResponseTooLarge, Timeout};

    let error = match outcome {
        Ok(response) => {
            let status = response.status();
            let again = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() && idempotent;
            return again.then(|| response::retry_after(response.headers()));
        }
        Err(error) => error,
    };
    let again = match error.kind() {
        Connect => true,
        Timeout | Interrupted => idempotent || error.is_unsent(),
        RequestBody | ResponseTooLarge | Other => false,
    };
    again.then_some(None)
}

fn may_have_been_processed(outcome: &Outcome) -> bool {
    match outcome {
        Ok(response) => response.status().is_server_error(),
        Err(error) => !error.is_unsent(),
    }
}

fn failure(operation: &'static str, error: TransportError) -> Error {
    let kind = match error.kind() {
        TransportErrorKind::Connect => ErrorKind::Connect,
        TransportErrorKind::Timeout => ErrorKind::Timeout,
        TransportErrorKind::Interrupted => ErrorKind::Interrupted,
        TransportErrorKind::RequestBody => ErrorKind::RequestBody,
        TransportErrorKind::ResponseTooLarge => ErrorKind::ResponseTooLarge,
        TransportErrorKind::Other => ErrorKind::Transport,
    };
    let unsent = error.is_unsent();
    Error::new(kind, operation, error).unsent(unsent)
}

/// The time limits of one attempt, from its beginning.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// The first check whether the request was begun.
    look: Duration,
    /// The latest beginning of the request.
    connect: Duration,
    /// The whole attempt, if the request was begun at the first check.
    attempt: Duration,
    /// The remaining time of the call.
    left: Duration,
}

#[derive(Debug, thiserror::Error)]
#[error("timed out after {0:?}: the request was not sent")]
struct NotBegun(Duration);

/// Runs `work` within the limits.
async fn within<T>(
    timer: Option<&dyn Timer>,
    mut limits: Limits,
    context: &Context,
    work: impl Future<Output = Result<T, TransportError>>,
) -> Result<T, TransportError> {
    let Some(timer) = timer else {
        return work.await;
    };
    let mut work = pin!(work);
    let mut passed = limits.look;
    let mut alarm = timer.sleep(passed);
    poll_fn(|task| {
        loop {
            if let Poll::Ready(outcome) = work.as_mut().poll(task) {
                return Poll::Ready(outcome);
            }
            ready!(alarm.as_mut().poll(task));
            let next = if context.may_have_begun() {
                limits.attempt
            } else if passed < limits.connect {
                // The time to connect does not count against the attempt.
                limits.attempt = limits.left;
                limits.connect
            } else if context.stop_unless_begun() {
                let why = NotBegun(passed);
                return Poll::Ready(Err(TransportError::with_source(TransportErrorKind::Connect, why)));
            } else {
                limits.attempt
            };
            if passed >= next {
                return Poll::Ready(Err(TransportError::new(TransportErrorKind::Timeout)));
            }
            alarm = timer.sleep(next.saturating_sub(passed));
            passed = next;
        }
    })
    .await
}

#[cfg(test)]
mod tests;
