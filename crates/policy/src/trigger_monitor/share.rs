//! Triggers over a share of calls: 5xx, 429, failed ones, slow ones.
//!
//! The p95 is one of them: it lies above a limit exactly when more than 5 % of the answers took longer.
//!
//! Two kinds of fire: over a window (5xx, 429), or sustained (slow, failed), which takes a [`Run`]: it begins with a
//! bad call, and ends when the share is no longer above the limit or when so many calls in a row were good that the
//! share can't be. Recovery is a run of its own, of good calls, below a lower limit.

use switchyard_domain::Now;
use switchyard_domain::map::{FailbackSettings, RoutingMap, TriggerSettings};
use switchyard_domain::operate::TriggerKind;

use super::Call;
use super::run::{Run, Said};
use super::signs::Sign;
use super::windows::Counts;
use super::words::{duration, percent, percent_of};

/// Answers slower than the limit, of which more than this many percent make the p95 lie above it.
const SLOW_PERCENT: u64 = 5;

/// With a share above `limit`, `LUCK / limit` good calls in a row come once in a thousand times (`e^-7`).
const LUCK: u64 = 7;

/// Which share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ServerErrors,
    RateLimited,
    Slow,
    Errors,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::ServerErrors, Self::RateLimited, Self::Slow, Self::Errors];

    pub(super) const fn trigger(self) -> TriggerKind {
        match self {
            Self::ServerErrors => TriggerKind::ServerErrors,
            Self::RateLimited => TriggerKind::RateLimited,
            Self::Slow => TriggerKind::Slow,
            Self::Errors => TriggerKind::Errors,
        }
    }

    /// The bad ones, and of how many.
    pub(super) const fn of(self, counts: &Counts) -> (u64, u64) {
        match self {
            Self::ServerErrors => (counts.server_errors, counts.calls),
            Self::RateLimited => (counts.rate_limited, counts.calls),
            Self::Slow => (counts.slow, counts.calls - counts.failed),
            Self::Errors => (counts.failed, counts.calls),
        }
    }

    /// Whether a call is bad; none when it says nothing of this share. While the trigger is fired, an answer is slow
    /// above the value below which it recovers.
    fn is_bad(self, call: &Call, rules: &Rules, fired: bool) -> Option<bool> {
        match self {
            Self::ServerErrors => Some(call.server_error),
            Self::RateLimited => Some(call.rate_limited),
            Self::Errors => Some(call.failed),
            Self::Slow => {
                let limit = if fired { rules.well_p95_ms() } else { rules.settings.p95_ms };
                call.took_ms.map(|ms| u64::from(ms) > limit)
            }
        }
    }
}

/// What a map says of triggers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules {
    pub(super) settings: TriggerSettings,
    pub(super) failback: FailbackSettings,
    /// Whether routes are probed at all.
    pub(super) probes: bool,
}

/// A limit to fall below, for how long and over how many calls.
#[derive(Clone, Copy, Debug)]
struct Recovery {
    /// Hundredths of a percent.
    below: u64,
    for_ms: u64,
    calls: u64,
}

impl Rules {
    pub(super) fn of(map: &RoutingMap) -> Self {
        Self { settings: map.triggers, failback: map.failback, probes: map.probe_every_ms > 0 }
    }

    pub(super) fn is_slow(&self, call: &Call) -> bool {
        call.took_ms.is_some_and(|ms| u64::from(ms) > self.settings.p95_ms)
    }

    const fn well_p95_ms(&self) -> u64 {
        self.settings.p95_ms * self.settings.recover_percent / 100
    }

    const fn limit_percent(&self, kind: Kind) -> u64 {
        match kind {
            Kind::ServerErrors => self.settings.server_error_percent,
            Kind::RateLimited => self.settings.rate_limited_percent,
            Kind::Slow => SLOW_PERCENT,
            Kind::Errors => self.settings.error_percent,
        }
    }

    /// How long it has to last before it fires, for those that have to.
    const fn sustained_ms(&self, kind: Kind) -> Option<u64> {
        match kind {
            Kind::ServerErrors | Kind::RateLimited => None,
            Kind::Slow => Some(self.settings.p95_sustained_ms),
            Kind::Errors => Some(self.settings.error_sustained_ms),
        }
    }

