//! Why requests go where they go: the chain of reasons behind the status sentence, and one sentence for each route that
//! does not serve as the map says.
//!
//! It reads the finished snapshot and nothing else, so what it says is what the window shows beside it. It decides
//! nothing.

use std::cmp::Reverse;

use switchyard_domain::event::route_label;
use switchyard_domain::operate::{
    DistributionView, Kill, KillScope, Order, Overrides, ShiftPhase, ShiftView, Target, TriggerKind,
    TriggerView, WeightView, WhyView,
};
use switchyard_domain::view::{CircuitState, RouteView, Snapshot};
use switchyard_domain::{Failure, Tier};

/// Fills in the reasons. `cause`: why the first choice does not answer the next request.
pub(crate) fn explain(snapshot: &mut Snapshot, cause: Option<&str>) {
    let mut tiers = std::mem::take(&mut snapshot.tiers);
    for own in &mut tiers {
        for route in &mut own.routes {
            route.why = of_route(snapshot, own.tier, route);
        }
    }
    snapshot.tiers = tiers;
    if snapshot.map.version > 0 {
        snapshot.status.why = chain(snapshot, cause);
    }
}

/// Every reason that holds, newest first; those of unknown age last.
fn chain(snapshot: &Snapshot, cause: Option<&str>) -> Vec<WhyView> {
    let mut all = Vec::new();
    let mut say = |since_ms: Option<i64>, sentence: String| all.push(WhyView { since_ms, sentence });
    if let Some(sentence) = current_tier(snapshot.status.tier, cause) {
        say(Some(snapshot.status.since_ms), sentence);
    }
    if snapshot.pause.paused {
        say(
            snapshot.pause.since_ms,
            format!("New work is paused{}.", reason(snapshot.pause.reason.as_deref())),
        );
    }
    let network = &snapshot.network;
    if network.state.is_down() {
        let told = network.sentence.clone();
        say(
            Some(network.since_ms),
            told.unwrap_or_else(|| format!("This machine {}.", network.state.words())),
        );
    }
    for trigger in &snapshot.triggers {
        say(Some(trigger.fired_at_ms), of_trigger(trigger, lowered(snapshot, trigger)));
    }
    for shift in snapshot.shifts.iter().filter(|shift| shift.phase != ShiftPhase::Home) {
        say(Some(shift.started_at_ms), of_shift(shift));
    }
    if let Some(split) = &snapshot.distribution {
        say(None, format!("Traffic is split {}{}.", weights(split), by(&split.reason, &split.actor)));
    }
    if snapshot.map.off {
        let words = "The map switches everything off (flags.ai_enabled is false).".to_owned();
        say(snapshot.map.applied_at_ms, words);
    }
    of_overrides(&snapshot.overrides, &mut say);
    if let Some(since_ms) = snapshot.loops.storm_since_ms {
        let why = snapshot.loops.reason.as_deref();
        say(Some(since_ms), format!("Retries are cut because of a retry storm{}.", reason(why)));
    }
    if let Some(shed) = &snapshot.shed {
        say(None, format!("Work of {} priority gives way: {}.", shed.up_to.as_str(), shed.reason));
    }
    all.sort_by_key(|why| Reverse(why.since_ms));
    all
}

