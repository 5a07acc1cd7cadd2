//! One permission, a mock of Divar, a store with injected failures, and manual clocks.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::{Response, StatusCode};
use kenar::Client;
use kenar::client::{OAuthClient, Retry};
use kenar::error::StoreError;
use kenar::model::Timestamp;
use kenar::oauth::{Grant, OAuthApp, TokenRequest, TokenResponse, TokenSet};
use kenar::secret::{AccessToken, ApiKey, ClientSecret};
use kenar::tokens::{
    ListedPermission, MemoryPermissions, PermissionKey, PermissionRecord, PermissionStore, PermissionValue,
    Permissions, Stamp, TokensError,
};
use kenar::transport::MockTransport;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

pub const HOUR: i64 = 3600;

/// The wall clock. It advances with tokio's paused clock, and can jump.
#[derive(Clone)]
pub struct Clock(Arc<(tokio::time::Instant, AtomicI64)>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new((tokio::time::Instant::now(), AtomicI64::new(0))))
    }

    /// Advances both clocks.
    pub async fn pass(&self, seconds: i64) {
        tokio::time::advance(Duration::from_secs(seconds as u64)).await;
    }

    /// Sets the wall clock forward or back.
    pub fn jump(&self, seconds: i64) {
        self.0.1.fetch_add(seconds, Ordering::Relaxed);
    }

    pub fn now(&self) -> Timestamp {
        let seconds = 1_700_000_000 + self.0.1.load(Ordering::Relaxed);
        Timestamp::from_unix_micros(seconds * 1_000_000).unwrap().saturating_add(self.0.0.elapsed())
    }
}

/// A step of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Read,
    Grant,
    Lease,
    Replace,
    Release,
    Delete,
}

/// A failure of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The step has no effect.
    Error(&'static str),
    /// The step takes effect, and returns an error.
    ResponseLost,
    /// The step has no effect and never returns.
    Hang,
    Panic,
    /// The step takes effect after a time.
    Slow(Duration),
}

/// A store in memory with injected failures.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    memory: Arc<MemoryPermissions>,
    failures: Mutex<VecDeque<(Step, Failure)>>,
    /// The begun steps, in order.
    steps: Mutex<Vec<Step>>,
    /// The stored access tokens, in order.
    stored: Mutex<Vec<String>>,
    /// `replace` acquires a permit before it begins, and adds one to `at_gate`.
    gate: Semaphore,
    at_gate: Semaphore,
}

impl Store {
    pub fn new() -> Self {
        Self::over(Arc::new(MemoryPermissions::new()))
    }

    /// The same data for a process with its own failures.
    pub fn for_another_process(&self) -> Self {
        Self::over(Arc::clone(&self.0.memory))
    }

    fn over(memory: Arc<MemoryPermissions>) -> Self {
        Self(Arc::new(Inner {
            memory,
            failures: Mutex::default(),
            steps: Mutex::default(),
            stored: Mutex::default(),
            gate: Semaphore::new(1),
            at_gate: Semaphore::new(0),
        }))
    }

    /// Queues a failure for the next call of a step.
    pub fn fail(&self, step: Step, failure: Failure) {
        self.0.failures.lock().unwrap().push_back((step, failure));
    }

    pub fn stored(&self) -> Vec<String> {
        self.0.stored.lock().unwrap().clone()
    }

    pub fn count(&self, step: Step) -> usize {
        self.0.steps.lock().unwrap().iter().filter(|taken| **taken == step).count()
    }

    /// Makes `replace` wait until the gate is opened.
    pub async fn close_gate(&self) {
        self.0.gate.acquire().await.unwrap().forget();
    }

    pub fn open_gate(&self) {
        self.0.gate.add_permits(1);
    }

    /// Waits for a call of `replace`.
    pub async fn called(&self) {
        let called = tokio::time::timeout(Duration::from_secs(3600), self.0.at_gate.acquire()).await;
        called.expect("a call of `replace`").unwrap().forget();
    }

