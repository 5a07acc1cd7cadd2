//! The replies and the rejection as axum responses.

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;

use super::{DynamicActionReply, OpenAppReply, Rejection};

impl IntoResponse for OpenAppReply {
    fn into_response(self) -> Response {
        Self::into_response(self).map(Body::from)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Self::into_response(self).map(Body::from)
    }
}

/// An action whose data is no JSON object is a mistake in the program: 500.
impl IntoResponse for DynamicActionReply {
    fn into_response(self) -> Response {
        match Self::into_response(self) {
            Ok(response) => response.map(Body::from),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}
