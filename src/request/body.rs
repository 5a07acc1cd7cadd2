use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use serde::Serialize;

use super::Metadata;
use super::context::{self, Reading};
use crate::error::{BoxError, Error, ErrorKind};

/// The body of a request: bytes in memory, or a stream of known length.
///
/// It implements [`http_body::Body`]. For an HTTP client that needs bytes, call [`as_bytes`](Self::as_bytes) first.
pub struct Body {
    inner: Inner,
    /// The call, which records how much of the body was read, and may stop it.
    call: Option<context::Context>,
}

enum Inner {
    Bytes(Bytes),
    /// Boxed, since requests are moved more often than streams are read.
    Stream(Box<Stream>),
}

struct Stream {
    /// Has only one reader; the lock provides the `Sync` that HTTP clients require.
    stream: Mutex<UnsyncBoxBody<Bytes, BoxError>>,
    left: u64,
    /// The last bytes of the declared length, held until the stream has ended.
    last: Option<Bytes>,
}

impl Body {
    /// An empty body.
    #[must_use]
    pub const fn empty() -> Self {
        Self { inner: Inner::Bytes(Bytes::new()), call: None }
    }

    /// A stream of exactly `length` bytes. Any other length is an error.
    #[must_use]
    pub fn stream<B>(length: u64, stream: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let stream = Mutex::new(stream.map_err(Into::into).boxed_unsync());
        Self { inner: Inner::Stream(Box::new(Stream { stream, left: length, last: None })), call: None }
    }

    /// The bytes, if in memory. This call counts as reading the body.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.inner {
            Inner::Bytes(bytes) => self.may_give(Reading::All).then_some(bytes),
            Inner::Stream(_) => None,
        }
    }

    /// The number of bytes not yet read.
    #[must_use]
    pub fn length(&self) -> u64 {
        match &self.inner {
            Inner::Bytes(bytes) => bytes.len() as u64,
            Inner::Stream(stream) => stream.left + stream.last.as_ref().map_or(0, |last| last.len() as u64),
        }
    }

    /// Reads the whole body into memory, for an HTTP client without streams.
    ///
    /// # Errors
    ///
    /// If the stream fails or does not have the declared length.
    pub async fn collect(self) -> Result<Bytes, BoxError> {
        match self.as_bytes() {
            Some(bytes) => Ok(bytes.clone()),
            None => Ok(BodyExt::collect(self).await?.to_bytes()),
        }
    }

    pub(crate) fn track(&mut self, call: context::Context) {
        if self.length() > 0 {
            call.begins_when_body_is_read();
        }
        self.call = Some(call);
    }

    fn may_give(&self, reading: Reading) -> bool {
        self.call.as_ref().is_none_or(|call| call.advance(reading))
    }

    fn failed(&self, error: BoxError) -> BoxError {
        match &self.call {
            Some(call) => call.keep_failure(error),
            None => error,
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self { inner: Inner::Bytes(bytes), call: None }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self { inner: Inner::Bytes(bytes.into()), call: None }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self { inner: Inner::Bytes(text.into()), call: None }
    }
}

/// Writes only the length: a body may contain secrets.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.length())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum WrongLength {
    #[error("body too short: {0} bytes missing")]
    Short(u64),
    #[error("body longer than the declared length")]
    Long,
}

/// The error of a body whose call has ended, such as by its timeout.
#[derive(Debug, thiserror::Error)]
#[error("the call has ended")]
struct Ended;

impl Stream {
    fn has_ended(&self) -> bool {
        self.stream.try_lock().is_ok_and(|stream| stream.is_end_stream())
    }

    /// The next data, and `true` for the last, which is held until the stream has ended: for a server, a request is complete
    /// once it has the declared length.
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<(Bytes, bool), BoxError>>> {
        loop {
            let stream = self.stream.get_mut().unwrap_or_else(PoisonError::into_inner);
            let Some(frame) = ready!(Pin::new(stream).poll_frame(context)).transpose()? else {
                return Poll::Ready(match self.left {
                    0 => self.last.take().map(|last| Ok((last, true))),
                    left => Some(Err(WrongLength::Short(left).into())),
                });
            };
            // HTTP/1.1 has no trailers after a body of declared length.
            let Ok(data) = frame.into_data() else { continue };
            if data.is_empty() {
                continue;
            }
            let Some(left) = self.left.checked_sub(data.len() as u64) else {
                return Poll::Ready(Some(Err(WrongLength::Long.into())));
            };
            self.left = left;
            if left > 0 {
                return Poll::Ready(Some(Ok((data, false))));
            }
            if self.has_ended() {
                return Poll::Ready(Some(Ok((data, true))));
            }
            self.last = Some(data);
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let before = if matches!(this.inner, Inner::Bytes(_)) { Reading::All } else { Reading::Part };
        if !this.may_give(before) {
            return Poll::Ready(Some(Err(Ended.into())));
        }
        Poll::Ready(match &mut this.inner {
            Inner::Bytes(bytes) if bytes.is_empty() => None,
            Inner::Bytes(bytes) => Some(Ok(Frame::data(std::mem::take(bytes)))),
            Inner::Stream(stream) => match ready!(stream.poll_data(context)) {
                None => None,
                Some(Err(error)) => Some(Err(this.failed(error))),
                Some(Ok((_, true))) if !this.may_give(Reading::All) => Some(Err(Ended.into())),
                Some(Ok((data, _))) => Some(Ok(Frame::data(data))),
            },
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Bytes(bytes) => bytes.is_empty() && self.may_give(Reading::All),
            Inner::Stream(stream) => self.length() == 0 && self.may_give(Reading::All) && stream.has_ended(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        // With an exact size of zero, an HTTP client would send the head at once.
        if self.length() == 0 && self.call.as_ref().is_some_and(context::Context::has_ended) {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.length())
    }
}

/// The content of a request: a body and its headers (RFC 9110, section 6.4).
#[derive(Debug, Default)]
pub struct Content {
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// The error for a request that cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidRequest {
    reason: BoxError,
    kind: ErrorKind,
}

impl Content {
    /// No content.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// A body with its media type.
    #[must_use]
    pub fn new(content_type: HeaderValue, body: impl Into<Body>) -> Self {
        // The client and the HTTP stack add headers, for a total of seven.
        Self { headers: HeaderMap::with_capacity(8), body: body.into() }.with_header(header::CONTENT_TYPE, content_type)
    }

    /// A value as JSON.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] if the value cannot be serialised.
    pub fn json(value: &(impl Serialize + ?Sized)) -> Result<Self, InvalidRequest> {
        Ok(Self::of_json(serde_json::to_vec(value).map_err(InvalidRequest::new)?))
    }

    pub(crate) fn of_json(json: impl Into<Body>) -> Self {
        Self::new(HeaderValue::from_static("application/json"), json)
    }

    /// Names and values as a URL-encoded form.
    #[must_use]
    pub fn form<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self::new(HeaderValue::from_static("application/x-www-form-urlencoded"), form)
    }

    /// Sets a header.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl InvalidRequest {
    /// An error with this reason: [`ErrorKind::InvalidRequest`].
    pub fn new(reason: impl Into<BoxError>) -> Self {
        Self { reason: reason.into(), kind: ErrorKind::InvalidRequest }
    }

    /// An error reading the body: [`ErrorKind::RequestBody`].
    pub fn unreadable_body(reason: impl Into<BoxError>) -> Self {
        Self { reason: reason.into(), kind: ErrorKind::RequestBody }
    }

    pub(super) fn into_error(self, operation: &Metadata) -> Error {
        Error::new(self.kind, operation.name(), self.reason).of(operation.about())
    }
}
