//! Promise: a caller's timeout always applies, and connecting may use all of it. Runs on tokio's paused clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as _;
use kenar::client::Retry;
use kenar::error::ErrorKind;
use kenar::operation::{Media, MediaSource, UploadMedia};
use kenar::request::{Body, Context, Operation};
use kenar::secret::{ApiKey, UploadToken};
use kenar::transport::{HttpTransport, MockTransport, TransportError};
use kenar::{BotMessage, ChatApi as _, Client, Error};
use serde_json::json;
use tokio::time::Instant;

use kenar_tests::support::calls::{API_KEY, access_token, conversation};

/// A transport with delays, in milliseconds, before the connection and the response.
#[derive(Clone, Debug)]
struct Slow(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    connects_after: Vec<u64>,
    responds_after: u64,
    begun: u32,
    contexts: Vec<Context>,
}

impl Slow {
    fn new(connects_after: impl Into<Vec<u64>>, responds_after: u64) -> Self {
        let connects_after = connects_after.into();
        Self(Arc::new(Mutex::new(State { connects_after, responds_after, begun: 0, contexts: Vec::new() })))
    }

    fn client(&self) -> Client {
        Client::builder(ApiKey::new(API_KEY).unwrap()).transport(self.clone()).build().unwrap()
    }

    fn attempts(&self) -> usize {
        self.0.lock().unwrap().contexts.len()
    }

    fn begun(&self) -> u32 {
        self.0.lock().unwrap().begun
    }
}

