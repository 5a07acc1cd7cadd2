//! Processes with their own clocks, an unreliable store, and the random generator.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use kenar::Client;
use kenar::client::Retry;
use kenar::error::StoreError;
use kenar::model::Timestamp;
use kenar::oauth::OAuthApp;
use kenar::secret::{ApiKey, ClientSecret};
use kenar::tokens::{
    KeepAlive, ListedPermission, MemoryPermissions, PermissionRecord, PermissionStore, PermissionValue, Permissions,
    Stamp,
};
use kenar_tests::interleaving::random;
use tokio::time::Instant;

use super::platform::{FATES, Fate, Ledger, Way};

pub const KEY: &str = "user";

/// The longest time that Divar's and the store's tokens differ before faults stop, so that recovery is possible within
/// the two minutes in which the old tokens work.
const TROUBLE: Duration = Duration::from_secs(40);

/// The time after a refresh in which a process may die. Another one needs up to 45 seconds to notice.
const DEADLY: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
pub struct World(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    memory: MemoryPermissions,
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub struct State {
    dice: u64,
    pub ledger: Ledger,
    /// The refreshes in flight: process and pair.
    pub in_flight: Vec<(u64, u64)>,
    alive: BTreeSet<u64>,
    /// All access tokens that were ever stored.
    stored: BTreeSet<String>,
    store_is_down_until: Option<Instant>,
    /// Faults have ended.
    healed: bool,
    /// Violations. They are collected because a panic in a task fails no test.
    pub wrong: Vec<String>,
    /// The number of each other event.
    pub seen: BTreeMap<String, u64>,
}

/// A process. Once it is dead, its actions have no effect.
#[derive(Debug)]
pub struct Process {
    pub number: u64,
    is_dead: AtomicBool,
    /// The error of its clock in seconds.
    offset: AtomicI64,
}

impl Process {
    /// Never returns once the process is dead.
    pub async fn alive(&self) {
        if self.is_dead.load(Ordering::Relaxed) {
            std::future::pending().await
        }
    }

    pub fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    pub fn set_clock(&self, offset: i64) {
        self.offset.store(offset, Ordering::Relaxed);
    }
}

impl World {
    pub fn new(seed: u64) -> Self {
        let state = Mutex::new(State { dice: random(seed), ..State::default() });
        Self(Arc::new(Inner { memory: MemoryPermissions::new(), begun: Instant::now(), state }))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    pub fn below(&self, limit: u64) -> u64 {
        let mut state = self.state();
        state.dice = random(state.dice);
        state.dice % limit
    }

    /// Returns `true` with a probability.
    pub fn chance(&self, per_cent: u64) -> bool {
        self.below(100) < per_cent
    }

    pub fn saw(&self, what: impl Into<String>) {
        *self.state().seen.entry(what.into()).or_default() += 1;
    }

    pub fn wrong(&self, what: String) {
        self.state().wrong.push(what);
    }

    /// Waits for a random time.
    pub async fn pause(&self, longest: Duration) {
        let micros = self.below(longest.as_micros() as u64 + 1);
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }

    /// The elapsed time on a monotonic clock.
    pub fn elapsed(&self) -> Duration {
        self.0.begun.elapsed()
    }

    pub fn heal(&self) {
        let mut state = self.state();
        state.healed = true;
        state.store_is_down_until = None;
    }

    pub fn take_store_down(&self, time: Duration) {
        self.state().store_is_down_until = Some(Instant::now() + time);
    }

    /// The stored access token.
    pub async fn stored(&self) -> Option<String> {
        let record = self.0.memory.read(KEY).await.unwrap()?;
        Some(access_token(&record.value))
    }

    /// The time since which Divar's tokens differ from the stored ones.
    fn trouble(&self) -> Duration {
        let record = futures_now(self.0.memory.read(KEY)).unwrap();
        let rotated_at = record.and_then(|record| self.state().ledger.rotated_at(&access_token(&record.value)));
        rotated_at.map_or(Duration::ZERO, |at| at.elapsed())
    }

    fn is_calm(&self) -> bool {
        self.state().healed || self.trouble() > TROUBLE
    }

    pub fn fate(&self) -> Fate {
        let fate = if self.is_calm() || self.chance(50) { Fate::Well } else { FATES[self.below(7) as usize] };
        self.saw(format!("{fate:?}"));
        fate
    }

    /// Records a refresh, and a violation if another one of the same grant is in flight.
    pub fn begin_refresh(&self, process: &Process, pair: u64) {
        let mut state = self.state();
        // A refresh of replaced tokens has no effect, and may still be in flight.
        let is_same = |other: u64| state.ledger.is_of_one_grant(other, pair);
        let is_other = |(number, other): &(u64, u64)| state.alive.contains(number) && is_same(*other);
        let others: Vec<_> = state.in_flight.iter().copied().filter(is_other).collect();
        if !others.is_empty() {
            let what = format!("process {} refreshes {pair} while others do: {others:?}", process.number);
            state.wrong.push(what);
        }
        state.in_flight.push((process.number, pair));
    }

    pub fn start(&self) -> (Arc<Process>, Permissions) {
        let number = self.below(u64::MAX);
        self.state().alive.insert(number);
        let process = Arc::new(Process { number, is_dead: AtomicBool::new(false), offset: AtomicI64::new(0) });
        let (clock, begun) = (Arc::clone(&process), self.0.begun);
        let now = move || {
            let offset = clock.offset.load(Ordering::Relaxed);
            let start = Timestamp::from_unix_micros((1_700_000_000 + offset) * 1_000_000).unwrap();
            start.saturating_add(begun.elapsed())
        };
        let client = Client::builder(ApiKey::new("placeholder").unwrap())
            .transport(Way(Arc::clone(&process), self.clone()))
            .retry(Retry::never())
            .clock(now)
            .build()
            .unwrap();
        let app =
            OAuthApp::new("app", ClientSecret::new("placeholder").unwrap(), "https://addon.example/oauth").unwrap();
        let store = Store(Arc::clone(&process), self.clone());
        let builder = client.oauth(app).permissions_builder(store);
        let permissions = if number.is_multiple_of(2) {
            let (process, world) = (Arc::clone(&process), self.clone());
            let hook = move |_, _| {
                let (process, world) = (Arc::clone(&process), world.clone());
                async move {
                    world.pause(Duration::from_secs(1)).await;
                    process.alive().await;
                    world.saw("the hook ran");
                    if !world.is_calm() && world.chance(30) { Err("cannot subscribe".into()) } else { Ok(()) }
                }
            };
            builder.on_refresh(hook).build()
        } else {
            builder.build()
        };
        let keeper = permissions.clone();
        tokio::spawn(async move { keeper.keep_alive(KeepAlive::AccessTokens).await });
        (process, permissions)
    }

    /// Kills a process, if recovery is possible: soon after a refresh, and not the last process.
    pub fn kill(&self, process: &Process) {
        let is_last = self.state().alive.len() == 1;
        if is_last || process.is_dead() || self.state().healed || self.trouble() > DEADLY {
            return;
        }
        process.is_dead.store(true, Ordering::Relaxed);
        self.state().alive.remove(&process.number);
        self.saw("a process died");
    }

    /// Records a violation if a returned token was never stored.
    pub fn check(&self, token: &str) {
        if !self.state().stored.contains(token) {
            self.wrong(format!("{token} was returned, but never stored"));
        }
    }
}

fn access_token(value: &PermissionValue) -> String {
    let stored: serde_json::Value = serde_json::from_slice(value.expose_secret()).unwrap();
    stored["tokens"]["access_token"].as_str().unwrap().to_owned()
}

/// The output of a future that is ready at once.
fn futures_now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("the store in memory does not wait"),
    }
}

