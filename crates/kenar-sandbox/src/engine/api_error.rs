//! What the API answers: JSON, and for a refusal a `google.rpc.Status`.

use http::StatusCode;
use serde::Serialize;

use kenar::error::RpcCode;

/// A call refused.
///
/// The platform documents one status of its API's: 412 with code 9 for a recipient who blocked. All the others here are
/// the gRPC convention, as the gateway before Divar's server would answer: a guess, and marked so in the journal.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: RpcCode,
    pub(crate) message: String,
    /// The documents that say what was wrong.
    pub(crate) topic: Option<&'static str>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: RpcCode, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), topic: None }
    }

    /// Names the documents that say what was wrong.
    pub(crate) fn see(self, topic: &'static str) -> Self {
        Self { topic: Some(topic), ..self }
    }

    /// A key or token that is missing or not valid.
    pub(crate) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, RpcCode::UNAUTHENTICATED, message)
    }

    /// A key without the permission, or a token without the scope.
    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, RpcCode::PERMISSION_DENIED, message)
    }

    /// What is named does not exist.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, RpcCode::NOT_FOUND, message)
    }

    /// The request is malformed.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, RpcCode::INVALID_ARGUMENT, message)
    }

    /// There is such a path, but not with this method.
    pub(crate) fn wrong_method() -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, RpcCode::UNIMPLEMENTED, "Method Not Allowed")
    }

    /// The body is larger than what is read.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, RpcCode::INVALID_ARGUMENT, message)
    }

    /// The request is for another host: a page elsewhere may be behind it, by a host name that leads here.
    pub(crate) fn misdirected(names: &dyn std::fmt::Display) -> Self {
        let message = format!("the Host header must be one of {names}: other names have to be asked for at the start");
        Self::new(StatusCode::MISDIRECTED_REQUEST, RpcCode::INVALID_ARGUMENT, message)
    }

    /// The one that is documented.
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
