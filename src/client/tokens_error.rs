use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::oauth::NoRefreshToken;

/// Why [`SharedTokens`](super::SharedTokens) has no access token to give. Everyone who waited for one refresh is given a
/// clone of the same error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokensError {
    /// Nothing is stored: ask the user for permission.
    NothingStored,
    /// The access token is too old, or refused, and there is no refresh token: ask for permission again, with
    /// [`Scope::offline_access`](crate::Scope::offline_access).
    NoRefreshToken,
    /// The refresh failed. Where [`Error::is_invalid_grant`], the permission is over; else whoever asks next tries again.
    Refresh(Error),
    /// The access token is refused although it is not a minute old: the user's permission lacks the scope, or the API
    /// key the operation's permission. Another refresh would change neither.
    JustRefreshed,
    /// Your [`TokenStore`](super::TokenStore) failed, with this. Whoever asks next tries again; new tokens that it did not
    /// take are offered to it again.
    Store(Arc<dyn StdError + Send + Sync>),
    /// The refresh ended early: the store panicked, or the runtime of whoever asked first was shut down. Whoever asks
    /// next tries again.
    CutOff,
}

impl TokensError {
    /// Whether only the user can help: ask for permission again. As long as this is so, Divar is not asked.
    #[must_use]
    pub fn needs_new_permission(&self) -> bool {
        match self {
            Self::NothingStored | Self::NoRefreshToken => true,
            Self::Refresh(error) => error.is_invalid_grant(),
            Self::JustRefreshed | Self::Store(_) | Self::CutOff => false,
        }
    }
}

impl fmt::Display for TokensError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingStored => f.write_str("no tokens are stored: ask for permission"),
            Self::NoRefreshToken => write!(f, "the access token is no longer good, and {NoRefreshToken}"),
            Self::Refresh(error) => error.fmt(f),
            Self::JustRefreshed => f.write_str(
                "the access token is refused, and new: the permission lacks the scope, or the API key its permission",
            ),
            Self::Store(_) => f.write_str("the token store failed"),
            Self::CutOff => f.write_str("the refresh of the tokens ended early"),
        }
    }
}

impl StdError for TokensError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            // Its own message is told by `Display`.
            Self::Refresh(error) => error.source(),
            Self::Store(error) => Some(&**error),
            Self::NothingStored | Self::NoRefreshToken | Self::JustRefreshed | Self::CutOff => None,
        }
    }
}
