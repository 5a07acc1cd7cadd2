//! The stores against a real SQLite file and a real Redis server.

#[cfg(feature = "encryption")]
mod encrypted;
mod inbox;
mod permissions;
#[cfg(any(feature = "redis", feature = "sqlite"))]
mod processes;
mod quota;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;
mod support;
