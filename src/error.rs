//! Errors of calls to Divar.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use crate::redact::Secrets;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// The error of a store's own library. `?` converts it to `Box<dyn Error + Send + Sync>`, not to `Box<dyn Error>`.
pub type StoreError = Box<dyn StdError + Send + Sync>;

/// The error of a call to Divar.
///
/// It contains the operation, Divar's response, the number of attempts, and whether Divar may have processed the request.
/// It contains no secrets of the request or the response. The guide explains [how to handle it](crate::guide::errors).
#[derive(Clone)]
pub struct Error(Box<Repr>);

#[derive(Clone)]
struct Repr {
    kind: ErrorKind,
    about: About,
    attempts: Attempts,
    /// The server cannot have received the whole request of the last attempt.
    unsent: bool,
    response: Option<Response>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempts {
    pub(crate) count: u32,
    /// An attempt before the last may have been processed.
    pub(crate) processed_before: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(crate) operation: &'static str,
    pub(crate) by_user: bool,
    pub(crate) to_recipient: bool,
}

#[derive(Clone)]
struct Response {
    status: StatusCode,
    api: ApiError,
    retry_after: Option<Duration>,
    body_excerpt: String,
}

/// The kind of an [`Error`].
///
/// [`Error::may_have_been_processed`] tells whether Divar may have processed the request; the guide has a
/// [table](crate::guide::errors).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is invalid and was not sent: an identifier that no path can hold, an empty text.
    InvalidRequest,
    /// No connection was made, or the call timed out before the request was sent.
    #[doc(alias = "connection refused")]
    Connect,
    /// The request timed out.
    #[doc(alias = "deadline exceeded")]
    Timeout,
    /// The connection was lost after part of the request may have been sent.
    #[doc(alias = "connection reset")]
    Interrupted,
    /// The request body could not be read: a missing or changed file, a failed reader. The request is incomplete.
    RequestBody,
    /// The response exceeds the transport's size limit.
    ResponseTooLarge,
    /// Another failure of the transport.
    Transport,
    /// An error response from Divar; see [`Error::status`] and [`Error::api_error`].
    Api,
    /// A success response in an unknown form, such as an HTML page.
    UnexpectedResponse,
}

/// The body of an error response.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ApiError {
    /// A `google.rpc.Status`, from the REST API.
    Rpc(RpcStatus),
    /// An RFC 6749 error, from the token endpoint.
    OAuth(OAuthError),
    /// Any other body, such as a front end's HTML page, or none. See [`Error::body_excerpt`].
    Other,
}

/// A [`google.rpc.Status`](https://google.aip.dev/193).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RpcStatus {
    /// The gRPC code, if any. It does not follow from the HTTP status: Divar pairs 412 with
    /// [`RpcCode::FAILED_PRECONDITION`].
    pub code: Option<RpcCode>,
    /// The message, in English, cut after [`Error::MAX_EXCERPT_BYTES`].
    pub message: String,
    /// Undocumented details; empty if longer than 16 KiB.
    pub details: Vec<Value>,
}

/// An RFC 6749 error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthError {
    /// The error code, such as `invalid_grant`.
    pub error: String,
    /// The `error_description`.
    pub description: Option<String>,
}

/// A [gRPC status code](https://grpc.io/docs/guides/status-codes/).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RpcCode(pub i32);

