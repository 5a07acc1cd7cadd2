//! What is told to `tracing`, with the feature of that name: operations, attempts and statuses, and nothing that was sent
//! or answered.

use std::time::Duration;

use bytes::Bytes;
use http::Response;

use crate::transport::TransportError;

/// One attempt and what came of it, at the level `DEBUG`.
#[cfg(feature = "tracing")]
pub(super) fn attempt(operation: &'static str, number: u32, outcome: &Result<Response<Bytes>, TransportError>) {
    match outcome {
        Ok(response) => {
            let status = response.status().as_u16();
            tracing::debug!(operation, attempt = number, status, "Divar answered");
        }
        Err(error) => tracing::debug!(operation, attempt = number, failure = %error.kind(), "no answer"),
    }
}

#[cfg(not(feature = "tracing"))]
pub(super) fn attempt(_: &'static str, _: u32, _: &Result<Response<Bytes>, TransportError>) {}

/// A pause before the next attempt, at the level `DEBUG`.
#[cfg(feature = "tracing")]
pub(super) fn pause(operation: &'static str, pause: Duration) {
    let milliseconds = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(operation, milliseconds, "waiting before the next attempt");
}

#[cfg(not(feature = "tracing"))]
pub(super) fn pause(_: &'static str, _: Duration) {}
