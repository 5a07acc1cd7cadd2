use super::*;

#[test]
fn delay_doubles_up_to_the_longest() {
    let settings = InboxSettings::default();
    let delays: Vec<u64> = [1, 2, 3, 10, 11, 15, 32, 33, u32::MAX].map(|n| settings.delay_after(n).as_secs()).into();
    assert_eq!(delays, [1, 2, 4, 512, 600, 600, 600, 600, 600]);
}