    const fn recovery(&self, kind: Kind) -> Recovery {
        let own = &self.settings;
        match kind {
            Kind::ServerErrors | Kind::RateLimited => Recovery {
                below: self.limit_percent(kind) * own.recover_percent,
                for_ms: own.recover_ms,
                calls: own.min_calls,
            },
            Kind::Slow => {
                Recovery { below: SLOW_PERCENT * 100, for_ms: own.recover_ms, calls: own.min_calls }
            }
            // As traffic that left comes home: trials alone have to suffice.
            Kind::Errors => Recovery {
                below: self.failback.error_percent * 100,
                for_ms: self.failback.error_ms,
                calls: self.failback.min_calls,
            },
        }
    }

    /// As many good calls in a row show that the share is not above the limit.
    fn good_enough(&self, kind: Kind) -> u64 {
        let unlikely = (LUCK * 100).checked_div(self.limit_percent(kind)).unwrap_or(u64::MAX);
        unlikely.max(self.settings.min_calls)
    }

    fn recovers(&self, kind: Kind) -> String {
        let Recovery { below, for_ms, calls } = self.recovery(kind);
        let lasting = duration(for_ms);
        if kind == Kind::Slow {
            let limit = duration(self.well_p95_ms());
            return format!("p95 below {limit} over at least {calls} answers for {lasting}");
        }
        #[expect(clippy::cast_precision_loss, reason = "a setting of at most 10 000")]
        let below = percent(below as f64 / 100.0);
        format!("below {below} of at least {calls} calls for {lasting}")
    }
}

/// What a trigger has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fires { began_at_ms: i64, reason: String },
    Clears { reason: String },
}

/// A share trigger of one route or provider.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// While it is not fired: the run that may fire it. While it is: the run that may clear it.
    run: Option<Run>,
    fired: Option<Sign>,
}

impl Share {
    pub(super) const fn fired(&self) -> Option<&Sign> {
        self.fired.as_ref()
    }

    pub(super) fn call(&mut self, kind: Kind, call: &Call, rules: &Rules, awake_since: u64, now: Now) {
        let fired = self.fired.is_some();
        let Some(bad) = kind.is_bad(call, rules, fired) else { return };
        let recovery = rules.recovery(kind);
        let (lasts_ms, speaks_for_it) = match (fired, rules.sustained_ms(kind)) {
            (true, _) => (recovery.for_ms, !bad),
            (false, Some(ms)) => (ms, bad),
            (false, None) => return,
        };
        let Some(run) = &mut self.run else {
            if speaks_for_it {
                self.run = Some(Run::begin(bad, now));
            }
            return;
        };
        let shut = call.shut && kind == Kind::Errors && !fired;
        run.call(Said { bad, speaks_for_it, shut }, lasts_ms, awake_since, now);
        let over = if fired {
            !is_below(run.bad, run.calls, recovery.below)
        } else {
            let young = now.mono_ms.saturating_sub(run.began.mono_ms) <= rules.settings.window_ms;
            let well = young && !is_above(run.bad, run.calls, rules.limit_percent(kind));
            well || run.against_in_a_row >= rules.good_enough(kind)
        };
        if over {
            self.run = None;
        }
    }

    /// A free probe of the target failed while its circuit was open.
    pub(super) fn probe_failed(&mut self, kind: Kind, rules: &Rules, awake_since: u64, now: Now) {
        if self.fired.is_none()
            && let (Some(run), Some(lasts_ms)) = (&mut self.run, rules.sustained_ms(kind))
        {
            run.probe_failed(lasts_ms, awake_since, now);
        }
    }

