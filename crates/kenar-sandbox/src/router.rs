//! Routing of requests from add-ons and browsers to the engine.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use kenar::operation::MediaKind;

use crate::engine::{ApiError, Cut, Engine, Fault, MEDIA_PATH, Part, Received, Reply};
use crate::limited;
use crate::media::Medium;
use crate::platform::Platform;
use crate::queue::Queue;

/// The maximum size of a body in bytes, far above that of any API call.
const MAX_BODY: usize = 1 << 20;

/// Responds to a request, and returns the point at which a fault closes the connection.
pub(crate) async fn respond(
    platform: &Platform,
    queue: &Queue,
    request: Request<Body>,
) -> (Response<Bytes>, Option<Cut>) {
    let path = request.uri().path();
    let reply = match (request.method(), Engine::upload_kind(path), path.strip_prefix(MEDIA_PATH)) {
        (&Method::POST, Some(kind), _) => upload(platform, kind, request).await,
        (&Method::GET, _, Some(id)) => {
            let id = id.to_owned();
            fetch(platform, &id, request.into_parts().0).await
        }
        _ => call(platform, request).await,
    };
    queue.push(reply.deliveries);
    platform.pause(reply.delay).await;
    (reply.response, reply.cut)
}

async fn call(platform: &Platform, request: Request<Body>) -> Reply {
    let (parts, body) = request.into_parts();
    let Some(body) = limited::read(&parts.headers, body, MAX_BODY).await else {
        let received =
            Received { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body: String::new() };
        let error = ApiError::too_large(format!("the body is incomplete, or larger than {MAX_BODY} bytes"));
        return platform.change(|engine, now| engine.refuse(received, error, now));
    };
    let request = Request::from_parts(parts, body);
    let fault = arrived(platform, request.method(), request.uri().path(), request.body()).await;
    platform.change(|engine, now| engine.handle(&request, fault, now))
}

/// Takes the pending fault of a call, and waits for its delay.
async fn arrived(platform: &Platform, method: &Method, path: &str, body: &[u8]) -> Option<Fault> {
    let fault = platform.change(|engine, _| engine.fault_for(method, path, body))?;
    platform.pause(fault.wait()).await;
    Some(fault)
}

async fn fetch(platform: &Platform, id: &str, parts: Parts) -> Reply {
    let fault = arrived(platform, &parts.method, parts.uri.path(), &[]).await;
    let response = platform.media.respond(id, &parts.headers);
    let received = Received { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body: String::new() };
    platform.change(|engine, now| engine.fetched(received, response, fault, now))
}

/// Handles an upload. A body of valid size is read to the end even if the token is invalid: a client that is still sending
/// might miss the response otherwise.
async fn upload(platform: &Platform, kind: MediaKind, request: Request<Body>) -> Reply {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let authorized = platform.change(|engine, now| engine.begin_upload(kind, &parts.headers, now));
    let mut bytes = Vec::new();
    let keep = authorized.is_ok().then_some(&mut bytes);
    // The form around the file is far smaller.
    let read = match limited::fitting(&parts.headers, body, kind.max_bytes().saturating_add(MAX_BODY as u64)) {
        Some(body) => {
            let read = read_parts(Request::from_parts(parts.clone(), body), keep, kind.max_bytes()).await;
            read.map_err(ApiError::invalid)
        }
        None => Err(ApiError::file_too_large(kind)),
    };
    let file_name = read.iter().flatten().find_map(|part| part.file_name.clone()).unwrap_or_default();
    let size = read.iter().flatten().map(|part| part.size).sum::<u64>();
    let body = format!("({size} bytes of {kind})");
    let received = Received { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body };
    let outcome = authorized.and_then(|upload| Ok((upload, read?)));
    let fault = arrived(platform, &parts.method, parts.uri.path(), &[]).await;
    let (reply, token) =
        platform.change(|engine, now| engine.end_upload(received, outcome, fault, now, began.elapsed()));
    if let Some(token) = token {
        let content_type = kind.content_type(&file_name).unwrap_or_default().to_owned();
        platform.media.keep(Medium { id: token.to_string(), content_type, file_name, bytes: bytes.into() });
    }
    reply
}

async fn read_parts(request: Request<Body>, mut keep: Option<&mut Vec<u8>>, most: u64) -> Result<Vec<Part>, String> {
    let mut multipart = Multipart::from_request(request, &()).await.map_err(|error| error.body_text())?;
    let mut parts = Vec::new();
    while let Some(mut field) = multipart.next_field().await.map_err(|error| error.body_text())? {
        let [name, file_name] = [field.name(), field.file_name()].map(|text| text.map(str::to_owned));
        let mut size: u64 = 0;
        while let Some(chunk) = field.chunk().await.map_err(|error| error.body_text())? {
            size = size.saturating_add(chunk.len() as u64);
            // A file that is too large will be refused.
            if let Some(bytes) = keep.as_mut().filter(|_| size <= most) {
                bytes.extend_from_slice(&chunk);
            }
        }
        parts.push(Part { name, file_name, size });
    }
    Ok(parts)
}
