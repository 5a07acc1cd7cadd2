//! Permission: asking a user for it, and the tokens it turns into (OAuth 2.0, RFC 6749).
//!
//! A call in a user's name takes two things: the [API key](crate::guide#api-key), to which the
//! [panel](crate::guide#panel) gave the permission to use the endpoint, and an [access token](crate::guide#access-token),
//! to which the user gave the [`Scope`]. This module is about the second. It does no I/O: what it makes of a code or of
//! old tokens is an [`Operation`](crate::request::Operation), for a client to send; [`OAuthClient`](crate::OAuthClient) does both.
//! The flow, step by step, is in the guide: [permission](crate::guide::permission).
//!
//! ```
//! use kenar::Scope;
//! use kenar::model::{ConversationId, Timestamp};
//! use kenar::oauth::{Callback, OAuthApp, OAuthState};
//! use kenar::request::{BaseUrls, Operation};
//! use kenar::secret::ClientSecret;
//!
//! # fn sorry() {}
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = ClientSecret::new("placeholder")?;
//! let app = OAuthApp::new("delivery", secret, "https://addon.example/oauth")?;
//!
//! // Send the user off, and keep the state with the visit.
//! let conversation = ConversationId::new("5f8b0f6e-0000-4000-8000-000000000001");
//! let needed = Scope::conversation_send_message(&conversation);
//! let (url, state) = app.permission_url(&BaseUrls::default(), [&needed, &Scope::offline_access()]);
//! assert!(url.as_str().starts_with("https://oauth.divar.ir/oauth2/auth?response_type=code&client_id=delivery&"));
//! let kept = state.expose_secret().to_owned();
//!
//! // The user comes back to the redirect URI.
//! # let query = format!("code=placeholder&state={kept}");
//! let code = match app.callback(&query, &OAuthState::restore(kept)?)? {
//!     Callback::Granted(code) => code,
//!     Callback::Denied(why) => return Ok(sorry()),
//! };
//!
//! // Make tokens of the code. A client sends the request and hands over the answer.
//! let exchange = app.exchange_request(code, Timestamp::now());
//! let request = exchange.request(&BaseUrls::default())?;
//! # assert_eq!(request.uri(), "https://oauth.divar.ir/oauth2/token");
//! # let scope = format!("{needed} offline_access");
//! # let answer = serde_json::json!({
//! #     "access_token": "placeholder", "refresh_token": "placeholder", "expires_in": 3600, "scope": scope,
//! # });
//! # let response = http::Response::new(answer.to_string().into());
//! let tokens = exchange.response(response)?;
//! assert!(tokens.grants(&needed));
//!
//! // An hour later, make new tokens of them, and store those. `Permissions` does so for all your tasks.
//! if tokens.needs_refresh(Timestamp::now()) {
//!     let refresh = app.refresh_request(&tokens, Timestamp::now())?;
//! }
//! # Ok(()) }
//! ```
//!
//! Permission is asked for once; its tokens are to be kept good after that. What there is to mind stands at [`TokenSet`].
//! With the feature `tokio`, [`Permissions`] minds it: grant it what was exchanged, and ask it for an access token before
//! each call.
//!
//! # When it does not work
//!
//! - **The exchange is answered with `invalid_grant`** ([`Error::is_invalid_grant`](crate::Error::is_invalid_grant)):
//!   the code is used up or too old, or the redirect URI is not the one that permission was asked with. [`OAuthApp`]
//!   sends the same in both steps, so look for a second configuration, or a process that exchanges the code again. On a
//!   refresh, the refresh token is too old (30 days), was replaced more than two minutes ago, or the user took the
//!   permission back: ask again.
//! - **The consent page refuses the redirect URI**: it must be registered in the Kenar panel, letter by letter as it is
//!   given to [`OAuthApp::new`].
//! - **The user is back at once, without a code and without an explanation**: a scope is misspelt, lacks its id, or was
//!   not granted to the app in the panel.
//! - **`invalid_client`**: the client secret is not the API key; the panel shows the two in different places.
//! - **Calls fail although there are tokens**: [`TokenSet::grants`] says whether the scope was granted, and the API key
//!   needs the endpoint's permission besides.
//! - **A permission is over after some hours**: new tokens were lost before they were stored, or overwritten by a task
//!   that refreshed the old ones at the same time.
//!
#![cfg_attr(feature = "tokio", doc = "[`Permissions`]: crate::tokens::Permissions")]
#![cfg_attr(not(feature = "tokio"), doc = "[`Permissions`]: crate#features")]

