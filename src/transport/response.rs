use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http_body::Body;

use super::{TransportError, TransportErrorKind};
use crate::error::BoxError;

/// Reads a body of at most `limit` bytes. A body in one piece is not copied.
pub(super) async fn read<B>(mut body: B, limit: usize) -> Result<Bytes, TransportError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let too_large = || TransportError::new(TransportErrorKind::ResponseTooLarge);
    // An announced length that is too large fails at once.
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut whole = Bytes::new();
    let mut pieces = BytesMut::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| TransportError::with_source(TransportErrorKind::Interrupted, error))?;
        let Ok(piece) = frame.into_data() else { continue };
        if piece.len() > limit.saturating_sub(whole.len() + pieces.len()) {
            return Err(too_large());
        }
        if whole.is_empty() && pieces.is_empty() {
            whole = piece;
        } else {
            pieces.extend_from_slice(&std::mem::take(&mut whole));
            pieces.extend_from_slice(&piece);
        }
    }
    Ok(if pieces.is_empty() { whole } else { pieces.freeze() })
}
