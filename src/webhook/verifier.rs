//! Whether a request is Divar's: the identification key, compared in constant time.

use std::sync::Arc;

use bytes::Bytes;
use subtle::{Choice, ConstantTimeEq};

use super::headers::Authorization;
use super::{DynamicAction, Event, OpenApp, ReceivedEvent, Rejection, WebhookHeaders};
use crate::env::{self, EnvError};
use crate::secret::IdentificationKey;

/// Tells Divar's webhooks from anybody else's, and reads them.
///
/// Divar shows the [identification key](crate::guide#identification-key) of the Kenar panel as the whole value of the
/// `Authorization` header, without a scheme. One key guards all three webhooks; neither the method, the path nor the
/// `Content-Type` is looked at. Of the headers, the verifier reads `Authorization` and `API-Version`, as
/// [`WebhookHeaders`] tells.
///
/// A verifier is cheap to clone.
///
/// ```
/// use kenar::secret::IdentificationKey;
/// use kenar::webhook::Verifier;
///
/// # fn setting(_: &str) -> String { "placeholder".to_owned() }
/// let verifier = Verifier::new(IdentificationKey::new(setting("KENAR_IDENTIFICATION_KEY"))?)
///     // While the key is being changed, requests with the old one still arrive.
///     .also_accept(IdentificationKey::new(setting("KENAR_PREVIOUS_IDENTIFICATION_KEY"))?)
///     .max_body_bytes(256 * 1024);
/// # Ok::<(), kenar::secret::InvalidSecret>(())
/// ```
///
/// The value is compared with every accepted key, each in constant time, so that the time taken tells neither how much
/// of a guess was right nor which key it came near. It may tell how long the keys are, which is of no help against a
/// long random key: choose one of 32 random characters or more.
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: Arc<Vec<IdentificationKey>>,
    max_body_bytes: usize,
    ignore_bearer_scheme: bool,
}

impl Verifier {
    /// How large a body may be, unless [`max_body_bytes`](Self::max_body_bytes) says otherwise: 1 MiB. A message event
    /// is about a kilobyte.
    pub const DEFAULT_MAX_BODY_BYTES: usize = 1024 * 1024;

    /// Accepts this key, as it is in the Kenar panel.
    #[must_use]
    pub fn new(key: IdentificationKey) -> Self {
        Self { keys: Arc::new(vec![key]), max_body_bytes: Self::DEFAULT_MAX_BODY_BYTES, ignore_bearer_scheme: false }
    }

    /// Accepts the key that the variable `KENAR_IDENTIFICATION_KEY` holds.
    ///
    /// # Errors
    ///
    /// [`EnvError`], if the variable is not set, or cannot be a key.
    pub fn from_env() -> Result<Self, EnvError> {
        env::required("KENAR_IDENTIFICATION_KEY").map(Self::new)
    }

    /// Accepts one more key, any number of times: the previous one, while it is being changed in the panel.
    #[must_use]
    pub fn also_accept(mut self, previous: IdentificationKey) -> Self {
        Arc::make_mut(&mut self.keys).push(previous);
        self
    }

    /// Refuses larger bodies with 413. The extractors read no further; where you hand over bytes, they are in memory
    /// already, so bound what your web framework reads as well.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Treats `Bearer <key>` and `<key>` as one, both in the header and in the accepted keys.
    ///
    /// Divar sends what the panel holds, to the letter: a `Bearer ` typed there is part of the key. Use this where the
    /// panel and your configuration disagree and you cannot make them agree.
    #[must_use]
    pub fn ignore_bearer_scheme(mut self) -> Self {
        self.ignore_bearer_scheme = true;
        self
    }

