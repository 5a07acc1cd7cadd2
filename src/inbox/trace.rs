//! Events of `tracing`, with the feature of that name: failures at `WARN`, with nothing of what people wrote.

use std::error::Error;

/// A store call failed, and is made again later.
#[cfg(feature = "tracing")]
pub(super) fn store_failed(call: &'static str, error: &(dyn Error + Send + Sync + 'static)) {
    tracing::warn!(call, error, "the inbox's store failed");
}

#[cfg(not(feature = "tracing"))]
pub(super) fn store_failed(_: &'static str, _: &(dyn Error + Send + Sync)) {}

/// An attempt to handle an event failed. The reason is in the store.
#[cfg(feature = "tracing")]
pub(super) fn attempt_failed(key: &str, attempt: u32, is_last: bool) {
    if is_last {
        tracing::warn!(key, attempt, "an event became a dead letter");
    } else {
        tracing::warn!(key, attempt, "an event was not handled, and will be retried");
    }
}

#[cfg(not(feature = "tracing"))]
pub(super) fn attempt_failed(_: &str, _: u32, _: bool) {}
