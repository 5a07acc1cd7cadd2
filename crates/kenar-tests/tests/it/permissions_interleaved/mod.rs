//! Promise: no interleaving of grants, refreshes, revocations, store failures, dying processes and clock jumps loses a
//! permission, restores a deleted one, or runs two refreshes at a time.
//!
//! Each schedule is determined by a seed: three processes on tokio's paused clock, and random events. An hour takes
//! milliseconds. `INTERLEAVING_SEED=7 INTERLEAVING_SCHEDULES=1` runs a single one.

mod platform;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kenar::model::Timestamp;
use kenar::oauth::TokenSet;
use kenar::tokens::{PermissionKey, Permissions, TokensError};

use platform::FATES;
use world::{KEY, Process, World};

/// The default number of schedules; `.ci/deep` runs thousands.
const SCHEDULES: u64 = 300;
const STEPS: u64 = 40;

const SECOND: Duration = Duration::from_secs(1);

/// The user's last decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Nothing,
    Grant(u64),
    /// A grant that the user revoked at Divar.
    Revoked,
}

struct Schedule {
    world: World,
    key: PermissionKey,
    processes: Vec<(Arc<Process>, Permissions)>,
    wanted: Wanted,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let world = World::new(seed);
        let processes = (0..3).map(|_| world.start()).collect();
        Self { world, key: PermissionKey::new(KEY), processes, wanted: Wanted::Nothing }
    }

    /// A random process. Dead ones are replaced first.
    fn any(&mut self) -> (Arc<Process>, Permissions) {
        for slot in &mut self.processes {
            if slot.0.is_dead() {
                *slot = self.world.start();
            }
        }
        self.processes[self.world.below(3) as usize].clone()
    }

    /// Grants a permission, and retries until it is stored.
    async fn grant(&mut self) {
        let (grant, response) = self.world.state().ledger.grant();
        let now = Timestamp::from_unix_micros(1_700_000_000_000_000).unwrap();
        let tokens: TokenSet = response.into_tokens(now.saturating_add(self.elapsed()));
        loop {
            let (process, permissions) = self.any();
            match within(&process, permissions.grant(&self.key, tokens.clone())).await {
                Some(Ok(())) => break,
                _ => self.world.saw("a grant was tried again"),
            }
        }
        self.wanted = Wanted::Grant(grant);
        self.world.saw("granted");
    }

    async fn forget(&mut self) {
        loop {
            let (process, permissions) = self.any();
            match within(&process, permissions.forget(&self.key)).await {
                Some(Ok(())) => break,
                _ => self.world.saw("a deletion was tried again"),
            }
        }
        self.wanted = Wanted::Nothing;
        self.world.saw("forgotten");
    }

    fn elapsed(&self) -> Duration {
        self.world.elapsed()
    }

    /// Requests a token in the background. Some callers report it as refused, and some are dropped.
    fn ask(&mut self) {
        let (world, key, (_, permissions)) = (self.world.clone(), self.key.clone(), self.any());
        tokio::spawn(async move {
            let patience = Duration::from_millis(world.below(20_000));
            let work = async {
                let token = permissions.access_token(&key).await?;
                world.check(token.expose_secret());
                if world.chance(40) {
                    let other = permissions.replace(&key, &token).await?;
                    world.check(other.expose_secret());
                    if other == token {
                        world.wrong(format!("{} was returned to the caller that reported it", token.expose_secret()));
                    }
                }
                Ok::<(), TokensError>(())
            };
            match tokio::time::timeout(patience, work).await {
                Ok(Ok(())) => world.saw("got a token"),
                Ok(Err(error)) => world.saw(format!("failed: {}", name(&error))),
                Err(_) => world.saw("was dropped"),
            }
        });
    }

    async fn step(&mut self) {
        match self.world.below(100) {
            0..40 => self.ask(),
            40..52 => self.grant().await,
            52..56 => self.forget().await,
            56..58 => {
                self.world.state().ledger.revoke();
                if self.wanted != Wanted::Nothing {
                    self.wanted = Wanted::Revoked;
                }
                self.world.saw("revoked");
            }
            58..66 => {
                let (process, _) = self.any();
                self.world.kill(&process);
            }
            66..72 => {
                let (process, _) = self.any();
                process.set_clock([-86_400, -3600, -60, 0, 60, 3600, 86_400][self.world.below(7) as usize]);
                self.world.saw("a clock was set");
            }
            72..78 => {
                self.world.take_store_down(self.world.below(40) as u32 * SECOND);
                self.world.saw("the store went down");
            }
            _ => {
                let longest = [SECOND, 20 * SECOND, 200 * SECOND, 3600 * SECOND][self.world.below(4) as usize];
                self.world.pause(longest).await;
            }
        }
    }

    async fn run(mut self) -> World {
        for _ in 0..STEPS {
            self.step().await;
        }
        self.world.heal();
        self.any();
        // Long enough for every recovery. Then all processes must know the user's decision.
        tokio::time::sleep(200 * SECOND).await;
        for (_, permissions) in &self.processes {
            self.judge(permissions).await;
        }
        self.world
    }

    async fn judge(&self, permissions: &Permissions) {
        let world = &self.world;
        let mut outcome = permissions.access_token(&self.key).await;
        // By a clock that was set back, an old token is valid until a call is refused.
        if let Ok(token) = &outcome
            && !world.state().ledger.is_alive(token)
        {
            world.saw("a dead token was replaced");
            outcome = permissions.replace(&self.key, token).await;
        }
        let is_right = match (&outcome, self.wanted) {
            (Err(TokensError::NotStored), Wanted::Nothing) => true,
            (Err(TokensError::Refresh(error)), Wanted::Revoked) => error.is_invalid_grant(),
            (Ok(token), Wanted::Grant(grant)) => {
                let state = world.state();
                state.ledger.grant_of(token) == grant && state.ledger.is_alive(token)
            }
            _ => false,
        };
        if !is_right {
            let got = outcome.map(|token| token.expose_secret().to_owned());
            let stored = world.stored().await;
            world.wrong(format!("wanted {:?}, got {got:?}, and {stored:?} is stored", self.wanted));
        }
    }
}

