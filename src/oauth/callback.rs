use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::OAuthApp;
use super::parameters::{self, Parameters, Repeated};
use crate::secret::AuthorizationCode;

/// The result of the consent page, as the user returns to the redirect URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callback {
    /// The user granted permission: exchange the code soon, and only once.
    Granted(AuthorizationCode),
    /// The user did not grant permission.
    Denied(Denial),
}

/// The platform's reason for a permission that was not granted.
///
/// The platform documents only that the code is missing, so both fields may be empty. Wrong scopes can look like a refusal:
/// if everyone seems to refuse, check your scopes' names and ids, and that the panel grants them to the app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The error code of RFC 6749, section 4.1.2.1.
    ///
    /// `access_denied` if the user refused; `invalid_scope` if a scope is unknown or not granted to the app.
    pub error: Option<String>,
    /// The platform's `error_description`.
    pub description: Option<String>,
}

/// The reason why a callback must not be used. It repeats nothing from the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// The query has no state.
    #[error("callback has no state")]
    MissingState,
    /// The state differs from the one that was sent.
    ///
    /// The session is another one, or someone tries to pass off another permission as this user's. Do not use the code.
    #[error("callback state mismatch: not the state that was sent")]
    StateMismatch,
    /// A parameter is repeated.
    #[error("callback repeats the parameter {0}")]
    Repeated(&'static str),
    /// The code is empty or contains forbidden characters.
    #[error("authorization code is malformed")]
    UnusableCode,
    /// The query has a code and an error.
    #[error("callback has both a code and an error")]
    CodeAndError,
}

impl From<Repeated> for CallbackError {
    fn from(Repeated(name): Repeated) -> Self {
        Self::Repeated(name)
    }
}

impl OAuthApp {
    /// Checks and reads the query of the redirect URI.
    ///
    /// Pass the query undecoded, or the path or absolute URL that contains it. The state is always checked first. Unknown
    /// parameters and a fragment are ignored.
    ///
    /// # Errors
    ///
    /// [`CallbackError`] if the query must not be used. A refusal is [`Callback::Denied`], not an error.
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

/// The unchecked query of a request to the redirect URI.
///
/// An extractor for axum and actix-web. Pass it to [`OAuthClient::callback`](crate::OAuthClient::callback), with the
/// [`OAuthState`] from the user's session. `Debug` redacts it, since it contains the code.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackQuery(String);

impl CallbackQuery {
    /// A query, or the path or URL that contains it.
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
        f.write_str("permission not granted")?;
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
    /// The code to exchange, soon and only once.
    ///
    /// # Errors
    ///
    /// [`Denial`] if the user did not grant permission.
    pub fn granted(self) -> Result<AuthorizationCode, Denial> {
        match self {
            Self::Granted(code) => Ok(code),
            Self::Denied(denial) => Err(denial),
        }
    }

    /// The query that a stand-in for the platform appends to the redirect URI, without `?`.
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
    /// A denial, for tests.
    #[must_use]
    pub fn new(error: Option<String>, description: Option<String>) -> Self {
        Self { error, description }
    }
}

/// The OAuth `state`, which ties a callback to the browser session that asked for permission.
///
/// 128 random bits as 32 hexadecimal digits. Store it where only this browser can present it, such as a session or a
/// signed, `HttpOnly` cookie, and use it for one callback. It is a secret, since anyone who knows it can pass off another
/// permission as this user's: it is redacted in `Debug` and compared in constant time. Store your own data beside it.
#[derive(Clone)]
#[must_use = "store the state in the user's session: the callback is checked against it"]
pub struct OAuthState(SecretString);

/// The text is too short for a state, or not printable ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid state: must be 8 or more characters of printable ASCII")]
pub struct InvalidState;

/// The operating system returned no random bytes.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no random bytes from the operating system: {0}")]
pub struct NoRandomness(String);

impl OAuthState {
    /// The platform's OAuth server rejects shorter ones.
    const MIN_LENGTH: usize = 8;

    /// A new random state.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`] if the operating system returns no random bytes.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0; 16];
        getrandom::getrandom(&mut bytes).map_err(|error| NoRandomness(error.to_string()))?;
        Ok(Self(format!("{:032x}", u128::from_ne_bytes(bytes)).into()))
    }

    /// A state from its stored text.
    ///
    /// # Errors
    ///
    /// [`InvalidState`] if the text is shorter than 8 characters or not printable ASCII.
    pub fn restore(text: impl Into<String>) -> Result<Self, InvalidState> {
        let text = SecretString::from(text.into());
        let (length, printable) = {
            let text = text.expose_secret().as_bytes();
            (text.len(), text.iter().all(|byte| matches!(byte, b' '..=b'~')))
        };
        if length >= Self::MIN_LENGTH && printable { Ok(Self(text)) } else { Err(InvalidState) }
    }

    /// The text, to store in the user's session. Keep it out of logs.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.expose_secret().as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl fmt::Debug for OAuthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OAuthState([redacted])")
    }
}

/// In constant time for equal lengths.
impl PartialEq for OAuthState {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.expose_secret())
    }
}

impl Eq for OAuthState {}
