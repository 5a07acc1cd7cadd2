use std::time::Duration;

use http::StatusCode;

use crate::error::BoxError;

/// The store did not confirm an event in time.
///
/// Answer it with [`status`](Self::status): the event may be lost, since Divar documents no redelivery. With the feature
/// `axum`, it is a response. It may hold what the store's library says, but nothing of the event.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Unavailable(Repr);

#[derive(Debug, thiserror::Error)]
enum Repr {
    #[error("cannot store the event: timed out after {:.1} s", .0.as_secs_f64())]
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

#[cfg(feature = "axum")]
impl axum_core::response::IntoResponse for Unavailable {
    fn into_response(self) -> axum_core::response::Response {
        self.status().into_response()
    }
}
