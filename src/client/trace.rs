use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};

#[cfg(feature = "tracing")]
use crate::error::ErrorKind;
use crate::error::{Attempts, Error};
use crate::request::{BaseUrl, Metadata};
use crate::transport::TransportError;

pub(super) struct CallSpan {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

#[cfg(feature = "tracing")]
impl CallSpan {
    pub(super) fn new(operation: &Metadata, base_url: &BaseUrl) -> Self {
        use tracing::field::Empty;
        // `otel.*` are names of `tracing-opentelemetry`.
        let span = tracing::info_span!(
            "call",
            otel.name = %operation,
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = operation.method().as_str(),
            http.request.resend_count = Empty,
            http.response.status_code = Empty,
            server.address = Empty,
            server.port = Empty,
            url.scheme = Empty,
            url.template = operation.path(),
            "error.type" = Empty,
            kenar.operation = operation.name(),
        );
        if !span.is_disabled() {
            if let Ok(uri) = base_url.as_str().parse::<http::Uri>() {
                let is_https = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
                span.record("url.scheme", if is_https { "https" } else { "http" });
                span.record("server.address", uri.host().unwrap_or_default().trim_matches(['[', ']']));
                span.record("server.port", uri.port_u16().unwrap_or(if is_https { 443 } else { 80 }));
            }
        }
        Self { span }
    }

    pub(super) fn around<F: Future>(&self, call: F) -> impl Future<Output = F::Output> + use<F> {
        tracing::Instrument::instrument(call, self.span.clone())
    }

    pub(super) fn responded(&self, status: StatusCode, attempts: Attempts) {
        self.span.record("http.response.status_code", status.as_u16());
        self.attempts(attempts.count);
    }

    pub(super) fn failed(&self, error: &Error) {
        if self.span.is_disabled() {
            return;
        }
        self.span.record("otel.status_code", "ERROR");
        self.attempts(error.attempts());
        match (error.kind(), error.status()) {
            (ErrorKind::Api, Some(status)) => self.span.record("error.type", status.as_str()),
            (kind, _) => self.span.record("error.type", error_type(kind)),
        };
    }

    /// The conventions count only resends.
    fn attempts(&self, attempts: u32) {
        if attempts > 1 {
            self.span.record("http.request.resend_count", attempts.saturating_sub(1));
        }
    }
}

#[cfg(feature = "tracing")]
fn error_type(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidRequest => "invalid_request",
        ErrorKind::Connect => "connect",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Interrupted => "interrupted",
        ErrorKind::RequestBody => "request_body",
        ErrorKind::ResponseTooLarge => "response_too_large",
        ErrorKind::Transport => "transport",
        ErrorKind::Api => "api",
        ErrorKind::UnexpectedResponse => "unexpected_response",
    }
}

#[cfg(not(feature = "tracing"))]
impl CallSpan {
    pub(super) fn new(_: &Metadata, _: &BaseUrl) -> Self {
        Self {}
    }

    pub(super) fn around<F: Future>(&self, call: F) -> F {
        call
    }

    pub(super) fn responded(&self, _: StatusCode, _: Attempts) {}

    pub(super) fn failed(&self, _: &Error) {}
}

#[cfg(feature = "tracing")]
pub(super) fn attempt(operation: &'static str, number: u32, outcome: &Result<Response<Bytes>, TransportError>) {
    match outcome {
        Ok(response) => {
            let status = response.status().as_u16();
            tracing::debug!(operation, attempt = number, status, "response received");
        }
        Err(error) => tracing::debug!(operation, attempt = number, failure = %error.kind(), "attempt failed"),
    }
}

#[cfg(not(feature = "tracing"))]
pub(super) fn attempt(_: &'static str, _: u32, _: &Result<Response<Bytes>, TransportError>) {}

#[cfg(feature = "tracing")]
pub(super) fn pause(operation: &'static str, pause: Duration) {
    let milliseconds = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(operation, milliseconds, "waiting before the next attempt");
}

#[cfg(not(feature = "tracing"))]
pub(super) fn pause(_: &'static str, _: Duration) {}
