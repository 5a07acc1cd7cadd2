//! The variables of the environment that an add-on is set up by, and that `kenar-sandbox` prints.
//!
//! | variable | what it holds | read by |
//! |---|---|---|
//! | `KENAR_IDENTIFICATION_KEY` | the key by which you know Divar's webhooks | [`Verifier::from_env`](crate::Verifier::from_env) |
//! | `KENAR_API_KEY` | the key by which Divar knows your calls | [`ClientBuilder::from_env`](crate::client::ClientBuilder::from_env), and what is built on it |
//! | `KENAR_SANDBOX_URL` | the sandbox to call in place of Divar, if any | the same |

use std::env::{self, VarError};
use std::str::FromStr;

use crate::error::BoxError;

/// A variable of the environment that cannot be used. It names the variable, and never repeats its value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// The variable is not set, or is empty.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// The variable has a value that it cannot have.
    #[error("the environment variable {0} cannot be used: {1}")]
    Invalid(&'static str, #[source] BoxError),
    /// The variables are usable, and what they describe cannot be set up.
    #[error("the client cannot be set up: {0}")]
    Setup(#[source] BoxError),
}

/// The value of a variable, if it is set.
pub(crate) fn optional<T: FromStr<Err: Into<BoxError>>>(name: &'static str) -> Result<Option<T>, EnvError> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => value.parse().map(Some).map_err(|error: T::Err| EnvError::Invalid(name, error.into())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(EnvError::Invalid(name, "not Unicode".into())),
    }
}

/// The value of a variable that must be set.
pub(crate) fn required<T: FromStr<Err: Into<BoxError>>>(name: &'static str) -> Result<T, EnvError> {
    optional(name)?.ok_or(EnvError::Missing(name))
}
