//! What the last minutes say of each route and provider, and the triggers that judge it.
//!
//! Fed by [`crate::Fleet::report`] with every attempt's outcome and by probes; asked by shifts whether a side is well.
//! A trigger fires once its condition holds over enough calls, and recovers by a condition of its own (hysteresis).
//! A provider is judged by its routes together. docs/triggers.md has the rules in a user's words.
//!
//! It decides what is ill and says why; what follows from that is the plan's and the shifts' to decide.

mod run;
mod share;
mod signs;
mod tally;
mod telling;
mod windows;
mod words;

use std::collections::BTreeMap;

use switchyard_domain::map::RoutingMap;
use switchyard_domain::operate::{TriggerKind, TriggerView};
use switchyard_domain::{FailureKind, Now, RouteId};

use crate::classify::classify;
use crate::fleet::{Change, Outcome};
use share::{Kind, Rules, Share};
use signs::{Probes, Quality};
pub(crate) use tally::Tally;
use telling::{farewell, tell};
use windows::{Counts, Histogram, Spans, Windows};

/// The beat comes about once a second. Where none came for this long, milliseconds, the machine slept or its network
/// was down: that time says nothing of anyone.
const GAP_MS: u64 = 15_000;

/// A trigger of shares lapses when nothing was called for this many windows: what it goes by is out of date, and a
/// route of weight 0 would never be called again.
const QUIET_WINDOWS: u64 = 6;

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
    /// 95th percentile of the answers' times, milliseconds: to the first meaningful byte of a stream, to the end of
    /// any other answer. Within an eighth of the exact value.
    pub p95_ms: Option<u32>,
}

impl Seen {
    fn of(counts: &Counts, answers: &Histogram) -> Self {
        Self {
            calls: counts.calls,
            failed: counts.failed,
            server_errors: counts.server_errors,
            rate_limited: counts.rate_limited,
            p95_ms: answers.p95(),
        }
    }

    /// Share of the calls that succeeded, percent; none without calls.
    #[must_use]
    pub fn success_percent(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "counts of calls are far below 2^52")]
        (self.calls > 0).then(|| (self.calls - self.failed) as f64 * 100.0 / self.calls as f64)
    }
}

/// How a trigger lowers a route's weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lowering {
    /// What is left of it, percent.
    pub(crate) percent: u32,
    /// The trigger is its provider's: all of the provider's routes give way together.
    pub(crate) shared: bool,
}

/// How far a score lies below its baseline, percent of the baseline; 0 when it does not.
#[must_use]
pub fn quality_drop_percent(score: f64, baseline: f64) -> f64 {
    if baseline > score && baseline > 0.0 { (baseline - score) * 100.0 / baseline } else { 0.0 }
}

/// One call as far as it says something of its target.
#[derive(Clone, Copy, Debug)]
struct Call {
    failed: bool,
    server_error: bool,
    rate_limited: bool,
    /// How long the answer took, milliseconds; none for a failed call.
    took_ms: Option<u32>,
    /// It failed where the circuit was open already.
    shut: bool,
}

impl Call {
    /// The caller's faults, aborts and the router's own refusals say nothing. `shut`: the circuit was not closed.
    fn of(outcome: &Outcome, shut: bool) -> Option<Self> {
        match outcome {
            Outcome::Succeeded { duration_ms, first_token_ms } => Some(Self {
                failed: false,
                server_error: false,
                rate_limited: false,
                took_ms: Some(first_token_ms.unwrap_or(*duration_ms)),
                shut: false,
            }),
            Outcome::Failed(failure) => classify(failure).tells_of_target().then(|| Self {
                failed: true,
                server_error: match failure.status {
                    Some(status) => (500..=599).contains(&status),
                    None => matches!(failure.kind, FailureKind::ServerError | FailureKind::Overloaded),
                },
                rate_limited: failure.kind == FailureKind::RateLimited,
                took_ms: None,
                shut,
            }),
            Outcome::Nothing => None,
        }
    }
}

/// The share triggers of a route or provider.
#[derive(Debug, Default)]
struct Shares {
    of: [Share; Kind::ALL.len()],
    last_call_mono_ms: Option<u64>,
}

impl Shares {
    /// Takes a call; one that does not `speak` of errors is that of a route whose sister answers.
    fn call(&mut self, call: &Call, speaks: bool, rules: &Rules, awake_since: u64, now: Now) {
        self.last_call_mono_ms = Some(now.mono_ms);
        for kind in Kind::ALL.into_iter().filter(|kind| speaks || *kind != Kind::Errors) {
            self.of[kind as usize].call(kind, call, rules, awake_since, now);
        }
    }

