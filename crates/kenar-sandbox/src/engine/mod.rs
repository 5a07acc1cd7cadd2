//! What the platform does, without any I/O and without a clock.
//!
//! A shell gives it requests ([`Engine::handle`]) and what people do (`user_…`), each with the time it is, and gets
//! answers and [`Delivery`]s: requests to be made to add-ons, whose answers it gives back ([`Engine::delivered`]). All
//! of it is taken down in the journal.

mod answer;
mod assets;
mod body;
mod call;
mod consent;
mod consent_page;
pub(crate) mod dialect;
pub(crate) mod disturb;
pub(crate) mod faults;
mod grants;
mod ids;
pub(crate) mod journal;
pub(crate) mod limits;
mod note;
mod people;
mod redact;
mod rest;
mod retired;
#[cfg(test)]
mod tests;
mod token;
pub(crate) mod uploads;
pub(crate) mod webhooks;
pub(crate) mod world;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};

use kenar::model::{AppSlug, MediaToken, Timestamp};
use kenar::operation::{MediaKind, UploadMedia};
use kenar::request::Operation as _;
use kenar::secret::ApiKey;

pub(crate) use answer::{Refusal, response};
use call::Call;
use faults::{Fault, Faults};
use grants::Grants;
use journal::{Direction, Exchange, Journal, readable};
use kenar::request::IncomingRequest;
use limits::Limits;
pub use note::Note;
pub(crate) use people::Press;
pub(crate) use uploads::Part;
use uploads::Uploads;
pub(crate) use webhooks::Delivery;
use world::World;

/// What the path of a medium begins with.
pub(crate) const MEDIA_PATH: &str = "/media/";
/// The name in the journal of a request for a medium.
const MEDIA_FETCH: &str = "media.fetch";

/// The platform.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) world: World,
    grants: Grants,
    uploads: Uploads,
    pub(crate) limits: Limits,
    pub(crate) faults: Faults,
    /// Events that a fault holds back.
    held: Vec<Delivery>,
    pub(crate) journal: Journal,
    /// Where it can be reached; links to media begin with it.
    origin: String,
}

/// An answer, and what it sets off.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) response: Response<Bytes>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) notes: Vec<Note>,
    pub(crate) manner: Manner,
}

/// How a shell gives an answer: at once and whole, but for faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) delay: Duration,
    pub(crate) cut: Option<Cut>,
}

/// Where a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Before,
    Midway,
}

impl Done {
    pub(crate) fn new(response: Response<Bytes>) -> Self {
        Self { response, deliveries: Vec::new(), notes: Vec::new(), manner: Manner::default() }
    }

    fn note(mut self, note: Note) -> Self {
        self.notes.push(note);
        self
    }
}

impl From<Refusal> for Done {
    fn from(refusal: Refusal) -> Self {
        let mut done = Self::new(refusal.response());
        if let Some(topic) = refusal.topic {
            done = done.note(Note::Documents(topic));
        }
        if refusal.is_documented() {
            done
        } else {
            done.note(Note::Guess(
                "the platform documents no status for this; the sandbox answers by the gRPC convention",
            ))
        }
    }
}

/// An upload that has been let in.
#[derive(Debug)]
pub(crate) struct Upload {
    kind: MediaKind,
    token: String,
}

impl Engine {
    pub(crate) fn new(seed: Option<u64>, origin: String) -> Self {
        Self {
            world: World::new(seed),
            grants: Grants::default(),
            uploads: Uploads::default(),
            limits: Limits::default(),
            faults: Faults::default(),
            held: Vec::new(),
            journal: Journal::default(),
            origin,
        }
    }

    /// The fault that a call meets, taken when it arrives. It is given back with the call.
    pub(crate) fn fault_for(&mut self, method: &Method, path: &str, body: &[u8]) -> Option<Fault> {
        let operation = match Self::upload_kind(path) {
            Some(_) => UploadMedia::METADATA.name(),
            None if path.starts_with(MEDIA_PATH) => MEDIA_FETCH,
            None => Call::of(method, path).map_or("unknown", |call| call.name(body)),
        };
        self.faults.for_call(operation)
    }

    /// Answers a request; all but uploads, whose bytes should not be held.
    pub(crate) fn handle(&mut self, request: &Request<Bytes>, fault: Option<Fault>, now: Timestamp) -> Done {
        let call = Call::of(request.method(), request.uri().path());
        let operation = call.as_ref().map_or("unknown", |call| call.name(request.body()));
        let body = match &call {
            Ok(Call::Token) => token::without_secret(request.body()),
            _ => readable(request.body()),
        };
        let done = faulty(fault, || match call {
            Ok(call) => self.perform(call, request, now),
            Err(refusal) => refusal.into(),
        });
        let asked = Asked { method: request.method(), uri: request.uri(), headers: request.headers(), body };
        self.record(asked, operation, &done, now, Duration::ZERO);
        done
    }

    fn perform(&mut self, call: Call, request: &Request<Bytes>, now: Timestamp) -> Done {
        if call.takes_api_key() {
            let counted = self.asking_app(request.headers()).map(|app| self.limits.count(&app, now));
            if let Some(Err(exceeded)) = counted {
                return exceeded.into();
            }
        }
        self.carry_out(call, request, now).unwrap_or_else(Done::from)
    }

