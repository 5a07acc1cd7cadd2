use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};

use super::{HttpTransport, TransportError, TransportErrorKind};
use crate::request::Body;

/// An [`HttpTransport`] for tests that returns prepared responses in order and records the requests.
///
/// It suits a test of one response. To test a whole flow, use the crate `kenar-sandbox`, which behaves as the platform does.
///
/// Clones share their responses and requests. Without a prepared response, it fails as
/// [`Other`](TransportErrorKind::Other), which is not retried.
#[derive(Clone, Default)]
pub struct MockTransport(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    responses: VecDeque<Result<Response<Bytes>, TransportError>>,
    requests: Vec<Request<Bytes>>,
}

impl MockTransport {
    /// Creates a transport without responses.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Prepares a JSON response. An invalid status, such as 42, becomes 500.
    pub fn respond_json(&self, status: u16, json: &serde_json::Value) {
        let mut response = Response::new(Bytes::from(json.to_string()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.respond(response);
    }

    /// Prepares a response.
    pub fn respond(&self, response: Response<Bytes>) {
        self.state().responses.push_back(Ok(response));
    }

    /// Prepares a failure.
    pub fn fail(&self, kind: TransportErrorKind) {
        self.state().responses.push_back(Err(TransportError::new(kind)));
    }

    /// The recorded requests with their whole bodies.
    #[must_use]
    pub fn requests(&self) -> Vec<Request<Bytes>> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MockTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MockTransport")
            .field("responses_left", &state.responses.len())
            .field("requests", &state.requests.len())
            .finish()
    }
}

#[async_trait]
impl HttpTransport for MockTransport {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        let (parts, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|error| TransportError::with_source(TransportErrorKind::RequestBody, error))?;
        let mut state = self.state();
        state.requests.push(Request::from_parts(parts, body));
        state.responses.pop_front().unwrap_or_else(|| {
            Err(TransportError::with_source(TransportErrorKind::Other, "the mock has no prepared response left"))
        })
    }
}
