//! What one process knows of one permission.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::error::TokensError;
use super::key::PermissionKey;
use super::store::Stamp;
use super::value::Tokens;
use crate::error::Error;
use crate::model::Timestamp;
use crate::oauth::Scope;
use crate::secret::{AccessToken, RefreshToken};

/// Tokens that were refreshed less than this ago are not refreshed for a refused call: another refresh changes nothing.
const RECENT: Duration = Duration::from_secs(60);

/// What an access token that is due for a refresh must have left, to be used meanwhile.
const USABLE: Duration = Duration::from_secs(15);

/// How long others may hold a lease before it is broken.
pub(super) const LEASE: Duration = Duration::from_secs(15);

/// When a refresh whose response may be lost is tried for the last time, counted from its beginning. The old tokens work
/// for two minutes after a refresh, and the last attempt takes up to 10 seconds.
pub(super) const LAST_CHANCE: Duration = Duration::from_secs(100);

/// How long nothing is begun in the background after a failure.
pub(super) const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// How long `keep_alive` leaves a revoked permission alone. It may have been granted again elsewhere.
const REVOKED_INTERVAL: Duration = Duration::from_secs(600);

/// What `Retry-After` is taken for at most, while a response may be lost.
const MAX_WAIT_AFTER_LOSS: Duration = Duration::from_secs(20);

pub(super) struct Entry {
    pub(super) key: PermissionKey,
    state: Mutex<State>,
}

/// What those who wait for a flight look at. Its sender is gone if the task of the flight is.
pub(super) type Flight = watch::Receiver<Option<Result<(), TokensError>>>;
pub(super) type Landing = watch::Sender<Option<Result<(), TokensError>>>;

pub(super) struct State {
    /// The stored tokens, as far as known here.
    pub(super) known: Option<Known>,
    /// Counts the changes made here. Whoever read the store while it changed does not trust what was read.
    changes: u64,
    /// Counts the looks at the store.
    looks: u64,
    /// New tokens that are not stored yet.
    pub(super) unstored: Option<Unstored>,
    /// A refresh that may have been carried out without a response.
    pub(super) maybe_rotated: Option<MaybeRotated>,
    pub(super) revoked: Option<Revoked>,
    pub(super) wait: Option<Wait>,
    /// The lease that this process has.
    pub(super) own_lease: Option<Stamp>,
    /// Leases that were asked for without a response: one of them may be in the store.
    pub(super) unanswered: Vec<Stamp>,
    /// Somebody else's lease, and since when it was seen.
    pub(super) other_lease: Option<(Stamp, Instant)>,
    pub(super) in_flight: Option<Flight>,
    /// Whether a task tries again while tokens are at stake.
    pub(super) has_insister: bool,
    /// Nothing is begun before this while the known tokens are good.
    pub(super) failed_until: Option<Instant>,
    pub(super) last_used: Instant,
}

/// Tokens that were in the store.
pub(super) struct Known {
    pub(super) tokens: Tokens,
    /// When they were seen first, and last.
    seen_at: Instant,
    checked_at: Instant,
    /// The look that saw them last.
    look: u64,
}

/// One look at the store, or one change of it, from before its beginning.
#[derive(Clone, Copy)]
pub(super) struct Look {
    changes: u64,
    number: u64,
}

#[derive(Clone)]
pub(super) struct Unstored {
    pub(super) tokens: Tokens,
    pub(super) lease: Stamp,
    /// The access token in whose place they are to be stored.
    pub(super) replaced: AccessToken,
}

pub(super) struct MaybeRotated {
    pub(super) access_token: AccessToken,
    /// When the first request began.
    pub(super) since: Instant,
}

/// A permission that is over, as Divar says.
pub(super) struct Revoked {
    pub(super) refresh_token: RefreshToken,
    pub(super) why: Error,
    pub(super) at: Instant,
}

/// Divar's `Retry-After`.
pub(super) struct Wait {
    pub(super) since: Instant,
    pub(super) until: Instant,
    pub(super) why: Error,
}

