use std::collections::{BinaryHeap, HashMap};
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::entry::Tokens;
use super::entry::{AFTER_FAILURE, Because, Entry, Flight, Landing, Lookup, Now, Reason, Wanted};
use super::error::TokensError;
use super::store::PermissionKey;
use super::store::{ListedPermission, PermissionStore, Stamp};
use crate::client::{OAuthClient, Timer};
use crate::error::BoxError;
use crate::oauth::{Scope, TokenSet};
use crate::secret::AccessToken;
use crate::shared::Work;

/// The OAuth tokens of all users, stored and refreshed for a whole fleet. Cheap to clone.
///
/// Created by [`OAuthClient::permissions`]. See [the module](super) for the guarantees.
#[doc(alias("token manager", "token refresh"))]
#[derive(Clone)]
pub struct Permissions(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) oauth: OAuthClient,
    pub(super) store: Box<dyn PermissionStore>,
    pub(super) settings: Settings,
    entries: Mutex<Entries>,
    pub(super) tasks: Tasks,
}

#[derive(Default)]
pub(super) struct Tasks {
    running: AtomicUsize,
    ended: Notify,
    /// The calls of `settle`.
    settles: AtomicUsize,
    pub(super) settled: Notify,
}

#[derive(Default)]
struct Entries {
    by_key: HashMap<PermissionKey, Arc<Entry>>,
    swept_at: Option<Instant>,
}

pub(super) type Hook = Arc<dyn Fn(PermissionKey, TokenSet) -> Task + Send + Sync>;

/// A task, of the inbox's type too, so that tokio's code for it is compiled once.
pub(super) type Task = Work<'static, Result<(), BoxError>>;

pub(super) struct Settings {
    pub(super) on_refresh: Option<Hook>,
    pub(super) store_time_limit: Duration,
    recheck_after: Duration,
    wait_limit: Duration,
    max_in_memory: usize,
}

/// A builder of [`Permissions`] with other settings.
#[must_use]
pub struct PermissionsBuilder {
    oauth: OAuthClient,
    store: Box<dyn PermissionStore>,
    settings: Settings,
}

/// The time that a call with a valid token waits for a read of the store.
const RECHECK_PATIENCE: Duration = Duration::from_millis(250);

/// The time after which an unused permission is dropped from memory, and the interval of that check.
const IDLE: Duration = Duration::from_secs(3600);
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The pauses before a grant or deletion is repeated.
const RETRIES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// The flights that one call begins or joins, before it reports tokens that expire at once.
const MAX_FLIGHTS: u32 = 2;

impl OAuthClient {
    /// Returns the permissions of all users, kept in a store.
    pub fn permissions(&self, store: impl PermissionStore) -> Permissions {
        self.permissions_builder(store).build()
    }

    /// Returns a builder for other settings.
    pub fn permissions_builder(&self, store: impl PermissionStore) -> PermissionsBuilder {
        PermissionsBuilder {
            oauth: self.clone(),
            store: Box::new(store),
            settings: Settings {
                on_refresh: None,
                store_time_limit: Duration::from_secs(2),
                recheck_after: Duration::from_secs(1),
                wait_limit: Duration::from_secs(5),
                max_in_memory: 10_000,
            },
        }
    }
}

