use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kenar::model::Timestamp;

/// The start of a [manual clock](crate::SandboxBuilder::manual_clock): 2025-01-01T00:00:00Z, in microseconds.
const START: i64 = 1_735_689_600_000_000;

/// A source of the current time.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    pub(crate) fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl Default for Clock {
    /// The system clock.
    fn default() -> Self {
        Self::new(Timestamp::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// The clock of one sandbox: a base clock plus an offset.
#[derive(Clone, Debug)]
pub(crate) struct SandboxClock {
    base: Clock,
    ahead_micros: Arc<AtomicU64>,
}

impl SandboxClock {
    pub(crate) fn new(base: Clock) -> Self {
        Self { base, ahead_micros: Arc::default() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.base.now().saturating_add(Duration::from_micros(self.ahead_micros.load(Ordering::Relaxed)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        let add = |ahead: u64| Some(ahead.saturating_add(by));
        // Cannot fail: the function always returns a value.
        let _ = self.ahead_micros.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

/// A clock that never moves by itself.
pub(crate) fn still() -> Clock {
    Clock::new(|| Timestamp::from_unix_micros(START).unwrap_or_else(Timestamp::now))
}
