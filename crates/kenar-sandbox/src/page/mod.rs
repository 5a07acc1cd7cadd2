//! The chat page: Divar's side of the sandbox as a chat client in a browser.
//!
//! It is served by the sandbox itself, and needs nothing from elsewhere. What the server gives is data, and the page's
//! script shows it as text; the policies below keep a browser from doing anything else.
//!
//! An add-on's page is shown in a frame, which may go to this machine only. That is also how the way back is noticed:
//! an add-on sends its user to [`COMPLETION_URL`](kenar::webhook::COMPLETION_URL), the browser refuses to go there
//! before anything leaves the machine, and tells the page, which goes back to the chat.

mod act;
mod assets;
mod faults;
mod guard;
mod live;
mod session;
mod view;
mod wire;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Serialize;
use tokio::sync::Mutex;

use self::act::BadInput;
use self::faults::Choices;
use self::guard::{Asked, Guard, Refused};
use self::live::Live;
use self::view::{Messages, Overview};
use self::wire::Line;
use super::platform::Platform;
use kenar::model::ConversationId;
use kenar::oauth::PermissionRequest;

/// Where it is.
pub(super) const PATH: &str = "/chat/";

/// A photo or a video of a person's; the platform says nothing of its size.
const MAX_MEDIUM: usize = 64 << 20;

/// A session that is played again.
const MAX_SESSION: usize = 64 << 20;

/// All else that the page sends.
const MAX_BODY: usize = 1 << 20;

/// How many lines of the journal are given at once.
const MAX_LINES: usize = 300;

/// The policies of the page. Nothing from elsewhere, no script or style within the document, no text that becomes
/// markup; frames go to this machine, and nobody frames the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'; \
    frame-src 'self' http://127.0.0.1:* http://localhost:*";

/// Like that for frames, and the way back to Divar besides. Where a frame that is refused violates both, it did not go
/// there: not every browser tells a page where a redirect led.
const WIDER_POLICY: &str =
    "frame-src 'self' http://127.0.0.1:* http://localhost:* https://open-platform-redirect.divar.ir";

pub(super) struct Page {
    platform: Arc<Platform>,
    guard: Guard,
    origin: String,
    /// Held while a session is played again.
    playing: Mutex<()>,
}

