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
use super::page::{self, Page};
use crate::operation::MediaKind;

/// No call of the API's comes near it.
const MAX_BODY: usize = 1 << 20;

/// What is behind the door: the engine, and the chat page if there is one.
#[derive(Clone)]
struct Door {
    kenar: Arc<Kenar>,
    page: Option<Arc<Page>>,
}

pub(super) fn router(kenar: Arc<Kenar>, page: Option<Page>) -> Router {
    let door = Door { kenar, page: page.map(Arc::new) };
    Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(door)
}

async fn answer(State(Door { kenar, page }): State<Door>, request: Request<Body>) -> Response<Body> {
    let answered = match &page {
        Some(page) => page.answer(request).await,
        None => page::consent_asset(&request).ok_or(request),
    };
    let request = match answered {
        Ok(response) => return response,
        Err(request) => request,
    };
    let response = match Engine::upload_kind(request.uri().path()) {
        Some(kind) if request.method() == http::Method::POST => upload(&kenar, page.as_deref(), kind, request).await,
        _ => call(&kenar, request).await,
    };
    response.map(Body::from)
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

/// The bytes of an upload are counted as they go by, and kept only where there is a page to show them. They are read to
/// the end also where the token is refused: a client that is still sending might not see the answer otherwise.
async fn upload(kenar: &Kenar, page: Option<&Page>, kind: MediaKind, request: Request<Body>) -> Response<Bytes> {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let let_in = kenar.change(|engine, now| engine.begin_upload(kind, &parts.headers, now));
    let mut bytes = Vec::new();
    let keep = page.map(|_| &mut bytes).filter(|_| let_in.is_ok());
    let read = read_parts(Request::from_parts(parts.clone(), body), keep, kind.max_bytes()).await;
    let file_name = read.iter().flatten().find_map(|part| part.file_name.clone()).unwrap_or_default();
    let size = read.iter().flatten().map(|part| part.size).sum::<u64>();
    let body = format!("({size} bytes of {kind})");
    let asked = Asked { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body };
    let outcome = let_in.and_then(|upload| Ok((upload, read.map_err(Refusal::invalid)?)));
    let response = kenar.change(|engine, now| engine.end_upload(asked, outcome, now, began.elapsed()));
    if let Some(page) = page {
        page.keep_upload(kind, file_name, bytes.into(), &response);
    }
    response
}

async fn read_parts(request: Request<Body>, mut keep: Option<&mut Vec<u8>>, most: u64) -> Result<Vec<Part>, String> {
    let mut multipart = Multipart::from_request(request, &()).await.map_err(|error| error.body_text())?;
    let mut parts = Vec::new();
    while let Some(mut field) = multipart.next_field().await.map_err(|error| error.body_text())? {
        let [name, file_name] = [field.name(), field.file_name()].map(|text| text.map(str::to_owned));
        let mut size: u64 = 0;
        while let Some(chunk) = field.chunk().await.map_err(|error| error.body_text())? {
            size = size.saturating_add(chunk.len() as u64);
            // What is too large will be refused.
            if let Some(bytes) = keep.as_mut().filter(|_| size <= most) {
                bytes.extend_from_slice(&chunk);
            }
        }
        parts.push(Part { name, file_name, size });
    }
    Ok(parts)
}
