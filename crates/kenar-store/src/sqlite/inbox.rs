//! Events in SQLite: one row each, which becomes the record of its key once the event is handled.

use std::time::Duration;

use async_trait::async_trait;
use kenar::error::StoreError;
use kenar::inbox::{ClaimedEvent, DeadLetter, InboxCounts, InboxStore, Insertion, NewEvent, Ticket};
use kenar::model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::Sqlite;

/// `state` is 0 behind the head of a lane, 1 at the head, 2 dead and 3 handled. `at` is when a head is due or its lease
/// ends, when a dead letter died, and when a handled event's key is forgotten. Times are microseconds since 1970. `era`
/// makes room for another event with the same key: it is 0 while the key is known.
pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS kenar_inbox (
    seq INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    era INTEGER NOT NULL DEFAULT 0,
    key_until INTEGER,
    lane TEXT NOT NULL,
    body BLOB NOT NULL,
    accepted_at INTEGER NOT NULL,
    state INTEGER NOT NULL,
    at INTEGER NOT NULL,
    fence INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    UNIQUE (key, era)
) STRICT;
CREATE INDEX IF NOT EXISTS kenar_inbox_lanes ON kenar_inbox (lane, seq) WHERE state <= 1;
CREATE INDEX IF NOT EXISTS kenar_inbox_heads ON kenar_inbox (at, seq) WHERE state = 1;
CREATE INDEX IF NOT EXISTS kenar_inbox_dead ON kenar_inbox (at) WHERE state = 2;
CREATE INDEX IF NOT EXISTS kenar_inbox_handled ON kenar_inbox (at) WHERE state = 3;
";

const INSERT: &str = "
INSERT INTO kenar_inbox (key, key_until, lane, body, accepted_at, state, at)
VALUES (:key, :key_until, :lane, :body, :now,
    NOT EXISTS (SELECT 1 FROM kenar_inbox WHERE lane = :lane AND state <= 1), :now)
ON CONFLICT DO NOTHING";

/// Forgets a key that expired and was not swept yet.
const FORGET: &str = "
UPDATE kenar_inbox SET era = seq
WHERE key = :key AND era = 0 AND (key_until <= :now OR (key_until IS NULL AND state = 3 AND at <= :now))";

const IS_DUE: &str = "SELECT EXISTS (SELECT 1 FROM kenar_inbox WHERE state = 1 AND at <= :now)";

const DUE: &str = "
SELECT seq, key, body, accepted_at, fence, attempts FROM kenar_inbox
WHERE state = 1 AND at <= :now ORDER BY at, seq LIMIT :limit";

const CLAIM: &str = "UPDATE kenar_inbox SET at = :until, fence = :fence, attempts = attempts + 1 WHERE seq = :seq";

const EXTEND: &str = "UPDATE kenar_inbox SET at = :until WHERE seq = :seq AND state = 1 AND fence = :fence";

const LANE: &str = "SELECT lane FROM kenar_inbox WHERE seq = :seq AND state = 1 AND fence = :fence";

/// Leaves only the key of a handled event.
const COMPLETE: &str = "
UPDATE kenar_inbox SET state = 3, at = ifnull(key_until, :until), lane = '', body = x'', reason = NULL WHERE seq = :seq";

const NEXT_HEAD: &str = "
UPDATE kenar_inbox SET state = 1, at = :now
WHERE seq = (SELECT min(seq) FROM kenar_inbox WHERE lane = :lane AND state <= 1)";

const POSTPONE: &str = "
UPDATE kenar_inbox SET at = :until, fence = fence + 1, reason = :reason
WHERE seq = :seq AND state = 1 AND fence = :fence";

/// A dead letter is identified by its time of death, so no two are equal.
const BURY: &str = "
UPDATE kenar_inbox SET state = 2, fence = fence + 1, reason = :reason,
    at = max(:now, ifnull((SELECT max(at) + 1 FROM kenar_inbox WHERE state = 2), 0))
WHERE seq = :seq";

const DEAD: &str = "
SELECT seq, key, body, accepted_at, fence, attempts, at, reason FROM kenar_inbox
WHERE state = 2 AND at > :after ORDER BY at LIMIT :limit";

const REVIVE: &str = "
UPDATE kenar_inbox SET state = NOT EXISTS (SELECT 1 FROM kenar_inbox AS other
        WHERE other.lane = kenar_inbox.lane AND other.state <= 1),
    at = :now, attempts = 0
WHERE state = 2 AND at = :id";

