//! What an inbox needs of the place where its events are kept.

use std::time::Duration;

use bytes::Bytes;

use super::NewEvent;
use crate::error::StoreError;
use crate::model::Timestamp;
use crate::shared::shared;

shared! {
    /// A durable queue of events, shared by any number of processes, for an [`Inbox`](super::Inbox).
    ///
    /// The crate has [`MemoryInbox`](super::MemoryInbox); `kenar-store` has SQLite and Redis. Test a store of your
    /// own with `kenar_store::conformance::check_inbox`.
    ///
    /// Events of one lane form a queue. Its first event, the head, is the only one that can be claimed. A claim is a lease:
    /// until it ends, nobody else can claim the lane. Each claim gets a greater [`fence`](Ticket::fence); what is done
    /// with the ticket of an earlier claim has no effect and returns `false`. A lease that has ended keeps its ticket valid
    /// until the lane is claimed again.
    ///
    /// Each method is one atomic step, and is durable when it returns. Durations are measured by the store's own clock. An
    /// error leaves open whether the step was taken: the inbox repeats it.
    pub trait InboxStore: Debug + Send + Sync + 'static {
        /// Appends an event to its lane, unless its key is known.
        async fn insert(&self, event: NewEvent) -> Result<Insertion, StoreError>;

        /// Leases up to `limit` lanes that are free and due, the longest due first, and returns their heads.
        async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<ClaimedEvent>, StoreError>;

        /// Renews a lease: it ends `lease` from now.
        async fn extend(&self, ticket: &Ticket, lease: Duration) -> Result<bool, StoreError>;

        /// Removes a handled event from its lane, body and all, and frees the lane. A key without a
        /// [lifetime](NewEvent::key_lifetime) of its own is known for `remember` from now.
        async fn complete(&self, ticket: &Ticket, remember: Duration) -> Result<bool, StoreError>;

        /// Frees the lane and makes its head due after `delay`. `reason` says why it was not handled.
        async fn postpone(&self, ticket: &Ticket, delay: Duration, reason: &str) -> Result<bool, StoreError>;

        /// Moves the head of the lane to the dead letters and frees the lane. Its key remains known.
        async fn bury(&self, ticket: &Ticket, reason: &str) -> Result<bool, StoreError>;

        /// Lists the dead letters in the order in which they died, from the one after `after`.
        async fn dead_letters(&self, after: Option<&str>, limit: usize) -> Result<Vec<DeadLetter>, StoreError>;

        /// Moves a dead letter back into its lane, with no attempts counted: behind the head, if there is one.
        async fn revive(&self, id: &str) -> Result<bool, StoreError>;

        /// Deletes a dead letter; its key is then known for `remember`.
        async fn discard(&self, id: &str, remember: Duration) -> Result<bool, StoreError>;

        /// Forgets keys whose time is over, and shortens what is due or leased for longer than `longest` from now: a clock
        /// was set back. Called once a minute or so.
        async fn sweep(&self, longest: Duration) -> Result<(), StoreError>;

        /// Counts what is stored.
        async fn counts(&self) -> Result<InboxCounts, StoreError>;
    }
}

/// What came of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// The event is stored.
    Stored,
    /// The key is known, and nothing was stored.
    Duplicate,
}

/// The right to finish one claimed event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Ticket {
    /// The claimed lane or event, by a name of the store's own.
    pub id: String,
    /// The number of the claim: greater than that of any earlier claim with this id.
    pub fence: u64,
}

impl Ticket {
    /// The ticket of a claim.
    #[must_use]
    pub fn new(id: impl Into<String>, fence: u64) -> Self {
        Self { id: id.into(), fence }
    }
}

/// An event that was claimed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClaimedEvent {
    /// The right to finish it.
    pub ticket: Ticket,
    /// Its deduplication key.
    pub key: String,
    /// The JSON of the event.
    pub body: Bytes,
    /// How many times it was claimed, this claim included: 1 for the first attempt.
    pub attempt: u32,
    /// When it was stored.
    pub accepted_at: Timestamp,
}

impl ClaimedEvent {
    /// A claimed event, for a store to return.
    #[must_use]
    pub fn new(ticket: Ticket, key: String, body: Bytes, attempt: u32, accepted_at: Timestamp) -> Self {
        Self { ticket, key, body, attempt, accepted_at }
    }
}

/// An event that could not be handled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Names it, for [`Inbox::retry_dead_letter`](super::Inbox::retry_dead_letter).
    pub id: String,
    /// Its deduplication key.
    pub key: String,
    /// The JSON of the event.
    pub body: Bytes,
    /// How many times it was attempted.
    pub attempts: u32,
    /// The last failure, cut after 1,024 bytes.
    pub reason: String,
    /// When it was stored.
    pub accepted_at: Timestamp,
    /// When it was given up.
    pub died_at: Timestamp,
}

impl DeadLetter {
    /// A dead letter, for a store to return.
    #[must_use]
    pub fn new(event: ClaimedEvent, id: impl Into<String>, reason: impl Into<String>, died_at: Timestamp) -> Self {
        let ClaimedEvent { key, body, attempt, accepted_at, .. } = event;
        Self { id: id.into(), key, body, attempts: attempt, reason: reason.into(), accepted_at, died_at }
    }
}

/// How many events a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InboxCounts {
    /// Events that are not handled yet, claimed ones included.
    pub pending: u64,
    /// Events that were given up.
    pub dead_letters: u64,
}

impl InboxCounts {
    /// The counts, for a store to return.
    #[must_use]
    pub fn new(pending: u64, dead_letters: u64) -> Self {
        Self { pending, dead_letters }
    }
}
