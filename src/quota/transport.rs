use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, Request, Response};

use super::{Quota, refusal};
use crate::request::{Body, Context, response};
use crate::transport::{HttpTransport, TransportError};

/// A transport that keeps a [`Quota`]. Created by [`Quota::limit`].
#[derive(Clone, Debug)]
pub struct QuotaTransport<T> {
    quota: Quota,
    inner: T,
}

/// The header that only calls of the API have, not those of the token endpoint and the upload host.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

impl<T> QuotaTransport<T> {
    pub(super) fn new(quota: Quota, inner: T) -> Self {
        Self { quota, inner }
    }
}

#[async_trait]
impl<T: HttpTransport> HttpTransport for QuotaTransport<T> {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        if !request.headers().contains_key(API_KEY) {
            return self.inner.send(request).await;
        }
        match self.quota.reserve(max_wait(&request)).await {
            Ok(wait) if wait.is_zero() => {}
            Ok(wait) => tokio::time::sleep(wait).await,
            Err(wait) => return Ok(refusal(wait)),
        }
        let response = self.inner.send(request).await?;
        self.quota.learn(response.status(), response::retry_after(response.headers())).await;
        Ok(response)
    }
}

/// Half of the call's remaining time; zero if that is not known.
fn max_wait(request: &Request<Body>) -> Duration {
    let deadline = request.extensions().get::<Context>().and_then(Context::deadline);
    let now = tokio::time::Instant::now().into_std();
    deadline.map_or(Duration::ZERO, |deadline| deadline.saturating_duration_since(now) / 2)
}