/// `openai 60 %, google 40 %`: as they are now.
fn weights(split: &DistributionView) -> String {
    let one = |own: &WeightView| format!("{} {:.0} %", own.target, own.percent);
    split.weights.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn current_tier(tier: Tier, cause: Option<&str>) -> Option<String> {
    let because = cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
    match tier {
        Tier::Hot => Some(format!("The first choice of Hot is out of use: {}.", cause?)),
        Tier::Warm => Some(format!("Requests go to Warm{because}.")),
        Tier::Cold => Some(format!("No route is expected to answer{because}.")),
    }
}

/// What is left of the weight of the routes a trigger lowers; none where no other route can take the rest.
fn lowered(snapshot: &Snapshot, trigger: &TriggerView) -> Option<u32> {
    let routes = snapshot.tiers.iter().flat_map(|tier| &tier.routes);
    routes.filter(|route| lowers(trigger, route)).find_map(|route| route.lowered_to_percent)
}

fn lowers(trigger: &TriggerView, route: &RouteView) -> bool {
    match &trigger.route {
        Some(id) => *id == route.id,
        None => trigger.provider == route.provider && trigger.kind != TriggerKind::Errors,
    }
}

fn of_trigger(trigger: &TriggerView, lowered: Option<u32>) -> String {
    let TriggerView { kind, provider, route, reason, recovers, .. } = trigger;
    let whose = route.as_ref().map_or(provider.as_str(), route_label);
    let effect = match (kind, route) {
        (TriggerKind::Errors, None) => format!("traffic is to leave {provider} until it is well"),
        (TriggerKind::Manual, _) => "by hand".to_owned(),
        (
            TriggerKind::ServerErrors
            | TriggerKind::RateLimited
            | TriggerKind::Slow
            | TriggerKind::Probes
            | TriggerKind::Quality
            | TriggerKind::Errors,
            _,
        ) => lowered.map_or_else(
            || "no other route can take its requests, so it keeps them".to_owned(),
            |percent| format!("it keeps {percent} % of its weight until it is well"),
        ),
    };
    format!("{whose}: {reason}; {effect} ({recovers}).")
}

fn of_shift(shift: &ShiftView) -> String {
    let ShiftView { from_words, to_words, share_percent, .. } = shift;
    let course = match shift.phase {
        ShiftPhase::Leaving => "leaving",
        ShiftPhase::Away => "away",
        ShiftPhase::Returning => "coming home",
        ShiftPhase::Home => "home",
    };
    let held = shift.held.as_ref().map(|hold| format!(", held: {}", hold.reason)).unwrap_or_default();
    let why = by(&shift.reason, &shift.actor);
    format!("{share_percent} % of {from_words}'s traffic goes to {to_words} ({course}{held}){why}.")
}

fn of_overrides(overrides: &Overrides, say: &mut impl FnMut(Option<i64>, String)) {
    let mut ordered = |order: &Order, what: String| {
        let why = by(order.reason.as_deref().unwrap_or_default(), &order.actor);
        say(Some(order.at_ms), format!("{what}{why}."));
    };
    if let Some(order) = &overrides.all_off {
        ordered(order, "Everything is switched off".to_owned());
    }
    for kill in &overrides.kills {
        ordered(&kill.order, killed(kill));
    }
    for forced in &overrides.forced {
        let state = if forced.open { "open" } else { "closed" };
        ordered(&forced.order, format!("The circuit of {} is held {state}", route_label(&forced.route)));
    }
    for (job, over) in &overrides.jobs {
        ordered(&over.order, format!("Job {job} goes to {}", over.models.join(", ")));
    }
    for except in &overrides.except {
        ordered(&except.order, format!("{} is left out", except.provider));
    }
    for (client, over) in &overrides.clients {
        let only = over.providers.as_ref().map(|own| format!("stays on {}", own.join(", ")));
        let first = over.prefer.as_ref().map(|provider| format!("goes to {provider} first"));
        let rules: Vec<String> = only.into_iter().chain(first).collect();
        ordered(&over.order, format!("App {client} {}", rules.join(" and ")));
    }
}

/// Why a route does not serve as the map says: the reason that weighs most.
fn of_route(snapshot: &Snapshot, tier: Tier, route: &RouteView) -> Option<String> {
    let overrides = &snapshot.overrides;
    if route.off_in_map {
        return Some("The map switches it off.".to_owned());
    }
    if let Some(kill) = &route.killed {
        return Some(by_order(&killed(kill), &kill.order));
    }
    if !route.in_service {
        return Some("It is switched off by hand.".to_owned());
    }
    if let Some(except) = overrides.except.iter().find(|except| except.provider == route.provider) {
        return Some(by_order(&format!("{} is left out for now", except.provider), &except.order));
    }
    if let Some(forced) = overrides.forced.iter().find(|forced| forced.route == route.id && forced.open) {
        return Some(by_order("Its circuit is held open", &forced.order));
    }
    by_its_state(route).or_else(|| by_traffic(snapshot, tier, route)).or_else(|| {
        let held = overrides.forced.iter().find(|forced| forced.route == route.id)?;
        Some(by_order("Its circuit is held closed, whatever it answers", &held.order))
    })
}

fn by_its_state(route: &RouteView) -> Option<String> {
    let after = route.last_failure.as_ref().map(|failure| format!(" after {}", Failure::short(failure)));
    let after = after.unwrap_or_default();
    match route.circuit {
        CircuitState::Open => {
            let next = match route.next_probe_in_ms {
                Some(0) => "the next request tests it".to_owned(),
                Some(ms) => format!("the next test call goes in {} s", ms.div_ceil(1_000)),
                None => "a test call is under way".to_owned(),
            };
            return Some(format!("Its circuit is open{after}; {next}."));
        }
        CircuitState::HalfOpen => return Some(format!("It is being tested{after}.")),
        CircuitState::Closed => {}
    }
    if let Some(ms) = route.cooldown_ms {
        return Some(format!("It is left alone for {} s{after}.", ms.div_ceil(1_000)));
    }
    let lacks_key = route.detail.as_deref().filter(|detail| *detail == "no usable key");
    lacks_key.map(|_| format!("It has no usable key. Store one for {} under Providers.", route.provider))
}

fn by_traffic(snapshot: &Snapshot, tier: Tier, route: &RouteView) -> Option<String> {
    if let Some(percent) = route.shifted_percent.filter(|percent| *percent > 0) {
        let moves = snapshot.shifts.iter().filter(|shift| shift.share_percent == percent);
        let own = moves.filter(|shift| may_leave(&shift.from, tier, route));
        // A model by another of its names comes last: the snapshot does not know whose it is.
        let moved =
            own.min_by_key(|shift| matches!(&shift.from, Target::Model(name) if *name != route.model));
        let why = moved.map(|shift| by(&shift.reason, &shift.actor)).unwrap_or_default();
        return Some(format!("{percent} % of its traffic goes elsewhere{why}."));
    }
    let trigger = snapshot.triggers.iter().find(|trigger| lowers(trigger, route));
    let why = trigger.map(|trigger| format!(": {}", trigger.reason)).unwrap_or_default();
    match route.lowered_to_percent {
        Some(percent) => Some(format!("It keeps {percent} % of its weight{why}.")),
        None => {
            trigger.map(|_| format!("It keeps all of its requests, since no other route can take them{why}."))
        }
    }
}

/// Whether traffic that leaves a part of the map may leave a route. A model has names that only the map knows.
fn may_leave(from: &Target, tier: Tier, route: &RouteView) -> bool {
    match from {
        Target::Tier(own) => *own == tier,
        Target::Provider(name) => *name == route.provider,
        Target::Route(id) => *id == route.id,
        Target::Model(_) => true,
        Target::Rest => false,
    }
}

fn killed(kill: &Kill) -> String {
    let what = match &kill.scope {
        KillScope::Route(id) => format!("Route {id}"),
        KillScope::Model(name) => format!("Model {name}"),
        KillScope::Provider(name) => format!("Provider {name}"),
    };
    format!("{what} is out of service")
}

fn by_order(what: &str, order: &Order) -> String {
    format!("{what}{}.", by(order.reason.as_deref().unwrap_or_default(), &order.actor))
}

/// `: the reason (cli)`, `(cli)`.
fn by(reason: &str, actor: &str) -> String {
    if reason.is_empty() { format!(" ({actor})") } else { format!(": {reason} ({actor})") }
}

fn reason(text: Option<&str>) -> String {
    text.map(|text| format!(": {text}")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
