use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Datelike as _, Timelike as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::lenient::{FromScalar, Scalar};

/// An instant in the years 0 to 9999, with microsecond precision.
///
/// Divar's documentation has times as integers in microseconds, its OpenAPI file and traffic as RFC 3339, and older traffic
/// as digits in a text. All are parsed; RFC 3339 in UTC is written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The error for a text that is not an RFC 3339 timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 timestamp, such as 2025-07-16T10:41:42.648410Z")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// 0000-01-01T00:00:00Z
    const MIN: i64 = -62_167_219_200_000_000;
    /// 9999-12-31T23:59:59.999999Z
    const MAX: i64 = 253_402_300_799_999_999;

    /// The instant of a Unix time in microseconds; `None` outside the years 0 to 9999.
    #[must_use]
    pub const fn from_unix_micros(micros: i64) -> Option<Self> {
        if micros < Self::MIN || micros > Self::MAX { None } else { Some(Self(micros)) }
    }

    /// The instant of a Unix time whose unit follows from its magnitude.
    ///
    /// From 2001 to 2286, seconds, milliseconds, microseconds and nanoseconds have 10, 13, 16 and 19 digits. Nanoseconds are
    /// truncated to microseconds.
    #[must_use]
    pub fn from_unix_guessed(number: i128) -> Option<Self> {
        let micros = match number.unsigned_abs() {
            0..100_000_000_000 => number.checked_mul(1_000_000)?,
            100_000_000_000..100_000_000_000_000 => number.checked_mul(1_000)?,
            100_000_000_000_000..100_000_000_000_000_000 => number,
            _ => number.div_euclid(1_000),
        };
        Self::from_unix_micros(micros.try_into().ok()?)
    }

    /// The Unix time in microseconds.
    #[must_use]
    pub const fn unix_micros(self) -> i64 {
        self.0
    }

    /// The time of the system clock.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// Adds a duration, up to the end of the year 9999.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros).min(Self::MAX))
    }

    /// The duration since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<SystemTime> for Timestamp {
    /// Truncates to microseconds and clamps to the years 0 to 9999.
    fn from(time: SystemTime) -> Self {
        let micros = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(Self::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(Self::MIN, |micros| -micros),
        };
        Self(micros.clamp(Self::MIN, Self::MAX))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(Timestamp(micros): Timestamp) -> Self {
        let distance = Duration::from_micros(micros.unsigned_abs());
        let time = if micros < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
        time.unwrap_or(UNIX_EPOCH)
    }
}

/// Writes RFC 3339 in UTC, with six fraction digits or none.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // chrono represents all of the years 0 to 9999.
        let time = DateTime::from_timestamp_micros(self.0).unwrap_or_default();
        let (year, month, day) = (time.year(), time.month(), time.day());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match time.timestamp_subsec_micros() {
            0 => f.write_char('Z'),
            micros => write!(f, ".{micros:06}Z"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Parses RFC 3339 with any offset. Fraction digits after the sixth are ignored.
impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        // chrono accepts a minus sign that is not ASCII; RFC 3339 does not.
        let time = Some(text).filter(|text| text.is_ascii()).and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        // A leap second becomes the first second of the next minute, as in Unix time.
        time.and_then(|time| Self::from_unix_micros(time.timestamp_micros())).ok_or(InvalidTimestamp)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Parses RFC 3339, an integer, or an integer in a text.
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::lenient::scalar(deserializer)?.ok_or_else(|| serde::de::Error::custom(InvalidTimestamp))
    }
}

impl FromScalar for Timestamp {
    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok().or_else(|| Self::from_scalar(Scalar::Text(text)))
    }

    /// Divar's server may send zero for "none".
    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        scalar.integer().filter(|number| *number != 0).and_then(Self::from_unix_guessed)
    }
}

#[cfg(test)]
mod tests;
