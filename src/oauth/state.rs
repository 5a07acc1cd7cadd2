use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// What ties the answer of the consent page to the visitor who was sent there: 128 random bits, written as 32
/// hexadecimal digits.
///
/// Keep it where only this visitor can bring it from, such as your session store or a signed, `HttpOnly` cookie, and
/// use it for one callback. Whoever learns it can pass another's permission off as this visitor's, so it is treated as
/// a secret: redacted in `Debug`, compared in constant time, and stored only through
/// [`expose_secret`](Self::expose_secret).
///
/// It carries nothing. What you want to find again on the way back, keep beside it.
#[derive(Clone)]
#[must_use = "keep the state with the visit: without it, the callback cannot be checked"]
pub struct OAuthState(SecretString);

/// The text cannot be a state: one has 8 or more characters, all of them printable ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a state has 8 or more characters, all of them printable ASCII")]
pub struct InvalidState;

/// The operating system gave no random bytes.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct NoRandomness(String);

impl OAuthState {
    /// The platform's OAuth server refuses shorter ones.
    const MIN_LENGTH: usize = 8;

    /// A new one.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`], where the operating system gives no random bytes.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0; 16];
        getrandom::getrandom(&mut bytes).map_err(|error| NoRandomness(error.to_string()))?;
        Ok(Self(format!("{:032x}", u128::from_ne_bytes(bytes)).into()))
    }

    /// The one whose text was stored.
    ///
    /// # Errors
    ///
    /// [`InvalidState`], where the text is too short, or holds anything but printable ASCII.
    pub fn restore(text: impl Into<String>) -> Result<Self, InvalidState> {
        let text = SecretString::from(text.into());
        let (length, printable) = {
            let text = text.expose_secret().as_bytes();
            (text.len(), text.iter().all(|byte| matches!(byte, b' '..=b'~')))
        };
        if length >= Self::MIN_LENGTH && printable { Ok(Self(text)) } else { Err(InvalidState) }
    }

    /// The text itself, to be stored with the visit. Keep it out of logs.
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

/// In constant time for texts of one length.
impl PartialEq for OAuthState {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.expose_secret())
    }
}

impl Eq for OAuthState {}
