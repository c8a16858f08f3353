//! What a step's numbers mean: whether the receiving side does well, and whether a home is well again.

use switchyard_domain::RouteId;
use switchyard_domain::map::{FailbackSettings, MoveSteps, RoutingMap, ShiftMode, ShiftSettings};

use crate::trigger_monitor::Seen;

/// A side that is slower by less than this is not called slow, milliseconds: on quick routes the bound's percentage is
/// less than what any network varies by.
const JITTER_MS: u32 = 100;

/// Fewer answers have no 95th percentile to judge by: it would be their slowest.
const P95_ANSWERS: u64 = 20;

/// The map's word on moves of traffic.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) shift: ShiftSettings,
    pub(crate) failback: FailbackSettings,
    pub(crate) automatic: bool,
    pub(crate) mode: ShiftMode,
    pub(crate) steps: MoveSteps,
}

impl Rules {
    pub(crate) const fn of(map: &RoutingMap) -> Self {
        Self {
            shift: map.shift,
            failback: map.failback,
            automatic: map.failback_automatic,
            mode: map.shift_mode,
            steps: map.steps,
        }
    }
}

/// What one look at a shift's two sides shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// Why nothing can be seen at present: this machine's network is down.
    pub(crate) blind: Option<String>,
    /// What the side that receives traffic has answered since the step began.
    pub(crate) step: Seen,
    /// The same since the router held the step, while it does.
    pub(crate) since_hold: Seen,
    /// Routes of that side whose circuit is not closed.
    pub(crate) shut: Vec<RouteId>,
    /// Routes of that side which the map or a person keeps from serving: what their circuits do is no news.
    pub(crate) off: Vec<RouteId>,
    /// Why a step can't be reversed: the side traffic would go back to is out itself.
    pub(crate) no_way_back: Option<String>,
    /// The home: whether it may have its traffic back.
    pub(crate) home: Home,
}

/// What is known of a home.
#[derive(Clone, Debug, Default)]
pub(crate) struct Home {
    /// What it answered in the last `failback.healthyMs`.
    pub(crate) healthy: Seen,
    /// What it answered in the last `failback.errorMs`.
    pub(crate) errors: Seen,
    /// Calls it answered since the last one that failed.
    pub(crate) good_in_a_row: u64,
    /// What stands against it besides its numbers: an open circuit, a failed probe, no route in service.
    pub(crate) trouble: Option<String>,
    /// A trigger that has fired for it.
    pub(crate) fired: Option<String>,
    /// The error trigger that has fired for it.
    pub(crate) to_leave: Option<String>,
}

/// How a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing speaks against the next step.
    Clean,
    /// Something failed, and there were too few calls to say more, or too few failures.
    Unclear(String),
    /// Within its success bound, but slow.
    Slow(String),
    /// Below its success bound.
    Failed(String),
}

/// The bounds of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) success_percent: u64,
    pub(super) p95_ms: Option<u32>,
    pub(super) min_calls: u64,
}

impl Bounds {
    /// `baseline_ms` is the 95th percentile the side is measured by.
    pub(super) fn new(success_percent: u64, baseline_ms: Option<u32>, rules: &Rules) -> Self {
        let slower = |baseline: u32| {
            let more = u64::from(baseline).saturating_mul(rules.shift.slowdown_percent) / 100;
            let more = u32::try_from(more).unwrap_or(u32::MAX).max(JITTER_MS);
            baseline.saturating_add(more)
        };
        Self { success_percent, p95_ms: baseline_ms.map(slower), min_calls: rules.shift.min_calls }
    }

    pub(super) fn judge(&self, seen: &Seen) -> Verdict {
        let Some(success) = seen.success_percent() else { return Verdict::Clean };
        let calls = seen.calls;
        if calls < self.min_calls {
            return match seen.failed {
                0 => Verdict::Clean,
                failed => Verdict::Unclear(format!("{failed} of {calls} calls failed, too few to judge by")),
            };
        }
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        let bound = self.success_percent as f64;
        if success < bound {
            let why = format!(
                "{} of {calls} calls failed ({success:.1} % succeeded, {} % needed)",
                seen.failed, self.success_percent
            );
            // One call fails now and then wherever it goes.
            let but_one = Seen { calls: calls - 1, failed: seen.failed - 1, ..*seen };
            let luck = but_one.success_percent().is_none_or(|success| success >= bound);
            return if luck { Verdict::Unclear(why) } else { Verdict::Failed(why) };
        }
        match (p95_of(seen), self.p95_ms) {
            (Some(p95), Some(bound)) if p95 > bound => {
                Verdict::Slow(format!("the 95th percentile is {p95} ms, above {bound} ms"))
            }
            (Some(_) | None, Some(_) | None) => Verdict::Clean,
        }
    }

    pub(super) fn words(&self) -> String {
        let slow = self.p95_ms.map(|ms| format!(", 95th percentile up to {ms} ms")).unwrap_or_default();
        format!("at least {} % of calls succeed{slow}", self.success_percent)
    }
}

/// The 95th percentile, where there are enough answers to have one.
pub(super) fn p95_of(seen: &Seen) -> Option<u32> {
    seen.p95_ms.filter(|_| seen.calls - seen.failed >= P95_ANSWERS)
}

/// What a home still lacks before its traffic comes back by itself, as a sentence; none when nothing. `watched_ms` is
/// how long it has been watched with its traffic away.
pub(super) fn lacks(home: &Home, rules: &FailbackSettings, watched_ms: u64) -> Option<String> {
    if let Some(trouble) = home.trouble.as_ref().or(home.fired.as_ref()) {
        return Some(format!("Waits for home: {trouble}."));
    }
    let (calls, failed) = (home.healthy.calls, home.healthy.failed);
    // Where calls are rarer than that, good ones in a row count however long they took to come.
    let judged_by = if calls > 0 { calls.max(home.good_in_a_row) } else { 0 };
    if judged_by < rules.min_calls {
        let least = rules.min_calls;
        let noun = if least == 1 { "call" } else { "calls" };
        return Some(format!("Waits for {least} {noun} to home to judge it by; {judged_by} so far."));
    }
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let (least, most) = (rules.healthy_percent as f64, rules.error_percent as f64);
    let failed_share = home.errors.success_percent().map_or(0.0, |success| 100.0 - success);
    let too_many = home.errors.failed > 0 && failed_share >= most;
    if home.healthy.success_percent().is_some_and(|success| success < least) || too_many {
        return Some(format!(
            "Waits until {} % of home's calls succeed over {}; {failed} of {calls} failed.",
            rules.healthy_percent,
            span(rules.healthy_ms)
        ));
    }
    let needed = rules.healthy_ms.max(rules.error_ms);
    (watched_ms < needed).then(|| {
        format!("Home is well; it must stay so for {} more.", span(needed.saturating_sub(watched_ms)))
    })
}

/// A span of time in words: `30 min`, `90 s`.
pub(super) fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{} s", ms.div_ceil(1_000)),
        120_000..7_200_000 => format!("{} min", ms.div_ceil(60_000)),
        _ => format!("{} h", ms.div_ceil(3_600_000)),
    }
}
