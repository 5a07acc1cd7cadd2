//! Grants and deletions win over running refreshes.

use std::time::Duration;

use kenar::Scope;
use kenar::tokens::TokensError;
use kenar::transport::TransportErrorKind;
use serde_json::json;

use super::scene::*;

#[tokio::test(start_paused = true)]
async fn grant_wins_over_a_running_refresh() {
    for by_other_process in [false, true] {
        let scene = scene().await;
        scene.clock.pass(HOUR).await;
        scene.gives(2);
        scene.store.close_gate().await;
        let asker = scene.ask();
        scene.store.called().await;
        let granter = if by_other_process { scene.other_process() } else { scene.permissions.clone() };
        granter.grant(&scene.key, scene.set(response(7))).await.unwrap();
        scene.store.open_gate();

        is(asker.await.unwrap(), 7);
        is(scene.access_token().await, 7);
        is(scene.other_process().access_token(&scene.key).await, 7);
        assert_eq!(scene.store.stored(), [""; 0], "the refreshed tokens replaced the grant");
    }
}

#[tokio::test(start_paused = true)]
async fn retried_write_does_not_replace_a_grant() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    scene.store.fail(Step::Replace, Failure::Error("down"));
    assert_err!(scene.access_token().await, TokensError::Store(_));
    scene.permissions.grant(&scene.key, scene.set(response(7))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(300)).await;
    scene.permissions.settle().await;
    is(scene.access_token().await, 7);
    is(scene.other_process().access_token(&scene.key).await, 7);
    assert_eq!(scene.store.stored(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn retried_write_does_not_replace_another_grant() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    scene.store.fail(Step::Replace, Failure::Error("down"));
    assert_err!(scene.access_token().await, TokensError::Store(_));
    scene.other_process().grant(&scene.key, scene.set(response(7))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(300)).await;
    is(scene.access_token().await, 7);
    assert_eq!(scene.store.stored(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn forgotten_permission_stays_deleted() {
    for by_other_process in [false, true] {
        let scene = scene().await;
        let forgetter = if by_other_process { scene.other_process() } else { scene.permissions.clone() };
        // A running refresh.
        scene.clock.pass(HOUR).await;
        scene.gives(2);
        scene.store.close_gate().await;
        let asker = scene.ask();
        scene.store.called().await;
        forgetter.forget(&scene.key).await.unwrap();
        scene.store.open_gate();
        assert_err!(asker.await.unwrap(), TokensError::NotStored);
        assert!(scene.store.record("user").await.is_none());

        // A write that will be retried.
        scene.permissions.grant(&scene.key, scene.set(response(3))).await.unwrap();
        scene.clock.pass(HOUR).await;
        scene.gives(4);
        scene.store.fail(Step::Replace, Failure::Error("down"));
        assert_err!(scene.access_token().await, TokensError::Store(_));
        forgetter.forget(&scene.key).await.unwrap();
        tokio::time::sleep(Duration::from_secs(300)).await;
        assert!(scene.store.record("user").await.is_none());
        assert_err!(scene.access_token().await, TokensError::NotStored);

        // A refresh whose response was lost.
        scene.permissions.grant(&scene.key, scene.set(response(5))).await.unwrap();
        scene.clock.pass(HOUR).await;
        scene.mock.fail(TransportErrorKind::Interrupted);
        assert_err!(scene.access_token().await, TokensError::Refresh(_));
        scene.gives(6);
        forgetter.forget(&scene.key).await.unwrap();
        tokio::time::sleep(Duration::from_secs(300)).await;
        assert!(scene.store.record("user").await.is_none());
        assert_eq!(scene.store.stored(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn grant_is_used_at_once_by_its_process() {
    let scene = scene().await;
    for number in 2..100 {
        is(scene.access_token().await, number - 1);
        scene.permissions.grant(&scene.key, scene.set(response(number))).await.unwrap();
        is(scene.access_token().await, number);
    }
}

#[tokio::test(start_paused = true)]
async fn grant_is_used_within_a_second_by_other_processes() {
    let scene = scene().await;
    let other = scene.other_process();
    is(other.access_token(&scene.key).await, 1);
    scene.permissions.grant(&scene.key, scene.set(response(2))).await.unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    is(other.access_token(&scene.key).await, 2);

    scene.permissions.forget(&scene.key).await.unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_err!(other.access_token(&scene.key).await, TokensError::NotStored);
}

#[tokio::test(start_paused = true)]
async fn grant_is_used_instead_of_a_token_that_is_due() {
    let scene = scene().await;
    let other = scene.other_process();
    is(other.access_token(&scene.key).await, 1);
    scene.clock.pass(HOUR - 59).await;
    scene.permissions.grant(&scene.key, scene.set(response(2))).await.unwrap();
    is(other.access_token(&scene.key).await, 2);
    scene.assert_refreshes(&[]);
}

#[tokio::test(start_paused = true)]
async fn access_token_for_finds_a_wider_grant_at_once() {
    let narrow = json!({ "access_token": "access-1", "scope": "USER_ID" });
    let wide = json!({ "access_token": "access-2", "scope": "USER_ID USER_PHONE" });
    let scene = scene_with(narrow).await;
    let other = scene.other_process();
    let (known, new) = (Scope::user_id(), Scope::user_phone());
    is(other.access_token_for(&scene.key, &known).await, 1);
    let error = assert_err!(
        other.access_token_for(&scene.key, &new).await,
        TokensError::ScopeNotGranted(scope) if *scope == new
    );
    assert!(error.needs_new_permission());

    scene.permissions.grant(&scene.key, scene.set(wide)).await.unwrap();
    is(other.access_token_for(&scene.key, &new).await, 2);
    scene.assert_refreshes(&[]);
}

#[tokio::test(start_paused = true)]
async fn newer_stored_tokens_are_returned_after_a_refusal() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    is(scene.access_token().await, 2);
    // Right after its own refresh.
    scene.other_process().grant(&scene.key, scene.set(response(7))).await.unwrap();
    is(scene.replace(2).await, 7);
    scene.assert_refreshes(&[1]);
}

#[tokio::test(start_paused = true)]
async fn grant_elsewhere_after_invalid_grant_is_found() {
    let scene = scene().await;
    let other = scene.other_process();
    scene.clock.pass(HOUR).await;
    scene.refuses(400, "invalid_grant");
    assert_err!(scene.access_token().await, TokensError::Refresh(_));
    other.grant(&scene.key, scene.set(response(7))).await.unwrap();
    is(scene.access_token().await, 7);
    scene.clock.pass(HOUR).await;
    scene.gives(8);
    is(scene.access_token().await, 8);
}

#[tokio::test(start_paused = true)]
async fn keys_have_separate_permissions() {
    let scene = scene().await;
    let other = "other".into();
    assert_err!(scene.permissions.access_token(&other).await, TokensError::NotStored);
    scene.permissions.grant(&other, scene.set(response(2))).await.unwrap();
    is(scene.access_token().await, 1);
    is(scene.permissions.access_token(&other).await, 2);
    scene.permissions.forget(&scene.key).await.unwrap();
    is(scene.permissions.access_token(&other).await, 2);
}

#[tokio::test(start_paused = true)]
async fn grant_is_retried_and_continues_when_dropped() {
    let scene = scene_without_permission();
    scene.store.fail(Step::Grant, Failure::Error("down"));
    scene.store.fail(Step::Grant, Failure::ResponseLost);
    scene.permissions.grant(&scene.key, scene.set(response(1))).await.unwrap();
    is(scene.access_token().await, 1);

    scene.store.fail(Step::Grant, Failure::Slow(Duration::from_secs(1)));
    let tokens = scene.set(response(2));
    let grant = scene.permissions.grant(&scene.key, tokens);
    assert!(tokio::time::timeout(Duration::from_millis(10), grant).await.is_err());
    scene.permissions.settle().await;
    is(scene.access_token().await, 2);
}

#[tokio::test(start_paused = true)]
async fn failed_grant_is_reported_without_its_tokens() {
    let scene = scene().await;
    for _ in 0..3 {
        scene.store.fail(Step::Grant, Failure::Error("cannot write access-2"));
    }
    let error = scene.permissions.grant(&scene.key, scene.set(response(2))).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!((error.to_string(), source), ("permission store failed".into(), "cannot write [redacted]".into()));
    // The old permission is still there.
    is(scene.access_token().await, 1);
}

#[tokio::test(start_paused = true)]
async fn permissions_are_listed_by_expiry() {
    let scene = scene().await;
    scene.clock.pass(1).await;
    scene.permissions.grant(&"second".into(), scene.set(response(2))).await.unwrap();
    let unknown = scene.set(json!({ "access_token": "access-3" }));
    scene.clock.pass(1).await;
    scene.permissions.grant(&"third".into(), unknown).await.unwrap();
    let list = scene.permissions.list(None, 10).await.unwrap();
    let keys: Vec<_> = list.iter().map(|permission| &*permission.key).collect();
    assert_eq!(keys, ["user", "second", "third"]);
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    let granted = scene.clock.now();
    assert_eq!(list[2].expires_at, granted.saturating_add(Duration::from_secs(3600)));
    assert_eq!(list[2].refresh_token_expires_at(), granted.saturating_add(days(30)));
    assert_eq!(scene.permissions.list(list.first(), 1).await.unwrap(), list[1..2]);
}
