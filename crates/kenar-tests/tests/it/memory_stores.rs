//! Promise: the in-memory stores keep the same contracts as the durable ones.

use kenar::inbox::MemoryInbox;
use kenar::quota::MemoryQuota;
use kenar::tokens::MemoryPermissions;
use kenar_store::conformance::{check_inbox, check_permissions, check_quota};

#[tokio::test]
async fn memory_permissions_conform() {
    check_permissions(|| async { MemoryPermissions::new() }).await;
}

#[tokio::test]
async fn memory_inbox_conforms() {
    check_inbox(|| async { MemoryInbox::new() }).await;
}

#[tokio::test]
async fn memory_quota_conforms() {
    check_quota(&MemoryQuota::new()).await;
}
