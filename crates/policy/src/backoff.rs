//! How long to wait before trying again: exponential with full jitter, so that callers that failed together do not
//! come back together (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).

/// A small seeded generator of random bits (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators",
/// 2014). Not for secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The generator of a seed: equal seeds give equal numbers.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..=most`, each as likely (to within `most` / 2^64).
    pub const fn up_to(&mut self, most: u64) -> u64 {
        // The high half of the 128-bit product is below `most + 1` and so fits.
        ((self.next_u64() as u128 * (most as u128 + 1)) >> 64) as u64
    }
}

/// The bound of the wait before a retry (1 = the first): `initial` doubled per retry, never above `max`.
#[must_use]
pub const fn ceiling_ms(retry: u32, initial_ms: u64, max_ms: u64) -> u64 {
    let doublings = retry.saturating_sub(1);
    let factor = if doublings < 63 { 1_u64 << doublings } else { u64::MAX };
    let grown = initial_ms.saturating_mul(factor);
    if grown < max_ms { grown } else { max_ms }
}

/// The wait before a retry (1 = the first), milliseconds: uniform between 0 and [`ceiling_ms`].
pub const fn full_jitter(retry: u32, initial_ms: u64, max_ms: u64, rng: &mut SplitMix64) -> u64 {
    rng.up_to(ceiling_ms(retry, initial_ms, max_ms))
}

/// The wait before a queued job's next attempt, milliseconds, after `attempt` attempts (1 = the first).
///
/// Uniform in the upper half of the doubling bound: a queued job has no caller waiting, and the lower bound keeps
/// five attempts from being used up within one blip.
pub const fn cold_backoff(attempt: u32, initial_ms: u64, max_ms: u64, rng: &mut SplitMix64) -> u64 {
    let ceiling = ceiling_ms(attempt, initial_ms, max_ms);
    let floor = ceiling / 2;
    floor + rng.up_to(ceiling - floor)
}
