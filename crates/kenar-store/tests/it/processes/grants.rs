//! Promise: a permission whose `grant` returned is there, a forgotten one stays away, and a fleet refreshes once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kenar::tokens::PermissionStore;
use tokio::runtime::Runtime;

use super::children::{Children, PROCESSES, Said};
use super::fleet::Fault;
use super::grant_worker::{self, Name};
use super::place::{STORE, Store};
use super::random;
use super::token_endpoint::TokenEndpoint;

/// The size of a proof, and the time it may take.
pub struct Plan {
    pub permissions: usize,
    /// The calls for each permission: grants, deletions and access tokens.
    pub steps: usize,
    /// The time between a reply and the permission's next call.
    pub pace: Duration,
    /// The mean time between two faults.
    pub fault_interval: Duration,
    pub faults: usize,
    pub limit: Duration,
    pub seed: u64,
}

/// The time without a reply after which a call is made again. A process gives up earlier.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Grant(u64),
    Forget,
    AccessToken,
}

/// A call that has no reply yet.
struct Call {
    id: u64,
    step: Step,
    worker: String,
    at: Instant,
}

struct Permission {
    steps: usize,
    next_step_at: Instant,
    /// The number of the grant that must be stored, or `None` if the permission was forgotten.
    expected: Option<u64>,
    last_grant: u64,
    call: Option<Call>,
}

impl Permission {
    fn is_due(&self) -> bool {
        self.call.is_none() && self.steps > 0 && self.next_step_at <= Instant::now()
    }
}

struct Proof<'a> {
    plan: &'a Plan,
    children: Children,
    permissions: Vec<Permission>,
    store: Arc<dyn PermissionStore>,
    runtime: Runtime,
    begun: Instant,
    chance: u64,
    calls: u64,
    grants: usize,
    deletions: usize,
}

/// Makes the plan's calls in processes that are killed, and checks the store after each one.
pub fn prove(plan: &Plan, place: &str, fault: Fault<'_>) {
    let endpoint = TokenEndpoint::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = runtime.block_on(Store::open(place)).permissions();
    let environment = vec![(STORE, place.to_owned()), (grant_worker::ORIGIN, endpoint.origin().to_owned())];
    let children = Children::start("processes::grant_worker::grant_worker_process", environment);
    let (begun, chance) = (Instant::now(), random(plan.seed));
    let permissions = (0..plan.permissions)
        .map(|_| Permission { steps: plan.steps, next_step_at: begun, expected: None, last_grant: 0, call: None })
        .collect();
    let mut proof =
        Proof { plan, children, permissions, store, runtime, begun, chance, calls: 0, grants: 0, deletions: 0 };
    proof.take_steps(fault);
    let stepped = begun.elapsed();
    proof.every_process_agrees();
    proof.children.end();
    (0..plan.permissions).for_each(|index| proof.check_store(index));
    println!(
        "{} grants and {} deletions in {stepped:.1?}, checked after {:.1?}; {} processes killed, {} refreshes, at most {} at a time",
        proof.grants,
        proof.deletions,
        begun.elapsed(),
        proof.children.died.len(),
        endpoint.refreshes(),
        endpoint.most_at_a_time(),
    );
    assert_eq!(endpoint.most_at_a_time(), 1, "refreshes of one permission at the same time");
    let is_proof =
        !proof.children.died.is_empty() && proof.deletions > 0 && endpoint.refreshes() > proof.plan.permissions as u64;
    assert!(is_proof, "a proof without a fault proves nothing");
}

