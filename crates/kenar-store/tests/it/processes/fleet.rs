//! Processes of one add-on, and the one that sends them events and kills them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use kenar::inbox::InboxCounts;

use super::log::{self, Summary};
use super::{random, worker};

/// How much is proven, and how long it may take.
pub struct Plan {
    pub conversations: usize,
    pub events: usize,
    /// The time between an answer and the conversation's next event.
    pub pace: Duration,
    /// The mean time between two faults.
    pub fault_interval: Duration,
    /// Whether processes also stand still for longer than their lease.
    pub stops: bool,
    pub lease: Duration,
    pub limit: Duration,
    pub seed: u64,
}

/// What goes wrong besides processes that are killed: called with a random number.
pub type Fault<'a> = &'a mut dyn FnMut(u64);

const WORKERS: usize = 4;

/// How long an event may be unanswered before it is sent again: it was lost with a process.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What the workers said, each with its name.
type Channel = (Sender<(String, Said)>, Receiver<(String, Said)>);

struct Fleet<'a> {
    plan: &'a Plan,
    place: &'a str,
    log: PathBuf,
    workers: Vec<Worker>,
    started: usize,
    /// Processes that were killed, or stood still for longer than their lease.
    died: BTreeSet<String>,
    stopped: Vec<(Instant, u32)>,
    said: Channel,
}

struct Worker {
    name: String,
    process: Child,
    /// `None` to end the worker.
    input: Option<ChildStdin>,
}

enum Said {
    Line(String),
    Ended,
}

/// An event that waits for its answer.
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
    let mut fleet = Fleet {
        plan,
        place,
        log,
        workers: Vec::new(),
        started: 0,
        died: BTreeSet::new(),
        stopped: Vec::new(),
        said: channel(),
    };
    for _ in 0..WORKERS {
        fleet.start_worker();
    }
    fleet.send_all(fault);
    let accepted = begun.elapsed();
    fleet.finish(begun);
    let summary =
        log::check(&std::fs::read_to_string(&fleet.log).unwrap(), plan.conversations, plan.events, &fleet.died);
    let Summary { handled, failed, repeated } = summary;
    println!(
        "{handled} events accepted in {accepted:.1?} and handled in {:.1?}; {} processes killed or stopped, {failed} failures, {repeated} repeated",
        begun.elapsed(),
        fleet.died.len(),
    );
    assert!(!fleet.died.is_empty() && failed > 0, "a proof without a fault proves nothing");
}

impl Fleet<'_> {
    fn start_worker(&mut self) {
        self.started += 1;
        let name = format!("w{}", self.started);
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::worker::worker_process", "--ignored", "--nocapture"])
            .env(worker::STORE, self.place)
            .env(worker::LOG, &self.log)
            .env(worker::WORKER, &name)
            .env(worker::LEASE, self.plan.lease.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (output, said, of) = (process.stdout.take().unwrap(), self.said.0.clone(), name.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(line) = line.strip_prefix(worker::MARK) {
                    let _ = said.send((of.clone(), Said::Line(line.to_owned())));
                }
            }
            let _ = said.send((of, Said::Ended));
        });
        let input = process.stdin.take();
        self.workers.push(Worker { name, process, input });
    }

    /// Kills a worker as a crash would, and starts another one.
    fn kill_worker(&mut self, index: usize) {
        let mut worker = self.workers.swap_remove(index);
        worker.process.kill().unwrap();
        worker.process.wait().unwrap();
        self.died.insert(worker.name);
        self.start_worker();
    }

    /// Has a worker stand still, as a machine does that is suspended.
    fn stop_worker(&mut self, index: usize) {
        let worker = &self.workers[index];
        signal("-STOP", worker.process.id());
        self.stopped.push((Instant::now(), worker.process.id()));
        self.died.insert(worker.name.clone());
    }

    /// Lets those go on that have stood still for so long.
    fn resume_workers(&mut self, after: Duration) {
        let alive: BTreeSet<u32> = self.workers.iter().map(|worker| worker.process.id()).collect();
        self.stopped.retain(|(since, process)| {
            let resumes = since.elapsed() >= after;
            if resumes && alive.contains(process) {
                signal("-CONT", *process);
            }
            !resumes
        });
    }

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
                let worker = (chance / 4) as usize % WORKERS;
                match chance % 4 {
                    0 => fault(random(chance)),
                    1 if self.plan.stops => self.stop_worker(worker),
                    _ => self.kill_worker(worker),
                }
                next_fault = Instant::now() + self.plan.fault_interval.mul_f64((chance % 100) as f64 / 50.0);
            }
            self.resume_workers(self.plan.lease * 2);
            while next_events.front().is_some_and(|(at, ..)| *at <= Instant::now()) {
                let (_, conversation, number) = next_events.pop_front().unwrap();
                self.send(&mut sent, conversation, number, &mut chance);
            }
            match self.said.1.recv_timeout(Duration::from_millis(10)) {
                Ok((_, Said::Line(line))) => {
                    let (outcome, id) = line.split_once(' ').unwrap();
                    let (conversation, number) = id.split_once('/').unwrap();
                    let (conversation, number) = (conversation.parse().unwrap(), number.parse::<usize>().unwrap());
                    if sent.get(&conversation).is_none_or(|sent| sent.number != number) {
                        // The answer to what was sent twice.
                    } else if outcome == "no" {
                        self.send(&mut sent, conversation, number, &mut chance);
                    } else {
                        sent.remove(&conversation);
                        if number + 1 < self.plan.events {
                            next_events.push_back((Instant::now() + self.plan.pace, conversation, number + 1));
                        }
                    }
                }
                Ok((worker, Said::Ended)) => {
                    self.send_again(&mut sent, |sent| sent.worker == worker, &mut chance);
                }
                Err(_) => self.send_again(&mut sent, |sent| sent.at.elapsed() >= ANSWER_TIMEOUT, &mut chance),
            }
        }
    }

    fn send(&mut self, sent: &mut BTreeMap<usize, Sent>, conversation: usize, number: usize, chance: &mut u64) {
        *chance = random(*chance);
        let worker = &mut self.workers[*chance as usize % WORKERS];
        // A worker that has ended is found out by its output.
        let _ = writeln!(worker.input.as_mut().unwrap(), "{conversation}/{number}");
        sent.insert(conversation, Sent { number, worker: worker.name.clone(), at: Instant::now() });
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

    /// Waits until everything is handled, and ends the workers in order.
    fn finish(&mut self, begun: Instant) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        while !self.stopped.is_empty() {
            self.resume_workers(self.plan.lease * 2);
            std::thread::sleep(Duration::from_millis(20));
        }
        runtime.block_on(async {
            let store = worker::open(self.place).await;
            loop {
                let counts = store.counts().await;
                if counts.as_ref().is_ok_and(|counts| *counts == InboxCounts::default()) {
                    break;
                }
                assert!(begun.elapsed() < self.plan.limit, "not handled in time: {counts:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        for worker in &mut self.workers {
            worker.input = None;
        }
        for worker in &mut self.workers {
            assert!(worker.process.wait().unwrap().success(), "{} drains and ends", worker.name);
        }
    }
}

fn signal(signal: &str, process: u32) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}

impl Drop for Fleet<'_> {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            let _ = worker.process.kill();
            let _ = worker.process.wait();
        }
    }
}
