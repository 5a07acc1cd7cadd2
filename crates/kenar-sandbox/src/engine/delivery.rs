//! Webhook requests to add-ons, which the outbox sends.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use kenar::model::{AppSlug, AppUrl, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::body::read_object;
use super::note::Note;
use super::webhook::Webhook;
use super::world::App;

/// A webhook to send. `Engine::delivered` takes its result.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) app: AppSlug,
    pub(crate) webhook: Webhook,
    /// The request, or the error if the app has no URL for it.
    pub(crate) request: Result<Request<Bytes>, String>,
    pub(super) body: Bytes,
    expected: Expected,
    pub(super) notes: Vec<Note>,
}

/// The expected response of an add-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Success,
    /// A 4xx status, since the webhook has this defect.
    ClientError(&'static str),
}

/// The reason for a missing or invalid response to a webhook.
#[derive(Clone, Debug)]
pub(crate) enum DeliveryError {
    Failed(String),
    /// An injected fault: not an error of the add-on.
    ByFault(String),
}

/// The start and duration of a delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) at: Timestamp,
    pub(crate) took: Duration,
    /// The number of exchanges in the journal at the start.
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
    fn from(error: DeliveryError) -> Self {
        error.to_string()
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

    /// Sets or removes a header. Returns `true` if it was present.
    pub(crate) fn header(&mut self, name: HeaderName, value: Option<HeaderValue>) -> bool {
        let Ok(request) = &mut self.request else { return false };
        let old = match value {
            Some(value) => request.headers_mut().insert(name, value),
            None => request.headers_mut().remove(name),
        };
        old.is_some()
    }

    /// Adds a note for the journal.
    pub(crate) fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    pub(crate) fn expects(&mut self, expected: Expected) {
        if let Expected::ClientError(defect) = expected {
            self.note(Note::Fault(format!("{defect}: the add-on must refuse it with a 4xx status")));
        }
        self.expected = expected;
    }

    /// Checks a response against the expected one.
    pub(crate) fn judge(&self, result: DeliveryResult) -> DeliveryResult {
        match (self.expected, result) {
            (Expected::ClientError(defect), Ok(response)) if response.status().is_client_error() => {
                let status = response.status();
                Err(DeliveryError::ByFault(format!("the add-on refused the {defect} with status {status}, as it must")))
            }
            (Expected::ClientError(defect), Ok(response)) => Err(DeliveryError::Failed(format!(
                "the add-on accepted a webhook with a {defect}: status {} instead of 4xx",
                response.status()
            ))),
            (_, result) => result,
        }
    }

    /// The method and URL.
    pub(super) fn target(&self) -> String {
        match &self.request {
            Ok(request) => format!("{} {}", request.method(), request.uri()),
            Err(_) => "(no URL)".to_owned(),
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
            None => Err(format!("no URL for {} of the app {}: set one, as in the panel", webhook.as_str(), app.slug)),
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

/// Reads the reply in an add-on's successful response.
pub(crate) fn read<T: DeserializeOwned>(response: &Response<Bytes>) -> Result<T, String> {
    success(response)?;
    read_object(response.body()).map_err(|error| format!("invalid response from the add-on: {error}"))
}

/// Checks for a 2xx status.
pub(crate) fn success(response: &Response<Bytes>) -> Result<(), String> {
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(format!("the add-on responded with status {status}")) }
}
