//! Faults of Divar, the store, the process and the clock lose no permission.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use kenar::tokens::TokensError;
use kenar::transport::TransportErrorKind;
use serde_json::json;
use tokio::time::Instant;

use super::scene::*;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.says_wait(30);
    for _ in 0..3 {
        let error = scene.access_token().await.map(drop).unwrap_err();
        let TokensError::Refresh(error) = error else { panic!("{error:?}") };
        assert_eq!(error.retry_after(), Some(30 * SECOND));
        scene.clock.pass(9).await;
    }
    scene.assert_refreshes(&[1]);
    scene.clock.pass(3).await;
    scene.gives(2);
    is(scene.access_token().await, 2);
    scene.assert_refreshes(&[1, 1]);
}

#[tokio::test(start_paused = true)]
async fn absurd_retry_after_is_capped() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.says_wait(u64::MAX);
    assert_err!(scene.access_token().await, TokensError::Refresh(_));
    scene.clock.pass(60).await;
    scene.gives(2);
    is(scene.access_token().await, 2);
}

#[tokio::test(start_paused = true)]
async fn retry_after_does_not_depend_on_the_time_of_day() {
    for jump in [-24 * HOUR, 24 * HOUR] {
        let scene = scene().await;
        scene.clock.pass(61).await;
        scene.says_wait(30);
        assert_err!(scene.replace(1).await, TokensError::Refresh(_));
        scene.clock.jump(jump);
        assert_err!(scene.replace(1).await, TokensError::Refresh(_));
        scene.assert_refreshes(&[1]);
        scene.clock.pass(30).await;
        scene.gives(2);
        is(scene.replace(1).await, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn refused_token_is_refreshed_after_a_clock_jump_back() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    is(scene.access_token().await, 2);
    scene.clock.jump(-24 * HOUR);
    scene.gives(3);
    is(scene.replace(2).await, 3);
}

#[tokio::test(start_paused = true)]
async fn lost_response_is_repeated_without_callers() {
    let scene = scene().await;
    scene.clock.pass(61).await;
    // Refused before it is due, so that its age causes no refresh.
    for kind in [TransportErrorKind::Interrupted, TransportErrorKind::Timeout, TransportErrorKind::Connect] {
        scene.mock.fail(kind);
    }
    scene.gives(2);
    let error = assert_err!(scene.replace(1).await, TokensError::Refresh(_));
    let TokensError::Refresh(error) = error else { unreachable!() };
    assert!(error.may_have_been_processed(), "{error:?}");
    let begun = Instant::now();
    scene.store.called().await;
    assert_eq!(begun.elapsed().as_secs(), 13);
    scene.permissions.settle().await;
    is(scene.access_token().await, 2);
    scene.assert_refreshes(&[1, 1, 1, 1]);
    assert_eq!(scene.store.stored(), ["access-2"]);
}

#[tokio::test(start_paused = true)]
async fn lost_response_is_repeated_despite_retry_after() {
    for seconds in [5, 60, 120, 86_400, u64::MAX] {
        let scene = scene().await;
        scene.clock.pass(HOUR).await;
        let begun = Instant::now();
        scene.mock.fail(TransportErrorKind::Interrupted);
        scene.says_wait(seconds);
        scene.says_wait(seconds);
        scene.gives(2);
        assert_err!(scene.access_token().await, TokensError::Refresh(_));
        scene.store.called().await;
        let took = begun.elapsed().as_secs();
        assert!(took <= 100, "Retry-After: {seconds}: new tokens came after {took} s");
        scene.permissions.settle().await;
        is(scene.access_token().await, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn repetition_ends_after_two_minutes_or_a_refusal() {
    for refused in [false, true] {
        let scene = scene().await;
        scene.clock.pass(HOUR).await;
        scene.mock.fail(TransportErrorKind::Timeout);
        if refused {
            scene.refuses(400, "invalid_grant");
        } else {
            (0..20).for_each(|_| scene.mock.fail(TransportErrorKind::Timeout));
        }
        // Two callers do not double the repetitions.
        scene.access_token().await.unwrap_err();
        scene.access_token().await.unwrap_err();
        tokio::time::sleep(HOUR as u32 * SECOND).await;
        assert_eq!(scene.mock.requests().len(), if refused { 2 } else { 7 });
        assert_eq!(scene.access_token().await.unwrap_err().needs_new_permission(), refused);
        assert_eq!(scene.mock.requests().len(), if refused { 2 } else { 8 });
    }
}

#[tokio::test(start_paused = true)]
async fn unstored_tokens_are_not_used_and_stored_later() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    scene.store.fail(Step::Replace, Failure::Error("cannot write access-2 over access-1"));
    scene.store.fail(Step::Replace, Failure::Error("down"));
    let askers: Vec<_> = (0..10).map(|_| scene.ask()).collect();
    for asker in askers {
        let error = assert_err!(asker.await.unwrap(), TokensError::Store(_));
        assert!(!error.needs_new_permission());
        assert_eq!(error.to_string(), "permission store failed");
        assert_eq!(error.source().unwrap().to_string(), "cannot write [redacted] over [redacted]");
    }
    let error = scene.access_token().await.unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "down");
    assert_eq!(scene.store.stored(), [""; 0]);
    is(scene.access_token().await, 2);
    scene.assert_refreshes(&[1]);

    // Without callers, too.
    scene.clock.pass(HOUR).await;
    scene.gives(3);
    scene.store.fail(Step::Replace, Failure::Error("down"));
    scene.access_token().await.unwrap_err();
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(scene.store.stored(), ["access-2", "access-3"]);
    scene.assert_refreshes(&[1, 2]);
}

#[tokio::test(start_paused = true)]
async fn unstored_tokens_are_kept_while_the_store_is_down() {
    let scene = scene().await;
    scene.clock.pass(61).await;
    scene.gives(2);
    for _ in 0..20 {
        scene.store.fail(Step::Replace, Failure::Error("down"));
    }
    assert_err!(scene.replace(1).await, TokensError::Store(_));
    tokio::time::sleep(1100 * SECOND).await;
    assert_eq!(scene.store.stored(), ["access-2"]);
    scene.permissions.settle().await;
    is(scene.access_token().await, 2);
    scene.assert_refreshes(&[1]);
}

#[tokio::test(start_paused = true)]
async fn lost_store_response_costs_no_tokens() {
    let scene = scene().await;
    for step in [Step::Lease, Step::Replace] {
        scene.permissions.grant(&scene.key, scene.set(response(1))).await.unwrap();
        scene.clock.pass(HOUR).await;
        scene.gives(2);
        scene.store.fail(step, Failure::ResponseLost);
        assert_err!(scene.access_token().await, TokensError::Store(_));
        let begun = Instant::now();
        is(scene.access_token().await, 2);
        assert!(begun.elapsed() < SECOND, "{step:?}: the process waited for its own lease");
    }
    scene.assert_refreshes(&[1, 1]);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_expired_before_storing_are_refreshed() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    for _ in 0..200 {
        scene.store.fail(Step::Replace, Failure::Error("down"));
    }
    assert_err!(scene.access_token().await, TokensError::Store(_));
    scene.gives(3);
    tokio::time::sleep(4 * HOUR as u32 * SECOND).await;
    is(scene.access_token().await, 3);
    scene.assert_refreshes(&[1, 2]);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_expire_at_once_are_an_error_not_a_loop() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    let dead = json!({ "access_token": "access-2", "refresh_token": "refresh-2", "expires_in": 1 });
    (0..100).for_each(|_| scene.store.fail(Step::Replace, Failure::Slow(3 * SECOND / 2)));
    (0..100).for_each(|_| scene.mock.respond_json(200, &dead));
    let oauth = oauth(&scene.clock, &scene.mock);
    let permissions = oauth.permissions_builder(scene.store.clone()).wait_limit(60 * SECOND).build();
    assert_err!(permissions.access_token(&scene.key).await, TokensError::Expired);
    let refreshes = scene.mock.requests().len();
    assert!(refreshes < 10, "{refreshes} refreshes for one call");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_refreshed_if_the_store_cannot_be_read() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    for _ in 0..5 {
        scene.store.fail(Step::Read, Failure::Error("the database is down"));
        let error = scene.access_token().await.unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "the database is down");
    }
    scene.assert_refreshes(&[]);
    scene.gives(2);
    is(scene.access_token().await, 2);
}

#[tokio::test(start_paused = true)]
async fn good_token_is_used_while_the_store_is_down() {
    for failure in [Failure::Error("down"), Failure::Hang] {
        let scene = scene().await;
        (0..100).for_each(|_| scene.store.fail(Step::Read, failure));
        let begun = Instant::now();
        for _ in 0..100 {
            is(scene.access_token().await, 1);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let waited = begun.elapsed() - 10 * SECOND;
        assert!(waited <= 5 * SECOND / 2, "100 calls waited for {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_store_call_times_out() {
    for step in [Step::Read, Step::Lease, Step::Replace] {
        let scene = scene().await;
        scene.clock.pass(HOUR).await;
        scene.gives(2);
        scene.store.fail(step, Failure::Hang);
        let begun = Instant::now();
        let askers: Vec<_> = (0..10).map(|_| scene.ask()).collect();
        for asker in askers {
            let error = assert_err!(asker.await.unwrap(), TokensError::Store(_));
            assert_eq!(
                error.source().unwrap().to_string(),
                "timed out after 2s: no response from the permission store"
            );
        }
        assert_eq!(begun.elapsed().as_secs(), 2, "{step:?}");
        is(scene.access_token().await, 2);
        scene.assert_refreshes(&[1]);
    }
    let scene = scene().await;
    (0..3).for_each(|_| scene.store.fail(Step::Grant, Failure::Hang));
    (0..3).for_each(|_| scene.store.fail(Step::Delete, Failure::Hang));
    let tokens = scene.set(response(2));
    assert!(matches!(scene.permissions.grant(&scene.key, tokens).await, Err(TokensError::Store(_))));
    assert!(matches!(scene.permissions.forget(&scene.key).await, Err(TokensError::Store(_))));
}

#[tokio::test(start_paused = true)]
async fn wait_limit_bounds_a_call() {
    let scene = scene().await;
    let other = scene.other_process();
    is(other.access_token(&scene.key).await, 1);
    scene.clock.pass(HOUR).await;
    // Another process has the lease, and does nothing.
    scene.gives(2);
    scene.store.close_gate().await;
    let asker = scene.ask();
    scene.store.called().await;
    let begun = Instant::now();
    assert_err!(other.access_token(&scene.key).await, TokensError::TimedOut);
    assert_eq!(begun.elapsed().as_secs(), 5);
    scene.store.open_gate();
    asker.abort();
}

#[tokio::test(start_paused = true)]
async fn panic_of_the_store_loses_no_tokens() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    scene.store.fail(Step::Replace, Failure::Panic);
    let askers: Vec<_> = (0..10).map(|_| scene.ask()).collect();
    for asker in askers {
        let error = assert_err!(asker.await.unwrap(), TokensError::Cancelled);
        assert!(!error.needs_new_permission());
    }
    // Without callers.
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(scene.store.stored(), ["access-2"]);
    is(scene.access_token().await, 2);
    scene.assert_refreshes(&[1]);
}

#[test]
fn runtime_that_is_shut_down_takes_no_tokens_with_it() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let scene = second.block_on(scene());
    scene.clock.jump(HOUR);
    scene.gives(2);
    second.block_on(scene.store.close_gate());
    // Refreshes in a runtime that is shut down between Divar's response and the write.
    let (permissions, key) = (scene.permissions.clone(), scene.key.clone());
    first.spawn(async move { permissions.access_token(&key).await });
    second.block_on(scene.store.called());
    let mut waits = Box::pin(scene.access_token());
    second.block_on(async {
        tokio::select! {
            biased;
            outcome = &mut waits => panic!("{:?}", outcome.map(drop)),
            () = std::future::ready(()) => {}
        }
    });
    first.shutdown_timeout(60 * SECOND);
    assert_err!(second.block_on(waits), TokensError::Cancelled);

    scene.store.open_gate();
    is(second.block_on(scene.access_token()), 2);
    scene.assert_refreshes(&[1]);
}

#[tokio::test(start_paused = true)]
async fn settle_waits_for_running_work() {
    let scene = scene().await;
    scene.permissions.settle().await;
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    scene.store.fail(Step::Replace, Failure::Error("down"));
    assert_err!(scene.access_token().await, TokensError::Store(_));
    // The pause of one second ends early.
    let begun = Instant::now();
    scene.permissions.settle().await;
    assert_eq!((scene.store.stored(), begun.elapsed()), (vec!["access-2".to_owned()], Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded() {
    let scene = scene().await;
    let permissions =
        oauth(&scene.clock, &scene.mock).permissions_builder(scene.store.clone()).max_in_memory(100).build();
    let in_memory = || {
        let text = format!("{permissions:?}");
        let number = text.split("in_memory: ").nth(1).unwrap().split(',').next().unwrap().to_owned();
        number.parse::<usize>().unwrap()
    };
    for number in 0..1000 {
        permissions.grant(&format!("user-{number}").into(), scene.set(response(number))).await.unwrap();
        assert!(in_memory() <= 100, "{}", in_memory());
    }
    assert!(in_memory() > 80, "{}", in_memory());
    // A dropped entry is read again.
    is(permissions.access_token(&"user-0".into()).await, 0);
    // An entry is dropped after an hour without use.
    scene.clock.pass(HOUR).await;
    assert_err!(permissions.access_token(&"nobody".into()).await, TokensError::NotStored);
    assert_eq!(in_memory(), 1);
}

#[tokio::test(start_paused = true)]
async fn unstored_tokens_are_not_dropped_from_memory() {
    let scene = scene().await;
    let permissions =
        oauth(&scene.clock, &scene.mock).permissions_builder(scene.store.clone()).max_in_memory(1).build();
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    scene.store.fail(Step::Replace, Failure::Error("down"));
    assert_err!(permissions.access_token(&scene.key).await, TokensError::Store(_));
    for number in 3..50 {
        permissions.grant(&format!("user-{number}").into(), scene.set(response(number))).await.unwrap();
    }
    is(permissions.access_token(&scene.key).await, 2);
    scene.assert_refreshes(&[1]);
}

#[tokio::test(start_paused = true)]
async fn debug_shows_no_tokens() {
    let scene = scene().await;
    is(scene.access_token().await, 1);
    let record = scene.store.record("user").await.unwrap();
    let shown = format!("{:?} {record:?}", scene.permissions);
    assert!(!shown.contains("access-1") && !shown.contains("refresh-1"), "{shown}");
    let _ = Arc::new(record);
}
