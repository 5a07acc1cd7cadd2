//! Requests to add-ons: built here, sent by the outbox.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use kenar::model::{AppSlug, AppUrl, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::note::Note;
use super::webhook::Webhook;
use super::world::App;

/// A request to be made to an add-on. Give its response to [`Engine::delivered`].
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) app: AppSlug,
    pub(crate) webhook: Webhook,
    /// The request; or, where the panel has no address for it, why there is none.
    pub(crate) request: Result<Request<Bytes>, String>,
    pub(super) body: Bytes,
    expected: Expected,
    pub(super) notes: Vec<Note>,
}

/// How an add-on has to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Success,
    /// It comes with something that no add-on may take.
    ClientError(&'static str),
}

/// Why there is no response to a webhook that anything follows from.
#[derive(Clone, Debug)]
pub(crate) enum DeliveryError {
    Failed(String),
    /// A fault wanted it so.
    ByFault(String),
}

/// When a delivery left, and how long it was away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) at: Timestamp,
    pub(crate) took: Duration,
    /// The exchanges that the journal had then.
    pub(crate) began_after: u64,
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Failed(why) | Self::ByFault(why)) = self;
        f.write_str(why)
    }
}

impl DeliveryError {
    pub(super) fn note(&self) -> Note {
        match self {
            Self::Failed(why) => Note::Remark(why.clone()),
            Self::ByFault(why) => Note::Fault(why.clone()),
        }
    }
}

impl From<DeliveryError> for String {
    fn from(undelivered: DeliveryError) -> Self {
        undelivered.to_string()
    }
}

pub(crate) type DeliveryResult = Result<Response<Bytes>, DeliveryError>;

impl Delivery {
    pub(crate) fn body(&self) -> Bytes {
        self.body.clone()
    }

    pub(crate) fn rewrite(&mut self, body: Bytes) {
        self.body = body.clone();
        if let Ok(request) = &mut self.request {
            *request.body_mut() = body;
        }
    }

    pub(crate) fn rewrite_json(&mut self, rewrite: impl FnOnce(&mut serde_json::Map<String, Value>)) {
        if let Ok(mut object) = serde_json::from_slice(&self.body) {
            rewrite(&mut object);
            self.rewrite(serde_json::to_vec(&object).unwrap_or_default().into());
        }
    }

    /// Sets a header or takes it away; whether it was there.
    pub(crate) fn header(&mut self, name: HeaderName, value: Option<HeaderValue>) -> bool {
        let Ok(request) = &mut self.request else { return false };
        let old = match value {
            Some(value) => request.headers_mut().insert(name, value),
            None => request.headers_mut().remove(name),
        };
        old.is_some()
    }

    /// What the journal shall say about it.
    pub(crate) fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    pub(crate) fn expects(&mut self, expected: Expected) {
        if let Expected::ClientError(what) = expected {
            self.note(Note::Fault(format!("it has {what}, and has to be refused")));
        }
        self.expected = expected;
    }

    /// What follows from a response, by what was expected.
    pub(crate) fn judge(&self, answer: DeliveryResult) -> DeliveryResult {
        match (self.expected, answer) {
            (Expected::ClientError(what), Ok(answer)) if answer.status().is_client_error() => {
                Err(DeliveryError::ByFault(format!("the add-on refused {what}, as it should: {}", answer.status())))
            }
            (Expected::ClientError(what), Ok(answer)) => Err(DeliveryError::Failed(format!(
                "the add-on has to refuse {what} with a status of the 400s, and answered {}",
                answer.status()
            ))),
            (_, answer) => answer,
        }
    }

    /// The address that is called.
    pub(super) fn target(&self) -> String {
        match &self.request {
            Ok(request) => format!("{} {}", request.method(), request.uri()),
            Err(_) => "(no address)".to_owned(),
        }
    }
}

impl Delivery {
    /// A webhook with this payload.
    pub(super) fn with_payload(app: &App, webhook: Webhook, payload: &impl Serialize) -> Self {
        Self::with_body(app, webhook, serde_json::to_vec(payload).unwrap_or_default().into())
    }

    /// A webhook with this body.
    pub(super) fn with_body(app: &App, webhook: Webhook, body: Bytes) -> Self {
        let request = match app.url_of(webhook) {
            Some(url) => request(app, url, body.clone()),
            None => Err(format!("{} has no address for {}: give it one, as in the panel", app.slug, webhook.as_str())),
        };
        Self { app: app.slug.clone(), webhook, request, body, expected: Expected::Success, notes: Vec::new() }
    }
}

fn request(app: &App, url: &AppUrl, body: Bytes) -> Result<Request<Bytes>, String> {
    let uri = Uri::try_from(url.as_str()).map_err(|error| error.to_string())?;
    let key = HeaderValue::from_str(app.identification_key.expose_secret()).map_err(|error| error.to_string())?;
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    request.headers_mut().insert(header::AUTHORIZATION, key);
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(request)
}

/// What an add-on answered, if it is a success of the form expected.
pub(crate) fn read<T: DeserializeOwned>(answer: &Response<Bytes>) -> Result<T, String> {
    success(answer)?;
    serde_json::from_slice(answer.body()).map_err(|error| format!("the add-on's response cannot be read: {error}"))
}

/// Whether an add-on answered with a success.
pub(crate) fn success(answer: &Response<Bytes>) -> Result<(), String> {
    if answer.status().is_success() { Ok(()) } else { Err(format!("the add-on answered {}", answer.status())) }
}
