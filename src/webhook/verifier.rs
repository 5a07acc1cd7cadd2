//! Verification of webhooks by the identification key.

use std::sync::Arc;

use bytes::Bytes;
use subtle::{Choice, ConstantTimeEq};

use super::headers::Authorization;
use super::{DynamicAction, Event, OpenApp, ReceivedEvent, Rejection, WebhookHeaders};
use crate::env::{self, EnvError};
use crate::secret::IdentificationKey;

/// Verifies that webhooks come from Divar, and reads them. It is cheap to clone.
///
/// Divar sends the panel's [identification key](crate::guide#identification-key) as the whole value of the `Authorization`
/// header, without a scheme, to all three webhooks. Method, path and `Content-Type` are not checked.
///
/// Each accepted key is compared in constant time. Timing may reveal the length of a key, so choose 32 or more random
/// characters.
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: Arc<Vec<IdentificationKey>>,
    max_body_bytes: usize,
    ignore_bearer_scheme: bool,
}

impl Verifier {
    /// The default of [`max_body_bytes`](Self::max_body_bytes): 1 MiB. A message event takes about 1 KiB.
    pub const DEFAULT_MAX_BODY_BYTES: usize = 1024 * 1024;

    /// Accepts this key, exactly as entered in the Kenar panel.
    #[must_use]
    pub fn new(key: IdentificationKey) -> Self {
        Self { keys: Arc::new(vec![key]), max_body_bytes: Self::DEFAULT_MAX_BODY_BYTES, ignore_bearer_scheme: false }
    }

    /// Accepts the key in the environment variable `KENAR_IDENTIFICATION_KEY`.
    ///
    /// # Errors
    ///
    /// [`EnvError`] if the variable is not set or not a valid key.
    #[doc(alias = "KENAR_IDENTIFICATION_KEY")]
    pub fn from_env() -> Result<Self, EnvError> {
        env::required("KENAR_IDENTIFICATION_KEY").map(Self::new)
    }

    /// Accepts another key too, such as the previous one during a rotation. Can be repeated.
    #[must_use]
    pub fn also_accept(mut self, previous: IdentificationKey) -> Self {
        Arc::make_mut(&mut self.keys).push(previous);
        self
    }

    /// Rejects larger bodies with 413.
    ///
    /// Extractors stop reading there. If you pass bytes instead, limit the body in your web framework as well.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Treats `Bearer <key>` and `<key>` alike, in the header and in the accepted keys.
    ///
    /// Divar sends the panel's value unchanged, with any `Bearer ` typed there. Use this only if the panel and your
    /// configuration must differ.
    #[must_use]
    pub fn ignore_bearer_scheme(mut self) -> Self {
        self.ignore_bearer_scheme = true;
        self
    }

    /// Checks the key alone, for frameworks that do so before they read the body.
    ///
    /// The other methods include this check.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] with 401 if the header is missing, repeated, not ASCII, or not an accepted key.
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

    /// Verifies and reads a request to open your app.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] if the key is wrong, or the body is too large or not a JSON object.
    pub fn open_app<'a>(&self, headers: impl Into<WebhookHeaders<'a>>, body: &[u8]) -> Result<OpenApp, Rejection> {
        let headers = headers.into();
        self.admit(headers, body)?;
        OpenApp::from_unverified_body(headers, body)
    }

    /// Verifies and reads an event. Any JSON object is one.
    ///
    /// # Errors
    ///
    /// As [`open_app`](Self::open_app).
    pub fn event<'a>(&self, headers: impl Into<WebhookHeaders<'a>>, body: &[u8]) -> Result<Event, Rejection> {
        self.admit(headers, body)?;
        Event::from_unverified_body(body)
    }

    /// Verifies and reads an event, and keeps its body for an `Inbox`.
    ///
    /// # Errors
    ///
    /// As [`open_app`](Self::open_app).
    pub fn received_event<'a>(
        &self,
        headers: impl Into<WebhookHeaders<'a>>,
        body: impl Into<Bytes>,
    ) -> Result<ReceivedEvent, Rejection> {
        let body = body.into();
        self.admit(headers, &body)?;
        ReceivedEvent::from_unverified_body(body)
    }

    /// Verifies and reads the press of a dynamic-action button.
    ///
    /// # Errors
    ///
    /// As [`open_app`](Self::open_app).
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

    /// Verifies the key, then reads the body.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) async fn receive<B>(&self, headers: WebhookHeaders<'_>, body: B) -> Result<Bytes, Rejection>
    where
        B: http_body::Body<Error: Into<crate::error::BoxError>>,
    {
        use http_body_util::{BodyExt as _, LengthLimitError, Limited};

        self.verify(headers)?;
        // Reject by `Content-Length` without reading.
        if body.size_hint().lower() > self.body_limit() as u64 {
            return Err(self.too_large());
        }
        match Limited::new(body, self.body_limit()).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(self.too_large()),
            Err(error) => Err(Rejection::Unreadable(error.to_string())),
        }
    }

    #[cfg(any(feature = "axum", feature = "actix", feature = "tower"))]
    pub(crate) fn body_limit(&self) -> usize {
        self.max_body_bytes
    }

    pub(crate) fn too_large(&self) -> Rejection {
        Rejection::TooLarge { limit: self.max_body_bytes }
    }

    /// Compares with every key, even after a match.
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