const DISCARD: &str = "
UPDATE kenar_inbox SET state = 3, at = ifnull(key_until, :until), lane = '', body = x'', reason = NULL
WHERE state = 2 AND at = :id";

const SHORTEN: &str = "UPDATE kenar_inbox SET at = :latest WHERE state = 1 AND at > :latest";

const SWEEP: &str = "
DELETE FROM kenar_inbox
WHERE seq IN (SELECT seq FROM kenar_inbox WHERE state = 3 AND at <= :now LIMIT :limit)";

const COUNTS: &str = "
SELECT (SELECT count(*) FROM kenar_inbox WHERE state <= 1), (SELECT count(*) FROM kenar_inbox WHERE state = 2)";

/// The most rows that one transaction deletes: other writers wait for it.
const SWEPT_AT_ONCE: usize = 2000;

#[async_trait]
impl InboxStore for Sqlite {
    async fn insert(&self, event: NewEvent) -> Result<Insertion, StoreError> {
        let job = move |connection: &Connection| {
            let now = now();
            let insert = || {
                connection.prepare_cached(INSERT)?.execute(named_params! {
                    ":key": event.key,
                    ":key_until": event.key_lifetime.map(|lifetime| after(now, lifetime)),
                    ":lane": event.lane,
                    ":body": &*event.body,
                    ":now": now,
                })
            };
            if insert()? == 1 {
                return Ok(Insertion::Stored);
            }
            let forgotten =
                connection.prepare_cached(FORGET)?.execute(named_params! { ":key": event.key, ":now": now })?;
            Ok(if forgotten == 1 && insert()? == 1 { Insertion::Stored } else { Insertion::Duplicate })
        };
        Ok(self.write(job).await?)
    }

    async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<ClaimedEvent>, StoreError> {
        // A look without a write does not delay writers.
        let is_due = |connection: &Connection| {
            connection.prepare_cached(IS_DUE)?.query_row(named_params! { ":now": now() }, |row| row.get(0))
        };
        if !self.read(is_due).await? {
            return Ok(Vec::new());
        }
        let claim = move |connection: &Connection| {
            let now = now();
            let due = named_params! { ":now": now, ":limit": limit_of(limit) };
            let mut claimed: Vec<ClaimedEvent> =
                connection.prepare_cached(DUE)?.query_map(due, claimed_event)?.collect::<Result<_, _>>()?;
            let mut update = connection.prepare_cached(CLAIM)?;
            for event in &mut claimed {
                // Greater than the fence of any deleted event that had the same number.
                event.ticket.fence = event.ticket.fence.saturating_add(1).max(now.unsigned_abs());
                event.attempt = event.attempt.saturating_add(1);
                let (seq, fence) = numbers(&event.ticket);
                update.execute(named_params! { ":until": after(now, lease), ":fence": fence, ":seq": seq })?;
            }
            Ok(claimed)
        };
        Ok(self.write(claim).await?)
    }

    async fn extend(&self, ticket: &Ticket, lease: Duration) -> Result<bool, StoreError> {
        let (seq, fence) = numbers(ticket);
        let job = move |connection: &Connection| {
            let until = after(now(), lease);
            let changed = connection.prepare_cached(EXTEND)?.execute(named_params! {
                ":until": until,
                ":seq": seq,
                ":fence": fence,
            })?;
            Ok(changed == 1)
        };
        Ok(self.write(job).await?)
    }

    async fn complete(&self, ticket: &Ticket, remember: Duration) -> Result<bool, StoreError> {
        let ticket = numbers(ticket);
        let job = move |connection: &Connection| {
            leave_lane(connection, ticket, |seq, now| {
                let until = after(now, remember);
                connection.prepare_cached(COMPLETE)?.execute(named_params! { ":until": until, ":seq": seq })
            })
        };
        Ok(self.write(job).await?)
    }

    async fn postpone(&self, ticket: &Ticket, delay: Duration, reason: &str) -> Result<bool, StoreError> {
        let ((seq, fence), reason) = (numbers(ticket), reason.to_owned());
        let job = move |connection: &Connection| {
            let changed = connection.prepare_cached(POSTPONE)?.execute(named_params! {
                ":until": after(now(), delay),
                ":reason": reason,
                ":seq": seq,
                ":fence": fence,
            })?;
            Ok(changed == 1)
        };
        Ok(self.write(job).await?)
    }

