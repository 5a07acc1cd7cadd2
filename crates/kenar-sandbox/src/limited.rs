//! Request bodies of limited size.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, header};
use http_body::Body as _;

/// The time to receive the rest of a refused body.
const LINGER: Duration = Duration::from_secs(5);

/// The body, if it is complete and has at most `most` bytes. A larger `Content-Length` is refused without waiting for it.
pub(crate) async fn read(headers: &HeaderMap, body: Body, most: usize) -> Option<Bytes> {
    let body = fitting(headers, body, u64::try_from(most).unwrap_or(u64::MAX))?;
    to_bytes(body, most).await.ok()
}

/// The body, unless its `Content-Length` exceeds `most` bytes.
pub(crate) fn fitting(headers: &HeaderMap, body: Body, most: u64) -> Option<Body> {
    if body.size_hint().lower() <= most {
        return Some(body);
    }
    // A client that is still sending might miss the response otherwise. One that asked first has not begun.
    if !headers.contains_key(header::EXPECT) {
        tokio::spawn(tokio::time::timeout(LINGER, async {
            let mut rest = body.into_data_stream();
            while let Some(Ok(_)) = rest.next().await {}
        }));
    }
    None
}