/// One process's connection to the store.
#[derive(Debug)]
struct Store(Arc<Process>, World);

impl Store {
    /// Runs a step with random faults.
    async fn step<T: Send + 'static>(
        &self,
        can_be_late: bool,
        step: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Self(process, world) = self;
        process.alive().await;
        world.pause(Duration::from_millis(30)).await;
        process.alive().await;
        let is_calm = world.is_calm();
        let is_down = !is_calm && world.state().store_is_down_until.is_some_and(|until| Instant::now() < until);
        if is_down {
            return Err("the store is down".into());
        }
        let outcome = match world.below(if is_calm { 1 } else { 30 }) {
            1 => {
                world.saw("the store failed");
                return Err("the store failed".into());
            }
            2 => {
                step.await?;
                world.saw("the store's response was lost");
                return Err("the response was lost".into());
            }
            3 => {
                world.saw("the store hung");
                std::future::pending().await
            }
            4 if can_be_late => {
                let late = world.clone();
                tokio::spawn(async move {
                    late.pause(Duration::from_secs(30)).await;
                    let _ = step.await;
                });
                world.saw("the store was late");
                std::future::pending().await
            }
            _ => step.await,
        };
        world.pause(Duration::from_millis(30)).await;
        process.alive().await;
        outcome
    }

    fn on<T, Fut>(&self, step: impl FnOnce(World) -> Fut) -> Fut
    where
        Fut: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        step(self.1.clone())
    }
}

