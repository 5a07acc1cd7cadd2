//! The replies and the rejection as axum responses.

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};

use super::{DynamicActionReply, OpenAppReply, Rejection};

impl IntoResponse for OpenAppReply {
    fn into_response(self) -> Response {
        self.into_http_response().map(Body::from)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.into_http_response().map(Body::from)
    }
}

impl IntoResponse for DynamicActionReply {
    fn into_response(self) -> Response {
        self.into_http_response().map(Body::from)
    }
}
