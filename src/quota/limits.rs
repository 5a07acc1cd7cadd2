//! How many calls an app may make, and when the next one may be made.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::model::Timestamp;

/// The limits of an app, as Kenar's panel shows them.
///
/// ```
/// use std::num::NonZeroU32;
/// use kenar::quota::QuotaLimits;
///
/// # fn setting(_: &str) -> Option<NonZeroU32> { None }
/// let limits = QuotaLimits::new(setting("KENAR_CALLS_PER_MINUTE"), setting("KENAR_CALLS_PER_DAY"));
/// ```
///
/// The minute slides: in no 60 seconds are more calls made. The day is a calendar day: Divar documents that the daily quota
/// is reset each day, but not when. Midnight in Tehran is assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaLimits {
    per_minute: Option<NonZeroU32>,
    per_day: Option<NonZeroU32>,
    day_offset: i64,
}

/// What a store knows of the calls that were made or reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotaState {
    /// The end of the pause that Divar asked for.
    pub paused_until: Option<Timestamp>,
    /// The call that is as many calls back as there may be in a minute: the last one has number 1.
    pub minute_ago: Option<Timestamp>,
    /// The last day in which a call was made, by [`QuotaLimits::day`].
    pub day: i64,
    /// The calls of that day.
    pub calls_in_day: u32,
}

impl QuotaState {
    /// Counts a call of this day.
    pub fn count(&mut self, day: i64) {
        self.calls_in_day = if self.day == day { self.calls_in_day.saturating_add(1) } else { 1 };
        self.day = day;
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY_MICROS: i64 = 86_400_000_000;
/// UTC+3:30; Iran has had no summer time since 2022.
const TEHRAN: i64 = (3 * 60 + 30) * 60_000_000;

impl QuotaLimits {
    /// The longest time ahead for which a call is reserved: 10 minutes.
    pub const MAX_WAIT: Duration = Duration::from_secs(600);

    /// The longest pause after a 429: 24 hours.
    pub const MAX_PAUSE: Duration = Duration::from_secs(86_400);

    /// Limits the calls per minute and per day; `None` for no limit.
    #[must_use]
    pub fn new(per_minute: Option<NonZeroU32>, per_day: Option<NonZeroU32>) -> Self {
        Self { per_minute, per_day, day_offset: TEHRAN }
    }

    /// Begins the day at midnight of another time zone: `seconds` east of UTC.
    #[must_use]
    pub fn day_offset_seconds(mut self, seconds: i32) -> Self {
        self.day_offset = i64::from(seconds) * 1_000_000;
        self
    }

    /// The greatest number of calls in 60 seconds.
    #[must_use]
    pub fn per_minute(&self) -> Option<NonZeroU32> {
        self.per_minute
    }

    /// The greatest number of calls in a day.
    #[must_use]
    pub fn per_day(&self) -> Option<NonZeroU32> {
        self.per_day
    }

    /// How far the day is ahead of UTC, in microseconds.
    #[must_use]
    pub fn day_offset_micros(&self) -> i64 {
        self.day_offset
    }

    /// The number of the day: days since 1970.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> i64 {
        at.unix_micros().saturating_add(self.day_offset).div_euclid(DAY_MICROS)
    }

    /// When the next call may be made: the rule that every [`QuotaStore`](super::QuotaStore) keeps.
    ///
    /// Times that are further ahead than any reservation are left out: a clock was set back.
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

#[cfg(test)]
mod tests;
