use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;

use super::NewEvent;
use super::store::{ClaimedEvent, DeadLetter, InboxCounts, InboxStore, Insertion, Ticket};
use crate::error::StoreError;
use crate::model::Timestamp;

/// An [`InboxStore`] in memory, for tests and for events that may be lost with the process.
///
/// It keeps the same contract as the durable stores of `kenar-store`. Its memory is not bounded.
#[derive(Default)]
pub struct MemoryInbox(Mutex<State>);

#[derive(Default)]
struct State {
    /// Known keys and their expiry; `None` while the event is stored.
    keys: HashMap<String, Option<Instant>>,
    lanes: HashMap<String, Lane>,
    /// The lanes, by when they are due or their lease ends.
    due: BTreeMap<Turn, String>,
    dead: BTreeMap<u64, Dead>,
    /// The last number of a turn, claim or dead letter.
    last: u64,
}

/// When a lane is due, and a number that orders lanes due at the same instant.
type Turn = (Instant, u64);

/// A lane that is not empty.
struct Lane {
    events: VecDeque<Record>,
    turn: Turn,
    claim: Option<u64>,
    /// The claims of the head.
    attempts: u32,
}

struct Record {
    key: String,
    has_lifetime: bool,
    body: Bytes,
    accepted_at: Timestamp,
}

struct Dead {
    lane: String,
    record: Record,
    attempts: u32,
    reason: String,
    died_at: Timestamp,
}

impl MemoryInbox {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn knows(&self, key: &str) -> bool {
        match self.keys.get(key) {
            Some(Some(until)) => Instant::now() < *until,
            Some(None) => true,
            None => false,
        }
    }

    /// Forgets a key after `remember`, unless it has its own lifetime.
    fn remember(&mut self, record: &Record, remember: Duration) {
        if !record.has_lifetime {
            self.keys.insert(record.key.clone(), Some(later(remember)));
        }
    }

    fn schedule(&mut self, name: &str, at: Instant) {
        let turn = (at, self.next());
        if let Some(lane) = self.lanes.get_mut(name) {
            self.due.remove(&lane.turn);
            lane.turn = turn;
            self.due.insert(turn, name.to_owned());
        }
    }

    /// Appends to a lane, or inserts behind its head.
    fn add(&mut self, name: String, record: Record, behind_head: bool) {
        if let Some(lane) = self.lanes.get_mut(&name) {
            if behind_head {
                lane.events.insert(1.min(lane.events.len()), record);
            } else {
                lane.events.push_back(record);
            }
            return;
        }
        let turn = (Instant::now(), self.next());
        self.due.insert(turn, name.clone());
        self.lanes.insert(name, Lane { events: VecDeque::from([record]), turn, claim: None, attempts: 0 });
    }

    fn claimed(&mut self, ticket: &Ticket) -> Option<&mut Lane> {
        self.lanes.get_mut(&ticket.id).filter(|lane| lane.claim == Some(ticket.fence))
    }

    fn take(&mut self, ticket: &Ticket) -> Option<(Record, u32)> {
        let lane = self.claimed(ticket)?;
        let record = lane.events.pop_front()?;
        let attempts = std::mem::take(&mut lane.attempts);
        lane.claim = None;
        if lane.events.is_empty() {
            let turn = lane.turn;
            self.due.remove(&turn);
            self.lanes.remove(&ticket.id);
        } else {
            self.schedule(&ticket.id, Instant::now());
        }
        Some((record, attempts))
    }

    fn claim(&mut self, name: &str, lease: Duration) -> Option<ClaimedEvent> {
        let fence = self.next();
        self.schedule(name, later(lease));
        let lane = self.lanes.get_mut(name)?;
        lane.claim = Some(fence);
        lane.attempts = lane.attempts.saturating_add(1);
        let head = lane.events.front()?;
        let ticket = Ticket::new(name, fence);
        Some(ClaimedEvent::new(ticket, head.key.clone(), head.body.clone(), lane.attempts, head.accepted_at))
    }
}

fn later(duration: Duration) -> Instant {
    let now = Instant::now();
    // If it overflows, a year.
    now.checked_add(duration).or_else(|| now.checked_add(Duration::from_secs(365 * 86_400))).unwrap_or(now)
}