    /// Whether the request shows one of the accepted keys. [`open_app`](Self::open_app), [`event`](Self::event) and
    /// [`dynamic_action`](Self::dynamic_action) ask this themselves; it is for a framework that checks before it reads
    /// the body.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] with 401, where the header is missing, repeated, not ASCII, or not an accepted key.
    pub fn verify<'a>(&self, headers: impl Into<WebhookHeaders<'a>>) -> Result<(), Rejection> {
        let shown = match headers.into().authorization() {
            Authorization::Missing => return Err(Rejection::MissingKey),
            Authorization::Repeated => return Err(Rejection::RepeatedKey),
            Authorization::Once(shown) => shown,
        };
        if !shown.is_ascii() {
            return Err(Rejection::NonAsciiKey);
        }
        if bool::from(self.accepts(shown)) { Ok(()) } else { Err(Rejection::WrongKey) }
    }

    /// Reads the request with which Divar opens your app.
    ///
    /// # Errors
    ///
    /// A [`Rejection`], where the request is not Divar's, too large, or no JSON object.
    pub fn open_app<'a>(&self, headers: impl Into<WebhookHeaders<'a>>, body: &[u8]) -> Result<OpenApp, Rejection> {
        let headers = headers.into();
        self.admit(headers, body)?;
        OpenApp::from_unverified_body(headers, body)
    }

    /// Reads an event.
    ///
    /// # Errors
    ///
    /// A [`Rejection`], where the request is not Divar's, too large, or no JSON object. Any JSON object is an
    /// [`Event`], and deserves a 200.
    pub fn event<'a>(&self, headers: impl Into<WebhookHeaders<'a>>, body: &[u8]) -> Result<Event, Rejection> {
        self.admit(headers, body)?;
        Event::from_unverified_body(body)
    }

    /// Reads an event and keeps the body, for an `Inbox` to store.
    ///
    /// # Errors
    ///
    /// As [`event`](Self::event).
    pub fn received_event<'a>(
        &self,
        headers: impl Into<WebhookHeaders<'a>>,
        body: impl Into<Bytes>,
    ) -> Result<ReceivedEvent, Rejection> {
        let body = body.into();
        self.admit(headers, &body)?;
        ReceivedEvent::from_unverified_body(body)
    }

    /// Reads a press of a button that asks your add-on what to do.
    ///
    /// # Errors
    ///
    /// A [`Rejection`], where the request is not Divar's, too large, or no JSON object.
    pub fn dynamic_action<'a>(
        &self,
        headers: impl Into<WebhookHeaders<'a>>,
        body: &[u8],
    ) -> Result<DynamicAction, Rejection> {
        self.admit(headers, body)?;
        DynamicAction::from_unverified_body(body)
    }

    fn admit<'a>(&self, headers: impl Into<WebhookHeaders<'a>>, body: &[u8]) -> Result<(), Rejection> {
        self.verify(headers)?;
        if body.len() > self.max_body_bytes {
            return Err(self.too_large());
        }
        Ok(())
    }

    /// How large a body may be, for an extractor that reads it.
    #[cfg(any(feature = "axum", feature = "actix", feature = "tower"))]
    pub(crate) fn body_limit(&self) -> usize {
        self.max_body_bytes
    }

    pub(crate) fn too_large(&self) -> Rejection {
        Rejection::TooLarge { limit: self.max_body_bytes }
    }

    /// Compares with every key, whichever of them matches.
    fn accepts(&self, shown: &[u8]) -> Choice {
        let shown = self.comparable(shown);
        self.keys.iter().fold(Choice::from(0), |accepted, key| {
            accepted | self.comparable(key.expose_secret().as_bytes()).ct_eq(shown)
        })
    }

    fn comparable<'a>(&self, value: &'a [u8]) -> &'a [u8] {
        if self.ignore_bearer_scheme { without_bearer_scheme(value) } else { value }
    }
}

fn without_bearer_scheme(value: &[u8]) -> &[u8] {
    match value.split_at_checked(b"Bearer ".len()) {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case(b"Bearer ") => key.trim_ascii_start(),
        _ => value,
    }
}
