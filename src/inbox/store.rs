use std::time::Duration;

use bytes::Bytes;

use super::NewEvent;
use crate::error::StoreError;
use crate::model::Timestamp;
use crate::shared::shared;

shared! {
    /// A durable queue of events, shared by any number of processes, for an [`Inbox`](super::Inbox).
    ///
    /// Implemented by [`MemoryInbox`](super::MemoryInbox) and, in `kenar-store`, for SQLite and Redis. Test your own
    /// store with `kenar_store::conformance::check_inbox` (feature `conformance`, default features off).
    ///
    /// The events of a lane form a queue, of which only the head can be claimed. A claim is a lease of the lane. Each
    /// claim has a greater [`fence`](Ticket::fence) than the one before. Calls with the ticket of an earlier claim have
    /// no effect and return `false`. A ticket stays valid after its lease, until the lane is claimed again.
    ///
    /// Each method is one atomic step and is durable when it returns. Durations are measured by the store's clock.
    /// After an error, the inbox repeats the step.
    pub trait InboxStore: Debug + Send + Sync + 'static {
        /// Appends an event to its lane, unless its key is known.
        async fn insert(&self, event: NewEvent) -> Result<Insertion, StoreError>;

        /// Leases up to `limit` lanes that are free and due, longest due first. Returns their heads.
        async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<ClaimedEvent>, StoreError>;

        /// Renews a lease, for `lease` from now.
        async fn extend(&self, ticket: &Ticket, lease: Duration) -> Result<bool, StoreError>;

        /// Deletes a handled event and frees its lane.
        ///
        /// A key without its own [lifetime](NewEvent::key_lifetime) is known for `remember` from now.
        async fn complete(&self, ticket: &Ticket, remember: Duration) -> Result<bool, StoreError>;

        /// Frees the lane and makes its head due after `delay`, because of the failure `reason`.
        async fn postpone(&self, ticket: &Ticket, delay: Duration, reason: &str) -> Result<bool, StoreError>;

        /// Moves the head of the lane to the dead letters and frees the lane. Its key remains known.
        async fn bury(&self, ticket: &Ticket, reason: &str) -> Result<bool, StoreError>;

        /// Lists the dead letters in their order, from the one after `after`.
        async fn dead_letters(&self, after: Option<&str>, limit: usize) -> Result<Vec<DeadLetter>, StoreError>;

        /// Moves a dead letter back into its lane, behind the head, with no attempts counted.
        async fn revive(&self, id: &str) -> Result<bool, StoreError>;

        /// Deletes a dead letter; its key is then known for `remember`.
        async fn discard(&self, id: &str, remember: Duration) -> Result<bool, StoreError>;

        /// Forgets expired keys, and shortens delays and leases to `longest` from now, in case a clock was set back.
        ///
        /// Called about once a minute.
        async fn sweep(&self, longest: Duration) -> Result<(), StoreError>;

        /// Counts what is stored.
        async fn counts(&self) -> Result<InboxCounts, StoreError>;
    }
}

/// The outcome of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// The event is stored.
    Stored,
    /// The key is known; nothing was stored.
    Duplicate,
}

/// The right to finish one claimed event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Ticket {
    /// The store's name of the claimed lane or event.
    pub id: String,
    /// The number of the claim: greater than that of any earlier claim with this id.
    pub fence: u64,
}

impl Ticket {
    /// Creates the ticket of a claim.
    #[must_use]
    pub fn new(id: impl Into<String>, fence: u64) -> Self {
        Self { id: id.into(), fence }
    }
}

/// A claimed event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClaimedEvent {
    /// The right to finish it.
    pub ticket: Ticket,
    /// Its deduplication key.
    pub key: String,
    /// The JSON of the event.
    pub body: Bytes,
    /// The number of claims, this one included: 1 for the first attempt.
    pub attempt: u32,
    /// The time at which it was stored.
    pub accepted_at: Timestamp,
}

impl ClaimedEvent {
    /// Creates the result of a store.
    #[must_use]
    pub fn new(ticket: Ticket, key: String, body: Bytes, attempt: u32, accepted_at: Timestamp) -> Self {
        Self { ticket, key, body, attempt, accepted_at }
    }
}

/// An event that was given up after its last attempt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The store's name of it.
    pub id: String,
    /// Its deduplication key.
    pub key: String,
    /// The JSON of the event.
    pub body: Bytes,
    /// The number of attempts.
    pub attempts: u32,
    /// The last failure, cut after 1,024 bytes.
    pub reason: String,
    /// The time at which it was stored.
    pub accepted_at: Timestamp,
    /// The time at which it was given up.
    pub died_at: Timestamp,
}

impl DeadLetter {
    /// Creates the result of a store.
    #[must_use]
    pub fn new(event: ClaimedEvent, id: impl Into<String>, reason: impl Into<String>, died_at: Timestamp) -> Self {
        let ClaimedEvent { key, body, attempt, accepted_at, .. } = event;
        Self { id: id.into(), key, body, attempts: attempt, reason: reason.into(), accepted_at, died_at }
    }
}

/// The number of events in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InboxCounts {
    /// Events that are not handled yet, claimed ones included.
    pub pending: u64,
    /// Events that were given up.
    pub dead_letters: u64,
}

impl InboxCounts {
    /// Creates the result of a store.
    #[must_use]
    pub fn new(pending: u64, dead_letters: u64) -> Self {
        Self { pending, dead_letters }
    }
}
