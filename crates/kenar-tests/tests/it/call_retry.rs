//! Promise: failed calls are retried as documented. Runs on tokio's paused clock, so that times are exact.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use kenar::client::Retry;
use kenar::error::ErrorKind;
use kenar::operation::{CreateUploadToken, GetUser, Media, MediaSource, UploadMedia};
use kenar::request::response::UnexpectedResponse;
use kenar::request::{BaseUrls, Body, Credential, Metadata, Operation};
use kenar::secret::{ApiKey, UploadToken};
use kenar::transport::{HttpTransport, MockTransport, TransportError, TransportErrorKind};
use kenar::{BotMessage, ChatApi as _, Client, ConversationMessage, Error};
use proptest::prelude::*;
use serde_json::json;
use tokio::time::Instant;

use kenar_tests::support::calls::{API_KEY, access_token, client, conversation};

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// A response with this status and an optional `Retry-After`.
    Respond(u16, Option<&'static str>),
    Fail(TransportErrorKind),
    /// No outcome, ever.
    Hang,
    /// Another outcome after this many milliseconds.
    After(u64, Box<Step>),
}

impl Step {
    /// Returns `true` if the server may have processed the request.
    fn may_be_processed(&self) -> bool {
        match self {
            Self::Respond(status, _) => *status < 300 || *status >= 500,
            Self::Fail(kind) => *kind != TransportErrorKind::Connect,
            Self::Hang => true,
            Self::After(_, then) => then.may_be_processed(),
        }
    }
}

use Step::{Fail, Hang, Respond};

/// A transport with scripted outcomes.
#[derive(Clone, Debug, Default)]
struct Script(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    remaining: VecDeque<Step>,
    finished: Vec<Step>,
    bodies: Vec<Bytes>,
}

impl Script {
    fn new(script: impl IntoIterator<Item = Step>) -> Self {
        let remaining = script.into_iter().collect();
        Self(Arc::new(Mutex::new(State { remaining, ..State::default() })))
    }

    fn finished(&self) -> Vec<Step> {
        self.0.lock().unwrap().finished.clone()
    }

    fn sent(&self) -> usize {
        self.finished().len()
    }
}

#[async_trait]
impl HttpTransport for Script {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        let body = request.into_body().collect().await;
        let mut step = {
            let mut state = self.0.lock().unwrap();
            let step = state.remaining.pop_front().expect("a scripted outcome is left");
            state.finished.push(step.clone());
            state.bodies.extend(body);
            step
        };
        loop {
            step = match step {
                Respond(status, retry_after) => {
                    let mut response = Response::new(Bytes::from_static(b"{}"));
                    *response.status_mut() = StatusCode::from_u16(status).unwrap();
                    if let Some(value) = retry_after {
                        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(value));
                    }
                    return Ok(response);
                }
                Fail(kind) => return Err(TransportError::new(kind)),
                Hang => std::future::pending().await,
                Step::After(millis, then) => {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    *then
                }
            };
        }
    }
}

/// An idempotent call or a send.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Read,
    Send,
}

struct Ran {
    outcome: Result<(), Error>,
    sent: usize,
    took: Duration,
}

async fn run_with(retry: Retry, call: Call, script: impl IntoIterator<Item = Step>) -> Ran {
    let script = Script::new(script);
    let client = Client::builder(ApiKey::new(API_KEY).unwrap()).transport(script.clone()).retry(retry).build().unwrap();
    let begun = Instant::now();
    let outcome = match call {
        Call::Read => client.get_user(&access_token()).await.map(drop),
        Call::Send => {
            client.send_message(&conversation(), &ConversationMessage::text("سلام"), &access_token()).await.map(drop)
        }
    };
    Ran { outcome, sent: script.sent(), took: begun.elapsed() }
}

