//! Faults in API calls, and all pending faults.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

use kenar::error::RpcCode;

use super::dialect::Dialect;
use super::note::Note;
use super::reply::{Cut, Reply};
use super::webhook::Webhook;
use super::webhook_fault::PendingWebhookFault;
use super::{api_error::ApiError, reply::response};

/// A fault in an API call, for [`Sandbox::inject`](crate::Sandbox::inject).
///
/// By default, the call is not carried out.
#[derive(Clone, Debug)]
pub struct Fault {
    effect: Effect,
    delay: Duration,
    carried_out: bool,
    /// The delay before the call is carried out.
    wait: Duration,
}

#[derive(Clone, Debug)]
enum Effect {
    /// The real response.
    Real,
    Dialect(Dialect),
    Instead(Response<Bytes>),
    Cut(Cut),
}

impl Fault {
    fn new(effect: Effect) -> Self {
        Self { effect, delay: Duration::ZERO, carried_out: false, wait: Duration::ZERO }
    }

    /// An API error with this status and a `google.rpc.Status` body. An invalid status, such as 42, becomes 500.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let refusal = ApiError::new(status, rpc_code(status), "injected fault");
        Self::new(Effect::Instead(Reply::from(refusal).response))
    }

    /// A response with this status and an empty body. An invalid status, such as 42, becomes 500.
    #[must_use]
    pub fn bare_status(status: u16) -> Self {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(Effect::Instead(response))
    }

    /// An HTML page with status 200, as Divar's front ends serve for unknown paths.
    #[must_use]
    pub fn html() -> Self {
        let page = "<!doctype html><html><head><title>Kenar</title></head><body><div id=\"root\"></div></body></html>";
        Self::new(Effect::Instead(response(StatusCode::OK, "text/html; charset=utf-8", page)))
    }

    /// Any response.
    #[must_use]
    pub fn response<B: Into<Bytes>>(response: Response<B>) -> Self {
        Self::new(Effect::Instead(response.map(Into::into)))
    }

    /// A late response. The call is carried out at once.
    #[must_use]
    pub fn delay(delay: Duration) -> Self {
        Self { carried_out: true, ..Self::new(Effect::Real) }.delayed(delay)
    }

    /// A slow server, which carries out the call after the delay unless the client disconnects.
    #[must_use]
    pub fn slow(wait: Duration) -> Self {
        Self { wait, carried_out: true, ..Self::new(Effect::Real) }
    }

    /// A connection that is closed before the response. The call is carried out.
    ///
    /// After a lost response to a token refresh, the old tokens work for two more minutes.
    #[must_use]
    pub fn response_lost() -> Self {
        Self::no_response().carried_out()
    }

    /// A connection that is closed before the response. The call is not carried out.
    #[must_use]
    pub fn no_response() -> Self {
        Self::new(Effect::Cut(Cut::Before))
    }

    /// A connection that is closed in the middle of the response. The call is carried out.
    #[must_use]
    pub fn cut_off() -> Self {
        Self { carried_out: true, ..Self::new(Effect::Cut(Cut::Midway)) }
    }

    /// The real response in another wire form.
    #[must_use]
    pub fn dialect(dialect: Dialect) -> Self {
        Self { carried_out: true, ..Self::new(Effect::Dialect(dialect)) }
    }

    /// Makes the call be carried out; the fault affects only its response.
    #[must_use]
    pub fn carried_out(self) -> Self {
        Self { carried_out: true, ..self }
    }

    /// Delays the response.
    #[must_use]
    pub fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// The delay before the call is carried out.
    pub(crate) fn wait(&self) -> Duration {
        self.wait
    }

    pub(crate) fn lets_through(&self) -> bool {
        self.carried_out
    }

    /// The name of the fault on the chat page, and its parameter.
    pub(crate) fn describe(&self) -> (&'static str, Option<String>) {
        match &self.effect {
            Effect::Real if !self.wait.is_zero() => ("slow", Some(format!("{:?}", self.wait))),
            Effect::Real => ("delay", Some(format!("{:?}", self.delay))),
            Effect::Dialect(dialect) => ("dialect", Some(dialect.to_string())),
            Effect::Instead(response) => {
                let content_type = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
                let kind = match content_type {
                    Some(content_type) if content_type.starts_with(b"text/html") => "html",
                    _ if response.body().is_empty() => "bare_status",
                    _ => "status",
                };
                (kind, Some(response.status().as_str().to_owned()))
            }
            Effect::Cut(Cut::Before) if self.carried_out => ("response_lost", None),
            Effect::Cut(Cut::Before) => ("no_response", None),
            Effect::Cut(Cut::Midway) => ("cut_off", None),
        }
    }

    /// Applies the fault to a response.
    pub(crate) fn apply(self, mut reply: Reply) -> Reply {
        let (note, mut reply) = match self.effect {
            Effect::Real => ("late response".to_owned(), reply),
            Effect::Dialect(dialect) => {
                let response = reply.response.map(|body| dialect.rewrite(&body).unwrap_or(body));
                (format!("response in the wire form {dialect}"), Reply { response, ..reply })
            }
            Effect::Instead(response) => {
                (format!("status {} instead of the real response", response.status()), Reply { response, ..reply })
            }
            Effect::Cut(cut) => {
                reply.cut = Some(cut);
                let place = if cut == Cut::Before { "before" } else { "in the middle of" };
                (format!("connection closed {place} the response"), reply)
            }
        };
        reply.delay = self.delay;
        reply.note(Note::Fault(note))
    }
}

