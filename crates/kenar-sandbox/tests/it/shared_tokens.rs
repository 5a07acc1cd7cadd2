//! The promise: with shared tokens, an add-on comes through a sandbox's hours and faults as it has to on the platform.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{AddOn, REDIRECT, TestResult, grant};
use async_trait::async_trait;
use kenar::client::{SharedTokens, TokenStore, TokensError};
use kenar::oauth::{RefreshTokens, TokenSet};
use kenar::operation::Subscription;
use kenar::request::{ApiKeyPermission, Operation as _};
use kenar::{ChatApi as _, Client, Scope};
use kenar_sandbox::{App, Fault, Sandbox, User};
use tokio::sync::Semaphore;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A store in memory, which subscribes after each refresh.
#[derive(Clone)]
struct Store(Arc<Inner>);

struct Inner {
    row: Mutex<Option<TokenSet>>,
    client: Client,
    subscribed: Semaphore,
}

#[async_trait]
impl TokenStore for Store {
    async fn load(&self) -> Result<Option<TokenSet>, Box<dyn Error + Send + Sync>> {
        Ok(self.0.row.lock().unwrap().clone())
    }

    async fn store(&self, tokens: &TokenSet) -> Result<(), Box<dyn Error + Send + Sync>> {
        *self.0.row.lock().unwrap() = Some(tokens.clone());
        Ok(())
    }

    async fn refreshed(&self, tokens: &TokenSet) {
        self.0.client.subscribe(&Subscription::to_messages_on_all_posts(), &tokens.access_token).await.unwrap();
        self.0.subscribed.add_permits(1);
    }
}

struct Scene {
    sandbox: Sandbox,
    app: App,
    sara: User,
    store: Store,
    tokens: SharedTokens,
}

/// Sara permits all that is needed.
async fn scene() -> Scene {
    let sandbox = Sandbox::builder().manual_clock().in_process().await;
    let app = sandbox.app("app");
    let sara = sandbox.user("sara");
    let row = Mutex::new(Some(permitted(&sandbox, &app, &sara).await));
    let store = Store(Arc::new(Inner { row, client: app.client(), subscribed: Semaphore::new(0) }));
    let tokens = app.oauth(REDIRECT).unwrap().shared_tokens(store.clone());
    Scene { sandbox, app, sara, store, tokens }
}

async fn permitted(sandbox: &Sandbox, app: &App, sara: &User) -> TokenSet {
    let scopes = [Scope::user_id(), Scope::supplier_all_conversations_read(), Scope::offline_access()];
    grant(sandbox, app, sara, scopes).await
}

impl Scene {
    fn refreshes(&self) -> usize {
        self.sandbox.journal().iter().filter(|exchange| exchange.operation == RefreshTokens::METADATA.name()).count()
    }
}

#[tokio::test]
async fn a_day_of_calls_takes_a_refresh_each_hour() -> TestResult {
    let scene = scene().await;
    for _ in 0..24 * 4 {
        let handlers: Vec<_> = (0..8)
            .map(|_| {
                let (tokens, client) = (scene.tokens.clone(), scene.app.client());
                tokio::spawn(async move { client.get_user(&tokens.access_token().await.unwrap()).await.map(drop) })
            })
            .collect();
        for handler in handlers {
            handler.await??;
        }
        scene.sandbox.advance(15 * MINUTE);
    }
    assert_eq!(scene.refreshes(), 23);
    Ok(())
}

#[tokio::test]
async fn events_go_on_after_a_refresh() -> TestResult {
    let scene = scene().await;
    let addon = AddOn::of(&scene.app).await;
    let chat = scene.sandbox.add_post(&scene.sara).conversation_with(&scene.sandbox.user("ali"));
    let by = scene.tokens.access_token().await?;
    scene.app.client().subscribe(&Subscription::to_messages_on_all_posts(), &by).await?;
    for text in ["یک", "دو", "سه"] {
        scene.sandbox.user("ali").write(&chat, text).await?;
        scene.sandbox.advance(HOUR - MINUTE);
        scene.tokens.access_token().await?;
        let subscribed = tokio::time::timeout(MINUTE, scene.store.0.subscribed.acquire()).await;
        subscribed.expect("subscribed again after the refresh")?.forget();
        // The old subscription is over.
        scene.sandbox.advance(2 * MINUTE);
    }
    let heard: Vec<_> = addon.seen().iter().map(|event| event["new_message"]["text"].clone()).collect();
    assert_eq!(heard, ["یک", "دو", "سه"], "{}", scene.sandbox.transcript());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn lost_answers_do_not_cost_the_permission() -> TestResult {
    let scene = scene().await;
    scene.sandbox.advance(HOUR);
    let lost = scene.sandbox.inject(Fault::no_answer().carried_out()).times(5).on::<RefreshTokens>();
    assert!(matches!(scene.tokens.access_token().await, Err(TokensError::Refresh(_))));
    // Nobody asks for a while; by then the old pair is of no use.
    tokio::time::sleep(MINUTE).await;
    scene.sandbox.advance(3 * MINUTE);
    assert_eq!((lost.strikes(), scene.refreshes()), (5, 6), "{}", scene.sandbox.transcript());
    scene.app.client().get_user(&scene.tokens.access_token().await?).await?;
    Ok(())
}

#[tokio::test]
async fn a_permission_that_is_taken_back_can_be_given_again() -> TestResult {
    let scene = scene().await;
    let client = scene.app.client();
    let by = scene.tokens.access_token().await?;
    scene.sara.revoke_access(&scene.app).await?;
    assert!(client.get_user(&by).await.unwrap_err().needs_new_permission());
    for _ in 0..5 {
        assert!(scene.tokens.refresh(&by).await.unwrap_err().needs_new_permission());
        assert!(scene.tokens.access_token().await.unwrap_err().needs_new_permission());
    }
    assert_eq!(scene.refreshes(), 1);

    let again = permitted(&scene.sandbox, &scene.app, &scene.sara).await;
    scene.store.store(&again).await.unwrap();
    client.get_user(&scene.tokens.access_token().await?).await?;
    Ok(())
}

#[tokio::test]
async fn a_key_without_the_permission_is_not_answered_with_refreshes() -> TestResult {
    let scene = scene().await;
    let without = scene.app.client_with_only([ApiKeyPermission::EVENTS_REGISTER_SUBSCRIPTION]);
    let mut by = scene.tokens.access_token().await?;
    assert!(without.get_user(&by).await.unwrap_err().needs_new_permission());
    by = scene.tokens.refresh(&by).await?;
    assert!(without.get_user(&by).await.unwrap_err().needs_new_permission());
    for _ in 0..5 {
        assert!(matches!(scene.tokens.refresh(&by).await, Err(TokensError::JustRefreshed)));
    }
    assert_eq!(scene.tokens.access_token().await?, by, "other calls can be made with it");
    assert_eq!(scene.refreshes(), 1);
    Ok(())
}
