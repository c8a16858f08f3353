//! Traffic split by weights other than the map's, over the whole line, and the change from one split to the next.

use switchyard_domain::event::EventKind;
use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::operate::{DistributionView, SetDistribution, Target, WeightView};
use switchyard_domain::{Now, Problem, Tier};

use super::target;

/// The longest change of weights, milliseconds; the same as the map's `shift.transitionMs` may have.
const LONGEST_TRANSITION_MS: u64 = 86_400_000;

/// One target's share of the traffic, percent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Share {
    pub(super) target: Target,
    /// Before the change.
    pub(super) from: f64,
    /// After it.
    pub(super) goal: f64,
}

/// A split of traffic and how far its change has come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Distribution {
    /// The targets named, and the rest as the last.
    pub(super) shares: Vec<Share>,
    /// When the change began, on the monotonic clock.
    pub(super) began: u64,
    pub(super) transition_ms: u64,
    pub(super) reason: String,
    pub(super) actor: String,
}

impl Distribution {
    /// Reads a wish. `before` is the split that holds now, if it is not the map's.
    ///
    /// # Errors
    /// A problem that names the weight.
    pub(super) fn new(
        map: &RoutingMap,
        command: &SetDistribution,
        before: Option<&Self>,
        actor: &str,
        now: Now,
    ) -> Result<Self, Problem> {
        let refuse = |message: String| Problem::new("invalid_weights", message);
        let sum: u64 = command.weights.values().map(|weight| u64::from(*weight)).sum();
        if sum == 0 {
            return Err(refuse("weights: at least one must be above 0.".to_owned()));
        }
        if let Some(ms) = command.transition_ms.filter(|ms| *ms > LONGEST_TRANSITION_MS) {
            return Err(refuse(format!("transitionMs: {ms} is more than {LONGEST_TRANSITION_MS} (24 h).")));
        }
        let mut shares: Vec<Share> = Vec::new();
        for (name, weight) in &command.weights {
            let target = target::read(map, "weights", name)?;
            if matches!(target, Target::Tier(_) | Target::Rest) {
                return Err(refuse(format!("weights.{name}: name a provider, a route or a model.")));
            }
            if shares.iter().any(|share| share.target == target) {
                return Err(refuse(format!("weights.{name}: {target} is named twice.")));
            }
            #[expect(clippy::cast_precision_loss, reason = "weights are 32 bits wide")]
            let goal = f64::from(*weight) * 100.0 / sum as f64;
            shares.push(Share { target, from: 0.0, goal });
        }
        shares.push(Share { target: Target::Rest, from: 0.0, goal: 0.0 });
        let mut made = Self {
            shares,
            began: now.mono_ms,
            transition_ms: command.transition_ms.unwrap_or(map.shift.transition_ms),
            reason: command.reason.clone().unwrap_or_else(|| "by hand".to_owned()),
            actor: actor.to_owned(),
        };
        made.begin_from(map, before, now);
        Ok(made)
    }

    /// The change begins at the split that holds now.
    fn begin_from(&mut self, map: &RoutingMap, before: Option<&Self>, now: Now) {
        let present: Vec<(Target, f64)> = match before {
            Some(before) => before.now(now).collect(),
            None => of_map(map)
                .into_iter()
                .map(|(ix, share)| (Target::Route(map.route(ix).id.clone()), share))
                .collect(),
        };
        for (target, share) in present {
            let own = match &target {
                Target::Route(id) if before.is_none() => {
                    map.find(id.as_str()).and_then(|ix| self.place_of(map, ix))
                }
                Target::Route(_)
                | Target::Provider(_)
                | Target::Model(_)
                | Target::Tier(_)
                | Target::Rest => self.shares.iter().position(|own| own.target == target),
            };
            let at = own.unwrap_or(self.shares.len() - 1);
            self.shares[at].from += share;
        }
    }

    /// Which share a route belongs to: the narrowest that names it. None for the rest.
    pub(crate) fn place_of(&self, map: &RoutingMap, ix: RouteIx) -> Option<usize> {
        let route = map.route(ix);
        let narrow = |target: &Target| match target {
            Target::Route(_) => 0,
            Target::Model(_) => 1,
            Target::Provider(_) | Target::Tier(_) | Target::Rest => 2,
        };
        let named = self.shares.iter().enumerate();
        named
            .filter(|(_, share)| target::covers(&share.target, route, Tier::Cold))
            .min_by_key(|(_, share)| narrow(&share.target))
            .map(|(at, _)| at)
    }

