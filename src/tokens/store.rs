use std::collections::{BinaryHeap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretSlice};

use crate::error::StoreError;
use crate::model::{ConversationId, Side, Timestamp, UserId};
use crate::shared::shared;

shared! {
    /// A durable map from keys to permissions, shared by any number of processes, for
    /// [`Permissions`](super::Permissions).
    ///
    /// Implemented by [`MemoryPermissions`](super::MemoryPermissions) and, in `kenar-store`, for SQLite and Redis. Test
    /// your own store with `kenar_store::conformance::check_permissions` (feature `conformance`, default features off).
    ///
    /// Each method is one atomic, idempotent step and is durable when it returns. After an error, a step is repeated
    /// with the same arguments. Values are opaque. Stores need no clock: a process that has waited long enough for a
    /// lease names the lease to [break](Self::lease). A call is dropped after [a time
    /// limit](super::PermissionsBuilder::store_time_limit).
    pub trait PermissionStore: Debug + Send + Sync + 'static {
        /// Reads a permission; `None` if there is none.
        async fn read(&self, key: &str) -> Result<Option<PermissionRecord>, StoreError>;

        /// Stores a permission, replacing any other one and its lease.
        ///
        /// Does nothing if the stored permission has the same `grant`: the step is a repetition, and the tokens may
        /// have been refreshed since.
        async fn grant(&self, key: &str, grant: Stamp, value: PermissionValue) -> Result<(), StoreError>;

        /// Sets the lease of a permission to `lease` if it is free or is `broken`. Returns the resulting permission.
        async fn lease(
            &self,
            key: &str,
            lease: Stamp,
            broken: Option<Stamp>,
        ) -> Result<Option<PermissionRecord>, StoreError>;

        /// Replaces the value of a permission, and ends the lease unless `keep_lease`. The grant remains.
        ///
        /// Returns `false`, without an effect, if the lease is not `lease`.
        async fn replace(
            &self,
            key: &str,
            lease: Stamp,
            value: PermissionValue,
            keep_lease: bool,
        ) -> Result<bool, StoreError>;

        /// Ends a lease if it is `lease`.
        async fn release(&self, key: &str, lease: Stamp) -> Result<(), StoreError>;

        /// Deletes a permission. Returns `true` if there was one.
        async fn delete(&self, key: &str) -> Result<bool, StoreError>;

        /// Lists up to `limit` permissions, ordered by expiry and then key, from the one after `after`.
        async fn list(
            &self,
            after: Option<&ListedPermission>,
            limit: usize,
        ) -> Result<Vec<ListedPermission>, StoreError>;

        /// Lists the keys of up to `limit` leased permissions, in any order.
        async fn leased(&self, limit: usize) -> Result<Vec<String>, StoreError>;
    }
}

/// A random identifier of a grant or a lease.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp(u128);

impl Stamp {
    /// Creates a unique stamp.
    ///
    /// # Errors
    ///
    /// If the operating system provides no random bytes.
    pub fn random() -> Result<Self, StoreError> {
        let mut bytes = [0; 16];
        getrandom::getrandom(&mut bytes)?;
        Ok(Self(u128::from_ne_bytes(bytes)))
    }

    /// Creates a stamp from a stored number.
    #[must_use]
    pub fn from_u128(number: u128) -> Self {
        Self(number)
    }

    /// Returns the number to store.
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

/// The error for a text that is not a [`Stamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed stamp: not 32 hexadecimal digits")]
pub struct InvalidStamp;

/// Parses 32 hexadecimal digits.
impl std::str::FromStr for Stamp {
    type Err = InvalidStamp;

    fn from_str(text: &str) -> Result<Self, InvalidStamp> {
        let append = |number, digit: char| Some(number << 4 | u128::from(digit.to_digit(16)?));
        let number = if text.len() == 32 { text.chars().try_fold(0, append) } else { None };
        number.map(Self).ok_or(InvalidStamp)
    }
}

/// The serialised tokens of a permission, and the access token's expiry.
#[derive(Clone)]
pub struct PermissionValue {
    bytes: Arc<SecretSlice<u8>>,
    expires_at: Timestamp,
}

impl PermissionValue {
    /// Creates a value from its bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>, expires_at: Timestamp) -> Self {
        Self { bytes: Arc::new(bytes.into()), expires_at }
    }

    /// The bytes to store. They contain the tokens.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        self.bytes.expose_secret()
    }

    /// The access token's expiry, which orders the [list](PermissionStore::list).
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

/// A stored permission.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PermissionRecord {
    /// The tokens.
    pub value: PermissionValue,
    /// The [grant](PermissionStore::grant) of the tokens. Refreshes keep it.
    pub grant: Stamp,
    /// The lease of the process that works on the permission.
    pub lease: Option<Stamp>,
}

impl PermissionRecord {
    /// Creates the result of a store.
    #[must_use]
    pub fn new(value: PermissionValue, grant: Stamp, lease: Option<Stamp>) -> Self {
        Self { value, grant, lease }
    }
}

