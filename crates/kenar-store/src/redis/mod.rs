//! Redis: one multiplexed connection, and Lua scripts for what must be atomic.

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
/// Redis keeps what it has acknowledged only as well as it is configured to. Set `appendonly yes` and
/// `appendfsync always` to lose nothing when Redis or its machine dies; with `appendfsync everysec`, the default of the
/// append-only file, up to the last second can be lost. Set `maxmemory-policy noeviction`, the default: an evicted key is
/// a lost permission or event.
///
/// # Connection
///
/// A lost connection is made again in the background, and calls wait for it for a few seconds at most. Redis 6 or newer,
/// or Valkey. The user needs the commands `EVALSHA`, `SCRIPT LOAD` and those on hashes, sorted sets, lists and strings.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
    /// What every key begins with, in the braces that keep all keys in one slot of a cluster.
    prefix: Arc<str>,
    /// Where the server is, without the password.
    address: Arc<ConnectionAddr>,
    /// Shared by those with the same prefix.
    insertions: Arc<insert::Insertions>,
}

const FAILED: &str = "Redis failed";

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait for a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

impl Redis {
    /// Connects to a server: `redis://[user:password@]host[:port][/database]`, or `redis+unix:///path`.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, or the server cannot be reached or refuses the password. The URL is not repeated.
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

    /// Sets the name that all keys begin with, `kenar` by default: one for each app that shares a Redis.
    #[must_use]
    pub fn with_prefix(self, name: &str) -> Self {
        Self { prefix: format!("{{{name}}}:").into(), insertions: Arc::default(), ..self }
    }

    /// The name of a key, with the prefix.
    pub(crate) fn key(&self, name: &str) -> String {
        [&*self.prefix, name].concat()
    }

    /// Runs a script, and loads it first if the server does not know it. An error leaves open whether it ran.
    pub(crate) async fn invoke<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Error> {
        script.invoke_async(&mut self.connection()).await.map_err(failed)
    }

    /// The shared connection, for commands other than scripts; their errors go through [`failed`].
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