#[async_trait]
impl HttpTransport for Slow {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        let (connects_after, responds_after) = {
            let context = request.extensions().get::<Context>().unwrap();
            context.begins_when_body_is_read();
            let mut state = self.0.lock().unwrap();
            state.contexts.push(context.clone());
            let attempt = state.contexts.len() - 1;
            (*state.connects_after.get(attempt).or(state.connects_after.last()).unwrap(), state.responds_after)
        };
        tokio::time::sleep(millis(connects_after)).await;
        if !request.body().is_end_stream() {
            request.into_body().collect().await.unwrap();
        }
        self.0.lock().unwrap().begun += 1;
        tokio::time::sleep(millis(responds_after)).await;
        Ok(Response::new(Bytes::from_static(br#"{"token":"upload-token-of-the-test","id":"m-1","status":"ok"}"#)))
    }
}

const NEVER: u64 = 1_000_000_000;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

async fn timed<T>(work: impl Future<Output = Result<T, Error>>) -> (Result<T, Error>, Duration) {
    let begun = Instant::now();
    let outcome = work.await;
    (outcome, begun.elapsed())
}

fn media() -> Media {
    Media::video("a.mp4", MediaSource::bytes("the video")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn caller_timeout_applies_to_uploads() {
    let token = UploadToken::new("upload-token-of-the-test").unwrap();
    for limit in [millis(200), millis(2000), millis(300_000)] {
        let slow = Slow::new([0], NEVER);
        let by_builder =
            Client::builder(ApiKey::new(API_KEY).unwrap()).transport(slow.clone()).time_limit(limit).build().unwrap();
        for client in [by_builder, slow.client().with_time_limit(limit)] {
            let (outcome, took) = timed(client.execute(&UploadMedia::new(&media(), &token))).await;
            assert_eq!((outcome.unwrap_err().kind(), took), (ErrorKind::Timeout, limit));
        }
    }
    let (outcome, took) = timed(Slow::new([0], NEVER).client().execute(&UploadMedia::new(&media(), &token))).await;
    assert_eq!((outcome.unwrap_err().kind(), took), (ErrorKind::Timeout, millis(120_000)), "the default for uploads");
}

#[tokio::test(start_paused = true)]
async fn upload_steps_share_one_timeout() {
    // The token takes 1.2 s, and so would the upload.
    let (outcome, took) =
        timed(Slow::new([0], 1200).client().with_time_limit(millis(2000)).upload_media(media())).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.kind(), error.operation(), took), (ErrorKind::Timeout, "media.upload", millis(2000)));

    let (outcome, took) =
        timed(Slow::new([0], NEVER).client().with_time_limit(millis(2000)).upload_media(media())).await;
    assert_eq!(outcome.unwrap_err().operation(), "media.create_upload_token");
    assert!(took <= millis(2001), "took {took:?}");

    // By default, each step has its own timeout.
    let (outcome, took) = timed(Slow::new([0], 900).client().upload_media(media())).await;
    assert!(outcome.is_ok() && took == millis(1800), "{outcome:?} after {took:?}");
}

#[tokio::test(start_paused = true)]
async fn extreme_timeouts_do_not_overflow() {
    for limit in [Duration::MAX, Duration::MAX / 2, Duration::ZERO] {
        let retry = Retry::default().first_pause(Duration::MAX).max_attempts(u32::MAX);
        let client = Client::builder(ApiKey::new(API_KEY).unwrap())
            .transport(Slow::new([1], 1))
            .time_limit(limit)
            .retry(retry)
            .build()
            .unwrap();
        let outcome = client.get_user(&access_token()).await;
        match outcome {
            Ok(_) => assert!(!limit.is_zero()),
            Err(error) => assert_eq!((error.kind(), limit), (ErrorKind::Connect, Duration::ZERO), "{error:?}"),
        }
    }
}

/// With a round trip of 250 ms, DNS, TCP and TLS 1.2 take 1 s, and the request 250 ms.
#[tokio::test(start_paused = true)]
async fn round_trip_of_250_ms_is_within_the_timeout() {
    let slow = Slow::new([1000], 250);
    let (read, took) = timed(slow.client().get_user(&access_token())).await;
    assert!(read.is_ok(), "{read:?} after {took:?}");
    let (sent, took) = timed(slow.client().send_bot_message(&conversation(), &BotMessage::text("سلام"))).await;
    assert!(sent.is_ok(), "{sent:?} after {took:?}");
    assert_eq!((slow.attempts(), slow.begun()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn connection_timeout_is_retried() {
    let slow = Slow::new([NEVER, 10], 10);
    let (sent, took) = timed(slow.client().send_bot_message(&conversation(), &BotMessage::text("سلام"))).await;
    assert!(sent.is_ok(), "{sent:?} after {took:?}");
    assert_eq!((slow.attempts(), slow.begun()), (2, 1));
    // Three quarters of 1.5 s, a pause of 50 to 100 ms, and 20 ms.
    assert!((millis(1195)..=millis(1247)).contains(&took), "took {took:?}");
}

#[tokio::test(start_paused = true)]
async fn last_attempt_connects_until_the_deadline() {
    for (retry, attempts) in [(Retry::never(), 1), (Retry::default(), 2)] {
        let slow = Slow::new([NEVER], 0);
        let client =
            Client::builder(ApiKey::new(API_KEY).unwrap()).transport(slow.clone()).retry(retry).build().unwrap();
        let (outcome, took) = timed(client.send_bot_message(&conversation(), &BotMessage::text("سلام"))).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.may_have_been_processed()), (ErrorKind::Connect, false), "{error:?}");
        assert_eq!(slow.attempts(), attempts);
        assert!((millis(1500)..=millis(1503)).contains(&took), "took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn late_request_has_until_the_deadline() {
    // The request is sent before three quarters of the timeout, and the response follows later.
    let slow = Slow::new([1100], 390);
    let (sent, took) = timed(slow.client().send_bot_message(&conversation(), &BotMessage::text("سلام"))).await;
    assert!(sent.is_ok() && took == millis(1490), "{sent:?} after {took:?}");
    let (read, took) = timed(slow.client().get_user(&access_token())).await;
    assert!(read.is_ok() && took == millis(1490), "{read:?} after {took:?}");

    // A request that was sent may have been processed.
    let slow = Slow::new([1100], NEVER);
    let (sent, took) = timed(slow.client().send_bot_message(&conversation(), &BotMessage::text("سلام"))).await;
    let error = sent.unwrap_err();
    assert_eq!((error.kind(), error.may_have_been_processed(), took), (ErrorKind::Timeout, true, millis(1500)));
    assert_eq!(slow.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn caller_attempt_timeout_applies() {
    let slow = Slow::new([NEVER, 0], 0);
    let retry = Retry::default().attempt_limit(millis(100)).first_pause(Duration::ZERO);
    let client = Client::builder(ApiKey::new(API_KEY).unwrap()).transport(slow.clone()).retry(retry).build().unwrap();
    let (read, took) = timed(client.get_user(&access_token())).await;
    assert!(read.is_ok(), "{read:?}");
    assert!((millis(100)..=millis(102)).contains(&took), "took {took:?}");
}

/// A transport that never reads the body and never completes.
#[derive(Debug)]
struct Silent;

#[async_trait]
impl HttpTransport for Silent {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        let _request = request;
        std::future::pending().await
    }
}

/// A transport that reads the body and never completes.
#[derive(Debug)]
struct Eager;

#[async_trait]
impl HttpTransport for Eager {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        let body = request.body().as_bytes().cloned();
        let _kept = (body, request);
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn silent_transport_may_have_sent_the_request() {
    let client = |transport: Arc<dyn HttpTransport>| {
        Client::builder(ApiKey::new(API_KEY).unwrap()).transport(transport).build().unwrap()
    };
    let message = BotMessage::text("سلام");
    let read = client(Arc::new(Silent)).get_user(&access_token()).await.unwrap_err();
    assert_eq!((read.kind(), read.may_have_been_processed()), (ErrorKind::Timeout, true), "no body to track");
    let sent = client(Arc::new(Eager)).send_bot_message(&conversation(), &message).await.unwrap_err();
    assert_eq!((sent.kind(), sent.may_have_been_processed()), (ErrorKind::Timeout, true), "the body was read");
    // A transport cannot have sent a body that it has not read.
    let sent = client(Arc::new(Silent)).send_bot_message(&conversation(), &message).await.unwrap_err();
    assert_eq!((sent.kind(), sent.may_have_been_processed()), (ErrorKind::Connect, false));
}

/// A transport that keeps the request after the call has ended.
#[derive(Clone, Debug, Default)]
struct Detached(Arc<Mutex<Vec<Request<Body>>>>);

#[async_trait]
impl HttpTransport for Detached {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        self.0.lock().unwrap().push(request);
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn body_cannot_be_read_after_its_call() {
    let detached = Detached::default();
    let client = Client::builder(ApiKey::new(API_KEY).unwrap()).transport(detached.clone()).build().unwrap();
    let error = client.send_bot_message(&conversation(), &BotMessage::text("سلام")).await.unwrap_err();
    assert!(!error.may_have_been_processed(), "{error:?}");
    let requests = std::mem::take(&mut *detached.0.lock().unwrap());
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.body().as_bytes(), None);
        assert!(!request.body().is_end_stream());
        request.into_body().collect().await.expect_err("the call was reported as not sent");
    }
}

#[tokio::test(start_paused = true)]
async fn each_request_has_its_context() {
    let slow = Slow::new([NEVER, NEVER, 0], 0);
    let begun = Instant::now().into_std();
    slow.client()
        .with_time_limit(millis(30_000))
        .send_bot_message(&conversation(), &BotMessage::text("سلام"))
        .await
        .unwrap();
    let contexts = slow.0.lock().unwrap().contexts.clone();
    assert_eq!(contexts.iter().map(Context::attempt).collect::<Vec<_>>(), [1, 2, 3]);
    for context in &contexts {
        assert_eq!(context.operation(), "bot.send_message");
        assert_eq!(context.deadline(), Some(begun + millis(30_000)));
        assert!(!context.is_idempotent());
    }
    assert_eq!(contexts.iter().map(Context::may_have_begun).collect::<Vec<_>>(), [true, true, true]);

    let mock = MockTransport::new();
    mock.respond_json(200, &json!({}));
    let client = Client::builder(ApiKey::new(API_KEY).unwrap()).transport(mock.clone()).build().unwrap();
    client.get_user(&access_token()).await.unwrap();
    let requests = mock.requests();
    let context = requests[0].extensions().get::<Context>().unwrap();
    assert_eq!((context.operation(), context.is_idempotent()), (kenar::operation::GetUser::METADATA.name(), true));
}
