//! Promise: the stores in memory keep the contracts that the durable stores keep.

use kenar::inbox::MemoryInbox;
use kenar::quota::MemoryQuota;

#[tokio::test]
async fn memory_inbox_conforms() {
    kenar::inbox::conformance::check(|| async { MemoryInbox::new() }).await;
}

#[tokio::test]
async fn memory_quota_conforms() {
    kenar::quota::conformance::check(&MemoryQuota::new()).await;
}
