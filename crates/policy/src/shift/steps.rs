//! The steps of a move, as shares of the traffic that goes elsewhere, percent.

use switchyard_domain::map::ShiftMode;

/// Gradual: 50, 25, 0 percent stay.
const GRADUAL: [u32; 3] = [50, 75, 100];
/// Canary: 5 to 100 percent go.
const CANARY: [u32; 5] = [5, 10, 25, 50, 100];
/// Home: 10, 25, 50, 75, 100 percent are back.
const HOME: [u32; 5] = [90, 75, 50, 25, 0];

/// The steps from the present share up to `last`.
pub(super) fn away(mode: ShiftMode, now: u32, last: u32) -> Vec<u32> {
    let all: &[u32] = match mode {
        ShiftMode::Immediate => &[],
        ShiftMode::Gradual => &GRADUAL,
        ShiftMode::Canary => &CANARY,
    };
    all.iter().copied().filter(|share| *share > now && *share < last).chain([last]).collect()
}

/// The steps home from the present share.
pub(super) fn home(now: u32) -> Vec<u32> {
    HOME.into_iter().filter(|share| *share < now || *share == 0).collect()
}
