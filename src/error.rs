//! What went wrong with a call, said so that it can be acted on.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use crate::redact::Secrets;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// A failure of a store, as its library reports it.
pub type StoreError = Box<dyn StdError + Send + Sync>;

/// A call to Divar that did not succeed.
///
/// It says which operation it was, what Divar answered, how many attempts were made, and whether Divar may have done
/// what was asked all the same. It holds no secret: not the keys and tokens of the request, and not those of an answer.
/// A clone says the same, for everyone who waited for one call.
/// The guide says [what to do about which](crate::guide::errors).
///
/// ```
/// # fn log_and_move_on() {} fn ask_again() {} fn later(_: Option<std::time::Duration>) {}
/// # fn handle(result: Result<(), kenar::Error>) -> Result<(), kenar::Error> {
/// match result {
///     Err(error) if error.is_recipient_restricted() => log_and_move_on(),
///     Err(error) if error.needs_new_permission() => ask_again(),
///     Err(error) if error.is_rate_limited() => later(error.retry_after()),
///     other => return other,
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Error(Box<Repr>);

#[derive(Clone)]
struct Repr {
    kind: ErrorKind,
    about: About,
    attempts: u32,
    /// Whether an attempt before the last one may have been processed.
    processed_before: bool,
    /// Whether the server cannot have seen the whole request of the last attempt.
    unsent: bool,
    answer: Option<Answer>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The attempts that a call took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempts {
    pub(crate) count: u32,
    /// Whether one before the last may have been processed.
    pub(crate) processed_before: bool,
}

/// The operation of a call, as far as errors tell it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(crate) operation: &'static str,
    /// It was made with a user's access token.
    pub(crate) by_user: bool,
    /// It was addressed to a person.
    pub(crate) to_recipient: bool,
}

/// What Divar answered, as far as it is kept.
#[derive(Clone)]
struct Answer {
    status: StatusCode,
    api: ApiError,
    retry_after: Option<Duration>,
    body_excerpt: String,
}

/// The kind of an [`Error`].
///
/// | kind | may Divar have processed the request? |
/// |---|---|
/// | [`InvalidRequest`](Self::InvalidRequest), [`Connect`](Self::Connect) | no: nothing was sent |
/// | [`RequestBody`](Self::RequestBody) | no: the request was never completed |
/// | [`Timeout`](Self::Timeout), [`Interrupted`](Self::Interrupted) | yes, unless the body was still being sent |
/// | [`ResponseTooLarge`](Self::ResponseTooLarge), [`UnexpectedResponse`](Self::UnexpectedResponse) | yes |
/// | [`Transport`](Self::Transport) | yes, unless the transport says otherwise |
/// | [`Api`](Self::Api) | after 5xx, 303 and the gRPC codes of a failed server; after any other error not |
///
/// An earlier attempt of the same call counts as well. [`Error::may_have_been_processed`] takes all of it into account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request could not be built, and nothing was sent: an identifier that no path can hold, an empty text.
    InvalidRequest,
    /// No request was begun: no connection was made, or the call timed out before there was one.
    Connect,
    /// The request timed out.
    Timeout,
    /// The connection was lost after something may have been sent.
    Interrupted,
    /// The request's body could not be read to its end: a file that is missing or changed, a reader that failed. The
    /// cause is on this side, and the request was never completed.
    RequestBody,
    /// The response was larger than the transport allows.
    ResponseTooLarge,
    /// The transport failed in another way.
    Transport,
    /// Divar answered with an error: [`Error::status`] and [`Error::api_error`] say which.
    Api,
    /// Divar answered with a success that cannot be understood, such as an HTML page.
    UnexpectedResponse,
}

/// What Divar said in an error answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ApiError {
    /// A `google.rpc.Status`, as the REST API answers.
    Rpc(RpcStatus),
    /// An RFC 6749 error, as the token endpoint answers.
    OAuth(OAuthError),
    /// Neither of them: a page of a front end, or nothing. See [`Error::body_excerpt`].
    Other,
}

/// A [`google.rpc.Status`](https://google.aip.dev/193): a code, a text, and details.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RpcStatus {
    /// The code, where there is one. It is not derived from the HTTP status, nor is the status from it: Divar pairs 412
    /// with [`RpcCode::FAILED_PRECONDITION`], the usual gateway 400.
    pub code: Option<RpcCode>,
    /// What Divar says, in English; cut after [`Error::MAX_EXCERPT_BYTES`].
    pub message: String,
    /// More of it; what is in here is not documented. Empty where it is longer than 16 KiB.
    pub details: Vec<Value>,
}

/// An RFC 6749 error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthError {
    /// The error code, such as `invalid_grant`.
    pub error: String,
    /// What the server says about it.
    pub description: Option<String>,
}

/// A [gRPC status code](https://grpc.io/docs/guides/status-codes/).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RpcCode(pub i32);

