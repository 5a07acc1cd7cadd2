use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::ser::SerializeMap;
use tokio::sync::Notify;

use super::error::TokensError;
use super::store::{PermissionKey, PermissionValue, Stamp};
use crate::error::{Error, StoreError};
use crate::model::Timestamp;
use crate::model::lenient;
use crate::model::wire::{AsObject, Written, fields};
use crate::oauth::{Scope, StoredFields, TokenSet};
use crate::secret::{AccessToken, RefreshToken};

/// The time after a refresh in which a refused call does not cause another one, which would change nothing.
const RECENT: Duration = Duration::from_secs(60);

/// The remaining lifetime in which a token is still used during its refresh.
const USABLE: Duration = Duration::from_secs(15);

pub(super) const LEASE: Duration = Duration::from_secs(15);

/// The last repetition of a refresh whose response may be lost, counted from the first request. The old tokens work for
/// two minutes after a refresh, and the last attempt takes up to 10 seconds.
pub(super) const LAST_CHANCE: Duration = Duration::from_secs(100);

pub(super) const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The interval at which `keep_alive` reads a revoked permission, which another process may grant again.
const REVOKED_INTERVAL: Duration = Duration::from_secs(600);

const MAX_WAIT: Duration = Duration::from_secs(60);

const MAX_WAIT_AFTER_LOSS: Duration = Duration::from_secs(20);

const MAX_UNCONFIRMED: usize = 8;

pub(super) struct Entry {
    pub(super) key: PermissionKey,
    state: Mutex<State>,
}

/// The outcome of a flight, for those who wait.
#[derive(Default)]
pub(super) struct Flight {
    outcome: Mutex<Option<Result<(), TokensError>>>,
    landed: Notify,
}

impl Flight {
    pub(super) async fn landed(&self) -> Result<(), TokensError> {
        let landed = self.landed.notified();
        if !self.has_landed() {
            landed.await;
        }
        self.outcome().clone().unwrap_or(Err(TokensError::Cancelled))
    }

    fn has_landed(&self) -> bool {
        self.outcome().is_some()
    }

