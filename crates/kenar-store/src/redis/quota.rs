//! Calls counted in Redis: a hash for each quota, and a list of its last calls.

use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use kenar::error::StoreError;
use kenar::quota::{QuotaLimits, QuotaStore, Reservation};
use redis::Script;

use super::Redis;

/// [`QuotaLimits::next_call`] by the server's clock. Times are microseconds since 1970. Returns 1 and the wait for a call
/// that is granted, else 0 and the wait.
static RESERVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local state, calls = KEYS[1], KEYS[2]
        local per_minute, per_day, offset = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
        local max_wait, longest_wait, longest_pause = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
        local day_length, minute = 86400000000, 60000000
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local function day_of(at) return math.floor((at + offset) / day_length) end

        local stored = redis.call('HMGET', state, 'paused_until', 'day', 'calls_in_day')
        local paused_until, day, calls_in_day =
            tonumber(stored[1] or 0), tonumber(stored[2] or 0), tonumber(stored[3] or 0)
        local next = now
        if paused_until - now <= longest_pause then next = math.max(next, paused_until) end
        if per_minute > 0 then
            local call = tonumber(redis.call('LINDEX', calls, per_minute - 1) or 0)
            if call - now <= longest_wait then next = math.max(next, call + minute) end
        end
        if per_day > 0 and day <= day_of(now + longest_wait) then
            local first_day = day
            if calls_in_day >= per_day then first_day = day + 1 end
            next = math.max(next, first_day * day_length - offset)
        end
        local wait = next - now
        if wait > math.min(max_wait, longest_wait) then return {0, wait} end

        if day_of(next) == day then calls_in_day = calls_in_day + 1 else calls_in_day = 1 end
        redis.call('HSET', state, 'day', string.format('%.0f', day_of(next)), 'calls_in_day', calls_in_day)
        if per_minute > 0 then
            redis.call('LPUSH', calls, string.format('%.0f', next))
            redis.call('LTRIM', calls, 0, per_minute - 1)
        else
            redis.call('DEL', calls)
        end
        return {1, wait}",
    )
});

static PAUSE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
        local until_then = tonumber(time[1]) * 1000000 + tonumber(time[2]) + tonumber(ARGV[1])
        local stored = tonumber(redis.call('HGET', KEYS[1], 'paused_until') or 0)
        redis.call('HSET', KEYS[1], 'paused_until', string.format('%.0f', math.max(stored, until_then)))
        return 1",
    )
});

#[async_trait]
impl QuotaStore for Redis {
    async fn reserve(&self, name: &str, limits: &QuotaLimits, max_wait: Duration) -> Result<Reservation, StoreError> {
        let mut call = RESERVE.prepare_invoke();
        call.key(self.key(&format!("quota:state:{name}")))
            .key(self.key(&format!("quota:calls:{name}")))
            .arg(limits.per_minute().map_or(0, |limit| limit.get()))
            .arg(limits.per_day().map_or(0, |limit| limit.get()))
            .arg(limits.day_offset_micros())
            .arg(microseconds(max_wait.min(QuotaLimits::MAX_WAIT)))
            .arg(microseconds(QuotaLimits::MAX_WAIT))
            .arg(microseconds(QuotaLimits::MAX_PAUSE));
        let (granted, wait): (u8, u64) = self.invoke(&call).await?;
        let wait = Duration::from_micros(wait);
        Ok(if granted == 1 { Reservation::Granted(wait) } else { Reservation::Refused(wait) })
    }

    async fn pause(&self, name: &str, pause: Duration) -> Result<(), StoreError> {
        let mut call = PAUSE.prepare_invoke();
        call.key(self.key(&format!("quota:state:{name}"))).arg(microseconds(pause.min(QuotaLimits::MAX_PAUSE)));
        self.invoke::<u8>(&call).await?;
        Ok(())
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