#[async_trait]
impl InboxStore for MemoryInbox {
    async fn insert(&self, event: NewEvent) -> Result<Insertion, StoreError> {
        let mut state = self.state();
        if state.knows(&event.key) {
            return Ok(Insertion::Duplicate);
        }
        state.keys.insert(event.key.clone(), event.key_lifetime.map(later));
        let record = Record {
            key: event.key,
            has_lifetime: event.key_lifetime.is_some(),
            body: event.body,
            accepted_at: Timestamp::now(),
        };
        state.add(event.lane, record, false);
        Ok(Insertion::Stored)
    }

    async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<ClaimedEvent>, StoreError> {
        let mut state = self.state();
        let now = Instant::now();
        let due: Vec<String> = state.due.range(..=(now, u64::MAX)).map(|(_, name)| name.clone()).take(limit).collect();
        Ok(due.iter().filter_map(|name| state.claim(name, lease)).collect())
    }

    async fn extend(&self, ticket: &Ticket, lease: Duration) -> Result<bool, StoreError> {
        let mut state = self.state();
        let holds = state.claimed(ticket).is_some();
        if holds {
            state.schedule(&ticket.id, later(lease));
        }
        Ok(holds)
    }

    async fn complete(&self, ticket: &Ticket, remember: Duration) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some((record, _)) = state.take(ticket) else { return Ok(false) };
        state.remember(&record, remember);
        Ok(true)
    }

    async fn postpone(&self, ticket: &Ticket, delay: Duration, _reason: &str) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(lane) = state.claimed(ticket) else { return Ok(false) };
        lane.claim = None;
        state.schedule(&ticket.id, later(delay));
        Ok(true)
    }

    async fn bury(&self, ticket: &Ticket, reason: &str) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some((record, attempts)) = state.take(ticket) else { return Ok(false) };
        let id = state.next();
        let reason = reason.to_owned();
        let dead = Dead { lane: ticket.id.clone(), record, attempts, reason, died_at: Timestamp::now() };
        state.dead.insert(id, dead);
        Ok(true)
    }

    async fn dead_letters(&self, after: Option<&str>, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let state = self.state();
        let first = match after {
            Some(id) => Bound::Excluded(id.parse::<u64>()?),
            None => Bound::Unbounded,
        };
        let letters = state.dead.range((first, Bound::Unbounded)).take(limit);
        Ok(letters.map(|(id, dead)| dead.letter(*id)).collect())
    }

    async fn revive(&self, id: &str) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(dead) = state.dead.remove(&id.parse()?) else { return Ok(false) };
        state.add(dead.lane, dead.record, true);
        Ok(true)
    }

    async fn discard(&self, id: &str, remember: Duration) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(dead) = state.dead.remove(&id.parse()?) else { return Ok(false) };
        state.remember(&dead.record, remember);
        Ok(true)
    }

    async fn sweep(&self, longest: Duration) -> Result<(), StoreError> {
        let mut state = self.state();
        let now = Instant::now();
        state.keys.retain(|_, until| until.is_none_or(|until| now < until));
        let latest = later(longest);
        let too_late: Vec<String> = state.due.range((latest, u64::MAX)..).map(|(_, name)| name.clone()).collect();
        too_late.iter().for_each(|name| state.schedule(name, latest));
        Ok(())
    }

    async fn counts(&self) -> Result<InboxCounts, StoreError> {
        let state = self.state();
        let pending: usize = state.lanes.values().map(|lane| lane.events.len()).sum();
        Ok(InboxCounts::new(pending as u64, state.dead.len() as u64))
    }
}

impl Dead {
    fn letter(&self, id: u64) -> DeadLetter {
        let Record { key, body, accepted_at, .. } = &self.record;
        let ticket = Ticket::new(self.lane.clone(), 0);
        let event = ClaimedEvent::new(ticket, key.clone(), body.clone(), self.attempts, *accepted_at);
        DeadLetter::new(event, id.to_string(), self.reason.clone(), self.died_at)
    }
}

impl fmt::Debug for MemoryInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryInbox")
            .field("lanes", &state.lanes.len())
            .field("dead_letters", &state.dead.len())
            .finish()
    }
}