    fn carry_out(&mut self, call: Call, request: &Request<Bytes>, now: Timestamp) -> Result<Done, Refusal> {
        let (headers, body) = (request.headers(), request.body());
        let query = request.uri().query().unwrap_or_default();
        match call {
            Call::Operation(route) => {
                let path = request.uri().path();
                let incoming = IncomingRequest::of(&route.operation, request.method(), path, headers, body);
                (route.carry_out)(self, &incoming.ok_or_else(|| Refusal::not_found("Not Found"))?, now)
            }
            Call::ListScopes => Ok(assets::scopes()),
            Call::ListPermissions => Ok(assets::permissions()),
            Call::AskConsent => Ok(self.ask_consent(query)),
            Call::DecideConsent => Ok(self.decide_consent(query, body, now)),
            Call::Token => Ok(self.token(headers, body, now)),
        }
    }

    /// The link to a medium.
    pub(crate) fn media_link(&self, id: &str) -> String {
        format!("{}{MEDIA_PATH}{id}", self.origin)
    }

    /// Which kind of medium a path is for, if it is for uploads.
    pub(crate) fn upload_kind(path: &str) -> Option<MediaKind> {
        call::upload_kind(path)
    }

    /// Lets an upload in, before its bytes.
    pub(crate) fn begin_upload(&self, kind: MediaKind, headers: &HeaderMap, now: Timestamp) -> Result<Upload, Refusal> {
        let token = rest::bearer(headers)?;
        self.uploads.check_token(&token, now)?;
        Ok(Upload { kind, token })
    }

    /// Answers an upload, after its bytes. Gives the token under which they are to be kept, if they are.
    pub(crate) fn end_upload(
        &mut self,
        asked: Asked<'_>,
        outcome: Result<(Upload, Vec<Part>), Refusal>,
        fault: Option<Fault>,
        now: Timestamp,
        took: Duration,
    ) -> (Done, Option<MediaToken>) {
        let mut token = None;
        let done = faulty(fault, || {
            let outcome = outcome.and_then(|(upload, parts)| {
                self.uploads.finish(&mut self.world.ids, &upload.token, upload.kind, &parts, now)
            });
            match outcome {
                Ok(id) => {
                    let done = rest::ok(&serde_json::json!({ "id": id, "status": "ok" }));
                    token = Some(id);
                    done
                }
                Err(refusal) => refusal.into(),
            }
        });
        self.record(asked, UploadMedia::METADATA.name(), &done, now, took);
        (done, token)
    }

    /// Answers a request for a medium, as the shell has it.
    pub(crate) fn fetched(
        &mut self,
        asked: Asked<'_>,
        response: Response<Bytes>,
        fault: Option<Fault>,
        now: Timestamp,
    ) -> Done {
        let done = faulty(fault, || Done::new(response));
        self.record(asked, MEDIA_FETCH, &done, now, Duration::ZERO);
        done
    }

    /// Answers a request that was refused before it was read.
    pub(crate) fn refuse(&mut self, asked: Asked<'_>, refusal: Refusal, now: Timestamp) -> Done {
        let done = Done::from(refusal);
        self.record(asked, "unknown", &done, now, Duration::ZERO);
        done
    }

    fn record(&mut self, asked: Asked<'_>, operation: &'static str, done: &Done, at: Timestamp, took: Duration) {
        self.journal.record(Exchange {
            number: 0,
            at,
            took,
            direction: Direction::ToKenar,
            operation,
            app: self.asking_app(asked.headers),
            target: self.redacted(&format!("{} {}", asked.method, asked.uri), Fields::Secret),
            request: self.redacted(&asked.body, Fields::Secret),
            status: Some(done.response.status().as_u16()),
            response: self.redacted(&readable(done.response.body()), Fields::Secret),
            notes: done
                .notes
                .iter()
                .cloned()
                .map(|note| note.map(|note| self.redacted(&note, Fields::Secret)))
                .collect(),
            began_after: self.journal.count(),
        });
    }

    /// A text for the journal.
    fn redacted(&self, text: &str, fields: Fields) -> String {
        let keys = self.world.apps.values().flat_map(world::App::keys);
        let text = redact::without(text, keys);
        if fields == Fields::Secret { redact::without_fields(&text) } else { text }
    }

    fn asking_app(&self, headers: &HeaderMap) -> Option<AppSlug> {
        let key = ApiKey::new(headers.get("x-api-key")?.to_str().ok()?).ok()?;
        self.world.by_key(&key).map(|(app, _)| app.slug.clone())
    }
}

/// Whether the fields that may hold a secret are taken out of a text. A webhook is delivered again as it is kept, with
/// the data of the add-on in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fields {
    Secret,
    OfTheAddOn,
}

/// Carries a call out, unless a fault keeps it from that, and lets the fault at the answer.
fn faulty(fault: Option<Fault>, carry_out: impl FnOnce() -> Done) -> Done {
    match fault {
        None => carry_out(),
        Some(fault) if fault.lets_through() => fault.spoil(carry_out()),
        Some(fault) => fault.spoil(Done::new(Response::default())),
    }
}

/// A request, as the journal keeps it.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a http::Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: String,
}
