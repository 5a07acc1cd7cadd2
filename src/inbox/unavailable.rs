use std::time::Duration;

use http::StatusCode;

use crate::error::BoxError;

/// The error for an event that the store did not confirm in time.
///
/// Respond with [`status`](Self::status); with the feature `axum` or `actix`, the error is a response itself. The event
/// may be lost, because Divar documents no redelivery. The error may contain the store library's message, never the
/// event.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Unavailable(Repr);

#[derive(Debug, thiserror::Error)]
enum Repr {
    #[error("timed out after {:.1} s: cannot store the event", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("cannot store the event")]
    Failed(#[source] BoxError),
}

impl Unavailable {
    pub(super) fn timed_out(limit: Duration) -> Self {
        Self(Repr::TimedOut(limit))
    }

    pub(super) fn failed(source: impl Into<BoxError>) -> Self {
        Self(Repr::Failed(source.into()))
    }

    /// 503.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

#[cfg(feature = "actix")]
impl actix_web::ResponseError for Unavailable {
    fn status_code(&self) -> actix_web::http::StatusCode {
        actix_web::http::StatusCode::SERVICE_UNAVAILABLE
    }

    /// The body is empty: the error may contain the store's message.
    fn error_response(&self) -> actix_web::HttpResponse {
        actix_web::HttpResponse::ServiceUnavailable().finish()
    }
}

#[cfg(feature = "axum")]
impl axum_core::response::IntoResponse for Unavailable {
    fn into_response(self) -> axum_core::response::Response {
        self.status().into_response()
    }
}
