//! What is done ahead of time, and after a refresh.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::entry::{Entry, Reason};
use super::key::PermissionKey;
use super::permissions::{Hook, Permissions};
use super::store::{ListedPermission, Stamp};
use super::value::DOCUMENTED_LIFETIME;
use crate::model::Timestamp;
use crate::oauth::TokenSet;

/// How long a refresh token is valid, as the platform documents.
const REFRESH_TOKEN_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long before the end of a refresh token it is used, although nobody needs an access token.
const REFRESH_TOKEN_MARGIN: Duration = Duration::from_secs(5 * 24 * 3600);

/// How often the store is looked through.
const INTERVAL: Duration = Duration::from_secs(15);

/// How many permissions are refreshed at the same time, and listed at once.
const CONCURRENCY: usize = 8;
const PAGE: usize = 100;

/// How long one run of the hook may take, and how long the lease is kept for it at most: less than others watch it.
const HOOK_LIMIT: Duration = Duration::from_secs(10);

/// The pauses before the hook is run again.
const HOOK_PAUSES: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(9),
    Duration::from_secs(27),
    Duration::from_secs(60),
];

/// What [`Permissions::keep_alive`] keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeepAlive {
    /// Access tokens: each permission is refreshed before its hour ends, so that event subscriptions continue.
    AccessTokens,
    /// Refresh tokens: a permission that nobody used for 25 days is refreshed, so that it does not end after 30.
    RefreshTokens,
}

impl ListedPermission {
    /// When the refresh token expires, if there is one: 30 days after it was issued, as the platform documents.
    #[must_use]
    pub fn refresh_token_expires_at(&self) -> Timestamp {
        self.expires_at.saturating_add(REFRESH_TOKEN_LIFETIME.saturating_sub(DOCUMENTED_LIFETIME))
    }
}

impl Permissions {
    /// Refreshes permissions ahead of time although nobody asks for a token. Never returns: run it in a task of its own.
    ///
    /// Looks through the store every 15 seconds. Run it in each process of a fleet: a permission is refreshed by one of
    /// them. If a process died during a refresh, the others find that out here and repeat the refresh while the old
    /// tokens still work.
    ///
    /// ```
    /// # async fn start(permissions: kenar::tokens::Permissions) {
    /// use kenar::tokens::KeepAlive;
    ///
    /// tokio::spawn(async move { permissions.keep_alive(KeepAlive::AccessTokens).await });
    /// # }
    /// ```
    pub async fn keep_alive(&self, what: KeepAlive) {
        loop {
            self.recover().await;
            self.refresh_due(what).await;
            self.timer().sleep(INTERVAL).await;
        }
    }

    /// Looks at leases that were not ended. The next look is long enough after this one.
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
                // A short-lived token has a smaller margin, which is stored with it.
                KeepAlive::AccessTokens => listed.expires_at <= now.time.saturating_add(access_margin),
                KeepAlive::RefreshTokens => {
                    listed.refresh_token_expires_at() <= now.time.saturating_add(refresh_margin)
                }
            };
            let listed: Vec<_> = page.iter().take_while(may_be_due).collect();
            let is_last = listed.len() < PAGE;
            let is_due = |listed: &&ListedPermission| {
                // A refresh token that expired is not sent again and again.
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
        let mut flights = JoinSet::new();
        for key in keys {
            if flights.len() >= CONCURRENCY {
                flights.join_next().await;
            }
            let entry = self.entry(&PermissionKey::new(key), self.now().instant);
            let mut flight = self.flight(&entry, reason.clone());
            flights.spawn(async move {
                let _ = flight.wait_for(Option::is_some).await;
                // In memory until the flight is over.
                drop(entry);
            });
        }
        flights.join_all().await;
    }

    /// Runs the author's hook for new tokens. The lease is ended once it has succeeded, or lasted long enough.
    pub(super) fn run_hook(&self, entry: &Arc<Entry>, tokens: TokenSet, lease: Option<Stamp>) {
        let Some(hook) = self.0.settings.on_refresh.clone() else { return };
        let (this, entry, mut hurry) = (self.clone(), Arc::clone(entry), self.hurry());
        self.spawn(async move {
            let mut lease = lease;
            let begun = this.now().instant;
            for pause in std::iter::once(Duration::ZERO).chain(HOOK_PAUSES) {
                let is_long = |at| this.now().instant.saturating_duration_since(begun) + at >= HOOK_LIMIT;
                if let Some(kept) = lease.filter(|_| is_long(pause)) {
                    this.release(&entry, kept).await;
                    lease = None;
                }
                this.pause(&mut hurry, pause).await;
                if !this.is_current(&entry, &tokens) || this.run_hook_once(&hook, &entry, &tokens).await {
                    break;
                }
            }
            if let Some(kept) = lease {
                this.release(&entry, kept).await;
            }
        });
    }

    /// Whether no later tokens are known, which have a run of the hook of their own.
    fn is_current(&self, entry: &Entry, tokens: &TokenSet) -> bool {
        entry.state().known.as_ref().is_none_or(|known| known.tokens.set.access_token == tokens.access_token)
    }

    /// Returns `true` if the hook succeeded. Runs it in a task, so that its panic is a failure.
    async fn run_hook_once(&self, hook: &Hook, entry: &Entry, tokens: &TokenSet) -> bool {
        let (hook, key, tokens) = (Arc::clone(hook), entry.key.clone(), tokens.clone());
        let mut run = tokio::spawn(async move { hook(key, tokens).await.is_ok() });
        match self.within(HOOK_LIMIT, &mut run).await {
            Some(outcome) => outcome.unwrap_or(false),
            None => {
                run.abort();
                false
            }
        }
    }
}