async fn run(call: Call, script: impl IntoIterator<Item = Step>) -> Ran {
    run_with(Retry::default(), call, script).await
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Two pauses of 100 and 200 ms, each shortened by up to half. tokio rounds up to milliseconds.
#[track_caller]
fn assert_two_pauses(ran: &Ran) {
    assert!((millis(150)..=millis(302)).contains(&ran.took), "took {:?}", ran.took);
}

const OK: Step = Respond(200, None);
const CONNECT: Step = Fail(TransportErrorKind::Connect);
const INTERRUPTED: Step = Fail(TransportErrorKind::Interrupted);

#[tokio::test(start_paused = true)]
async fn unprocessed_call_has_three_attempts_with_backoff() {
    for call in [Call::Read, Call::Send] {
        for step in [CONNECT, Respond(429, None)] {
            let ran = run(call, [step.clone(), step.clone(), step.clone()]).await;
            let error = ran.outcome.as_ref().expect_err("a success");
            assert_eq!((ran.sent, error.attempts()), (3, 3), "{call:?} {step:?}");
            assert!(!error.may_have_been_processed(), "{error}");
            assert!(error.to_string().contains("[after 3 attempts]"), "{error}");
            assert_two_pauses(&ran);

            let ran = run(call, [step.clone(), step.clone(), OK]).await;
            assert_eq!((ran.outcome.is_ok(), ran.sent), (true, 3), "{call:?} {step:?}");
            assert_two_pauses(&ran);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn processed_call_is_retried_only_if_idempotent() {
    for step in [
        Respond(500, None),
        Respond(502, None),
        Respond(503, Some("0")),
        INTERRUPTED,
        Fail(TransportErrorKind::Timeout),
    ] {
        let script = [step.clone(), step.clone(), OK];
        let ran = run(Call::Read, script.clone()).await;
        assert_eq!((ran.outcome.is_ok(), ran.sent), (true, 3), "{step:?}");

        let ran = run(Call::Send, script).await;
        let error = ran.outcome.unwrap_err();
        assert_eq!((ran.sent, error.attempts(), ran.took), (1, 1, Duration::ZERO), "{step:?}");
        assert!(error.may_have_been_processed(), "{step:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn permanent_failure_is_not_retried() {
    for call in [Call::Read, Call::Send] {
        for step in [
            Respond(301, None),
            Respond(400, None),
            Respond(401, None),
            Respond(403, None),
            Respond(404, None),
            Respond(408, None),
            Respond(412, Some("0")),
            Fail(TransportErrorKind::ResponseTooLarge),
            Fail(TransportErrorKind::Other),
        ] {
            let ran = run(call, [step.clone(), OK]).await;
            let error = ran.outcome.unwrap_err();
            assert_eq!((ran.sent, error.attempts(), ran.took), (1, 1, Duration::ZERO), "{call:?} {step:?}");
            assert_eq!(error.may_have_been_processed(), step.may_be_processed(), "{call:?} {step:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_exactly() {
    for call in [Call::Read, Call::Send] {
        let ran = run(call, [Respond(429, Some("1")), OK]).await;
        assert_eq!((ran.outcome.is_ok(), ran.sent, ran.took), (true, 2, millis(1000)), "{call:?}");

        let ran = run(call, [Respond(429, Some("0")), Respond(429, Some("0")), OK]).await;
        assert_eq!((ran.outcome.is_ok(), ran.sent), (true, 3), "{call:?}");
        assert!(ran.took <= millis(2), "{call:?} took {:?}", ran.took);
    }
    let ran = run(Call::Read, [Respond(503, Some("1")), OK]).await;
    assert_eq!((ran.outcome.is_ok(), ran.sent, ran.took), (true, 2, millis(1000)));
}

#[tokio::test(start_paused = true)]
async fn retry_after_beyond_the_timeout_is_not_waited_for() {
    for call in [Call::Read, Call::Send] {
        for (value, seconds) in [("2", 2), ("3600", 3600), ("18446744073709551615", u64::MAX)] {
            let ran = run(call, [Respond(429, Some(value)), OK]).await;
            let error = ran.outcome.unwrap_err();
            assert!(error.is_rate_limited(), "{error}");
            assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)));
            assert_eq!((ran.sent, ran.took), (1, Duration::ZERO), "{call:?} {value}");
        }
        // The first attempt used a part of the timeout.
        let ran = run(call, [Step::After(600, Respond(429, Some("1")).into()), OK]).await;
        assert_eq!((ran.outcome.is_err(), ran.sent, ran.took), (true, 1, millis(600)), "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_call_times_out() {
    let ran = run(Call::Send, [Hang, OK]).await;
    let error = ran.outcome.unwrap_err();
    assert_eq!((error.kind(), ran.sent, ran.took), (ErrorKind::Timeout, 1, millis(1500)));
    assert!(error.may_have_been_processed());

    // The first attempt of an idempotent call has one second, and the second has the rest.
    let ran = run(Call::Read, [Hang, Hang, OK]).await;
    let error = ran.outcome.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), ran.sent), (ErrorKind::Timeout, 2, 2));
    assert!((millis(1500)..=millis(1501)).contains(&ran.took), "took {:?}", ran.took);

    let ran = run(Call::Read, [Hang, OK]).await;
    assert_eq!((ran.outcome.is_ok(), ran.sent), (true, 2));
    assert!((millis(1050)..=millis(1101)).contains(&ran.took), "took {:?}", ran.took);

    // The attempt of a send has the whole timeout.
    let ran = run(Call::Send, [Step::After(1400, OK.into())]).await;
    assert_eq!((ran.outcome.is_ok(), ran.sent, ran.took), (true, 1, millis(1400)));
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_after_the_timeout() {
    let slow = |millis| Step::After(millis, CONNECT.into());
    let ran = run(Call::Send, [slow(700), slow(700), OK]).await;
    assert_eq!((ran.outcome.unwrap_err().kind(), ran.sent), (ErrorKind::Connect, 2));
    // Two attempts and a pause of 50 to 100 ms.
    assert!((millis(1450)..=millis(1500)).contains(&ran.took), "took {:?}", ran.took);
}

#[tokio::test(start_paused = true)]
async fn retry_settings_apply() {
    let connect = || [CONNECT, CONNECT, CONNECT, CONNECT, OK];
    let ran = run_with(Retry::never(), Call::Read, connect()).await;
    assert_eq!((ran.outcome.is_err(), ran.sent, ran.took), (true, 1, Duration::ZERO));

    let ran = run_with(Retry::default().max_attempts(0), Call::Read, connect()).await;
    assert_eq!((ran.outcome.is_err(), ran.sent), (true, 1));

    let ran = run_with(Retry::default().max_attempts(5).first_pause(Duration::ZERO), Call::Read, connect()).await;
    assert_eq!((ran.outcome.is_ok(), ran.sent), (true, 5));

    let ran =
        run_with(Retry::default().attempt_limit(millis(10)).first_pause(Duration::ZERO), Call::Read, [Hang, Hang, OK])
            .await;
    assert_eq!((ran.outcome.is_ok(), ran.sent), (true, 3));
    assert!(ran.took <= millis(24), "took {:?}", ran.took);

    let script = Script::new([Hang]);
    let client = Client::builder(ApiKey::new(API_KEY).unwrap())
        .transport(script.clone())
        .time_limit(millis(300))
        .retry(Retry::default())
        .build()
        .unwrap();
    let begun = Instant::now();
    let error = client.send_bot_message(&conversation(), &BotMessage::text("سلام")).await.unwrap_err();
    assert_eq!((error.kind(), begun.elapsed()), (ErrorKind::Timeout, millis(300)), "the order of the setters matters");
}

#[tokio::test(start_paused = true)]
async fn last_response_is_reported_with_earlier_attempts() {
    let ran = run(Call::Read, [INTERRUPTED, CONNECT, Respond(429, None)]).await;
    let error = ran.outcome.unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (429, 3));
    assert!(error.may_have_been_processed(), "the first attempt may have been processed: {error}");

    let ran = run(Call::Read, [Respond(503, None), Respond(404, None)]).await;
    let error = ran.outcome.unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.attempts(), ran.sent), (404, 2, 2));
    assert!(error.may_have_been_processed(), "{error}");
}

fn video(source: MediaSource) -> Media {
    Media::video("a.mp4", source).unwrap()
}

fn upload_token() -> UploadToken {
    UploadToken::new("upload-token-of-the-test").unwrap()
}

#[tokio::test(start_paused = true)]
async fn upload_from_memory_is_retried_completely() {
    let script = Script::new([CONNECT, Respond(429, None), Respond(500, None)]);
    let (media, token) = (video(MediaSource::bytes("the video")), upload_token());
    let error = client(script.clone()).execute(&UploadMedia::new(&media, &token)).await.unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (500, 3));
    for body in &script.0.lock().unwrap().bodies {
        assert!(body.windows(9).any(|part| part == b"the video"), "{body:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn consumed_stream_is_not_retried() {
    let media = || video(MediaSource::reader(9, &b"the video"[..]));
    let token = upload_token();

    let script = Script::new([CONNECT, OK]);
    let error = client(script.clone()).execute(&UploadMedia::new(&media(), &token)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), script.sent()), (ErrorKind::Connect, 1, 1));
    assert!(!error.may_have_been_processed());

    let script = Script::new([Respond(429, Some("0")), OK]);
    let error = client(script.clone()).execute(&UploadMedia::new(&media(), &token)).await.unwrap_err();
    assert!(error.is_rate_limited());
    assert_eq!((error.retry_after(), error.attempts(), script.sent()), (Some(Duration::ZERO), 1, 1));

    // A second call with the consumed stream fails without a request.
    let (media, script) = (media(), Script::new([CONNECT, OK]));
    let client = client(script.clone());
    client.execute(&UploadMedia::new(&media, &token)).await.unwrap_err();
    let error = client.execute(&UploadMedia::new(&media, &token)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), script.sent()), (ErrorKind::RequestBody, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn upload_has_a_longer_timeout_than_its_token() {
    let (media, token) = (video(MediaSource::bytes("the video")), upload_token());
    let begun = Instant::now();
    let error = client(Script::new([Hang])).execute(&UploadMedia::new(&media, &token)).await.unwrap_err();
    assert_eq!((error.kind(), begun.elapsed()), (ErrorKind::Timeout, millis(120_000)));

    let begun = Instant::now();
    let error = client(Script::new([Hang, Hang])).execute(&CreateUploadToken).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 2));
    assert!(begun.elapsed() <= millis(1501), "took {:?}", begun.elapsed());
}

/// An operation with any URL.
struct To(&'static str);

impl Operation for To {
    type Response = ();
    const METADATA: Metadata = Metadata::get("test.elsewhere", "/");

    fn credential(&self) -> Credential<'_> {
        Credential::ApiKey
    }

    fn request(&self, _: &BaseUrls) -> Result<Request<Body>, Error> {
        Ok(Request::get(self.0).body(Body::empty()).unwrap())
    }

    fn read(&self, _: &Response<Bytes>) -> Result<(), UnexpectedResponse> {
        Ok(())
    }
}

#[tokio::test]
async fn credentials_are_not_sent_to_other_hosts() {
    let mock = MockTransport::new();
    let client = client(mock.clone());
    for foreign in [
        "https://kenar.example/v1",
        "http://open-api.divar.ir/v1",
        "https://open-api.divar.ir:8443/v1",
        "https://open-api.divar.ir.kenar.example/v1",
        "https://open-api.divar.ir@kenar.example/v1",
        "https://user@open-api.divar.ir/v1",
        "https://evil-open-api.divar.ir/v1",
        "https://divar.ir/v1",
        "/v1",
        "open-api.divar.ir:443",
        "*",
    ] {
        let error = client.execute(&To(foreign)).await.expect_err(foreign);
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::InvalidRequest, 0), "{foreign}: {error}");
    }
    assert!(mock.requests().is_empty(), "a request was sent to {:?}", mock.requests()[0].uri());

    for own in ["https://open-api.divar.ir/v1", "https://OAUTH.divar.ir/v1", "https://chat.divar.ir/v1"] {
        mock.respond_json(200, &json!({}));
        client.execute(&To(own)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_call_makes_no_further_attempt() {
    let script = Script::new([CONNECT, OK, OK]);
    let client = client(script.clone());
    let by = access_token();
    let dropped = tokio::time::timeout(millis(10), client.execute(&GetUser::new(&by))).await;
    assert!(dropped.is_err(), "the first pause was shorter than 50 ms");
    tokio::time::sleep(millis(2000)).await;
    assert_eq!(script.sent(), 1);
}

fn any_step() -> impl Strategy<Value = Step> {
    let immediate = prop_oneof![
        prop::sample::select(vec![200_u16, 204, 301, 400, 401, 404, 408, 412, 429, 429, 500, 502, 503, 504])
            .prop_flat_map(|status| {
                prop::sample::select(vec![None, Some("0"), Some("1"), Some("2"), Some("soon")])
                    .prop_map(move |retry_after| Respond(status, retry_after))
            }),
        prop::sample::select(vec![
            TransportErrorKind::Connect,
            TransportErrorKind::Connect,
            TransportErrorKind::Timeout,
            TransportErrorKind::Interrupted,
            TransportErrorKind::ResponseTooLarge,
            TransportErrorKind::Other,
        ])
        .prop_map(Fail),
        Just(Hang),
    ];
    (0_u64..1200, immediate).prop_map(
        |(millis, then)| {
            if millis < 600 { then } else { Step::After(millis - 600, then.into()) }
        },
    )
}

proptest! {
    /// For any outcomes, no send that may have been processed is retried, the timeout holds, and the error is true.
    #[test]
    fn no_send_is_repeated_and_errors_are_true(
        script in prop::collection::vec(any_step(), 8),
        call in prop::sample::select(vec![Call::Read, Call::Send]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let transport = Script::new(script);
        let client = client(transport.clone());
        let (outcome, took) = runtime.block_on(async {
            let begun = Instant::now();
            let by = access_token();
            let outcome = match call {
                Call::Read => client.get_user(&by).await.map(drop),
                Call::Send => client.send_message(&conversation(), &ConversationMessage::text("سلام"), &by).await.map(drop),
            };
            (outcome, begun.elapsed())
        });

        let finished = transport.finished();
        prop_assert!((1..=3).contains(&finished.len()), "{} attempts", finished.len());
        prop_assert!(took <= millis(1502), "took {took:?}");
        let (_, before) = finished.split_last().unwrap();
        if call == Call::Send {
            prop_assert!(before.iter().all(|step| !step.may_be_processed()), "retried after {before:?}");
        }
        if let Err(error) = outcome {
            prop_assert_eq!(error.attempts() as usize, finished.len());
            if finished.iter().any(Step::may_be_processed) {
                prop_assert!(error.may_have_been_processed(), "{}: {:?}", error, finished);
            }
            if error.kind() != ErrorKind::Timeout && !finished.iter().any(Step::may_be_processed) {
                prop_assert!(!error.may_have_been_processed(), "{}: {:?}", error, finished);
            }
        }
    }
}
