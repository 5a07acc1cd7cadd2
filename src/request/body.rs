use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};

use crate::error::BoxError;

/// What a request carries: bytes in memory, or a stream of a known length.
///
/// It is an [`http_body::Body`], so an HTTP client takes it as it is; one that wants bytes asks
/// [`as_bytes`](Self::as_bytes) first.
pub struct Body(Inner);

enum Inner {
    Bytes(Bytes),
    Stream { stream: Pin<Box<dyn http_body::Body<Data = Bytes, Error = BoxError> + Send + Sync>>, left: u64 },
}

impl Body {
    /// No body.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Inner::Bytes(Bytes::new()))
    }

    /// A stream of exactly `length` bytes. One that ends sooner or goes on longer fails, since the length has been
    /// announced by then.
    #[must_use]
    pub fn stream<B>(length: u64, stream: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Inner::Stream { stream: Box::pin(Erased(Mutex::new(Box::pin(stream)))), left: length })
    }

    /// The bytes, where they are in memory.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Inner::Bytes(bytes) => Some(bytes),
            Inner::Stream { .. } => None,
        }
    }

    /// How many bytes are still to be read.
    #[must_use]
    pub fn length(&self) -> u64 {
        match &self.0 {
            Inner::Bytes(bytes) => bytes.len() as u64,
            Inner::Stream { left, .. } => *left,
        }
    }

    /// The whole body in memory, for an HTTP client that takes no stream.
    ///
    /// # Errors
    ///
    /// Where a stream fails, or is not of the length announced.
    pub async fn collect(mut self) -> Result<Bytes, BoxError> {
        if let Inner::Bytes(bytes) = &mut self.0 {
            return Ok(std::mem::take(bytes));
        }
        let mut whole = BytesMut::new();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut self).poll_frame(context)).await {
            if let Ok(data) = frame?.into_data() {
                whole.extend_from_slice(&data);
            }
        }
        Ok(whole.freeze())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Inner::Bytes(bytes))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Inner::Bytes(bytes.into()))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self(Inner::Bytes(text.into()))
    }
}

/// Says how much there is, and not what: a body may hold a secret.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.length())
    }
}

/// A stream that was not of the length announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum WrongLength {
    #[error("the stream ended {0} bytes before the length announced")]
    Short(u64),
    #[error("the stream went on past the length announced")]
    Long,
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let (stream, left) = match &mut self.0 {
            Inner::Bytes(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Inner::Bytes(bytes) => return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Inner::Stream { stream, left } => (stream, left),
        };
        let frame = ready!(stream.as_mut().poll_frame(context));
        Poll::Ready(match frame {
            None if *left > 0 => Some(Err(WrongLength::Short(std::mem::take(left)).into())),
            None => None,
            Some(Err(error)) => Some(Err(error)),
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                match left.checked_sub(length) {
                    Some(rest) => {
                        *left = rest;
                        Some(Ok(frame))
                    }
                    None => Some(Err(WrongLength::Long.into())),
                }
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Bytes(bytes) => bytes.is_empty(),
            Inner::Stream { stream, left } => *left == 0 && stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length())
    }
}

/// A stream with its error behind a `Box`. It is never read by two at once; the lock only makes it shareable, which HTTP
/// clients ask for.
struct Erased<B>(Mutex<Pin<Box<B>>>);

impl<B> http_body::Body for Erased<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let stream = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        stream.as_mut().poll_frame(context).map_err(Into::into)
    }
}
