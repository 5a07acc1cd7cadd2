//! Promise: however many ask, one refresh goes out at a time; its tokens are stored before anybody has them, and neither
//! a dropped handler, nor a lost answer, nor a store that fails loses them.

use std::error::Error as StdError;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::{Response, StatusCode};
use kenar::Client;
use kenar::client::{Retry, SharedTokens, TokenStore, TokensError};
use kenar::error::ErrorKind;
use kenar::model::Timestamp;
use kenar::oauth::{OAuthApp, TokenRequest, TokenResponse, TokenSet};
use kenar::secret::{AccessToken, ApiKey, ClientSecret};
use kenar::transport::{MockTransport, TransportErrorKind};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

type BoxError = Box<dyn StdError + Send + Sync>;

const HOUR: i64 = 3600;

/// A clock that stands still until it is moved.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicI64>);

impl Clock {
    fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros((1_700_000_000 + self.0.load(Ordering::Relaxed)) * 1_000_000).unwrap()
    }
}

/// A store in memory, which fails and waits as it is told.
#[derive(Clone)]
struct Store(Arc<Inner>);

struct Inner {
    row: Mutex<Option<TokenSet>>,
    loads: AtomicI64,
    /// The access tokens that were stored, in order.
    stored: Mutex<Vec<String>>,
    refreshed: Mutex<Vec<String>>,
    /// How the next calls of `store` fail.
    store_fails: Mutex<Vec<Failure>>,
    load_fails: Mutex<bool>,
    /// What `store` takes one of before it does anything.
    gate: Semaphore,
    /// What `store` adds one to when it has come to the gate, and `refreshed` when it is called.
    at_gate: Semaphore,
    told: Semaphore,
}

enum Failure {
    Says(&'static str),
    Panics,
}

#[async_trait]
impl TokenStore for Store {
    async fn load(&self) -> Result<Option<TokenSet>, BoxError> {
        self.0.loads.fetch_add(1, Ordering::Relaxed);
        if *self.0.load_fails.lock().unwrap() {
            return Err("the database is down".into());
        }
        Ok(self.0.row.lock().unwrap().clone())
    }

    async fn store(&self, tokens: &TokenSet) -> Result<(), BoxError> {
        self.0.at_gate.add_permits(1);
        let _ = self.0.gate.acquire().await.unwrap();
        let failure = self.0.store_fails.lock().unwrap().pop();
        match failure {
            Some(Failure::Says(what)) => return Err(what.into()),
            Some(Failure::Panics) => panic!("the store panics, as this test has it do"),
            None => {}
        }
        *self.0.row.lock().unwrap() = Some(tokens.clone());
        self.0.stored.lock().unwrap().push(tokens.access_token.expose_secret().to_owned());
        Ok(())
    }

    async fn refreshed(&self, tokens: &TokenSet) {
        assert_eq!(self.0.row.lock().unwrap().as_ref(), Some(tokens), "told before it was stored");
        self.0.refreshed.lock().unwrap().push(tokens.access_token.expose_secret().to_owned());
        self.0.told.add_permits(1);
    }
}

impl Store {
    fn stored(&self) -> Vec<String> {
        self.0.stored.lock().unwrap().clone()
    }

    /// As another process does.
    fn put(&self, tokens: Option<TokenSet>) {
        *self.0.row.lock().unwrap() = tokens;
    }

    fn fail(&self, failure: Failure) {
        self.0.store_fails.lock().unwrap().push(failure);
    }

    /// Has `store` wait until the gate is opened.
    async fn close_gate(&self) {
        self.0.gate.acquire().await.unwrap().forget();
    }

    fn open_gate(&self) {
        self.0.gate.add_permits(1);
    }

    /// Waits for a call of `store`.
    async fn called(&self) {
        soon("a call of `store`", &self.0.at_gate).await;
    }

