//! Storage and refresh of all users' OAuth tokens, shared by a fleet.
//!
//! An access token is valid for an hour. [`Permissions`] returns a valid one, refreshes it when it is due, and keeps
//! the tokens in a [`PermissionStore`]: in memory, in SQLite or Redis ([`kenar-store`]), or in your own.
//!
//! ```
//! use kenar::model::ConversationId;
//! use kenar::tokens::{PermissionKey, Permissions};
//! use kenar::{ChatApi, ConversationMessage};
//!
//! async fn announce(
//!     client: &dyn ChatApi, permissions: &Permissions, key: &PermissionKey, to: &ConversationId,
//! ) -> Result<(), Box<dyn std::error::Error>> {
//!     let message = ConversationMessage::text("سفارش شما ثبت شد");
//!     let by = permissions.access_token(key).await?;
//!     match client.send_message(to, &message, &by).await {
//!         // Refused before it expired: retry once with another token.
//!         Err(error) if error.needs_new_permission() => {
//!             let by = permissions.replace(key, &by).await?;
//!             client.send_message(to, &message, &by).await?;
//!         }
//!         result => drop(result?),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! The guide shows how to [grant a permission](crate::guide::permission#keeping-it) and
//! [share it in a fleet](crate::guide::fleet).
//!
//! # Guarantees
//!
//! No permission is lost in [these situations](crate::guide::fleet#what-happens-when). In detail:
//!
//! - **One refresh at a time in the whole fleet**, under a lease, which a grant or a deletion ends.
//! - **Stored before used.** Nothing is refreshed while the store cannot be read.
//! - **Lost responses are recovered.** The refresh is repeated five times within 100 seconds, even without callers and
//!   despite `Retry-After`.
//! - **Short waits.** A token is refreshed in the background a minute before it expires. Waits, store calls and
//!   `Retry-After` are bounded, and measured by a monotonic clock.
//! - **Fresh reads.** A process sees its own grants and deletions at once, and those of others within [a
//!   second](PermissionsBuilder::recheck_after).
//! - **Bounded memory**: 10,000 permissions [by default](PermissionsBuilder::max_in_memory).
//!
//! # Your part
//!
//! - Renew **event subscriptions** in a [hook](PermissionsBuilder::on_refresh).
//! - Run [`keep_alive`](Permissions::keep_alive): it refreshes tokens without calls, and uses **refresh tokens** before
//!   they expire.
//! - **[Keys](PermissionKey), [shutdown and encryption](crate::guide::fleet#shutdown)**: see the guide.
//!
//! [`kenar-store`]: https://docs.rs/kenar-store

mod entry;
mod error;
mod flight;
mod keep_alive;
mod permissions;
mod store;

pub use error::TokensError;
pub use keep_alive::KeepAlive;
pub use permissions::{Permissions, PermissionsBuilder};
pub use store::{
    InvalidStamp, ListedPermission, MemoryPermissions, PermissionKey, PermissionRecord, PermissionStore,
    PermissionValue, Stamp,
};