impl PermissionsBuilder {
    /// Sets a hook to run after each refresh, for example to [subscribe](crate::ChatApi::subscribe) again.
    ///
    /// A subscription ends with its access token; the old token works for two more minutes. The hook runs in its own
    /// task after the new tokens are stored, at least once for each refresh. If it fails or takes longer than 10
    /// seconds, it is retried up to five times within two minutes. If the process dies before the hook succeeds,
    /// [`keep_alive`](Permissions::keep_alive) of any process refreshes and runs it again.
    pub fn on_refresh<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(PermissionKey, TokenSet) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let hook = Arc::new(hook);
        self.settings.on_refresh = Some(Arc::new(move |key, tokens| {
            let hook = Arc::clone(&hook);
            // A panic of the hook is one of its task.
            Box::pin(async move { hook(key, tokens).await })
        }));
        self
    }

    /// Limits each store call: 2 seconds by default.
    pub fn store_time_limit(mut self, limit: Duration) -> Self {
        self.settings.store_time_limit = limit;
        self
    }

    /// Sets the age after which tokens in memory are read from the store again: 1 second by default.
    ///
    /// After at most this time, a process sees grants and deletions of others. It sees its own at once.
    pub fn recheck_after(mut self, age: Duration) -> Self {
        self.settings.recheck_after = age;
        self
    }

    /// Limits the time that a call waits for an access token: 5 seconds by default.
    ///
    /// A call waits only if the token expired or was refused, or if it is not in memory.
    pub fn wait_limit(mut self, limit: Duration) -> Self {
        self.settings.wait_limit = limit;
        self
    }

    /// Limits the permissions in memory: 10,000 by default. The most recently used are kept.
    ///
    /// A permission is also dropped after an hour without use, but never while it is refreshed or not yet stored.
    pub fn max_in_memory(mut self, permissions: usize) -> Self {
        self.settings.max_in_memory = permissions.max(1);
        self
    }

    /// Creates the permissions.
    #[must_use]
    pub fn build(self) -> Permissions {
        let Self { oauth, store, settings } = self;
        let (entries, tasks) = (Mutex::default(), Tasks::default());
        Permissions(Arc::new(Inner { oauth, store, settings, entries, tasks }))
    }
}

