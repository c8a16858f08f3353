//! Retries: how many there are, how many there may be, and when there are too many (a storm).

use switchyard_domain::Now;
use switchyard_domain::map::{RoutingMap, StormSettings};
use switchyard_domain::operate::LoopView;

use crate::fleet::Change;

/// How retries are doing.
#[derive(Debug, Default)]
pub struct Loops {
    settings: StormSettings,
}

impl Loops {
    pub(crate) fn remap(&mut self, map: &RoutingMap) {
        self.settings = map.storm;
    }

    /// A request ended after `attempts` tries; `fell_back` when another route than its plan's first answered.
    pub fn ended(&mut self, _attempts: u32, _fell_back: bool, _now: Now) {}

    /// Whether a try after a request's first on the same route may be given, which is then counted.
    pub(crate) fn may_retry(&mut self, _now: Now) -> bool {
        true
    }

    pub(crate) fn tick(&mut self, _now: Now) -> Vec<Change> {
        Vec::new()
    }

    /// What is shown.
    #[must_use]
    pub fn view(&self, _now: Now) -> LoopView {
        LoopView::default()
    }
}
