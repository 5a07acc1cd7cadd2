//! Permissions in Redis: a hash for each, a sorted set of all keys by expiry, and a set of the leased ones.

use std::sync::LazyLock;

use async_trait::async_trait;
use kenar::error::StoreError;
use kenar::model::Timestamp;
use kenar::tokens::{ListedPermission, PermissionRecord, PermissionStore, PermissionValue, Stamp};
use redis::Script;

use super::Redis;
use crate::Error;

/// The fields of a hash, in the order in which scripts return them: value, expiry, grant and lease.
type Fields = (Option<Vec<u8>>, Option<i64>, Option<String>, Option<String>);

// KEYS: the hash, the set by expiry, the set of leased ones. ARGV[1]: the permission's key, a member of both sets.
macro_rules! scripts {
    ($($name:ident = $lua:literal;)*) => {
        $(static $name: LazyLock<Script> = LazyLock::new(|| Script::new($lua));)*
    };
}

scripts! {
    // ARGV: key, grant, value, expiry.
    GRANT = "
        if redis.call('HGET', KEYS[1], 'grant') == ARGV[2] then return 0 end
        redis.call('HSET', KEYS[1], 'grant', ARGV[2], 'value', ARGV[3], 'expires_at', ARGV[4])
        redis.call('HDEL', KEYS[1], 'lease')
        redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
        redis.call('SREM', KEYS[3], ARGV[1])
        return 1";
    // ARGV: key, lease, the broken lease or an empty text.
    LEASE = "
        if redis.call('EXISTS', KEYS[1]) == 1 then
            local lease = redis.call('HGET', KEYS[1], 'lease')
            if not lease or lease == ARGV[3] then
                redis.call('HSET', KEYS[1], 'lease', ARGV[2])
                redis.call('SADD', KEYS[3], ARGV[1])
            end
        end
        return redis.call('HMGET', KEYS[1], 'value', 'expires_at', 'grant', 'lease')";
    // ARGV: key, lease, value, expiry, 1 to keep the lease.
    REPLACE = "
        if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[2] then return 0 end
        redis.call('HSET', KEYS[1], 'value', ARGV[3], 'expires_at', ARGV[4])
        redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
        if ARGV[5] ~= '1' then
            redis.call('HDEL', KEYS[1], 'lease')
            redis.call('SREM', KEYS[3], ARGV[1])
        end
        return 1";
    // ARGV: key, lease.
    RELEASE = "
        if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[2] then return 0 end
        redis.call('HDEL', KEYS[1], 'lease')
        redis.call('SREM', KEYS[3], ARGV[1])
        return 1";
    // ARGV: key.
    DELETE = "
        redis.call('ZREM', KEYS[2], ARGV[1])
        redis.call('SREM', KEYS[3], ARGV[1])
        return redis.call('DEL', KEYS[1])";
    // ARGV: the key and the expiry before the page, and the length of the page.
    LIST = "
        -- Lua compares by the server's locale, and a sorted set by bytes.
        local function comes_after(a, b)
            for index = 1, math.min(#a, #b) do
                local x, y = string.byte(a, index), string.byte(b, index)
                if x ~= y then return x > y end
            end
            return #a > #b
        end
        local page = {}
        local limit = tonumber(ARGV[3])
        if ARGV[2] ~= '' then
            for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], ARGV[2], ARGV[2])) do
                if #page < 2 * limit and comes_after(key, ARGV[1]) then
                    page[#page + 1] = key
                    page[#page + 1] = ARGV[2]
                end
            end
        end
        local from = ARGV[2] == '' and '-inf' or '(' .. ARGV[2]
        local rest = limit - #page / 2
        if rest > 0 then
            for _, item in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], from, '+inf', 'WITHSCORES', 'LIMIT', 0, rest)) do
                page[#page + 1] = item
            end
        end
        return page";
}

impl Redis {
    fn permission(&self, script: &'static Script, key: &str) -> redis::ScriptInvocation<'static> {
        let mut invocation = script.prepare_invoke();
        invocation.key(self.permission_key(key)).key(self.key("permissions")).key(self.key("permissions:leased"));
        invocation.arg(key);
        invocation
    }

    fn permission_key(&self, key: &str) -> String {
        self.key(&format!("permission:{key}"))
    }
}

#[async_trait]
impl PermissionStore for Redis {
    async fn read(&self, key: &str) -> Result<Option<PermissionRecord>, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.permission_key(key)).arg(&["value", "expires_at", "grant", "lease"]);
        record(command.query_async(&mut self.connection()).await.map_err(super::failed)?)
    }

    async fn grant(&self, key: &str, grant: Stamp, value: PermissionValue) -> Result<(), StoreError> {
        let mut script = self.permission(&GRANT, key);
        script.arg(grant.to_string()).arg(value.expose_secret()).arg(value.expires_at().unix_micros());
        Ok(self.invoke(&script).await?)
    }

    async fn lease(
        &self,
        key: &str,
        lease: Stamp,
        broken: Option<Stamp>,
    ) -> Result<Option<PermissionRecord>, StoreError> {
        let mut script = self.permission(&LEASE, key);
        script.arg(lease.to_string()).arg(broken.map(|broken| broken.to_string()).unwrap_or_default());
        record(self.invoke(&script).await?)
    }

    async fn replace(
        &self,
        key: &str,
        lease: Stamp,
        value: PermissionValue,
        keep_lease: bool,
    ) -> Result<bool, StoreError> {
        let mut script = self.permission(&REPLACE, key);
        script.arg(lease.to_string()).arg(value.expose_secret()).arg(value.expires_at().unix_micros());
        script.arg(u8::from(keep_lease));
        Ok(self.invoke(&script).await?)
    }

    async fn release(&self, key: &str, lease: Stamp) -> Result<(), StoreError> {
        let mut script = self.permission(&RELEASE, key);
        Ok(self.invoke(script.arg(lease.to_string())).await?)
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.invoke(&self.permission(&DELETE, key)).await?)
    }

    async fn list(&self, after: Option<&ListedPermission>, limit: usize) -> Result<Vec<ListedPermission>, StoreError> {
        let mut script = self.permission(&LIST, after.map_or("", |after| &after.key));
        script.arg(after.map(|after| after.expires_at.unix_micros().to_string()).unwrap_or_default()).arg(limit);
        // Scores are doubles, which hold the microseconds of 285 years exactly.
        let page: Vec<(String, f64)> = self.invoke(&script).await?;
        page.into_iter().map(|(key, score)| Ok(ListedPermission::new(key, timestamp(score as i64)?))).collect()
    }

    async fn leased(&self, limit: usize) -> Result<Vec<String>, StoreError> {
        let mut command = redis::cmd("SRANDMEMBER");
        command.arg(self.key("permissions:leased")).arg(limit);
        Ok(command.query_async(&mut self.connection()).await.map_err(super::failed)?)
    }
}

/// Returns `None` if the hash is missing.
fn record(fields: Fields) -> Result<Option<PermissionRecord>, StoreError> {
    let (Some(value), Some(expires_at), Some(grant), lease) = fields else { return Ok(None) };
    let lease = lease.map(|lease| lease.parse()).transpose()?;
    Ok(Some(PermissionRecord::new(PermissionValue::new(value, timestamp(expires_at)?), grant.parse()?, lease)))
}

fn timestamp(micros: i64) -> Result<Timestamp, Error> {
    Timestamp::from_unix_micros(micros)
        .ok_or_else(|| Error::new("a permission in Redis cannot be read", "its expiry is out of range"))
}