    pub async fn record(&self, key: &str) -> Option<PermissionRecord> {
        self.0.memory.read(key).await.unwrap()
    }

    async fn step<T>(&self, step: Step, take: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.0.steps.lock().unwrap().push(step);
        let failure = {
            let mut failures = self.0.failures.lock().unwrap();
            let next = failures.iter().position(|(failing, _)| *failing == step);
            next.and_then(|next| failures.remove(next))
        };
        match failure.map(|(_, failure)| failure) {
            None => take.await,
            Some(Failure::Error(why)) => Err(why.into()),
            Some(Failure::ResponseLost) => {
                take.await?;
                Err("the response was lost".into())
            }
            Some(Failure::Hang) => std::future::pending().await,
            Some(Failure::Panic) => panic!("a panic of the store, on purpose"),
            Some(Failure::Slow(time)) => {
                tokio::time::sleep(time).await;
                take.await
            }
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

#[async_trait]
impl PermissionStore for Store {
    async fn read(&self, key: &str) -> Result<Option<PermissionRecord>, StoreError> {
        self.step(Step::Read, self.0.memory.read(key)).await
    }

    async fn grant(&self, key: &str, grant: Stamp, value: PermissionValue) -> Result<(), StoreError> {
        self.step(Step::Grant, self.0.memory.grant(key, grant, value)).await
    }

    async fn lease(
        &self,
        key: &str,
        lease: Stamp,
        broken: Option<Stamp>,
    ) -> Result<Option<PermissionRecord>, StoreError> {
        self.step(Step::Lease, self.0.memory.lease(key, lease, broken)).await
    }

    async fn replace(
        &self,
        key: &str,
        lease: Stamp,
        value: PermissionValue,
        keep_lease: bool,
    ) -> Result<bool, StoreError> {
        self.0.at_gate.add_permits(1);
        let _ = self.0.gate.acquire().await.unwrap();
        let take = async {
            let token = access_token(&value);
            let replaced = self.0.memory.replace(key, lease, value, keep_lease).await?;
            if replaced {
                self.0.stored.lock().unwrap().push(token);
            }
            Ok(replaced)
        };
        self.step(Step::Replace, take).await
    }

    async fn release(&self, key: &str, lease: Stamp) -> Result<(), StoreError> {
        self.step(Step::Release, self.0.memory.release(key, lease)).await
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        self.step(Step::Delete, self.0.memory.delete(key)).await
    }

    async fn list(&self, after: Option<&ListedPermission>, limit: usize) -> Result<Vec<ListedPermission>, StoreError> {
        self.0.memory.list(after, limit).await
    }

    async fn leased(&self, limit: usize) -> Result<Vec<String>, StoreError> {
        self.0.memory.leased(limit).await
    }
}

/// The access token in a stored value.
pub fn access_token(value: &PermissionValue) -> String {
    let stored: Value = serde_json::from_slice(value.expose_secret()).unwrap();
    stored["tokens"]["access_token"].as_str().unwrap().to_owned()
}

pub struct Scene {
    pub clock: Clock,
    pub mock: MockTransport,
    pub store: Store,
    pub key: PermissionKey,
    pub permissions: Permissions,
}

/// A response of the token endpoint with numbered tokens.
pub fn response(number: u32) -> Value {
    json!({
        "access_token": format!("access-{number}"), "refresh_token": format!("refresh-{number}"), "expires_in": HOUR,
    })
}

/// A scene with tokens 1 granted, valid for an hour.
pub async fn scene() -> Scene {
    scene_with(response(1)).await
}

pub async fn scene_with(first: Value) -> Scene {
    let scene = scene_without_permission();
    scene.permissions.grant(&scene.key, scene.set(first)).await.unwrap();
    scene
}

pub fn scene_without_permission() -> Scene {
    let (clock, mock, store) = (Clock::new(), MockTransport::new(), Store::new());
    let permissions = oauth(&clock, &mock).permissions(store.clone());
    Scene { clock, mock, store, key: PermissionKey::new("user"), permissions }
}

pub fn oauth(clock: &Clock, mock: &MockTransport) -> OAuthClient {
    let app = OAuthApp::new("app", ClientSecret::new("placeholder").unwrap(), "https://addon.example/oauth").unwrap();
    let now = clock.clone();
    let client = Client::builder(ApiKey::new("placeholder").unwrap())
        .transport(mock.clone())
        .clock(move || now.now())
        .retry(Retry::never())
        .build()
        .unwrap();
    client.oauth(app)
}

impl Scene {
    /// Another process with the same store.
    pub fn other_process(&self) -> Permissions {
        oauth(&self.clock, &self.mock).permissions(self.store.clone())
    }

    /// Another process, with time limits that never end.
    pub fn patient_process(&self) -> Permissions {
        let limit = Duration::from_secs(1_000_000);
        let builder = oauth(&self.clock, &self.mock).permissions_builder(self.store.clone());
        builder.store_time_limit(limit).wait_limit(limit).build()
    }

    /// Tokens that are issued now.
    pub fn set(&self, response: Value) -> TokenSet {
        serde_json::from_value::<TokenResponse>(response).unwrap().into_tokens(self.clock.now())
    }

    /// The response to the next refresh.
    pub fn gives(&self, number: u32) {
        self.mock.respond_json(200, &response(number));
    }

    pub fn refuses(&self, status: u16, error: &str) {
        self.mock.respond_json(status, &json!({ "error": error }));
    }

    pub fn says_wait(&self, seconds: u64) {
        let mut busy = Response::new(json!({ "error": "slow_down" }).to_string().into());
        *busy.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        busy.headers_mut().insert("retry-after", seconds.into());
        self.mock.respond(busy);
    }

    /// Asserts the refreshes, each by the number of its refresh token.
    #[track_caller]
    pub fn assert_refreshes(&self, with: &[u32]) {
        let asked = self.mock.requests();
        let asked: Vec<_> = asked
            .iter()
            .map(|request| match TokenRequest::parse(request.body()).unwrap().grant {
                Grant::RefreshToken { refresh_token, .. } => refresh_token.expose_secret().to_owned(),
                _ => panic!("only refreshes are sent"),
            })
            .collect();
        let expected: Vec<_> = with.iter().map(|number| format!("refresh-{number}")).collect();
        assert_eq!(asked, expected, "refreshes that were sent");
    }

    pub async fn access_token(&self) -> Result<AccessToken, TokensError> {
        self.permissions.access_token(&self.key).await
    }

    pub async fn replace(&self, number: u32) -> Result<AccessToken, TokensError> {
        self.permissions.replace(&self.key, &token(number)).await
    }

    /// Requests a token in a task.
    pub fn ask(&self) -> JoinHandle<Result<AccessToken, TokensError>> {
        let (permissions, key) = (self.permissions.clone(), self.key.clone());
        tokio::spawn(async move { permissions.access_token(&key).await })
    }
}

pub fn token(number: u32) -> AccessToken {
    AccessToken::new(format!("access-{number}")).unwrap()
}

#[track_caller]
pub fn is(outcome: Result<AccessToken, TokensError>, number: u32) {
    assert_eq!(outcome.unwrap().expose_secret(), format!("access-{number}"));
}

/// The expected error, or a panic.
macro_rules! assert_err {
    ($outcome:expr, $pattern:pat $(if $guard:expr)?) => {
        match $outcome {
            Err(error) => {
                assert!(matches!(&error, $pattern $(if $guard)?), "{error:?}");
                error
            }
            Ok(token) => panic!("expected an error, got {}", token.expose_secret()),
        }
    };
}
pub(crate) use assert_err;
