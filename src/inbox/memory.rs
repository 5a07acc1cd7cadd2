use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::fmt;
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
    /// The lanes, by when they are due or their lease ends. May also contain their earlier turns.
    due: BinaryHeap<Reverse<(Turn, String)>>,
    /// By id; `None` when revived or discarded.
    dead: Vec<Option<Box<Dead>>>,
    /// The last number of a turn or claim.
    last: u64,
}

/// When a lane is due, and a number that orders lanes due at the same instant.
type Turn = (Instant, u64);

struct Lane {
    head: Record,
    rest: VecDeque<Record>,
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
    has_lifetime: bool,
    letter: DeadLetter,
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
    fn remember(&mut self, key: String, has_lifetime: bool, remember: Duration) {
        if !has_lifetime {
            self.keys.insert(key, Some(later(remember)));
        }
    }

    fn schedule(&mut self, name: &str, at: Instant) {
        let turn = (at, self.next());
        if let Some(lane) = self.lanes.get_mut(name) {
            lane.turn = turn;
            self.due.push(Reverse((turn, name.to_owned())));
        }
    }

    /// Returns a lane that is due at `now`, the longest due first, with its turn ended.
    fn next_due(&mut self, now: Instant) -> Option<String> {
        while self.due.peek().is_some_and(|Reverse(((at, _), _))| *at <= now) {
            let Reverse((turn, name)) = self.due.pop()?;
            if self.lanes.get(&*name).is_some_and(|lane| lane.turn == turn) {
                return Some(name);
            }
        }
        None
    }

    /// Appends to a lane, or inserts behind its head.
    fn add(&mut self, name: String, record: Record, behind_head: bool) {
        if let Some(lane) = self.lanes.get_mut(&*name) {
            if behind_head {
                lane.rest.push_front(record);
            } else {
                lane.rest.push_back(record);
            }
            return;
        }
        let turn = (Instant::now(), self.next());
        self.due.push(Reverse((turn, name.clone())));
        self.lanes.insert(name, Lane { head: record, rest: VecDeque::new(), turn, claim: None, attempts: 0 });
    }

    fn claimed(&mut self, ticket: &Ticket) -> Option<&mut Lane> {
        self.lanes.get_mut(&*ticket.id).filter(|lane| lane.claim == Some(ticket.fence))
    }

    fn take(&mut self, ticket: &Ticket) -> Option<(Record, u32)> {
        let lane = self.claimed(ticket)?;
        let attempts = std::mem::take(&mut lane.attempts);
        lane.claim = None;
        let record = match lane.rest.pop_front() {
            Some(next) => {
                let record = std::mem::replace(&mut lane.head, next);
                self.schedule(&ticket.id, Instant::now());
                record
            }
            None => self.lanes.remove(&*ticket.id)?.head,
        };
        Some((record, attempts))
    }

    fn take_dead(&mut self, id: &str) -> Result<Option<Box<Dead>>, StoreError> {
        Ok(self.dead.get_mut(id.parse::<u32>()? as usize).and_then(Option::take))
    }

    fn claim(&mut self, name: &str, lease: Duration) -> Option<ClaimedEvent> {
        let fence = self.next();
        self.schedule(name, later(lease));
        let lane = self.lanes.get_mut(name)?;
        lane.claim = Some(fence);
        lane.attempts = lane.attempts.saturating_add(1);
        let ticket = Ticket::new(name, fence);
        let Record { key, body, accepted_at, .. } = &lane.head;
        Some(ClaimedEvent::new(ticket, key.clone(), body.clone(), lane.attempts, *accepted_at))
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
        let state = &mut *self.state();
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
        let state = &mut *self.state();
        let now = Instant::now();
        let mut due = Vec::new();
        while due.len() < limit {
            let Some(name) = state.next_due(now) else { break };
            due.push(name);
        }
        let mut claimed = Vec::with_capacity(due.len());
        for name in due {
            if let Some(event) = state.claim(&name, lease) {
                claimed.push(event);
            }
        }
        Ok(claimed)
    }