macro_rules! rpc_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        impl RpcCode {
            $($(#[$doc])* pub const $name: Self = Self($code);)*

            /// The name of the code, `None` for one that gRPC does not define.
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
    /// The time ran out at Divar's side.
    DEADLINE_EXCEEDED = 4,
    /// What is named does not exist.
    NOT_FOUND = 5,
    /// It exists already.
    ALREADY_EXISTS = 6,
    /// The API key or the access token does not permit it.
    PERMISSION_DENIED = 7,
    /// A limit is reached.
    RESOURCE_EXHAUSTED = 8,
    /// The state of things forbids it; on a send, a restriction of the recipient.
    FAILED_PRECONDITION = 9,
    /// The call ran into another one.
    ABORTED = 10,
    /// A value is out of range.
    OUT_OF_RANGE = 11,
    /// There is no such operation.
    UNIMPLEMENTED = 12,
    /// Divar's own failure.
    INTERNAL = 13,
    /// Divar is not available for now.
    UNAVAILABLE = 14,
    /// Data was lost.
    DATA_LOSS = 15,
    /// The API key or the access token is missing or not valid.
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
    /// A failure with no answer of Divar's in it: what an [`HttpTransport`](crate::transport::HttpTransport) or an
    /// [`Operation`](crate::request::Operation) of yours reports.
    #[must_use]
    pub fn new(kind: ErrorKind, operation: &'static str, source: impl Into<BoxError>) -> Self {
        Self(Box::new(Repr {
            kind,
            about: About { operation, by_user: false, to_recipient: false },
            attempts: u32::from(kind != ErrorKind::InvalidRequest),
            processed_before: false,
            unsent: false,
            answer: None,
            source: Some(source.into().into()),
        }))
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation, by its [`name`](crate::request::Metadata::name).
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.about.operation
    }

    /// The HTTP status of Divar's answer, where there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.answer.as_ref().map(|answer| answer.status)
    }

    /// What Divar said, where it answered with an error.
    #[must_use]
    pub fn api_error(&self) -> Option<&ApiError> {
        match self.0.kind {
            ErrorKind::Api => self.0.answer.as_ref().map(|answer| &answer.api),
            _ => None,
        }
    }

    /// The gRPC code of Divar's answer, where it had one.
    #[must_use]
    pub fn rpc_code(&self) -> Option<RpcCode> {
        match self.api_error()? {
            ApiError::Rpc(status) => status.code,
            _ => None,
        }
    }

    /// The beginning of an answer of no known form, for a log: at most
    /// [`MAX_EXCERPT_BYTES`](Self::MAX_EXCERPT_BYTES), and with the secrets of the request taken out. Empty where there
    /// was no answer, and where a success is JSON, or may hold a secret: what people wrote is not for a log.
    #[must_use]
    pub fn body_excerpt(&self) -> &str {
        self.0.answer.as_ref().map_or("", |answer| &answer.body_excerpt)
    }

    /// How many times the request was given to the transport.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether Divar may have done what was asked, in any of the attempts, although the call failed. Where it is
    /// `false`, asking again cannot repeat anything.
    #[must_use]
    pub fn may_have_been_processed(&self) -> bool {
        if self.0.processed_before {
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

    /// Whether an error answer leaves open what was done: Divar's own failures do, and so does 303, which sends elsewhere
    /// for the outcome.
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

    /// Whether Divar refused to deliver the message because of the recipient: one of the two sides blocked the other,
    /// or is banned from the chat. The platform documents status 412 with code 9 for it; either of them counts, for a
    /// message. Sending again does not help.
    #[must_use]
    pub fn is_recipient_restricted(&self) -> bool {
        self.0.about.to_recipient && self.is_api(StatusCode::PRECONDITION_FAILED, RpcCode::FAILED_PRECONDITION)
    }

    /// Whether a limit of your app's is reached: calls per minute, or the daily quota.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.is_api(StatusCode::TOO_MANY_REQUESTS, RpcCode::RESOURCE_EXHAUSTED)
    }

    /// How long Divar asked to wait before the next attempt, where it did.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.answer.as_ref()?.retry_after
    }

    /// Whether the user's permission is expired, revoked or too small for the call: refresh the tokens, and where that
    /// fails too, ask for permission again.
    ///
    /// True for a call made with a user's token that was answered 401, 403 or the corresponding gRPC codes, and for
    /// [`invalid_grant`](Self::is_invalid_grant). Divar does not document its answer, and an API key that lacks the
    /// operation's permission may look the same: where fresh tokens do not help, look at the key.
    #[must_use]
    pub fn needs_new_permission(&self) -> bool {
        self.is_invalid_grant()
            || self.0.about.by_user
                && (self.is_api(StatusCode::UNAUTHORIZED, RpcCode::UNAUTHENTICATED)
                    || self.is_api(StatusCode::FORBIDDEN, RpcCode::PERMISSION_DENIED))
    }

    /// Whether the token endpoint refused the code or the refresh token: expired, used before, revoked, or exchanged
    /// with a redirect URI other than the one that permission was asked with.
    #[must_use]
    pub fn is_invalid_grant(&self) -> bool {
        matches!(self.api_error(), Some(ApiError::OAuth(error)) if error.error == "invalid_grant")
    }

    /// The greatest length of [`body_excerpt`](Self::body_excerpt).
    pub const MAX_EXCERPT_BYTES: usize = 1024;

    fn is_api(&self, status: StatusCode, code: RpcCode) -> bool {
        self.0.kind == ErrorKind::Api && (self.status() == Some(status) || self.rpc_code() == Some(code))
    }

    /// Divar's error answer.
    pub(crate) fn api(
        about: About,
        status: StatusCode,
        api: ApiError,
        retry_after: Option<Duration>,
        body_excerpt: String,
    ) -> Self {
        let answer = Answer { status, api, retry_after, body_excerpt };
        Self(Box::new(Repr {
            kind: ErrorKind::Api,
            about,
            attempts: 1,
            processed_before: false,
            unsent: false,
            answer: Some(answer),
            source: None,
        }))
    }

    /// A success that cannot be understood.
    pub(crate) fn unexpected(
        about: About,
        status: StatusCode,
        body_excerpt: String,
        source: impl Into<BoxError>,
    ) -> Self {
        let mut error = Self::new(ErrorKind::UnexpectedResponse, about.operation, source).of(about);
        error.0.answer = Some(Answer { status, api: ApiError::Other, retry_after: None, body_excerpt });
        error
    }

    /// Says that the server cannot have seen the whole request of the last attempt.
    #[must_use]
    pub(crate) fn unsent(mut self, unsent: bool) -> Self {
        self.0.unsent = unsent;
        self
    }

    #[must_use]
    pub(crate) fn with_attempts(mut self, attempts: Attempts) -> Self {
        self.0.attempts = attempts.count;
        self.0.processed_before = attempts.processed_before;
        self
    }

    /// Says which operation it was.
    #[must_use]
    pub(crate) fn of(mut self, about: About) -> Self {
        self.0.about = about;
        self
    }

    /// Takes the secrets of the request out of whatever the answer, or the HTTP stack, said.
    #[must_use]
    pub(crate) fn without(mut self, secrets: &Secrets<'_>) -> Self {
        if let Some(answer) = &mut self.0.answer {
            secrets.scrub_beginning(&mut answer.body_excerpt, Self::MAX_EXCERPT_BYTES);
            match &mut answer.api {
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
        if let Some(said) = self.source().and_then(|source| secrets.scrubbed_chain(source)) {
            self.0.source = Some(BoxError::from(said).into());
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Repr { kind, about: About { operation, .. }, attempts, answer, .. } = &*self.0;
        write!(f, "{operation}: ")?;
        match (kind, answer) {
            (ErrorKind::Api, Some(answer)) => {
                write!(f, "Divar answered {}", answer.status)?;
                match &answer.api {
                    ApiError::Rpc(status) => {
                        if let Some(code) = status.code {
                            write!(f, ", code {code}")?;
                        }
                        if !status.message.is_empty() {
                            write!(f, ": {}", status.message)?;
                        }
                    }
                    ApiError::OAuth(error) => {
                        write!(f, ": {}", error.error)?;
                        if let Some(description) = &error.description {
                            write!(f, " ({description})")?;
                        }
                    }
                    ApiError::Other => {}
                }
            }
            (ErrorKind::UnexpectedResponse, Some(answer)) => {
                write!(f, "Divar answered {}, with a body that cannot be understood", answer.status)?;
            }
            (kind, _) => f.write_str(kind.sentence())?,
        }
        if *attempts > 1 {
            write!(f, " [after {attempts} attempts]")?;
        }
        if self.may_have_been_processed() && *kind != ErrorKind::UnexpectedResponse {
            f.write_str(" [may have been processed]")?;
        }
        Ok(())
    }
}

impl ErrorKind {
    fn sentence(self) -> &'static str {
        match self {
            Self::InvalidRequest => "the request cannot be built",
            Self::Connect => "cannot connect",
            Self::Timeout => "timed out",
            Self::Interrupted => "connection lost",
            Self::RequestBody => "cannot read the request body",
            Self::ResponseTooLarge => "the answer is too large",
            Self::Transport => "the transport failed",
            Self::Api => "Divar answered with an error",
            Self::UnexpectedResponse => "Divar's answer cannot be understood",
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug
            .field("kind", &self.0.kind)
            .field("operation", &self.0.about.operation)
            .field("attempts", &self.0.attempts);
        if let Some(answer) = &self.0.answer {
            debug
                .field("status", &answer.status)
                .field("api_error", &answer.api)
                .field("retry_after", &answer.retry_after)
                .field("body_excerpt", &answer.body_excerpt);
        }
        debug.field("source", &self.0.source).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
