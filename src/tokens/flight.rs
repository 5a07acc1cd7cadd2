//! One read and refresh of a permission, shared by all concurrent callers.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::entry::Tokens;
use super::entry::{AFTER_FAILURE, Entry, Flight, LAST_CHANCE, Landing, Look, Reason, Unstored};
use super::error::TokensError;
use super::permissions::{Counted, Permissions, spawn};
use super::store::{PermissionRecord, Stamp};
use crate::error::{BoxError, StoreError};
use crate::oauth::TokenSet;
use crate::redact::Secrets;
use crate::shared::{Work, bounded};

/// The time limit of one refresh with its retries, shorter than a lease. Callers wait for less.
const REFRESH_LIMIT: Duration = Duration::from_secs(10);

/// The repetitions for tokens at stake, counted from the beginning of the refresh.
const INSISTENCE: [Duration; 5] =
    [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(13), Duration::from_secs(40), LAST_CHANCE];

const INSISTENCE_AFTER: Duration = Duration::from_secs(60);

/// The first and the longest pause between looks at another process's lease. The pause doubles.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_millis(500);

/// The rounds of one flight. Another one is needed if others changed the permission meanwhile, or if storing the new
/// tokens took longer than their lifetime.
const ROUNDS: u32 = 3;

impl Permissions {
    pub(super) fn flight(&self, entry: &Arc<Entry>, reason: Reason) -> Arc<Flight> {
        let (flight, landing) = entry.state().join();
        if let Some(landing) = landing {
            spawn(Box::pin(Self::fly(self.counted(), Arc::clone(entry), landing, reason)));
        }
        flight
    }

    async fn fly(this: Counted, entry: Arc<Entry>, landing: Landing, reason: Reason) -> Result<(), BoxError> {
        let this = &this.0;
        // Runs even if the store panics.
        let _then = Insist(this, &entry);
        let outcome = this.renew(&entry, &reason).await;
        // Under one lock, so that nobody joins an ended flight.
        let state = &mut *entry.state();
        state.in_flight = None;
        state.failed_until = outcome.is_err().then(|| this.now().instant + AFTER_FAILURE);
        landing.land(outcome);
        Ok(())
    }

    async fn renew(&self, entry: &Arc<Entry>, reason: &Reason) -> Result<(), TokensError> {
        for _ in 0..ROUNDS {
            self.persist(entry).await?;
            let (tokens, lease) = self.load(entry).await?;
            if !entry.state().is_to_refresh(&tokens, lease, reason, self.now())? {
                return Ok(());
            }
            if let Some(lease) = self.take_lease(entry, &tokens).await? {
                self.refresh(entry, &tokens.set, lease).await?;
            }
        }
        self.persist(entry).await
    }

    /// Reads the stored tokens and their lease.
    async fn load(&self, entry: &Entry) -> Result<(Tokens, Option<Stamp>), TokensError> {
        let look = entry.state().begin_look();
        let read = self.bounded(self.0.store.read(entry.key.as_str())).await;
        let (tokens, lease) = self.read(entry, look, read)?;
        let state = &mut *entry.state();
        // A grant or another process may have ended it.
        state.own_lease = state.own_lease.filter(|own| lease == Some(*own));
        Ok((tokens, lease))
    }

    /// Learns the result of a look.
    fn read(
        &self,
        entry: &Entry,
        look: Look,
        read: Result<Option<PermissionRecord>, StoreError>,
    ) -> Result<(Tokens, Option<Stamp>), TokensError> {
        let failed = |error| self.store_error(entry, None, error);
        let Some(record) = read.map_err(failed)? else {
            entry.state().learn(None, look, self.now().instant);
            return Err(TokensError::NotStored);
        };
        let tokens = Tokens::from_value(&record.value).map_err(failed)?;
        entry.state().learn(Some(tokens.clone()), look, self.now().instant);
        Ok((tokens, record.lease))
    }

