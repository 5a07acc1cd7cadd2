use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

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
