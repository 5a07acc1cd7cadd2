//! Events of `tracing`, with the feature `tracing`: failures at `WARN`, without message contents.

use std::error::Error;

#[cfg(feature = "tracing")]
pub(super) fn store_failed(call: &'static str, error: &(dyn Error + Send + Sync + 'static)) {
    tracing::warn!(call, error, "inbox store failed");
}

#[cfg(not(feature = "tracing"))]
pub(super) fn store_failed(_: &'static str, _: &(dyn Error + Send + Sync)) {}

#[cfg(feature = "tracing")]
pub(super) fn attempt_failed(key: &str, attempt: u32, is_last: bool) {
    if is_last {
        tracing::warn!(key, attempt, "event became a dead letter");
    } else {
        tracing::warn!(key, attempt, "event handler failed and will be retried");
    }
}

#[cfg(not(feature = "tracing"))]
pub(super) fn attempt_failed(_: &str, _: u32, _: bool) {}
