//! What is tried again, how often and when, on tokio's paused clock: the times are exact, and nobody waits for them.

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

/// What happens to one request.
#[derive(Clone, Debug, PartialEq)]
enum Happens {
    /// It is answered with this status, and a `Retry-After` where there is one.
    Answer(u16, Option<&'static str>),
    Fail(TransportErrorKind),
    /// Nothing, for ever.
    Hang,
    /// It takes so many milliseconds, and then …
    After(u64, Box<Happens>),
}

impl Happens {
    /// Whether the server may have done what was asked.
    fn may_be_processed(&self) -> bool {
        match self {
            Self::Answer(status, _) => *status < 300 || *status >= 500,
            Self::Fail(kind) => *kind != TransportErrorKind::Connect,
            Self::Hang => true,
            Self::After(_, then) => then.may_be_processed(),
        }
    }
}

use Happens::{Answer, Fail, Hang};

/// A transport to which things happen, one after the other.
#[derive(Clone, Debug, Default)]
struct Script(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    to_come: VecDeque<Happens>,
    happened: Vec<Happens>,
    bodies: Vec<Bytes>,
}

impl Script {
    fn new(script: impl IntoIterator<Item = Happens>) -> Self {
        let to_come = script.into_iter().collect();
        Self(Arc::new(Mutex::new(State { to_come, ..State::default() })))
    }

    fn happened(&self) -> Vec<Happens> {
        self.0.lock().unwrap().happened.clone()
    }

    fn sent(&self) -> usize {
        self.happened().len()
    }
}

#[async_trait]
impl HttpTransport for Script {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        let body = request.into_body().collect().await;
        let mut happens = {
            let mut state = self.0.lock().unwrap();
            let happens = state.to_come.pop_front().expect("one request too many");
            state.happened.push(happens.clone());
            state.bodies.extend(body);
            happens
        };
        loop {
            happens = match happens {
                Answer(status, retry_after) => {
                    let mut response = Response::new(Bytes::from_static(b"{}"));
                    *response.status_mut() = StatusCode::from_u16(status).unwrap();
                    if let Some(value) = retry_after {
                        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(value));
                    }
                    return Ok(response);
                }
                Fail(kind) => return Err(TransportError::new(kind)),
                Hang => std::future::pending().await,
                Happens::After(millis, then) => {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    *then
                }
            };
        }
    }
}

/// A call that is safe to repeat, or one that is not.
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