    /// Waits for a call of `refreshed`.
    async fn told(&self) {
        soon("a call of `refreshed`", &self.0.told).await;
    }
}

async fn soon(what: &str, happens: &Semaphore) {
    let happened = tokio::time::timeout(Duration::from_secs(60), happens.acquire()).await;
    happened.unwrap_or_else(|_| panic!("{what} never came")).unwrap().forget();
}

struct Scene {
    clock: Clock,
    mock: MockTransport,
    store: Store,
    tokens: SharedTokens,
}

fn answer(number: u32) -> Value {
    json!({
        "access_token": format!("access-{number}"), "refresh_token": format!("refresh-{number}"), "expires_in": HOUR,
    })
}

/// Tokens that are given now.
fn set(clock: &Clock, answer: Value) -> TokenSet {
    serde_json::from_value::<TokenResponse>(answer).unwrap().into_tokens(clock.now())
}

/// The first tokens are stored, and good for an hour.
fn scene() -> Scene {
    scene_with(answer(1))
}

fn scene_with(first: Value) -> Scene {
    let (clock, mock) = (Clock::default(), MockTransport::new());
    let store = Store(Arc::new(Inner {
        row: Mutex::new(Some(set(&clock, first))),
        loads: AtomicI64::default(),
        stored: Mutex::default(),
        refreshed: Mutex::default(),
        store_fails: Mutex::default(),
        load_fails: Mutex::default(),
        gate: Semaphore::new(1),
        at_gate: Semaphore::new(0),
        told: Semaphore::new(0),
    }));
    let tokens = shared(&clock, &mock, &store);
    Scene { clock, mock, store, tokens }
}

/// What a program has that starts with this store.
fn shared(clock: &Clock, mock: &MockTransport, store: &Store) -> SharedTokens {
    let app = OAuthApp::new("app", ClientSecret::new("placeholder").unwrap(), "https://addon.example/oauth").unwrap();
    let now = clock.clone();
    let client = Client::builder(ApiKey::new("placeholder").unwrap())
        .transport(mock.clone())
        .clock(move || now.now())
        .retry(Retry::never())
        .build()
        .unwrap();
    client.oauth(app).shared_tokens(store.clone())
}

impl Scene {
    fn refuse(&self, status: u16, error: &str) {
        self.mock.respond_json(status, &json!({ "error": error }));
    }

    /// How often Divar was asked, each time with the tokens of the number.
    fn assert_refreshes(&self, with: &[u32]) {
        let asked = self.mock.requests();
        let asked: Vec<_> = asked.iter().map(|request| TokenRequest::parse(request.body()).unwrap().grant).collect();
        let expected = with.iter().map(|number| {
            let tokens = set(&self.clock, answer(*number));
            kenar::oauth::Grant::RefreshToken {
                refresh_token: tokens.refresh_token.unwrap(),
                access_token: Some(tokens.access_token),
            }
        });
        assert_eq!(asked.len(), with.len(), "refreshes that were sent");
        assert!(asked.into_iter().eq(expected), "other tokens than those of {with:?} were refreshed");
    }

