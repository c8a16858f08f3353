//! Whether the machine slept, by comparing clocks from beat to beat. Pure.

/// A beat that comes this long after the one before has ended means that the machine stood still, milliseconds.
const GAP_MS: u64 = 10_000;
/// The two monotonic clocks part by more than this only in sleep, milliseconds.
const SLEPT_MS: u64 = 2_000;
/// One reading of the monotonic clocks, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// Counts the time asleep.
    pub(super) boot_ms: u64,
    /// Stands still in sleep.
    pub(super) awake_ms: u64,
}

impl Reading {
    /// How far the clocks are apart: all the time asleep, from an arbitrary origin.
    const fn apart_ms(self) -> u64 {
        self.boot_ms.saturating_sub(self.awake_ms)
    }
}

/// The beat.
#[derive(Debug, Default)]
pub(super) struct SuspendDetector(Option<Reading>);

impl SuspendDetector {
    /// Takes a reading, about once a second; says how long the machine stood still.
    pub(super) fn observe(&mut self, now: Reading) -> Option<u64> {
        let before = self.0.replace(now)?;
        let boot = now.boot_ms.saturating_sub(before.boot_ms);
        let asleep = now.apart_ms().saturating_sub(before.apart_ms());
        if asleep >= SLEPT_MS { Some(asleep) } else { (boot >= GAP_MS).then_some(boot) }
    }

    /// The beat has ended. A look at a dead network takes its time, and that is no sleep; what the clocks say of a sleep
    /// meanwhile is felt by the next beat.
    pub(super) fn worked_until(&mut self, now_boot_ms: u64) {
        if let Some(before) = &mut self.0 {
            let worked = now_boot_ms.saturating_sub(before.boot_ms);
            // What parts the clocks stays as it was.
            before.boot_ms += worked;
            before.awake_ms += worked;
        }
    }
}

#[cfg(test)]
mod tests {
    use switchyard_domain::Now;

    use super::*;
    use crate::walk::cold::WallClock;

    const FIRST: Reading = Reading { boot_ms: 500_000, awake_ms: 400_000 };

    #[test]
    fn a_long_look_is_no_sleep_and_hides_none() {
        for (name, slept_ms) in [("a long look", 0), ("asleep meanwhile", 60_000)] {
            let mut pulse = SuspendDetector::default();
            pulse.observe(FIRST);
            let looked = 25_000;
            pulse.worked_until(FIRST.boot_ms + looked + slept_ms);
            let next = Reading {
                boot_ms: FIRST.boot_ms + looked + slept_ms + 1_000,
                awake_ms: FIRST.awake_ms + looked + 1_000,
            };
            assert_eq!(pulse.observe(next), (slept_ms > 0).then_some(slept_ms), "{name}");
        }
    }

    #[test]
    fn sleep_and_a_set_clock_are_told_apart() {
        let cases = [
            ("a usual beat", (1_000, 1_000, 1_000), None, None),
            ("a late beat", (4_000, 4_000, 4_000), None, None),
            ("a night's sleep", (28_800_000, 1_000, 28_800_000), Some(28_799_000), None),
            ("a nap", (3_500, 1_000, 3_500), Some(2_500), None),
            ("stopped like a virtual machine", (60_000, 60_000, 60_000), Some(60_000), None),
            ("set forward", (1_000, 1_000, 3_601_000), None, Some(3_600_000)),
            ("set back", (1_000, 1_000, -3_599_000), None, Some(-3_600_000)),
            ("a time server's correction", (1_000, 1_000, 1_900), None, None),
            ("slept, and the clock stood", (60_000, 1_000, 1_000), Some(59_000), Some(-59_000)),
        ];
        for (name, (boot, awake, wall), asleep_ms, set_by_ms) in cases {
            let (mut pulse, mut clock) = (SuspendDetector::default(), WallClock::default());
            let mut set_by = |now| {
                let set_by = clock.set_by(now);
                clock.go_by(now);
                set_by
            };
            let mut reading = FIRST;
            let mut now = Now { mono_ms: FIRST.boot_ms, wall_ms: 1_700_000_000_000 };
            assert_eq!((pulse.observe(reading), set_by(now)), (None, None), "{name}");
            reading = Reading { boot_ms: reading.boot_ms + boot, awake_ms: reading.awake_ms + awake };
            now = Now { mono_ms: reading.boot_ms, wall_ms: now.wall_ms + wall };
            assert_eq!((pulse.observe(reading), set_by(now)), (asleep_ms, set_by_ms), "{name}");
            reading = Reading { boot_ms: reading.boot_ms + 1_000, awake_ms: reading.awake_ms + 1_000 };
            assert_eq!(
                (pulse.observe(reading), set_by(now.plus_ms(1_000))),
                (None, None),
                "{name}: told once"
            );
        }
    }
}
