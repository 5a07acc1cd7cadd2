use std::error::Error as StdError;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::error::BoxError;

/// The call behind a request: in the [`Extensions`](http::Extensions) of every request that a client sends.
///
/// A transport, a middleware or a metrics layer reads it with `request.extensions().get::<Context>()`. It holds no
/// identifier of a person, no secret and nothing of the body.
///
/// ```
/// # use kenar::request::{Body, Context};
/// fn label(request: &http::Request<Body>) -> String {
///     match request.extensions().get::<Context>() {
///         Some(context) => format!("{} #{}", context.operation(), context.attempt()),
///         None => "unknown".to_owned(),
///     }
/// }
/// # assert_eq!(label(&http::Request::new(Body::empty())), "unknown");
/// ```
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

/// The body is empty, so whether the request was begun is not known: nobody need read an empty body.
const UNKNOWN: u8 = 0;
/// The body has not been read.
const WAITING: u8 = 1;
/// Some of the body has been read, and not all.
const PARTLY_READ: u8 = 2;
/// All of the body has been read.
const READ: u8 = 3;
/// The call ended before the body was read to its end. What is left of it is not given out any more.
const STOPPED: u8 = 4;

/// How much of a request can have left when its call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Nothing.
    Nothing,
    /// Not the end of the body.
    Part,
    /// All of it.
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

    /// The number of the attempt within the call: 1 for the first.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// The end of the whole call; `None` if the client has no timer.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// Whether the call may be repeated after it may have been processed.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.0.idempotent
    }

    /// Whether the request may have begun to leave. `false` is certain.
    ///
    /// The client derives it from the [`Body`](super::Body): a request with a body that nobody has read has not left.
    #[must_use]
    pub fn may_have_begun(&self) -> bool {
        self.progress() != WAITING
    }

    /// Promises that the transport asks an empty body for its end
    /// ([`is_end_stream`](http_body::Body::is_end_stream)), and does so only once the request is written to a connection.
    ///
    /// hyper does. With this promise, a request without a body that timed out before it was begun is reported as not
    /// sent; without it, it may have been processed.
    pub fn begins_when_body_is_read(&self) {
        let _ = self.0.progress.compare_exchange(UNKNOWN, WAITING, Ordering::AcqRel, Ordering::Acquire);
    }

    fn progress(&self) -> u8 {
        self.0.progress.load(Ordering::Acquire)
    }

    /// Moves on to `to`. `false` where the call has ended: then nothing more may be given out.
    pub(super) fn advance(&self, to: Reading) -> bool {
        let to = match to {
            Reading::Part => PARTLY_READ,
            Reading::All => READ,
        };
        let mut now = self.progress();
        loop {
            match now {
                STOPPED => return false,
                _ if now >= to => return true,
                _ => match self.0.progress.compare_exchange_weak(now, to, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => return true,
                    Err(other) => now = other,
                },
            }
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.progress() == STOPPED
    }

    /// Ends the call if nothing of its request can have left.
    pub(crate) fn stop_unless_begun(&self) -> bool {
        self.0.progress.compare_exchange(WAITING, STOPPED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends the call: from now on, the body gives out nothing that it has not given out before. Tells what may have left.
    pub(crate) fn stop(&self) -> Sent {
        let mut now = self.progress();
        loop {
            let sent = match now {
                WAITING => Sent::Nothing,
                PARTLY_READ | STOPPED => Sent::Part,
                _ => return Sent::MaybeAll,
            };
            match self.0.progress.compare_exchange_weak(now, STOPPED, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return sent,
                Err(other) => now = other,
            }
        }
    }

    /// Keeps why the body could not be read, and gives it back for whoever reads.
    pub(super) fn keep_failure(&self, failure: BoxError) -> BoxError {
        Box::new(self.0.failure.get_or_init(|| failure.into()).clone())
    }

    /// Why the body could not be read.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.0.failure.get().cloned()
    }
}

/// How much of a body is about to be given out.
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
