//! Another HTTP client under `Client`, here hyper-util's pool.
//!
//! `cargo run --example custom_transport`

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kenar::request::Body;
use kenar::transport::{HttpTransport, TransportError, TransportErrorKind};
use kenar::{BotMessage, ChatApi as _, Client};
use kenar_sandbox::Sandbox;

/// The program's own HTTP client, without TLS.
#[derive(Debug)]
struct OwnPool(legacy::Client<HttpConnector, Body>);

impl OwnPool {
    const MAX_RESPONSE_BYTES: usize = 16 << 20;

    fn new() -> Self {
        Self(legacy::Client::builder(TokioExecutor::new()).build_http())
    }
}

#[async_trait]
impl HttpTransport for OwnPool {
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Bytes>, TransportError> {
        // A `kenar` body is an `http_body::Body`, so hyper takes it as it is.
        let response = self.0.request(request).await.map_err(|error| {
            // Only a failure to connect promises that nothing was sent.
            let kind = if error.is_connect() { TransportErrorKind::Connect } else { TransportErrorKind::Interrupted };
            TransportError::with_source(kind, error)
        })?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, Self::MAX_RESPONSE_BYTES).collect().await.map_err(|error| {
            let too_large = error.is::<LengthLimitError>();
            let kind = if too_large { TransportErrorKind::ResponseTooLarge } else { TransportErrorKind::Interrupted };
            TransportError::with_source(kind, error)
        })?;
        Ok(http::Response::from_parts(parts, body.to_bytes()))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("delivery");
    let chat = sandbox.user("sara").chat_with_bot(&app);

    let client =
        Client::builder(app.api_key()).base_urls(sandbox.base_urls().clone()).transport(OwnPool::new()).build()?;
    client.send_bot_message(chat.id(), &BotMessage::text("سلام از hyper")).await?;

    println!("{}", sandbox.transcript());
    Ok(())
}
