//! Durable stores for [`kenar`]: OAuth tokens, accepted events and quotas, in SQLite or Redis.
//!
//! | store | feature | for |
//! |---|---|---|
//! | [`Sqlite`] | `sqlite` (default) | one machine with any number of processes; nothing to install |
//! | [`Redis`] | `redis` | a fleet of machines |
//!
//! Pass a store to [`OAuthClient::permissions`](kenar::OAuthClient::permissions), [`Inbox::new`](kenar::inbox::Inbox::new)
//! and [`Quota::new`](kenar::quota::Quota::new). The guide describes the flows:
//! [several processes](https://docs.rs/kenar/latest/kenar/guide/fleet/) and
//! [when the process dies](https://docs.rs/kenar/latest/kenar/guide/crash/).
//!
//! # Tokens at rest
//!
//! Both stores keep tokens readable for everyone who can read the file or the server. Wrap a store in [`Encrypted`] (feature
//! `encryption`) to encrypt tokens with your key. Events and the keys of permissions are not encrypted.
//!
//! # A store of your own
//!
//! The feature `conformance` has the test suites that these stores pass. It needs neither of them: see the module
//! [`conformance`].
//!
//! # Client libraries
//!
//! Neither library appears in this crate's API, so a new major version of one is not a breaking release here.
//!
//! - **[rusqlite](https://docs.rs/rusqlite)** is a thin layer over SQLite's C API, which the write queue of [`Sqlite`]
//!   needs. Calls of SQLite block in every library: sqlx also runs each connection on its own thread, and adds an executor,
//!   a pool and a query language for several databases. SQLite is bundled, so its version is known and nothing must be
//!   installed; it needs a C compiler. The accepted range of versions is wide, because a program can link SQLite only once.
//! - **[redis](https://docs.rs/redis)**, maintained by the redis-rs team, multiplexes one connection, reconnects by itself
//!   and runs Lua scripts by their digest.
//! - **[chacha20poly1305](https://docs.rs/chacha20poly1305)**, of the RustCrypto project, was audited by NCC Group. Its
//!   24-byte nonce can be random, so processes share no counter. It needs no C compiler and no special CPU instructions.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(all(feature = "sqlite", feature = "redis", feature = "encryption", feature = "conformance")),
    allow(rustdoc::broken_intra_doc_links)
)]
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

#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;