    /// Fires or clears it. `seen`: what the window saw; `p95`: of the same; `may_fire`: whether it is judged at all.
    pub(super) fn judge(
        &mut self,
        kind: Kind,
        rules: &Rules,
        seen: Counts,
        p95: impl Fn() -> Option<u32>,
        may_fire: bool,
        now: Now,
    ) -> Option<Verdict> {
        let (bad, all) = kind.of(&seen);
        let limit = rules.limit_percent(kind);
        let above = is_above(bad, all, limit);
        if self.fired.is_some() {
            let run = self.run?;
            let recovery = rules.recovery(kind);
            // Of few calls a run of good ones comes by chance: what fires by the window does not clear against it.
            let well = rules.sustained_ms(kind).is_some() || is_below(bad, all, recovery.below);
            let shown = run.shown_ms >= recovery.for_ms && run.calls >= recovery.calls;
            return (shown && well).then(|| self.clear(well_again(kind, rules, &run)));
        }
        let Some(sustained_ms) = rules.sustained_ms(kind) else {
            let fires = may_fire && above && all >= rules.settings.min_calls;
            return fires.then(|| self.fire(kind, rules, now, over_the_window(kind, limit, bad, all), now));
        };
        let run = self.run?;
        // Older calls than the run's have left the window by now.
        let old = now.mono_ms.saturating_sub(run.began.mono_ms) > rules.settings.window_ms * 31 / 30 + 100;
        if old && all > 0 && !above {
            self.run = None;
            return None;
        }
        // What an open circuit keeps away can't come: the calls that opened it and the failed ones since are enough.
        let enough = run.calls >= rules.settings.min_calls || run.is_out;
        let fires = may_fire && run.shown_ms >= sustained_ms && enough;
        fires.then(|| self.fire(kind, rules, run.began, sustained(kind, rules, &run, p95()), now))
    }

    /// Gives it up because nothing was called for `quiet_ms`.
    pub(super) fn lapse(&mut self, quiet_ms: u64) -> Option<Verdict> {
        self.fired.is_some().then(|| {
            self.clear(format!("nothing was called for {}, so nothing speaks against it", duration(quiet_ms)))
        })
    }

    fn fire(&mut self, kind: Kind, rules: &Rules, began: Now, reason: String, now: Now) -> Verdict {
        self.run = None;
        let sign = Sign::new(began, reason, rules.recovers(kind), now);
        let verdict = sign.fires();
        self.fired = Some(sign);
        verdict
    }

    fn clear(&mut self, reason: String) -> Verdict {
        (self.run, self.fired) = (None, None);
        Verdict::Clears { reason }
    }
}

const fn is_above(bad: u64, all: u64, limit_percent: u64) -> bool {
    bad * 100 > limit_percent * all
}

/// Below hundredths of a percent; none at all is always below.
const fn is_below(bad: u64, all: u64, hundredths: u64) -> bool {
    bad == 0 || bad * 10_000 < hundredths * all
}

const fn did(kind: Kind) -> &'static str {
    match kind {
        Kind::ServerErrors => "answered 5xx",
        Kind::RateLimited => "answered 429",
        Kind::Slow => "were slow",
        Kind::Errors => "failed",
    }
}

fn over_the_window(kind: Kind, limit_percent: u64, bad: u64, all: u64) -> String {
    format!("{} of {all} calls {} (limit {limit_percent} %)", percent_of(bad, all), did(kind))
}

fn sustained(kind: Kind, rules: &Rules, run: &Run, p95: Option<u32>) -> String {
    let lasting = duration(run.shown_ms);
    if kind == Kind::Slow {
        let limit = rules.settings.p95_ms;
        // Bins are a little coarser than the limit is exact.
        let p95 = p95.map_or(limit, |ms| u64::from(ms).max(limit));
        let (p95, limit) = (duration(p95), duration(limit));
        return format!("p95 {p95} over {} answers, for {lasting} (limit {limit})", run.calls);
    }
    let (share, limit) = (percent_of(run.bad, run.calls), rules.limit_percent(kind));
    format!("{share} of {} calls {}, for {lasting} (limit {limit} %)", run.calls, did(kind))
}

fn well_again(kind: Kind, rules: &Rules, run: &Run) -> String {
    let lasting = duration(run.shown_ms);
    if kind == Kind::Slow {
        return format!(
            "p95 below {} over {} answers for {lasting}",
            duration(rules.well_p95_ms()),
            run.calls
        );
    }
    format!("{} of {} calls {} for {lasting}", percent_of(run.bad, run.calls), run.calls, did(kind))
}
