use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::oauth::{NoRefreshToken, Scope};

/// Why [`Permissions`](super::Permissions) has no access token to return.
///
/// Everybody who waited for the same refresh gets a clone of the same error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokensError {
    /// No permission is stored under the key: ask the user for permission.
    NotStored,
    /// The stored permission does not include the scope: ask the user for permission.
    ScopeNotGranted(Scope),
    /// The access token expired or was refused, and there is no refresh token: ask the user for permission, with
    /// [`Scope::offline_access`] this time.
    NoRefreshToken,
    /// The refresh failed. The permission is over if [`Error::is_invalid_grant`]; otherwise the next call tries again.
    Refresh(Error),
    /// The access token was refused less than a minute after it was refreshed.
    ///
    /// The permission lacks the scope, or the API key lacks the operation's permission. Another refresh changes neither.
    RefusedAfterRefresh,
    /// The [`PermissionStore`](super::PermissionStore) failed or timed out. The next call tries again; new tokens that it
    /// did not store are written again in the background.
    Store(Arc<dyn StdError + Send + Sync>),
    /// The new tokens expired before they could be used: the platform gives them no time, or a clock is wrong.
    Expired,
    /// No token was there within the [time limit](super::PermissionsBuilder::wait_limit). The work continues in the
    /// background.
    TimedOut,
    /// The work ended early: the store panicked, or the runtime was shut down. The next call tries again.
    Cancelled,
}

impl TokensError {
    /// Returns `true` if only the user can help: ask for permission again.
    #[must_use]
    pub fn needs_new_permission(&self) -> bool {
        match self {
            Self::NotStored | Self::ScopeNotGranted(_) | Self::NoRefreshToken => true,
            Self::Refresh(error) => error.is_invalid_grant(),
            Self::RefusedAfterRefresh | Self::Store(_) | Self::Expired | Self::TimedOut | Self::Cancelled => false,
        }
    }
}

impl fmt::Display for TokensError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStored => f.write_str("no permission is stored: ask the user for permission"),
            Self::ScopeNotGranted(scope) => {
                write!(f, "the permission does not include the scope {scope}: ask the user for permission")
            }
            Self::NoRefreshToken => write!(f, "the access token is no longer valid, and {NoRefreshToken}"),
            Self::Refresh(error) => error.fmt(f),
            Self::RefusedAfterRefresh => f.write_str(
                "a new access token was refused: the permission lacks the scope, or the API key lacks the permission",
            ),
            Self::Store(_) => f.write_str("the permission store failed"),
            Self::Expired => f.write_str("the new access token has expired already"),
            Self::TimedOut => f.write_str("timed out: the access token is still being refreshed"),
            Self::Cancelled => f.write_str("the token refresh was cancelled"),
        }
    }
}

impl StdError for TokensError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            // `Display` tells its own message.
            Self::Refresh(error) => error.source(),
            Self::Store(error) => Some(&**error),
            Self::NotStored
            | Self::ScopeNotGranted(_)
            | Self::NoRefreshToken
            | Self::RefusedAfterRefresh
            | Self::Expired
            | Self::TimedOut
            | Self::Cancelled => None,
        }
    }
}