    fn fired(&self, kind: Kind) -> bool {
        self.of[kind as usize].fired().is_some()
    }

    /// Whether nothing was called for this long; time asleep or without a network is no quiet.
    fn quiet_for(&self, ms: u64, awake_since: u64, now: Now) -> bool {
        self.last_call_mono_ms.is_some_and(|last| now.mono_ms.saturating_sub(last.max(awake_since)) >= ms)
    }
}

#[derive(Debug, Default)]
struct RouteWatch {
    provider: String,
    /// Endpoint and model: another one is another target, of which nothing is known yet.
    target: (String, String),
    windows: Option<Box<Windows>>,
    /// What the trigger's window saw at the present beat.
    seen: Counts,
    shares: Shares,
    probes: Probes,
    quality: Quality,
    /// When its last call that succeeded and its last one that failed ended, on the monotonic clock.
    good_mono_ms: Option<u64>,
    bad_mono_ms: Option<u64>,
    /// Calls that succeeded since the last one that failed.
    good_in_a_row: u64,
}

#[derive(Debug, Default)]
struct ProviderWatch {
    shares: Shares,
    routes: usize,
    /// Calls that succeeded since the last one that failed.
    good_in_a_row: u64,
}

/// The windows and the triggers.
#[derive(Debug, Default)]
pub struct TriggerMonitor {
    rules: Rules,
    spans: Spans,
    routes: BTreeMap<RouteId, RouteWatch>,
    providers: BTreeMap<String, ProviderWatch>,
    /// Triggers whose route a new map no longer has, to be told at the next beat.
    gone: Vec<Change>,
    last_beat: Option<u64>,
    awake_since: u64,
}

impl TriggerMonitor {
    /// Takes a map's settings and forgets routes that are gone.
    pub(crate) fn remap(&mut self, map: &RoutingMap) {
        self.rules = Rules::of(map);
        let spans = Spans::of(map);
        let same_spans = std::mem::replace(&mut self.spans, spans) == spans;
        let mut old = std::mem::take(&mut self.routes);
        for route in &map.routes {
            let target = (route.endpoint.to_string(), route.upstream_model.clone());
            let same = |known: &RouteWatch| known.target == target && known.provider == route.provider;
            let known = match old.remove(&route.id) {
                Some(known) if same(&known) => known,
                Some(other) => {
                    self.gone.extend(farewell(Some(&route.id), &other.provider, &other.views(&route.id)));
                    RouteWatch::default()
                }
                None => RouteWatch::default(),
            };
            let windows = known.windows.filter(|_| same_spans);
            let fresh = RouteWatch { provider: route.provider.clone(), target, windows, ..known };
            self.routes.insert(route.id.clone(), fresh);
        }
        for (id, route) in old {
            self.gone.extend(farewell(Some(&id), &route.provider, &route.views(&id)));
        }
        let mut known = std::mem::take(&mut self.providers);
        for route in &map.routes {
            let place = self.providers.entry(route.provider.clone()).or_insert_with(|| ProviderWatch {
                routes: 0,
                ..known.remove(&route.provider).unwrap_or_default()
            });
            place.routes += 1;
        }
        for (name, provider) in known {
            self.gone.extend(farewell(None, &name, &provider.views(&name)));
        }
    }

    /// An attempt on a route ended. `shut`: its circuit was not closed.
    pub(crate) fn attempt(&mut self, id: &RouteId, provider: &str, outcome: &Outcome, shut: bool, now: Now) {
        let Some(call) = Call::of(outcome, shut) else { return };
        if self.last_beat.is_some_and(|beat| now.mono_ms.saturating_sub(beat) > GAP_MS) {
            self.awake_since = now.mono_ms;
        }
        // A failed test call of one route is that route's own trouble while another one of its provider answers.
        let speaks = !(call.shut && self.sister_answers(id, provider));
        if let Some(own) = self.routes.get_mut(id) {
            let spans = self.spans;
            let windows = own.windows.get_or_insert_with(|| Box::new(Windows::new(spans)));
            windows.record(&call, self.rules.is_slow(&call), now);
            own.shares.call(&call, true, &self.rules, self.awake_since, now);
            let at = if call.failed { &mut own.bad_mono_ms } else { &mut own.good_mono_ms };
            *at = Some(now.mono_ms);
            own.good_in_a_row = if call.failed { 0 } else { own.good_in_a_row.saturating_add(1) };
        }
        if let Some(provider) = self.providers.get_mut(provider) {
            provider.shares.call(&call, speaks, &self.rules, self.awake_since, now);
            provider.good_in_a_row = if call.failed { 0 } else { provider.good_in_a_row.saturating_add(1) };
        }
    }

