use super::world::{World, four};
use crate::callers::Callers;

#[test]
fn the_same_again_within_half_a_minute_of_its_failure_is_a_retry() {
    let now = World::new(&four()).now;
    let mut callers = Callers::default();
    assert!(!callers.came("app", 7, false, now), "the first time");
    callers.failed(7, now);
    assert!(callers.came("app", 7, false, now.plus_ms(30_000)));
    assert!(!callers.came("app", 8, false, now.plus_ms(1_000)), "another body");
    assert!(!callers.came("app", 7, false, now.plus_ms(30_001)), "too long ago");
    assert!(callers.came("bot", 3, true, now), "its SDK says so");
    assert_eq!(callers.counts(now.plus_ms(31_000)), [("app".to_owned(), 1), ("bot".to_owned(), 1)]);
    assert_eq!(callers.counts(now.plus_ms(400_000)), [], "five minutes later nothing is left");
    callers.failed(9, now.plus_ms(400_000));
    assert!(!callers.came("app", 7, false, now.plus_ms(400_001)));
}