/// Without the media, which are many bytes.
impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Page {
    pub(super) fn new(platform: Arc<Platform>) -> Self {
        let origin = platform.base_urls.api().as_str().to_owned();
        Self { guard: Guard::new(platform.names.clone()), platform, origin, playing: Mutex::new(()) }
    }

    /// Answers a request for the page or of the page's; gives back any other.
    pub(super) async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, Request<Body>> {
        let path = request.uri().path();
        let asked = match path.strip_prefix(PATH) {
            Some(_) if request.method() == Method::POST => Asked::Acting,
            Some("overview" | "messages" | "journal" | "faults" | "session" | "live") => Asked::Reading,
            Some(_) => Asked::Document,
            None if path == PermissionRequest::METADATA.path() => Asked::Consent,
            None if path.starts_with("/media/") || matches!(path, "/" | "/chat" | "/favicon.ico") => Asked::Document,
            None => return Err(request),
        };
        if let Err(Refused { status, why }) = self.guard.check(asked, request.method(), request.headers()) {
            return Ok(secured(reply(status, "text/plain; charset=utf-8", why)));
        }
        if asked == Asked::Consent {
            return Err(request);
        }
        Ok(secured(self.serve(request).await))
    }

    async fn serve(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path();
        let asked = parts.uri.query().unwrap_or_default();
        let name = path.strip_prefix(PATH);
        match (&parts.method, name) {
            (&Method::GET, None) => match path.strip_prefix("/media/") {
                Some(id) => self.platform.media.answer(id, &parts.headers).map(Body::from),
                None => redirect(&self.origin),
            },
            // A page of another loopback name would not share what this one keeps for the consent page.
            (&Method::GET, Some("")) if is_other_loopback(&parts.headers) => redirect(&self.origin),
            (&Method::GET, Some("overview")) => self.overview(asked),
            (&Method::GET, Some("messages")) => self.messages(asked),
            (&Method::GET, Some("journal")) => self.journal(asked),
            (&Method::GET, Some("faults")) => json(&Choices::all()),
            (&Method::GET, Some("session")) => self.save_session(),
            (&Method::GET, Some("live")) => self.live(),
            (&Method::GET, Some(name)) => assets::asset(name).unwrap_or_else(not_found),
            (&Method::POST, Some("send")) => {
                let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
                match to_bytes(body, MAX_MEDIUM).await {
                    Ok(bytes) => json(&self.send_medium(asked, content_type.unwrap_or_default(), bytes)),
                    Err(_) => too_large(MAX_MEDIUM),
                }
            }
            (&Method::POST, Some("session")) => match to_bytes(body, MAX_SESSION).await {
                Ok(body) => self.play_session(&body).await.unwrap_or_else(bad_input),
                Err(_) => too_large(MAX_SESSION),
            },
            (&Method::POST, Some(name)) => match (name.strip_prefix("act/"), to_bytes(body, MAX_BODY).await) {
                (Some(act), Ok(body)) => match self.act(act, &body).await {
                    Ok(Some(outcome)) => json(&outcome),
                    Ok(None) => not_found(),
                    Err(bad) => bad_input(bad),
                },
                (Some(_), Err(_)) => too_large(MAX_BODY),
                (None, _) => not_found(),
            },
            _ => reply(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET and POST"),
        }
    }

    fn overview(&self, asked: &str) -> Response<Body> {
        let me = query(asked, "me").unwrap_or_default();
        self.platform.look(|engine| json(&Overview::of(engine, &me)))
    }

    fn messages(&self, asked: &str) -> Response<Body> {
        let me = query(asked, "me").unwrap_or_default();
        let chat = ConversationId::new(query(asked, "chat").unwrap_or_default());
        let from = query(asked, "from").and_then(|from| from.parse().ok());
        self.platform.look(|engine| match engine.world.talks.get(&chat) {
            Some(talk) if talk.between.includes(&me) => json(&Messages::of(engine, talk, &me, from)),
            _ => not_found(),
        })
    }

    /// The lines after a number, the last ones where there are too many.
    fn journal(&self, asked: &str) -> Response<Body> {
        let after = query(asked, "after").and_then(|after| after.parse().ok()).unwrap_or(0);
        self.platform.look(|engine| {
            let later = engine.journal.exchanges().rev().take_while(|exchange| exchange.number > after);
            let mut lines: Vec<_> = later.take(MAX_LINES).map(|exchange| Line::of(exchange, &self.origin)).collect();
            lines.reverse();
            json(&lines)
        })
    }

    fn live(&self) -> Response<Body> {
        let events = Live::new(self.platform.changes(), self.platform.stopped());
        reply(StatusCode::OK, "text/event-stream", Body::new(events))
    }
}

/// What the consent page needs, which is there without the chat page too.
pub(super) fn consent_asset(request: &Request<Body>) -> Option<Response<Body>> {
    let name = request.uri().path().strip_prefix(PATH)?;
    let needed = request.method() == Method::GET
        && matches!(name, "icon.svg" | "theme.css" | "consent.css" | "start.js" | "consent.js");
    needed.then(|| assets::asset(name)).flatten().map(secured)
}

/// A field of a query.
fn query<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(query.as_bytes()).find_map(|(key, value)| (key == name).then_some(value))
}

fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn json(value: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(body) => reply(StatusCode::OK, "application/json", body),
        Err(error) => reply(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string()),
    }
}

fn not_found() -> Response<Body> {
    reply(StatusCode::NOT_FOUND, "text/plain", "there is nothing here")
}

fn bad_input(BadInput(why): BadInput) -> Response<Body> {
    reply(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", why)
}

fn too_large(most: usize) -> Response<Body> {
    reply(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", format!("more than {most} bytes"))
}

fn is_other_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host.to_ascii_lowercase();
    host.starts_with("localhost") || host.starts_with("[::1]")
}

fn redirect(origin: &str) -> Response<Body> {
    let mut response = reply(StatusCode::TEMPORARY_REDIRECT, "text/plain", "");
    if let Ok(to) = HeaderValue::try_from(format!("{origin}{PATH}")) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

/// The headers that every answer has.
pub(super) fn secured(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(WIDER_POLICY));
        headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // `no-referrer` would make forms of the consent page come from nowhere.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
