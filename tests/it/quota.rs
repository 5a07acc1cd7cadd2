//! Promise: an app's rate limits are kept, and a call over them reports when to retry.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{Response, header};
use kenar::client::Client;
use kenar::error::StoreError;
use kenar::oauth::OAuthApp;
use kenar::quota::{MemoryQuota, Quota, QuotaLimits, QuotaStore, Reservation};
use kenar::secret::ClientSecret;
use kenar::transport::MockTransport;
use kenar::{BotMessage, ChatApi as _, Error};
use serde_json::json;
use tokio::time::Instant;

use crate::support::calls::{client, conversation};

fn quota(store: impl QuotaStore, per_minute: u32) -> Quota {
    Quota::new(store, QuotaLimits::new(NonZeroU32::new(per_minute), None))
}

/// A transport with a number of successful responses.
fn responding(responses: usize) -> MockTransport {
    let mock = MockTransport::new();
    for _ in 0..responses {
        mock.respond_json(200, &json!({}));
    }
    mock
}

fn refusing(mock: &MockTransport, retry_after: Option<u64>) {
    let mut response = Response::builder().status(429);
    if let Some(seconds) = retry_after {
        response = response.header(header::RETRY_AFTER, seconds);
    }
    mock.respond(response.body("{}".into()).unwrap());
}

async fn send(client: &Client) -> Result<(), Error> {
    client.send_bot_message(&conversation(), &BotMessage::text("سلام")).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn request_over_the_limit_is_not_sent() {
    let mock = responding(9);
    let client = client(quota(MemoryQuota::new(), 2).limit(mock.clone()));
    send(&client).await.unwrap();
    send(&client).await.unwrap();
    let begun = Instant::now();
    let error = send(&client).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_millis(1), "the call fails at once");
    assert_eq!(mock.requests().len(), 2);
    assert!(error.is_rate_limited() && !error.may_have_been_processed());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    assert!(
        error.to_string().contains("rate limited for 60 s by the app's own quota: the request was not sent"),
        "{error}"
    );

    tokio::time::sleep(Duration::from_secs(60)).await;
    send(&client).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn request_waits_within_half_of_its_time_limit() {
    let (store, mock) = (Arc::new(MemoryQuota::new()), responding(9));
    let client = client(quota(store.clone(), 100).limit(mock.clone()));
    store.pause("app", Duration::from_millis(400)).await.unwrap();
    let begun = Instant::now();
    send(&client).await.unwrap();
    assert!((400..450).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());

    store.pause("app", Duration::from_secs(10)).await.unwrap();
    assert_eq!(send(&client).await.unwrap_err().retry_after(), Some(Duration::from_secs(10)));
    send(&client.with_time_limit(Duration::from_secs(60))).await.unwrap();
    assert_eq!(mock.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn retry_after_from_divar_pauses_every_process() {
    let (store, mock) = (Arc::new(MemoryQuota::new()), MockTransport::new());
    let clients = [(); 2].map(|()| client(quota(store.clone(), 100).limit(mock.clone())));
    refusing(&mock, Some(90));
    assert_eq!(send(&clients[0]).await.unwrap_err().retry_after(), Some(Duration::from_secs(90)));
    tokio::time::sleep(Duration::from_secs(80)).await;
    for client in &clients {
        assert_eq!(send(client).await.unwrap_err().retry_after(), Some(Duration::from_secs(10)));
    }
    assert_eq!(mock.requests().len(), 1);
    mock.respond_json(200, &json!({}));
    tokio::time::sleep(Duration::from_secs(10)).await;
    send(&clients[1]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pauses_double_without_retry_after() {
    let (store, mock) = (Arc::new(MemoryQuota::new()), MockTransport::new());
    let client = client(quota(store.clone(), 1000).limit(mock.clone())).with_time_limit(Duration::from_millis(100));
    let mut pauses = Vec::new();
    for _ in 0..8 {
        refusing(&mock, None);
        assert!(send(&client).await.unwrap_err().is_rate_limited());
        let pause = send(&client).await.unwrap_err().retry_after().unwrap();
        pauses.push(pause.as_secs());
        tokio::time::sleep(pause).await;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    mock.respond_json(200, &json!({}));
    send(&client).await.unwrap();
    refusing(&mock, None);
    send(&client).await.unwrap_err();
    assert_eq!(send(&client).await.unwrap_err().retry_after(), Some(Duration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn requests_without_the_api_key_do_not_count() {
    let mock = responding(1);
    let client = client(quota(MemoryQuota::new(), 1).limit(mock.clone()));
    let app = OAuthApp::new("app", ClientSecret::new("placeholder").unwrap(), "https://addon.example/oauth").unwrap();
    let oauth = client.oauth(app);
    let (_, state) = oauth.permission_url([kenar::Scope::user_id()]);
    let query = format!("code=c&state={}", state.expose_secret());
    for _ in 0..3 {
        let kenar::oauth::Callback::Granted(code) = oauth.callback(&query, &state).unwrap() else { panic!() };
        let _ = oauth.exchange(code).await;
    }
    assert_eq!(mock.requests().len(), 3);
    mock.respond_json(200, &json!({}));
    send(&client).await.unwrap();
    assert!(send(&client).await.unwrap_err().is_rate_limited());
}

/// A store that fails, or never responds.
#[derive(Debug)]
struct Broken {
    hangs: bool,
}

impl Broken {
    async fn fail<T>(&self) -> Result<T, StoreError> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Err("connection lost".into())
    }
}

#[async_trait]
impl QuotaStore for Broken {
    async fn reserve(&self, _: &str, _: &QuotaLimits, _: Duration) -> Result<Reservation, StoreError> {
        self.fail().await
    }

    async fn pause(&self, _: &str, _: Duration) -> Result<(), StoreError> {
        self.fail().await
    }
}

#[tokio::test(start_paused = true)]
async fn request_is_sent_when_the_store_fails() {
    for hangs in [false, true] {
        let mock = responding(1);
        let client = client(quota(Broken { hangs }, 1).limit(mock.clone()));
        send(&client).await.unwrap();
        refusing(&mock, Some(9));
        assert_eq!(send(&client).await.unwrap_err().retry_after(), Some(Duration::from_secs(9)), "Divar's response");
    }
}
