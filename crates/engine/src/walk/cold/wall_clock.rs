//! Whether the wall clock was set, which the queue's times go by. Pure.

use switchyard_domain::Now;

/// The wall clock is off by more than this only when it was set, milliseconds. What a time server corrects is less.
const SET_MS: u64 = 5_000;

/// The wall clock, beside the clock that nobody can set.
#[derive(Debug, Default)]
pub(crate) struct WallClock(Option<Now>);

impl WallClock {
    /// How far it was set since the reading that is gone by; forward when positive.
    pub(crate) fn set_by(&self, now: Now) -> Option<i64> {
        let before = self.0?;
        let passed = now.mono_ms.saturating_sub(before.mono_ms);
        let set_by = now.wall_ms.saturating_sub(before.wall_ms).saturating_sub_unsigned(passed);
        (set_by.unsigned_abs() >= SET_MS).then_some(set_by)
    }

    /// Goes by a reading from now on: whatever follows from it is done.
    pub(crate) fn go_by(&mut self, now: Now) {
        self.0 = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_clock_is_felt_until_somebody_goes_by_it() {
        let mut clock = WallClock::default();
        clock.go_by(Now { mono_ms: 1_000, wall_ms: 50_000 });
        let set = Now { mono_ms: 2_000, wall_ms: 50_000 + 1_000 + 3_600_000 };
        assert_eq!((clock.set_by(set), clock.set_by(set.plus_ms(5_000))), (Some(3_600_000), Some(3_600_000)));
        clock.go_by(set);
        assert_eq!(clock.set_by(set.plus_ms(5_000)), None);
    }
}
