use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::oauth::{NoRefreshToken, Scope};

/// The error of [`Permissions`](super::Permissions) that has no valid access token.
///
/// All callers that waited for the same refresh get a clone of the error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokensError {
    /// No permission is stored under the key: ask the user for permission.
    NotStored,
    /// The stored permission does not include the scope: ask the user for permission.
    ScopeNotGranted(Scope),
    /// The access token expired or was refused, and no refresh token exists.
    ///
    /// Ask the user for permission with [`Scope::offline_access`].
    NoRefreshToken,
    /// The refresh failed. The permission has ended if [`Error::is_invalid_grant`]; otherwise the next call retries.
    Refresh(Error),
    /// The access token was refused less than a minute after its refresh.
    ///
    /// The permission lacks the scope, or the API key lacks the operation's permission. A refresh changes neither.
    RefusedAfterRefresh,
    /// The [`PermissionStore`](super::PermissionStore) failed or timed out.
    ///
    /// The next call retries. New tokens that were not stored are written again in the background.
    Store(Arc<dyn StdError + Send + Sync>),
    /// The new tokens expired before use: their lifetime is too short, or a clock is wrong.
    Expired,
    /// No token was available within the [time limit](super::PermissionsBuilder::wait_limit).
    ///
    /// The refresh continues in the background.
    TimedOut,
    /// The store panicked, or the runtime was shut down. The next call retries.
    Cancelled,
}

impl TokensError {
    /// Returns `true` if your app must ask the user for permission again.
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
            Self::NotStored => f.write_str("no stored permission: ask the user for permission"),
            Self::ScopeNotGranted(scope) => {
                write!(f, "scope not granted: {scope}: ask the user for permission")
            }
            Self::NoRefreshToken => write!(f, "invalid access token, and {NoRefreshToken}"),
            Self::Refresh(error) => error.fmt(f),
            Self::RefusedAfterRefresh => {
                f.write_str("access token refused after a refresh: the scope or the API key's permission is missing")
            }
            Self::Store(_) => f.write_str("permission store failed"),
            Self::Expired => f.write_str("new access token has already expired"),
            Self::TimedOut => f.write_str("timed out: the access token is still being refreshed"),
            Self::Cancelled => f.write_str("token refresh cancelled"),
        }
    }
}

impl StdError for TokensError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            // `Display` shows its message.
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
