use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::entry::DOCUMENTED_LIFETIME;
use super::entry::{Entry, Reason};
use super::permissions::{Counted, Hook, Permissions, Task, spawn};
use super::store::PermissionKey;
use super::store::{ListedPermission, Stamp};
use crate::error::BoxError;
use crate::model::Timestamp;
use crate::oauth::TokenSet;

/// The documented lifetime of a refresh token.
const REFRESH_TOKEN_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// The time before a refresh token's expiry in which it is used without callers.
const REFRESH_TOKEN_MARGIN: Duration = Duration::from_secs(5 * 24 * 3600);

const INTERVAL: Duration = Duration::from_secs(15);

/// The permissions that are refreshed at a time, and listed at a time.
const CONCURRENCY: usize = 8;
const PAGE: usize = 100;

/// The time limit of one run of the hook, and of its lease. Others break a lease after a longer time.
const HOOK_LIMIT: Duration = Duration::from_secs(10);

const HOOK_PAUSES: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(9),
    Duration::from_secs(27),
    Duration::from_secs(60),
];

/// The tokens that [`Permissions::keep_alive`] keeps valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeepAlive {
    /// Access tokens: each permission is refreshed before its hour ends. Event subscriptions need this.
    AccessTokens,
    /// Refresh tokens: a permission is refreshed after 25 days without use, before it ends after 30.
    RefreshTokens,
}

impl ListedPermission {
    /// The expiry of the refresh token, if there is one: 30 days after it was issued, as Divar documents.
    #[must_use]
    pub fn refresh_token_expires_at(&self) -> Timestamp {
        self.expires_at.saturating_add(REFRESH_TOKEN_LIFETIME.saturating_sub(DOCUMENTED_LIFETIME))
    }
}

impl Permissions {
    /// Refreshes permissions without callers. Never returns: run it in its own task.
    ///
    /// Reads the store's list every 15 seconds. Run it in each process of a fleet: one of them refreshes a permission,
    /// and if that process dies meanwhile, another one repeats the refresh while the old tokens still work.
    pub async fn keep_alive(&self, what: KeepAlive) {
        loop {
            self.recover().await;
            self.refresh_due(what).await;
            self.timer().sleep(INTERVAL).await;
        }
    }

    /// Looks at all leases. `INTERVAL` is long enough for a second look to break them.
    async fn recover(&self) {
        let Ok(keys) = self.bounded(self.0.store.leased(PAGE)).await else { return };
        self.fly_all(keys, Reason::Leased).await;
    }

    async fn refresh_due(&self, what: KeepAlive) {
        let mut last = None;
        loop {
            let Ok(page) = self.list(last.as_ref(), PAGE).await else { return };
            let now = self.now();
            let (access_margin, refresh_margin) = (TokenSet::REFRESH_MARGIN, REFRESH_TOKEN_MARGIN);
            let may_be_due = |listed: &&ListedPermission| match what {
                // The margin of a short-lived token is smaller, but the list does not contain it.
                KeepAlive::AccessTokens => listed.expires_at <= now.time.saturating_add(access_margin),
                KeepAlive::RefreshTokens => {
                    listed.refresh_token_expires_at() <= now.time.saturating_add(refresh_margin)
                }
            };
            let listed: Vec<_> = page.iter().take_while(may_be_due).collect();
            let is_last = listed.len() < PAGE;
            let is_due = |listed: &&ListedPermission| {
                // An expired refresh token is not sent every 15 seconds.
                listed.refresh_token_expires_at() > now.time
                    && self
                        .entry(&PermissionKey::new(&*listed.key), now.instant)
                        .state()
                        .is_to_keep_alive(listed.expires_at, now)
            };
            let keys = listed.into_iter().filter(is_due).map(|listed| listed.key.clone()).collect();
            self.fly_all(keys, Reason::KeepAlive).await;
            if is_last {
                return;
            }
            last = page.into_iter().last();
        }
    }

    async fn fly_all(&self, keys: Vec<String>, reason: Reason) {
        let slots = Arc::new(Semaphore::new(CONCURRENCY));
        for key in keys {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let entry = self.entry(&PermissionKey::new(key), self.now().instant);
            let flight = self.flight(&entry, reason.clone());
            let task: Task = Box::pin(async move {
                let _ = flight.landed().await;
                // Keeps the entry in memory during the flight.
                drop((entry, slot));
                Ok(())
            });
            spawn(task);
        }
        let _ = slots.acquire_many(CONCURRENCY as u32).await;
    }

    /// Runs the hook for new tokens. Ends the lease when the hook succeeds, or after `HOOK_LIMIT`.
    pub(super) fn run_hook(&self, entry: &Arc<Entry>, tokens: TokenSet, lease: Option<Stamp>) {
        let Some(hook) = self.0.settings.on_refresh.clone() else { return };
        spawn(Box::pin(Self::keep_running(self.counted(), hook, Arc::clone(entry), tokens, lease, self.settles())));
    }

    async fn keep_running(
        this: Counted,
        hook: Hook,
        entry: Arc<Entry>,
        tokens: TokenSet,
        mut lease: Option<Stamp>,
        mut settles: usize,
    ) -> Result<(), BoxError> {
        let this = &this.0;
        let begun = this.now().instant;
        for &pause in &HOOK_PAUSES {
            let until = this.now().instant + pause;
            if let Some(kept) = lease.filter(|_| until.saturating_duration_since(begun) >= HOOK_LIMIT) {
                this.release(&entry, kept).await;
                lease = None;
            }
            this.pause(&mut settles, until).await;
            if !this.is_current(&entry, &tokens) || this.run_hook_once(&hook, &entry, &tokens).await {
                break;
            }
        }
        if let Some(kept) = lease {
            this.release(&entry, kept).await;
        }
        Ok(())
    }

    /// Returns `false` if later tokens are known, for which the hook runs separately.
    fn is_current(&self, entry: &Entry, tokens: &TokenSet) -> bool {
        entry.state().known.as_ref().is_none_or(|known| known.tokens.set.access_token == tokens.access_token)
    }

    /// Returns `true` if the hook succeeded. Its panic is a failure.
    async fn run_hook_once(&self, hook: &Hook, entry: &Entry, tokens: &TokenSet) -> bool {
        let mut run = tokio::spawn(hook(entry.key.clone(), tokens.clone()));
        match self.within(HOOK_LIMIT, pin!(&mut run)).await {
            Some(outcome) => matches!(outcome, Ok(Ok(()))),
            None => {
                run.abort();
                false
            }
        }
    }
}
