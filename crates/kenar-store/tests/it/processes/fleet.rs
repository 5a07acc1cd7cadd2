//! Promise: an accepted event is handled in order, and only once unless a process died.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use kenar::inbox::InboxCounts;

use super::children::{Children, PROCESSES, Said};
use super::log::{self, Summary};
use super::place::{STORE, Store};
use super::{random, worker};

/// The size of a proof, and the time it may take.
pub struct Plan {
    pub conversations: usize,
    pub events: usize,
    /// The time between a reply and the conversation's next event.
    pub pace: Duration,
    /// The mean time between two faults.
    pub fault_interval: Duration,
    /// Also stop processes for longer than their lease.
    pub stops: bool,
    pub lease: Duration,
    pub limit: Duration,
    pub seed: u64,
}

/// A fault other than a killed process. It gets a random number.
pub type Fault<'a> = &'a mut dyn FnMut(u64);

/// The time without a reply after which an event is sent again.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

struct Fleet<'a> {
    plan: &'a Plan,
    place: &'a str,
    children: Children,
}

/// An event without a reply.
struct Sent {
    number: usize,
    worker: String,
    at: Instant,
}

/// Sends the plan's events to workers that are killed, and checks that nothing is lost.
pub fn prove(plan: &Plan, place: &str, fault: Fault<'_>) {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    std::fs::write(&log, "").unwrap();
    let begun = Instant::now();
    let environment = vec![
        (STORE, place.to_owned()),
        (worker::LOG, log.display().to_string()),
        (worker::LEASE, plan.lease.as_millis().to_string()),
    ];
    let children = Children::start("processes::worker::worker_process", environment);
    let mut fleet = Fleet { plan, place, children };
    fleet.send_all(fault);
    let accepted = begun.elapsed();
    fleet.finish(begun);
    let summary =
        log::check(&std::fs::read_to_string(&log).unwrap(), plan.conversations, plan.events, &fleet.children.died);
    let Summary { handled, failed, repeated } = summary;
    println!(
        "{handled} events accepted in {accepted:.1?} and handled in {:.1?}; {} processes killed or stopped, {failed} failures, {repeated} repeated",
        begun.elapsed(),
        fleet.children.died.len(),
    );
    assert!(!fleet.children.died.is_empty() && failed > 0, "a proof without a fault proves nothing");
}

impl Fleet<'_> {
    /// Sends each conversation's events one after the other, each until it is accepted, with faults meanwhile.
    fn send_all(&mut self, fault: Fault<'_>) {
        let (mut chance, begun) = (random(self.plan.seed), Instant::now());
        let mut next_fault = begun + self.plan.fault_interval;
        let mut next_events: VecDeque<(Instant, usize, usize)> = VecDeque::new();
        let mut sent: BTreeMap<usize, Sent> = BTreeMap::new();
        for conversation in 0..self.plan.conversations {
            self.send(&mut sent, conversation, 0, &mut chance);
        }
        while !sent.is_empty() || !next_events.is_empty() {
            assert!(begun.elapsed() < self.plan.limit, "{} conversations are not accepted in time", sent.len());
            if Instant::now() >= next_fault {
                chance = random(chance);
                let worker = (chance / 4) as usize % PROCESSES;
                match chance % 4 {
                    0 => fault(random(chance)),
                    1 if self.plan.stops => self.children.stop(worker),
                    _ => self.children.kill(worker),
                }
                next_fault = Instant::now() + self.plan.fault_interval.mul_f64((chance % 100) as f64 / 50.0);
            }
            self.children.resume(self.plan.lease * 2);
            while next_events.front().is_some_and(|(at, ..)| *at <= Instant::now()) {
                let (_, conversation, number) = next_events.pop_front().unwrap();
                self.send(&mut sent, conversation, number, &mut chance);
            }
            match self.children.hear(Duration::from_millis(10)) {
                Some((_, Said::Line(line))) => {
                    let (outcome, id) = line.split_once(' ').unwrap();
                    let (conversation, number) = id.split_once('/').unwrap();
                    let (conversation, number) = (conversation.parse().unwrap(), number.parse::<usize>().unwrap());
                    if sent.get(&conversation).is_none_or(|sent| sent.number != number) {
                        // The reply to an event that was sent again meanwhile.
                    } else if outcome == "no" {
                        self.send(&mut sent, conversation, number, &mut chance);
                    } else {
                        sent.remove(&conversation);
                        if number + 1 < self.plan.events {
                            next_events.push_back((Instant::now() + self.plan.pace, conversation, number + 1));
                        }
                    }
                }
                Some((worker, Said::Ended)) => {
                    self.send_again(&mut sent, |sent| sent.worker == worker, &mut chance);
                }
                None => self.send_again(&mut sent, |sent| sent.at.elapsed() >= REPLY_TIMEOUT, &mut chance),
            }
        }
    }

    fn send(&mut self, sent: &mut BTreeMap<usize, Sent>, conversation: usize, number: usize, chance: &mut u64) {
        *chance = random(*chance);
        let worker = self.children.tell(*chance as usize % PROCESSES, &format!("{conversation}/{number}"));
        sent.insert(conversation, Sent { number, worker, at: Instant::now() });
    }

    fn send_again(&mut self, sent: &mut BTreeMap<usize, Sent>, lost: impl Fn(&Sent) -> bool, chance: &mut u64) {
        let lost: Vec<(usize, usize)> = sent
            .iter()
            .filter(|(_, sent)| lost(sent))
            .map(|(conversation, sent)| (*conversation, sent.number))
            .collect();
        for (conversation, number) in lost {
            self.send(sent, conversation, number, chance);
        }
    }

    /// Waits until every event is handled, and ends the workers.
    fn finish(&mut self, begun: Instant) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        while !self.children.resume(self.plan.lease * 2) {
            std::thread::sleep(Duration::from_millis(20));
        }
        runtime.block_on(async {
            let store = Store::open(self.place).await.inbox();
            loop {
                let counts = store.counts().await;
                if counts.as_ref().is_ok_and(|counts| *counts == InboxCounts::default()) {
                    break;
                }
                assert!(begun.elapsed() < self.plan.limit, "not handled in time: {counts:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        self.children.end();
    }
}