impl Proof<'_> {
    /// Takes the steps of each permission one after the other, with faults meanwhile.
    fn take_steps(&mut self, fault: Fault<'_>) {
        let (mut next_fault, mut faults) = (self.begun + self.plan.fault_interval, 0);
        loop {
            assert!(self.begun.elapsed() < self.plan.limit, "the steps are not taken in time");
            if Instant::now() >= next_fault && faults < self.plan.faults {
                faults += 1;
                let chance = self.next_chance();
                match chance % 3 {
                    0 => fault(random(chance)),
                    _ => self.children.kill((chance / 3) as usize % PROCESSES),
                }
                next_fault = Instant::now() + self.plan.fault_interval.mul_f64((chance % 100) as f64 / 50.0);
            }
            for index in 0..self.permissions.len() {
                if self.permissions[index].is_due() {
                    self.check_store(index);
                    let step = self.next_step(index);
                    self.call(index, step);
                }
            }
            if self.permissions.iter().all(|permission| permission.call.is_none() && permission.steps == 0) {
                return;
            }
            match self.children.hear(Duration::from_millis(10)) {
                Some((_, Said::Line(line))) => self.heard(&line),
                Some((worker, Said::Ended)) => self.call_again(|call| call.worker == worker),
                None => self.call_again(|call| call.at.elapsed() >= REPLY_TIMEOUT),
            }
        }
    }

    fn next_chance(&mut self) -> u64 {
        self.chance = random(self.chance);
        self.chance
    }

    /// Changes every second permission often, and the others seldom, so that their tokens are refreshed.
    fn next_step(&mut self, index: usize) -> Step {
        let chance = self.next_chance() % if index % 2 == 0 { 8 } else { 24 };
        let permission = &mut self.permissions[index];
        permission.steps -= 1;
        match chance {
            0 if permission.expected.is_some() => Step::Forget,
            0..3 => {
                permission.last_grant += 1;
                Step::Grant(permission.last_grant)
            }
            _ => Step::AccessToken,
        }
    }

    fn call(&mut self, index: usize, step: Step) {
        if step != Step::AccessToken {
            // A refresh by another process is under way when the permission changes. Its reply does not matter.
            self.calls += 1;
            let process = self.next_chance() as usize % PROCESSES;
            self.children.tell(process, &format!("{} access_token {index} 0", self.calls));
        }
        self.calls += 1;
        let id = self.calls;
        let line = match step {
            Step::Grant(number) => format!("{id} grant {index} {number}"),
            Step::Forget => format!("{id} forget {index} 0"),
            Step::AccessToken => format!("{id} access_token {index} 0"),
        };
        let process = self.next_chance() as usize % PROCESSES;
        let worker = self.children.tell(process, &line);
        self.permissions[index].call = Some(Call { id, step, worker, at: Instant::now() });
    }

    /// Makes the calls again that were lost with a process.
    fn call_again(&mut self, is_lost: impl Fn(&Call) -> bool) {
        for index in 0..self.permissions.len() {
            if let Some(step) = self.permissions[index].call.as_ref().filter(|call| is_lost(call)).map(|call| call.step)
            {
                self.call(index, step);
            }
        }
    }

    fn heard(&mut self, line: &str) {
        let (id, reply) = line.split_once(' ').unwrap();
        let id: u64 = id.parse().unwrap();
        let is_called = |permission: &Permission| permission.call.as_ref().is_some_and(|call| call.id == id);
        // The reply to a call that was made again meanwhile has no meaning.
        let Some(index) = self.permissions.iter().position(is_called) else { return };
        let step = self.permissions[index].call.as_ref().unwrap().step;
        match step {
            Step::Grant(_) | Step::Forget if reply == "failed" => return self.call(index, step),
            Step::Grant(number) => {
                self.permissions[index].expected = Some(number);
                self.grants += 1;
            }
            Step::Forget => {
                self.permissions[index].expected = None;
                self.deletions += 1;
            }
            // Another process sees a change after a second, or later if the store fails: see `every_process_agrees`.
            Step::AccessToken => {}
        }
        let permission = &mut self.permissions[index];
        (permission.call, permission.next_step_at) = (None, Instant::now() + self.plan.pace);
    }

    /// Checks that the store has what the last change left there. A refresh may be under way, and no other change.
    fn check_store(&self, index: usize) {
        let stored = self.runtime.block_on(async {
            loop {
                match self.store.read(&index.to_string()).await {
                    Ok(record) => break record,
                    Err(error) => assert!(self.begun.elapsed() < self.plan.limit, "the store cannot be read: {error}"),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let stored = stored.map(|record| {
            let text = String::from_utf8(record.value.expose_secret().to_vec()).unwrap();
            Name::find(&text).expect("the value has the access token").grant
        });
        assert_eq!(stored, self.permissions[index].expected, "permission {index}: the number of the stored grant");
    }

    /// Waits until each process returns an access token of each permission, or reports that it was forgotten.
    fn every_process_agrees(&mut self) {
        let mut missing: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
        let mut again: Vec<(usize, usize)> =
            (0..self.permissions.len()).flat_map(|index| (0..PROCESSES).map(move |process| (index, process))).collect();
        while !again.is_empty() || !missing.is_empty() {
            assert!(self.begun.elapsed() < self.plan.limit, "processes disagree: {again:?}, {missing:?}");
            for (index, process) in again.drain(..) {
                self.calls += 1;
                self.children.tell(process, &format!("{} access_token {index} 0", self.calls));
                missing.insert(self.calls, (index, process));
            }
            // A permission whose process was killed is refreshed by another one when its lease has ended.
            let pause = Instant::now() + Duration::from_millis(200);
            while let Some((_, said)) = self.children.hear(pause.saturating_duration_since(Instant::now())) {
                let Said::Line(line) = said else { continue };
                let (id, reply) = line.split_once(' ').unwrap();
                let Some((index, process)) = missing.remove(&id.parse().unwrap()) else { continue };
                let agrees = match self.permissions[index].expected {
                    None => reply == "none",
                    Some(number) => Name::find(reply).is_some_and(|name| name.grant == number),
                };
                if !agrees {
                    again.push((index, process));
                }
            }
        }
    }
}
