//! What a request is planned by, and what an empty plan means: whether waiting helps, for how long, and why in words.

use std::sync::Arc;

use switchyard_domain::map::RouteIx;
use switchyard_domain::{Failure, FailureKind, Feature, FeatureSet, Operation};
use switchyard_policy::{Needs, Out, Plan, plan};

use super::Parked;
use crate::clock;
use crate::intake::Ask;
use crate::shared::{Running, Shared};

/// Where nothing says when a route comes back, callers are asked to wait this long, milliseconds.
pub(super) const AGAIN_MS: u64 = 30_000;

/// What no translation carries: it works only on routes that speak the caller's own dialect.
pub(crate) const BOUND: FeatureSet =
    FeatureSet::of(&[Feature::Audio, Feature::Choices, Feature::Logprobs, Feature::State]);

/// The plan of a request by the fleet's state now, and the roll it was made with; none where no map is applied.
pub(super) fn decide(shared: &Arc<Shared>, running: &Running, ask: &Ask) -> Option<(u64, Plan)> {
    let needs = Needs {
        model: asked_model(shared, running, ask),
        dialect: ask.dialect,
        operation: ask.operation,
        features: ask.envelope.features,
        bound: BOUND,
        tokens: ask.envelope.estimated_prompt_tokens(),
        passthrough_key: ask.own_key.is_some(),
        avoid: ask.avoid.clone(),
        client: ask.client.to_string(),
        conversation: ask.conversation,
    };
    let roll = crate::ids::roll();
    shared.with_fleet(|fleet| (roll, plan(&running.map, &ask.job, fleet, &needs, roll, clock::now())))
}

/// The model asked for. Vectors come from one model alone: a job named instead, or `auto`, means its first route's.
fn asked_model(shared: &Shared, running: &Running, ask: &Ask) -> String {
    let named = &ask.envelope.model;
    if ask.operation == Operation::Embed && (named == "auto" || named.starts_with("switchyard/")) {
        let line = shared.with_fleet(|fleet| fleet.line(&running.map, &ask.job).into_owned());
        let line = line.unwrap_or_default();
        let embeds = |ix: &&RouteIx| {
            let route = running.map.route(**ix);
            route.enabled && route.dialect_for(ask.dialect).offers(Operation::Embed)
        };
        if let Some(first) = line.hot.iter().chain(&line.warm).find(embeds) {
            return running.map.route(*first).model.clone();
        }
    }
    named.clone()
}

/// Whether a route is left out for want of a key.
pub(super) fn lacks_keys(plan: &Plan) -> bool {
    plan.excluded.iter().any(|excluded| excluded.why == Out::NoCredential)
}

/// Whether the request itself, not the routes' state, leaves nothing to try: waiting would not help.
pub(super) fn is_for_no_route(plan: &Plan) -> bool {
    // What an app may never reach is of no use to wait for either.
    let mut within = plan.excluded.iter().filter(|excluded| excluded.why != Out::OutOfBounds).peekable();
    within.peek().is_some() && within.all(|excluded| excluded.why.is_for_the_request())
}

/// When the first excluded route comes back by itself.
pub(super) fn again_in_ms(plan: &Plan) -> u64 {
    let now = clock::now().mono_ms;
    // A test call under way ends in a moment.
    let back_at = |why: Out| why.until_mono_ms().or_else(|| why.may_return().then_some(now));
    let soonest = plan.excluded.iter().filter_map(|excluded| back_at(excluded.why)).min();
    soonest.map_or(AGAIN_MS, |until| until.saturating_sub(now).clamp(1_000, 300_000))
}

/// Where there is no map to plan by.
pub(super) fn no_map() -> Parked {
    Parked {
        attempts: 0,
        reached_upstream: false,
        why: Failure::new(FailureKind::NoRoute, "No routing map is applied."),
        again_in_ms: 60_000,
    }
}

/// Why a plan has no candidate, in words that name the fix.
pub(super) fn nothing_to_try(running: &Running, plan: &Plan) -> Failure {
    let mut reasons: Vec<String> = Vec::new();
    let mut only_keys = !plan.excluded.is_empty();
    for excluded in &plan.excluded {
        let route = running.map.route(excluded.route);
        only_keys &= excluded.why == Out::NoCredential;
        let why = match excluded.why {
            Out::SwitchedOff => "switched off by hand".to_owned(),
            Out::OffInMap => "switched off in the map".to_owned(),
            Out::Gone => "no longer in the map".to_owned(),
            Out::WarmDisabled => "Warm is switched off (flags.enable_warm_fallback)".to_owned(),
            Out::CircuitOpen { .. } => "circuit open".to_owned(),
            Out::TestUnderWay => "being tested".to_owned(),
            Out::CoolingDown { .. } => "asked to be left alone for a while".to_owned(),
            Out::NoCredential => format!("no usable key; run `switchyard credential set {}`", route.provider),
            Out::NeedsCallersKey => "needs the caller's own key beside x-switchyard-key".to_owned(),
            Out::Lacks(feature) => format!("can't do {}", feature.words()),
            Out::NoOperation(operation) => format!("has no {}", operation.words()),
            Out::OtherModel => format!("serves {}, and vectors of two models can't be compared", route.model),
            Out::WindowTooSmall { window } => format!("takes {window} tokens at most"),
            Out::NotChecked => format!("waits for its check; run `switchyard compat {}`", route.id),
            Out::Killed => "its model or provider is switched off by hand".to_owned(),
            Out::HeldOpen => "its breaker is held open by hand".to_owned(),
            Out::Excepted => format!("{} is left out for now", route.provider),
            Out::OutOfBounds => format!("this app's requests may not reach {}", route.provider),
            Out::Offline => "this machine's network is down".to_owned(),
        };
        reasons.push(format!("{}: {why}", route.id));
    }
    let too_long =
        |excluded: &switchyard_policy::Excluded| matches!(excluded.why, Out::WindowTooSmall { .. });
    let offline = plan.excluded.iter().any(|excluded| excluded.why == Out::Offline);
    let kind = if offline {
        FailureKind::Offline
    } else if only_keys {
        FailureKind::CredentialMissing
    } else if is_for_no_route(plan) && plan.excluded.iter().any(too_long) {
        FailureKind::ContextLength
    } else if is_for_no_route(plan) {
        FailureKind::NotTranslatable
    } else {
        FailureKind::NoRoute
    };
    let bounded = plan.excluded.iter().all(|excluded| excluded.why == Out::OutOfBounds);
    let code = if bounded && !plan.excluded.is_empty() { "out_of_bounds" } else { "no_route" };
    Failure {
        code: Some(code.to_owned()),
        ..Failure::new(kind, format!("No route can serve this. {}.", reasons.join("; ")))
    }
}