    /// Whether another route of a provider has answered since this one failed last, and not failed itself since.
    fn sister_answers(&self, id: &RouteId, provider: &str) -> bool {
        let failed = self.routes.get(id).and_then(|route| route.bad_mono_ms);
        self.routes.iter().any(|(other, route)| {
            let well = route.good_mono_ms > route.bad_mono_ms && route.good_mono_ms >= failed;
            other != id && route.provider == provider && well
        })
    }

    /// A free probe of a route ended. `shut`: its circuit was not closed.
    pub(crate) fn probe(&mut self, id: &RouteId, ok: bool, shut: bool, now: Now) {
        let Some(route) = self.routes.get_mut(id) else { return };
        route.probes.ended(ok, now);
        if ok || !shut {
            return;
        }
        let (kind, rules, awake_since) = (Kind::Errors, self.rules, self.awake_since);
        route.shares.of[kind as usize].probe_failed(kind, &rules, awake_since, now);
        let name = route.provider.clone();
        if !self.sister_answers(id, &name)
            && let Some(provider) = self.providers.get_mut(&name)
        {
            provider.shares.of[kind as usize].probe_failed(kind, &rules, awake_since, now);
        }
    }

    /// A route's answers were scored against their baseline; both from 0 to 1.
    pub fn quality(&mut self, route: &RouteId, score: f64, baseline: f64) {
        if let Some(route) = self.routes.get_mut(route) {
            route.quality.scored(score, baseline);
        }
    }

    /// Fires what is due and clears what has recovered.
    pub(crate) fn tick(&mut self, now: Now) -> Vec<Change> {
        if self.last_beat.is_some_and(|beat| now.mono_ms.saturating_sub(beat) > GAP_MS) {
            self.awake_since = now.mono_ms;
        }
        self.last_beat = Some(now.mono_ms);
        let mut changes = std::mem::take(&mut self.gone);
        let rules = self.rules;
        for route in self.routes.values_mut() {
            let seen = route.windows.as_ref().map(|own| own.counts(rules.settings.window_ms, now));
            route.seen = seen.unwrap_or_default();
        }
        self.judge_providers(now, &mut changes);
        self.judge_routes(now, &mut changes);
        changes
    }

    fn judge_routes(&mut self, now: Now, changes: &mut Vec<Change>) {
        let rules = self.rules;
        let quiet_ms = rules.settings.window_ms.saturating_mul(QUIET_WINDOWS);
        for (id, route) in &mut self.routes {
            let siblings = self.providers.get(&route.provider);
            let p95 = || route.windows.as_ref().and_then(|w| w.p95(rules.settings.window_ms, now));
            for kind in Kind::ALL {
                let share = &mut route.shares.of[kind as usize];
                // What the provider as a whole is judged by is not said again of each of its routes.
                let said = kind == Kind::Errors
                    && siblings.is_some_and(|own| own.routes < 2 || own.shares.fired(kind));
                let verdict = share.judge(kind, &rules, route.seen, p95, !said, now);
                tell(changes, kind.trigger(), &route.provider, Some(id), verdict);
            }
            if route.shares.quiet_for(quiet_ms, self.awake_since, now) {
                for kind in Kind::ALL {
                    let verdict = route.shares.of[kind as usize].lapse(quiet_ms);
                    tell(changes, kind.trigger(), &route.provider, Some(id), verdict);
                }
            }
            for (kind, verdict) in [
                (TriggerKind::Probes, route.probes.judge(&rules, now)),
                (TriggerKind::Quality, route.quality.judge(&rules, now)),
            ] {
                tell(changes, kind, &route.provider, Some(id), verdict);
            }
        }
    }

