//! Durable stores for [`kenar`]: OAuth tokens, accepted events and quotas, in SQLite or Redis.
//!
//! | store | feature | for |
//! |---|---|---|
//! | [`Sqlite`] | `sqlite` (default) | one machine with any number of processes; nothing to install |
//! | `Redis` | `redis` | a fleet of machines |
//!
//! # Tokens at rest
//!
//! Both stores keep tokens as they get them: readable by whoever can read the file or the server. Wrap a store in
//! `Encrypted` (feature `encryption`) to encrypt tokens with a key of yours. Events and the keys of permissions are not
//! encrypted.
//!
//! # A store of your own
//!
//! The feature `conformance` has the test suites that these stores pass. It works without them: see the module
//! `conformance`.
//!
//! # Client libraries
//!
//! Neither library appears in this crate's API, so a new major version of one is not a breaking release here.
//!
//! - **[rusqlite](https://docs.rs/rusqlite)**, with SQLite bundled. SQLite calls block, whichever library makes them:
//!   sqlx also runs each connection on a thread of its own, and adds an executor, a pool and a query language for several
//!   databases. rusqlite is a thin layer over the C API, which is what the write queue of [`Sqlite`] needs. Bundled, so
//!   that the version is known and nothing must be installed; it needs a C compiler. The accepted range of versions is
//!   wide, because a program can link SQLite only once.
//! - **[redis](https://docs.rs/redis)**, maintained by the redis-rs team. It multiplexes one connection, reconnects by
//!   itself and runs Lua scripts by their digest, which is all that is needed here.
//! - **[chacha20poly1305](https://docs.rs/chacha20poly1305)**, of the RustCrypto project, audited by NCC Group. Its nonce of
//!   24 bytes may be random, so no process needs a counter. It needs no C compiler and no CPU instructions of its own.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(not(feature = "sqlite"), allow(rustdoc::broken_intra_doc_links))]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "encryption")]
mod encrypted;
#[cfg(any(feature = "redis", feature = "sqlite"))]
mod error;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "encryption")]
pub use encrypted::{Encrypted, EncryptionKey, InvalidEncryptionKey};
#[cfg(any(feature = "redis", feature = "sqlite"))]
pub use error::Error;
#[cfg(feature = "redis")]
pub use redis::Redis;
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