    /// Takes the lease for these tokens. `None` if other tokens are stored now.
    async fn take_lease(&self, entry: &Entry, tokens: &Tokens) -> Result<Option<Stamp>, TokensError> {
        let mut pause = FIRST_LOOK;
        let mut broken = None;
        loop {
            // Also replaces an own lease, because others have already watched that for a while.
            let lease = Stamp::random().map_err(|error| self.store_error(entry, None, error))?;
            let look = entry.state().ask_for_lease(lease, &mut broken);
            let record = self.bounded(self.0.store.lease(entry.key.as_str(), lease, broken)).await;
            if let Ok(None) = record {
                entry.state().unconfirmed.clear();
            }
            let (stored, held_by) = self.read(entry, look, record)?;
            let is_other = stored != *tokens;
            if entry.state().end_lease(lease, held_by, broken.filter(|_| !is_other), &tokens.set.access_token) {
                if !is_other {
                    return Ok(Some(lease));
                }
                self.release(entry, lease).await;
            }
            if is_other {
                return Ok(None);
            }
            broken = held_by.filter(|held_by| {
                let state = &mut *entry.state();
                state.unconfirmed.contains(held_by) || state.watch_lease(*held_by, self.now().instant)
            });
            if broken.is_none() {
                self.timer().sleep(pause).await;
                pause = (pause * 2).min(LONGEST_LOOK);
            }
        }
    }

    pub(super) async fn release(&self, entry: &Entry, lease: Stamp) {
        // If this fails, the others break the lease later.
        let _ = self.bounded(self.0.store.release(entry.key.as_str(), lease)).await;
        let state = &mut *entry.state();
        if state.own_lease == Some(lease) {
            state.own_lease = None;
        }
    }

    /// Refreshes the tokens under a lease.
    async fn refresh(&self, entry: &Entry, old: &TokenSet, lease: Stamp) -> Result<(), TokensError> {
        let begun = self.now();
        let why = match self.0.oauth.with_time_limit(REFRESH_LIMIT).refresh(old).await {
            Ok(set) => {
                let tokens = Tokens { set, obtained_at: begun.time, refreshed: true };
                let state = &mut *entry.state();
                (state.wait, state.maybe_rotated) = (None, None);
                state.unstored = Some(Unstored { tokens, lease, replaced: old.access_token.clone() });
                return Ok(());
            }
            Err(why) => why,
        };
        // Kept while the response may be lost: if this process dies, the lease shows that to the others.
        if !entry.state().fail(&why, old, begun.instant, self.now().instant) {
            self.release(entry, lease).await;
        }
        // The next round finds that the permission has ended, unless it was granted again meanwhile.
        if why.is_invalid_grant() { Ok(()) } else { Err(TokensError::Refresh(why)) }
    }

    /// Stores the refreshed tokens, if they are not stored yet.
    async fn persist(&self, entry: &Arc<Entry>) -> Result<(), TokensError> {
        let keep_lease = self.0.settings.on_refresh.is_some();
        loop {
            let Some(unstored) = entry.state().unstored.clone() else { return Ok(()) };
            let look = entry.state().begin_look();
            let replaced = match unstored.tokens.to_value() {
                Ok(value) => {
                    self.bounded(self.0.store.replace(entry.key.as_str(), unstored.lease, value, keep_lease)).await
                }
                Err(error) => Err(error),
            };
            if replaced.map_err(|error| self.store_error(entry, Some(&unstored.tokens), error))? {
                self.stored(entry, &unstored, look, keep_lease);
                return Ok(());
            }
            let loaded = self.load(entry).await.map(|(stored, _)| stored);
            let Some(old) = self.not_replaced(entry, &unstored, look, loaded)? else { return Ok(()) };
            if let Some(lease) = self.take_lease(entry, &old).await? {
                entry.state().unstored = Some(Unstored { lease, ..unstored });
            }
        }
    }

    /// Returns the old tokens if they are still stored, under another lease.
    fn not_replaced(
        &self,
        entry: &Arc<Entry>,
        unstored: &Unstored,
        look: Look,
        loaded: Result<Tokens, TokensError>,
    ) -> Result<Option<Tokens>, TokensError> {
        match &loaded {
            // They were stored, and the response was lost.
            Ok(stored) if *stored == unstored.tokens => self.stored(entry, unstored, look, false),
            // Another process broke the lease, and may have refreshed the old tokens as well.
            Ok(old) if old.set.access_token == unstored.replaced => return loaded.map(Some),
            // A grant, a deletion or another process's refresh came first.
            Ok(_) | Err(TokensError::NotStored) => {
                let state = &mut *entry.state();
                (state.unstored, state.own_lease) = (None, None);
            }
            Err(_) => {}
        }
        loaded.map(|_| None)
    }

