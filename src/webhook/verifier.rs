use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use subtle::{Choice, ConstantTimeEq};

use super::{ApiVersion, DynamicAction, Event, OpenApp, Rejection};
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
    /// The default of [`max_body_bytes`](Self::max_body_bytes): 1 MiB.
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

/// The headers that the verifier reads: `Authorization` and `API-Version`.
///
/// A [`HeaderMap`] and a single value of `Authorization` convert into it; otherwise use [`new`](Self::new). Two
/// `Authorization` headers are rejected, since a proxy and your framework may trust different ones. So pass every value,
/// not only the first.
///
/// `API-Version` determines the form of an [`OpenApp`](super::OpenApp) and its reply. Without it, the keys of the body do.
#[derive(Clone, Copy)]
pub struct WebhookHeaders<'a> {
    authorization: Authorization<'a>,
    version: Option<ApiVersion>,
}

#[derive(Clone, Copy)]
pub(super) enum Authorization<'a> {
    Missing,
    Once(&'a [u8]),
    Repeated,
}

const API_VERSION_UNDERSCORE: HeaderName = HeaderName::from_static("api_version");

impl<'a> WebhookHeaders<'a> {
    /// The values of all `Authorization` headers.
    #[must_use]
    pub fn new<V: AsRef<[u8]> + ?Sized + 'a>(authorization: impl IntoIterator<Item = &'a V>) -> Self {
        let mut values = authorization.into_iter();
        let authorization = match (values.next(), values.next()) {
            (None, _) => Authorization::Missing,
            (Some(value), None) => Authorization::Once(value.as_ref()),
            (Some(_), Some(_)) => Authorization::Repeated,
        };
        Self { authorization, version: None }
    }

    /// Sets the `API-Version` header, which some of the platform's documents spell `API_VERSION`.
    #[must_use]
    pub fn with_api_version<V: AsRef<[u8]> + ?Sized>(mut self, value: Option<&V>) -> Self {
        self.version = value.and_then(|value| ApiVersion::of_header(value.as_ref()));
        self
    }

    pub(super) fn authorization(self) -> Authorization<'a> {
        self.authorization
    }

    pub(super) fn version(self) -> Option<ApiVersion> {
        self.version
    }
}

impl<'a> From<&'a HeaderMap> for WebhookHeaders<'a> {
    fn from(headers: &'a HeaderMap) -> Self {
        let version = headers.get(super::open_app::API_VERSION).or_else(|| headers.get(API_VERSION_UNDERSCORE));
        Self::new(headers.get_all(header::AUTHORIZATION)).with_api_version(version)
    }
}

macro_rules! from_values {
    ($($value:ty)*) => {$(
        /// The only `Authorization` value.
        impl<'a> From<&'a $value> for WebhookHeaders<'a> {
            fn from(value: &'a $value) -> Self {
                Some(value).into()
            }
        }

        /// The only `Authorization` value, if any.
        impl<'a> From<Option<&'a $value>> for WebhookHeaders<'a> {
            fn from(value: Option<&'a $value>) -> Self {
                let value = value.map(<$value>::as_ref);
                Self { authorization: value.map_or(Authorization::Missing, Authorization::Once), version: None }
            }
        }
    )*};
}

from_values!(str [u8] http::HeaderValue);

/// Redacts the key.
impl fmt::Debug for WebhookHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authorization = match self.authorization {
            Authorization::Missing => "missing",
            Authorization::Once(_) => "[redacted]",
            Authorization::Repeated => "repeated",
        };
        f.debug_struct("WebhookHeaders")
            .field("authorization", &format_args!("{authorization}"))
            .field("version", &self.version)
            .finish()
    }
}

/// An event with the request body that Divar sent, for `Inbox::accept`.
///
/// The body may contain keys that this version of the crate does not know. It dereferences to the [`Event`].
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedEvent {
    event: Event,
    body: Bytes,
}

impl ReceivedEvent {
    /// Reads an event **without checking that Divar sent it**. A handler uses
    /// [`Verifier::received_event`](super::Verifier::received_event).
    ///
    /// # Errors
    ///
    /// As [`Event::from_unverified_body`].
    pub fn from_unverified_body(body: impl Into<Bytes>) -> Result<Self, Rejection> {
        let body = body.into();
        Ok(Self { event: Event::from_unverified_body(&body)?, body })
    }

    /// The request body as Divar sent it.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The event alone.
    #[must_use]
    pub fn into_event(self) -> Event {
        self.event
    }
}

impl Deref for ReceivedEvent {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.event
    }
}

/// Returns `true` for the documented source addresses of events: `78.111.6.41` to `.43`, and `31.214.250.128/27`.
///
/// The crate itself does not use it. The addresses are documented only for events and may change, so check them in addition
/// to the key, never instead. Behind a proxy, the connection has the proxy's address.
#[must_use]
pub fn is_documented_event_source(address: IpAddr) -> bool {
    // A server that listens on IPv6 sees IPv4 addresses as ::ffff:78.111.6.41.
    let IpAddr::V4(address) = address.to_canonical() else {
        return false;
    };
    let in_network = |network: Ipv4Addr, bits: u32| (address.to_bits() ^ network.to_bits()).leading_zeros() >= bits;
    matches!(address.octets(), [78, 111, 6, 41..=43]) || in_network(Ipv4Addr::new(31, 214, 250, 128), 27)
}