    async fn bury(&self, ticket: &Ticket, reason: &str) -> Result<bool, StoreError> {
        let (ticket, reason) = (numbers(ticket), reason.to_owned());
        let job = move |connection: &Connection| {
            leave_lane(connection, ticket, |seq, now| {
                let values = named_params! { ":reason": reason, ":now": now, ":seq": seq };
                connection.prepare_cached(BURY)?.execute(values)
            })
        };
        Ok(self.write(job).await?)
    }

    async fn dead_letters(&self, after: Option<&str>, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let after = after.map_or(Ok(i64::MIN), str::parse::<i64>)?;
        let job = move |connection: &Connection| {
            let values = named_params! { ":after": after, ":limit": limit_of(limit) };
            connection.prepare_cached(DEAD)?.query_map(values, dead_letter)?.collect()
        };
        Ok(self.read(job).await?)
    }

    async fn revive(&self, id: &str) -> Result<bool, StoreError> {
        let id: i64 = id.parse()?;
        let job = move |connection: &Connection| {
            let values = named_params! { ":id": id, ":now": now() };
            Ok(connection.prepare_cached(REVIVE)?.execute(values)? == 1)
        };
        Ok(self.write(job).await?)
    }

    async fn discard(&self, id: &str, remember: Duration) -> Result<bool, StoreError> {
        let id: i64 = id.parse()?;
        let job = move |connection: &Connection| {
            let values = named_params! { ":id": id, ":until": after(now(), remember) };
            Ok(connection.prepare_cached(DISCARD)?.execute(values)? == 1)
        };
        Ok(self.write(job).await?)
    }

    async fn sweep(&self, longest: Duration) -> Result<(), StoreError> {
        let shorten = move |connection: &Connection| {
            connection.prepare_cached(SHORTEN)?.execute(named_params! { ":latest": after(now(), longest) })
        };
        self.write(shorten).await?;
        let sweep = |connection: &Connection| {
            let values = named_params! { ":now": now(), ":limit": limit_of(SWEPT_AT_ONCE) };
            connection.prepare_cached(SWEEP)?.execute(values)
        };
        while self.write(sweep).await? == SWEPT_AT_ONCE {}
        Ok(())
    }

    async fn counts(&self) -> Result<InboxCounts, StoreError> {
        let job = |connection: &Connection| {
            connection.prepare_cached(COUNTS)?.query_row([], |row| {
                let (pending, dead): (i64, i64) = (row.get(0)?, row.get(1)?);
                Ok(InboxCounts::new(pending.unsigned_abs(), dead.unsigned_abs()))
            })
        };
        Ok(self.read(job).await?)
    }
}

/// Takes a claimed event out of its lane by `leave`, and makes the next event the head.
fn leave_lane(
    connection: &Connection,
    (seq, fence): (i64, i64),
    leave: impl FnOnce(i64, i64) -> rusqlite::Result<usize>,
) -> rusqlite::Result<bool> {
    let claim = named_params! { ":seq": seq, ":fence": fence };
    let lane = connection.prepare_cached(LANE)?.query_row(claim, |row| row.get::<_, String>(0)).optional()?;
    let Some(lane) = lane else { return Ok(false) };
    let now = now();
    leave(seq, now)?;
    connection.prepare_cached(NEXT_HEAD)?.execute(named_params! { ":lane": lane, ":now": now })?;
    Ok(true)
}

fn claimed_event(row: &Row<'_>) -> rusqlite::Result<ClaimedEvent> {
    let (seq, fence): (i64, i64) = (row.get("seq")?, row.get("fence")?);
    let ticket = Ticket::new(seq.to_string(), fence.unsigned_abs());
    let body: Vec<u8> = row.get("body")?;
    Ok(ClaimedEvent::new(ticket, row.get("key")?, body.into(), row.get("attempts")?, time(row.get("accepted_at")?)))
}

fn dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    let at: i64 = row.get("at")?;
    let reason: Option<String> = row.get("reason")?;
    Ok(DeadLetter::new(claimed_event(row)?, at.to_string(), reason.unwrap_or_default(), time(at)))
}

/// The row and the fence; of a ticket that this store did not make, a row that does not exist.
fn numbers(ticket: &Ticket) -> (i64, i64) {
    (ticket.id.parse().unwrap_or(-1), i64::try_from(ticket.fence).unwrap_or(-1))
}

fn now() -> i64 {
    Timestamp::now().unix_micros()
}

fn after(now: i64, duration: Duration) -> i64 {
    now.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

fn time(micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(micros).unwrap_or_else(Timestamp::now)
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
