use std::error::Error as StdError;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::error::BoxError;

/// The call that a request belongs to, in the [`Extensions`](http::Extensions) of each request.
///
/// Transports, middleware and metrics layers read it. It contains no identifiers of people, no secrets and no content.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    operation: &'static str,
    attempt: u32,
    deadline: Option<Instant>,
    idempotent: bool,
    progress: AtomicU8,
    failure: OnceLock<Failure>,
}

pub(crate) type Failure = Arc<dyn StdError + Send + Sync>;

/// Unknown, since the body is empty and need not be read.
const UNKNOWN: u8 = 0;
const WAITING: u8 = 1;
const PARTLY_READ: u8 = 2;
const READ: u8 = 3;
/// The call ended before the whole body was read; the rest cannot be read.
const STOPPED: u8 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Nothing,
    /// Not the end of the body.
    Part,
    /// Possibly the whole request.
    MaybeAll,
}

impl Context {
    pub(crate) fn new(operation: &'static str, attempt: u32, deadline: Option<Instant>, idempotent: bool) -> Self {
        let (progress, failure) = (AtomicU8::new(UNKNOWN), OnceLock::new());
        Self(Arc::new(Inner { operation, attempt, deadline, idempotent, progress, failure }))
    }

    /// The operation's [`name`](super::Metadata::name).
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The number of the attempt, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// The deadline of the whole call; `None` without a timer.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// Returns `true` if a retry is safe after the request may have been processed.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.0.idempotent
    }

    /// Returns `false` only if no part of the request was sent, since nothing has read its [`Body`](super::Body).
    #[must_use]
    pub fn may_have_begun(&self) -> bool {
        self.progress() != WAITING
    }

    /// Declares that the transport reads even an empty body, and only when it writes the request to a connection.
    ///
    /// Reading includes [`is_end_stream`](http_body::Body::is_end_stream). hyper behaves this way. Without this call, a
    /// request without a body that timed out before it was sent is reported as possibly processed.
    pub fn begins_when_body_is_read(&self) {
        let _ = self.0.progress.compare_exchange(UNKNOWN, WAITING, Ordering::AcqRel, Ordering::Acquire);
    }

    fn progress(&self) -> u8 {
        self.0.progress.load(Ordering::Acquire)
    }

    /// Advances to `to`; `false` if the call has ended and nothing more may be read.
    pub(super) fn advance(&self, to: Reading) -> bool {
        let to = match to {
            Reading::Part => PARTLY_READ,
            Reading::All => READ,
        };
        // `STOPPED` is the greatest.
        let advanced = |now| (now < to).then_some(to);
        let before = self.0.progress.fetch_update(Ordering::AcqRel, Ordering::Acquire, advanced);
        before != Err(STOPPED)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.progress() == STOPPED
    }

    pub(crate) fn stop_unless_begun(&self) -> bool {
        self.0.progress.compare_exchange(WAITING, STOPPED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends the call, so that no more of the body can be read, and returns the part that may have been sent.
    pub(crate) fn stop(&self) -> Sent {
        let stopped = |now| matches!(now, WAITING | PARTLY_READ).then_some(STOPPED);
        match self.0.progress.fetch_update(Ordering::AcqRel, Ordering::Acquire, stopped) {
            Ok(WAITING) => Sent::Nothing,
            Ok(_) | Err(STOPPED) => Sent::Part,
            Err(_) => Sent::MaybeAll,
        }
    }

    pub(super) fn keep_failure(&self, failure: BoxError) -> BoxError {
        Box::new(self.0.failure.get_or_init(|| failure.into()).clone())
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        self.0.failure.get().cloned()
    }
}

#[derive(Clone, Copy)]
pub(super) enum Reading {
    Part,
    All,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("operation", &self.0.operation)
            .field("attempt", &self.0.attempt)
            .field("deadline", &self.0.deadline)
            .field("idempotent", &self.0.idempotent)
            .finish_non_exhaustive()
    }
}
