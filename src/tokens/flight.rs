//! One read and refresh of a permission, shared by all concurrent callers.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::entry::Tokens;
use super::entry::{
    AFTER_FAILURE, Entry, Flight, LAST_CHANCE, Landing, Look, MaybeRotated, Reason, Revoked, Unstored, Wait,
};
use super::error::TokensError;
use super::permissions::{Hurry, Permissions};
use super::store::{PermissionRecord, Stamp};
use crate::error::{BoxError, StoreError};
use crate::redact::Secrets;
use crate::secret::RefreshToken;

/// The time limit of one refresh with its retries, shorter than a lease. Callers wait for less.
const REFRESH_LIMIT: Duration = Duration::from_secs(10);

const MAX_WAIT: Duration = Duration::from_secs(60);

/// The repetitions for tokens at stake, counted from the beginning of the refresh.
const INSISTENCE: [Duration; 5] =
    [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(13), Duration::from_secs(40), LAST_CHANCE];

const INSISTENCE_AFTER: Duration = Duration::from_secs(60);

/// The first and the longest pause between looks at another process's lease. The pause doubles.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_millis(500);

const MAX_UNCONFIRMED: usize = 8;

const RETRIES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// The rounds of one flight. Another one is needed if others changed the permission meanwhile, or if storing the new
/// tokens took longer than their lifetime.
const ROUNDS: u32 = 3;

impl Permissions {
    pub(super) fn flight(&self, entry: &Arc<Entry>, reason: Reason) -> Flight {
        let (flight, landing) = entry.state().join();
        if let Some(landing) = landing {
            let (this, entry) = (self.clone(), Arc::clone(entry));
            self.spawn(async move { this.fly(&entry, landing, &reason).await });
        }
        flight
    }

    async fn fly(&self, entry: &Arc<Entry>, landing: Landing, reason: &Reason) {
        // Runs even if the store panics.
        let _then = Insist(self, entry);
        let outcome = self.renew(entry, reason).await;
        // Under one lock, so that nobody joins an ended flight.
        let mut state = entry.state();
        state.in_flight = None;
        state.failed_until = outcome.is_err().then(|| self.now().instant + AFTER_FAILURE);
        landing.send_replace(Some(outcome));
    }

    async fn renew(&self, entry: &Arc<Entry>, reason: &Reason) -> Result<(), TokensError> {
        for _ in 0..ROUNDS {
            let unstored = entry.state().unstored.clone();
            if let Some(unstored) = unstored {
                self.persist(entry, unstored).await?;
            }
            let record = self.load(entry).await?;
            let revoked = entry.state().revoked.as_ref().map(|revoked| revoked.why.clone());
            if let Some(why) = revoked {
                return Err(TokensError::Refresh(why));
            }
            let must_refresh = entry.state().must_refresh(reason, self.now());
            let is_abandoned =
                matches!(reason, Reason::Leased) && record.lease.is_some_and(|lease| self.is_abandoned(entry, lease));
            if !must_refresh && !is_abandoned {
                return Ok(());
            }
            let tokens = self.read(entry, &record)?;
            let Some(refresh_token) = tokens.set.refresh_token.clone() else {
                return Err(TokensError::NoRefreshToken);
            };
            let wait = entry.state().wait(&tokens.set.access_token, self.now().instant);
            if let Some(why) = wait {
                return Err(TokensError::Refresh(why));
            }
            let Some(lease) = self.take_lease(entry, &tokens).await? else { continue };
            match self.refresh(entry, &tokens, &refresh_token, lease).await? {
                // The permission has ended, unless it was granted again meanwhile.
                None => {}
                Some(unstored) => self.persist(entry, unstored).await?,
            }
        }
        Ok(())
    }

