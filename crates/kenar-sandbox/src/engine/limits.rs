//! Rate limits of apps.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderValue, header};
use serde::Serialize;

use kenar::model::{AppSlug, Timestamp};
use kenar::quota::QuotaLimits;

use super::note::Note;
use super::reply::{Reply, json};
use kenar::error::RpcCode;

/// A window in which calls are counted.
///
/// The platform documents a limit per minute and a quota per day. Windows that begin at full minutes, and days that begin as
/// those of [`QuotaLimits`] do, are a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Window {
    Minute,
    Day,
}

impl Window {
    const ALL: [Self; 2] = [Self::Minute, Self::Day];

    fn length(self) -> Duration {
        Duration::from_secs(match self {
            Self::Minute => 60,
            Self::Day => 24 * 3600,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Minute => "per minute",
            Self::Day => "per day",
        }
    }

    fn micros(self) -> i64 {
        i64::try_from(self.length().as_micros()).unwrap_or(i64::MAX)
    }

    fn local_micros(self, now: Timestamp) -> i64 {
        let offset = match self {
            Self::Minute => 0,
            Self::Day => QuotaLimits::new(None, None).day_offset_micros(),
        };
        now.unix_micros().saturating_add(offset)
    }

    fn number_at(self, now: Timestamp) -> i64 {
        self.local_micros(now).div_euclid(self.micros())
    }

    /// The time until the next window.
    fn left_at(self, now: Timestamp) -> Duration {
        let gone = self.local_micros(now).rem_euclid(self.micros());
        self.length().saturating_sub(Duration::from_micros(gone.unsigned_abs()))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Limits {
    limits: BTreeMap<(AppSlug, Window), Limit>,
}

#[derive(Debug)]
struct Limit {
    calls: u32,
    /// The number of the last window with a call.
    window: i64,
    /// The calls in that window.
    used: u32,
}

/// An exceeded limit.
#[derive(Debug)]
pub(crate) struct LimitExceeded {
    window: Window,
    calls: u32,
    retry_after: Duration,
}

impl Limits {
    /// Sets or removes a limit.
    pub(crate) fn set(&mut self, app: &AppSlug, window: Window, calls: Option<u32>) {
        let place = (app.clone(), window);
        match calls {
            Some(calls) => {
                let limit = self.limits.entry(place).or_insert(Limit { calls, window: i64::MIN, used: 0 });
                limit.calls = calls;
            }
            None => drop(self.limits.remove(&place)),
        }
    }

    /// Counts a call. Calls over the limit are not counted.
    pub(crate) fn count(&mut self, app: &AppSlug, now: Timestamp) -> Result<(), LimitExceeded> {
        for window in Window::ALL {
            if let Some(limit) = self.limits.get_mut(&(app.clone(), window)) {
                if limit.window != window.number_at(now) {
                    (limit.window, limit.used) = (window.number_at(now), 0);
                }
                if limit.used >= limit.calls {
                    return Err(LimitExceeded { window, calls: limit.calls, retry_after: window.left_at(now) });
                }
            }
        }
        for window in Window::ALL {
            if let Some(limit) = self.limits.get_mut(&(app.clone(), window)) {
                limit.used = limit.used.saturating_add(1);
            }
        }
        Ok(())
    }
}

/// The platform documents the status, and that the response names the limit. The body follows the gRPC convention.
impl From<LimitExceeded> for Reply {
    fn from(exceeded: LimitExceeded) -> Self {
        #[derive(Serialize)]
        struct Status<'a> {
            code: i32,
            message: &'a str,
            details: [QuotaFailure<'a>; 1],
        }
        #[derive(Serialize)]
        struct QuotaFailure<'a> {
            #[serde(rename = "@type")]
            kind: &'static str,
            violations: [Violation<'a>; 1],
        }
        #[derive(Serialize)]
        struct Violation<'a> {
            subject: &'static str,
            description: &'a str,
        }

        let LimitExceeded { window, calls, retry_after } = exceeded;
        let message = format!("rate limit exceeded: {calls} calls {}", window.name());
        let violations = [Violation { subject: window.name(), description: &message }];
        let details = [QuotaFailure { kind: "type.googleapis.com/google.rpc.QuotaFailure", violations }];
        let status = Status { code: RpcCode::RESOURCE_EXHAUSTED.0, message: &message, details };
        let mut response = json(http::StatusCode::TOO_MANY_REQUESTS, &status);
        // Rounded up to whole seconds, so that a retry is never too early.
        let seconds = retry_after.as_secs().saturating_add(u64::from(retry_after.subsec_nanos() > 0));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        Self::new(response).note(Note::Guess("body and Retry-After; the platform documents only the status"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daily_limit_ends_with_the_day_of_quota_limits() {
        let (app, mut limits) = (AppSlug::new("delivery"), Limits::default());
        limits.set(&app, Window::Day, Some(1));
        // Midnight in Tehran is at 20:30.
        let before: Timestamp = "2026-01-01T20:29:59Z".parse().unwrap();
        let midnight = before.saturating_add(Duration::from_secs(1));
        let day = |at| QuotaLimits::new(None, None).day(at);
        assert_eq!(day(before) + 1, day(midnight));

        limits.count(&app, before).unwrap();
        assert_eq!(limits.count(&app, before).unwrap_err().retry_after, Duration::from_secs(1));
        limits.count(&app, midnight).unwrap();
        limits.count(&app, midnight).unwrap_err();
    }
}