impl Permissions {
    /// Stores the tokens of an [exchange](OAuthClient::exchange), replacing any under the same key.
    ///
    /// A grant wins over a running refresh of the replaced tokens, in any process. The work continues if the future is
    /// dropped.
    ///
    /// # Errors
    ///
    /// [`TokensError::Store`] if the store failed three times. The tokens may have been stored: grant them again.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn grant(&self, key: &PermissionKey, tokens: TokenSet) -> Result<(), TokensError> {
        self.change(key, Some(tokens)).await
    }

    /// Returns a valid access token.
    ///
    /// Returns at once, unless the token expired or is not in memory. A refresh begins in the background a minute
    /// before the token expires, or at half of a shorter lifetime.
    ///
    /// # Errors
    ///
    /// [`TokensError`]; see [`TokensError::needs_new_permission`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn access_token(&self, key: &PermissionKey) -> Result<AccessToken, TokensError> {
        self.ask(key, Wanted::default()).await
    }

    /// Like [`access_token`](Self::access_token), but requires a scope.
    ///
    /// If the tokens in memory lack the scope, the store is read, so that a wider grant in another process is seen at
    /// once.
    ///
    /// # Errors
    ///
    /// [`TokensError::ScopeNotGranted`] without the scope; otherwise as [`access_token`](Self::access_token).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn access_token_for(&self, key: &PermissionKey, scope: &Scope) -> Result<AccessToken, TokensError> {
        self.ask(key, Wanted { scope: Some(scope), ..Wanted::default() }).await
    }

    /// Returns another access token in place of a [refused](crate::Error::needs_new_permission) one.
    ///
    /// Reads the store, and refreshes only if it contains the refused token.
    ///
    /// # Errors
    ///
    /// [`TokensError::RefusedAfterRefresh`] if the refused token is the stored one and was refreshed less than a minute
    /// ago; otherwise as [`access_token`](Self::access_token).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn replace(&self, key: &PermissionKey, refused: &AccessToken) -> Result<AccessToken, TokensError> {
        self.ask(key, Wanted { refused: Some(refused), ..Wanted::default() }).await
    }

    /// Deletes a permission, if it exists. A running refresh does not restore it.
    ///
    /// The work continues if the future is dropped.
    ///
    /// # Errors
    ///
    /// [`TokensError::Store`] if the store failed three times. The permission may have been deleted: forget it again.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn forget(&self, key: &PermissionKey) -> Result<(), TokensError> {
        self.change(key, None).await
    }

    /// Lists up to `limit` stored permissions, ordered by expiry, from the one after `after`.
    ///
    /// # Errors
    ///
    /// [`TokensError::Store`].
    pub async fn list(
        &self,
        after: Option<&ListedPermission>,
        limit: usize,
    ) -> Result<Vec<ListedPermission>, TokensError> {
        self.bounded(self.0.store.list(after, limit)).await.map_err(|error| TokensError::Store(error.into()))
    }

    /// Waits until all refreshes, writes and hooks of this process are finished. Pauses end early.
    ///
    /// Call it at shutdown with a time limit: it does not return while the store is unavailable. It does not prevent
    /// new work.
    pub async fn settle(&self) {
        self.0.tasks.settles.fetch_add(1, Ordering::SeqCst);
        self.0.tasks.settled.notify_waiters();
        loop {
            let ended = self.0.tasks.ended.notified();
            if self.0.tasks.running.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    async fn ask(&self, key: &PermissionKey, wanted: Wanted<'_>) -> Result<AccessToken, TokensError> {
        let now = self.now();
        let entry = self.entry(key, now.instant);
        let (looks, found) = {
            let mut state = entry.state();
            state.last_used = now.instant;
            let looks = state.looks();
            (looks, state.look_up(wanted, looks, self.0.settings.recheck_after, now))
        };
        match found {
            Lookup::Token(token) => Ok(token),
            found => Box::pin(self.ask_on(&entry, wanted, looks, now.instant, found)).await,
        }
    }

    /// The slow path of `ask`.
    async fn ask_on(
        &self,
        entry: &Arc<Entry>,
        wanted: Wanted<'_>,
        looks: u64,
        begun: Instant,
        first: Lookup,
    ) -> Result<AccessToken, TokensError> {
        let (mut found, mut flights) = (first, 0);
        loop {
            match found {
                Lookup::Token(token) => return Ok(token),
                Lookup::Failed(why) => return Err(why),
                Lookup::Meanwhile(token, because) => {
                    let flight = self.flight_unless_failing(entry);
                    let Some(flight) = flight.filter(|_| because == Because::Unchecked && flights == 0) else {
                        return Ok(token);
                    };
                    if self.within(RECHECK_PATIENCE, pin!(flight.landed())).await.is_none() {
                        // Other calls do not wait for the slow store.
                        entry.state().failed_until = Some(self.now().instant + AFTER_FAILURE);
                        return Ok(token);
                    }
                }
                Lookup::Unknown => {
                    if flights >= MAX_FLIGHTS && entry.state().is_expired(self.now().time) {
                        return Err(TokensError::Expired);
                    }
                    let passed = self.now().instant.saturating_duration_since(begun);
                    let patience = self.0.settings.wait_limit.saturating_sub(passed);
                    let reason = wanted.refused.map_or(Reason::Asked, |refused| Reason::Refused(refused.clone()));
                    let flight = self.flight(entry, reason);
                    let outcome = self.within(patience, pin!(flight.landed())).await;
                    if let Err(why) = outcome.unwrap_or(Err(TokensError::TimedOut)) {
                        return entry.state().unexpired(wanted, self.now().time).ok_or(why);
                    }
                }
            }
            flights += 1;
            found = entry.state().look_up(wanted, looks, self.0.settings.recheck_after, self.now());
        }
    }

    fn flight_unless_failing(&self, entry: &Arc<Entry>) -> Option<Arc<Flight>> {
        let failed_until = entry.state().failed_until;
        let is_failing = failed_until.is_some_and(|until| self.now().instant < until);
        (!is_failing).then(|| self.flight(entry, Reason::Asked))
    }

    pub(super) fn entry(&self, key: &PermissionKey, now: Instant) -> Arc<Entry> {
        let entries = &mut *self.entries();
        if let Some(entry) = entries.by_key.get(key) {
            return Arc::clone(entry);
        }
        entries.sweep(self.0.settings.max_in_memory, now);
        let entry = Arc::new(Entry::new(key.clone(), now));
        entries.by_key.insert(key.clone(), Arc::clone(&entry));
        entry
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Grants tokens, or deletes a permission. The work continues if the future is dropped.
    async fn change(&self, key: &PermissionKey, tokens: Option<TokenSet>) -> Result<(), TokensError> {
        let (this, key, landing) = (self.counted(), key.clone(), Landing::default());
        let flight = Arc::clone(&landing.0);
        spawn(Box::pin(async move {
            landing.land(this.0.make_change(key, tokens).await);
            Ok(())
        }));
        flight.landed().await
    }

    async fn make_change(&self, key: PermissionKey, tokens: Option<TokenSet>) -> Result<(), TokensError> {
        let now = self.now();
        let entry = self.entry(&key, now.instant);
        let tokens = tokens.map(|set| Tokens { set, obtained_at: now.time, refreshed: false });
        let failed = |error| self.store_error(&entry, tokens.as_ref(), error);
        let value = tokens.as_ref().map(Tokens::to_value).transpose().map_err(failed)?;
        let grant = Stamp::random().map_err(failed)?;
        let look = entry.state().begin_look();
        let mut pauses = RETRIES.into_iter();
        loop {
            let outcome = match value.clone() {
                Some(value) => self.bounded(self.0.store.grant(key.as_str(), grant, value)).await,
                None => self.bounded(self.0.store.delete(key.as_str())).await.map(drop),
            };
            let Err(error) = outcome else {
                entry.state().end_change(look, tokens, self.now().instant);
                return Ok(());
            };
            let Some(pause) = pauses.next() else {
                entry.state().end_failed_change();
                return Err(failed(error));
            };
            self.timer().sleep(pause).await;
        }
    }

    /// A clone for a task, which [`settle`](Self::settle) waits for.
    pub(super) fn counted(&self) -> Counted {
        self.0.tasks.running.fetch_add(1, Ordering::SeqCst);
        Counted(self.clone())
    }

    pub(super) fn settles(&self) -> usize {
        self.0.tasks.settles.load(Ordering::SeqCst)
    }

    pub(super) fn now(&self) -> Now {
        let client = self.0.oauth.client();
        Now { time: client.now(), instant: self.timer().now() }
    }

    pub(super) fn timer(&self) -> &dyn Timer {
        self.0.oauth.client().timer().unwrap_or(&crate::client::TokioTimer)
    }
}

impl Entries {
    /// Drops unused entries once a minute, and the least recently used ones if there are too many.
    fn sweep(&mut self, max: usize, now: Instant) {
        let is_full = self.by_key.len() >= max;
        let is_due = self.swept_at.is_none_or(|at| now.saturating_duration_since(at) >= SWEEP_INTERVAL);
        if !is_full && !is_due {
            return;
        }
        self.swept_at = Some(now);
        // An entry with other references is in use.
        let idle_since = |entry: &Arc<Entry>| {
            let state = entry.state();
            (Arc::strong_count(entry) == 1 && state.is_idle()).then_some(state.last_used)
        };
        self.by_key
            .retain(|_, entry| idle_since(entry).is_none_or(|since| now.saturating_duration_since(since) < IDLE));
        if self.by_key.len() < max {
            return;
        }
        // A tenth at a time, so that not every new key causes a search.
        let excess = self.by_key.len() - max + 1 + max / 10;
        let mut idle = BinaryHeap::new();
        for (key, entry) in &self.by_key {
            let Some(since) = idle_since(entry) else { continue };
            idle.push((since, key.clone()));
            if idle.len() > excess {
                idle.pop();
            }
        }
        for (_, key) in idle {
            self.by_key.remove(&key);
        }
    }
}

pub(super) struct Counted(pub(super) Permissions);

pub(super) fn spawn(task: Task) {
    tokio::spawn(task);
}

impl Drop for Counted {
    fn drop(&mut self) {
        let tasks = &self.0.0.tasks;
        if tasks.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            tasks.ended.notify_waiters();
        }
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permissions")
            .field("oauth", &self.0.oauth)
            .field("store", &self.0.store)
            .field("in_memory", &self.entries().by_key.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PermissionsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermissionsBuilder")
            .field("oauth", &self.oauth)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