/// `None` if the process dies.
async fn within<T>(process: &Process, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(SECOND, &mut work).await {
            Ok(done) => return Some(done),
            Err(_) if process.is_dead() => return None,
            Err(_) => {}
        }
    }
}

fn name(error: &TokensError) -> &'static str {
    match error {
        TokensError::NotStored => "not stored",
        TokensError::Refresh(error) if error.is_invalid_grant() => "revoked",
        TokensError::Refresh(_) => "the refresh failed",
        TokensError::RefusedAfterRefresh => "refused after a refresh",
        TokensError::Store(_) => "the store failed",
        TokensError::TimedOut => "timed out",
        _ => "something else",
    }
}

#[test]
fn no_schedule_loses_or_restores_a_permission() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let first = number("INTERLEAVING_SEED", 1);
    let mut seen = BTreeMap::<String, u64>::new();
    let schedules = number("INTERLEAVING_SCHEDULES", SCHEDULES);
    for seed in first..first + schedules {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let world = runtime.block_on(async move { Schedule::new(seed).run().await });
        let state = world.state();
        assert!(state.wrong.is_empty(), "INTERLEAVING_SEED={seed}: {:#?}\n{:#?}", state.wrong, state.seen);
        state.seen.iter().for_each(|(what, times)| *seen.entry(what.clone()).or_default() += times);
    }
    if schedules < SCHEDULES {
        return;
    }
    // Everything must have happened, or the test shows nothing.
    let happened = [
        "got a token",
        "was dropped",
        "failed: revoked",
        "failed: the refresh failed",
        "failed: the store failed",
        "granted",
        "forgotten",
        "revoked",
        "a process died",
        "a clock was set",
        "the store went down",
        "the store failed",
        "the store's response was lost",
        "the store hung",
        "the store was late",
        "a lease was broken",
        "new tokens were stored",
        "new tokens were refused",
        "the hook ran",
    ];
    let all = happened.map(str::to_owned).into_iter().chain(FATES.map(|fate| format!("{fate:?}")));
    for what in all {
        assert!(seen.contains_key(&what), "{what} never happened: {seen:#?}");
    }
    println!("{schedules} schedules: {seen:#?}");
}
