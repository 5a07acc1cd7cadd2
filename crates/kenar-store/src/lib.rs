//! Durable stores for [`kenar`]: OAuth tokens, accepted events and quotas, in SQLite or Redis.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
