//! Another HTTP stack under the client: a reqwest client of the program's own.
//!
//! `cargo run --example custom_transport`

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kenar::request::Body;
use kenar::sandbox::Sandbox;
use kenar::transport::{HttpTransport, TransportError, TransportErrorKind};
use kenar::{BotMessage, ChatApi as _, Client};

/// With whatever the program has set on it. Redirects and repetitions must be off: a request carries secrets for its host
/// alone, and what may be sent again is for `kenar` to decide.
#[derive(Debug)]
struct OwnReqwest(reqwest::Client);

impl OwnReqwest {
    const MAX_RESPONSE_BYTES: usize = 16 << 20;

    fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()?;
        Ok(Self(client))
    }
}

#[async_trait]
impl HttpTransport for OwnReqwest {
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Bytes>, TransportError> {
        let failure = |error: reqwest::Error| {
            // Only a failure to connect promises that nothing was sent.
            let kind = if error.is_connect() { TransportErrorKind::Connect } else { TransportErrorKind::Interrupted };
            TransportError::with_source(kind, error.without_url())
        };
        // reqwest takes a `kenar` body as it is: it is an `http_body::Body`.
        let request = request.map(reqwest::Body::wrap).try_into().map_err(failure)?;
        let response = self.0.execute(request).await.map_err(failure)?;
        let (parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
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
    // reqwest is built here without a TLS provider; with its default features this is not needed.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let kenar = Sandbox::start().await?;
    let app = kenar.app("delivery");
    let chat = kenar.user("sara").chat_with_bot(&app);

    let client = Client::builder(app.api_key()).hosts(kenar.hosts().clone()).transport(OwnReqwest::new()?).build()?;
    client.send_bot_message(chat.id(), &BotMessage::text("سلام از reqwest")).await?;

    println!("{}", kenar.transcript());
    Ok(())
}
