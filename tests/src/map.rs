//! Routing maps for scenarios: the product's defaults, only faster, and without probes that would blur counts.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Provider};

use crate::Kind;

/// A route to a simulated provider. Its id is the provider's name.
#[must_use]
pub fn route(provider: &Provider) -> Value {
    Kind::from(provider.dialect().unwrap_or(Dialect::OpenaiChat)).route(provider)
}

/// The same route, asked as a provider out in the world is: with the system's proxy in mind and TLS at hand. The
/// router has a shorter way to what it knows to be this machine, and must fail over alike on both.
///
/// Connecting to 0.0.0.0 means this machine too (Linux, macOS), but does not look like it.
#[must_use]
pub fn far(mut route: Value) -> Value {
    let near = route["baseUrl"].as_str().unwrap_or_default();
    route["baseUrl"] = json!(near.replace("127.0.0.1", "0.0.0.0"));
    route
}

/// A map of these routes with fast timings, and with a region for those who sign for one.
#[must_use]
pub fn fast_map(hot: &[Value], warm: &[Value]) -> Value {
    let mut map = json!({
        "name": "scenario",
        "hot": hot,
        "warm": warm,
        "sloMs": 15_000,
        "timeouts": { "connectMs": 1_000, "firstByteMs": 700, "firstTokenMs": 700, "idleMs": 700 },
        "retry": { "initialMs": 2, "maxMs": 10 },
        "breaker": { "consecutiveFailures": 5, "halfOpenEveryMs": 60_000 },
        "probe": { "everyMs": 0 },
        // Nobody out in the world is asked. Scenarios of the network have one of their own.
        "network": { "enabled": false, "checkUrls": [], "fallbackDns": [] },
        "cold": { "mode": "graceful_degrade", "initialMs": 20, "maxMs": 60 },
    });
    for route in hot.iter().chain(warm).filter(|route| route["auth"] == "aws-sigv4") {
        let name = route["provider"].as_str().unwrap_or_default();
        map["providers"][name] = json!({ "region": "us-east-1" });
    }
    map
}

/// `base` with the members of `more`, objects merged into objects.
#[must_use]
pub fn merge(mut base: Value, more: Value) -> Value {
    merge_into(&mut base, more);
    base
}

fn merge_into(base: &mut Value, more: Value) {
    match (base, more) {
        (Value::Object(base), Value::Object(more)) => {
            for (name, value) in more {
                merge_into(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, more) => *base = more,
    }
}
