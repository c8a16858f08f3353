//! Numbers drawn from a seed.

use switchyard_policy::backoff::SplitMix64;

/// A stream of draws: equal seeds give equal draws.
#[derive(Clone, Debug)]
pub struct Chance(SplitMix64);

impl Chance {
    /// The draws of a seed, for one purpose: two purposes of a seed have nothing in common.
    #[must_use]
    pub fn of(seed: u64, purpose: &str) -> Self {
        // FNV-1a, 64 bits (Fowler, Noll, Vo): enough to keep purposes apart.
        let hash = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(SplitMix64::new(hash ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// 64 random bits.
    pub const fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number of [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True in this many of a hundred draws.
    pub fn percent(&mut self, percent: f64) -> bool {
        self.unit() * 100.0 < percent
    }

    /// A number from `least` to `most`, both included.
    pub const fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.0.up_to(most.saturating_sub(least))
    }

    /// A number of [least, most).
    pub fn within(&mut self, least: f64, most: f64) -> f64 {
        least + self.unit() * (most - least)
    }

    /// One of these.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let last = choices.len().saturating_sub(1) as u64;
        choices[usize::try_from(self.0.up_to(last)).unwrap_or(0)]
    }

    /// The pause until the next of events that come independently, `mean_ms` apart on average (a Poisson process).
    pub fn pause_ms(&mut self, mean_ms: f64) -> u64 {
        whole(-(1.0 - self.unit()).ln() * mean_ms)
    }

    /// A time that is mostly near its median and sometimes far longer (log-normal), milliseconds.
    pub fn around_ms(&mut self, median_ms: f64, spread: f64) -> u64 {
        // Box and Muller, 1958.
        let (one, two) = (1.0 - self.unit(), self.unit());
        let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * two).cos();
        whole(median_ms * (spread * normal).exp())
    }
}

/// The whole milliseconds of a span that is no longer than a script.
#[expect(clippy::cast_possible_truncation, reason = "spans of hours are far below 2^53 milliseconds")]
#[must_use]
pub fn whole(ms: f64) -> u64 {
    ms.max(0.0).round() as u64
}
