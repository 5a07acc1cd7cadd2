//! OAuth 2.0 (RFC 6749): asking a user for permission, and the access tokens that it gives.
//!
//! A call on a user's behalf needs an [access token](crate::guide#access-token), with a [`Scope`] that the user granted.
//! This module builds the consent URL and the token requests, without I/O; [`OAuthClient`](crate::OAuthClient) sends them.
//! The [guide](crate::guide::permission) shows the flow.
//!
//! Keep the tokens fresh as [`TokenSet`] describes, or let [`Permissions`] do so (feature `tokio`).
//!
//! # When it does not work
//!
//! Besides the [errors in the guide](crate::guide::permission#what-goes-wrong):
//!
//! - **`invalid_grant` on an exchange**: look for a second configuration with another redirect URI, or a process that
//!   exchanges the code again.
//! - **`invalid_grant` on a refresh**: another task may have replaced the refresh token more than two minutes ago.
//! - **`invalid_client`**: the API key may be configured as the client secret.
//! - **A permission ends after hours**: new tokens were lost before they were stored, or a concurrent task overwrote them.
//!
#![cfg_attr(feature = "tokio", doc = "[`Permissions`]: crate::tokens::Permissions")]
#![cfg_attr(not(feature = "tokio"), doc = "[`Permissions`]: crate#features")]

mod callback;
mod parameters;
mod permission_url;
mod scope;
mod token;
mod token_set;

use crate::model::{AppSlug, AppUrl, InvalidAppUrl};
use crate::request::{Metadata, Operation as _};
use crate::secret::ClientSecret;

/// The metadata of the token endpoint's operations.
pub const ALL: &[Metadata] = &[ExchangeCode::METADATA, RefreshTokens::METADATA];

pub use callback::{Callback, CallbackError, CallbackQuery, Denial, InvalidState, NoRandomness, OAuthState};
pub use parameters::InvalidOAuthRequest;
pub use permission_url::PermissionRequest;
// rustdoc reads aliases only here.
#[doc(alias = "consent page")]
pub use permission_url::PermissionUrl;
pub use scope::{InvalidScope, Scope};
#[doc(alias = "authorization_code")]
pub use token::ExchangeCode;
pub use token::{Grant, NoRefreshToken, RefreshTokens, TokenRequest, TokenResponse, TokenType};
#[cfg(feature = "tokio")]
pub(crate) use token_set::StoredFields;
pub use token_set::{StoredTokens, TokenSet};

/// Your app's OAuth client: its slug, client secret and redirect URI.
#[derive(Clone, Debug)]
pub struct OAuthApp {
    slug: AppSlug,
    secret: ClientSecret,
    redirect_uri: String,
}

/// The reason why a redirect URI is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRedirectUri {
    /// It is not an [`AppUrl`].
    #[error("invalid redirect URI: not an add-on's URL")]
    NotAnAppUrl(#[source] InvalidAppUrl),
    /// Its host is not ASCII. The platform compares URIs exactly, so register and pass the host in punycode.
    #[error("invalid redirect URI: host is not ASCII; write it in punycode: {0}")]
    HostNotAscii(String),
    /// It contains a character that a URI must percent-encode.
    #[error("invalid redirect URI: contains a character that must be percent-encoded")]
    IllegalCharacter,
    /// It has a query, which the platform forbids.
    #[error("invalid redirect URI: has a query; store its data with the state")]
    HasQuery,
    /// It has a fragment, which RFC 6749 forbids.
    #[error("invalid redirect URI: has a fragment")]
    HasFragment,
}

fn has_non_ascii_host(url: &str) -> bool {
    let (_, address) = url.split_once(':').unwrap_or_default();
    let authority = address.trim_start_matches('/').split(['/', '\\', '?', '#']).next();
    authority.is_some_and(|authority| !authority.is_ascii())
}

impl OAuthApp {
    /// An app by its slug, client secret and redirect URI.
    ///
    /// The redirect URI must be registered in the Kenar panel. The platform compares it exactly: `https://addon.example` is
    /// not `https://addon.example/`. It must be `https`, or `http` on this machine.
    ///
    /// # Errors
    ///
    /// [`InvalidRedirectUri`] if it is not such a URL, or has a query or a fragment.
    pub fn new(slug: impl Into<AppSlug>, secret: ClientSecret, redirect_uri: &str) -> Result<Self, InvalidRedirectUri> {
        if !redirect_uri.bytes().all(|byte| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte)) {
            return Err(match redirect_uri.parse::<AppUrl>() {
                Ok(address) if has_non_ascii_host(redirect_uri) => {
                    InvalidRedirectUri::HostNotAscii(address.as_url().host_str().unwrap_or_default().to_owned())
                }
                _ => InvalidRedirectUri::IllegalCharacter,
            });
        }
        let address: AppUrl = redirect_uri.parse().map_err(InvalidRedirectUri::NotAnAppUrl)?;
        if address.as_url().query().is_some() {
            Err(InvalidRedirectUri::HasQuery)
        } else if address.as_url().fragment().is_some() {
            Err(InvalidRedirectUri::HasFragment)
        } else {
            Ok(Self { slug: slug.into(), secret, redirect_uri: redirect_uri.to_owned() })
        }
    }

    /// The app's slug, which is the OAuth `client_id`.
    #[doc(alias = "client_id")]
    #[must_use]
    pub fn slug(&self) -> &AppSlug {
        &self.slug
    }

    /// The redirect URI.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }
}
