//! The sandbox's door: HTTP in, the engine asked, HTTP out.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, State};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body::{Frame, SizeHint};

use super::engine::faults::Fault;
use super::engine::{Asked, Cut, Done, Engine, MEDIA_PATH, Part, Refusal};
use super::media::Medium;
use super::page::{self, Page};
use super::platform::Platform;
use kenar::operation::MediaKind;

/// No call of the API's comes near it.
const MAX_BODY: usize = 1 << 20;

/// What is behind the door: the engine, and the chat page if there is one.
#[derive(Clone)]
struct Door {
    platform: Arc<Platform>,
    page: Option<Arc<Page>>,
}

pub(super) fn router(platform: Arc<Platform>, page: Option<Arc<Page>>) -> Router {
    Router::new().fallback(respond).layer(DefaultBodyLimit::disable()).with_state(Door { platform, page })
}

async fn respond(State(Door { platform, page }): State<Door>, request: Request<Body>) -> Response<Body> {
    if !platform.names.are_addressed(request.uri(), request.headers()) {
        return page::secured(misdirected(&platform, &request).map(Body::from));
    }
    let answered = match &page {
        Some(page) => page.answer(request).await,
        None => page::consent_asset(&request).ok_or(request),
    };
    let request = match answered {
        Ok(response) => return response,
        Err(request) => request,
    };
    let (response, cut) = answer(&platform, request).await;
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

/// Refuses a request to another host.
fn misdirected(platform: &Platform, request: &Request<Body>) -> Response<Bytes> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let refusal = Refusal::misdirected(&platform.names);
    let asked = Asked { method, uri, headers, body: String::new() };
    platform.change(|engine, now| engine.refuse(asked, refusal, now)).response
}

/// As [`respond`], with a request and an answer that are in memory.
pub(super) async fn respond_in_memory(
    platform: Arc<Platform>,
    page: Option<Arc<Page>>,
    request: Request<Bytes>,
) -> Response<Bytes> {
    let response = respond(State(Door { platform, page }), request.map(Body::from)).await;
    let (parts, body) = response.into_parts();
    // What cannot be read is cut off.
    Response::from_parts(parts, to_bytes(body, usize::MAX).await.unwrap_or_default())
}

/// Answers a request; says where the connection breaks, if it does.
pub(super) async fn answer(platform: &Platform, request: Request<Body>) -> (Response<Bytes>, Option<Cut>) {
    let path = request.uri().path();
    let done = match (request.method(), Engine::upload_kind(path), path.strip_prefix(MEDIA_PATH)) {
        (&Method::POST, Some(kind), _) => upload(platform, kind, request).await,
        (&Method::GET, _, Some(id)) => {
            let id = id.to_owned();
            fetch(platform, &id, request.into_parts().0).await
        }
        _ => call(platform, request).await,
    };
    platform.deliver_later(done.deliveries);
    platform.pause(done.manner.delay).await;
    (done.response, done.manner.cut)
}

async fn call(platform: &Platform, request: Request<Body>) -> Done {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        let asked = Asked { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body: String::new() };
        let refusal = Refusal::too_large(format!("the body is cut off, or larger than {MAX_BODY} bytes"));
        return platform.change(|engine, now| engine.refuse(asked, refusal, now));
    };
    let request = Request::from_parts(parts, body);
    let fault = arrived(platform, request.method(), request.uri().path(), request.body()).await;
    platform.change(|engine, now| engine.handle(&request, fault, now))
}

/// Takes the fault that a call meets, and waits as long as it says.
async fn arrived(platform: &Platform, method: &Method, path: &str, body: &[u8]) -> Option<Fault> {
    let fault = platform.change(|engine, _| engine.fault_for(method, path, body))?;
    platform.pause(fault.wait()).await;
    Some(fault)
}

async fn fetch(platform: &Platform, id: &str, parts: Parts) -> Done {
    let fault = arrived(platform, &parts.method, parts.uri.path(), &[]).await;
    let response = platform.media.answer(id, &parts.headers);
    let asked = Asked { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body: String::new() };
    platform.change(|engine, now| engine.fetched(asked, response, fault, now))
}

/// The bytes of an upload are read to the end also where the token is refused: a client that is still sending might not
/// see the answer otherwise.
async fn upload(platform: &Platform, kind: MediaKind, request: Request<Body>) -> Done {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let let_in = platform.change(|engine, now| engine.begin_upload(kind, &parts.headers, now));
    let mut bytes = Vec::new();
    let keep = let_in.is_ok().then_some(&mut bytes);
    let read = read_parts(Request::from_parts(parts.clone(), body), keep, kind.max_bytes()).await;
    let file_name = read.iter().flatten().find_map(|part| part.file_name.clone()).unwrap_or_default();
    let size = read.iter().flatten().map(|part| part.size).sum::<u64>();
    let body = format!("({size} bytes of {kind})");
    let asked = Asked { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body };
    let outcome = let_in.and_then(|upload| Ok((upload, read.map_err(Refusal::invalid)?)));
    let fault = arrived(platform, &parts.method, parts.uri.path(), &[]).await;
    let (done, token) = platform.change(|engine, now| engine.end_upload(asked, outcome, fault, now, began.elapsed()));
    if let Some(token) = token {
        let content_type = kind.content_type(&file_name).unwrap_or_default().to_owned();
        platform.media.keep(Medium { id: token.to_string(), content_type, file_name, bytes: bytes.into() });
    }
    done
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

/// The first half of a body, and then the end of the connection.
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
