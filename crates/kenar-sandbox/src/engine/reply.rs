//! The result of a call.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::api_error::ApiError;
use super::delivery::Delivery;
use super::note::Note;

/// A response, the webhooks that follow from it, and the faults in sending it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) response: Response<Bytes>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) notes: Vec<Note>,
    pub(crate) delay: Duration,
    pub(crate) cut: Option<Cut>,
}

/// The point at which a fault closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Before,
    Midway,
}

impl Reply {
    pub(crate) fn new(response: Response<Bytes>) -> Self {
        Self { response, deliveries: Vec::new(), notes: Vec::new(), delay: Duration::ZERO, cut: None }
    }

    /// A response with status 200 and this JSON.
    pub(super) fn ok(value: &impl Serialize) -> Self {
        Self::new(json(StatusCode::OK, value))
    }

    pub(super) fn note(mut self, note: Note) -> Self {
        self.notes.push(note);
        self
    }
}

impl From<ApiError> for Reply {
    fn from(error: ApiError) -> Self {
        let mut reply = Self::new(json(error.status, &error.body()));
        if let Some(topic) = error.topic {
            reply = reply.note(Note::Documents(topic));
        }
        if error.is_documented() {
            reply
        } else {
            reply.note(Note::Guess(
                "status and code follow the gRPC convention; the platform documents none for this error",
            ))
        }
    }
}

pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Bytes> {
    match serde_json::to_vec(value) {
        Ok(body) => response(status, "application/json", body),
        Err(error) => response(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string()),
    }
}

pub(crate) fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
