//! Configuration by environment variables. `kenar-sandbox` prints them.
//!
//! | variable | value | read by |
//! |---|---|---|
//! | `KENAR_IDENTIFICATION_KEY` | the key in Divar's webhooks | [`Verifier::from_env`](crate::Verifier::from_env) |
//! | `KENAR_API_KEY` | the key for calls to Divar | [`ClientBuilder::from_env`](crate::client::ClientBuilder::from_env) |
//! | `KENAR_SANDBOX_URL` | the base URL of a sandbox to call instead of Divar (optional) | the same |
//!
//! Pass the slug, client secret and redirect URI to [`OAuthApp::new`](crate::oauth::OAuthApp::new).

use std::env::{self, VarError};
use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

use crate::error::BoxError;

/// The error for a missing or invalid variable. It omits the value.
///
/// `Debug` prints the message with its causes, which a `main` that returns it shows.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// The variable is not set, or is empty.
    #[error("environment variable not set: {0}")]
    Missing(&'static str),
    /// The variable's value is invalid.
    #[error("invalid environment variable {0}: {1}")]
    Invalid(&'static str, #[source] BoxError),
    /// The variables are valid, but the client cannot be set up.
    #[error("cannot set up the client: {0}")]
    Setup(#[source] BoxError),
}

impl fmt::Debug for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut next = self.source().and_then(StdError::source);
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

pub(crate) fn optional<T: FromStr<Err: Into<BoxError>>>(name: &'static str) -> Result<Option<T>, EnvError> {
    let parsed = text(name)?.as_deref().map(T::from_str).transpose();
    parsed.map_err(|error| EnvError::Invalid(name, error.into()))
}

fn text(name: &'static str) -> Result<Option<String>, EnvError> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(EnvError::Invalid(name, "not Unicode".into())),
    }
}

pub(crate) fn required<T: FromStr<Err: Into<BoxError>>>(name: &'static str) -> Result<T, EnvError> {
    optional(name)?.ok_or(EnvError::Missing(name))
}

#[cfg(test)]
mod tests;
