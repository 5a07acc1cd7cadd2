use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::store::PermissionValue;
use crate::error::StoreError;
use crate::model::Timestamp;
use crate::oauth::{StoredTokens, TokenSet};

/// The documented lifetime of an access token, assumed if a response does not state it.
pub(super) const DOCUMENTED_LIFETIME: Duration = Duration::from_secs(3600);

/// Tokens and their origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) set: TokenSet,
    /// The time of the refresh or, for a grant, of its storing.
    pub(super) obtained_at: Timestamp,
    /// `true` after a refresh, `false` after a grant.
    pub(super) refreshed: bool,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    tokens: StoredTokens,
    obtained_at: Timestamp,
    refreshed: bool,
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
        let stored =
            Stored { tokens: self.set.expose_for_storage(), obtained_at: self.obtained_at, refreshed: self.refreshed };
        Ok(PermissionValue::new(serde_json::to_vec(&stored)?, self.expires_at()))
    }

    pub(super) fn from_value(value: &PermissionValue) -> Result<Self, StoreError> {
        // The JSON error can quote tokens.
        let stored: Stored = serde_json::from_slice(value.expose_secret())
            .map_err(|_| "cannot read the stored permission: invalid JSON")?;
        let Stored { tokens, obtained_at, refreshed } = stored;
        Ok(Self { set: tokens.into_tokens(), obtained_at, refreshed })
    }
}
