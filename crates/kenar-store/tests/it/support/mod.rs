//! Real servers and files for the tests of the stores.

#[cfg(feature = "redis")]
mod redis_server;

#[cfg(feature = "redis")]
pub use redis_server::RedisServer;
