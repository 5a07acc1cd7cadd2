use std::borrow::Cow;
use std::fmt;

use http::Method;
use percent_encoding::percent_decode_str;

use super::{ApiKeyPermission, ScopeKind};
use crate::error::About;

/// The declaration of an operation: the properties that all of its calls share.
///
/// The sandbox routes and authorises requests by it, too.
#[derive(Clone, Copy, Debug)]
pub struct Metadata {
    name: &'static str,
    method: &'static Method,
    host: Host,
    path: &'static str,
    authentication: Authentication,
    permission: Option<ApiKeyPermission>,
    scopes: &'static [ScopeKind],
    idempotent: bool,
    to_recipient: bool,
    secret_response: bool,
}

/// One of the platform's hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Host {
    /// The REST API.
    Api,
    /// The consent page and the token endpoint.
    OAuth,
    /// Media uploads.
    Upload,
}

/// The kind of credential that an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Authentication {
    /// No header. The token endpoint expects its secrets in the body.
    None,
    /// Only `X-API-Key`.
    ApiKey,
    /// `X-API-Key`, and a user's access token as `Authorization: Bearer`.
    User,
    /// An upload token as `Authorization: Bearer`, without an API key.
    UploadToken,
}

impl Metadata {
    /// An idempotent `GET` of the REST API with the API key.
    #[must_use]
    pub const fn get(name: &'static str, path: &'static str) -> Self {
        Self { idempotent: true, ..Self::new(&Method::GET, name, path) }
    }

    /// A `POST` to the REST API with the API key, not idempotent by default.
    #[must_use]
    pub const fn post(name: &'static str, path: &'static str) -> Self {
        Self::new(&Method::POST, name, path)
    }

    /// An operation with any method, and the defaults of [`post`](Self::post).
    ///
    /// `name` appears in errors and traces, such as `conversation.send_message`. `path` begins with a slash. Each
    /// `{parameter}` is one segment from [`Operation::path_parameters`](super::Operation::path_parameters).
    #[must_use]
    pub const fn new(method: &'static Method, name: &'static str, path: &'static str) -> Self {
        Self {
            name,
            method,
            host: Host::Api,
            path,
            authentication: Authentication::ApiKey,
            permission: None,
            scopes: &[],
            idempotent: false,
            to_recipient: false,
            secret_response: false,
        }
    }

    /// Sets another host, without a credential by default.
    #[must_use]
    pub const fn on(self, host: Host) -> Self {
        Self { host, authentication: Authentication::None, ..self }
    }

    /// Sets the kind of credential.
    #[must_use]
    pub const fn authenticated_by(self, authentication: Authentication) -> Self {
        Self { authentication, ..self }
    }

    /// Requires a permission of the API key.
    #[must_use]
    pub const fn with_permission(self, permission: ApiKeyPermission) -> Self {
        Self { permission: Some(permission), ..self }
    }

    /// Requires an access token with any one of these scopes.
    #[must_use]
    pub const fn for_user(self, scopes: &'static [ScopeKind]) -> Self {
        Self { authentication: Authentication::User, scopes, ..self }
    }

    /// Marks it as idempotent, so that it is retried even if Divar may have processed it.
    #[doc(alias = "idempotency")]
    #[must_use]
    pub const fn idempotent(self) -> Self {
        Self { idempotent: true, ..self }
    }

    /// Marks it as addressed to a person, who may block the sender
    /// ([`is_recipient_restricted`](crate::Error::is_recipient_restricted)).
    #[must_use]
    pub const fn to_recipient(self) -> Self {
        Self { to_recipient: true, ..self }
    }

    /// Marks its responses as secret: errors keep only their gRPC code or RFC 6749 error.
    #[must_use]
    pub const fn with_secret_response(self) -> Self {
        Self { secret_response: true, ..self }
    }

    /// The name in errors and traces.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The HTTP method.
    #[must_use]
    pub const fn method(&self) -> &'static Method {
        self.method
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> Host {
        self.host
    }

    /// The path, with `{parameter}` segments.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// The kind of credential.
    #[must_use]
    pub const fn authentication(&self) -> Authentication {
        self.authentication
    }

    /// The required permission of the API key.
    #[must_use]
    pub const fn permission(&self) -> Option<ApiKeyPermission> {
        self.permission
    }

    /// The scopes, any one of which suffices.
    #[must_use]
    pub const fn scopes(&self) -> &'static [ScopeKind] {
        self.scopes
    }

    /// Returns `true` if it is idempotent.
    #[must_use]
    pub const fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// Returns `true` if it is addressed to a person.
    #[must_use]
    pub const fn is_to_recipient(&self) -> bool {
        self.to_recipient
    }

    /// Returns `true` if its responses contain secrets.
    #[must_use]
    pub const fn has_secret_response(&self) -> bool {
        self.secret_response
    }

    /// Returns `true` if it requires a user's access token.
    #[must_use]
    pub fn is_by_user(&self) -> bool {
        self.authentication == Authentication::User
    }

    pub(crate) fn about(&self) -> About {
        About { operation: self.name, by_user: self.is_by_user(), to_recipient: self.to_recipient }
    }

    /// The decoded parameters of a path, if it matches.
    ///
    /// An encoded slash remains part of its segment. A router must try operations with fewer parameters first:
    /// `chat/bot/users/{user_id}` and `chat/bot/{kind}/{id}` both match `chat/bot/users/u-1`.
    #[must_use]
    pub fn matches<'a>(&self, path: &'a str) -> Option<Vec<Cow<'a, str>>> {
        let (mut given, mut declared) = (path.split('/'), self.path.split('/'));
        let mut parameters = Vec::new();
        loop {
            match (given.next(), declared.next()) {
                (None, None) => return Some(parameters),
                (Some(given), Some(declared)) => {
                    let decoded = percent_decode_str(given).decode_utf8().ok()?;
                    if is_parameter(declared) {
                        parameters.push(Some(decoded).filter(|decoded| !decoded.is_empty())?);
                    } else if decoded != declared {
                        return None;
                    }
                }
                _ => return None,
            }
        }
    }
}

pub(super) fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

/// Writes the method and the path.
impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}
