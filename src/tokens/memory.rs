use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::store::{ListedPermission, PermissionRecord, PermissionStore, PermissionValue, Stamp};
use crate::error::StoreError;

/// A [`PermissionStore`] in memory, for tests and for permissions that may be lost with the process.
#[derive(Default)]
pub struct MemoryPermissions(Mutex<BTreeMap<String, PermissionRecord>>);

impl MemoryPermissions {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<String, PermissionRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the record of a key if its lease is `lease`.
    fn with_lease(&self, key: &str, lease: Stamp, change: impl FnOnce(&mut PermissionRecord)) -> bool {
        let mut records = self.records();
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
        let mut records = self.records();
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
        let mut records = self.records();
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
        let listed =
            |(key, record): (&String, &PermissionRecord)| ListedPermission::new(key, record.value.expires_at());
        let mut list: Vec<_> =
            self.records().iter().map(listed).filter(|listed| after.is_none_or(|after| listed > after)).collect();
        list.sort_unstable();
        list.truncate(limit);
        Ok(list)
    }

    async fn leased(&self, limit: usize) -> Result<Vec<String>, StoreError> {
        let records = self.records();
        let leased = records.iter().filter(|(_, record)| record.lease.is_some());
        Ok(leased.map(|(key, _)| key.clone()).take(limit).collect())
    }
}

impl fmt::Debug for MemoryPermissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryPermissions").field("stored", &self.records().len()).finish_non_exhaustive()
    }
}
