use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::lenient::{FromScalar, Scalar};

const MICROS: i64 = 1_000_000;
const DAY: i64 = 86_400;

/// An instant, to the microsecond, from the year 0 to the year 9999: what RFC 3339 can write.
///
/// Divar's documents give times as a number of microseconds, its OpenAPI file and its traffic as RFC 3339 text, and
/// older traffic as digits in a text. All of them are read; RFC 3339 in UTC is written.
///
/// ```
/// use kenar::model::Timestamp;
///
/// let sent_at: Timestamp = "2025-07-16T10:41:42.648410Z".parse()?;
/// assert_eq!(sent_at, Timestamp::from_unix_micros(1_752_662_502_648_410).unwrap());
/// assert_eq!(sent_at.to_string(), "2025-07-16T10:41:42.648410Z");
/// # Ok::<(), kenar::model::InvalidTimestamp>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is no RFC 3339 date and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 date and time, such as 2025-07-16T10:41:42.648410Z")]
pub struct InvalidTimestamp;

impl Timestamp {
    const MIN: i64 = days_from_civil(0, 1, 1) * DAY * MICROS;
    const MAX: i64 = days_from_civil(10_000, 1, 1) * DAY * MICROS - 1;

    /// The instant so many microseconds after 1970-01-01T00:00:00Z (before it, where negative), or `None` outside
    /// the years 0 to 9999.
    #[must_use]
    pub const fn from_unix_micros(micros: i64) -> Option<Self> {
        if micros < Self::MIN || micros > Self::MAX { None } else { Some(Self(micros)) }
    }

    /// The instant of a whole number whose unit its magnitude tells: seconds, milliseconds, microseconds or
    /// nanoseconds, which have 10, 13, 16 and 19 digits from 2001 to 2286. Nanoseconds are cut to microseconds.
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

    /// Microseconds since 1970-01-01T00:00:00Z, negative before it.
    #[must_use]
    pub const fn unix_micros(self) -> i64 {
        self.0
    }

    /// The instant the system clock shows.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// The instant `duration` later; the last one there is, where that would be after the year 9999.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros).min(Self::MAX))
    }

    /// How long it is from `earlier` to this instant; zero where `earlier` is the later one.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<SystemTime> for Timestamp {
    /// Cut to microseconds, and to the years 0 to 9999.
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

/// RFC 3339 in UTC, with six fraction digits, or none where the instant is a whole second.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0.div_euclid(MICROS), self.0.rem_euclid(MICROS));
        let (year, month, day) = civil_from_days(seconds.div_euclid(DAY));
        let second = seconds.rem_euclid(DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        f.write_char('Z')
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads RFC 3339: any offset, any number of fraction digits (those after the sixth are cut off).
impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        parse_rfc3339(text.as_bytes()).and_then(Self::from_unix_micros).ok_or(InvalidTimestamp)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads RFC 3339 text, a whole number, or the digits of one in a text.
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::lenient::scalar(deserializer)?.ok_or_else(|| serde::de::Error::custom(InvalidTimestamp))
    }
}

impl FromScalar for Timestamp {
    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok().or_else(|| Self::from_scalar(Scalar::Text(text)))
    }

    /// Zero is how Divar's server may write "none".
    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        scalar.integer().filter(|number| *number != 0).and_then(Self::from_unix_guessed)
    }
}

fn parse_rfc3339(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (separator, rest) = rest.split_first()?;
    let (time, rest) = rest.split_at_checked(8)?;
    let (&[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2], b'T' | b't' | b' ', &[h1, h2, b':', n1, n2, b':', s1, s2]) =
        (date, separator, time)
    else {
        return None;
    };
    let year = digits(&[y1, y2, y3, y4])?;
    let month = digits(&[m1, m2]).filter(|month| (1..=12).contains(month))?;
    let day = digits(&[d1, d2]).filter(|day| (1..=days_in_month(year, month)).contains(day))?;
    let hour = digits(&[h1, h2]).filter(|hour| *hour < 24)?;
    let minute = digits(&[n1, n2]).filter(|minute| *minute < 60)?;
    // A leap second is the first one of the next minute: Unix time has no place for it.
    let second = digits(&[s1, s2]).filter(|second| *second <= 60)?;
    let (micros, rest) = fraction(rest)?;
    let offset = offset_seconds(rest)?;

    let seconds = days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    Some(seconds * MICROS + micros)
}

/// The microseconds of `.648410…`, none where there is no point, and what comes after.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', rest)) = text.split_first() else {
        return Some((0, text));
    };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, rest) = rest.split_at_checked(length)?;
    if fraction.is_empty() {
        return None;
    }
    let micros = fraction.iter().chain(std::iter::repeat(&b'0')).take(6);
    Some((micros.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0')), rest))
}

fn offset_seconds(text: &[u8]) -> Option<i64> {
    match *text {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = digits(&[h1, h2]).filter(|hours| *hours < 24)?;
            let minutes = digits(&[m1, m2]).filter(|minutes| *minutes < 60)?;
            let seconds = hours * 3600 + minutes * 60;
            Some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar, counted in eras of 400 years that begin on
/// March 1, so that the leap day is the last one.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_one_instant_is_that_instant() {
        let instant = Timestamp::from_unix_micros(1_729_429_926_140_000).unwrap();
        for form in [
            "1729429926140000",
            "\"1729429926140000\"",
            "1729429926140",
            "\"1729429926140\"",
            "1729429926140000000",
            "\"1729429926140000999\"",
            "1729429926140000.0",
            "\"2024-10-20T13:12:06.14Z\"",
            "\"2024-10-20T13:12:06.140000999Z\"",
            "\"2024-10-20t16:42:06.140+03:30\"",
            "\"2024-10-20 09:12:06.140-04:00\"",
        ] {
            assert_eq!(serde_json::from_str::<Timestamp>(form).ok(), Some(instant), "{form}");
        }
        assert_eq!(serde_json::from_str::<Timestamp>("1729429926").unwrap().to_string(), "2024-10-20T13:12:06Z");
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "yesterday",
            "2024-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-10-20T24:00:00Z",
            "2024-10-20T13:12:06",
            "2024-10-20T13:12:06.Z",
            "2024-10-20T13:12:06+0330",
            "0000-01-01T00:00:00+00:01",
            "9999-12-31T23:59:60Z",
            "۲۰۲۴-۱۰-۲۰T13:12:06Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(InvalidTimestamp), "{text}");
        }
    }
}
