//! Calls from a program without async, over [ureq](https://docs.rs/ureq). Operations do no I/O, so any HTTP client can send
//! them.
//!
//! `cargo run -p kenar-examples --example blocking`

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, header};
use kenar::error::ErrorKind;
use kenar::operation::{CreateUploadToken, Media, MediaSource, SendBotMessage, UploadMedia};
use kenar::request::{BaseUrls, Credential, Operation};
use kenar::secret::ApiKey;
use kenar::{BotMessage, Error};
use kenar_sandbox::Sandbox;

/// A blocking client without retries. Resend a message only if [`Error::may_have_been_processed`] is `false`.
struct Blocking {
    agent: ureq::Agent,
    base_urls: BaseUrls,
    api_key: ApiKey,
}

impl Blocking {
    const MAX_RESPONSE_BYTES: u64 = 16 << 20;

    fn new(base_urls: BaseUrls, api_key: ApiKey) -> Self {
        let config = ureq::Agent::config_builder()
            // The operation parses error responses.
            .http_status_as_error(false)
            // A redirect would send the key to another host.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(Duration::from_millis(1500)));
        Self { agent: config.build().into(), base_urls, api_key }
    }

    fn call<O: Operation>(&self, operation: &O) -> Result<O::Response, Error> {
        let invalid = |why| Error::new(ErrorKind::InvalidRequest, O::METADATA.name(), why);
        let (mut parts, body) = operation.request(&self.base_urls)?.into_parts();
        let credential = operation.credential();
        if matches!(credential, Credential::ApiKey | Credential::User(_)) {
            parts.headers.insert("x-api-key", secret_header(self.api_key.expose_secret()).map_err(invalid)?);
        }
        let token = match credential {
            Credential::User(token) => Some(token.expose_secret()),
            Credential::Upload(token) => Some(token.expose_secret()),
            _ => None,
        };
        if let Some(token) = token {
            let bearer = secret_header(&format!("Bearer {token}")).map_err(invalid)?;
            parts.headers.insert(header::AUTHORIZATION, bearer);
        }

        // A message is in memory; the form of an upload is a stream.
        let body = pollster::block_on(body.collect())
            .map_err(|why| Error::new(ErrorKind::RequestBody, O::METADATA.name(), why))?;
        let failed = |why| Error::new(kind(&why), O::METADATA.name(), why);
        let response = if body.is_empty() {
            self.agent.run(http::Request::from_parts(parts, ()))
        } else {
            self.agent.run(http::Request::from_parts(parts, &body[..]))
        };
        let (parts, mut body) = response.map_err(failed)?.into_parts();
        let body = body.with_config().limit(Self::MAX_RESPONSE_BYTES).read_to_vec().map_err(failed)?;
        operation.response(http::Response::from_parts(parts, Bytes::from(body)))
    }
}

fn secret_header(value: &str) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Only a failed connection proves that nothing was sent.
fn kind(error: &ureq::Error) -> ErrorKind {
    match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => ErrorKind::Connect,
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => ErrorKind::Connect,
        ureq::Error::Timeout(_) => ErrorKind::Timeout,
        ureq::Error::Io(_) => ErrorKind::Interrupted,
        ureq::Error::BodyExceedsLimit(_) => ErrorKind::ResponseTooLarge,
        _ => ErrorKind::Transport,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The sandbox runs on tokio, in threads of its own.
    let runtime = tokio::runtime::Runtime::new()?;
    let sandbox = runtime.block_on(Sandbox::start())?;
    let app = sandbox.app("bot");
    let sara = sandbox.user("sara");
    let chat = sara.chat_with_bot(&app);

    let client = Blocking::new(sandbox.base_urls().clone(), app.api_key());
    client.call(&SendBotMessage::new(chat.id(), &BotMessage::text("سلام")))?;

    let photo = Media::image("photo.png", MediaSource::bytes("not quite a picture"))?;
    let token = client.call(&CreateUploadToken)?;
    let medium = client.call(&UploadMedia::new(&photo, &token))?;
    client.call(&SendBotMessage::new(chat.id(), &BotMessage::media(medium)))?;

    // The errors are those of the async client.
    let wrong_key = Blocking::new(sandbox.base_urls().clone(), ApiKey::new("kenar-sandbox-key-of-nobody")?);
    let refused = wrong_key.call(&SendBotMessage::new(chat.id(), &BotMessage::text("سلام"))).unwrap_err();
    assert_eq!(refused.status(), Some(http::StatusCode::UNAUTHORIZED));

    let base_urls = sandbox.base_urls().clone();
    println!("{}", sandbox.transcript());
    runtime.block_on(sandbox.shutdown());
    let nobody_there = Blocking::new(base_urls, app.api_key());
    let unsent = nobody_there.call(&SendBotMessage::new(chat.id(), &BotMessage::text("سلام"))).unwrap_err();
    assert!(!unsent.may_have_been_processed(), "{unsent}");
    Ok(())
}

#[test]
fn blocking_program_calls_the_sandbox() {
    main().unwrap();
}