    /// How much of the change is done, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "spans of time are far below 2^52")]
    fn done(&self, now: Now) -> f64 {
        let passed = now.mono_ms.saturating_sub(self.began);
        if passed >= self.transition_ms { 1.0 } else { passed as f64 / self.transition_ms as f64 }
    }

    /// Every target's share now, percent; the rest last.
    pub(crate) fn now(&self, now: Now) -> impl Iterator<Item = (Target, f64)> + '_ {
        self.shares_now(now).zip(&self.shares).map(|(percent, share)| (share.target.clone(), percent))
    }

    /// The same without the targets, in their order.
    pub(crate) fn shares_now(&self, now: Now) -> impl Iterator<Item = f64> + '_ {
        let done = self.done(now);
        self.shares.iter().map(move |share| share.from + (share.goal - share.from) * done)
    }

    /// The place of the rest among the shares.
    pub(crate) fn rest(&self) -> usize {
        self.shares.len() - 1
    }

    /// Forgets targets a new map no longer has; false when none is left.
    pub(super) fn keep(&mut self, map: &RoutingMap) -> bool {
        let covered =
            |target: &Target| map.routes.iter().any(|route| target::covers(target, route, Tier::Cold));
        let before = self.shares.len();
        self.shares.retain(|share| share.target == Target::Rest || covered(&share.target));
        if self.shares.len() != before {
            let sums =
                self.shares.iter().fold((0.0, 0.0), |sum, share| (sum.0 + share.from, sum.1 + share.goal));
            for share in &mut self.shares {
                share.from = of_sum(share.from, sums.0);
                share.goal = of_sum(share.goal, sums.1);
            }
        }
        self.shares.iter().any(|share| share.goal > 0.0)
    }

    /// What is left of a change that was under way for `passed_ms` begins now.
    pub(super) fn begin_again(&mut self, passed_ms: u64, now: Now) {
        let there = Now { mono_ms: self.began.saturating_add(passed_ms), ..now };
        let reached: Vec<f64> = self.shares_now(there).collect();
        self.shares.iter_mut().zip(reached).for_each(|(share, reached)| share.from = reached);
        self.transition_ms = self.transition_ms.saturating_sub(passed_ms);
        self.began = now.mono_ms;
    }

    pub(super) fn skip(&mut self, ms: u64, now: Now) {
        self.began = self.began.saturating_add(ms).min(now.mono_ms);
    }

    /// As people write it: `bedrock:50,google:30`.
    pub(super) fn words(&self) -> String {
        let named = self.shares.iter().filter(|share| share.target != Target::Rest);
        let words: Vec<String> = named.map(|share| format!("{}:{:.0}", share.target, share.goal)).collect();
        words.join(",")
    }

    pub(super) fn told(&self) -> EventKind {
        EventKind::Distributed {
            weights: Some(self.words()),
            actor: self.actor.clone(),
            reason: self.reason.clone(),
        }
    }

    pub(super) fn view(&self, now: Now) -> DistributionView {
        let left = self.began.saturating_add(self.transition_ms).saturating_sub(now.mono_ms);
        let over = now.mono_ms.saturating_sub(self.began.saturating_add(self.transition_ms));
        let named = self.shares_now(now).zip(&self.shares);
        DistributionView {
            weights: named
                .filter(|(percent, share)| share.target != Target::Rest || *percent > 0.0)
                .map(|(percent, share)| WeightView {
                    target: share.target.clone(),
                    percent,
                    goal_percent: share.goal,
                })
                .collect(),
            complete_at_ms: now.wall_ms.saturating_add_unsigned(left).saturating_sub_unsigned(over),
            reason: self.reason.clone(),
            actor: self.actor.clone(),
        }
    }
}

fn of_sum(part: f64, sum: f64) -> f64 {
    if sum > 0.0 { part * 100.0 / sum } else { 0.0 }
}

/// The map's own split: what its first tier with routes gives to each of them, percent.
fn of_map(map: &RoutingMap) -> Vec<(RouteIx, f64)> {
    let tier = if map.line.hot.is_empty() { &map.line.warm } else { &map.line.hot };
    let weight = |ix: &RouteIx| f64::from(map.route(*ix).weight.unwrap_or_default());
    let sum: f64 = tier.iter().map(weight).sum();
    if sum > 0.0 {
        return tier.iter().map(|ix| (*ix, weight(ix) * 100.0 / sum)).collect();
    }
    tier.first().map(|ix| (*ix, 100.0)).into_iter().collect()
}
