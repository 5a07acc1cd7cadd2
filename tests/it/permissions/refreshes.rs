//! The time of a refresh, and the tokens that callers get meanwhile.

use std::time::Duration;

use kenar::error::ErrorKind;
use kenar::tokens::TokensError;
use kenar::transport::TransportErrorKind;
use serde_json::json;

use super::scene::*;

#[tokio::test(start_paused = true)]
async fn valid_token_is_returned_unchanged() {
    let scene = scene().await;
    for _ in 0..HOUR - 61 {
        is(scene.access_token().await, 1);
        scene.clock.pass(1).await;
    }
    is(scene.access_token().await, 1);
    scene.assert_refreshes(&[]);
}

#[tokio::test(start_paused = true)]
async fn valid_token_costs_at_most_one_read_per_second() {
    let scene = scene().await;
    for _ in 0..1000 {
        is(scene.access_token().await, 1);
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    let reads = scene.store.count(Step::Read);
    assert!((9..=10).contains(&reads), "{reads} reads in 10 seconds");
}

#[tokio::test(start_paused = true)]
async fn due_token_is_used_during_its_refresh() {
    let scene = scene().await;
    scene.clock.pass(HOUR - 59).await;
    scene.gives(2);
    scene.store.close_gate().await;
    is(scene.access_token().await, 1);
    scene.store.called().await;
    is(scene.access_token().await, 1);
    scene.store.open_gate();
    scene.permissions.settle().await;
    is(scene.access_token().await, 2);
    scene.assert_refreshes(&[1]);
}

#[tokio::test(start_paused = true)]
async fn expired_token_is_refreshed_once_for_all_callers() {
    let scene = scene().await;
    for number in 2..5 {
        scene.clock.pass(HOUR).await;
        scene.gives(number);
        let askers: Vec<_> = (0..100).map(|_| scene.ask()).collect();
        for asker in askers {
            is(asker.await.unwrap(), number);
        }
    }
    scene.assert_refreshes(&[1, 2, 3]);
    assert_eq!(scene.store.stored(), ["access-2", "access-3", "access-4"]);
}

#[tokio::test(start_paused = true)]
async fn new_tokens_are_stored_before_they_are_used() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    scene.store.close_gate().await;
    let askers: Vec<_> = (0..10).map(|_| scene.ask()).collect();
    scene.store.called().await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(askers.iter().all(|asker| !asker.is_finished()), "a caller got tokens that are not stored");

    scene.store.open_gate();
    for asker in askers {
        is(asker.await.unwrap(), 2);
        assert_eq!(scene.store.stored(), ["access-2"]);
    }
}

#[tokio::test(start_paused = true)]
async fn refresh_continues_when_all_callers_are_dropped() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    scene.store.close_gate().await;
    let (first, second) = (scene.ask(), scene.ask());
    scene.store.called().await;
    first.abort();
    second.abort();
    assert!(first.await.unwrap_err().is_cancelled() && second.await.unwrap_err().is_cancelled());

    scene.store.open_gate();
    is(scene.access_token().await, 2);
    scene.assert_refreshes(&[1]);
    assert_eq!(scene.store.stored(), ["access-2"]);
}

#[tokio::test(start_paused = true)]
async fn refused_token_is_refreshed_once_for_all_reporters() {
    let scene = scene().await;
    scene.clock.pass(61).await;
    scene.gives(2);
    let reporters: Vec<_> = (0..50)
        .map(|_| {
            let (permissions, key) = (scene.permissions.clone(), scene.key.clone());
            tokio::spawn(async move { permissions.replace(&key, &token(1)).await })
        })
        .collect();
    for reporter in reporters {
        is(reporter.await.unwrap(), 2);
    }
    // Much later, the old one is reported.
    scene.clock.pass(HOUR / 2).await;
    is(scene.replace(1).await, 2);
    scene.assert_refreshes(&[1]);
}

#[tokio::test(start_paused = true)]
async fn refused_token_is_not_returned_to_its_reporter() {
    let scene = scene().await;
    scene.clock.pass(61).await;
    let other = scene.other_process();
    // Nothing is in memory yet: both wait for the read.
    scene.gives(2);
    let ask = other.access_token(&scene.key);
    let refused = token(1);
    let report = other.replace(&scene.key, &refused);
    let (asked, reported) = tokio::join!(ask, report);
    is(asked, 1);
    is(reported, 2);
    scene.assert_refreshes(&[1]);
}

#[tokio::test(start_paused = true)]
async fn refused_new_token_is_not_refreshed_again() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    is(scene.access_token().await, 2);
    scene.clock.pass(59).await;
    for _ in 0..3 {
        let error = assert_err!(scene.replace(2).await, TokensError::RefusedAfterRefresh);
        assert!(!error.needs_new_permission());
        // Not by another process, either.
        let other = scene.other_process();
        assert_err!(other.replace(&scene.key, &token(2)).await, TokensError::RefusedAfterRefresh);
    }
    is(scene.access_token().await, 2);
    scene.assert_refreshes(&[1]);

    scene.clock.pass(1).await;
    scene.gives(3);
    is(scene.replace(2).await, 3);
    scene.assert_refreshes(&[1, 2]);
}

