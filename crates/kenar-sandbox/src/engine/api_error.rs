//! API errors: `google.rpc.Status` as JSON.

use http::StatusCode;
use serde::Serialize;

use kenar::error::RpcCode;

/// An API error.
///
/// The platform documents only status 412 with code 9, for a recipient who blocked. All others follow the gRPC
/// convention, as a JSON gateway would; the journal marks them as guesses.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: RpcCode,
    pub(crate) message: String,
    /// The topic in the platform's documents that explains the error.
    pub(crate) topic: Option<&'static str>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: RpcCode, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), topic: None }
    }

    /// Sets the topic in the platform's documents.
    pub(crate) fn see(self, topic: &'static str) -> Self {
        Self { topic: Some(topic), ..self }
    }

    /// A missing or invalid key or token.
    pub(crate) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, RpcCode::UNAUTHENTICATED, message)
    }

    /// A missing permission or scope.
    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, RpcCode::PERMISSION_DENIED, message)
    }

    /// A missing resource or path.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, RpcCode::NOT_FOUND, message)
    }

    /// A malformed request.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, RpcCode::INVALID_ARGUMENT, message)
    }

    /// A known path with an unsupported method.
    pub(crate) fn wrong_method() -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, RpcCode::UNIMPLEMENTED, "Method Not Allowed")
    }

    /// A body that is too large.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, RpcCode::INVALID_ARGUMENT, message)
    }

    /// A request with another `Host`, perhaps from a web page that uses DNS rebinding.
    pub(crate) fn misdirected(names: &dyn std::fmt::Display) -> Self {
        let message =
            format!("invalid Host header: must be one of {names}; allow other names when you start the sandbox");
        Self::new(StatusCode::MISDIRECTED_REQUEST, RpcCode::INVALID_ARGUMENT, message)
    }

    /// The one documented error: a recipient who blocked the conversation.
    pub(crate) fn recipient_restricted() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            RpcCode::FAILED_PRECONDITION,
            "message delivery failed due to recipient's restriction",
        )
        .see("sending a message")
    }

    pub(crate) fn is_documented(&self) -> bool {
        self.status == StatusCode::PRECONDITION_FAILED
    }

    /// The body of the response: a `google.rpc.Status`.
    pub(super) fn body(&self) -> impl Serialize + '_ {
        #[derive(Serialize)]
        struct Status<'a> {
            code: i32,
            message: &'a str,
            details: [(); 0],
        }
        Status { code: self.code.0, message: &self.message, details: [] }
    }
}
