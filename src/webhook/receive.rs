//! How a webhook's body is read: after the key was seen, and no further than the verifier allows.

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

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
        match Limited::new(body, self.body_limit()).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(self.too_large()),
            Err(error) => Err(Rejection::Unreadable(error.to_string())),
        }
    }
}
