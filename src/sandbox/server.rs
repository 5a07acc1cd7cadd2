//! The sandbox's door: HTTP in, the engine asked, HTTP out.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, State};
use bytes::Bytes;
use http::{Request, Response};

use super::engine::{Asked, Engine, Part, Refusal};
use super::kenar::Kenar;
use crate::operation::MediaKind;

/// No call of the API's comes near it.
const MAX_BODY: usize = 1 << 20;

pub(super) fn router(kenar: Arc<Kenar>) -> Router {
    Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(kenar)
}

async fn answer(State(kenar): State<Arc<Kenar>>, request: Request<Body>) -> Response<Body> {
    let response = match Engine::upload_kind(request.uri().path()) {
        Some(kind) if request.method() == http::Method::POST => upload(&kenar, kind, request).await,
        _ => call(&kenar, request).await,
    };
    response.map(Body::from)
}

/// As [`answer`], for a request that is in memory. So is the answer.
pub(super) async fn answer_in_memory(kenar: Arc<Kenar>, request: Request<Bytes>) -> Response<Bytes> {
    let (parts, body) = answer(State(kenar), request.map(Body::from)).await.into_parts();
    // An answer that is in memory can be read.
    Response::from_parts(parts, to_bytes(body, usize::MAX).await.unwrap_or_default())
}

async fn call(kenar: &Kenar, request: Request<Body>) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        let asked = Asked { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body: String::new() };
        let refusal = Refusal::too_large(format!("the body is cut off, or larger than {MAX_BODY} bytes"));
        return kenar.change(|engine, now| engine.refuse(asked, refusal, now));
    };
    let request = Request::from_parts(parts, body);
    let done = kenar.change(|engine, now| engine.handle(&request, now));
    kenar.deliver_later(done.deliveries);
    done.response
}

/// The bytes of an upload are counted as they go by, and not kept. They are read to the end also where the token is
/// refused: a client that is still sending might not see the answer otherwise.
async fn upload(kenar: &Kenar, kind: MediaKind, request: Request<Body>) -> Response<Bytes> {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let let_in = kenar.change(|engine, now| engine.begin_upload(kind, &parts.headers, now));
    let read = read_parts(Request::from_parts(parts.clone(), body)).await;
    let size = read.iter().flatten().map(|part| part.size).sum::<u64>();
    let body = format!("({size} bytes of {kind})");
    let asked = Asked { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body };
    let outcome = let_in.and_then(|upload| Ok((upload, read.map_err(Refusal::invalid)?)));
    kenar.change(|engine, now| engine.end_upload(asked, outcome, now, began.elapsed()))
}

async fn read_parts(request: Request<Body>) -> Result<Vec<Part>, String> {
    let mut multipart = Multipart::from_request(request, &()).await.map_err(|error| error.body_text())?;
    let mut parts = Vec::new();
    while let Some(mut field) = multipart.next_field().await.map_err(|error| error.body_text())? {
        let [name, file_name] = [field.name(), field.file_name()].map(|text| text.map(str::to_owned));
        let mut size: u64 = 0;
        while let Some(chunk) = field.chunk().await.map_err(|error| error.body_text())? {
            size = size.saturating_add(chunk.len() as u64);
        }
        parts.push(Part { name, file_name, size });
    }
    Ok(parts)
}
