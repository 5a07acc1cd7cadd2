use std::num::NonZeroU32;
use std::time::Duration;

use kenar::model::Timestamp;
use kenar::quota::{QuotaLimits, QuotaStore, Reservation};

const MINUTE: Duration = Duration::from_secs(60);
const HALF_A_DAY: Duration = Duration::from_secs(43_200);

/// Checks the contract of [`QuotaStore`] with an empty store.
///
/// # Panics
///
/// If the store fails or violates a rule, which the message names.
pub async fn check_quota(store: &impl QuotaStore) {
    calls_per_minute_are_limited(store).await;
    calls_per_day_are_limited(store).await;
    pause_delays_calls(store).await;
    names_are_counted_apart(store).await;
    concurrent_calls_are_all_counted(store).await;
}

/// Limits whose day began 12 hours ago.
fn limits(per_minute: u32, per_day: u32) -> QuotaLimits {
    let seconds_of_day = Timestamp::now().unix_micros().div_euclid(1_000_000).rem_euclid(86_400);
    let offset = 43_200 - i32::try_from(seconds_of_day).unwrap();
    QuotaLimits::new(NonZeroU32::new(per_minute), NonZeroU32::new(per_day)).day_offset_seconds(offset)
}

async fn reserve(store: &impl QuotaStore, name: &str, limits: &QuotaLimits, max_wait: Duration) -> Reservation {
    store.reserve(name, limits, max_wait).await.unwrap()
}

async fn granted_at_once(store: &impl QuotaStore, name: &str, limits: &QuotaLimits) {
    let reservation = reserve(store, name, limits, Duration::ZERO).await;
    assert_eq!(reservation, Reservation::Granted(Duration::ZERO), "{name}: a call within the limits");
}

async fn refused(store: &impl QuotaStore, name: &str, limits: &QuotaLimits, max_wait: Duration) -> Duration {
    match reserve(store, name, limits, max_wait).await {
        Reservation::Refused(wait) => wait,
        Reservation::Granted(wait) => panic!("{name}: a call beyond the limits was granted after {wait:?}"),
    }
}

/// Returns `true` if a wait is this long, less the time of the check itself.
fn is_about(wait: Duration, expected: Duration) -> bool {
    wait <= expected && expected - wait < Duration::from_secs(40)
}

async fn calls_per_minute_are_limited(store: &impl QuotaStore) {
    let (name, limits) = ("minute", limits(3, 0));
    for _ in 0..3 {
        granted_at_once(store, name, &limits).await;
    }
    for _ in 0..2 {
        let wait = refused(store, name, &limits, Duration::ZERO).await;
        assert!(is_about(wait, MINUTE), "a refused call is possible within a minute: {wait:?}");
    }
    for minutes in [1, 1, 1, 2] {
        let Reservation::Granted(wait) = reserve(store, name, &limits, QuotaLimits::MAX_WAIT).await else {
            panic!("a call is granted ahead");
        };
        assert!(is_about(wait, MINUTE * minutes), "three calls in each minute: {wait:?} for {minutes}");
    }
    for _ in 0..30 {
        reserve(store, name, &limits, Duration::MAX).await;
    }
    let wait = refused(store, name, &limits, Duration::MAX).await;
    assert!(wait > QuotaLimits::MAX_WAIT, "no call is reserved further ahead than `MAX_WAIT`: {wait:?}");
}

async fn calls_per_day_are_limited(store: &impl QuotaStore) {
    let (name, limits) = ("day", limits(0, 2));
    granted_at_once(store, name, &limits).await;
    granted_at_once(store, name, &limits).await;
    let wait = refused(store, name, &limits, QuotaLimits::MAX_WAIT).await;
    assert!(is_about(wait, HALF_A_DAY), "the next day begins in 12 hours: {wait:?}");
    let tomorrow = limits.day_offset_seconds(i32::try_from(limits.day_offset_micros() / 1_000_000).unwrap() + 86_400);
    granted_at_once(store, name, &tomorrow).await;
    granted_at_once(store, name, &tomorrow).await;
    refused(store, name, &tomorrow, Duration::ZERO).await;
}

async fn pause_delays_calls(store: &impl QuotaStore) {
    let (name, limits) = ("pause", limits(100, 100));
    granted_at_once(store, name, &limits).await;
    store.pause(name, MINUTE * 5).await.unwrap();
    store.pause(name, Duration::ZERO).await.unwrap();
    let wait = refused(store, name, &limits, MINUTE).await;
    assert!(is_about(wait, MINUTE * 5), "a pause is not shortened: {wait:?}");
    let Reservation::Granted(wait) = reserve(store, name, &limits, MINUTE * 6).await else {
        panic!("a call is granted after the pause");
    };
    assert!(is_about(wait, MINUTE * 5), "{wait:?}");
    store.pause(name, Duration::MAX).await.unwrap();
    let wait = refused(store, name, &limits, Duration::MAX).await;
    assert!(is_about(wait, QuotaLimits::MAX_PAUSE), "a pause is bounded: {wait:?}");
    store.pause("unused", MINUTE).await.unwrap();
    refused(store, "unused", &limits, Duration::ZERO).await;
}

async fn names_are_counted_apart(store: &impl QuotaStore) {
    let limits = limits(1, 1);
    for name in ["one", "another", "سومین :*?"] {
        granted_at_once(store, name, &limits).await;
        refused(store, name, &limits, Duration::ZERO).await;
    }
}

async fn concurrent_calls_are_all_counted(store: &impl QuotaStore) {
    let limits = limits(20, 0);
    let mut calls: Vec<_> = (0..50).map(|_| store.reserve("concurrent", &limits, Duration::ZERO)).collect();
    let mut granted = 0;
    let mut left = calls.len();
    std::future::poll_fn(|context| {
        calls.retain_mut(|call| match call.as_mut().poll(context) {
            std::task::Poll::Ready(reservation) => {
                granted += usize::from(reservation.unwrap() == Reservation::Granted(Duration::ZERO));
                left -= 1;
                false
            }
            std::task::Poll::Pending => true,
        });
        if left == 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    assert_eq!(granted, 20, "as many concurrent calls as the limit are granted");
}
