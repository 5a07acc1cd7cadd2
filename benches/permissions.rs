//! The time of `access_token` when nothing is due, and the memory of a permission that is held.
//!
//! `cargo bench -p kenar-benches --bench permissions`

#[path = "../crates/kenar-tests/tests/allocation_support/live_bytes.rs"]
mod live_bytes;

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kenar::error::StoreError;
use kenar::model::{ConversationId, Side, Timestamp};
use kenar::oauth::{OAuthApp, TokenResponse, TokenSet};
use kenar::secret::{AccessToken, ApiKey, ClientSecret, RefreshToken};
use kenar::tokens::{
    ListedPermission, MemoryPermissions, PermissionKey, PermissionRecord, PermissionStore, PermissionValue,
    Permissions, Stamp,
};
use kenar::{Client, OAuthClient, Scope};
use live_bytes::LIVE_BYTES;
use support::{Contestant, Effort, cpu_time, is_bench, measure, print_table, stay_on_one_core};

const HAND: &str = "Mutex<HashMap>";

/// The permissions held, as many as by default at most.
const HELD: usize = 10_000;

/// A store that holds one value for all keys, so that only `Permissions` holds memory.
#[derive(Debug)]
struct OneValue(PermissionRecord);

#[async_trait]
impl PermissionStore for OneValue {
    async fn read(&self, _: &str) -> Result<Option<PermissionRecord>, StoreError> {
        Ok(Some(self.0.clone()))
    }

    async fn grant(&self, _: &str, _: Stamp, _: PermissionValue) -> Result<(), StoreError> {
        Err("only read".into())
    }

    async fn lease(&self, _: &str, _: Stamp, _: Option<Stamp>) -> Result<Option<PermissionRecord>, StoreError> {
        Err("only read".into())
    }

    async fn replace(&self, _: &str, _: Stamp, _: PermissionValue, _: bool) -> Result<bool, StoreError> {
        Err("only read".into())
    }

    async fn release(&self, _: &str, _: Stamp) -> Result<(), StoreError> {
        Err("only read".into())
    }

    async fn delete(&self, _: &str) -> Result<bool, StoreError> {
        Err("only read".into())
    }

    async fn list(&self, _: Option<&ListedPermission>, _: usize) -> Result<Vec<ListedPermission>, StoreError> {
        Err("only read".into())
    }

    async fn leased(&self, _: usize) -> Result<Vec<String>, StoreError> {
        Err("only read".into())
    }
}

/// The least that a program keeps by hand.
#[derive(Clone)]
struct ByHand {
    access_token: String,
    refresh_token: String,
    expires_at: std::time::SystemTime,
    scope: String,
}

fn conversation(number: usize) -> ConversationId {
    ConversationId::new(format!("5f8b0f6e-0000-4000-8000-{number:012}"))
}

/// Tokens of the platform's length.
fn tokens() -> TokenSet {
    let token = |begin: &str| format!("{begin}{}", "x".repeat(87));
    let mut response = TokenResponse::new(AccessToken::new(token("ory_at_")).expect("a token"));
    response.refresh_token = Some(RefreshToken::new(token("ory_rt_")).expect("a token"));
    response.scopes = Some(vec![Scope::conversation_send_message(&conversation(0)), Scope::offline_access()]);
    response.into_tokens(Timestamp::now())
}

fn by_hand() -> ByHand {
    let tokens = tokens();
    ByHand {
        access_token: tokens.access_token.expose_secret().to_owned(),
        refresh_token: tokens.refresh_token.as_ref().map_or("", RefreshToken::expose_secret).to_owned(),
        expires_at: std::time::SystemTime::now() + Duration::from_secs(3600),
        scope: tokens.scopes().iter().map(Scope::as_str).collect::<Vec<_>>().join(" "),
    }
}

fn oauth() -> OAuthClient {
    let secret = ClientSecret::new("placeholder").expect("a secret");
    let app = OAuthApp::new("app", secret, "https://addon.example/oauth").expect("a redirect URI");
    let client = Client::builder(ApiKey::new("placeholder").expect("a key")).build().expect("a client");
    client.oauth(app)
}

fn keys() -> Vec<PermissionKey> {
    (0..HELD).map(|number| PermissionKey::in_conversation(&conversation(number), &Side::Demand)).collect()
}

/// The bytes that work leaves allocated, for each permission.
fn bytes_each<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let before = LIVE_BYTES.load(Ordering::Relaxed);
    let value = work();
    (value, (LIVE_BYTES.load(Ordering::Relaxed) - before) as f64 / HELD as f64)
}

fn main() {
    stay_on_one_core();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let keys = keys();
    let value = runtime.block_on(async {
        let (store, key) = (Arc::new(MemoryPermissions::new()), PermissionKey::new("one"));
        oauth().permissions(Arc::clone(&store)).grant(&key, tokens()).await.expect("memory does not fail");
        store.read("one").await.expect("memory does not fail").expect("it was granted")
    });
    let new_permissions = || oauth().permissions(OneValue(value.clone()));

    let use_all = |permissions: &Permissions| {
        runtime.block_on(async {
            for key in &keys {
                permissions.access_token(key).await.expect("the tokens are valid");
            }
        });
    };
    // Allocates what a runtime and a client hold anyway.
    use_all(&new_permissions());
    let permissions = new_permissions();
    let ((), held) = bytes_each(|| use_all(&permissions));
    let ((), again) = bytes_each(|| use_all(&permissions));
    let (map, hand) = bytes_each(|| {
        let entries = keys.iter().map(|key| (key.as_str().to_owned(), by_hand()));
        Mutex::new(entries.collect::<HashMap<String, ByHand>>())
    });
    println!("\nmemory of a permission held, of {HELD}");
    println!("{:<34} {held:>8.0} bytes   x {:.2}", "kenar", held / hand);
    println!("{HAND:<34} {hand:>8.0} bytes   x 1.00");
    println!("{:<34} {again:>8.0} bytes", "kenar, used again");

    let effort = Effort::of_command_line(201, Duration::from_millis(4));
    for (title, used) in [("one permission", &keys[..1]), ("10,000 permissions in turn", &keys[..])] {
        let (permissions, runtime, map) = (&permissions, &runtime, &map);
        let ours = |times: u64| {
            runtime.block_on(async {
                for key in used.iter().cycle().take(times as usize) {
                    black_box(permissions.access_token(black_box(key)).await.expect("the tokens are valid"));
                }
            });
        };
        let hand = |times: u64| {
            for key in used.iter().cycle().take(times as usize) {
                let map = map.lock().expect("nothing panics");
                let entry = map.get(black_box(key).as_str()).expect("it is held");
                assert!(entry.expires_at > std::time::SystemTime::now());
                black_box(entry.access_token.clone());
            }
        };
        let contestants = vec![Contestant::new("access_token", ours), Contestant::new(HAND, hand)];
        print_table(&format!("an access token, of {title}"), HAND, &measure(effort, cpu_time, contestants), |_| {
            String::new()
        });
    }
    // Neither field is read where it is not due.
    for hand in map.into_inner().expect("nothing panics").into_values() {
        black_box((hand.refresh_token, hand.scope));
    }
    if is_bench() {
        assert!(again < 1.0, "a permission grows with its use");
    }
}
