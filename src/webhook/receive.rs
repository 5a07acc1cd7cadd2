//! Reading of a webhook's body, after the key is verified and up to the size limit.

use std::pin::pin;

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;

use super::{Rejection, Verifier, WebhookHeaders};
use crate::error::BoxError;

impl Verifier {
    /// Verifies the key, then reads the body.
    pub(crate) async fn receive<B>(&self, headers: WebhookHeaders<'_>, body: B) -> Result<Bytes, Rejection>
    where
        B: Body<Error: Into<BoxError>>,
    {
        self.verify(headers)?;
        // Reject by `Content-Length` without reading.
        if body.size_hint().lower() > self.body_limit() as u64 {
            return Err(self.too_large());
        }
        let mut body = pin!(body);
        let (mut first, mut more) = (Bytes::new(), BytesMut::new());
        let mut left = self.body_limit();
        // Nearly every body is one frame, which needs no copy.
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Rejection::Unreadable(error.into().to_string()))?;
            let Ok(mut data) = frame.into_data() else { continue };
            left = left.checked_sub(data.remaining()).ok_or_else(|| self.too_large())?;
            let data = data.copy_to_bytes(data.remaining());
            if first.is_empty() {
                first = data;
            } else {
                more.extend_from_slice(&data);
            }
        }
        if more.is_empty() { Ok(first) } else { Ok([first, more.freeze()].concat().into()) }
    }
}
