//! What a request is planned by, and what an empty plan means: whether waiting helps, for how long, and why in words.

use std::sync::Arc;

use switchyard_domain::map::RouteIx;
use switchyard_domain::{Failure, FailureKind, Feature, FeatureSet, Operation};
use switchyard_policy::{Exclusion, Needs, Plan, plan};

use super::Unserved;
use crate::core::Running;
use crate::core::clock;
use crate::walk::Walk;
use crate::walk::request::ProxyRequest;

/// Where nothing says when a route comes back, callers are asked to wait this long, milliseconds.
pub(super) const AGAIN_MS: u64 = 30_000;

/// What no translation carries: it works only on routes that speak the caller's own dialect.
pub(crate) const BOUND: FeatureSet =
    FeatureSet::of(&[Feature::Audio, Feature::Choices, Feature::Logprobs, Feature::State]);

/// The plan of a request by the fleet's state now, and the roll it was made with; none where no map is applied.
pub(super) fn decide(walk: &Arc<Walk>, running: &Running, request: &ProxyRequest) -> Option<(u64, Plan)> {
    let needs = Needs {
        model: asked_model(walk, running, request),
        dialect: request.dialect,
        operation: request.operation,
        features: request.envelope.features,
        bound: BOUND,
        tokens: request.envelope.estimated_prompt_tokens(),
        passthrough_key: request.own_key.is_some(),
        avoid: request.avoid.clone(),
        client: request.client.to_string(),
        conversation: request.conversation,
    };
    let roll = crate::core::ids::roll();
    walk.core.with_fleet(|fleet| (roll, plan(&running.map, &request.job, fleet, &needs, roll, clock::now())))
}

/// The model asked for. Vectors come from one model alone: a job named instead, or `auto`, means its first route's.
fn asked_model(walk: &Walk, running: &Running, request: &ProxyRequest) -> String {
    let named = &request.envelope.model;
    if request.operation == Operation::Embed && (named == "auto" || named.starts_with("switchyard/")) {
        let line = walk.core.with_fleet(|fleet| fleet.line(&running.map, &request.job).into_owned());
        let line = line.unwrap_or_default();
        let embeds = |ix: &&RouteIx| {
            let route = running.map.route(**ix);
            route.enabled && route.dialect_for(request.dialect).offers(Operation::Embed)
        };
        if let Some(first) = line.hot.iter().chain(&line.warm).find(embeds) {
            return running.map.route(*first).model.clone();
        }
    }
    named.clone()
}

/// Whether a route is left out for want of a key.
pub(super) fn lacks_keys(plan: &Plan) -> bool {
    plan.excluded.iter().any(|excluded| excluded.why == Exclusion::NoCredential)
}

/// Whether the request itself, not the routes' state, leaves nothing to try: waiting would not help.
pub(super) fn is_for_no_route(plan: &Plan) -> bool {
    // What an app may never reach is of no use to wait for either.
    let mut within =
        plan.excluded.iter().filter(|excluded| excluded.why != Exclusion::OutOfBounds).peekable();
    within.peek().is_some() && within.all(|excluded| excluded.why.is_for_the_request())
}

/// When the first excluded route comes back by itself.
pub(super) fn again_in_ms(plan: &Plan) -> u64 {
    let now = clock::now().mono_ms;
    // A test call under way ends in a moment.
    let back_at = |why: Exclusion| why.until_mono_ms().or_else(|| why.may_return().then_some(now));
    let soonest = plan.excluded.iter().filter_map(|excluded| back_at(excluded.why)).min();
    soonest.map_or(AGAIN_MS, |until| until.saturating_sub(now).clamp(1_000, 300_000))
}

/// Where there is no map to plan by.
pub(super) fn no_map() -> Unserved {
    Unserved {
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
        only_keys &= excluded.why == Exclusion::NoCredential;
        let why = match excluded.why {
            Exclusion::SwitchedOff => "switched off by hand".to_owned(),
            Exclusion::OffInMap => "switched off in the map".to_owned(),
            Exclusion::Gone => "no longer in the map".to_owned(),
            Exclusion::WarmDisabled => "Warm is switched off (flags.enable_warm_fallback)".to_owned(),
            Exclusion::CircuitOpen { .. } => "circuit open".to_owned(),
            Exclusion::TestUnderWay => "being tested".to_owned(),
            Exclusion::CoolingDown { .. } => "asked to be left alone for a while".to_owned(),
            Exclusion::NoCredential => {
                format!("no usable key; run `switchyard credential set {}`", route.provider)
            }
            Exclusion::NeedsCallersKey => "needs the caller's own key beside x-switchyard-key".to_owned(),
            Exclusion::Lacks(feature) => format!("can't do {}", feature.words()),
            Exclusion::NoOperation(operation) => format!("has no {}", operation.words()),
            Exclusion::OtherModel => {
                format!("serves {}, and vectors of two models can't be compared", route.model)
            }
            Exclusion::WindowTooSmall { window } => format!("takes {window} tokens at most"),
            Exclusion::NotChecked => format!("waits for its check; run `switchyard compat {}`", route.id),
            Exclusion::Killed => "its model or provider is switched off by hand".to_owned(),
            Exclusion::HeldOpen => "its breaker is held open by hand".to_owned(),
            Exclusion::Excepted => format!("{} is left out for now", route.provider),
            Exclusion::OutOfBounds => format!("this app's requests may not reach {}", route.provider),
            Exclusion::Offline => "this machine's network is down".to_owned(),
        };
        reasons.push(format!("{}: {why}", route.id));
    }
    let too_long =
        |excluded: &switchyard_policy::Excluded| matches!(excluded.why, Exclusion::WindowTooSmall { .. });
    let offline = plan.excluded.iter().any(|excluded| excluded.why == Exclusion::Offline);
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
    let bounded = plan.excluded.iter().all(|excluded| excluded.why == Exclusion::OutOfBounds);
    let code = if bounded && !plan.excluded.is_empty() { "out_of_bounds" } else { "no_route" };
    Failure {
        code: Some(code.to_owned()),
        ..Failure::new(kind, format!("No route can serve this. {}.", reasons.join("; ")))
    }
}
