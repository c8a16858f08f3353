//! A snapshot to look at in tests.

use serde_json::{Value, json};
use switchyard_domain::operate::{LoopView, Overrides};
use switchyard_domain::view::Snapshot;

fn route(id: &str, lamp: &str, signal: &str, detail: Option<&str>, next: bool) -> Value {
    json!({
        "id": id, "provider": id.split('/').next(), "model": id.split('/').next_back(), "host": "localhost",
        "dialect": "anthropic", "weight": null, "lamp": lamp, "signal": signal, "detail": detail,
        "circuit": "closed", "nextProbeInMs": null, "cooldownMs": null, "inService": true, "offInMap": false,
        "next": next, "last": [next], "p50Ms": null, "p95Ms": null, "errorPercent": null, "lastFailure": null,
        "probedAtMs": null, "probeOk": null
    })
}

/// A normal day: Hot answers, Warm stands by, nothing is queued.
pub(crate) fn snapshot() -> Snapshot {
    let document = json!({
        "seq": 1, "atMs": 0,
        "router": {
            "version": "0.1.0", "proxyUrl": "http://127.0.0.1:4310", "controlUrl": null, "dataDir": "data", "pid": 1,
            "startedAtMs": 0, "demo": true, "firstRun": false, "telemetryDropped": 0
        },
        "status": {
            "lamp": "clear", "tier": "hot", "state": "All clear.", "sentence": "", "sinceMs": 0, "kept": 212, "lost": 0,
            "why": []
        },
        "pause": { "paused": false, "reason": null, "sinceMs": null },
        "map": { "name": "demo", "version": 1, "appliedAtMs": 0, "source": "demo", "jobs": [] },
        "tiers": [
            { "tier": "hot", "sharePercent": 100.0, "inUse": true,
              "routes": [route("anthropic/sonnet-4.6", "clear", "Clear", None, true)] },
            { "tier": "warm", "sharePercent": 0.0, "inUse": false,
              "routes": [route("openai/gpt-4o-mini", "clear", "Clear", None, false)] }
        ],
        "cold": {
            "queue": "ai-tasks", "enabled": true, "inUse": false, "waiting": 0, "dead": 0, "done": 0, "oldestAtMs": null,
            "nextAttemptAtMs": null, "wagons": []
        },
        "clients": [],
        "traffic": { "perMinute": 6.2, "requests": [], "p50Ms": [], "p95Ms": [], "inFlight": 0 },
        "events": [], "requests": [],
        "providers": [{
            "name": "openai", "preset": "openai", "hosts": [], "routes": [], "statusPage": null,
            "needsCredential": false, "credentials": []
        }],
        "keychain": { "available": true, "problem": null },
        "shifts": [], "distribution": null, "overrides": Overrides::default(), "triggers": [], "loops": LoopView::default(),
        "shed": null, "causes": [], "incidents": []
    });
    serde_json::from_value(document).unwrap()
}

/// Hot is broken, Warm answers.
pub(crate) fn on_warm() -> Snapshot {
    let mut seen = snapshot();
    let failed = route("anthropic/sonnet-4.6", "stop", "Stop", Some("529 overloaded"), false);
    seen.status.lamp = switchyard_domain::event::StatusLevel::Degraded;
    seen.status.tier = switchyard_domain::Tier::Warm;
    seen.status.state = "Running on Warm.".to_owned();
    seen.tiers[0].routes = vec![serde_json::from_value(failed).unwrap()];
    (seen.tiers[0].in_use, seen.tiers[0].share_percent) = (false, Some(0.0));
    (seen.tiers[1].in_use, seen.tiers[1].share_percent) = (true, Some(100.0));
    seen.tiers[1].routes[0].next = true;
    seen.tiers[1].routes[0].last = vec![true];
    (seen.cold.waiting, seen.cold.dead) = (4, 1);
    seen
}