/// The reason for a flight.
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

/// What a caller asks for.
#[derive(Clone, Copy, Default)]
pub(super) struct Wanted<'a> {
    pub(super) refused: Option<&'a AccessToken>,
    pub(super) scope: Option<&'a Scope>,
}

/// What is known of the wanted token without waiting.
pub(super) enum Answer {
    Token(AccessToken),
    /// Good, and the store is to be looked at; or due, with a refresh to be begun.
    Meanwhile(AccessToken, Because),
    /// Only the store or Divar can tell.
    Unknown,
    Failed(TokensError),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Because {
    /// The store was not looked at for a while.
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
            unanswered: Vec::new(),
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

/// The two clocks at one moment: the time of day, by which tokens expire, and one that only moves forward.
#[derive(Clone, Copy)]
pub(super) struct Now {
    pub(super) time: Timestamp,
    pub(super) instant: Instant,
}

impl State {
    /// Begins a look at the store.
    pub(super) fn begin_look(&mut self) -> Look {
        self.looks = self.looks.wrapping_add(1);
        Look { changes: self.changes, number: self.looks }
    }

    /// How many looks there were, for a call that begins.
    pub(super) fn looks(&self) -> u64 {
        self.looks
    }

    /// Says what can be said at once to a call that began after so many looks.
    pub(super) fn answer(&self, wanted: Wanted<'_>, looks: u64, recheck_after: Duration, now: Now) -> Answer {
        let Some(known) = &self.known else { return Answer::Unknown };
        let set = &known.tokens.set;
        let token = &set.access_token;
        // Whatever speaks against the known tokens, there may be other ones in the store.
        let was_checked = known.look > looks;
        if wanted.scope.is_some_and(|scope| !set.grants(scope)) {
            let missing = wanted.scope.filter(|_| was_checked).cloned();
            return missing.map_or(Answer::Unknown, |scope| Answer::Failed(TokensError::ScopeNotGranted(scope)));
        }
        if wanted.refused == Some(token) {
            let is_recent = was_checked && known.is_recent(now);
            return if is_recent { Answer::Failed(TokensError::RefusedAfterRefresh) } else { Answer::Unknown };
        }
        let is_known_well = was_checked || now.instant.saturating_duration_since(known.checked_at) < recheck_after;
        let because = if is_known_well { Because::Due } else { Because::Unchecked };
        if known.tokens.is_due(false, now.time) || self.is_maybe_rotated(token) {
            let is_usable = !set.is_expired(now.time.saturating_add(USABLE));
            return if is_usable { Answer::Meanwhile(token.clone(), because) } else { Answer::Unknown };
        }
        if is_known_well { Answer::Token(token.clone()) } else { Answer::Meanwhile(token.clone(), because) }
    }

    /// The known access token, unless it expired or is of no use to the caller.
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

    /// Whether tokens from the store must be refreshed.
    pub(super) fn must_refresh(&self, reason: &Reason, now: Now) -> bool {
        let Some(known) = &self.known else { return false };
        let token = &known.tokens.set.access_token;
        let is_refused = matches!(reason, Reason::Refused(refused) if refused == token);
        known.tokens.is_due(matches!(reason, Reason::KeepAlive), now.time)
            || self.is_maybe_rotated(token)
            || is_refused && !known.is_recent(now)
    }

    /// Whether `keep_alive` has something to do for a listed permission, as far as known without reading it.
    pub(super) fn is_to_keep_alive(&self, expires_at: Timestamp, now: Now) -> bool {
        let was_revoked = |revoked: &Revoked| now.instant.saturating_duration_since(revoked.at) < REVOKED_INTERVAL;
        let is_known = self.known.as_ref().is_some_and(|known| known.tokens.expires_at() == expires_at);
        !self.revoked.as_ref().is_some_and(was_revoked) && (!is_known || self.must_refresh(&Reason::KeepAlive, now))
    }

    fn is_maybe_rotated(&self, token: &AccessToken) -> bool {
        self.maybe_rotated.as_ref().is_some_and(|rotated| rotated.access_token == *token)
    }

    /// Notes what a look saw, unless something was changed here since it began.
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
            Some(revoked) if tokens.set.refresh_token.as_ref() == Some(&revoked.refresh_token) => {
                self.known = None;
                return;
            }
            // Granted again.
            _ => self.revoked = None,
        }
        if self.maybe_rotated.as_ref().is_some_and(|rotated| rotated.access_token != tokens.set.access_token) {
            // Whatever became of the refresh, other tokens are in place.
            self.maybe_rotated = None;
        }
        match &mut self.known {
            Some(known) if known.tokens == tokens => (known.checked_at, known.look) = (now, look.number),
            known => *known = Some(Known { tokens, seen_at: now, checked_at: now, look: look.number }),
        }
    }