#[tokio::test(start_paused = true)]
async fn failed_refresh_is_reported_to_all_and_retried() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.mock.fail(TransportErrorKind::Connect);
    let askers: Vec<_> = (0..100).map(|_| scene.ask()).collect();
    for asker in askers {
        let error = assert_err!(asker.await.unwrap(), TokensError::Refresh(_));
        assert!(!error.needs_new_permission());
        let TokensError::Refresh(error) = error else { unreachable!() };
        assert_eq!(error.kind(), ErrorKind::Connect);
    }
    scene.assert_refreshes(&[1]);

    scene.gives(2);
    is(scene.access_token().await, 2);
    scene.assert_refreshes(&[1, 1]);
}

#[tokio::test(start_paused = true)]
async fn old_token_is_used_while_refreshes_fail() {
    let scene = scene().await;
    for _ in 0..40 {
        scene.mock.fail(TransportErrorKind::Connect);
    }
    scene.clock.pass(HOUR - 60).await;
    for _ in 0..59 {
        is(scene.access_token().await, 1);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let tried = scene.mock.requests().len();
    assert!((10..=60).contains(&tried), "{tried} refreshes in a minute");

    // But not by a caller that reports it.
    assert_err!(scene.replace(1).await, TokensError::Refresh(_));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_err!(scene.access_token().await, TokensError::Refresh(_));
}

#[tokio::test(start_paused = true)]
async fn revoked_permission_is_not_refreshed_again() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.refuses(400, "invalid_grant");
    for _ in 0..5 {
        let askers: Vec<_> = (0..10).map(|_| scene.ask()).collect();
        for asker in askers {
            let error = assert_err!(asker.await.unwrap(), TokensError::Refresh(error) if error.is_invalid_grant());
            assert!(error.needs_new_permission());
        }
        assert!(scene.replace(1).await.unwrap_err().needs_new_permission());
        scene.clock.pass(HOUR).await;
    }
    scene.assert_refreshes(&[1]);

    scene.permissions.grant(&scene.key, scene.set(response(7))).await.unwrap();
    is(scene.access_token().await, 7);
    scene.clock.pass(HOUR).await;
    scene.gives(8);
    is(scene.access_token().await, 8);
    scene.assert_refreshes(&[1, 7]);
}

#[tokio::test(start_paused = true)]
async fn revoked_permission_ends_before_its_token_expires() {
    let scene = scene().await;
    scene.clock.pass(61).await;
    scene.refuses(400, "invalid_grant");
    for _ in 0..3 {
        assert!(scene.replace(1).await.unwrap_err().needs_new_permission());
        assert!(scene.access_token().await.unwrap_err().needs_new_permission());
    }
    scene.assert_refreshes(&[1]);
}

#[tokio::test(start_paused = true)]
async fn token_without_refresh_token_is_used_until_expiry() {
    let scene = scene_with(json!({ "access_token": "access-1", "expires_in": HOUR })).await;
    is(scene.access_token().await, 1);
    scene.clock.pass(HOUR - 1).await;
    is(scene.access_token().await, 1);
    let refused = scene.replace(1).await.map(drop).unwrap_err();
    scene.clock.pass(1).await;
    let expired = scene.access_token().await.map(drop).unwrap_err();
    for error in [refused, expired] {
        assert!(matches!(error, TokensError::NoRefreshToken) && error.needs_new_permission(), "{error:?}");
    }
    scene.assert_refreshes(&[]);
}

#[tokio::test(start_paused = true)]
async fn token_of_unknown_age_is_refreshed_when_refused() {
    let scene = scene_with(json!({ "access_token": "access-1", "refresh_token": "refresh-1" })).await;
    scene.clock.pass(24 * HOUR).await;
    is(scene.access_token().await, 1);
    scene.mock.respond_json(200, &json!({ "access_token": "access-2", "refresh_token": "refresh-2" }));
    is(scene.replace(1).await, 2);
    scene.clock.pass(24 * HOUR).await;
    is(scene.access_token().await, 2);
    scene.assert_refreshes(&[1]);
}

#[tokio::test(start_paused = true)]
async fn missing_permission_is_reported_until_it_is_granted() {
    let scene = scene_without_permission();
    for _ in 0..2 {
        let error = assert_err!(scene.access_token().await, TokensError::NotStored);
        assert!(error.needs_new_permission());
        assert_err!(scene.replace(1).await, TokensError::NotStored);
    }
    scene.permissions.grant(&scene.key, scene.set(response(1))).await.unwrap();
    is(scene.access_token().await, 1);
}
