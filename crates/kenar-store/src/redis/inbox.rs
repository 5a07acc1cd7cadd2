//! Events in Redis: a list for each lane, and a sorted set of the lanes by the time when they are due.

use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use kenar::error::StoreError;
use kenar::inbox::{ClaimedEvent, DeadLetter, InboxCounts, InboxStore, Insertion, NewEvent, Ticket};
use kenar::model::Timestamp;
use redis::{Script, ScriptInvocation};

use super::Redis;

const SHARED: &str = include_str!("inbox.lua");

fn script(own: &str) -> Script {
    Script::new(&format!("{SHARED}{own}"))
}

static CLAIM: LazyLock<Script> = LazyLock::new(|| {
    script(
        "local claimed = {}
        for _, lane in ipairs(redis.call('ZRANGEBYSCORE', base .. 'due', '-inf', now, 'LIMIT', 0, ARGV[2])) do
            local record = redis.call('LINDEX', base .. 'lane:' .. lane, 0)
            local fence = redis.call('INCR', base .. 'last')
            local attempts = redis.call('HINCRBY', base .. 'head:' .. lane, 'attempts', 1)
            redis.call('HSET', base .. 'head:' .. lane, 'fence', fence)
            redis.call('ZADD', base .. 'due', after(ARGV[3]), lane)
            claimed[#claimed + 1] = {lane, fence, attempts, record}
        end
        return claimed",
    )
});

static EXTEND: LazyLock<Script> = LazyLock::new(|| {
    script(
        "if not holds(ARGV[2], ARGV[3]) then return 0 end
        redis.call('ZADD', base .. 'due', after(ARGV[4]), ARGV[2])
        return 1",
    )
});

static COMPLETE: LazyLock<Script> = LazyLock::new(|| {
    script(
        "if not holds(ARGV[2], ARGV[3]) then return 0 end
        remember(take(ARGV[2]), ARGV[4])
        return 1",
    )
});

static POSTPONE: LazyLock<Script> = LazyLock::new(|| {
    script(
        "if not holds(ARGV[2], ARGV[3]) then return 0 end
        redis.call('HDEL', base .. 'head:' .. ARGV[2], 'fence')
        redis.call('HSET', base .. 'head:' .. ARGV[2], 'reason', ARGV[5])
        redis.call('ZADD', base .. 'due', after(ARGV[4]), ARGV[2])
        return 1",
    )
});

static BURY: LazyLock<Script> = LazyLock::new(|| {
    script(
        "local lane = ARGV[2]
        if not holds(lane, ARGV[3]) then return 0 end
        local attempts = redis.call('HGET', base .. 'head:' .. lane, 'attempts')
        local record = take(lane)
        local id = redis.call('INCR', base .. 'last')
        redis.call('HSET', base .. 'dead:' .. id, 'lane', lane, 'record', record, 'attempts', attempts,
            'reason', ARGV[4], 'at', now)
        redis.call('ZADD', base .. 'dead', id, id)
        return 1",
    )
});

static DEAD: LazyLock<Script> = LazyLock::new(|| {
    script(
        "local letters = {}
        for _, id in ipairs(redis.call('ZRANGEBYSCORE', base .. 'dead', '(' .. ARGV[2], '+inf', 'LIMIT', 0, ARGV[3])) do
            local letter = redis.call('HMGET', base .. 'dead:' .. id, 'attempts', 'record', 'reason', 'at')
            letters[#letters + 1] = {id, unpack(letter)}
        end
        return letters",
    )
});

static REVIVE: LazyLock<Script> = LazyLock::new(|| {
    script(
        "local letter = redis.call('HMGET', base .. 'dead:' .. ARGV[2], 'lane', 'record')
        local lane, record = letter[1], letter[2]
        if not lane then return 0 end
        redis.call('ZREM', base .. 'dead', ARGV[2])
        redis.call('DEL', base .. 'dead:' .. ARGV[2])
        local head = redis.call('LPOP', base .. 'lane:' .. lane)
        redis.call('LPUSH', base .. 'lane:' .. lane, record)
        if head then
            redis.call('LPUSH', base .. 'lane:' .. lane, head)
        else
            redis.call('ZADD', base .. 'due', now, lane)
        end
        return 1",
    )
});

static DISCARD: LazyLock<Script> = LazyLock::new(|| {
    script(
        "local record = redis.call('HGET', base .. 'dead:' .. ARGV[2], 'record')
        if not record then return 0 end
        redis.call('ZREM', base .. 'dead', ARGV[2])
        redis.call('DEL', base .. 'dead:' .. ARGV[2])
        remember(record, ARGV[3])
        return 1",
    )
});

static SWEEP: LazyLock<Script> = LazyLock::new(|| {
    script(
        "local latest = after(ARGV[2])
        local late = redis.call('ZRANGEBYSCORE', base .. 'due', '(' .. latest, '+inf', 'LIMIT', 0, 1000)
        for _, lane in ipairs(late) do redis.call('ZADD', base .. 'due', latest, lane) end
        return #late",
    )
});

static COUNTS: LazyLock<Script> = LazyLock::new(|| {
    script(
        "local pending = 0
        for _, lane in ipairs(redis.call('ZRANGE', base .. 'due', 0, -1)) do
            pending = pending + redis.call('LLEN', base .. 'lane:' .. lane)
        end
        return {pending, redis.call('ZCARD', base .. 'dead')}",
    )
});

impl Redis {
    /// A call of a script that begins with [`SHARED`].
    fn inbox<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        // A cluster chooses the node by the key that is named.
        call.key(self.key("inbox:due")).arg(self.key("inbox:"));
        call
    }

    async fn yes_or_no(&self, call: &ScriptInvocation<'_>) -> Result<bool, StoreError> {
        Ok(self.invoke::<u8>(call).await? == 1)
    }
}

#[async_trait]
impl InboxStore for Redis {
    async fn insert(&self, event: NewEvent) -> Result<Insertion, StoreError> {
        Ok(self.insert_event(event).await?)
    }

    async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<ClaimedEvent>, StoreError> {
        let mut call = self.inbox(&CLAIM);
        call.arg(limit).arg(microseconds(lease));
        let claimed: Vec<(String, u64, u32, Vec<u8>)> = self.invoke(&call).await?;
        claimed
            .into_iter()
            .map(|(lane, fence, attempt, record)| event(Ticket::new(lane, fence), attempt, &record))
            .collect()
    }

    async fn extend(&self, ticket: &Ticket, lease: Duration) -> Result<bool, StoreError> {
        let mut call = self.inbox(&EXTEND);
        call.arg(&*ticket.id).arg(ticket.fence).arg(microseconds(lease));
        self.yes_or_no(&call).await
    }

    async fn complete(&self, ticket: &Ticket, remember: Duration) -> Result<bool, StoreError> {
        let mut call = self.inbox(&COMPLETE);
        call.arg(&*ticket.id).arg(ticket.fence).arg(milliseconds(remember));
        self.yes_or_no(&call).await
    }

    async fn postpone(&self, ticket: &Ticket, delay: Duration, reason: &str) -> Result<bool, StoreError> {
        let mut call = self.inbox(&POSTPONE);
        call.arg(&*ticket.id).arg(ticket.fence).arg(microseconds(delay)).arg(reason);
        self.yes_or_no(&call).await
    }

    async fn bury(&self, ticket: &Ticket, reason: &str) -> Result<bool, StoreError> {
        let mut call = self.inbox(&BURY);
        call.arg(&*ticket.id).arg(ticket.fence).arg(reason);
        self.yes_or_no(&call).await
    }

    async fn dead_letters(&self, after: Option<&str>, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let after = after.map_or(Ok(0), str::parse::<u64>)?;
        let mut call = self.inbox(&DEAD);
        call.arg(after).arg(limit);
        let letters: Vec<(String, u32, Vec<u8>, String, i64)> = self.invoke(&call).await?;
        let letter = |(id, attempts, record, reason, at): (String, u32, Vec<u8>, String, i64)| {
            Ok(DeadLetter::new(event(Ticket::new("", 0), attempts, &record)?, id, reason, time(at)))
        };
        letters.into_iter().map(letter).collect()
    }

    async fn revive(&self, id: &str) -> Result<bool, StoreError> {
        let mut call = self.inbox(&REVIVE);
        call.arg(id);
        self.yes_or_no(&call).await
    }

    async fn discard(&self, id: &str, remember: Duration) -> Result<bool, StoreError> {
        let mut call = self.inbox(&DISCARD);
        call.arg(id).arg(milliseconds(remember));
        self.yes_or_no(&call).await
    }

    async fn sweep(&self, longest: Duration) -> Result<(), StoreError> {
        let mut call = self.inbox(&SWEEP);
        call.arg(microseconds(longest));
        self.invoke::<u64>(&call).await?;
        Ok(())
    }

    async fn counts(&self) -> Result<InboxCounts, StoreError> {
        let (pending, dead) = self.invoke(&self.inbox(&COUNTS)).await?;
        Ok(InboxCounts::new(pending, dead))
    }
}

/// The record of an event, accepted now.
pub(super) fn record(event: &NewEvent) -> Vec<u8> {
    let accepted_at = Timestamp::now().unix_micros().max(0);
    let lives = u8::from(event.key_lifetime.is_some());
    let mut record = format!("{accepted_at}:{lives}:{}:{}", event.key.len(), event.key).into_bytes();
    record.extend_from_slice(&event.body);
    record
}

/// Reads a record.
fn event(ticket: Ticket, attempt: u32, record: &[u8]) -> Result<ClaimedEvent, StoreError> {
    let parts = || {
        let mut parts = record.splitn(4, |byte| *byte == b':');
        let number = |part: &[u8]| std::str::from_utf8(part).ok()?.parse::<u64>().ok();
        let accepted_at = i64::try_from(number(parts.next()?)?).ok()?;
        let _lives = parts.next()?;
        let length = usize::try_from(number(parts.next()?)?).ok()?;
        let (key, body) = parts.next()?.split_at_checked(length)?;
        Some((accepted_at, std::str::from_utf8(key).ok()?, body))
    };
    let (accepted_at, key, body) = parts().ok_or("a record of the inbox in Redis is damaged")?;
    Ok(ClaimedEvent::new(ticket, key.to_owned(), body.to_vec().into(), attempt, time(accepted_at)))
}

/// Microseconds, at most those of 100 years: a double holds the sum with the time of day exactly.
fn microseconds(duration: Duration) -> u64 {
    const MOST: u64 = 100 * 365 * 86_400 * 1_000_000;
    u64::try_from(duration.as_micros()).map_or(MOST, |micros| micros.min(MOST))
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    microseconds(duration).div_ceil(1000)
}

fn time(micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(micros).unwrap_or_else(Timestamp::now)
}
