//! Promise: `Permissions` survives hours and faults in the sandbox, as it must on the platform.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{AddOn, REDIRECT, TestResult, grant};
use kenar::oauth::{RefreshTokens, TokenSet};
use kenar::operation::Subscription;
use kenar::request::{ApiKeyPermission, Operation as _};
use kenar::secret::AccessToken;
use kenar::tokens::{MemoryPermissions, PermissionKey, Permissions, TokensError};
use kenar::{ChatApi as _, Scope};
use kenar_sandbox::{App, Fault, Sandbox, User};
use tokio::sync::Semaphore;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

struct Scene {
    sandbox: Sandbox,
    app: App,
    sara: User,
    key: PermissionKey,
    permissions: Permissions,
    subscribed: Arc<Semaphore>,
}

/// Sara granted all needed scopes. The add-on renews its subscription after each refresh.
async fn scene() -> Scene {
    let sandbox = Sandbox::builder().manual_clock().in_process().await;
    let app = sandbox.app("app");
    let sara = sandbox.user("sara");
    let (client, subscribed) = (app.client(), Arc::new(Semaphore::new(0)));
    let told = Arc::clone(&subscribed);
    let renew = move |_, tokens: TokenSet| {
        let (client, told) = (client.clone(), Arc::clone(&told));
        async move {
            client.subscribe(&Subscription::to_messages_on_all_posts(), &tokens.access_token).await?;
            told.add_permits(1);
            Ok(())
        }
    };
    let oauth = app.oauth(REDIRECT).unwrap();
    let permissions = oauth.permissions_builder(MemoryPermissions::new()).on_refresh(renew).build();
    let key = PermissionKey::new("sara");
    permissions.grant(&key, permitted(&sandbox, &app, &sara).await).await.unwrap();
    Scene { sandbox, app, sara, key, permissions, subscribed }
}

async fn permitted(sandbox: &Sandbox, app: &App, sara: &User) -> TokenSet {
    let scopes = [Scope::user_id(), Scope::supplier_all_conversations_read(), Scope::offline_access()];
    grant(sandbox, app, sara, scopes).await
}

impl Scene {
    async fn access_token(&self) -> Result<AccessToken, TokensError> {
        self.permissions.access_token(&self.key).await
    }

    async fn replace(&self, refused: &AccessToken) -> Result<AccessToken, TokensError> {
        self.permissions.replace(&self.key, refused).await
    }

    fn refreshes(&self) -> usize {
        self.sandbox.journal().iter().filter(|exchange| exchange.operation == RefreshTokens::METADATA.name()).count()
    }
}

#[tokio::test]
async fn day_of_calls_takes_a_refresh_each_hour() -> TestResult {
    let scene = scene().await;
    for _ in 0..24 * 4 {
        let handlers: Vec<_> = (0..8)
            .map(|_| {
                let (permissions, key, client) = (scene.permissions.clone(), scene.key.clone(), scene.app.client());
                tokio::spawn(
                    async move { client.get_user(&permissions.access_token(&key).await.unwrap()).await.map(drop) },
                )
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
async fn events_continue_after_a_refresh() -> TestResult {
    let scene = scene().await;
    let addon = AddOn::of(&scene.app).await;
    let chat = scene.sandbox.add_post(&scene.sara).conversation_with(&scene.sandbox.user("ali"));
    let by = scene.access_token().await?;
    scene.app.client().subscribe(&Subscription::to_messages_on_all_posts(), &by).await?;
    for text in ["یک", "دو", "سه"] {
        scene.sandbox.user("ali").write(&chat, text).await?;
        scene.sandbox.advance(HOUR - MINUTE);
        scene.access_token().await?;
        let subscribed = tokio::time::timeout(MINUTE, scene.subscribed.acquire()).await;
        subscribed.expect("subscribed again after the refresh")?.forget();
        // The old subscription has ended.
        scene.sandbox.advance(2 * MINUTE);
    }
    let heard: Vec<_> = addon.seen().iter().map(|event| event["new_message"]["text"].clone()).collect();
    assert_eq!(heard, ["یک", "دو", "سه"], "{}", scene.sandbox.transcript());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn lost_responses_do_not_lose_the_permission() -> TestResult {
    let scene = scene().await;
    scene.sandbox.advance(HOUR);
    let lost = scene.sandbox.inject(Fault::response_lost()).times(5).on::<RefreshTokens>();
    assert!(matches!(scene.access_token().await, Err(TokensError::Refresh(_))));
    // After the pause, the old tokens no longer work.
    tokio::time::sleep(MINUTE).await;
    scene.sandbox.advance(3 * MINUTE);
    assert_eq!((lost.times_triggered(), scene.refreshes()), (5, 6), "{}", scene.sandbox.transcript());
    scene.app.client().get_user(&scene.access_token().await?).await?;
    Ok(())
}

#[tokio::test]
async fn revoked_permission_can_be_granted_again() -> TestResult {
    let scene = scene().await;
    let client = scene.app.client();
    let by = scene.access_token().await?;
    scene.sara.revoke_access(&scene.app).await?;
    assert!(client.get_user(&by).await.unwrap_err().needs_new_permission());
    for _ in 0..5 {
        assert!(scene.replace(&by).await.unwrap_err().needs_new_permission());
        assert!(scene.access_token().await.unwrap_err().needs_new_permission());
    }
    assert_eq!(scene.refreshes(), 1);

    let again = permitted(&scene.sandbox, &scene.app, &scene.sara).await;
    scene.permissions.grant(&scene.key, again).await?;
    client.get_user(&scene.access_token().await?).await?;
    Ok(())
}

#[tokio::test]
async fn key_without_permission_causes_one_refresh() -> TestResult {
    let scene = scene().await;
    let without = scene.app.client_with_only([ApiKeyPermission::EVENTS_REGISTER_SUBSCRIPTION]);
    let mut by = scene.access_token().await?;
    assert!(without.get_user(&by).await.unwrap_err().needs_new_permission());
    by = scene.replace(&by).await?;
    assert!(without.get_user(&by).await.unwrap_err().needs_new_permission());
    for _ in 0..5 {
        assert!(matches!(scene.replace(&by).await, Err(TokensError::RefusedAfterRefresh)));
    }
    assert_eq!(scene.access_token().await?, by, "other calls can still use it");
    assert_eq!(scene.refreshes(), 1);
    Ok(())
}