    async fn load(&self, entry: &Entry) -> Result<PermissionRecord, TokensError> {
        let look = entry.state().begin_look();
        let read = self.bounded(self.0.store.read(entry.key.as_str())).await;
        let record = read.map_err(|error| self.store_error(entry, None, error))?;
        let Some(record) = record else {
            entry.state().learn(None, look, self.now().instant);
            return Err(TokensError::NotStored);
        };
        let tokens = self.read(entry, &record)?;
        let mut state = entry.state();
        state.learn(Some(tokens), look, self.now().instant);
        // A grant or another process may have ended it.
        state.own_lease = state.own_lease.filter(|own| record.lease == Some(*own));
        drop(state);
        Ok(record)
    }

    fn read(&self, entry: &Entry, record: &PermissionRecord) -> Result<Tokens, TokensError> {
        Tokens::from_value(&record.value).map_err(|error| self.store_error(entry, None, error))
    }

    /// Takes the lease for these tokens. `None` if other tokens are stored now.
    async fn take_lease(&self, entry: &Entry, tokens: &Tokens) -> Result<Option<Stamp>, TokensError> {
        let mut pause = FIRST_LOOK;
        let mut broken = None;
        loop {
            let failed = |error| self.store_error(entry, None, error);
            // Also replaces an own lease, because others have already watched that for a while.
            let lease = Stamp::random().map_err(failed)?;
            let look = {
                let mut state = entry.state();
                broken = broken.or(state.own_lease);
                if state.unconfirmed.len() >= MAX_UNCONFIRMED {
                    state.unconfirmed.remove(0);
                }
                state.unconfirmed.push(lease);
                state.begin_look()
            };
            let asked = self.0.store.lease(entry.key.as_str(), lease, broken);
            let record = self.bounded(asked).await.map_err(failed)?;
            let Some(record) = record else {
                let mut state = entry.state();
                state.unconfirmed.clear();
                state.learn(None, look, self.now().instant);
                return Err(TokensError::NotStored);
            };
            let stored = self.read(entry, &record)?;
            let is_other = stored != *tokens;
            let is_taken = record.lease == Some(lease);
            {
                let mut state = entry.state();
                state.learn(Some(stored), look, self.now().instant);
                if is_taken {
                    // Its owner may have refreshed these tokens before it died.
                    let dead = state.other_lease.filter(|(other, _)| broken == Some(*other) && !is_other);
                    if let Some((_, since)) = dead.filter(|_| state.maybe_rotated.is_none()) {
                        let access_token = tokens.set.access_token.clone();
                        state.maybe_rotated = Some(MaybeRotated { access_token, since });
                    }
                    (state.own_lease, state.other_lease) = (Some(lease), None);
                    state.unconfirmed.clear();
                } else {
                    state.own_lease = None;
                    state.unconfirmed.retain(|unconfirmed| *unconfirmed != lease);
                }
            }
            match (is_taken, is_other) {
                (true, false) => return Ok(Some(lease)),
                (true, true) => {
                    self.release(entry, lease).await;
                    return Ok(None);
                }
                (false, true) => return Ok(None),
                (false, false) => {}
            }
            broken = record.lease.filter(|held_by| {
                let mut state = entry.state();
                state.unconfirmed.contains(held_by) || state.watch_lease(*held_by, self.now().instant)
            });
            if broken.is_none() {
                self.timer().sleep(pause).await;
                pause = (pause * 2).min(LONGEST_LOOK);
            }
        }
    }

    fn is_abandoned(&self, entry: &Entry, lease: Stamp) -> bool {
        let mut state = entry.state();
        state.own_lease != Some(lease) && state.watch_lease(lease, self.now().instant)
    }

    pub(super) async fn release(&self, entry: &Entry, lease: Stamp) {
        // If this fails, the others break the lease later.
        let _ = self.bounded(self.0.store.release(entry.key.as_str(), lease)).await;
        let mut state = entry.state();
        if state.own_lease == Some(lease) {
            state.own_lease = None;
        }
    }