mod callback;
mod parameters;
mod permission_url;
mod scope;
mod state;
mod token;
mod token_response;
mod token_set;

use crate::model::{AppSlug, AppUrl, InvalidAppUrl};
use crate::request::{Metadata, Operation as _};
use crate::secret::ClientSecret;

/// The declarations of all operations of the token endpoint.
pub const ALL: &[Metadata] = &[ExchangeCode::METADATA, RefreshTokens::METADATA];

pub use callback::{Callback, CallbackError, CallbackQuery, Denial};
pub use parameters::InvalidOAuthRequest;
pub use permission_url::{PermissionRequest, PermissionUrl};
pub use scope::{InvalidScope, Scope};
pub use state::{InvalidState, NoRandomness, OAuthState};
pub use token::{ExchangeCode, Grant, NoRefreshToken, RefreshTokens, TokenRequest};
pub use token_response::{TokenResponse, TokenType};
pub use token_set::{StoredTokens, TokenSet};

/// Your app, as the OAuth server knows it. Make one at the start of the program, where a mistake can be reported.
#[derive(Clone, Debug)]
pub struct OAuthApp {
    slug: AppSlug,
    secret: ClientSecret,
    redirect_uri: String,
}

/// Why a text cannot be a redirect URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRedirectUri {
    /// It is no address of an add-on.
    #[error("the redirect URI is not an address of an add-on")]
    NotAnAppUrl(#[source] InvalidAppUrl),
    /// Its host is written in other letters than ASCII. The platform compares letter by letter, so register and give it as
    /// DNS knows it, in punycode.
    #[error("the redirect URI has a host that is not ASCII: write it in punycode, as {0}")]
    HostNotAscii(String),
    /// It holds a character that no URI can hold.
    #[error("the redirect URI holds a character that belongs percent-encoded")]
    IllegalCharacter,
    /// It has a query, which the platform does not allow.
    #[error("the redirect URI must not have a query: keep what it says beside the state")]
    HasQuery,
    /// It has a fragment, which RFC 6749 does not allow.
    #[error("the redirect URI must not have a fragment")]
    HasFragment,
}

/// Whether the host of an absolute URL, as it is written, is in other letters than ASCII.
fn host_is_not_ascii(url: &str) -> bool {
    let authority = url.split_once("://").and_then(|(_, rest)| rest.split(['/', '\\', '?', '#']).next());
    authority.is_some_and(|authority| !authority.is_ascii())
}

impl OAuthApp {
    /// An app by its slug, its OAuth secret and the address its users come back to after the consent page.
    ///
    /// The redirect URI must be registered in the Kenar panel, and is compared letter by letter, so it is taken as it is
    /// written: `https://addon.example` is not `https://addon.example/`. It is `https`, or `http` on this machine. Of an
    /// [`AppUrl`], give [`as_str`](AppUrl::as_str).
    ///
    /// # Errors
    ///
    /// [`InvalidRedirectUri`], where it is no such address, or has a query or a fragment.
    pub fn new(slug: impl Into<AppSlug>, secret: ClientSecret, redirect_uri: &str) -> Result<Self, InvalidRedirectUri> {
        if !redirect_uri.bytes().all(|byte| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte)) {
            return Err(match redirect_uri.parse::<AppUrl>() {
                Ok(address) if host_is_not_ascii(redirect_uri) => {
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

    /// The app's slug: the OAuth `client_id`.
    #[must_use]
    pub fn slug(&self) -> &AppSlug {
        &self.slug
    }

    /// Where users come back to, as it must be registered in the Kenar panel.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }
}