    fn stored(&self, entry: &Arc<Entry>, unstored: &Unstored, look: Look, lease_kept: bool) {
        let lease = lease_kept.then_some(unstored.lease);
        {
            let state = &mut *entry.state();
            (state.unstored, state.own_lease) = (None, lease);
            state.learn(Some(unstored.tokens.clone()), look, self.now().instant);
        }
        self.run_hook(entry, unstored.tokens.set.clone(), lease);
    }

    /// Retries while tokens are at stake, without callers.
    async fn insist(this: Counted, insister: Insister, mut settles: usize) -> Result<(), BoxError> {
        let (this, entry) = (&this.0, &insister.0);
        let begun = entry.state().maybe_rotated.as_ref().map_or(this.now().instant, |rotated| rotated.since);
        for &at in &INSISTENCE {
            if !this.retry(entry, &mut settles, begun + at).await {
                return Ok(());
            }
        }
        // The old tokens no longer work.
        let lease = entry.state().give_up();
        if let Some(lease) = lease {
            this.release(entry, lease).await;
        }
        while this.retry(entry, &mut settles, this.now().instant + INSISTENCE_AFTER).await {}
        Ok(())
    }

    /// Returns `false` if no tokens are at stake any more.
    async fn retry(&self, entry: &Arc<Entry>, settles: &mut usize, at: Instant) -> bool {
        if entry.state().is_at_stake() {
            self.pause(settles, at).await;
        }
        let is_at_stake = entry.state().is_at_stake();
        if is_at_stake {
            let _ = self.flight(entry, Reason::Asked).landed().await;
        }
        is_at_stake
    }

    /// Pauses until a time, or until [`settle`](Self::settle) is called again.
    pub(super) async fn pause(&self, settles: &mut usize, until: Instant) {
        let settled = self.0.tasks.settled.notified();
        if *settles == self.settles() {
            let pause = until.saturating_duration_since(self.now().instant);
            self.within(pause, pin!(settled)).await;
        }
        *settles = self.settles();
    }

    pub(super) fn bounded<T>(
        &self,
        call: Work<'_, Result<T, StoreError>>,
    ) -> impl Future<Output = Result<T, StoreError>> {
        let limit = self.0.settings.store_time_limit;
        bounded("permission", call, self.timer().sleep(limit), limit)
    }

    /// `None` after the time limit.
    pub(super) fn within<T>(
        &self,
        limit: Duration,
        mut work: Pin<&mut (dyn Future<Output = T> + Send)>,
    ) -> impl Future<Output = Option<T>> {
        let mut limit = self.timer().sleep(limit);
        poll_fn(move |context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => limit.as_mut().poll(context).map(|()| None),
        })
    }

    pub(super) fn store_error(&self, entry: &Entry, new: Option<&Tokens>, error: BoxError) -> TokensError {
        let state = entry.state();
        let known = state.known.as_ref().map(|known| &known.tokens);
        let unstored = state.unstored.as_ref().map(|unstored| &unstored.tokens);
        let mut secrets = Vec::new();
        for tokens in &[known, unstored, new] {
            let Some(Tokens { set, .. }) = tokens else { continue };
            secrets.push(set.access_token.expose_secret());
            if let Some(token) = &set.refresh_token {
                secrets.push(token.expose_secret());
            }
        }
        let error: Arc<dyn StdError + Send + Sync> = match Secrets::new(secrets).scrubbed_chain(&*error) {
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
            let state = &mut *entry.state();
            if !state.is_at_stake() || state.has_insister || tokio::runtime::Handle::try_current().is_err() {
                return;
            }
            state.has_insister = true;
        }
        let insister = Insister(Arc::clone(entry));
        spawn(Box::pin(Permissions::insist(permissions.counted(), insister, permissions.settles())));
    }
}

struct Insister(Arc<Entry>);

impl Drop for Insister {
    fn drop(&mut self) {
        self.0.state().has_insister = false;
    }
}