    fn judge_providers(&mut self, now: Now, changes: &mut Vec<Change>) {
        let (rules, window_ms) = (self.rules, self.rules.settings.window_ms);
        let quiet_ms = window_ms.saturating_mul(QUIET_WINDOWS);
        for (name, provider) in &mut self.providers {
            let routes = || self.routes.values().filter(|route| route.provider == *name);
            let mut seen = Counts::default();
            let mut ill_routes = [0_u32; Kind::ALL.len()];
            for route in routes() {
                seen.add(&route.seen);
                for kind in Kind::ALL {
                    ill_routes[kind as usize] += u32::from(kind.of(&route.seen).0 > 0);
                }
            }
            let p95 = || {
                let mut all = Histogram::default();
                let windows = routes().filter_map(|route| route.windows.as_deref());
                windows.for_each(|own| own.histogram(window_ms, now, &mut all));
                all.p95()
            };
            for kind in Kind::ALL {
                let share = &mut provider.shares.of[kind as usize];
                // One ill route is that route's own trouble; traffic leaves a provider whatever its routes.
                let may_fire = kind == Kind::Errors || ill_routes[kind as usize] > 1;
                let verdict = share.judge(kind, &rules, seen, p95, may_fire, now);
                tell(changes, kind.trigger(), name, None, verdict);
            }
            if provider.shares.quiet_for(quiet_ms, self.awake_since, now) {
                for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Errors) {
                    let verdict = provider.shares.of[kind as usize].lapse(quiet_ms);
                    tell(changes, kind.trigger(), name, None, verdict);
                }
            }
        }
    }

    /// How a trigger lowers a route's weight, while one does: one of its own, or one of its provider that does not make
    /// traffic leave it.
    #[must_use]
    pub(crate) fn lowering(&self, route: &RouteId) -> Option<Lowering> {
        let route = self.routes.get(route)?;
        let lowers = |kind: &Kind| *kind != Kind::Errors;
        let own = Kind::ALL.into_iter().any(|kind| route.shares.fired(kind))
            || route.probes.fired().is_some()
            || route.quality.fired().is_some();
        let shared = self.providers.get(&route.provider).is_some_and(|provider| {
            Kind::ALL.into_iter().filter(lowers).any(|kind| provider.shares.fired(kind))
        });
        let percent = u32::try_from(self.rules.settings.lowered_weight_percent).unwrap_or(100);
        (own || shared).then_some(Lowering { percent, shared })
    }

    /// Providers whose error trigger has fired: traffic is to leave them. With the reason.
    #[must_use]
    pub fn to_leave(&self) -> Vec<(String, String)> {
        let ill = |provider: &ProviderWatch| {
            provider.shares.of[Kind::Errors as usize].fired().map(|fired| fired.reason.clone())
        };
        self.providers.iter().filter_map(|(name, own)| Some((name.clone(), ill(own)?))).collect()
    }

    /// Calls of a provider that succeeded since the last one that failed.
    pub(crate) fn good_in_a_row(&self, provider: &str) -> u64 {
        self.providers.get(provider).map_or(0, |own| own.good_in_a_row)
    }

    /// The same of these routes together.
    pub(crate) fn good_in_a_row_of(&self, routes: &[&RouteId]) -> u64 {
        routes.iter().filter_map(|id| self.routes.get(*id)).map(|route| route.good_in_a_row).sum()
    }

    /// What the last `span_ms` saw of these routes together. Spans are kept up to the longest of `failback.healthyMs`,
    /// `failback.errorMs`, `triggers.windowMs` and `triggers.errorSustainedMs`. Time is kept in
    /// steps (a thirtieth of `triggers.windowMs`, a sixtieth of the longest span for spans above that): a span begins
    /// up to one step earlier than asked.
    #[must_use]
    pub fn seen(&self, routes: &[&RouteId], span_ms: u64, now: Now) -> Seen {
        let (mut counts, mut answers) = (Counts::default(), Histogram::default());
        let known = routes.iter().filter_map(|id| self.routes.get(*id)?.windows.as_deref());
        for windows in known {
            counts.add(&windows.counts(span_ms, now));
            windows.histogram(span_ms, now, &mut answers);
        }
        Seen::of(&counts, &answers)
    }

    /// The triggers that have fired and not recovered, newest first.
    #[must_use]
    pub fn fired(&self) -> Vec<TriggerView> {
        let providers = self.providers.iter().flat_map(|(name, own)| own.views(name));
        let routes = self.routes.iter().flat_map(|(id, own)| own.views(id));
        let mut all: Vec<TriggerView> = providers.chain(routes).collect();
        all.sort_by_key(|view| std::cmp::Reverse(view.fired_at_ms));
        all
    }
}
