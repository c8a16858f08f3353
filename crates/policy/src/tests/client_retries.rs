use super::world::{World, four};
use crate::client_retries::ClientRetries;

#[test]
fn the_same_again_within_half_a_minute_of_its_failure_is_a_retry() {
    let now = World::new(&four()).now;
    let mut client_retries = ClientRetries::default();
    assert!(!client_retries.came("app", 7, false, now), "the first time");
    client_retries.failed(7, now);
    assert!(client_retries.came("app", 7, false, now.plus_ms(30_000)));
    assert!(!client_retries.came("app", 8, false, now.plus_ms(1_000)), "another body");
    assert!(!client_retries.came("app", 7, false, now.plus_ms(30_001)), "too long ago");
    assert!(client_retries.came("bot", 3, true, now), "its SDK says so");
    assert_eq!(client_retries.counts(now.plus_ms(31_000)), [("app".to_owned(), 1), ("bot".to_owned(), 1)]);
    assert_eq!(client_retries.counts(now.plus_ms(400_000)), [], "five minutes later nothing is left");
    client_retries.failed(9, now.plus_ms(400_000));
    assert!(!client_retries.came("app", 7, false, now.plus_ms(400_001)));
}