    fn ask(&self) -> JoinHandle<Result<AccessToken, TokensError>> {
        let tokens = self.tokens.clone();
        tokio::spawn(async move { tokens.access_token().await })
    }
}

fn token(number: u32) -> AccessToken {
    AccessToken::new(format!("access-{number}")).unwrap()
}

#[track_caller]
fn is(outcome: Result<AccessToken, TokensError>, number: u32) {
    assert_eq!(outcome.unwrap().expose_secret(), format!("access-{number}"));
}

#[tokio::test]
async fn a_token_that_is_not_too_old_is_given_as_it_is() {
    let scene = scene();
    is(scene.tokens.access_token().await, 1);
    scene.clock.pass(HOUR - 61);
    is(scene.tokens.access_token().await, 1);
    assert_eq!(scene.store.0.loads.load(Ordering::Relaxed), 1, "the store is read once");
    scene.assert_refreshes(&[]);
}

#[tokio::test]
async fn however_many_ask_one_refresh_goes_out_and_all_have_its_tokens() {
    let scene = scene();
    for number in 2..5 {
        scene.clock.pass(HOUR - 60);
        scene.mock.respond_json(200, &answer(number));
        let askers: Vec<_> = (0..100).map(|_| scene.ask()).collect();
        for asker in askers {
            is(asker.await.unwrap(), number);
        }
    }
    scene.assert_refreshes(&[1, 2, 3]);
    assert_eq!(scene.store.stored(), ["access-2", "access-3", "access-4"]);
}

#[tokio::test]
async fn new_tokens_are_stored_before_anybody_has_them() {
    let scene = scene();
    is(scene.tokens.access_token().await, 1);
    scene.clock.pass(HOUR);
    scene.mock.respond_json(200, &answer(2));
    scene.store.close_gate().await;
    let askers: Vec<_> = (0..10).map(|_| scene.ask()).collect();
    scene.store.called().await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(askers.iter().all(|asker| !asker.is_finished()), "somebody has tokens that are not stored");

    scene.store.open_gate();
    for asker in askers {
        is(asker.await.unwrap(), 2);
        assert_eq!(scene.store.stored(), ["access-2"]);
    }
}

#[tokio::test]
async fn a_refresh_goes_on_when_everyone_who_waits_for_it_is_dropped() {
    let scene = scene();
    scene.clock.pass(HOUR);
    scene.mock.respond_json(200, &answer(2));
    scene.store.close_gate().await;
    let (first, second) = (scene.ask(), scene.ask());
    scene.store.called().await;
    first.abort();
    second.abort();
    assert!(first.await.unwrap_err().is_cancelled() && second.await.unwrap_err().is_cancelled());

    scene.store.open_gate();
    is(scene.tokens.access_token().await, 2);
    scene.assert_refreshes(&[1]);
    assert_eq!(scene.store.stored(), ["access-2"]);
}

#[tokio::test]
async fn a_refused_token_is_refreshed_once_for_all_who_report_it() {
    let scene = scene();
    is(scene.tokens.access_token().await, 1);
    scene.mock.respond_json(200, &answer(2));
    let report = |tokens: SharedTokens| async move { tokens.refresh(&token(1)).await };
    let reporters: Vec<_> = (0..50).map(|_| tokio::spawn(report(scene.tokens.clone()))).collect();
    for reporter in reporters {
        is(reporter.await.unwrap(), 2);
    }
    // Long after, somebody reports the old one.
    scene.clock.pass(HOUR / 2);
    is(scene.tokens.refresh(&token(1)).await, 2);
    scene.assert_refreshes(&[1]);
}

#[tokio::test]
async fn a_refused_token_is_not_given_to_who_reports_it_while_others_ask() {
    let scene = scene();
    // Nothing is known yet: both wait for what the store says.
    let (asker, tokens) = (scene.ask(), scene.tokens.clone());
    let reporter = tokio::spawn(async move { tokens.refresh(&token(1)).await });
    scene.mock.respond_json(200, &answer(2));
    is(asker.await.unwrap(), 1);
    is(reporter.await.unwrap(), 2);
    scene.assert_refreshes(&[1]);
}

#[tokio::test]
async fn a_token_that_is_refused_while_it_is_new_is_not_refreshed_again() {
    let scene = scene();
    scene.clock.pass(HOUR);
    scene.mock.respond_json(200, &answer(2));
    is(scene.tokens.access_token().await, 2);
    scene.clock.pass(59);
    let error = scene.tokens.refresh(&token(2)).await.unwrap_err();
    assert!(matches!(error, TokensError::JustRefreshed) && !error.needs_new_permission(), "{error:?}");
    is(scene.tokens.access_token().await, 2);
    scene.assert_refreshes(&[1]);

    scene.clock.pass(1);
    scene.mock.respond_json(200, &answer(3));
    is(scene.tokens.refresh(&token(2)).await, 3);
    scene.assert_refreshes(&[1, 2]);
}

#[tokio::test]
async fn all_who_wait_for_a_refresh_that_fails_are_told_and_the_next_tries_again() {
    let scene = scene();
    scene.clock.pass(HOUR);
    scene.mock.fail(TransportErrorKind::Connect);
    let askers: Vec<_> = (0..100).map(|_| scene.ask()).collect();
    for asker in askers {
        let error = asker.await.unwrap().unwrap_err();
        assert!(!error.needs_new_permission());
        assert_eq!(error.to_string(), "oauth.refresh_tokens: cannot connect");
        let TokensError::Refresh(error) = error else { panic!("{error:?}") };
        assert_eq!(error.kind(), ErrorKind::Connect);
    }
    scene.assert_refreshes(&[1]);

    scene.mock.respond_json(200, &answer(2));
    is(scene.tokens.access_token().await, 2);
    scene.assert_refreshes(&[1, 1]);
}

#[tokio::test]
async fn the_old_token_is_given_while_it_is_good_and_a_refresh_fails() {
    let scene = scene();
    scene.clock.pass(HOUR - 60);
    // Also the first time that anybody asks.
    scene.mock.fail(TransportErrorKind::Connect);
    is(scene.tokens.access_token().await, 1);
    scene.clock.pass(59);
    scene.refuse(503, "temporarily_unavailable");
    is(scene.tokens.access_token().await, 1);
    *scene.store.0.load_fails.lock().unwrap() = true;
    is(scene.tokens.access_token().await, 1);
    scene.assert_refreshes(&[1, 1]);

    // Not to one to whom it is no good, though.
    let error = scene.tokens.refresh(&token(1)).await.unwrap_err();
    assert!(matches!(error, TokensError::Store(_)), "{error:?}");
    scene.clock.pass(1);
    let error = scene.tokens.access_token().await.unwrap_err();
    assert!(matches!(error, TokensError::Store(_)), "{error:?}");
}

#[tokio::test]
async fn a_permission_that_is_over_is_not_asked_for_again() {
    let scene = scene();
    is(scene.tokens.access_token().await, 1);
    scene.clock.pass(HOUR - 60);
    scene.refuse(400, "invalid_grant");
    for _ in 0..5 {
        let askers: Vec<_> = (0..10).map(|_| scene.ask()).collect();
        for asker in askers {
            let error = asker.await.unwrap().unwrap_err();
            assert!(matches!(&error, TokensError::Refresh(error) if error.is_invalid_grant()), "{error:?}");
            assert!(error.needs_new_permission());
        }
        assert!(scene.tokens.refresh(&token(1)).await.unwrap_err().needs_new_permission());
        scene.clock.pass(HOUR);
    }
    scene.assert_refreshes(&[1]);

    // The user gives it again, and the add-on stores what it exchanges.
    scene.store.put(Some(set(&scene.clock, answer(7))));
    is(scene.tokens.access_token().await, 7);
    scene.clock.pass(HOUR);
    scene.mock.respond_json(200, &answer(8));
    is(scene.tokens.access_token().await, 8);
    scene.assert_refreshes(&[1, 7]);
}

#[tokio::test]
async fn a_permission_that_is_over_is_so_for_everyone_although_the_token_is_not_old() {
    let scene = scene();
    is(scene.tokens.access_token().await, 1);
    scene.refuse(400, "invalid_grant");
    for _ in 0..3 {
        assert!(scene.tokens.refresh(&token(1)).await.unwrap_err().needs_new_permission());
        assert!(scene.tokens.access_token().await.unwrap_err().needs_new_permission());
    }
    scene.assert_refreshes(&[1]);
}

#[tokio::test]
async fn divar_is_not_asked_before_the_time_that_it_says() {
    let scene = scene();
    scene.clock.pass(HOUR);
    let mut busy = Response::new(json!({ "error": "slow_down" }).to_string().into());
    *busy.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    busy.headers_mut().insert("retry-after", 30.into());
    scene.mock.respond(busy);
    for _ in 0..3 {
        let error = scene.tokens.access_token().await.unwrap_err();
        let TokensError::Refresh(error) = error else { panic!("{error:?}") };
        assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
        scene.clock.pass(9);
    }
    scene.assert_refreshes(&[1]);
    scene.clock.pass(3);
    scene.mock.respond_json(200, &answer(2));
    is(scene.tokens.access_token().await, 2);
    scene.assert_refreshes(&[1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_whose_answer_was_lost_is_made_again_although_nobody_asks() {
    let scene = scene();
    is(scene.tokens.access_token().await, 1);
    // Refused before its time, so that its age is no reason to refresh it.
    for kind in [TransportErrorKind::Interrupted, TransportErrorKind::Timeout, TransportErrorKind::Connect] {
        scene.mock.fail(kind);
    }
    scene.mock.respond_json(200, &answer(2));
    let error = scene.tokens.refresh(&token(1)).await.unwrap_err();
    assert!(matches!(&error, TokensError::Refresh(error) if error.may_have_been_processed()), "{error:?}");
    let begun = tokio::time::Instant::now();
    scene.store.called().await;
    assert_eq!(begun.elapsed().as_secs(), 1 + 3 + 9);
    is(scene.tokens.access_token().await, 2);
    scene.assert_refreshes(&[1, 1, 1, 1]);
    assert_eq!(scene.store.stored(), ["access-2"]);
}

#[tokio::test(start_paused = true)]
async fn trying_again_unasked_ends_with_the_two_minutes_and_with_a_refusal() {
    for refused in [false, true] {
        let scene = scene();
        scene.clock.pass(HOUR);
        scene.mock.fail(TransportErrorKind::Timeout);
        if refused {
            scene.refuse(400, "invalid_grant");
        } else {
            (0..20).for_each(|_| scene.mock.fail(TransportErrorKind::Timeout));
        }
        // Two ask, one after the other, and what is tried unasked is not twice as much.
        scene.tokens.access_token().await.unwrap_err();
        scene.tokens.access_token().await.unwrap_err();
        tokio::time::sleep(Duration::from_secs(HOUR as u64)).await;
        assert_eq!(scene.mock.requests().len(), if refused { 2 } else { 7 });
        assert_eq!(scene.tokens.access_token().await.unwrap_err().needs_new_permission(), refused);
        assert_eq!(scene.mock.requests().len(), if refused { 2 } else { 8 });
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_that_the_store_does_not_take_are_offered_again_and_not_used() {
    let scene = scene();
    scene.clock.pass(HOUR);
    scene.mock.respond_json(200, &answer(2));
    scene.store.fail(Failure::Says("down"));
    scene.store.fail(Failure::Says("cannot write access-2 over access-1"));
    let askers: Vec<_> = (0..10).map(|_| scene.ask()).collect();
    for asker in askers {
        let error = asker.await.unwrap().unwrap_err();
        assert!(matches!(error, TokensError::Store(_)) && !error.needs_new_permission(), "{error:?}");
        assert_eq!(error.to_string(), "the token store failed");
        assert_eq!(error.source().unwrap().to_string(), "cannot write [redacted] over [redacted]");
    }
    let error = scene.tokens.access_token().await.unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "down");
    assert_eq!(scene.store.stored(), [""; 0]);
    is(scene.tokens.access_token().await, 2);
    scene.assert_refreshes(&[1]);

    // And where nobody asks:
    scene.clock.pass(HOUR);
    scene.mock.respond_json(200, &answer(3));
    scene.store.fail(Failure::Says("down"));
    scene.tokens.access_token().await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(scene.store.stored(), ["access-2", "access-3"]);
    scene.assert_refreshes(&[1, 2]);
}

#[tokio::test]
async fn nothing_is_refreshed_where_the_store_cannot_be_read() {
    let scene = scene();
    is(scene.tokens.access_token().await, 1);
    scene.clock.pass(HOUR);
    *scene.store.0.load_fails.lock().unwrap() = true;
    let error = scene.tokens.access_token().await.unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "the database is down");
    scene.assert_refreshes(&[]);

    *scene.store.0.load_fails.lock().unwrap() = false;
    scene.mock.respond_json(200, &answer(2));
    is(scene.tokens.access_token().await, 2);
}

#[tokio::test]
async fn a_store_that_panics_costs_one_outcome_and_no_tokens() {
    let scene = scene();
    scene.clock.pass(HOUR);
    scene.mock.respond_json(200, &answer(2));
    scene.store.fail(Failure::Panics);
    let askers: Vec<_> = (0..10).map(|_| scene.ask()).collect();
    for asker in askers {
        let error = asker.await.unwrap().unwrap_err();
        assert!(matches!(error, TokensError::CutOff) && !error.needs_new_permission(), "{error:?}");
    }
    is(scene.tokens.access_token().await, 2);
    scene.assert_refreshes(&[1]);
    assert_eq!(scene.store.stored(), ["access-2"]);
}

#[test]
fn a_runtime_that_is_shut_down_takes_no_tokens_with_it() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let scene = scene();
    scene.clock.pass(HOUR);
    scene.mock.respond_json(200, &answer(2));
    second.block_on(scene.store.close_gate());
    let tokens = scene.tokens.clone();
    first.spawn(async move { tokens.access_token().await });
    second.block_on(scene.store.called());
    // It waits for the other runtime's refresh.
    let mut waits = Box::pin(scene.tokens.access_token());
    second.block_on(async {
        tokio::select! {
            biased;
            outcome = &mut waits => panic!("{outcome:?}"),
            () = std::future::ready(()) => {}
        }
    });
    first.shutdown_timeout(Duration::from_secs(60));
    let error = second.block_on(waits).unwrap_err();
    assert!(matches!(error, TokensError::CutOff), "{error:?}");

    scene.store.open_gate();
    is(second.block_on(scene.tokens.access_token()), 2);
    scene.assert_refreshes(&[1]);
}

#[tokio::test]
async fn without_a_refresh_token_the_access_token_is_given_until_it_expires() {
    let scene = scene_with(json!({ "access_token": "access-1", "expires_in": HOUR }));
    is(scene.tokens.access_token().await, 1);
    scene.clock.pass(HOUR - 1);
    is(scene.tokens.access_token().await, 1);
    let refused = scene.tokens.refresh(&token(1)).await.unwrap_err();
    scene.clock.pass(1);
    let expired = scene.tokens.access_token().await.unwrap_err();
    for error in [refused, expired] {
        assert!(matches!(error, TokensError::NoRefreshToken) && error.needs_new_permission(), "{error:?}");
    }
    scene.assert_refreshes(&[]);
}

#[tokio::test]
async fn a_token_of_unknown_age_is_refreshed_when_it_is_refused() {
    let scene = scene_with(json!({ "access_token": "access-1", "refresh_token": "refresh-1" }));
    scene.clock.pass(24 * HOUR);
    is(scene.tokens.access_token().await, 1);
    scene.mock.respond_json(200, &json!({ "access_token": "access-2", "refresh_token": "refresh-2" }));
    is(scene.tokens.refresh(&token(1)).await, 2);
    scene.clock.pass(24 * HOUR);
    is(scene.tokens.access_token().await, 2);
    scene.assert_refreshes(&[1]);
}

#[tokio::test]
async fn without_stored_tokens_there_is_no_permission_until_some_are_stored() {
    let scene = scene();
    let tokens = scene.store.0.row.lock().unwrap().take();
    for _ in 0..2 {
        let error = scene.tokens.access_token().await.unwrap_err();
        assert!(matches!(error, TokensError::NothingStored) && error.needs_new_permission(), "{error:?}");
    }
    scene.store.put(tokens);
    is(scene.tokens.access_token().await, 1);

    // The user takes the permission back, and the add-on forgets the tokens.
    scene.store.put(None);
    assert!(scene.tokens.refresh(&token(1)).await.unwrap_err().needs_new_permission());
    assert!(scene.tokens.access_token().await.unwrap_err().needs_new_permission());
    scene.assert_refreshes(&[]);
}

#[tokio::test]
async fn what_another_process_refreshed_is_taken_from_the_store() {
    let scene = scene();
    let other = shared(&scene.clock, &scene.mock, &scene.store);
    is(scene.tokens.access_token().await, 1);
    is(other.access_token().await, 1);
    for (from, by_age) in [(1, true), (2, false)] {
        scene.clock.pass(if by_age { HOUR } else { HOUR / 2 });
        scene.mock.respond_json(200, &answer(from + 1));
        if by_age {
            is(other.access_token().await, from + 1);
            is(scene.tokens.access_token().await, from + 1);
        } else {
            is(other.refresh(&token(from)).await, from + 1);
            is(scene.tokens.refresh(&token(from)).await, from + 1);
        }
    }
    scene.assert_refreshes(&[1, 2]);
}

#[tokio::test]
async fn the_author_is_told_of_each_refresh_once_it_is_stored() {
    let scene = scene();
    for number in 2..4 {
        scene.clock.pass(HOUR);
        scene.mock.respond_json(200, &answer(number));
        is(scene.tokens.access_token().await, number);
        scene.store.told().await;
    }
    // Not of what is read.
    is(shared(&scene.clock, &scene.mock, &scene.store).access_token().await, 3);
    assert_eq!(*scene.store.0.refreshed.lock().unwrap(), ["access-2", "access-3"]);
}
