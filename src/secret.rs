//! Secrets, each a type of its own: redacted in `Debug`, wiped from memory when dropped, compared in constant time.
//!
//! An API key cannot be passed where a client secret belongs, and none of them can be printed, serialised or
//! formatted by accident. The text is reached only through `expose_secret`, a name that shows in a review.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// Why a text cannot be a secret of the kind asked for. Says nothing of the text itself.
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
    #[error("begins or ends with white space: trim what you read it from")]
    Padded,
    #[error("contains a character other than printable ASCII, which no HTTP header can carry")]
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

/// Whether the text is a key or a token that `kenar-sandbox` made. Its upload tokens are Base64, as the platform's are.
pub(crate) fn is_of_sandbox(text: &str) -> bool {
    text.starts_with("sandbox-") || text.starts_with("c2FuZGJveC")
}

macro_rules! secrets {
    ($($(#[$doc:meta])* $name:ident: $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Takes the text as it is.
            ///
            /// # Errors
            ///
            /// [`InvalidSecret`] when the text is empty, begins or ends with white space (a trailing line break read
            /// from a file, usually), or holds anything but printable ASCII.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidSecret> {
                let text = SecretString::from(text.into());
                check(text.expose_secret()).map_err(|problem| InvalidSecret { kind: $kind, problem })?;
                Ok(Self(text))
            }

            /// The text itself. Keep it out of logs, errors and URLs.
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

        /// In constant time for texts of one length.
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
    /// The key that your app shows Divar on each call, in the `X-API-Key` header. Made in the Kenar
    /// [panel](crate::guide#panel); the platform asks that it be changed at least every 60 days.
    ApiKey: "API key";

    /// What Divar shows you on each webhook, as the whole value of the `Authorization` header. You choose it in the
    /// Kenar panel ("Divar Identification Key"); one key guards all three webhooks.
    IdentificationKey: "identification key";

    /// Your app's OAuth secret, sent when a code or a refresh token is exchanged. Not the API key.
    ClientSecret: "client secret";

    /// What a user's permission turned into: sent as `Authorization: Bearer` on calls made in that user's name. Lives
    /// for an hour.
    AccessToken: "access token";

    /// What a new [`AccessToken`] is had for once the old one has expired. Lives for 30 days, and changes at each use.
    RefreshToken: "refresh token";

    /// What the user brings back from the consent page, to be exchanged once for tokens.
    AuthorizationCode: "authorization code";

    /// What one media upload is made with.
    UploadToken: "upload token";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_unfit_for_a_header_is_refused_and_not_repeated() {
        for (text, says) in [
            ("", "the API key is empty"),
            ("placeholder\n", "the API key begins or ends with white space: trim what you read it from"),
            ("کلید", "the API key contains a character other than printable ASCII, which no HTTP header can carry"),
        ] {
            assert_eq!(ApiKey::new(text).unwrap_err().to_string(), says);
        }
    }

    #[test]
    fn identification_key_may_hold_a_scheme_and_a_space() {
        assert_eq!(IdentificationKey::new("Bearer placeholder").unwrap().expose_secret(), "Bearer placeholder");
    }

    #[test]
    fn debug_is_redacted() {
        assert_eq!(format!("{:?}", AccessToken::new("placeholder").unwrap()), "AccessToken([redacted])");
    }
}
