//! Calls counted in SQLite: a row for each quota, and a row for each of its last calls.

use std::time::Duration;

use async_trait::async_trait;
use kenar::error::StoreError;
use kenar::model::Timestamp;
use kenar::quota::{QuotaLimits, QuotaState, QuotaStore, Reservation};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::Sqlite;

/// Times are microseconds since 1970. `calls` numbers the calls of a quota.
pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS kenar_quota (
    name TEXT PRIMARY KEY,
    paused_until INTEGER,
    day INTEGER NOT NULL DEFAULT 0,
    calls_in_day INTEGER NOT NULL DEFAULT 0,
    calls INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS kenar_quota_calls (
    name TEXT NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (name, number)
) STRICT, WITHOUT ROWID;
";

const STATE: &str = "
SELECT paused_until, day, calls_in_day, calls,
    (SELECT at FROM kenar_quota_calls AS call
     WHERE call.name = :name AND call.number = kenar_quota.calls + 1 - :per_minute) AS minute_ago
FROM kenar_quota WHERE name = :name";

const COUNT: &str = "
INSERT INTO kenar_quota (name, day, calls_in_day, calls) VALUES (:name, :day, :calls_in_day, :calls)
ON CONFLICT DO UPDATE SET day = :day, calls_in_day = :calls_in_day, calls = :calls";

const CALL: &str = "INSERT INTO kenar_quota_calls (name, number, at) VALUES (:name, :number, :at)";

/// Calls that are no longer looked at.
const FORGET: &str = "DELETE FROM kenar_quota_calls WHERE name = :name AND number <= :number";

const PAUSE: &str = "
INSERT INTO kenar_quota (name, paused_until) VALUES (:name, :until)
ON CONFLICT DO UPDATE SET paused_until = max(ifnull(paused_until, 0), :until)";

#[async_trait]
impl QuotaStore for Sqlite {
    async fn reserve(&self, name: &str, limits: &QuotaLimits, max_wait: Duration) -> Result<Reservation, StoreError> {
        let (name, limits) = (name.to_owned(), *limits);
        let job = move |connection: &Connection| reserve(connection, &name, &limits, max_wait);
        Ok(self.write(job).await?)
    }

    async fn pause(&self, name: &str, pause: Duration) -> Result<(), StoreError> {
        let name = name.to_owned();
        let job = move |connection: &Connection| {
            let until = Timestamp::now().saturating_add(pause.min(QuotaLimits::MAX_PAUSE)).unix_micros();
            connection.prepare_cached(PAUSE)?.execute(named_params! { ":name": name, ":until": until })
        };
        self.write(job).await?;
        Ok(())
    }
}

fn reserve(
    connection: &Connection,
    name: &str,
    limits: &QuotaLimits,
    max_wait: Duration,
) -> rusqlite::Result<Reservation> {
    let per_minute = limits.per_minute().map_or(0, |limit| i64::from(limit.get()));
    let values = named_params! { ":name": name, ":per_minute": per_minute };
    let stored = connection.prepare_cached(STATE)?.query_row(values, state).optional()?;
    let (mut state, calls) = stored.unwrap_or_default();
    let now = Timestamp::now();
    let next = limits.next_call(now, &state);
    let wait = next.saturating_since(now);
    if wait > max_wait.min(QuotaLimits::MAX_WAIT) {
        return Ok(Reservation::Refused(wait));
    }
    state.count(limits.day(next));
    let number = calls.saturating_add(1);
    connection.prepare_cached(COUNT)?.execute(named_params! {
        ":name": name,
        ":day": state.day,
        ":calls_in_day": state.calls_in_day,
        ":calls": number,
    })?;
    if per_minute > 0 {
        let values = named_params! { ":name": name, ":number": number, ":at": next.unix_micros() };
        connection.prepare_cached(CALL)?.execute(values)?;
    }
    let forgotten = number.saturating_sub(per_minute);
    connection.prepare_cached(FORGET)?.execute(named_params! { ":name": name, ":number": forgotten })?;
    Ok(Reservation::Granted(wait))
}

fn state(row: &Row<'_>) -> rusqlite::Result<(QuotaState, i64)> {
    let time = |column: &str| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(column)?.and_then(Timestamp::from_unix_micros))
    };
    let mut state = QuotaState::default();
    state.paused_until = time("paused_until")?;
    state.minute_ago = time("minute_ago")?;
    state.day = row.get("day")?;
    state.calls_in_day = row.get("calls_in_day")?;
    Ok((state, row.get("calls")?))
}
