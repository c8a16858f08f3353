//! How often people are interrupted: the same thing is not said twice within a minute.
//!
//! Two kinds of news need more than that. A state (which tier answers, whether work is paused) that flaps must
//! not leave a person with the wrong last word, so its last change is held back and said once the minute is
//! over, if it is still news. A burst of queued jobs is one piece of news however long it lasts.

use std::collections::HashMap;

use switchyard_domain::Now;

use crate::notice::Notice;

/// How long the same notice is not repeated, milliseconds.
pub const QUIET_MS: u64 = 60_000;

/// Remembers what was said. It reads no clock.
#[derive(Debug, Default)]
pub struct Quiet {
    /// When each key may be said again, on the monotonic clock.
    until_ms: HashMap<String, u64>,
    /// The key last said about each state.
    last_word: HashMap<&'static str, String>,
    /// The last change of each state that was not said.
    held: HashMap<&'static str, Notice>,
}

/// What a repeated notice does.
enum Repeat {
    /// It is dropped.
    Dropped,
    /// It is dropped, and the quiet starts anew: the burst goes on.
    ProlongsTheQuiet,
    /// It is held back, as the state's last word.
    Held(&'static str),
}

fn repeat_of(key: &str) -> Repeat {
    if key.starts_with("tier.") {
        Repeat::Held("tier")
    } else if key.starts_with("pause.") {
        Repeat::Held("pause")
    } else if key == "queue.waiting" {
        Repeat::ProlongsTheQuiet
    } else {
        Repeat::Dropped
    }
}

impl Quiet {
    /// Nothing was said yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The notice, if it is to be said now.
    pub fn admit(&mut self, notice: Notice, now: Now) -> Option<Notice> {
        // What was said long ago doesn't matter any more, and keys of removed providers must not pile up.
        self.until_ms.retain(|_, until_ms| *until_ms > now.mono_ms);
        let muted = self.until_ms.contains_key(&notice.key);
        let end_ms = now.mono_ms.saturating_add(QUIET_MS);
        match repeat_of(&notice.key) {
            Repeat::Held(state) => {
                self.held.remove(state);
                if muted {
                    if self.last_word.get(state) != Some(&notice.key) {
                        self.held.insert(state, notice);
                    }
                    return None;
                }
                self.last_word.insert(state, notice.key.clone());
            }
            Repeat::ProlongsTheQuiet if muted => {
                self.until_ms.insert(notice.key, end_ms);
                return None;
            }
            Repeat::Dropped if muted => return None,
            Repeat::ProlongsTheQuiet | Repeat::Dropped => {}
        }
        self.until_ms.insert(notice.key.clone(), end_ms);
        Some(notice)
    }

    /// Held notices whose quiet is over.
    pub fn due(&mut self, now: Now) -> Vec<Notice> {
        let over = |notice: &Notice| self.until_ms.get(&notice.key).is_none_or(|until| *until <= now.mono_ms);
        let due: Vec<Notice> = self.held.values().filter(|notice| over(notice)).cloned().collect();
        due.into_iter().filter_map(|notice| self.admit(notice, now)).collect()
    }

    /// Milliseconds until a held notice is due, if one is held.
    #[must_use]
    pub fn next_due_ms(&self, now: Now) -> Option<u64> {
        let wait = |notice: &Notice| {
            self.until_ms.get(&notice.key).map_or(0, |until| until.saturating_sub(now.mono_ms))
        };
        self.held.values().map(wait).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::Urgency;

    const WARM: &str = "tier.down.warm";
    const HOT: &str = "tier.up.hot";

    fn notice(key: &str) -> Notice {
        Notice { title: String::new(), body: String::new(), urgency: Urgency::Normal, key: key.to_owned() }
    }

    fn at(seconds: u64) -> Now {
        Now::default().plus_ms(seconds * 1_000)
    }

    /// Plays `(second, key)` and then waits for five minutes; returns what was said and when.
    fn said(script: &[(u64, &str)]) -> Vec<(u64, String)> {
        let mut quiet = Quiet::new();
        let mut heard = Vec::new();
        for second in 0..300 {
            heard.extend(quiet.due(at(second)).into_iter().map(|notice| (second, notice.key)));
            for (_, key) in script.iter().filter(|(when, _)| *when == second) {
                heard.extend(quiet.admit(notice(key), at(second)).map(|notice| (second, notice.key)));
            }
        }
        heard
    }

    #[test]
    fn the_same_thing_is_not_said_twice_within_a_minute() {
        let key = "key.openai.main";
        for (script, seconds) in [
            (vec![(0, key), (1, key), (59, key)], vec![0]),
            (vec![(0, key), (60, key)], vec![0, 60]),
            // A dropped repeat doesn't prolong the quiet.
            (vec![(0, key), (50, key), (61, key)], vec![0, 61]),
            (vec![(0, key), (1, "key.openai.other")], vec![0, 1]),
        ] {
            let heard: Vec<u64> = said(&script).into_iter().map(|(second, _)| second).collect();
            assert_eq!(heard, seconds, "{script:?}");
        }
    }

    #[test]
    fn a_burst_of_queued_jobs_is_one_notice_however_long_it_lasts() {
        let burst: Vec<(u64, &str)> = (0..200).step_by(20).map(|second| (second, "queue.waiting")).collect();
        assert_eq!(said(&burst), [(0, "queue.waiting".to_owned())]);
    }

    #[test]
    fn a_flapping_tier_is_not_a_storm_and_its_last_word_is_true() {
        for (script, expected) in [
            // Both directions are said at once, the first time.
            (vec![(0, WARM), (10, HOT)], vec![(0, WARM), (10, HOT)]),
            // It ends where the last word left it: nothing to add.
            (vec![(0, WARM), (10, HOT), (20, WARM), (30, HOT)], vec![(0, WARM), (10, HOT)]),
            // It ends elsewhere: that is said as soon as the minute is over.
            (vec![(0, WARM), (10, HOT), (20, WARM)], vec![(0, WARM), (10, HOT), (60, WARM)]),
        ] {
            let heard = said(&script);
            let heard: Vec<(u64, &str)> = heard.iter().map(|(second, key)| (*second, key.as_str())).collect();
            assert_eq!(heard, expected, "{script:?}");
        }
    }

    #[test]
    fn the_wait_for_a_held_notice_is_the_rest_of_its_minute() {
        let mut quiet = Quiet::new();
        for (second, key) in [(0, WARM), (10, HOT)] {
            assert!(quiet.admit(notice(key), at(second)).is_some());
            assert_eq!(quiet.next_due_ms(at(second)), None);
        }
        assert_eq!(quiet.admit(notice(WARM), at(20)), None);
        assert_eq!(quiet.next_due_ms(at(20)), Some(40_000));
        assert_eq!(quiet.due(at(59)), []);
        assert_eq!(quiet.due(at(60)), [notice(WARM)]);
        assert_eq!(quiet.next_due_ms(at(60)), None);
    }
}
