//! What a map's routes stand on: a chain of providers that share one infrastructure falls as one (product.md 3.5 F5).

use std::collections::BTreeMap;

use super::fault::{Fault, Path};
use super::preset::Layout;
use super::proven::{Line, Route, RouteIx, RoutingMap};

/// Chains that fall as one.
pub(super) fn warnings(map: &RoutingMap) -> Vec<Fault> {
    let mut found = line_warnings(map, &map.line, &Path::root());
    if found.is_empty() {
        found.extend(one_provider(map));
    }
    for (name, job) in map.jobs.iter().filter(|(_, job)| job.own_line) {
        found.extend(line_warnings(map, &job.line, &Path::root().field("jobs").field(name)));
    }
    found
}

/// A default line of one provider: nobody stands in for it. A job may be meant so.
fn one_provider(map: &RoutingMap) -> Option<Fault> {
    let chain = map.line.hot.iter().chain(&map.line.warm).map(|ix| map.route(*ix));
    let mut providers: Vec<&str> =
        chain.filter(|route| route.enabled).map(|route| route.provider.as_str()).collect();
    providers.dedup();
    let [only] = providers.as_slice() else { return None };
    let message = format!(
        "Every route is of {only}: an outage there leaves nothing but the queue. Add a route of another provider to \
         `warm`."
    );
    Some(Fault::new(Path::root().field("warm"), message))
}

/// A place of a chain: where it is written, and its route.
type Place<'a> = (Path, &'a Route);

fn line_warnings(map: &RoutingMap, line: &Line, at: &Path) -> Vec<Fault> {
    let place = |tier: &str, (n, ix): (usize, &RouteIx)| (at.field(tier).index(n), map.route(*ix));
    let hot = line.hot.iter().enumerate().map(|found| place("hot", found));
    let warm = line.warm.iter().enumerate().map(|found| place("warm", found));
    let chain: Vec<Place<'_>> = hot.chain(warm).filter(|(_, route)| route.enabled).collect();
    let mut by_infrastructure: BTreeMap<String, Vec<&Place<'_>>> = BTreeMap::new();
    for place in &chain {
        for shared in infrastructure(map, place.1) {
            by_infrastructure.entry(shared).or_default().push(place);
        }
    }
    let mut warned: Vec<(String, Fault)> = Vec::new();
    for (shared, places) in &by_infrastructure {
        let Some(first) = places.first() else { continue };
        if let Some(other) = places.iter().find(|other| other.1.provider != first.1.provider) {
            let message = format!(
                "`{}` and `{}` ({}) both stand on {shared}: an outage there takes both. Put a provider of another \
                 vendor or region beside them.",
                other.1.provider, first.1.provider, first.0
            );
            // One pair of places is told once, whatever it shares.
            if !warned.iter().any(|(path, _)| *path == other.0.to_string()) {
                warned.push((other.0.to_string(), Fault::new(other.0.clone(), message)));
            }
        } else if chain.len() > 1 && places.len() == chain.len() && warned.is_empty() {
            let message = format!(
                "Every route stands on {shared}: an outage there leaves nothing but the queue. Add a route of another \
                 provider to `warm`."
            );
            warned.push((at.to_string(), Fault::new(at.field("warm"), message)));
        }
    }
    warned.into_iter().map(|(_, fault)| fault).collect()
}

/// What a route stands on: its host or its AWS region, and its vendor where that has one address for everybody.
fn infrastructure(map: &RoutingMap, route: &Route) -> Vec<String> {
    let host = route.host();
    let mut infrastructure =
        vec![aws_region(&host).map_or_else(|| host.clone(), |region| format!("AWS {region}"))];
    let preset = map.providers.get(&route.provider).and_then(|provider| provider.preset);
    // A preset with an address of one's own may point anywhere.
    if let Some(preset) =
        preset.filter(|preset| preset.layout == Layout::Fixed && preset.is_own(&route.base_url))
    {
        let vendor = format!("{}'s own API", preset.name);
        if !infrastructure.contains(&vendor) {
            infrastructure.push(vendor);
        }
    }
    infrastructure
}

/// The region in an AWS host: `bedrock-runtime.eu-west-1.amazonaws.com`, also FIPS and private endpoints.
fn aws_region(host: &str) -> Option<&str> {
    let host = host.split(':').next().unwrap_or(host);
    let front = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    front.split('.').find(|part| part.split('-').count() >= 3 && part.ends_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use serde_json::{Value, json};

    use super::super::{Format, read};
    use super::*;

    fn told(hot: &[(&str, &str)], warm: &[(&str, &str)]) -> Vec<String> {
        let model = AtomicU32::new(0);
        let route = |(provider, url): &(&str, &str)| {
            let mut route = json!({ "provider": provider, "model": format!("m{}", model.fetch_add(1, Ordering::Relaxed)) });
            if !url.is_empty() {
                route["baseUrl"] = json!(url);
            }
            route
        };
        let routes = |list: &[(&str, &str)]| Value::Array(list.iter().map(route).collect());
        let document = json!({
            "hot": routes(hot), "warm": routes(warm),
            "cold": { "mode": "graceful_degrade", "queue": "q", "notify": [] },
        });
        let map = read(&document.to_string(), Format::Json, &|name: &str| {
            (name == "AWS_REGION").then(|| "us-east-1".to_owned())
        })
        .unwrap();
        warnings(&map).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn providers_that_share_a_host_or_a_region_are_named_and_others_are_not() {
        let openai = "https://api.openai.com/v1";
        let eu = "https://bedrock-runtime.eu-west-1.amazonaws.com";
        let eu_fips = "https://bedrock-runtime-fips.eu-west-1.amazonaws.com";
        for (hot, warm, expected) in [
            (vec![("anthropic", "")], vec![("openai", "")], vec![]),
            (vec![("openai", "")], vec![("azure-openai", "https://me.openai.azure.com/openai/v1")], vec![]),
            (
                vec![("openai", "")],
                vec![("mine", openai)],
                vec!["warm[0]", "`mine` and `openai`", "api.openai.com"],
            ),
            (vec![("bedrock", eu)], vec![("claude-eu", eu_fips)], vec!["warm[0]", "AWS eu-west-1"]),
            (vec![("bedrock", "")], vec![("claude-eu", eu)], vec![]),
            (
                vec![("openai", ""), ("openai", "")],
                vec![],
                vec!["warm", "Every route stands on api.openai.com"],
            ),
            (vec![("openai", "")], vec![], vec!["warm", "Every route is of openai", "nothing but the queue"]),
            (
                vec![("mine", "http://127.0.0.1:1/v1"), ("mine", "http://127.0.0.2:1/v1")],
                vec![],
                vec!["warm", "Every route is of mine"],
            ),
        ] {
            let said = told(&hot, &warm);
            assert_eq!(said.len(), usize::from(!expected.is_empty()), "{said:?}");
            for part in expected {
                assert!(said[0].contains(part), "{part}: {said:?}");
            }
        }
    }
}
