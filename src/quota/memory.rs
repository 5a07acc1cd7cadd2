use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::store::{QuotaStore, Reservation};
use super::{QuotaLimits, QuotaState};
use crate::error::StoreError;
use crate::model::Timestamp;

/// A [`QuotaStore`] in memory, for an app of one process.
#[derive(Debug)]
pub struct MemoryQuota {
    quotas: Mutex<HashMap<String, Counted>>,
    /// The start of a monotonic clock.
    begun: (Instant, Timestamp),
}

#[derive(Debug, Default)]
struct Counted {
    /// The calls of the last minute, latest first.
    calls: VecDeque<Timestamp>,
    state: QuotaState,
}

impl MemoryQuota {
    /// Creates a store without calls.
    #[must_use]
    pub fn new() -> Self {
        Self { quotas: Mutex::default(), begun: (Instant::now(), Timestamp::now()) }
    }

    fn now(&self) -> Timestamp {
        let (instant, time) = self.begun;
        time.saturating_add(instant.elapsed())
    }

    fn quotas(&self) -> MutexGuard<'_, HashMap<String, Counted>> {
        self.quotas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryQuota {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl QuotaStore for MemoryQuota {
    async fn reserve(&self, name: &str, limits: &QuotaLimits, max_wait: Duration) -> Result<Reservation, StoreError> {
        let mut quotas = self.quotas();
        let quota = quotas.entry(name.to_owned()).or_default();
        let now = self.now();
        let in_minute = limits.per_minute().map_or(0, |limit| limit.get() as usize);
        quota.state.minute_ago = in_minute.checked_sub(1).and_then(|back| quota.calls.get(back)).copied();
        let next = limits.next_call(now, &quota.state);
        let wait = next.saturating_since(now);
        if wait > max_wait.min(QuotaLimits::MAX_WAIT) {
            return Ok(Reservation::Refused(wait));
        }
        quota.calls.push_front(next);
        quota.calls.truncate(in_minute);
        quota.state.count(limits.day(next));
        Ok(Reservation::Granted(wait))
    }

    async fn pause(&self, name: &str, pause: Duration) -> Result<(), StoreError> {
        let until = self.now().saturating_add(pause.min(QuotaLimits::MAX_PAUSE));
        let mut quotas = self.quotas();
        let state = &mut quotas.entry(name.to_owned()).or_default().state;
        state.paused_until = state.paused_until.max(Some(until));
        Ok(())
    }
}