/// The gRPC code that a JSON gateway maps to this status.
fn rpc_code(status: StatusCode) -> RpcCode {
    match status.as_u16() {
        400 => RpcCode::INVALID_ARGUMENT,
        401 => RpcCode::UNAUTHENTICATED,
        403 => RpcCode::PERMISSION_DENIED,
        404 => RpcCode::NOT_FOUND,
        409 => RpcCode::ABORTED,
        412 => RpcCode::FAILED_PRECONDITION,
        429 => RpcCode::RESOURCE_EXHAUSTED,
        500 => RpcCode::INTERNAL,
        501 => RpcCode::UNIMPLEMENTED,
        503 => RpcCode::UNAVAILABLE,
        504 => RpcCode::DEADLINE_EXCEEDED,
        _ => RpcCode::UNKNOWN,
    }
}

impl From<Dialect> for Fault {
    fn from(dialect: Dialect) -> Self {
        Self::dialect(dialect)
    }
}

/// The calls that a fault targets.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Operation(String),
    AnyCall,
}

impl Target {
    fn is(&self, operation: &str) -> bool {
        match self {
            Self::Operation(name) => name == operation,
            Self::AnyCall => true,
        }
    }
}

/// Pending faults, in the order of injection.
#[derive(Debug)]
pub(crate) struct Pending<T, F> {
    waiting: Vec<PendingFault<T, F>>,
}

#[derive(Debug)]
pub(crate) struct PendingFault<T, F> {
    pub(crate) id: u64,
    pub(crate) target: T,
    pub(crate) fault: F,
    /// The remaining number of triggers; `None` is unlimited.
    pub(crate) left: Option<u32>,
}

impl<T, F> Default for Pending<T, F> {
    fn default() -> Self {
        Self { waiting: Vec::new() }
    }
}

impl<T, F: Clone> Pending<T, F> {
    /// Triggers the first matching fault.
    fn take(&mut self, is_for: impl Fn(&T) -> bool) -> Option<(u64, F)> {
        let place = self.waiting.iter().position(|waiting| waiting.left != Some(0) && is_for(&waiting.target))?;
        let waiting = self.waiting.get_mut(place)?;
        let taken = (waiting.id, waiting.fault.clone());
        if let Some(left) = &mut waiting.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.waiting.remove(place);
            }
        }
        Some(taken)
    }
}

/// All pending faults of a sandbox.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    count: u64,
    calls: Pending<Target, Fault>,
    webhooks: Pending<Webhook, PendingWebhookFault>,
    fallback_urls: Pending<(), Dialect>,
    times_triggered: BTreeMap<u64, u32>,
}

impl Faults {
    pub(crate) fn on_calls(&mut self, target: Target, fault: Fault, left: Option<u32>) -> u64 {
        self.count = self.count.saturating_add(1);
        self.calls.waiting.push(PendingFault { id: self.count, target, fault, left });
        self.count
    }

    pub(crate) fn on_webhooks(&mut self, target: Webhook, fault: PendingWebhookFault, left: Option<u32>) -> u64 {
        self.count = self.count.saturating_add(1);
        self.webhooks.waiting.push(PendingFault { id: self.count, target, fault, left });
        self.count
    }

    pub(crate) fn on_fallback_url(&mut self, dialect: Dialect, left: Option<u32>) -> u64 {
        self.count = self.count.saturating_add(1);
        self.fallback_urls.waiting.push(PendingFault { id: self.count, target: (), fault: dialect, left });
        self.count
    }

    pub(crate) fn remove(&mut self, id: u64) {
        self.fallback_urls.waiting.retain(|waiting| waiting.id != id);
        self.calls.waiting.retain(|waiting| waiting.id != id);
        self.webhooks.waiting.retain(|waiting| waiting.id != id);
    }

    /// The pending faults of calls.
    pub(crate) fn of_calls(&self) -> impl Iterator<Item = &PendingFault<Target, Fault>> {
        self.calls.waiting.iter()
    }

    /// The pending faults of webhooks.
    pub(crate) fn of_webhooks(&self) -> impl Iterator<Item = &PendingFault<Webhook, PendingWebhookFault>> {
        self.webhooks.waiting.iter()
    }

    /// The pending faults of the Fallback URL.
    pub(crate) fn of_fallback_urls(&self) -> impl Iterator<Item = &PendingFault<(), Dialect>> {
        self.fallback_urls.waiting.iter()
    }

    /// The number of times that a fault has triggered.
    pub(crate) fn times_triggered(&self, id: u64) -> u32 {
        self.times_triggered.get(&id).copied().unwrap_or(0)
    }

    pub(crate) fn for_call(&mut self, operation: &str) -> Option<Fault> {
        let taken = self.calls.take(|target| target.is(operation));
        self.triggered(taken)
    }

    pub(crate) fn for_webhook(&mut self, webhook: Webhook) -> Option<PendingWebhookFault> {
        let taken = self.webhooks.take(|target| *target == webhook);
        self.triggered(taken)
    }

    pub(crate) fn for_fallback_url(&mut self) -> Option<Dialect> {
        let taken = self.fallback_urls.take(|()| true);
        self.triggered(taken)
    }

    fn triggered<F>(&mut self, taken: Option<(u64, F)>) -> Option<F> {
        let (id, fault) = taken?;
        let times_triggered = self.times_triggered.entry(id).or_default();
        *times_triggered = times_triggered.saturating_add(1);
        Some(fault)
    }
}

/// Carries out a call if its fault allows that, and applies the fault to the response.
pub(super) fn faulty(fault: Option<Fault>, carry_out: impl FnOnce() -> Reply) -> Reply {
    match fault {
        None => carry_out(),
        Some(fault) if fault.lets_through() => fault.apply(carry_out()),
        Some(fault) => fault.apply(Reply::new(Response::default())),
    }
}
