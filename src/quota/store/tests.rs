use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(seconds * 1_000_000).unwrap()
}

fn limits(per_minute: u32, per_day: u32) -> QuotaLimits {
    QuotaLimits::new(NonZeroU32::new(per_minute), NonZeroU32::new(per_day)).day_offset_seconds(3600)
}

#[test]
fn minute_is_a_sliding_window() {
    let state = QuotaState { minute_ago: Some(at(100)), ..QuotaState::default() };
    assert_eq!(limits(5, 0).next_call(at(110), &state), at(160));
    assert_eq!(limits(5, 0).next_call(at(160), &state), at(160));
    assert_eq!(limits(5, 0).next_call(at(170), &state), at(170));
    assert_eq!(limits(0, 5).next_call(at(110), &state), at(110), "no limit per minute");
}

#[test]
fn day_ends_at_midnight_of_its_zone() {
    let ten = 10 * 86_400;
    assert_eq!((limits(0, 1).day(at(ten - 3601)), limits(0, 1).day(at(ten - 3600))), (9, 10));
    let state = QuotaState { day: 9, calls_in_day: 5, ..QuotaState::default() };
    assert_eq!(limits(0, 6).next_call(at(ten - 5000), &state), at(ten - 5000));
    assert_eq!(limits(0, 5).next_call(at(ten - 5000), &state), at(ten - 3600));
    assert_eq!(limits(0, 5).next_call(at(ten), &state), at(ten), "the next day has its own calls");
}

#[test]
fn call_reserved_for_tomorrow_delays_later_ones() {
    let midnight = 10 * 86_400 - 3600;
    let state = QuotaState { day: 10, calls_in_day: 1, ..QuotaState::default() };
    assert_eq!(limits(0, 5).next_call(at(midnight - 30), &state), at(midnight));
}

#[test]
fn pause_delays_every_call() {
    let state = QuotaState { paused_until: Some(at(500)), ..QuotaState::default() };
    assert_eq!(QuotaLimits::new(None, None).next_call(at(100), &state), at(500));
}

#[test]
fn clock_set_back_locks_nothing() {
    let now = 1_000_000;
    let later = at(now + 90_000);
    let state = QuotaState { paused_until: Some(later), minute_ago: Some(later), day: 500, calls_in_day: 9 };
    assert_eq!(limits(5, 5).next_call(at(now), &state), at(now));
}