async fn run_with(retry: Retry, call: Call, script: impl IntoIterator<Item = Happens>) -> Ran {
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

async fn run(call: Call, script: impl IntoIterator<Item = Happens>) -> Ran {
    run_with(Retry::default(), call, script).await
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Two pauses of 100 and 200 ms, each cut by up to half; tokio rounds a pause up to a whole millisecond.
#[track_caller]
fn assert_two_pauses(ran: &Ran) {
    assert!((millis(150)..=millis(302)).contains(&ran.took), "took {:?}", ran.took);
}

const OK: Happens = Answer(200, None);
const CONNECT: Happens = Fail(TransportErrorKind::Connect);
const INTERRUPTED: Happens = Fail(TransportErrorKind::Interrupted);

#[tokio::test(start_paused = true)]
async fn unprocessed_call_is_tried_three_times_with_growing_pauses() {
    for call in [Call::Read, Call::Send] {
        for happens in [CONNECT, Answer(429, None)] {
            let ran = run(call, [happens.clone(), happens.clone(), happens.clone()]).await;
            let error = ran.outcome.as_ref().expect_err("a success");
            assert_eq!((ran.sent, error.attempts()), (3, 3), "{call:?} {happens:?}");
            assert!(!error.may_have_been_processed(), "{error}");
            assert!(error.to_string().contains("[after 3 attempts]"), "{error}");
            assert_two_pauses(&ran);

            let ran = run(call, [happens.clone(), happens.clone(), OK]).await;
            assert_eq!((ran.outcome.is_ok(), ran.sent), (true, 3), "{call:?} {happens:?}");
            assert_two_pauses(&ran);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn processed_call_is_repeated_only_if_idempotent() {
    for happens in
        [Answer(500, None), Answer(502, None), Answer(503, Some("0")), INTERRUPTED, Fail(TransportErrorKind::Timeout)]
    {
        let script = [happens.clone(), happens.clone(), OK];
        let ran = run(Call::Read, script.clone()).await;
        assert_eq!((ran.outcome.is_ok(), ran.sent), (true, 3), "{happens:?}");

        let ran = run(Call::Send, script).await;
        let error = ran.outcome.unwrap_err();
        assert_eq!((ran.sent, error.attempts(), ran.took), (1, 1, Duration::ZERO), "{happens:?}");
        assert!(error.may_have_been_processed(), "{happens:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_repetition_helps_is_reported_at_once() {
    for call in [Call::Read, Call::Send] {
        for happens in [
            Answer(301, None),
            Answer(400, None),
            Answer(401, None),
            Answer(403, None),
            Answer(404, None),
            Answer(408, None),
            Answer(412, Some("0")),
            Fail(TransportErrorKind::ResponseTooLarge),
            Fail(TransportErrorKind::Other),
        ] {
            let ran = run(call, [happens.clone(), OK]).await;
            let error = ran.outcome.unwrap_err();
            assert_eq!((ran.sent, error.attempts(), ran.took), (1, 1, Duration::ZERO), "{call:?} {happens:?}");
            assert_eq!(error.may_have_been_processed(), happens.may_be_processed(), "{call:?} {happens:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_to_the_second() {
    for call in [Call::Read, Call::Send] {
        let ran = run(call, [Answer(429, Some("1")), OK]).await;
        assert_eq!((ran.outcome.is_ok(), ran.sent, ran.took), (true, 2, millis(1000)), "{call:?}");

        let ran = run(call, [Answer(429, Some("0")), Answer(429, Some("0")), OK]).await;
        assert_eq!((ran.outcome.is_ok(), ran.sent), (true, 3), "{call:?}");
        assert!(ran.took <= millis(2), "{call:?} took {:?}", ran.took);
    }
    let ran = run(Call::Read, [Answer(503, Some("1")), OK]).await;
    assert_eq!((ran.outcome.is_ok(), ran.sent, ran.took), (true, 2, millis(1000)));
}

#[tokio::test(start_paused = true)]
async fn retry_after_beyond_the_time_limit_is_reported_at_once() {
    for call in [Call::Read, Call::Send] {
        for (value, seconds) in [("2", 2), ("3600", 3600), ("18446744073709551615", u64::MAX)] {
            let ran = run(call, [Answer(429, Some(value)), OK]).await;
            let error = ran.outcome.unwrap_err();
            assert!(error.is_rate_limited(), "{error}");
            assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)));
            assert_eq!((ran.sent, ran.took), (1, Duration::ZERO), "{call:?} {value}");
        }
        // The first attempt took its share of the time.
        let ran = run(call, [Happens::After(600, Answer(429, Some("1")).into()), OK]).await;
        assert_eq!((ran.outcome.is_err(), ran.sent, ran.took), (true, 1, millis(600)), "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn call_that_hangs_ends_with_its_time() {
    let ran = run(Call::Send, [Hang, OK]).await;
    let error = ran.outcome.unwrap_err();
    assert_eq!((error.kind(), ran.sent, ran.took), (ErrorKind::Timeout, 1, millis(1500)));
    assert!(error.may_have_been_processed());

    // An attempt of a call that can be repeated has a second, and the next one what is left.
    let ran = run(Call::Read, [Hang, Hang, OK]).await;
    let error = ran.outcome.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), ran.sent), (ErrorKind::Timeout, 2, 2));
    assert!((millis(1500)..=millis(1501)).contains(&ran.took), "took {:?}", ran.took);

    let ran = run(Call::Read, [Hang, OK]).await;
    assert_eq!((ran.outcome.is_ok(), ran.sent), (true, 2));
    assert!((millis(1050)..=millis(1101)).contains(&ran.took), "took {:?}", ran.took);

    // One that cannot be repeated is not cut off before the time is up.
    let ran = run(Call::Send, [Happens::After(1400, OK.into())]).await;
    assert_eq!((ran.outcome.is_ok(), ran.sent, ran.took), (true, 1, millis(1400)));
}

#[tokio::test(start_paused = true)]
async fn call_that_fails_slowly_makes_no_attempt_after_its_time() {
    let slow = |millis| Happens::After(millis, CONNECT.into());
    let ran = run(Call::Send, [slow(700), slow(700), OK]).await;
    assert_eq!((ran.outcome.unwrap_err().kind(), ran.sent), (ErrorKind::Connect, 2));
    // Two attempts, and one pause of 50 to 100 ms.
    assert!((millis(1450)..=millis(1500)).contains(&ran.took), "took {:?}", ran.took);
}

#[tokio::test(start_paused = true)]
async fn settings_are_obeyed() {
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
    assert_eq!((error.kind(), begun.elapsed()), (ErrorKind::Timeout, millis(300)), "the order of the settings matters");
}

#[tokio::test(start_paused = true)]
async fn last_response_is_reported_with_what_came_before() {
    let ran = run(Call::Read, [INTERRUPTED, CONNECT, Answer(429, None)]).await;
    let error = ran.outcome.unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (429, 3));
    assert!(error.may_have_been_processed(), "the first attempt may have been: {error}");

    let ran = run(Call::Read, [Answer(503, None), Answer(404, None)]).await;
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
async fn upload_from_memory_is_sent_again_whole() {
    let script = Script::new([CONNECT, Answer(429, None), Answer(500, None)]);
    let (media, token) = (video(MediaSource::bytes("the video")), upload_token());
    let error = client(script.clone()).execute(&UploadMedia::new(&media, &token)).await.unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (500, 3));
    for body in &script.0.lock().unwrap().bodies {
        assert!(body.windows(9).any(|part| part == b"the video"), "{body:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn upload_that_was_read_from_a_stream_is_not_sent_again() {
    let media = || video(MediaSource::reader(9, &b"the video"[..]));
    let token = upload_token();

    let script = Script::new([CONNECT, OK]);
    let error = client(script.clone()).execute(&UploadMedia::new(&media(), &token)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), script.sent()), (ErrorKind::Connect, 1, 1));
    assert!(!error.may_have_been_processed());

    let script = Script::new([Answer(429, Some("0")), OK]);
    let error = client(script.clone()).execute(&UploadMedia::new(&media(), &token)).await.unwrap_err();
    assert!(error.is_rate_limited());
    assert_eq!((error.retry_after(), error.attempts(), script.sent()), (Some(Duration::ZERO), 1, 1));

    // A second call with what was read is refused before anything is sent.
    let (media, script) = (media(), Script::new([CONNECT, OK]));
    let client = client(script.clone());
    client.execute(&UploadMedia::new(&media, &token)).await.unwrap_err();
    let error = client.execute(&UploadMedia::new(&media, &token)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), script.sent()), (ErrorKind::RequestBody, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn upload_has_minutes_and_its_token_has_not() {
    let (media, token) = (video(MediaSource::bytes("the video")), upload_token());
    let begun = Instant::now();
    let error = client(Script::new([Hang])).execute(&UploadMedia::new(&media, &token)).await.unwrap_err();
    assert_eq!((error.kind(), begun.elapsed()), (ErrorKind::Timeout, millis(120_000)));

    let begun = Instant::now();
    let error = client(Script::new([Hang, Hang])).execute(&CreateUploadToken).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 2));
    assert!(begun.elapsed() <= millis(1501), "took {:?}", begun.elapsed());
}

/// An operation that goes where it should not.
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
async fn no_secret_goes_to_a_foreign_host() {
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
    assert!(mock.requests().is_empty(), "a request went to {:?}", mock.requests()[0].uri());

    for own in ["https://open-api.divar.ir/v1", "https://OAUTH.divar.ir/v1", "https://chat.divar.ir/v1"] {
        mock.respond_json(200, &json!({}));
        client.execute(&To(own)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn call_that_is_given_up_sends_nothing_more() {
    let script = Script::new([CONNECT, OK, OK]);
    let client = client(script.clone());
    let by = access_token();
    let given_up = tokio::time::timeout(millis(10), client.execute(&GetUser::new(&by))).await;
    assert!(given_up.is_err(), "the first pause was shorter than 50 ms");
    tokio::time::sleep(millis(2000)).await;
    assert_eq!(script.sent(), 1);
}

fn anything() -> impl Strategy<Value = Happens> {
    let at_once = prop_oneof![
        prop::sample::select(vec![200_u16, 204, 301, 400, 401, 404, 408, 412, 429, 429, 500, 502, 503, 504])
            .prop_flat_map(|status| {
                prop::sample::select(vec![None, Some("0"), Some("1"), Some("2"), Some("soon")])
                    .prop_map(move |retry_after| Answer(status, retry_after))
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
    (0_u64..1200, at_once).prop_map(
        |(millis, then)| {
            if millis < 600 { then } else { Happens::After(millis - 600, then.into()) }
        },
    )
}

proptest! {
    /// Whatever happens: nothing that may have been processed is sent twice, the time is kept, and what is reported is
    /// true.
    #[test]
    fn nothing_is_done_twice_and_nothing_is_concealed(
        script in prop::collection::vec(anything(), 8),
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

        let happened = transport.happened();
        prop_assert!((1..=3).contains(&happened.len()), "{} attempts", happened.len());
        prop_assert!(took <= millis(1502), "took {took:?}");
        let (_, before) = happened.split_last().unwrap();
        if call == Call::Send {
            prop_assert!(before.iter().all(|happens| !happens.may_be_processed()), "sent again after {before:?}");
        }
        if let Err(error) = outcome {
            prop_assert_eq!(error.attempts() as usize, happened.len());
            if happened.iter().any(Happens::may_be_processed) {
                prop_assert!(error.may_have_been_processed(), "{}: {:?}", error, happened);
            }
            if error.kind() != ErrorKind::Timeout && !happened.iter().any(Happens::may_be_processed) {
                prop_assert!(!error.may_have_been_processed(), "{}: {:?}", error, happened);
            }
        }
    }
}
