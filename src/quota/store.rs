use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::error::StoreError;
use crate::model::Timestamp;
use crate::shared::shared;

shared! {
    /// A call counter that all processes of an app share, for a [`Quota`](super::Quota).
    ///
    /// Implemented by [`MemoryQuota`](super::MemoryQuota) for one process and, in `kenar-store`, for SQLite and Redis.
    /// Test your own store with `kenar_store::conformance::check_quota` (feature `conformance`, default features off).
    ///
    /// Each method is one atomic step for the quota `name`, by the store's clock.
    pub trait QuotaStore: Debug + Send + Sync + 'static {
        /// Reserves the next call that [`QuotaLimits::next_call`] permits, if that is at most `max_wait` from now.
        ///
        /// A `max_wait` above [`QuotaLimits::MAX_WAIT`] counts as that.
        async fn reserve(
            &self,
            name: &str,
            limits: &QuotaLimits,
            max_wait: Duration,
        ) -> Result<Reservation, StoreError>;

        /// Permits no call for a time, at most [`QuotaLimits::MAX_PAUSE`]. Never shortens a pause.
        async fn pause(&self, name: &str, pause: Duration) -> Result<(), StoreError>;
    }
}

/// The outcome of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// The call is counted, and may be made after this time.
    Granted(Duration),
    /// The call is not counted; one may be made after this time.
    Refused(Duration),
}

/// The rate limits of an app, which Kenar's panel shows.
///
/// The minute is a sliding window. The day is a calendar day in Tehran, which is assumed: Divar documents that the
/// daily quota is reset each day, but not when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaLimits {
    per_minute: Option<NonZeroU32>,
    per_day: Option<NonZeroU32>,
    day_offset: i64,
}

/// A store's record of the calls made and reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotaState {
    /// The end of the pause that Divar asked for.
    pub paused_until: Option<Timestamp>,
    /// The time of the `per_minute`-th last call.
    pub minute_ago: Option<Timestamp>,
    /// The [day](QuotaLimits::day) of the last call.
    pub day: i64,
    /// The number of calls on that day.
    pub calls_in_day: u32,
}

impl QuotaState {
    /// Counts a call on a day.
    pub fn count(&mut self, day: i64) {
        self.calls_in_day = if self.day == day { self.calls_in_day.saturating_add(1) } else { 1 };
        self.day = day;
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY_MICROS: i64 = 86_400_000_000;
/// UTC+3:30: Iran has had no daylight saving time since 2022.
const TEHRAN: i64 = (3 * 60 + 30) * 60_000_000;

impl QuotaLimits {
    /// The longest time ahead that a call is reserved: 10 minutes.
    pub const MAX_WAIT: Duration = Duration::from_secs(600);

    /// The longest pause after a 429: 24 hours.
    pub const MAX_PAUSE: Duration = Duration::from_secs(86_400);

    /// Creates limits per minute and per day; `None` for no limit.
    #[must_use]
    pub fn new(per_minute: Option<NonZeroU32>, per_day: Option<NonZeroU32>) -> Self {
        Self { per_minute, per_day, day_offset: TEHRAN }
    }

    /// Sets another time zone for the day, in seconds east of UTC.
    #[must_use]
    pub fn day_offset_seconds(mut self, seconds: i32) -> Self {
        self.day_offset = i64::from(seconds) * 1_000_000;
        self
    }

    /// The limit per minute.
    #[must_use]
    pub fn per_minute(&self) -> Option<NonZeroU32> {
        self.per_minute
    }

    /// The limit per day.
    #[must_use]
    pub fn per_day(&self) -> Option<NonZeroU32> {
        self.per_day
    }

    /// The time zone of the day, in microseconds east of UTC.
    #[must_use]
    pub fn day_offset_micros(&self) -> i64 {
        self.day_offset
    }

    /// The day of a time, in days since 1970.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> i64 {
        at.unix_micros().saturating_add(self.day_offset).div_euclid(DAY_MICROS)
    }

    /// The time of the next permitted call, which every [`QuotaStore`](super::QuotaStore) must follow.
    ///
    /// Ignores times further ahead than any reservation, because a clock was set back.
    #[must_use]
    pub fn next_call(&self, now: Timestamp, state: &QuotaState) -> Timestamp {
        let mut next = now;
        if let Some(until) = state.paused_until.filter(|until| until.saturating_since(now) <= Self::MAX_PAUSE) {
            next = next.max(until);
        }
        let minute_ago = state.minute_ago.filter(|call| call.saturating_since(now) <= Self::MAX_WAIT);
        if let (Some(_), Some(call)) = (self.per_minute, minute_ago) {
            next = next.max(call.saturating_add(MINUTE));
        }
        let is_ahead = state.day > self.day(now.saturating_add(Self::MAX_WAIT));
        if let (Some(limit), false) = (self.per_day, is_ahead) {
            let is_used_up = state.calls_in_day >= limit.get();
            let first_day = if is_used_up { state.day.saturating_add(1) } else { state.day };
            next = self.start_of(first_day).map_or(next, |start| next.max(start));
        }
        next
    }

    fn start_of(&self, day: i64) -> Option<Timestamp> {
        Timestamp::from_unix_micros(day.checked_mul(DAY_MICROS)?.checked_sub(self.day_offset)?)
    }
}

/// A [`QuotaStore`] in memory, for an app of one process.
#[derive(Debug)]
pub struct MemoryQuota {
    quotas: Mutex<Vec<Counted>>,
    begun: (Instant, Timestamp),
}

#[derive(Debug, Default)]
struct Counted {
    name: String,
    /// Latest first.
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

    /// Works on a quota. There are few.
    fn with<T>(&self, name: &str, work: impl FnOnce(&mut Counted) -> T) -> T {
        let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(quota) = quotas.iter_mut().find(|quota| quota.name == name) {
            return work(quota);
        }
        let mut quota = Counted { name: name.to_owned(), ..Counted::default() };
        let done = work(&mut quota);
        quotas.push(quota);
        done
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
        Ok(self.with(name, |quota| {
            let now = self.now();
            let in_minute = limits.per_minute().map_or(0, |limit| limit.get() as usize);
            quota.state.minute_ago = in_minute.checked_sub(1).and_then(|back| quota.calls.get(back)).copied();
            let next = limits.next_call(now, &quota.state);
            let wait = next.saturating_since(now);
            if wait > max_wait.min(QuotaLimits::MAX_WAIT) {
                return Reservation::Refused(wait);
            }
            quota.calls.push_front(next);
            quota.calls.truncate(in_minute);
            quota.state.count(limits.day(next));
            Reservation::Granted(wait)
        }))
    }

    async fn pause(&self, name: &str, pause: Duration) -> Result<(), StoreError> {
        let until = self.now().saturating_add(pause.min(QuotaLimits::MAX_PAUSE));
        self.with(name, |Counted { state, .. }| state.paused_until = state.paused_until.max(Some(until)));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
