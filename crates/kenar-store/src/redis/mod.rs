//! Redis: one multiplexed connection, and a Lua script for each atomic change.

mod inbox;
mod insert;
mod permissions;
mod quota;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, FromRedisValue, IntoConnectionInfo as _, ScriptInvocation};

use crate::Error;

/// A store in Redis, for a fleet of machines. Cheap to clone; clones share one connection.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = kenar_store::Redis::connect("redis://127.0.0.1:6379").await?;
/// # Ok(()) }
/// ```
///
/// # Durability
///
/// Redis is as durable as its configuration. Set `appendonly yes` and `appendfsync always` to lose nothing when Redis or
/// its machine crashes. With `appendfsync everysec`, the default of the append-only file, a crash can lose the last
/// second. Keep `maxmemory-policy noeviction`, the default: an evicted key is a lost permission or event.
///
/// # Connection
///
/// Needs Redis 6 or newer, or Valkey. The Redis user needs `EVALSHA`, `SCRIPT LOAD`, `TIME`, and the commands on keys, strings,
/// hashes, lists, sets and sorted sets. A lost connection is restored in the background, and calls wait for it for a few
/// seconds at most.
///
/// Events that arrive at the same time are stored by one call.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
    /// The prefix of every key, in braces that keep all keys in one slot of a cluster.
    prefix: Arc<str>,
    /// The address of the server, without the password.
    address: Arc<ConnectionAddr>,
    /// Shared by those with the same prefix.
    insertions: Arc<insert::Insertions>,
}

const FAILED: &str = "Redis failed";

/// The time limit for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The time limit for a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

impl Redis {
    /// Connects to a server: `redis://[user:password@]host[:port][/database]`, or `redis+unix:///path`.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, or the server cannot be reached or refuses the password. The error does not contain the URL.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let cannot = |error| Error::new("cannot connect to Redis", error);
        let tcp = TcpSettings::default().set_nodelay(true);
        // Ends a connection whose packets vanish.
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        let tcp = tcp.set_user_timeout(Duration::from_secs(5));
        let info = url.into_connection_info().map_err(cannot)?.set_tcp_settings(tcp);
        let address = Arc::new(info.addr().clone());
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(500))
            .set_number_of_retries(3);
        let client = Client::open(info).map_err(cannot)?;
        let connection = ConnectionManager::new_with_config(client, config).await.map_err(cannot)?;
        Ok(Self { connection, prefix: "{kenar}:".into(), address, insertions: Arc::default() })
    }

    /// Sets the prefix of all keys, `kenar` by default. Apps that share a server need one each.
    #[must_use]
    pub fn with_prefix(self, name: &str) -> Self {
        Self { prefix: format!("{{{name}}}:").into(), insertions: Arc::default(), ..self }
    }

    /// The name of a key, with the prefix.
    pub(crate) fn key(&self, name: &str) -> String {
        [&*self.prefix, name].concat()
    }

    /// Runs a script, and loads it if the server does not know it. The script may have run if this fails.
    pub(crate) async fn invoke<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Error> {
        script.invoke_async(&mut self.connection()).await.map_err(failed)
    }

    /// The shared connection, for commands that are not scripts. Convert their errors with [`failed`].
    pub(crate) fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }
}

/// The error of a command.
pub(crate) fn failed(error: redis::RedisError) -> Error {
    Error::new(FAILED, error)
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connection: _, prefix, address, insertions: _ } = self;
        f.debug_struct("Redis")
            .field("address", &format_args!("{address}"))
            .field("prefix", prefix)
            .finish_non_exhaustive()
    }
}
