//! How a webhook's body is read: after the key was seen, and no further than the verifier allows.

use std::pin::pin;

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;

use super::{Rejection, Verifier, WebhookHeaders};
use crate::error::BoxError;

impl Verifier {
    /// The body of a request that shows an accepted key.
    pub(crate) async fn receive<B>(&self, headers: WebhookHeaders<'_>, body: B) -> Result<Bytes, Rejection>
    where
        B: Body<Error: Into<BoxError>>,
    {
        self.verify(headers)?;
        // What the length announces need not be read to be refused.
        if body.size_hint().lower() > self.body_limit() as u64 {
            return Err(self.too_large());
        }
        let mut body = pin!(body);
        let (mut first, mut more) = (Bytes::new(), BytesMut::new());
        let mut left = self.body_limit();
        // Nearly every body is one frame, which needs no copy and no list.
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