/// A stored permission, without its tokens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct ListedPermission {
    /// The access token's expiry; if Divar did not state it, an hour after it was issued.
    pub expires_at: Timestamp,
    /// The key.
    pub key: String,
}

impl ListedPermission {
    /// Creates the result of a store.
    #[must_use]
    pub fn new(key: impl Into<String>, expires_at: Timestamp) -> Self {
        Self { expires_at, key: key.into() }
    }
}

/// A [`PermissionStore`] in memory, for tests and for permissions that may be lost with the process.
#[derive(Default)]
pub struct MemoryPermissions(Mutex<HashMap<String, PermissionRecord>>);

impl MemoryPermissions {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn records(&self) -> MutexGuard<'_, HashMap<String, PermissionRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_lease(&self, key: &str, lease: Stamp, change: impl FnOnce(&mut PermissionRecord)) -> bool {
        let records = &mut *self.records();
        let record = records.get_mut(key).filter(|record| record.lease == Some(lease));
        record.map(change).is_some()
    }
}

#[async_trait]
impl PermissionStore for MemoryPermissions {
    async fn read(&self, key: &str) -> Result<Option<PermissionRecord>, StoreError> {
        Ok(self.records().get(key).cloned())
    }

    async fn grant(&self, key: &str, grant: Stamp, value: PermissionValue) -> Result<(), StoreError> {
        let records = &mut *self.records();
        if records.get(key).is_none_or(|record| record.grant != grant) {
            records.insert(key.to_owned(), PermissionRecord::new(value, grant, None));
        }
        Ok(())
    }

    async fn lease(
        &self,
        key: &str,
        lease: Stamp,
        broken: Option<Stamp>,
    ) -> Result<Option<PermissionRecord>, StoreError> {
        let records = &mut *self.records();
        let Some(record) = records.get_mut(key) else { return Ok(None) };
        if record.lease.is_none() || record.lease == broken {
            record.lease = Some(lease);
        }
        Ok(Some(record.clone()))
    }

    async fn replace(
        &self,
        key: &str,
        lease: Stamp,
        value: PermissionValue,
        keep_lease: bool,
    ) -> Result<bool, StoreError> {
        Ok(self.with_lease(key, lease, |record| {
            record.value = value;
            record.lease = keep_lease.then_some(lease);
        }))
    }

    async fn release(&self, key: &str, lease: Stamp) -> Result<(), StoreError> {
        self.with_lease(key, lease, |record| record.lease = None);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.records().remove(key).is_some())
    }

    async fn list(&self, after: Option<&ListedPermission>, limit: usize) -> Result<Vec<ListedPermission>, StoreError> {
        let mut first = BinaryHeap::new();
        for (key, record) in self.records().iter() {
            let listed = ListedPermission::new(key, record.value.expires_at());
            if after.is_none_or(|after| listed > *after) {
                first.push(listed);
            }
            if first.len() > limit {
                first.pop();
            }
        }
        Ok(first.into_sorted_vec())
    }

    async fn leased(&self, limit: usize) -> Result<Vec<String>, StoreError> {
        let mut leased = Vec::new();
        for (key, record) in self.records().iter() {
            if leased.len() < limit && record.lease.is_some() {
                leased.push(key.clone());
            }
        }
        Ok(leased)
    }
}

impl fmt::Debug for MemoryPermissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryPermissions").field("stored", &self.records().len()).finish_non_exhaustive()
    }
}

/// The key of one permission: who granted it, and for what.
///
/// A second [grant](super::Permissions::grant) under a key replaces the first with all its scopes, because Divar
/// documents no way to add a scope to existing tokens. So a key must name everything that the scopes name:
///
/// | scopes | key |
/// |---|---|
/// | of one conversation, such as [`Scope::conversation_send_message`](crate::Scope::conversation_send_message) | [`in_conversation`](Self::in_conversation) |
/// | of a user's whole account, such as [`Scope::user_id`](crate::Scope::user_id) | [`of_user`](Self::of_user) |
/// | anything else | [`new`](Self::new) |
///
/// Keys are stored unencrypted, even if the tokens are encrypted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PermissionKey(Arc<str>);

impl PermissionKey {
    /// Creates a key from any text.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Creates the key of a permission for a user's whole account.
    #[must_use]
    pub fn of_user(user: &UserId) -> Self {
        Self(format!("user:{}", user.as_str()).into())
    }

    /// Creates the key of a permission for one conversation, granted by the user on one side.
    #[must_use]
    pub fn in_conversation(conversation: &ConversationId, granted_by: &Side) -> Self {
        Self(format!("conversation:{}:{granted_by}", conversation.as_str()).into())
    }

    /// The text of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for PermissionKey {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for PermissionKey {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for PermissionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PermissionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PermissionKey({:?})", self.0)
    }
}
