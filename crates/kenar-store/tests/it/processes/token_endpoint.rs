//! A token endpoint on loopback that counts refreshes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use kenar::oauth::{Grant, TokenRequest};
use tokio::runtime::Runtime;

use super::grant_worker::{LIFETIME, Name};
use super::random;

pub struct TokenEndpoint {
    origin: String,
    counts: Arc<Mutex<Counts>>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Counts {
    refreshes: u64,
    /// The refreshes under way of each granted permission.
    under_way: BTreeMap<(u64, u64), usize>,
    most_at_a_time: usize,
}

impl TokenEndpoint {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let counts: Arc<Mutex<Counts>> = Arc::default();
        let routes = Router::new().fallback(refresh).with_state(Arc::clone(&counts));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(axum::serve(listener, routes).into_future());
        Self { origin, counts, _runtime: runtime }
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn refreshes(&self) -> u64 {
        self.counts.lock().unwrap().refreshes
    }

    /// The most refreshes of one granted permission that were under way at the same time.
    pub fn most_at_a_time(&self) -> usize {
        self.counts.lock().unwrap().most_at_a_time
    }
}

/// A refresh, until it is answered or its process is killed.
struct UnderWay(Arc<Mutex<Counts>>, (u64, u64));

impl Drop for UnderWay {
    fn drop(&mut self) {
        *self.0.lock().unwrap().under_way.get_mut(&self.1).unwrap() -= 1;
    }
}

async fn refresh(State(counts): State<Arc<Mutex<Counts>>>, body: String) -> Response {
    let grant = TokenRequest::parse(body.as_bytes()).map(|request| request.grant);
    let Ok(Grant::RefreshToken { refresh_token, .. }) = grant else { return StatusCode::BAD_REQUEST.into_response() };
    let old = Name::find(refresh_token.expose_secret()).expect("a token of these tests");
    // A call of `grant` that was made again issued other tokens.
    let permission = (old.permission, old.call);
    let number = {
        let mut counts = counts.lock().unwrap();
        counts.refreshes += 1;
        let under_way = counts.under_way.entry(permission).or_default();
        *under_way += 1;
        counts.most_at_a_time = (*under_way).max(counts.most_at_a_time);
        counts.refreshes
    };
    let _under_way = UnderWay(counts, permission);
    tokio::time::sleep(Duration::from_millis(random(number) % 60)).await;
    let new = Name { refresh: number, ..old };
    let body = format!(r#"{{"access_token":"{new}","refresh_token":"{new}","expires_in":{LIFETIME}}}"#);
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}
