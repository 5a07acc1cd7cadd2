//! The HTTP server: the chat page, if it is enabled, and the platform.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, State};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};

use crate::engine::{ApiError, Cut, Received};
use crate::page::{self, ChatPage};
use crate::router;
use crate::shared::Shared;

/// The state of the HTTP server.
#[derive(Clone)]
struct Served {
    shared: Arc<Shared>,
    page: Option<Arc<ChatPage>>,
}

pub(crate) fn router(shared: Arc<Shared>, page: Option<Arc<ChatPage>>) -> Router {
    Router::new().fallback(respond).layer(DefaultBodyLimit::disable()).with_state(Served { shared, page })
}

async fn respond(State(Served { shared, page }): State<Served>, request: Request<Body>) -> Response<Body> {
    if !shared.platform.names.are_addressed(request.uri(), request.headers()) {
        return page::secured(misdirected(&shared, &request).map(Body::from));
    }
    let handled = match &page {
        Some(page) => page.respond(request).await,
        None => page::consent_asset(&request).ok_or(request),
    };
    let request = match handled {
        Ok(response) => return response,
        Err(request) => request,
    };
    let (response, cut) = router::respond(&shared.platform, &shared.queue, request).await;
    match cut {
        None => response.map(Body::from),
        Some(Cut::Midway) => response.map(|whole| Body::new(CutOff(whole))),
        Some(cut) => {
            let mut response = Response::new(Body::empty());
            response.extensions_mut().insert(cut);
            response
        }
    }
}

/// Refuses a request with another `Host`.
fn misdirected(shared: &Shared, request: &Request<Body>) -> Response<Bytes> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let error = ApiError::misdirected(&shared.platform.names);
    let received = Received { method, uri, headers, body: String::new() };
    shared.platform.change(|engine, now| engine.refuse(received, error, now)).response
}

/// Like [`respond`], with bodies in memory.
pub(crate) async fn respond_in_memory(
    shared: Arc<Shared>,
    page: Option<Arc<ChatPage>>,
    request: Request<Bytes>,
) -> Response<Bytes> {
    let response = respond(State(Served { shared, page }), request.map(Body::from)).await;
    let (parts, body) = response.into_parts();
    // Only a fault makes the body unreadable; it is empty then.
    Response::from_parts(parts, to_bytes(body, usize::MAX).await.unwrap_or_default())
}

/// A body that fails after its first half, which closes the connection.
struct CutOff(Bytes);

impl http_body::Body for CutOff {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let half = self.0.len() / 2;
        Poll::Ready(Some(if half == 0 {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            let first = self.0.split_to(half);
            self.0.clear();
            Ok(Frame::data(first))
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}