    fn outcome(&self) -> MutexGuard<'_, Option<Result<(), TokensError>>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a flight when dropped.
#[derive(Default)]
pub(super) struct Landing(pub(super) Arc<Flight>);

impl Landing {
    pub(super) fn land(self, outcome: Result<(), TokensError>) {
        *self.0.outcome() = Some(outcome);
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let outcome = &mut *self.0.outcome();
        if outcome.is_none() {
            *outcome = Some(Err(TokensError::Cancelled));
        }
        self.0.landed.notify_waiters();
    }
}

pub(super) struct State {
    pub(super) known: Option<Known>,
    /// Counts this process's changes. A read during a change is not trusted.
    changes: u64,
    looks: u64,
    pub(super) unstored: Option<Unstored>,
    pub(super) maybe_rotated: Option<MaybeRotated>,
    pub(super) revoked: Option<Revoked>,
    pub(super) wait: Option<Wait>,
    pub(super) own_lease: Option<Stamp>,
    /// Leases whose requests had no response. One of them may be in the store.
    pub(super) unconfirmed: Vec<Stamp>,
    /// The lease of another process, and when it was first seen.
    pub(super) other_lease: Option<(Stamp, Instant)>,
    pub(super) in_flight: Option<Arc<Flight>>,
    pub(super) has_insister: bool,
    pub(super) failed_until: Option<Instant>,
    pub(super) last_used: Instant,
}

pub(super) struct Known {
    pub(super) tokens: Tokens,
    /// The first and the last time they were seen.
    seen_at: Instant,
    checked_at: Instant,
    look: u64,
}

/// The start of a read or change of the store.
#[derive(Clone, Copy)]
pub(super) struct Look {
    changes: u64,
    number: u64,
}

#[derive(Clone)]
pub(super) struct Unstored {
    pub(super) tokens: Tokens,
    pub(super) lease: Stamp,
    /// The access token that they replace.
    pub(super) replaced: AccessToken,
}

pub(super) struct MaybeRotated {
    pub(super) access_token: AccessToken,
    /// The beginning of the first request.
    pub(super) since: Instant,
}

pub(super) struct Revoked {
    pub(super) refresh_token: Option<RefreshToken>,
    pub(super) why: Error,
    pub(super) at: Instant,
}

pub(super) struct Wait {
    pub(super) since: Instant,
    pub(super) until: Instant,
    pub(super) why: Error,
}

#[derive(Clone)]
pub(super) enum Reason {
    /// A caller needs a token.
    Asked,
    /// A caller's token was refused.
    Refused(AccessToken),
    /// Nobody asks, and the tokens may be due.
    KeepAlive,
    /// Nobody asks, and the owner of the lease may have died.
    Leased,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Wanted<'a> {
    pub(super) refused: Option<&'a AccessToken>,
    pub(super) scope: Option<&'a Scope>,
}

pub(super) enum Lookup {
    Token(AccessToken),
    /// The token is usable, and the store is to be read or a refresh begun.
    Meanwhile(AccessToken, Because),
    /// The store or Divar must be asked.
    Unknown,
    Failed(TokensError),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Because {
    /// The store was not read recently.
    Unchecked,
    /// A refresh is due.
    Due,
}

impl Entry {
    pub(super) fn new(key: PermissionKey, now: Instant) -> Self {
        let state = State {
            known: None,
            changes: 0,
            looks: 0,
            unstored: None,
            maybe_rotated: None,
            revoked: None,
            wait: None,
            own_lease: None,
            unconfirmed: Vec::new(),
            other_lease: None,
            in_flight: None,
            has_insister: false,
            failed_until: None,
            last_used: now,
        };
        Self { key, state: Mutex::new(state) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wall clock, by which tokens expire, and a monotonic clock, at the same moment.
#[derive(Clone, Copy)]
pub(super) struct Now {
    pub(super) time: Timestamp,
    pub(super) instant: Instant,
}

impl State {
    pub(super) fn begin_look(&mut self) -> Look {
        self.looks = self.looks.wrapping_add(1);
        Look { changes: self.changes, number: self.looks }
    }

    pub(super) fn looks(&self) -> u64 {
        self.looks
    }

    /// Looks the token up for a call that began after so many looks.
    pub(super) fn look_up(&self, wanted: Wanted<'_>, looks: u64, recheck_after: Duration, now: Now) -> Lookup {
        let Some(known) = &self.known else { return Lookup::Unknown };
        let set = &known.tokens.set;
        let token = &set.access_token;
        // Before these tokens are rejected, the store must be read: it may contain others.
        let was_checked = known.look > looks;
        if wanted.scope.is_some_and(|scope| !set.grants(scope)) {
            let missing = wanted.scope.filter(|_| was_checked).cloned();
            return missing.map_or(Lookup::Unknown, |scope| Lookup::Failed(TokensError::ScopeNotGranted(scope)));
        }
        if wanted.refused == Some(token) {
            let is_recent = was_checked && known.is_recent(now);
            return if is_recent { Lookup::Failed(TokensError::RefusedAfterRefresh) } else { Lookup::Unknown };
        }
        let is_known_well = was_checked || now.instant.saturating_duration_since(known.checked_at) < recheck_after;
        let because = if is_known_well { Because::Due } else { Because::Unchecked };
        if known.tokens.is_due(false, now.time) || self.is_maybe_rotated(token) {
            let is_usable = !set.is_expired(now.time.saturating_add(USABLE));
            return if is_usable { Lookup::Meanwhile(token.clone(), because) } else { Lookup::Unknown };
        }
        if is_known_well { Lookup::Token(token.clone()) } else { Lookup::Meanwhile(token.clone(), because) }
    }

    pub(super) fn unexpired(&self, wanted: Wanted<'_>, now: Timestamp) -> Option<AccessToken> {
        let set = &self.known.as_ref()?.tokens.set;
        let is_of_use = !set.is_expired(now)
            && wanted.refused != Some(&set.access_token)
            && wanted.scope.is_none_or(|scope| set.grants(scope));
        is_of_use.then(|| set.access_token.clone())
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.known.as_ref().is_some_and(|known| known.tokens.set.is_expired(now))
    }

    pub(super) fn must_refresh(&self, reason: &Reason, now: Now) -> bool {
        let Some(known) = &self.known else { return false };
        let token = &known.tokens.set.access_token;
        let is_refused = matches!(reason, Reason::Refused(refused) if refused == token);
        known.tokens.is_due(matches!(reason, Reason::KeepAlive), now.time)
            || self.is_maybe_rotated(token)
            || is_refused && !known.is_recent(now)
    }

    /// Returns `true` if these stored tokens must be refreshed, or their lease was abandoned.
    pub(super) fn is_to_refresh(
        &mut self,
        tokens: &Tokens,
        lease: Option<Stamp>,
        reason: &Reason,
        now: Now,
    ) -> Result<bool, TokensError> {
        if let Some(revoked) = &self.revoked {
            return Err(TokensError::Refresh(revoked.why.clone()));
        }
        let is_abandoned = match (reason, lease) {
            (Reason::Leased, Some(lease)) if self.own_lease != Some(lease) => self.watch_lease(lease, now.instant),
            _ => false,
        };
        if !self.must_refresh(reason, now) && !is_abandoned {
            return Ok(false);
        }
        if tokens.set.refresh_token.is_none() {
            return Err(TokensError::NoRefreshToken);
        }
        match self.wait(&tokens.set.access_token, now.instant) {
            Some(why) => Err(TokensError::Refresh(why)),
            None => Ok(true),
        }
    }

    pub(super) fn is_to_keep_alive(&self, expires_at: Timestamp, now: Now) -> bool {
        let was_revoked = |revoked: &Revoked| now.instant.saturating_duration_since(revoked.at) < REVOKED_INTERVAL;
        let is_known = self.known.as_ref().is_some_and(|known| known.tokens.expires_at() == expires_at);
        !self.revoked.as_ref().is_some_and(was_revoked) && (!is_known || self.must_refresh(&Reason::KeepAlive, now))
    }

    fn is_maybe_rotated(&self, token: &AccessToken) -> bool {
        self.maybe_rotated.as_ref().is_some_and(|rotated| rotated.access_token == *token)
    }

    /// Records the result of a look, unless this process changed the permission meanwhile.
    pub(super) fn learn(&mut self, tokens: Option<Tokens>, look: Look, now: Instant) {
        if self.changes != look.changes {
            return;
        }
        self.failed_until = None;
        let Some(tokens) = tokens else {
            self.known = None;
            return;
        };
        match &self.revoked {
            Some(revoked) if tokens.set.refresh_token == revoked.refresh_token => {
                self.known = None;
                return;
            }
            // Granted again, perhaps.
            _ => self.revoked = None,
        }
        if self.maybe_rotated.as_ref().is_some_and(|rotated| rotated.access_token != tokens.set.access_token) {
            // Other tokens were stored, so the outcome of the refresh no longer matters.
            self.maybe_rotated = None;
        }
        match &mut self.known {
            Some(known) if known.tokens == tokens => (known.checked_at, known.look) = (now, look.number),
            known => *known = Some(Known { tokens, seen_at: now, checked_at: now, look: look.number }),
        }
    }

    /// Ends a grant or deletion and discards the previous state.
    ///
    /// If two changes overlap, only the store knows which was last.
    pub(super) fn end_change(&mut self, look: Look, tokens: Option<Tokens>, now: Instant) {
        (self.unstored, self.maybe_rotated, self.revoked) = (None, None, None);
        (self.own_lease, self.other_lease) = (None, None);
        self.unconfirmed.clear();
        self.known = None;
        self.learn(tokens, look, now);
        self.changes = self.changes.wrapping_add(1);
    }

    pub(super) fn end_failed_change(&mut self) {
        self.known = None;
        self.changes = self.changes.wrapping_add(1);
    }

    /// Records the lease of another process. Returns `true` if it must be broken.
    pub(super) fn watch_lease(&mut self, lease: Stamp, now: Instant) -> bool {
        match self.other_lease {
            Some((seen, since)) if seen == lease => now.saturating_duration_since(since) >= LEASE,
            _ => {
                self.other_lease = Some((lease, now));
                false
            }
        }
    }

    /// Begins to ask for a lease, in place of `broken` or an own one.
    pub(super) fn ask_for_lease(&mut self, lease: Stamp, broken: &mut Option<Stamp>) -> Look {
        *broken = broken.or(self.own_lease);
        if self.unconfirmed.len() >= MAX_UNCONFIRMED {
            self.unconfirmed.remove(0);
        }
        self.unconfirmed.push(lease);
        self.begin_look()
    }

    /// Ends to ask for a lease. Returns `true` if it was taken; from a dead process, if `broken` is the other lease.
    pub(super) fn end_lease(
        &mut self,
        lease: Stamp,
        held_by: Option<Stamp>,
        broken: Option<Stamp>,
        token: &AccessToken,
    ) -> bool {
        if held_by != Some(lease) {
            self.own_lease = None;
            self.unconfirmed.retain(|unconfirmed| *unconfirmed != lease);
            return false;
        }
        // Its owner may have refreshed these tokens before it died.
        if let (Some((other, since)), None) = (self.other_lease, &self.maybe_rotated) {
            if broken == Some(other) {
                self.maybe_rotated = Some(MaybeRotated { access_token: token.clone(), since });
            }
        }
        (self.own_lease, self.other_lease) = (Some(lease), None);
        self.unconfirmed.clear();
        true
    }

    /// Records a failed refresh. Returns `true` if the tokens may have been replaced.
    pub(super) fn fail(&mut self, why: &Error, old: &TokenSet, begun: Instant, now: Instant) -> bool {
        let pause = why.retry_after().map(|pause| pause.min(MAX_WAIT));
        self.wait = pause.map(|pause| Wait { since: now, until: now + pause, why: why.clone() });
        if why.is_invalid_grant() {
            (self.known, self.maybe_rotated) = (None, None);
            self.revoked = Some(Revoked { refresh_token: old.refresh_token.clone(), why: why.clone(), at: now });
        } else if why.may_have_been_processed() && self.maybe_rotated.is_none() {
            self.maybe_rotated = Some(MaybeRotated { access_token: old.access_token.clone(), since: begun });
        }
        self.maybe_rotated.is_some()
    }

    /// Gives up tokens that no longer work. Returns the lease to release.
    pub(super) fn give_up(&mut self) -> Option<Stamp> {
        let lease = self.maybe_rotated.take().and(self.own_lease);
        lease.filter(|_| self.unstored.is_none())
    }

    /// Returns `true` if tokens would be lost without further work.
    pub(super) fn is_at_stake(&self) -> bool {
        self.unstored.is_some() || self.maybe_rotated.is_some()
    }

    /// The reason to wait for `Retry-After`. No pause outlasts the two minutes in which the old tokens work.
    pub(super) fn wait(&self, token: &AccessToken, now: Instant) -> Option<Error> {
        let wait = self.wait.as_ref()?;
        let last_chance = self.maybe_rotated.as_ref().filter(|rotated| rotated.access_token == *token);
        let until = match last_chance {
            Some(rotated) => wait.until.min(wait.since + MAX_WAIT_AFTER_LOSS).min(rotated.since + LAST_CHANCE),
            None => wait.until,
        };
        (now < until).then(|| wait.why.clone())
    }

    /// Returns the flight, and its landing if it is a new one.
    pub(super) fn join(&mut self) -> (Arc<Flight>, Option<Landing>) {
        match &self.in_flight {
            Some(flight) if !flight.has_landed() => (Arc::clone(flight), None),
            _ => {
                let landing = Landing::default();
                self.in_flight = Some(Arc::clone(&landing.0));
                (Arc::clone(&landing.0), Some(landing))
            }
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        let is_flying = self.in_flight.as_ref().is_some_and(|flight| !flight.has_landed());
        !self.is_at_stake() && !is_flying && !self.has_insister && self.own_lease.is_none()
    }
}

impl Known {
    /// Returns `true` shortly after a refresh. A wrong clock can shorten that time, but not lengthen it.
    fn is_recent(&self, now: Now) -> bool {
        self.tokens.refreshed
            && now.time >= self.tokens.obtained_at
            && now.time.saturating_since(self.tokens.obtained_at) < RECENT
            && now.instant.saturating_duration_since(self.seen_at) < RECENT
    }
}

/// The documented lifetime of an access token, assumed if a response does not state it.
pub(super) const DOCUMENTED_LIFETIME: Duration = Duration::from_secs(3600);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) set: TokenSet,
    /// The time of the refresh or, for a grant, of its storing.
    pub(super) obtained_at: Timestamp,
    /// `true` after a refresh, `false` after a grant.
    pub(super) refreshed: bool,
}

fields! {
    struct Stored {
        tokens: Option<StoredFields>,
        obtained_at: Option<Timestamp>,
        refreshed: Option<bool>,
    }
}

impl Written for Tokens {
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("tokens", &self.set.expose_for_storage())?;
        map.serialize_entry("obtained_at", &self.obtained_at)?;
        map.serialize_entry("refreshed", &self.refreshed)
    }
}

impl Stored {
    fn whole(self) -> Option<Tokens> {
        let set = self.tokens?.tokens()?;
        Some(Tokens { set, obtained_at: self.obtained_at?, refreshed: self.refreshed? })
    }
}

impl Tokens {
    /// The access token's expiry. It is assumed if the platform does not state it.
    pub(super) fn expires_at(&self) -> Timestamp {
        self.set.expires_at().unwrap_or_else(|| self.obtained_at.saturating_add(DOCUMENTED_LIFETIME))
    }

    /// Returns `true` if the tokens are due for a refresh.
    ///
    /// An assumed expiry counts only for [`KeepAlive`](super::KeepAlive): callers use such a token until it is refused.
    pub(super) fn is_due(&self, keep_alive: bool, now: Timestamp) -> bool {
        match (&self.set.refresh_token, keep_alive) {
            (None, true) => false,
            (None, false) => self.set.is_expired(now),
            (Some(_), true) => self.expires_at() <= now.saturating_add(self.set.refresh_margin()),
            (Some(_), false) => self.set.needs_refresh(now),
        }
    }

    pub(super) fn to_value(&self) -> Result<PermissionValue, StoreError> {
        Ok(PermissionValue::new(serde_json::to_vec(&AsObject(self))?, self.expires_at()))
    }

    pub(super) fn from_value(value: &PermissionValue) -> Result<Self, StoreError> {
        // The JSON error can quote tokens.
        let mut stored = Stored::default();
        let read = lenient::read(value.expose_secret(), &mut stored);
        read.ok().and_then(|_| stored.whole()).ok_or_else(|| "cannot read the stored permission: invalid JSON".into())
    }
}
