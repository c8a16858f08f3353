//! One reading of the two clocks. Whoever needs the time takes a [`Now`]; nobody here reads it.

/// A reading of both clocks, taken together.
///
/// `mono_ms` never goes back and counts the time a laptop sleeps (boot-time clock): deadlines, cooldowns and
/// breakers live on it. `wall_ms` is UTC epoch milliseconds: what people and the database see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Now {
    /// Milliseconds on the suspend-aware monotonic clock, from an arbitrary origin.
    pub mono_ms: u64,
    /// Milliseconds since the Unix epoch, UTC.
    pub wall_ms: i64,
}

impl Now {
    /// The same moment, `ms` milliseconds later on both clocks.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self { mono_ms: self.mono_ms.saturating_add(ms), wall_ms: self.wall_ms.saturating_add_unsigned(ms) }
    }
}
