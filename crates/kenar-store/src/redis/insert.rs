//! Events that arrive at the same time, stored by one call of a script.
//!
//! A script costs the server more than the commands in it. With `appendfsync always`, the commands of each read of a
//! connection, which takes 16 KiB or a little more, cost an `fsync`.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use kenar::inbox::{Insertion, NewEvent};
use redis::Script;
use tokio::sync::oneshot;

use super::inbox::{milliseconds, record};
use super::{FAILED, Redis, failed};
use crate::Error;

/// The limits of one call, in events and in bytes: the server runs nothing else meanwhile.
const MOST_EVENTS: usize = 64;
const MOST_BYTES: usize = 1 << 20;

/// The number of calls at the same time: one is prepared while the server runs the other.
const CALLS: usize = 2;

/// Stores events in order, and returns `1` for each new event and `0` for each duplicate.
///
/// A key is known only if its event is stored: an event that cannot be stored must not become a duplicate.
static INSERT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "-- KEYS[1]: the lanes by when they are due. ARGV: the length of what precedes a lane in the key of its list;
        -- then for each event its deduplication key, the lifetime of that key, the key of its lane's list, and the record.
        local call, outcomes, now = redis.call, {}, nil
        for index = 2, #ARGV, 4 do
            local key, lifetime, lane = ARGV[index], ARGV[index + 1], ARGV[index + 2]
            local is_new
            if lifetime == '' then
                is_new = call('SET', key, '', 'NX')
            elseif lifetime == '0' then
                is_new = call('EXISTS', key) == 0
            else
                is_new = call('SET', key, '', 'NX', 'PX', lifetime)
            end
            if is_new then
                local reply = redis.pcall('RPUSH', lane, ARGV[index + 3])
                if reply == 1 then
                    if not now then
                        local time = call('TIME')
                        now = time[1] .. string.format('%06d', time[2])
                    end
                    reply = redis.pcall('ZADD', KEYS[1], now, string.sub(lane, ARGV[1] + 1))
                    if type(reply) == 'table' then call('DEL', lane) end
                end
                if type(reply) == 'table' then
                    call('DEL', key)
                    return reply
                end
            end
            outcomes[#outcomes + 1] = is_new and '1' or '0'
        end
        return table.concat(outcomes)",
    )
});

/// The events that wait for a call.
#[derive(Default)]
pub(super) struct Insertions(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    calls: usize,
}

struct Waiting {
    event: NewEvent,
    outcome: oneshot::Sender<Result<Insertion, Error>>,
}

impl Insertions {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The events of the next call, without those whose caller is gone.
    fn next(&mut self) -> Vec<Waiting> {
        let (mut events, mut bytes) = (Vec::new(), 0);
        while events.len() < MOST_EVENTS && bytes < MOST_BYTES {
            let Some(waiting) = self.waiting.pop_front() else { break };
            if !waiting.outcome.is_closed() {
                bytes += waiting.event.body.len();
                events.push(waiting);
            }
        }
        events
    }
}

/// A task that stores events while some wait.
struct Caller {
    insertions: Arc<Insertions>,
    is_done: bool,
}

impl Caller {
    /// `None` when nothing waits; then the task must end.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let mut state = self.insertions.state();
        let events = state.next();
        if events.is_empty() {
            // Under the same lock, so that the next event starts a task.
            state.calls -= 1;
            self.is_done = true;
            return None;
        }
        Some(events)
    }
}

impl Drop for Caller {
    /// Fails the events that wait if the runtime dropped the task; `accept` tries them again.
    fn drop(&mut self) {
        if !self.is_done {
            let mut state = self.insertions.state();
            state.calls -= 1;
            if state.calls == 0 {
                state.waiting.clear();
            }
        }
    }
}

impl Redis {
    pub(super) async fn insert_event(&self, event: NewEvent) -> Result<Insertion, Error> {
        let (sender, outcome) = oneshot::channel();
        let is_caller_needed = {
            let mut state = self.insertions.state();
            state.waiting.push_back(Waiting { event, outcome: sender });
            let is_needed = state.calls < CALLS;
            state.calls += usize::from(is_needed);
            is_needed
        };
        if is_caller_needed {
            let mut caller = Caller { insertions: Arc::clone(&self.insertions), is_done: false };
            let this = self.clone();
            tokio::spawn(async move {
                while let Some(events) = caller.next() {
                    this.insert_together(events).await;
                }
            });
        }
        outcome.await.map_err(|error| Error::new("the task that stores events has ended", error))?
    }

    async fn insert_together(&self, events: Vec<Waiting>) {
        let lanes = self.key("inbox:lane:");
        let mut call = INSERT.prepare_invoke();
        call.key(self.key("inbox:due")).arg(lanes.len());
        for Waiting { event, .. } in &events {
            let lifetime = event.key_lifetime.map(|lifetime| milliseconds(lifetime).to_string()).unwrap_or_default();
            call.arg(self.key(&format!("inbox:key:{}", event.key)))
                .arg(lifetime)
                .arg(format!("{lanes}{}", event.lane))
                .arg(record(event));
        }
        let outcomes: Result<Vec<u8>, _> = call.invoke_async(&mut self.connection()).await;
        for (index, waiting) in events.into_iter().enumerate() {
            let outcome = match &outcomes {
                Err(error) => Err(failed(error.clone())),
                Ok(outcomes) => match outcomes.get(index) {
                    Some(b'1') => Ok(Insertion::Stored),
                    Some(b'0') => Ok(Insertion::Duplicate),
                    _ => Err(Error::new(FAILED, "the script returned no outcome of an event")),
                },
            };
            // Fails if the caller is gone.
            let _ = waiting.outcome.send(outcome);
        }
    }
}
