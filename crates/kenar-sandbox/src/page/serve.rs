//! Routing of the chat page's requests.

use axum::body::Body;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use kenar::model::ConversationId;
use kenar::oauth::PermissionRequest;

use super::assets;
use super::chat_page::{ChatPage, PATH};
use super::faults::Choices;
use super::guard::{Access, Forbidden};
use super::live::live;
use super::reply::{bad_request, json, not_found, query, redirect, reply, secured, too_large};
use super::view::{Messages, Overview};
use super::wire::Line;
use crate::limited;

/// The maximum size of a person's media file. The platform documents none.
const MAX_MEDIUM: usize = 64 << 20;

/// The maximum size of a session to replay.
const MAX_SESSION: usize = 64 << 20;

/// The maximum size of any other body.
const MAX_BODY: usize = 1 << 20;

/// The maximum number of journal lines in one response.
const MAX_LINES: usize = 300;

impl ChatPage {
    /// Responds to a request of the chat page. Returns any other request as the error.
    pub(crate) async fn respond(&self, request: Request<Body>) -> Result<Response<Body>, Request<Body>> {
        let path = request.uri().path();
        let asked = match path.strip_prefix(PATH) {
            Some(_) if request.method() == Method::POST => Access::Acting,
            Some("overview" | "messages" | "journal" | "faults" | "session" | "live") => Access::Reading,
            Some(_) => Access::Document,
            None if path == PermissionRequest::METADATA.path() => Access::Consent,
            None if path.starts_with("/media/") || matches!(path, "/" | "/chat" | "/favicon.ico") => Access::Document,
            None => return Err(request),
        };
        if let Err(Forbidden { status, why }) = self.guard.check(asked, request.method(), request.headers()) {
            return Ok(secured(reply(status, "text/plain; charset=utf-8", why)));
        }
        if asked == Access::Consent {
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
                Some(id) => self.shared.platform.media.respond(id, &parts.headers).map(Body::from),
                None => redirect(&self.origin),
            },
            // Web storage, which the consent page reads too, is separate for each loopback name.
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
                match limited::read(&parts.headers, body, MAX_MEDIUM).await {
                    Some(bytes) => json(&self.send_medium(asked, content_type.unwrap_or_default(), bytes)),
                    None => too_large(MAX_MEDIUM),
                }
            }
            (&Method::POST, Some("session")) => match limited::read(&parts.headers, body, MAX_SESSION).await {
                Some(body) => self.play_session(&body).await.unwrap_or_else(bad_request),
                None => too_large(MAX_SESSION),
            },
            (&Method::POST, Some(name)) => {
                let Some(act) = name.strip_prefix("act/") else { return not_found() };
                let Some(body) = limited::read(&parts.headers, body, MAX_BODY).await else {
                    return too_large(MAX_BODY);
                };
                match self.act(act, &body).await {
                    Ok(Some(outcome)) => json(&outcome),
                    Ok(None) => not_found(),
                    Err(bad) => bad_request(bad),
                }
            }
            _ => reply(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "method not allowed: use GET or POST"),
        }
    }

    fn overview(&self, asked: &str) -> Response<Body> {
        let me = query(asked, "me").unwrap_or_default();
        self.shared.platform.look(|engine| json(&Overview::of(engine, &me)))
    }

    fn messages(&self, asked: &str) -> Response<Body> {
        let me = query(asked, "me").unwrap_or_default();
        let chat = ConversationId::new(query(asked, "chat").unwrap_or_default());
        let from = query(asked, "from").and_then(|from| from.parse().ok());
        self.shared.platform.look(|engine| match engine.talk(&chat) {
            Some(talk) if talk.between.includes(&me) => json(&Messages::of(engine, talk, &me, from)),
            _ => not_found(),
        })
    }

    /// The lines after a number, at most the last `MAX_LINES`.
    fn journal(&self, asked: &str) -> Response<Body> {
        let after = query(asked, "after").and_then(|after| after.parse().ok()).unwrap_or(0);
        self.shared.platform.look(|engine| {
            let later = engine.journal().exchanges().rev().take_while(|exchange| exchange.number > after);
            let mut lines: Vec<_> = later.take(MAX_LINES).map(|exchange| Line::of(exchange, &self.origin)).collect();
            lines.reverse();
            json(&lines)
        })
    }

    fn live(&self) -> Response<Body> {
        live(self.shared.platform.changes(), self.shared.platform.stopped())
    }
}

/// A file of the consent page, which is served even without the chat page.
pub(crate) fn consent_asset(request: &Request<Body>) -> Option<Response<Body>> {
    let name = request.uri().path().strip_prefix(PATH)?;
    let needed = request.method() == Method::GET
        && matches!(name, "icon.svg" | "theme.css" | "consent.css" | "start.js" | "consent.js");
    needed.then(|| assets::asset(name)).flatten().map(secured)
}

fn is_other_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host.to_ascii_lowercase();
    host.starts_with("localhost") || host.starts_with("[::1]")
}
