//! Conformance test suites for your own stores, one for each trait of `kenar`.
//!
//! Add them as a development dependency, without this crate's stores:
//!
//! ```toml
//! [dev-dependencies]
//! kenar-store = { version = "0.1", default-features = false, features = ["conformance"] }
//! ```
//!
//! ```
//! use kenar::inbox::MemoryInbox;
//! use kenar::quota::MemoryQuota;
//! use kenar::tokens::MemoryPermissions;
//! use kenar_store::conformance::{check_inbox, check_permissions, check_quota};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! check_permissions(|| async { MemoryPermissions::new() }).await;
//! check_inbox(|| async { MemoryInbox::new() }).await;
//! check_quota(&MemoryQuota::new()).await;
//! # }
//! ```
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a failed check is a panic"
)]

mod inbox;
mod permissions;
mod quota;

pub use inbox::check_inbox;
pub use permissions::check_permissions;
pub use quota::check_quota;
