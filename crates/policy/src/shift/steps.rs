//! The steps of a move, as shares of the traffic that goes elsewhere, percent.

use switchyard_domain::map::{MoveSteps, ShiftMode};

/// The steps from the present share up to `last`.
pub(super) fn away(mode: ShiftMode, steps: &MoveSteps, now: u32, last: u32) -> Vec<u32> {
    let all = match mode {
        ShiftMode::Immediate => &[],
        ShiftMode::Gradual => steps.gradual.shares(),
        ShiftMode::Canary => steps.canary.shares(),
    };
    all.iter().copied().filter(|share| *share > now && *share < last).chain([last]).collect()
}

/// The steps home from the present share.
pub(super) fn home(steps: &MoveSteps, now: u32) -> Vec<u32> {
    let away = steps.home.shares().iter().map(|back| 100 - back);
    away.filter(|share| *share < now || *share == 0).collect()
}
