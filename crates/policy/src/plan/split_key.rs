//! Where a request, or the conversation it belongs to, falls wherever traffic is split.
//!
//! Every split has a salt of its own, so that falling to one side of one says nothing of another. A conversation always
//! falls the same: as a share grows it moves at most once, and as weights change it moves as rarely as can be.

use switchyard_domain::RouteId;

use crate::backoff::SplitMix64;

/// The places of a split.
pub(super) const PLACES: u64 = 10_000;

/// One request's dice.
#[derive(Clone, Copy, Debug)]
pub(super) struct SplitKey(u64);

impl SplitKey {
    /// The dice of a conversation's key, or of a request's random bits.
    pub(super) const fn new(key: u64) -> Self {
        Self(key)
    }

    const fn bits(self, salt: u64) -> u64 {
        // Neighbouring keys and salts (counters, as a rule) are far apart after this.
        let salt = SplitMix64::new(salt).next_u64();
        SplitMix64::new(self.0 ^ salt).next_u64()
    }

    /// A place in `0..PLACES`.
    pub(super) const fn place(self, salt: u64) -> u64 {
        // The high half of the product is below `PLACES`.
        ((self.bits(salt) as u128 * PLACES as u128) >> 64) as u64
    }

    /// Whether this falls within a share, percent.
    pub(super) const fn falls_within(self, salt: u64, percent: u32) -> bool {
        self.place(salt) < percent as u64 * (PLACES / 100)
    }

    /// The key a random order by weights sorts by, ascending: exponential with the weight as its rate (Efraimidis,
    /// Spirakis, "Weighted random sampling with a reservoir", 2006). Without a weight it comes last.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are kept, which is all a float holds")]
    pub(super) fn order(self, salt: u64, weight: f64) -> f64 {
        if weight <= 0.0 {
            return f64::INFINITY;
        }
        let uniform = ((self.bits(salt) >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        -uniform.ln() / weight
    }
}

/// The salt of a name (FNV-1a, 64 bits).
pub(super) fn salt(kind: u8, name: &str) -> u64 {
    std::iter::once(kind).chain(name.bytes()).fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// The salt of a route where its tier splits by weight.
pub(super) fn of_route(route: &RouteId) -> u64 {
    salt(b'w', route.as_str())
}

/// The salt of a route where its weight is lowered.
pub(super) fn of_lowered(route: &RouteId) -> u64 {
    salt(b'l', route.as_str())
}

/// The same of a provider all of whose routes give way together.
pub(super) fn of_lowered_provider(provider: &str) -> u64 {
    salt(b'p', provider)
}