    /// Refreshes the tokens under a lease. `None` if the permission has ended.
    async fn refresh(
        &self,
        entry: &Arc<Entry>,
        old: &Tokens,
        refresh_token: &RefreshToken,
        lease: Stamp,
    ) -> Result<Option<Unstored>, TokensError> {
        let begun = self.now();
        let outcome = self.0.oauth.with_time_limit(REFRESH_LIMIT).refresh(&old.set).await;
        let access_token = old.set.access_token.clone();
        let why = match outcome {
            Ok(set) => {
                let tokens = Tokens { set, obtained_at: begun.time, refreshed: true };
                let unstored = Unstored { tokens, lease, replaced: access_token };
                let mut state = entry.state();
                (state.wait, state.maybe_rotated) = (None, None);
                state.unstored = Some(unstored.clone());
                return Ok(Some(unstored));
            }
            Err(why) => why,
        };
        let is_lost = why.may_have_been_processed();
        {
            let mut state = entry.state();
            let pause = why.retry_after().map(|pause| pause.min(MAX_WAIT));
            let since = self.now().instant;
            state.wait = pause.map(|pause| Wait { since, until: since + pause, why: why.clone() });
            if why.is_invalid_grant() {
                (state.known, state.maybe_rotated) = (None, None);
                state.revoked =
                    Some(Revoked { refresh_token: refresh_token.clone(), why: why.clone(), at: self.now().instant });
            } else if is_lost && state.maybe_rotated.is_none() {
                state.maybe_rotated = Some(MaybeRotated { access_token, since: begun.instant });
            }
        }
        // Kept while the response may be lost: if this process dies, the lease shows that to the others.
        if entry.state().maybe_rotated.is_none() {
            self.release(entry, lease).await;
        }
        if why.is_invalid_grant() { Ok(None) } else { Err(TokensError::Refresh(why)) }
    }

    async fn persist(&self, entry: &Arc<Entry>, mut unstored: Unstored) -> Result<(), TokensError> {
        let key = entry.key.as_str();
        let failed = |unstored: &Unstored, error| self.store_error(entry, Some(&unstored.tokens), error);
        loop {
            let value = unstored.tokens.to_value().map_err(|error| failed(&unstored, error))?;
            let keep_lease = self.0.settings.on_refresh.is_some();
            let look = entry.state().begin_look();
            let replaced = self.bounded(self.0.store.replace(key, unstored.lease, value, keep_lease)).await;
            if replaced.map_err(|error| failed(&unstored, error))? {
                self.stored(entry, &unstored, look, keep_lease);
                return Ok(());
            }
            let stored = match self.load(entry).await {
                Err(TokensError::NotStored) => None,
                Err(why) => return Err(why),
                Ok(record) => Some(self.read(entry, &record)?),
            };
            match stored {
                // They were stored, and the response was lost.
                Some(stored) if stored == unstored.tokens => {
                    self.stored(entry, &unstored, look, false);
                    return Ok(());
                }
                // Another process broke the lease, and may have refreshed the old tokens as well.
                Some(old) if old.set.access_token == unstored.replaced => {
                    if let Some(lease) = self.take_lease(entry, &old).await? {
                        unstored.lease = lease;
                        entry.state().unstored = Some(unstored.clone());
                    }
                }
                // A grant, a deletion or another process's refresh came first.
                other => {
                    let mut state = entry.state();
                    (state.unstored, state.own_lease) = (None, None);
                    return if other.is_some() { Ok(()) } else { Err(TokensError::NotStored) };
                }
            }
        }
    }

    fn stored(&self, entry: &Arc<Entry>, unstored: &Unstored, look: Look, lease_kept: bool) {
        {
            let mut state = entry.state();
            state.unstored = None;
            state.own_lease = lease_kept.then_some(unstored.lease);
            state.learn(Some(unstored.tokens.clone()), look, self.now().instant);
        }
        self.run_hook(entry, unstored.tokens.set.clone(), lease_kept.then_some(unstored.lease));
    }

