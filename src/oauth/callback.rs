use std::fmt;

use super::parameters::{self, Parameters, Repeated};
use super::{OAuthApp, OAuthState};
use crate::secret::AuthorizationCode;

/// How the user came back from the consent page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callback {
    /// With a code, to be handed to [`OAuthApp::exchange_request`] soon and once.
    Granted(AuthorizationCode),
    /// Without permission.
    Denied(Denial),
}

/// What the platform says about a permission that was not given.
///
/// The platform documents only that the code is missing then, and that is all there may be. It looks the same when the
/// user says no and when the scopes are wrong; where everyone seems to refuse, look at the names and ids of the scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The error code of RFC 6749, section 4.1.2.1: `access_denied` where the user said no, `invalid_scope` where a
    /// scope is unknown or not granted to the app.
    pub error: Option<String>,
    /// What the platform adds to it.
    pub description: Option<String>,
}

/// Why a callback cannot be believed or used. It repeats nothing of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// There is no state in the query.
    #[error("the callback has no state")]
    MissingState,
    /// The state is not the one this visitor was sent off with: the visit is another one, or someone else's permission
    /// is being passed off as this visitor's. Do not use the code.
    #[error("the callback's state is not the one that was sent")]
    StateMismatch,
    /// A parameter is given more than once.
    #[error("the callback gives {0} more than once")]
    Repeated(&'static str),
    /// The code is empty, or holds characters that none can hold.
    #[error("the callback's code cannot be one")]
    UnusableCode,
    /// There is a code and an error.
    #[error("the callback gives both a code and an error")]
    CodeAndError,
}

impl From<Repeated> for CallbackError {
    fn from(Repeated(name): Repeated) -> Self {
        Self::Repeated(name)
    }
}

impl OAuthApp {
    /// Reads the query with which a user came back to the redirect URI.
    ///
    /// Give the query as it was sent, not decoded, with or without its question mark; or the path or the absolute URL that
    /// it is in. The state is checked first and in all cases. Unknown parameters and a fragment are ignored.
    ///
    /// # Errors
    ///
    /// [`CallbackError`], where the query cannot be believed or used. A refusal is none: it is [`Callback::Denied`].
    pub fn callback(&self, query: impl AsRef<str>, state: &OAuthState) -> Result<Callback, CallbackError> {
        let parameters = Parameters::of_query(query.as_ref());
        match parameters.once("state")? {
            None => return Err(CallbackError::MissingState),
            Some(given) if !state.is(&given) => return Err(CallbackError::StateMismatch),
            Some(_) => {}
        }
        let code = parameters.once("code")?;
        let error = parameters.optional("error")?;
        let description = parameters.optional("error_description")?;
        match (code, error) {
            (Some(code), Some(_)) if !code.is_empty() => Err(CallbackError::CodeAndError),
            (Some(code), None) => {
                AuthorizationCode::new(code).map(Callback::Granted).map_err(|_| CallbackError::UnusableCode)
            }
            (_, error) => {
                Ok(Callback::Denied(Denial { error: error.map(Into::into), description: description.map(Into::into) }))
            }
        }
    }
}

/// The query with which a browser came to the redirect URI, not checked yet.
///
/// Extract it in a handler of axum or actix-web, find the visitor's [`OAuthState`], and give both to
/// [`OAuthApp::callback`]. `Debug` leaves the query out, since it holds the code.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackQuery(String);

impl CallbackQuery {
    /// Takes the query of a request, or the path or URL that it is in.
    #[must_use]
    pub fn new(query: impl Into<String>) -> Self {
        Self(query.into())
    }
}

impl AsRef<str> for CallbackQuery {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CallbackQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackQuery([redacted])")
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permission was not given")?;
        if let Some(error) = &self.error {
            write!(f, ": {error}")?;
        }
        match &self.description {
            Some(description) => write!(f, " ({description})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Denial {}

impl Callback {
    /// The code, to be exchanged soon and once.
    ///
    /// # Errors
    ///
    /// [`Denial`], if the user came back without permission.
    pub fn granted(self) -> Result<AuthorizationCode, Denial> {
        match self {
            Self::Granted(code) => Ok(code),
            Self::Denied(denial) => Err(denial),
        }
    }

    /// The query that says so, without a question mark: what a stand-in for the platform appends to the redirect URI.
    #[must_use]
    pub fn to_query(&self, state: &OAuthState) -> String {
        let mut parameters = Vec::new();
        match self {
            Self::Granted(code) => parameters.push(("code", code.expose_secret())),
            Self::Denied(Denial { error, description }) => {
                parameters.extend(error.as_deref().map(|error| ("error", error)));
                parameters.extend(description.as_deref().map(|description| ("error_description", description)));
            }
        }
        parameters.push(("state", state.expose_secret()));
        parameters::query(&parameters)
    }
}

impl Denial {
    /// A denial that says as much, for tests.
    #[must_use]
    pub fn new(error: Option<String>, description: Option<String>) -> Self {
        Self { error, description }
    }
}
