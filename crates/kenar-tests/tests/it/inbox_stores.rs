//! Promise: the store in memory keeps the contract that the durable stores keep.

use kenar::inbox::{MemoryInbox, conformance};

#[tokio::test]
async fn memory_inbox_conforms() {
    conformance::check(|| async { MemoryInbox::new() }).await;
}
