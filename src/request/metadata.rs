use std::borrow::Cow;
use std::fmt;

use http::Method;
use percent_encoding::percent_decode_str;

use super::{ApiKeyPermission, ScopeKind};
use crate::error::About;

/// The declaration of an operation: everything that is the same for each of its calls.
///
/// It stands once, in the operation's file. The client sends by it, the sandbox routes and enforces by it, and the
/// table of operations in the documentation is checked against it.
///
/// ```
/// use kenar::request::{ApiKeyPermission, Metadata, ScopeKind};
///
/// const GET_USER: Metadata = Metadata::get("user.get", "/v1/open-platform/users")
///     .with_permission(ApiKeyPermission::USER_RETRIEVE)
///     .for_user(&[ScopeKind::USER_ID, ScopeKind::USER_PHONE]);
///
/// assert!(GET_USER.is_idempotent());
/// ```
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
    /// The upload of media.
    Upload,
}

/// The kind of credential that an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Authentication {
    /// No header: the token endpoint takes its secrets in the body.
    None,
    /// `X-API-Key` alone.
    ApiKey,
    /// `X-API-Key`, and a user's access token as `Authorization: Bearer`.
    User,
    /// An upload token as `Authorization: Bearer`, and no API key.
    UploadToken,
}

impl Metadata {
    /// A `GET` of the REST API, authenticated by the API key; idempotent.
    #[must_use]
    pub const fn get(name: &'static str, path: &'static str) -> Self {
        Self { idempotent: true, ..Self::new(&Method::GET, name, path) }
    }

    /// A `POST` to the REST API, authenticated by the API key; not idempotent by default.
    #[must_use]
    pub const fn post(name: &'static str, path: &'static str) -> Self {
        Self::new(&Method::POST, name, path)
    }

    /// An operation with any method, by default as [`post`](Self::post).
    ///
    /// `name` appears in errors and traces, such as `conversation.send_message`. `path` begins with a slash; each
    /// `{parameter}` in it stands for one segment, and is filled from
    /// [`Operation::path_parameters`](super::Operation::path_parameters).
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

    /// Sends it to another host, with no credential by default.
    #[must_use]
    pub const fn on(self, host: Host) -> Self {
        Self { host, authentication: Authentication::None, ..self }
    }

    /// Authenticates it in another way.
    #[must_use]
    pub const fn authenticated_by(self, authentication: Authentication) -> Self {
        Self { authentication, ..self }
    }

    /// Needs a permission of the API key.
    #[must_use]
    pub const fn with_permission(self, permission: ApiKeyPermission) -> Self {
        Self { permission: Some(permission), ..self }
    }

    /// Needs a user's access token with any one of these scopes.
    #[must_use]
    pub const fn for_user(self, scopes: &'static [ScopeKind]) -> Self {
        Self { authentication: Authentication::User, scopes, ..self }
    }

    /// Makes it idempotent: doing it twice is the same as doing it once. Only an idempotent operation is repeated after
    /// a failure that Divar may have processed.
    #[must_use]
    pub const fn idempotent(self) -> Self {
        Self { idempotent: true, ..self }
    }

    /// Addresses it to a person, who may have blocked the sender:
    /// [`Error::is_recipient_restricted`](crate::Error::is_recipient_restricted).
    #[must_use]
    pub const fn to_recipient(self) -> Self {
        Self { to_recipient: true, ..self }
    }

    /// Keeps its responses out of errors, error responses included, but for what RFC 6749 defines: they carry tokens.
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

    /// The host that it is sent to.
    #[must_use]
    pub const fn host(&self) -> Host {
        self.host
    }

    /// The path, with `{parameter}` for each segment that varies.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// The kind of credential.
    #[must_use]
    pub const fn authentication(&self) -> Authentication {
        self.authentication
    }

    /// The permission that the API key needs.
    #[must_use]
    pub const fn permission(&self) -> Option<ApiKeyPermission> {
        self.permission
    }

    /// The scopes of which the access token needs any one.
    #[must_use]
    pub const fn scopes(&self) -> &'static [ScopeKind] {
        self.scopes
    }

    /// Whether doing it twice is the same as doing it once.
    #[must_use]
    pub const fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// Whether it is addressed to a person.
    #[must_use]
    pub const fn is_to_recipient(&self) -> bool {
        self.to_recipient
    }

    /// Whether its responses carry secrets.
    #[must_use]
    pub const fn has_secret_response(&self) -> bool {
        self.secret_response
    }

    /// Whether it is made with a user's access token.
    #[must_use]
    pub fn is_by_user(&self) -> bool {
        self.authentication == Authentication::User
    }

    /// What errors tell of it.
    pub(crate) fn about(&self) -> About {
        About { operation: self.name, by_user: self.is_by_user(), to_recipient: self.to_recipient }
    }

    /// The parameters of a request's path, decoded, if it is a path of this operation.
    ///
    /// An encoded slash stays within its segment. Of two operations, `chat/bot/users/{user_id}` and
    /// `chat/bot/{kind}/{id}`, both match `chat/bot/users/u-1`: a router tries the one with fewer parameters first.
    ///
    /// ```
    /// # use kenar::request::Metadata;
    /// let operation = Metadata::get("test", "/v1/conversations/{conversation_id}");
    /// let parameters = operation.matches("/v1/conversations/a%2Fb").unwrap();
    /// assert_eq!(parameters, ["a/b"]);
    /// assert!(operation.matches("/v1/conversations").is_none());
    /// ```
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