    /// Retries while tokens are at stake, without callers.
    async fn insist(&self, entry: &Arc<Entry>, mut hurry: Hurry) {
        let begun = entry.state().maybe_rotated.as_ref().map_or(self.now().instant, |rotated| rotated.since);
        for at in INSISTENCE {
            if entry.state().is_at_stake() {
                self.pause_until(&mut hurry, begun + at).await;
            }
            if !entry.state().is_at_stake() {
                return;
            }
            let _ = self.flight(entry, Reason::Asked).wait_for(Option::is_some).await;
        }
        // The old tokens no longer work.
        let lease = {
            let mut state = entry.state();
            let lease = state.maybe_rotated.take().and(state.own_lease);
            lease.filter(|_| state.unstored.is_none())
        };
        if let Some(lease) = lease {
            self.release(entry, lease).await;
        }
        while entry.state().is_at_stake() {
            self.pause_until(&mut hurry, self.now().instant + INSISTENCE_AFTER).await;
            let _ = self.flight(entry, Reason::Asked).wait_for(Option::is_some).await;
        }
    }

    async fn pause_until(&self, hurry: &mut Hurry, until: Instant) {
        let pause = until.saturating_duration_since(self.now().instant);
        self.pause(hurry, pause).await;
    }

    pub(super) async fn pause(&self, hurry: &mut Hurry, pause: Duration) {
        // It cannot fail: the sender is in `self`.
        let _ = self.within(pause, hurry.changed()).await;
    }

    pub(super) async fn persistently<T, Fut>(&self, change: impl Fn() -> Fut) -> Result<T, StoreError>
    where
        Fut: Future<Output = Result<T, StoreError>>,
    {
        for pause in RETRIES {
            if let Ok(done) = self.bounded(change()).await {
                return Ok(done);
            }
            self.timer().sleep(pause).await;
        }
        self.bounded(change()).await
    }

    pub(super) async fn bounded<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let limit = self.0.settings.store_time_limit;
        match self.within(limit, call).await {
            Some(outcome) => outcome,
            None => {
                let what = format!("timed out after {limit:?}: no response from the permission store");
                Err(std::io::Error::new(std::io::ErrorKind::TimedOut, what).into())
            }
        }
    }

    /// `None` after the time limit.
    pub(super) async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let (mut work, mut limit) = (pin!(work), self.timer().sleep(limit));
        std::future::poll_fn(move |context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            limit.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    pub(super) fn store_error(&self, entry: &Entry, new: Option<&Tokens>, error: BoxError) -> TokensError {
        let state = entry.state();
        let known = state.known.as_ref().map(|known| &known.tokens);
        let unstored = state.unstored.as_ref().map(|unstored| &unstored.tokens);
        let sets = [known, unstored, new].into_iter().flatten().map(|tokens| &tokens.set);
        let secrets = sets.flat_map(|set| {
            [Some(set.access_token.expose_secret()), set.refresh_token.as_ref().map(RefreshToken::expose_secret)]
        });
        let error: Arc<dyn StdError + Send + Sync> = match Secrets::new(secrets.flatten()).scrubbed_chain(&*error) {
            Some(redacted) => BoxError::from(redacted).into(),
            None => error.into(),
        };
        TokensError::Store(error)
    }
}

struct Insist<'a>(&'a Permissions, &'a Arc<Entry>);

impl Drop for Insist<'_> {
    fn drop(&mut self) {
        let Self(permissions, entry) = *self;
        {
            let mut state = entry.state();
            if !state.is_at_stake() || state.has_insister || tokio::runtime::Handle::try_current().is_err() {
                return;
            }
            state.has_insister = true;
        }
        let (permissions, entry, hurry) = (permissions.clone(), Arc::clone(entry), permissions.hurry());
        permissions.clone().spawn(async move {
            let insister = Insister(&entry);
            permissions.insist(&entry, hurry).await;
            drop(insister);
        });
    }
}

struct Insister<'a>(&'a Entry);

impl Drop for Insister<'_> {
    fn drop(&mut self) {
        self.0.state().has_insister = false;
    }
}
