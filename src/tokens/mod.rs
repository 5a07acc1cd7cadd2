//! Permissions kept good: the tokens of all users, stored, refreshed in time, and shared by a fleet.

#[cfg(feature = "test-util")]
pub mod conformance;
mod entry;
mod error;
mod flight;
mod keep_alive;
mod key;
mod memory;
mod permissions;
mod store;
mod value;

pub use error::TokensError;
pub use keep_alive::KeepAlive;
pub use key::PermissionKey;
pub use memory::MemoryPermissions;
pub use permissions::{Permissions, PermissionsBuilder};
pub use store::{
    InvalidStamp, ListedPermission, PermissionRecord, PermissionStore, PermissionValue, Stamp, StoreError,
};
