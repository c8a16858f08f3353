//! How long a route's own answers were silent, by kind.

use super::{Silence, Waits};

/// Fewer answers of a kind teach nothing.
const LEAST_ANSWERS: u32 = 20;
/// At so many answers each count is halved, so that what the route was like long ago is forgotten.
const MOST_ANSWERS: u32 = 1_024;
/// Four to each doubling, up to half an hour: an answer is counted as at most a quarter longer than it was.
const BUCKETS: usize = 80;

/// What a route's answers taught: a histogram for each kind of silence, 1.6 KiB together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned([Histogram; Silence::ALL.len()]);

impl Learned {
    /// Takes the silences of an answer that came to its end.
    pub(crate) fn take(&mut self, waits: &Waits) {
        for (silence, ms) in waits.known() {
            self.0[silence as usize].add(ms);
        }
    }

    /// What 99 of 100 answers did with, milliseconds; none where too few are known.
    pub(crate) fn p99_ms(&self, silence: Silence) -> Option<u32> {
        self.0[silence as usize].p99_ms()
    }
}

#[derive(Clone, Debug)]
struct Histogram {
    counts: [u16; BUCKETS],
    answers: u32,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], answers: 0 }
    }
}

impl Histogram {
    fn add(&mut self, ms: u32) {
        if self.answers >= MOST_ANSWERS {
            for count in &mut self.counts {
                *count /= 2;
            }
            self.answers = self.counts.iter().map(|count| u32::from(*count)).sum();
        }
        self.counts[bucket(ms)] += 1;
        self.answers += 1;
    }

    fn p99_ms(&self) -> Option<u32> {
        if self.answers < LEAST_ANSWERS {
            return None;
        }
        let mut above = 0;
        let at = self.counts.iter().rposition(|count| {
            above += u32::from(*count);
            above > self.answers / 100
        })?;
        Some(longest_of(at))
    }
}

/// The bucket of a length: its highest bit, and the two behind it.
fn bucket(ms: u32) -> usize {
    let ms = ms.max(4);
    let doublings = ms.ilog2() - 2;
    let quarter = (ms >> doublings) & 3;
    ((doublings * 4 + quarter) as usize).min(BUCKETS - 1)
}

/// The longest length of a bucket, milliseconds.
fn longest_of(bucket: usize) -> u32 {
    let (doublings, quarter) = (bucket / 4, bucket % 4);
    u32::try_from((quarter + 5) << doublings).unwrap_or(u32::MAX) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_at_most_a_quarter_shorter_than_its_longest() {
        for ms in [1_u32, 4, 5, 7, 8, 100, 999, 1_000, 12_345, 119_999, 1_800_000] {
            let longest = longest_of(bucket(ms));
            assert!(longest >= ms && u64::from(longest) <= u64::from(ms.max(4)) * 5 / 4, "{ms} {longest}");
        }
        assert_eq!(bucket(u32::MAX), BUCKETS - 1);
    }

    #[test]
    fn twenty_answers_teach_and_one_in_a_hundred_does_not() {
        let mut one = Histogram::default();
        for _ in 0..19 {
            one.add(1_000);
        }
        assert_eq!(one.p99_ms(), None);
        one.add(1_000);
        assert_eq!(one.p99_ms(), Some(longest_of(bucket(1_000))));
        for _ in 0..100 {
            one.add(1_000);
        }
        one.add(90_000);
        assert_eq!(one.p99_ms(), Some(longest_of(bucket(1_000))), "the longest of 121");
        one.add(90_000);
        assert_eq!(one.p99_ms(), Some(longest_of(bucket(90_000))));
        // What was long ago is forgotten.
        for _ in 0..5_000 {
            one.add(500);
        }
        assert_eq!(one.p99_ms(), Some(longest_of(bucket(500))));
        assert!(one.answers <= MOST_ANSWERS);
    }
}
