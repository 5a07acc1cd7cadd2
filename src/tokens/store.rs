//! What permissions need of the place where they are kept.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretSlice};

use crate::error::StoreError;
use crate::model::Timestamp;
use crate::shared::shared;

shared! {
    /// A durable map from keys to permissions, shared by any number of processes, for [`Permissions`](super::Permissions).
    ///
    /// The crate has [`MemoryPermissions`](super::MemoryPermissions); `kenar-store` has SQLite and Redis. Test a store
    /// of your own with `kenar_store::conformance::check_permissions`.
    ///
    /// Each method is one atomic step, and is durable when it returns. An error leaves open whether the step was taken: it is
    /// repeated with the same arguments, and the step is then not taken twice. Stores need no clock: who waits for somebody
    /// else's lease measures the time and then names the lease that it [breaks](Self::lease). Values are opaque.
    ///
    /// [`Permissions`](super::Permissions) bounds every call by
    /// [a time limit](super::PermissionsBuilder::store_time_limit) and drops it then.
    pub trait PermissionStore: Debug + Send + Sync + 'static {
        /// Reads a permission; `None` if there is none.
        async fn read(&self, key: &str) -> Result<Option<PermissionRecord>, StoreError>;

        /// Stores a permission in place of any other, and ends the lease of that.
        ///
        /// Does nothing if the stored permission has the same `grant`: the step was taken before, and the tokens may have been
        /// refreshed since.
        async fn grant(&self, key: &str, grant: Stamp, value: PermissionValue) -> Result<(), StoreError>;

        /// Takes the lease of a permission if it is free, is `lease` already, or is `broken`. Returns the permission as it
        /// is then: who finds `lease` in it has the lease.
        async fn lease(
            &self,
            key: &str,
            lease: Stamp,
            broken: Option<Stamp>,
        ) -> Result<Option<PermissionRecord>, StoreError>;

        /// Replaces the value of a permission whose lease is still `lease`, and returns `true`; else `false`. Ends the lease
        /// unless `keep_lease`. The grant remains.
        async fn replace(
            &self,
            key: &str,
            lease: Stamp,
            value: PermissionValue,
            keep_lease: bool,
        ) -> Result<bool, StoreError>;

        /// Ends a lease that is still `lease`.
        async fn release(&self, key: &str, lease: Stamp) -> Result<(), StoreError>;

        /// Deletes a permission; `true` if there was one.
        async fn delete(&self, key: &str) -> Result<bool, StoreError>;

        /// Lists up to `limit` permissions in the order of their expiry, then key, from the one after `after`.
        async fn list(&self, after: Option<&ListedPermission>, limit: usize) -> Result<Vec<ListedPermission>, StoreError>;

        /// Lists the keys of up to `limit` permissions that are leased, in any order.
        async fn leased(&self, limit: usize) -> Result<Vec<String>, StoreError>;
    }
}

/// A random number that names a grant or a lease.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp(u128);

impl Stamp {
    /// A number that nobody else has.
    ///
    /// # Errors
    ///
    /// If the operating system has no random bytes.
    pub fn random() -> Result<Self, StoreError> {
        let mut bytes = [0; 16];
        getrandom::getrandom(&mut bytes)?;
        Ok(Self(u128::from_ne_bytes(bytes)))
    }

    /// The stamp of a number, for a store to read.
    #[must_use]
    pub fn from_u128(number: u128) -> Self {
        Self(number)
    }

    /// The number, for a store to write.
    #[must_use]
    pub fn to_u128(self) -> u128 {
        self.0
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stamp({self})")
    }
}

/// The text is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stamp is malformed: not 32 hexadecimal digits")]
pub struct InvalidStamp;

/// Reads what `Display` writes.
impl std::str::FromStr for Stamp {
    type Err = InvalidStamp;

    fn from_str(text: &str) -> Result<Self, InvalidStamp> {
        let is_hexadecimal = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hexadecimal.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Self).ok_or(InvalidStamp)
    }
}

/// The tokens of a permission in a form to store, and when the access token expires.
#[derive(Clone)]
pub struct PermissionValue {
    bytes: Arc<SecretSlice<u8>>,
    expires_at: Timestamp,
}

impl PermissionValue {
    /// A value that was read, or is to be written.
    #[must_use]
    pub fn new(bytes: Vec<u8>, expires_at: Timestamp) -> Self {
        Self { bytes: Arc::new(bytes.into()), expires_at }
    }

    /// The bytes to store. They contain the tokens.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        self.bytes.expose_secret()
    }

    /// When the access token expires, which orders the [list](PermissionStore::list).
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl PartialEq for PermissionValue {
    fn eq(&self, other: &Self) -> bool {
        self.expires_at == other.expires_at && self.expose_secret() == other.expose_secret()
    }
}

impl Eq for PermissionValue {}

impl fmt::Debug for PermissionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermissionValue").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A permission as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PermissionRecord {
    /// The tokens.
    pub value: PermissionValue,
    /// The [grant](PermissionStore::grant) that the tokens come from, by any number of refreshes.
    pub grant: Stamp,
    /// The lease of whoever works on the permission.
    pub lease: Option<Stamp>,
}

impl PermissionRecord {
    /// A record, for a store to return.
    #[must_use]
    pub fn new(value: PermissionValue, grant: Stamp, lease: Option<Stamp>) -> Self {
        Self { value, grant, lease }
    }
}

/// A stored permission, without its tokens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct ListedPermission {
    /// When the access token expires; an hour after it was issued, where the platform did not say.
    pub expires_at: Timestamp,
    /// The key.
    pub key: String,
}

impl ListedPermission {
    /// An entry of the list, for a store to return.
    #[must_use]
    pub fn new(key: impl Into<String>, expires_at: Timestamp) -> Self {
        Self { expires_at, key: key.into() }
    }
}