    /// Ends a grant or deletion: nothing of the permission before matters.
    ///
    /// What was read before this is not trusted after it. If two of them overlap, only the store knows which was last.
    pub(super) fn end_change(&mut self, look: Look, tokens: Option<Tokens>, now: Instant) {
        (self.unstored, self.maybe_rotated, self.revoked) = (None, None, None);
        (self.own_lease, self.other_lease) = (None, None);
        self.unanswered.clear();
        self.known = None;
        self.learn(tokens, look, now);
        self.changes = self.changes.wrapping_add(1);
    }

    /// Ends a change of which only the store knows whether it was made.
    pub(super) fn end_failed_change(&mut self) {
        self.known = None;
        self.changes = self.changes.wrapping_add(1);
    }

    /// Notes a lease that somebody else has, and returns `true` if it lasts too long.
    pub(super) fn watch_lease(&mut self, lease: Stamp, now: Instant) -> bool {
        match self.other_lease {
            Some((seen, since)) if seen == lease => now.saturating_duration_since(since) >= LEASE,
            _ => {
                self.other_lease = Some((lease, now));
                false
            }
        }
    }

    /// Whether tokens can be lost if nothing is done.
    pub(super) fn is_at_stake(&self) -> bool {
        self.unstored.is_some() || self.maybe_rotated.is_some()
    }

    /// Until when Divar is not asked. No pause outlasts the two minutes for which the old tokens still work.
    pub(super) fn wait(&self, token: &AccessToken, now: Instant) -> Option<Error> {
        let wait = self.wait.as_ref()?;
        let last_chance = self.maybe_rotated.as_ref().filter(|rotated| rotated.access_token == *token);
        let until = match last_chance {
            Some(rotated) => wait.until.min(wait.since + MAX_WAIT_AFTER_LOSS).min(rotated.since + LAST_CHANCE),
            None => wait.until,
        };
        (now < until).then(|| wait.why.clone())
    }

    /// The flight under way; or a new one, with its other end.
    pub(super) fn join(&mut self) -> (Flight, Option<Landing>) {
        if let Some(flight) = self.in_flight.as_ref().filter(|flight| flight.has_changed().is_ok()) {
            return (flight.clone(), None);
        }
        let (landing, flight) = watch::channel(None);
        self.in_flight = Some(flight.clone());
        (flight, Some(landing))
    }

    /// Whether the entry can be dropped from memory.
    pub(super) fn is_idle(&self) -> bool {
        let is_flying = self.in_flight.as_ref().is_some_and(|flight| flight.has_changed().is_ok());
        !self.is_at_stake() && !is_flying && !self.has_insister && self.own_lease.is_none()
    }
}

impl Known {
    /// Whether the tokens come from a refresh of a moment ago. A clock that is wrong can shorten that moment, and not
    /// lengthen it.
    fn is_recent(&self, now: Now) -> bool {
        self.tokens.refreshed
            && now.time >= self.tokens.obtained_at
            && now.time.saturating_since(self.tokens.obtained_at) < RECENT
            && now.instant.saturating_duration_since(self.seen_at) < RECENT
    }
}
