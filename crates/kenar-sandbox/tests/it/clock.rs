//! Promise: the test controls the clock, and the documented lifetimes follow it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::support::{AddOn, REDIRECT, TestResult, grant};
use kenar::model::Timestamp;
use kenar::operation::{CreateUploadToken, Media, MediaSource, Subscription, UploadMedia};
use kenar::{ChatApi as _, ConversationMessage, Scope};
use kenar_sandbox::Sandbox;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn sandbox() -> Sandbox {
    Sandbox::builder().manual_clock().in_process().await
}

#[tokio::test]
async fn manual_clock_moves_only_through_advance() {
    let sandbox = sandbox().await;
    assert_eq!(sandbox.now().to_string(), "2025-01-01T00:00:00Z");
    sandbox.advance(Duration::from_millis(1500));
    sandbox.advance(MINUTE);
    assert_eq!(sandbox.now().to_string(), "2025-01-01T00:01:01.500000Z");
    sandbox.advance(Duration::MAX);
    assert_eq!(sandbox.now().to_string(), "9999-12-31T23:59:59.999999Z");
}

#[tokio::test]
async fn custom_clock_can_be_advanced() {
    let seconds = Arc::new(AtomicI64::new(1_700_000_000));
    let clock = Arc::clone(&seconds);
    let now = move || Timestamp::from_unix_micros(clock.load(Ordering::Relaxed) * 1_000_000).unwrap();
    let sandbox = Sandbox::builder().clock(now).in_process().await;
    sandbox.advance(MINUTE);
    seconds.fetch_add(1, Ordering::Relaxed);
    assert_eq!(sandbox.now().unix_micros(), 1_700_000_061_000_000);
}

#[tokio::test]
async fn tokens_expire_by_the_sandbox_clock_on_both_sides() -> TestResult {
    let sandbox = sandbox().await;
    let app = sandbox.app("app");
    let tokens = grant(&sandbox, &app, &sandbox.user("sara"), [Scope::user_id(), Scope::offline_access()]).await;
    let client = app.client();

    assert_eq!(tokens.expires_at(), Some(sandbox.now().saturating_add(HOUR)));
    sandbox.advance(HOUR - Duration::from_micros(1));
    client.get_user(&tokens.access_token).await?;
    assert!(tokens.needs_refresh(sandbox.now()) && !tokens.is_expired(sandbox.now()));

    sandbox.advance(Duration::from_micros(1));
    assert!(tokens.is_expired(sandbox.now()));
    let error = client.get_user(&tokens.access_token).await.unwrap_err();
    assert!(error.needs_new_permission(), "{error}");

    let fresh = app.oauth(REDIRECT)?.refresh(&tokens).await?;
    assert_eq!(fresh.expires_at(), Some(sandbox.now().saturating_add(HOUR)));
    client.get_user(&fresh.access_token).await?;
    Ok(())
}

#[tokio::test]
async fn old_tokens_work_two_minutes_after_a_refresh() -> TestResult {
    let sandbox = sandbox().await;
    let app = sandbox.app("app");
    let (client, oauth) = (app.client(), app.oauth(REDIRECT)?);
    let old = grant(&sandbox, &app, &sandbox.user("sara"), [Scope::user_id(), Scope::offline_access()]).await;

    let new = oauth.refresh(&old).await?;
    sandbox.advance(2 * MINUTE - Duration::from_micros(1));
    client.get_user(&old.access_token).await?;
    oauth.refresh(&old).await?;

    sandbox.advance(Duration::from_micros(1));
    assert!(client.get_user(&old.access_token).await.unwrap_err().needs_new_permission());
    assert!(oauth.refresh(&old).await.unwrap_err().is_invalid_grant());
    client.get_user(&new.access_token).await?;
    Ok(())
}

#[tokio::test]
async fn refresh_token_is_valid_for_thirty_days() -> TestResult {
    let sandbox = sandbox().await;
    let app = sandbox.app("app");
    let oauth = app.oauth(REDIRECT)?;
    let first = grant(&sandbox, &app, &sandbox.user("sara"), [Scope::user_id(), Scope::offline_access()]).await;
    sandbox.advance(30 * DAY - MINUTE);
    let second = oauth.refresh(&first).await?;
    sandbox.advance(30 * DAY);
    assert!(oauth.refresh(&second).await.unwrap_err().is_invalid_grant());
    Ok(())
}

#[tokio::test]
async fn subscription_ends_with_its_token() -> TestResult {
    let sandbox = sandbox().await;
    let app = sandbox.app("reader");
    let addon = AddOn::of(&app).await;
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let chat = sandbox.add_post(&sara).conversation_with(&ali);
    let scopes = [Scope::supplier_all_conversations_read(), Scope::offline_access()];
    let tokens = grant(&sandbox, &app, &sara, scopes).await;
    let all = Subscription::to_messages_on_all_posts();
    app.client().subscribe(&all, &tokens.access_token).await?;

    ali.write(&chat, "یک").await?;
    let fresh = app.oauth(REDIRECT)?.refresh(&tokens).await?;
    sandbox.advance(2 * MINUTE);
    ali.write(&chat, "دو").await?;
    app.client().subscribe(&all, &fresh.access_token).await?;
    ali.write(&chat, "سه").await?;
    sandbox.advance(HOUR);
    ali.write(&chat, "چهار").await?;

    let heard: Vec<_> = addon.seen().iter().map(|event| event["new_message"]["text"].clone()).collect();
    assert_eq!(heard, ["یک", "سه"], "{}", sandbox.transcript());
    Ok(())
}

#[tokio::test]
async fn upload_token_is_valid_for_ten_minutes() -> TestResult {
    let sandbox = sandbox().await;
    let client = sandbox.client();
    for (wait, is_taken) in [(10 * MINUTE - Duration::from_micros(1), true), (10 * MINUTE, false)] {
        let token = client.execute(&CreateUploadToken).await?;
        sandbox.advance(wait);
        let media = Media::image("a.png", MediaSource::bytes("a"))?;
        let uploaded = client.execute(&UploadMedia::new(&media, &token)).await;
        assert_eq!(uploaded.is_ok(), is_taken, "after {wait:?}: {uploaded:?}");
    }
    Ok(())
}

#[tokio::test]
async fn same_seed_and_actions_give_the_same_sandbox() -> TestResult {
    async fn play(seed: u64) -> Result<String, Box<dyn std::error::Error>> {
        let sandbox = Sandbox::builder().seed(seed).manual_clock().in_process().await;
        let app = sandbox.app("app");
        let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
        let chat = sandbox.add_post(&sara).conversation_with(&ali);
        ali.write(&chat, "سلام").await?;
        sandbox.advance(MINUTE);
        let tokens = grant(&sandbox, &app, &sara, [Scope::conversation_send_message(chat.id())]).await;
        app.client().send_message(chat.id(), &ConversationMessage::text("سلام"), &tokens.access_token).await?;
        Ok(format!("{:?} {:?} {}", chat.messages(), tokens.expires_at(), tokens.access_token.expose_secret()))
    }
    assert_eq!(play(7).await?, play(7).await?);
    assert_ne!(play(7).await?, play(8).await?);
    Ok(())
}