macro_rules! rpc_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        impl RpcCode {
            $($(#[$doc])* pub const $name: Self = Self($code);)*

            /// The name of the code; `None` if gRPC does not define it.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

rpc_codes! {
    /// The caller cancelled the call.
    CANCELLED = 1,
    /// An error of unknown kind.
    UNKNOWN = 2,
    /// The request is malformed.
    INVALID_ARGUMENT = 3,
    /// Divar's own server timed out.
    DEADLINE_EXCEEDED = 4,
    /// The resource does not exist.
    NOT_FOUND = 5,
    /// The resource already exists.
    ALREADY_EXISTS = 6,
    /// The API key or the access token lacks a permission.
    PERMISSION_DENIED = 7,
    /// A rate limit or quota is exceeded.
    RESOURCE_EXHAUSTED = 8,
    /// The resource's state forbids the operation; on a send, the recipient is restricted.
    FAILED_PRECONDITION = 9,
    /// The call conflicts with a concurrent one.
    ABORTED = 10,
    /// A value is out of range.
    OUT_OF_RANGE = 11,
    /// The operation does not exist.
    UNIMPLEMENTED = 12,
    /// Divar's server failed.
    INTERNAL = 13,
    /// Divar is temporarily unavailable.
    UNAVAILABLE = 14,
    /// Data was lost.
    DATA_LOSS = 15,
    /// The API key or the access token is missing or invalid.
    UNAUTHENTICATED = 16,
}

impl RpcCode {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        (1..=16).map(Self).find(|code| code.name() == Some(name))
    }
}

impl fmt::Display for RpcCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for RpcCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// An error without a response, for your own [`HttpTransport`](crate::transport::HttpTransport) or
    /// [`Operation`](crate::request::Operation).
    #[must_use]
    pub fn new(kind: ErrorKind, operation: &'static str, source: impl Into<BoxError>) -> Self {
        let about = About { operation, by_user: false, to_recipient: false };
        Self::of_parts(kind, about, None, Some(source.into().into()))
    }

    fn of_parts(
        kind: ErrorKind,
        about: About,
        response: Option<Response>,
        source: Option<Arc<dyn StdError + Send + Sync>>,
    ) -> Self {
        let attempts = Attempts { count: u32::from(kind != ErrorKind::InvalidRequest), processed_before: false };
        Self(Box::new(Repr { kind, about, attempts, unsent: false, response, source }))
    }

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation's [`name`](crate::request::Metadata::name).
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.about.operation
    }

    /// The HTTP status of the response, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.response.as_ref().map(|response| response.status)
    }

    /// The body of an error response.
    #[must_use]
    pub fn api_error(&self) -> Option<&ApiError> {
        match self.0.kind {
            ErrorKind::Api => self.0.response.as_ref().map(|response| &response.api),
            _ => None,
        }
    }

    /// The gRPC code of an error response, if any.
    #[must_use]
    pub fn rpc_code(&self) -> Option<RpcCode> {
        match self.api_error()? {
            ApiError::Rpc(status) => status.code,
            _ => None,
        }
    }

    /// The start of a response body in an unknown form, for logs.
    ///
    /// At most [`MAX_EXCERPT_BYTES`](Self::MAX_EXCERPT_BYTES), with the request's secrets redacted. Empty for a success in
    /// JSON or one that may contain a secret: people's messages do not belong in a log.
    #[must_use]
    pub fn body_excerpt(&self) -> &str {
        self.0.response.as_ref().map_or("", |response| &response.body_excerpt)
    }

    /// The number of attempts handed to the transport.
    #[doc(alias = "retries")]
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts.count
    }

    /// Returns `true` if Divar may have processed any attempt of the failed call. If `false`, a retry repeats nothing.
    #[doc(alias = "idempotency")]
    #[must_use]
    pub fn may_have_been_processed(&self) -> bool {
        if self.0.attempts.processed_before {
            return true;
        }
        match self.0.kind {
            _ if self.0.unsent => false,
            ErrorKind::InvalidRequest | ErrorKind::Connect | ErrorKind::RequestBody => false,
            ErrorKind::Api => self.leaves_open(),
            ErrorKind::Timeout
            | ErrorKind::Interrupted
            | ErrorKind::ResponseTooLarge
            | ErrorKind::Transport
            | ErrorKind::UnexpectedResponse => true,
        }
    }

    /// An error response leaves the outcome unknown if Divar's server failed, or if it is a 303, whose outcome is
    /// elsewhere.
    fn leaves_open(&self) -> bool {
        let by_status = self.status().is_none_or(|status| status.is_server_error() || status == StatusCode::SEE_OTHER);
        let by_code = self.rpc_code().is_some_and(|code| {
            matches!(
                code,
                RpcCode::CANCELLED
                    | RpcCode::UNKNOWN
                    | RpcCode::DEADLINE_EXCEEDED
                    | RpcCode::ABORTED
                    | RpcCode::INTERNAL
                    | RpcCode::UNAVAILABLE
                    | RpcCode::DATA_LOSS
            )
        });
        by_status || by_code
    }

    /// Returns `true` if one side blocked the other or is banned from the chat. Sending again does not help.
    ///
    /// The platform documents status 412 with code 9; for a message, either suffices.
    #[doc(alias = "blocked")]
    #[doc(alias = "412")]
    #[must_use]
    pub fn is_recipient_restricted(&self) -> bool {
        self.0.about.to_recipient && self.is_api(StatusCode::PRECONDITION_FAILED, RpcCode::FAILED_PRECONDITION)
    }

    /// Returns `true` if your app exceeded its calls per minute or its daily quota.
    #[doc(alias = "429")]
    #[doc(alias = "quota")]
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.is_api(StatusCode::TOO_MANY_REQUESTS, RpcCode::RESOURCE_EXHAUSTED)
    }

    /// The pause that the response's `Retry-After` header asks for.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.response.as_ref()?.retry_after
    }

    /// Returns `true` if the user's permission is expired, revoked or lacks a scope.
    ///
    /// Refresh the tokens; if that fails, ask for permission again. `true` for status 401 or 403, or their gRPC codes, of a
    /// call with an access token, and for [`invalid_grant`](Self::is_invalid_grant). Divar does not document its
    /// response, and an API key without the operation's permission may look the same: if new tokens do not help, check
    /// the key's permissions.
    #[doc(alias = "401")]
    #[doc(alias = "403")]
    #[must_use]
    pub fn needs_new_permission(&self) -> bool {
        self.is_invalid_grant()
            || self.0.about.by_user
                && (self.is_api(StatusCode::UNAUTHORIZED, RpcCode::UNAUTHENTICATED)
                    || self.is_api(StatusCode::FORBIDDEN, RpcCode::PERMISSION_DENIED))
    }

    /// Returns `true` if the token endpoint rejected the code or the refresh token.
    ///
    /// It is expired, revoked or already used, or the redirect URI differs from that of the permission request.
    #[must_use]
    pub fn is_invalid_grant(&self) -> bool {
        matches!(self.api_error(), Some(ApiError::OAuth(error)) if error.error == "invalid_grant")
    }

    /// The maximum length of [`body_excerpt`](Self::body_excerpt), in bytes.
    pub const MAX_EXCERPT_BYTES: usize = 1024;

    fn is_api(&self, status: StatusCode, code: RpcCode) -> bool {
        self.0.kind == ErrorKind::Api && (self.status() == Some(status) || self.rpc_code() == Some(code))
    }

    pub(crate) fn api(
        about: About,
        status: StatusCode,
        api: ApiError,
        retry_after: Option<Duration>,
        body_excerpt: String,
    ) -> Self {
        let response = Response { status, api, retry_after, body_excerpt };
        Self::of_parts(ErrorKind::Api, about, Some(response), None)
    }

    pub(crate) fn unexpected(
        about: About,
        status: StatusCode,
        body_excerpt: String,
        source: impl Into<BoxError>,
    ) -> Self {
        let response = Response { status, api: ApiError::Other, retry_after: None, body_excerpt };
        Self::of_parts(ErrorKind::UnexpectedResponse, about, Some(response), Some(source.into().into()))
    }

    #[must_use]
    pub(crate) fn unsent(mut self, unsent: bool) -> Self {
        self.0.unsent = unsent;
        self
    }

    #[must_use]
    pub(crate) fn with_attempts(mut self, attempts: Attempts) -> Self {
        self.0.attempts = attempts;
        self
    }

    #[must_use]
    pub(crate) fn of(mut self, about: About) -> Self {
        self.0.about = about;
        self
    }

    #[must_use]
    pub(crate) fn without(mut self, secrets: &Secrets<'_>) -> Self {
        if let Some(response) = &mut self.0.response {
            secrets.scrub_beginning(&mut response.body_excerpt, Self::MAX_EXCERPT_BYTES);
            match &mut response.api {
                ApiError::Rpc(status) => {
                    secrets.scrub_beginning(&mut status.message, Self::MAX_EXCERPT_BYTES);
                    status.details.iter_mut().for_each(|detail| secrets.scrub_json(detail));
                }
                ApiError::OAuth(error) => {
                    secrets.scrub_beginning(&mut error.error, Self::MAX_EXCERPT_BYTES);
                    if let Some(description) = &mut error.description {
                        secrets.scrub_beginning(description, Self::MAX_EXCERPT_BYTES);
                    }
                }
                ApiError::Other => {}
            }
        }
        if let Some(text) = self.source().and_then(|source| secrets.scrubbed_chain(source)) {
            self.0.source = Some(BoxError::from(text).into());
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Repr { kind, about, attempts, response, .. } = &*self.0;
        let mut part = |before: &str, part: &dyn fmt::Display, after: &str| write!(f, "{before}{part}{after}");
        match (kind, response) {
            (ErrorKind::Api, Some(response)) => part("HTTP ", &response.status, ": ")?,
            (ErrorKind::UnexpectedResponse, Some(response)) => {
                part("unexpected response, HTTP ", &response.status, ": ")?
            }
            _ => part("", &kind.term(), ": ")?,
        }
        part("", &about.operation, "")?;
        match self.api_error() {
            Some(ApiError::Rpc(status)) => {
                if let Some(code) = &status.code {
                    part(": code ", code, "")?;
                }
                if !status.message.is_empty() {
                    part(": ", &status.message, "")?;
                }
            }
            Some(ApiError::OAuth(error)) => {
                part(": ", &error.error, "")?;
                if let Some(description) = &error.description {
                    part(" (", description, ")")?;
                }
            }
            Some(ApiError::Other) | None => {}
        }
        if attempts.count > 1 {
            part(" [after ", &attempts.count, " attempts]")?;
        }
        if self.may_have_been_processed() && *kind != ErrorKind::UnexpectedResponse {
            f.write_str(" [the request may have been processed]")?;
        }
        Ok(())
    }
}

impl ErrorKind {
    fn term(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid request",
            Self::Connect => "cannot connect",
            Self::Timeout => "timed out",
            Self::Interrupted => "connection lost",
            Self::RequestBody => "cannot read the request body",
            Self::ResponseTooLarge => "response too large",
            Self::Transport => "transport failed",
            Self::Api => "error response",
            Self::UnexpectedResponse => "unexpected response",
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug
            .field("kind", &self.0.kind)
            .field("operation", &self.0.about.operation)
            .field("attempts", &self.0.attempts.count);
        if let Some(response) = &self.0.response {
            debug
                .field("status", &response.status)
                .field("api_error", &response.api)
                .field("retry_after", &response.retry_after)
                .field("body_excerpt", &response.body_excerpt);
        }
        debug.field("source", &self.0.source).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