    async fn extend(&self, ticket: &Ticket, lease: Duration) -> Result<bool, StoreError> {
        let state = &mut *self.state();
        let holds = state.claimed(ticket).is_some();
        if holds {
            state.schedule(&ticket.id, later(lease));
        }
        Ok(holds)
    }

    async fn complete(&self, ticket: &Ticket, remember: Duration) -> Result<bool, StoreError> {
        let state = &mut *self.state();
        let Some((record, _)) = state.take(ticket) else { return Ok(false) };
        state.remember(record.key, record.has_lifetime, remember);
        Ok(true)
    }

    async fn postpone(&self, ticket: &Ticket, delay: Duration, _reason: &str) -> Result<bool, StoreError> {
        let state = &mut *self.state();
        let Some(lane) = state.claimed(ticket) else { return Ok(false) };
        lane.claim = None;
        state.schedule(&ticket.id, later(delay));
        Ok(true)
    }

    async fn bury(&self, ticket: &Ticket, reason: &str) -> Result<bool, StoreError> {
        let state = &mut *self.state();
        let Some((record, attempts)) = state.take(ticket) else { return Ok(false) };
        let Record { key, has_lifetime, body, accepted_at } = record;
        let (id, reason, died_at) = (state.dead.len().to_string(), reason.to_owned(), Timestamp::now());
        let letter = DeadLetter { id, key, body, attempts, reason, accepted_at, died_at };
        state.dead.push(Some(Box::new(Dead { lane: ticket.id.clone(), has_lifetime, letter })));
        Ok(true)
    }

    async fn dead_letters(&self, after: Option<&str>, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let state = &*self.state();
        let first = match after {
            Some(after) => (after.parse::<u32>()? as usize).saturating_add(1),
            None => 0,
        };
        let mut letters = Vec::new();
        for dead in state.dead.iter().skip(first) {
            if letters.len() == limit {
                break;
            }
            if let Some(dead) = dead {
                letters.push(dead.letter.clone());
            }
        }
        Ok(letters)
    }

    async fn revive(&self, id: &str) -> Result<bool, StoreError> {
        let state = &mut *self.state();
        let Some(dead) = state.take_dead(id)? else { return Ok(false) };
        let Dead { lane, has_lifetime, letter: DeadLetter { key, body, accepted_at, .. } } = *dead;
        state.add(lane, Record { key, has_lifetime, body, accepted_at }, true);
        Ok(true)
    }

    async fn discard(&self, id: &str, remember: Duration) -> Result<bool, StoreError> {
        let state = &mut *self.state();
        let Some(dead) = state.take_dead(id)? else { return Ok(false) };
        state.remember(dead.letter.key, dead.has_lifetime, remember);
        Ok(true)
    }

    async fn sweep(&self, longest: Duration) -> Result<(), StoreError> {
        let state = &mut *self.state();
        let now = Instant::now();
        state.keys.retain(|_, until| until.is_none_or(|until| now < until));
        let latest = later(longest);
        let mut due = std::mem::take(&mut state.due);
        while let Some(Reverse((turn, name))) = due.pop() {
            if state.lanes.get(&*name).is_some_and(|lane| lane.turn == turn) {
                state.schedule(&name, turn.0.min(latest));
            }
        }
        Ok(())
    }

    async fn counts(&self) -> Result<InboxCounts, StoreError> {
        let state = &*self.state();
        let pending: usize = state.lanes.values().map(|lane| 1 + lane.rest.len()).sum();
        Ok(InboxCounts::new(pending as u64, state.dead.iter().filter(|dead| dead.is_some()).count() as u64))
    }
}

impl fmt::Debug for MemoryInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryInbox").field("lanes", &self.state().lanes.len()).finish_non_exhaustive()
    }
}
