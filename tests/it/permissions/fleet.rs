//! Several processes with one store: one refreshes, and another takes over if it dies.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kenar::secret::AccessToken;
use kenar::tokens::{KeepAlive, Permissions, TokensError};
use kenar::transport::TransportErrorKind;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::scene::*;

const SECOND: Duration = Duration::from_secs(1);

/// Runs a process for a time and drops it.
async fn dies_after(time: Duration, process: impl Future) {
    assert!(tokio::time::timeout(time, process).await.is_err(), "the process ended by itself");
}

/// A refresh to tokens 2 whose write takes so long that the others break the lease.
async fn slow_refresh(scene: &Scene, takes: Duration) -> JoinHandle<Result<AccessToken, TokensError>> {
    scene.gives(2);
    scene.store.fail(Step::Replace, Failure::Slow(takes));
    let (slow, key) = (scene.patient_process(), scene.key.clone());
    let asker = tokio::spawn(async move { slow.access_token(&key).await });
    scene.store.called().await;
    asker
}

#[tokio::test(start_paused = true)]
async fn fleet_refreshes_once() {
    let scene = scene().await;
    let processes: Vec<_> = (0..8).map(|_| scene.other_process()).collect();
    for number in 2..5 {
        scene.clock.pass(HOUR).await;
        scene.gives(number);
        let askers: Vec<_> = processes
            .iter()
            .map(|process| {
                let (process, key) = (process.clone(), scene.key.clone());
                tokio::spawn(async move { process.access_token(&key).await })
            })
            .collect();
        for asker in askers {
            is(asker.await.unwrap(), number);
        }
    }
    scene.assert_refreshes(&[1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn fleet_replaces_a_refused_token_once() {
    let scene = scene().await;
    scene.clock.pass(61).await;
    let (first, second) = (scene.other_process(), scene.other_process());
    scene.gives(2);
    is(first.replace(&scene.key, &token(1)).await, 2);
    is(second.replace(&scene.key, &token(1)).await, 2);
    scene.assert_refreshes(&[1]);
}

#[tokio::test(start_paused = true)]
async fn keep_alive_takes_over_from_a_dead_process() {
    let scene = scene().await;
    let survivor = scene.other_process();
    tokio::spawn(async move { survivor.keep_alive(KeepAlive::AccessTokens).await });
    scene.clock.pass(61).await;
    // Divar refreshes, and the process dies before it stores the tokens. There are no callers.
    scene.gives(2);
    scene.store.fail(Step::Replace, Failure::Hang);
    let dying = scene.patient_process();
    let begun = Instant::now();
    dies_after(SECOND, dying.replace(&scene.key, &token(1))).await;
    scene.gives(3);
    scene.store.called().await;
    scene.store.called().await;
    let took = begun.elapsed().as_secs();
    assert!(took <= 60, "the refresh was repeated after {took} s");
    tokio::time::sleep(SECOND).await;
    is(scene.access_token().await, 3);
    scene.assert_refreshes(&[1, 1]);
}

#[tokio::test(start_paused = true)]
async fn caller_takes_over_from_a_dead_process() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    scene.store.fail(Step::Replace, Failure::Hang);
    let dying = scene.patient_process();
    dies_after(SECOND, dying.access_token(&scene.key)).await;
    scene.gives(3);
    let begun = Instant::now();
    let outcome = loop {
        match scene.access_token().await {
            Err(TokensError::TimedOut) => {}
            outcome => break outcome,
        }
    };
    is(outcome, 3);
    let took = begun.elapsed().as_secs();
    assert!((15..=20).contains(&took), "the lease was broken after {took} s");
}

#[tokio::test(start_paused = true)]
async fn late_write_does_not_replace_a_later_refresh() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    let slow_asker = slow_refresh(&scene, 40 * SECOND).await;
    scene.gives(3);
    while let Err(TokensError::TimedOut) = scene.access_token().await {}
    is(scene.access_token().await, 3);
    is(slow_asker.await.unwrap(), 3);
    assert_eq!(scene.store.stored(), ["access-3"]);
    is(scene.other_process().access_token(&scene.key).await, 3);
}

#[tokio::test(start_paused = true)]
async fn late_write_is_kept_if_the_later_refresh_fails() {
    let scene = scene().await;
    scene.clock.pass(HOUR).await;
    let slow_asker = slow_refresh(&scene, 60 * SECOND).await;
    // The other process breaks the lease, and its refreshes fail.
    for _ in 0..20 {
        scene.mock.fail(TransportErrorKind::Connect);
    }
    while let Err(TokensError::TimedOut) = scene.access_token().await {}
    is(slow_asker.await.unwrap(), 2);
    assert_eq!(scene.store.stored(), ["access-2"]);
}

#[tokio::test(start_paused = true)]
async fn access_tokens_are_kept_alive_without_callers() {
    let scene = scene().await;
    for number in 2..30 {
        scene.gives(number);
    }
    let processes = [scene.other_process(), scene.other_process()];
    for process in processes {
        tokio::spawn(async move { process.keep_alive(KeepAlive::AccessTokens).await });
    }
    for hour in 1..20_u32 {
        tokio::time::sleep(HOUR as u32 * SECOND - 60 * SECOND).await;
        tokio::time::sleep(20 * SECOND).await;
        let requests = scene.mock.requests().len();
        assert!(requests >= hour as usize, "hour {hour}: refreshed {requests} times");
        let stored = scene.store.record("user").await.unwrap();
        assert!(stored.value.expires_at() > scene.clock.now(), "hour {hour}: the token has expired");
        tokio::time::sleep(5 * SECOND).await;
    }
    let refreshes: Vec<_> = (1..=scene.mock.requests().len() as u32).collect();
    scene.assert_refreshes(&refreshes);
}

#[tokio::test(start_paused = true)]
async fn refresh_tokens_are_kept_alive_without_callers() {
    let scene = scene().await;
    let without = json!({ "access_token": "access-0", "expires_in": HOUR });
    scene.permissions.grant(&"without refresh token".into(), scene.set(without)).await.unwrap();
    for number in 2..10 {
        scene.gives(number);
    }
    let process = scene.other_process();
    tokio::spawn(async move { process.keep_alive(KeepAlive::RefreshTokens).await });
    for (days, refreshes) in [(24, &[][..]), (2, &[1]), (26, &[1, 2])] {
        scene.clock.jump(days * 24 * HOUR);
        tokio::time::sleep(20 * SECOND).await;
        scene.assert_refreshes(refreshes);
    }
}

#[tokio::test(start_paused = true)]
async fn short_lived_token_is_kept_alive_from_half_its_life() {
    let scene = scene_with(json!({ "access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 60 })).await;
    let process = scene.permissions.clone();
    tokio::spawn(async move { process.keep_alive(KeepAlive::AccessTokens).await });
    tokio::time::sleep(29 * SECOND).await;
    assert_eq!(scene.store.count(Step::Read), 0, "nothing is read before the token is due");
    scene.gives(2);
    tokio::time::sleep(2 * SECOND).await;
    scene.assert_refreshes(&[1]);
}

#[tokio::test(start_paused = true)]
async fn unstated_lifetime_counts_as_an_hour_to_keep_alive() {
    let first = json!({ "access_token": "access-1", "refresh_token": "refresh-1" });
    for (what, lifetime) in [(KeepAlive::AccessTokens, HOUR), (KeepAlive::RefreshTokens, 25 * 24 * HOUR)] {
        let scene = scene_with(first.clone()).await;
        let process = scene.other_process();
        tokio::spawn(async move { process.keep_alive(what).await });
        scene.clock.jump(lifetime - 80);
        tokio::time::sleep(19 * SECOND).await;
        scene.assert_refreshes(&[]);
        scene.gives(2);
        tokio::time::sleep(80 * SECOND).await;
        scene.assert_refreshes(&[1]);
    }
}

/// The access tokens that a hook got, and the number of its next failures.
#[derive(Clone, Default)]
struct Hooked(Arc<(Mutex<Vec<String>>, AtomicUsize)>);

impl Hooked {
    fn tokens(&self) -> Vec<String> {
        self.0.0.lock().unwrap().clone()
    }

    fn hook(&self, scene: &Scene) -> Permissions {
        let (hooked, store) = (self.clone(), scene.store.clone());
        let hook = move |key: kenar::tokens::PermissionKey, tokens: kenar::oauth::TokenSet| {
            let (hooked, store) = (hooked.clone(), store.clone());
            async move {
                let stored = store.record(key.as_str()).await.expect("the hook runs after the tokens are stored");
                let token = tokens.access_token.expose_secret().to_owned();
                assert_eq!(access_token(&stored.value), token, "the hook runs after the tokens are stored");
                hooked.0.0.lock().unwrap().push(token);
                let failures = &hooked.0.1;
                match failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
                    Ok(_) => Err("cannot subscribe".into()),
                    Err(_) => Ok(()),
                }
            }
        };
        oauth(&scene.clock, &scene.mock).permissions_builder(scene.store.clone()).on_refresh(hook).build()
    }
}

#[tokio::test(start_paused = true)]
async fn hook_runs_once_after_each_refresh() {
    let (scene, hooked) = (scene().await, Hooked::default());
    let permissions = hooked.hook(&scene);
    for number in 2..5 {
        scene.clock.pass(HOUR).await;
        scene.gives(number);
        is(permissions.access_token(&scene.key).await, number);
        permissions.settle().await;
    }
    // Reads and grants do not run the hook.
    permissions.grant(&scene.key, scene.set(response(7))).await.unwrap();
    is(hooked.hook(&scene).access_token(&scene.key).await, 7);
    assert_eq!(hooked.tokens(), ["access-2", "access-3", "access-4"]);
    assert_eq!(scene.store.record("user").await.unwrap().lease, None);
}

#[tokio::test(start_paused = true)]
async fn failed_hook_is_retried_within_two_minutes() {
    let (scene, hooked) = (scene().await, Hooked::default());
    hooked.0.1.store(3, Ordering::Relaxed);
    let permissions = hooked.hook(&scene);
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    is(permissions.access_token(&scene.key).await, 2);
    tokio::time::sleep(120 * SECOND).await;
    assert_eq!(hooked.tokens(), ["access-2"; 4]);
    assert_eq!(scene.store.record("user").await.unwrap().lease, None);
    scene.assert_refreshes(&[1]);
}

#[tokio::test(start_paused = true)]
async fn hook_that_panics_or_hangs_delays_no_call() {
    let scene = scene().await;
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let hook = move |_, _| {
        let run = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            match run {
                0 => panic!("a panic of the hook, on purpose"),
                1 => std::future::pending().await,
                _ => Ok(()),
            }
        }
    };
    let permissions =
        oauth(&scene.clock, &scene.mock).permissions_builder(scene.store.clone()).on_refresh(hook).build();
    scene.clock.pass(HOUR).await;
    scene.gives(2);
    let begun = Instant::now();
    is(permissions.access_token(&scene.key).await, 2);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(runs.load(Ordering::Relaxed), 3);
    assert_eq!(scene.store.record("user").await.unwrap().lease, None);
}

#[tokio::test(start_paused = true)]
async fn hook_of_a_dead_process_runs_in_another() {
    let (scene, hooked) = (scene().await, Hooked::default());
    let survivor = hooked.hook(&scene);
    tokio::spawn(async move { survivor.keep_alive(KeepAlive::AccessTokens).await });
    scene.clock.pass(61).await;
    // Dies in the hook: the tokens are stored, but the subscription is not renewed.
    let store = scene.store.for_another_process();
    (0..10).for_each(|_| store.fail(Step::Release, Failure::Hang));
    let dying =
        oauth(&scene.clock, &scene.mock).permissions_builder(store).on_refresh(|_, _| std::future::pending()).build();
    scene.gives(2);
    is(dying.replace(&scene.key, &token(1)).await, 2);
    assert!(scene.store.record("user").await.unwrap().lease.is_some());
    scene.gives(3);
    tokio::time::sleep(90 * SECOND).await;
    assert_eq!(hooked.tokens(), ["access-3"]);
    scene.assert_refreshes(&[1, 2]);
}
