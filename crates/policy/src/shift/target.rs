//! What a target's words mean in a map.

use switchyard_domain::map::{Route, RouteIx, RoutingMap, names_of};
use switchyard_domain::operate::Target;
use switchyard_domain::{Problem, Tier, did_you_mean};

/// Reads a target as people write it. `field` is named in the problem.
pub(super) fn read(map: &RoutingMap, field: &str, text: &str) -> Result<Target, Problem> {
    let text = text.trim();
    let found = match text.split_once(':') {
        Some(("tier", name)) => tier(name),
        Some(("provider", name)) => provider(map, name),
        Some(("route", name)) => route(map, name),
        Some(("model", name)) => model(map, name),
        Some(_) | None if text.eq_ignore_ascii_case("rest") => Some(Target::Rest),
        Some(_) | None => tier(text)
            .or_else(|| provider(map, text))
            .or_else(|| route(map, text))
            .or_else(|| model(map, text)),
    };
    found.ok_or_else(|| unknown(map, field, text))
}

fn unknown(map: &RoutingMap, field: &str, text: &str) -> Problem {
    let providers: Vec<&str> = map.providers.keys().map(String::as_str).collect();
    let routes: Vec<&str> = map.routes.iter().map(|route| route.id.as_str()).collect();
    let models = map.routes.iter().map(|route| route.model.as_str());
    let names = ["hot", "warm"].into_iter().chain(providers.iter().copied()).chain(routes.iter().copied());
    let name = text.split_once(':').map_or(text, |(_, name)| name);
    let meant = did_you_mean(name, names.chain(models));
    Problem::new(
        "invalid_target",
        format!(
            "{field}: the map has no tier, provider, route or model `{text}`.{meant} Write hot, warm, a provider ({}), a route \
             ({}) or its model.",
            providers.join(", "),
            routes.join(", ")
        ),
    )
}

fn tier(name: &str) -> Option<Target> {
    [Tier::Hot, Tier::Warm]
        .into_iter()
        .find(|tier| tier.as_str().eq_ignore_ascii_case(name))
        .map(Target::Tier)
}

fn provider(map: &RoutingMap, name: &str) -> Option<Target> {
    let called = |own: &&str| own.eq_ignore_ascii_case(name);
    let known = |provider: &&String| names_of(provider).iter().any(called);
    map.providers.keys().find(known).map(|provider| Target::Provider(provider.clone()))
}

fn route(map: &RoutingMap, name: &str) -> Option<Target> {
    map.find(name).map(|ix| Target::Route(map.route(ix).id.clone()))
}

fn model(map: &RoutingMap, name: &str) -> Option<Target> {
    map.routes.iter().any(|route| route.serves(name)).then(|| Target::Model(name.to_owned()))
}

/// Whether a target means this route, which stands in `tier`. The rest is what the other side leaves: never here.
pub(crate) fn covers(target: &Target, route: &Route, tier: Tier) -> bool {
    match target {
        Target::Tier(own) => *own == tier,
        Target::Provider(provider) => route.provider == *provider,
        Target::Route(id) => route.id == *id,
        Target::Model(name) => route.serves(name),
        Target::Rest => false,
    }
}

/// Where the map's own line has a route; Cold when only jobs use it.
pub(super) fn tier_of(map: &RoutingMap, ix: RouteIx) -> Tier {
    let stands = |tier: &Tier| map.line.tier(*tier).contains(&ix);
    [Tier::Hot, Tier::Warm].into_iter().find(stands).unwrap_or(Tier::Cold)
}

/// The routes traffic is moved from, and those it is moved to.
pub(super) fn sides(map: &RoutingMap, from: &Target, to: &Target) -> (Vec<RouteIx>, Vec<RouteIx>) {
    let all = || (0..map.routes.len()).map(RouteIx);
    let is_from = |ix: &RouteIx| covers(from, map.route(*ix), tier_of(map, *ix));
    let is_to = |ix: &RouteIx| *to == Target::Rest || covers(to, map.route(*ix), tier_of(map, *ix));
    (all().filter(is_from).collect(), all().filter(|ix| !is_from(ix) && is_to(ix)).collect())
}

/// The provider a target's routes have in common.
pub(super) fn provider_of(map: &RoutingMap, routes: &[RouteIx]) -> Option<String> {
    let mut providers = routes.iter().map(|ix| &map.route(*ix).provider);
    let first = providers.next()?;
    providers.all(|other| other == first).then(|| first.clone())
}