#[async_trait]
impl PermissionStore for Store {
    async fn read(&self, key: &str) -> Result<Option<PermissionRecord>, StoreError> {
        let key = key.to_owned();
        self.step(false, self.on(|world| async move { world.0.memory.read(&key).await })).await
    }

    async fn grant(&self, key: &str, grant: Stamp, value: PermissionValue) -> Result<(), StoreError> {
        let key = key.to_owned();
        let step = self.on(|world| async move {
            world.state().stored.insert(access_token(&value));
            world.0.memory.grant(&key, grant, value).await
        });
        self.step(false, step).await
    }

    async fn lease(
        &self,
        key: &str,
        lease: Stamp,
        broken: Option<Stamp>,
    ) -> Result<Option<PermissionRecord>, StoreError> {
        let key = key.to_owned();
        let step = self.on(|world| async move {
            let record = world.0.memory.lease(&key, lease, broken).await?;
            if broken.is_some() && record.as_ref().is_some_and(|record| record.lease == Some(lease)) {
                world.saw("a lease was broken");
            }
            Ok(record)
        });
        self.step(true, step).await
    }

    async fn replace(
        &self,
        key: &str,
        lease: Stamp,
        value: PermissionValue,
        keep_lease: bool,
    ) -> Result<bool, StoreError> {
        let key = key.to_owned();
        let step = self.on(|world| async move {
            let token = access_token(&value);
            let replaced = world.0.memory.replace(&key, lease, value, keep_lease).await?;
            if replaced {
                world.state().stored.insert(token);
            }
            world.saw(if replaced { "new tokens were stored" } else { "new tokens were refused" });
            Ok(replaced)
        });
        self.step(true, step).await
    }

    async fn release(&self, key: &str, lease: Stamp) -> Result<(), StoreError> {
        let key = key.to_owned();
        self.step(true, self.on(|world| async move { world.0.memory.release(&key, lease).await })).await
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        let key = key.to_owned();
        self.step(false, self.on(|world| async move { world.0.memory.delete(&key).await })).await
    }

    async fn list(&self, after: Option<&ListedPermission>, limit: usize) -> Result<Vec<ListedPermission>, StoreError> {
        let after = after.cloned();
        self.step(false, self.on(|world| async move { world.0.memory.list(after.as_ref(), limit).await })).await
    }

    async fn leased(&self, limit: usize) -> Result<Vec<String>, StoreError> {
        self.step(false, self.on(|world| async move { world.0.memory.leased(limit).await })).await
    }
}
