//! Keys and tokens, each with its own type.
//!
//! They are redacted in `Debug`, zeroed when dropped and compared in constant time. They implement neither `Display` nor
//! `Serialize`; only `expose_secret` returns the text.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// The error for a malformed secret. It does not contain the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {kind} {problem}")]
pub struct InvalidSecret {
    kind: &'static str,
    problem: SecretProblem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum SecretProblem {
    #[error("is empty")]
    Empty,
    #[error("begins or ends with white space: trim the input")]
    Padded,
    #[error("contains a character other than printable ASCII")]
    NotPrintableAscii,
}

fn check(text: &str) -> Result<(), SecretProblem> {
    if text.is_empty() {
        Err(SecretProblem::Empty)
    } else if text.trim() != text {
        Err(SecretProblem::Padded)
    } else if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        Err(SecretProblem::NotPrintableAscii)
    } else {
        Ok(())
    }
}

/// Recognises the sandbox's keys and tokens. Its upload tokens are Base64, as the platform's are.
pub(crate) fn is_of_sandbox(text: &str) -> bool {
    text.starts_with("sandbox-") || text.starts_with("c2FuZGJveC")
}

macro_rules! secrets {
    ($($(#[$doc:meta])* $name:ident: $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// A secret from its text.
            ///
            /// # Errors
            ///
            /// [`InvalidSecret`] if the text is empty, begins or ends with white space (often a line break from a
            /// file), or is not printable ASCII.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidSecret> {
                let text = SecretString::from(text.into());
                check(text.expose_secret()).map_err(|problem| InvalidSecret { kind: $kind, problem })?;
                Ok(Self(text))
            }

            /// The text. Keep it out of logs, errors and URLs.
            #[must_use]
            pub fn expose_secret(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }

        /// Compares in constant time, except for the length.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.expose_secret().as_bytes().ct_eq(other.expose_secret().as_bytes()).into()
            }
        }

        impl Eq for $name {}

        impl std::str::FromStr for $name {
            type Err = InvalidSecret;

            fn from_str(text: &str) -> Result<Self, InvalidSecret> {
                Self::new(text)
            }
        }
    )*};
}

secrets! {
    /// Your app's key for calls to Divar, sent in the `X-API-Key` header.
    ///
    /// Create it in the Kenar [panel](crate::guide#panel). The platform asks for rotation at least every 60 days.
    #[doc(alias("X-API-Key", "api key"))]
    ApiKey: "API key";

    /// The key that Divar sends with each webhook, and that a [`Verifier`](crate::Verifier) checks.
    ///
    /// You choose it in the Kenar panel ("Divar Identification Key").
    #[doc(alias("Divar Identification Key", "identification key"))]
    IdentificationKey: "identification key";

    /// Your app's OAuth client secret, for the token endpoint. It is not the API key.
    #[doc(alias = "client secret")]
    ClientSecret: "client secret";

    /// A user's OAuth access token, sent as `Authorization: Bearer`. Valid for one hour.
    #[doc(alias("ory_at", "access token"))]
    AccessToken: "access token";

    /// Exchanged for a new [`AccessToken`] when the old one expires. Valid for 30 days; each refresh returns a new one.
    #[doc(alias("ory_rt", "refresh token"))]
    RefreshToken: "refresh token";

    /// The code in the callback from the consent page, exchanged once for tokens.
    #[doc(alias = "code")]
    AuthorizationCode: "authorization code";

    /// The token that authorises one media upload.
    UploadToken: "upload token";
}

#[cfg(test)]
mod tests;
