//! How long a simulated provider takes, repeatably: the same seed and request number give the same times.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The pace of a healthy answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SimLatency)]
#[serde(rename_all = "camelCase", default)]
pub struct Latency {
    /// Milliseconds from the request's last byte to the response head.
    pub first_byte_ms: u64,
    /// Milliseconds between two content chunks of a stream. A plain answer takes as long as its stream.
    pub per_chunk_ms: u64,
    /// At most this many milliseconds are added to each of the two, evenly spread.
    pub jitter_ms: u64,
    /// Content chunks a stream is cut into; fewer if the text is shorter. At least one.
    pub chunks: u32,
}

impl Default for Latency {
    /// No delay at all, six chunks.
    fn default() -> Self {
        Self { first_byte_ms: 0, per_chunk_ms: 0, jitter_ms: 0, chunks: 6 }
    }
}

/// The delays of one answer, drawn from the provider's seed and the request's number, so that requests
/// that overlap do not change each other's times.
#[derive(Debug)]
pub(crate) struct Pace {
    latency: Latency,
    dice: SplitMix,
}

impl Pace {
    pub(crate) fn new(latency: Latency, seed: u64, seq: u64) -> Self {
        Self { latency, dice: SplitMix::new(seed ^ seq.wrapping_mul(0xA076_1D64_78BD_642F)) }
    }

    pub(crate) fn first_byte(&mut self) -> Duration {
        self.jittered(self.latency.first_byte_ms)
    }

    pub(crate) fn chunk(&mut self) -> Duration {
        self.jittered(self.latency.per_chunk_ms)
    }

    pub(crate) fn chunks(&self) -> usize {
        self.latency.chunks.max(1) as usize
    }

    fn jittered(&mut self, base_ms: u64) -> Duration {
        let jitter = match self.latency.jitter_ms {
            0 => 0,
            most => self.dice.next() % (most + 1),
        };
        Duration::from_millis(base_ms + jitter)
    }
}

/// `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Evenly spread over 0 to 1, 1 excluded.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
