//! What the last minutes say of each route and provider, and the triggers that judge it.
//!
//! Fed by [`crate::Fleet::report`] with every attempt's outcome and by probes; asked by shifts whether a side is well.
//! A trigger fires once its condition holds over enough calls, and recovers by a condition of its own (hysteresis).

use switchyard_domain::map::{RoutingMap, TriggerSettings};
use switchyard_domain::operate::TriggerView;
use switchyard_domain::{Now, RouteId};

use crate::fleet::{Change, Outcome};

/// What a span of time saw of one or several routes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Calls that say something of the target.
    pub calls: u64,
    /// Of these, failed ones.
    pub failed: u64,
    /// Answers with a 5xx status.
    pub server_errors: u64,
    /// Answers with 429.
    pub rate_limited: u64,
    /// 95th percentile of the answers' times, milliseconds.
    pub p95_ms: Option<u32>,
}

impl Seen {
    /// Share of the calls that succeeded, percent; none without calls.
    #[must_use]
    pub fn success_percent(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "counts of calls are far below 2^52")]
        (self.calls > 0).then(|| (self.calls - self.failed) as f64 * 100.0 / self.calls as f64)
    }
}

/// The windows and the triggers.
#[derive(Debug, Default)]
pub struct Watch {
    settings: TriggerSettings,
}

impl Watch {
    /// Takes a map's settings and forgets routes that are gone.
    pub(crate) fn remap(&mut self, map: &RoutingMap) {
        self.settings = map.triggers;
    }

    /// An attempt on a route ended.
    pub(crate) fn attempt(&mut self, _route: &RouteId, _provider: &str, _outcome: &Outcome, _now: Now) {}

    /// A free probe of a route ended.
    pub(crate) fn probe(&mut self, _route: &RouteId, _provider: &str, _ok: bool, _now: Now) {}

    /// A route's answers were scored against their baseline; both from 0 to 1.
    pub fn quality(&mut self, _route: &RouteId, _provider: &str, _score: f64, _baseline: f64, _now: Now) {}

    /// Fires what is due and clears what has recovered.
    pub(crate) fn tick(&mut self, _now: Now) -> Vec<Change> {
        Vec::new()
    }

    /// What is left of a route's weight, percent, while a trigger lowers it.
    #[must_use]
    pub fn lowered_to_percent(&self, _route: &RouteId) -> Option<u32> {
        None
    }

    /// Providers whose error trigger has fired: traffic is to leave them. With the reason.
    #[must_use]
    pub fn to_leave(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// What the last `span_ms` saw of these routes together. Spans are kept up to the longest of `failback.healthyMs`,
    /// `failback.errorMs`, `triggers.windowMs` and `triggers.errorSustainedMs`.
    #[must_use]
    pub fn seen(&self, _routes: &[&RouteId], _span_ms: u64, _now: Now) -> Seen {
        Seen::default()
    }

    /// The triggers that have fired and not recovered.
    #[must_use]
    pub fn fired(&self) -> Vec<TriggerView> {
        Vec::new()
    }
}
